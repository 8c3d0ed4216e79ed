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

# The other files of a run, whose fingerprints are in run.json. Runs of placa 0.1 have none.
check_files <- function(run, names = NULL, call = rlang::caller_env()) {
  stored <- if (file.exists(file.path(run, "run.json"))) read_json_of_run(run, "run.json", call)$files
  for (name in intersect(names %||% names(stored), names(stored))) {
    check_file(run, name, stored[[name]], "run.json", "Copy the complete run again, or train it again.", call)
  }
}

# The tables of an evaluation, and the model whose predictions were evaluated. `run` is NULL outside a run.
check_evaluation <- function(directory, summary, run, call = rlang::caller_env()) {
  expected <- if (!is.null(run)) run_fingerprint(run, call)
  received <- summary$model_fingerprint
  remedy <- "Run {.code placa evaluate} again."
  if (!is.null(expected) && !is.null(received) && !identical(received, expected)) {
    file <- file.path(directory, "summary.json")
    abort_fingerprint("{.file {file}} is an evaluation of another model.", expected, received, file, call, remedy)
  }
  for (name in names(summary$fingerprints)) {
    check_file(directory, name, summary$fingerprints[[name]], "summary.json", remedy, call)
  }
}

check_file <- function(directory, name, expected, record, remedy, call) {
  file <- file.path(directory, name)
  if (basename(name) != name || !file.exists(file)) {
    abort(
      c("{.file {directory}} is incomplete.", x = "It has no {.file {name}}.", i = remedy),
      class = c("placa_error_file", "placa_error_run"), call = call
    )
  }
  received <- paste0("sha256:", cli::hash_file_sha256(file))
  if (!identical(received, expected)) {
    problem <- "{.file {file}} does not belong to this run, or was modified: {.file {record}} has another fingerprint."
    abort_fingerprint(problem, expected, received, file, call, remedy, record)
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

abort_fingerprint <- function(problem, expected, received, file, call,
                              remedy = "Copy the complete run again, or train it again.", record = "run.json") {
  abort(
    c(problem,
      x = "Expected {.val {substr(expected, 1, 19)}}, received {.val {substr(received, 1, 19)}}.",
      i = remedy),
    class = "placa_error_fingerprint", call = call
  )
}
