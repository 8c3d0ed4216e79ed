# run.json stores the SHA-256 of the model. The model file and the predictions must match it.

check_model_file <- function(run, call = rlang::caller_env()) {
  file <- file.path(run, "model.keras")
  expected <- run_fingerprint(run, call)
  if (is.null(expected) || !file.exists(file)) {
    return(invisible())
  }
  received <- paste0("sha256:", cli::hash_file_sha256(file))
  if (!identical(received, expected)) {
    problem <- "{.file {file}} does not match the fingerprint in {.file run.json}."
    abort_fingerprint(problem, expected, received, file, call)
  }
}

# Predictions without a fingerprint, such as those of other programs, are accepted.
check_predictions_of <- function(run, metadata, call = rlang::caller_env()) {
  file <- file.path(run, "predictions.parquet")
  expected <- run_fingerprint(run, call)
  received <- metadata$model_fingerprint
  if (!is.null(expected) && !is.null(received) && !identical(received, expected)) {
    abort_fingerprint("{.file {file}} was not made by the model of this run.", expected, received, file, call)
  }
}

run_fingerprint <- function(run, call) {
  if (file.exists(file.path(run, "run.json"))) read_json_of_run(run, "run.json", call)$model$fingerprint
}

abort_fingerprint <- function(problem, expected, received, file, call) {
  cli::cli_abort(
    c(problem,
      x = "Expected {.val {substr(expected, 1, 19)}}, received {.val {substr(received, 1, 19)}}.",
      i = "Copy the complete run again, or train it again."),
    class = "placa_error_fingerprint", call = call
  )
}
