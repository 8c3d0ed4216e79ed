# run.json names the model of a run by the SHA-256 of its file; what is beside it must be that model, and its words.

check_model_file <- function(run, call = rlang::caller_env()) {
  file <- file.path(run, "model.keras")
  wanted <- run_fingerprint(run, call)
  if (is.null(wanted) || !file.exists(file)) {
    return(invisible())
  }
  came <- paste0("sha256:", cli::hash_file_sha256(file))
  if (!identical(came, wanted)) {
    abort_fingerprint("{.file {file}} must be the model that its {.file run.json} speaks of.", wanted, came, file, call)
  }
}

# Predictions that do not say which model made them, as those of other programs do not, are not refused.
check_predictions_of <- function(run, metadata, call = rlang::caller_env()) {
  file <- file.path(run, "predictions.parquet")
  wanted <- run_fingerprint(run, call)
  came <- metadata$model_fingerprint
  if (!is.null(wanted) && !is.null(came) && !identical(came, wanted)) {
    abort_fingerprint("{.file {file}} must be what the model of its run said.", wanted, came, file, call)
  }
}

run_fingerprint <- function(run, call) {
  if (file.exists(file.path(run, "run.json"))) read_json_of_run(run, "run.json", call)$model$fingerprint
}

abort_fingerprint <- function(expected, wanted, came, file, call) {
  cli::cli_abort(
    c(expected,
      x = "The fingerprint {.val {substr(wanted, 1, 19)}} was expected, and {.val {substr(came, 1, 19)}} came.",
      i = "Copy the whole run again, or train it again."),
    class = "placa_error_fingerprint", call = call
  )
}
