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

# The other files of a run, or of an evaluation outside of a run. Runs of placa 0.1 have no fingerprints.
check_files <- function(run, names = NULL, call = rlang::caller_env()) {
  optional <- c("history.csv", "labels.parquet")
  if (file.exists(file.path(run, "run.json"))) {
    record <- "run.json"
    stored <- read_json_of_run(run, record, call)$files
    remedy <- "Copy the complete run again, or train it again."
  } else if (file.exists(file.path(run, "summary.json"))) {
    record <- "summary.json"
    stored <- read_json_of_run(run, record, call)$fingerprints
    remedy <- record_remedies[["summary"]]
  } else {
    return(invisible())
  }
  check_listed(run, stored[intersect(names %||% names(stored), names(stored))], record, remedy, call)
  added <- setdiff(intersect(names %||% optional, list.files(run)), names(stored))
  if (length(stored) && length(added)) {
    file <- file.path(run, added[[1]])
    abort_fingerprint("{.file {file}} does not belong to this run: {.file {record}} does not list it.",
                      NULL, NULL, file, call, remedy, record)
  }
}

# The tables of an evaluation, and the model whose predictions were evaluated. `run` is NULL outside a run.
check_evaluation <- function(directory, summary, run, call = rlang::caller_env()) {
  check_part_of(run, file.path(directory, "summary.json"), summary, summary$model_fingerprint, "summary", call)
  check_listed(directory, summary$fingerprints, "summary.json", record_remedies[["summary"]], call)
}

# A validation or the monitoring of a run; NULL if it has no record.
check_result <- function(directory, kind, run, call = rlang::caller_env()) {
  file <- file.path(directory, paste0(kind, ".json"))
  if (!file.exists(file)) return(NULL)
  facts <- read_record(file, kind, call)
  check_part_of(run, file, facts, facts$model, kind, call)
  check_listed(directory, facts$files, basename(file), record_remedies[[kind]], call)
  facts
}

# A result of a run is of its model, and has a digest where the run has one.
check_part_of <- function(run, file, record, model, kind, call) {
  if (is.null(run) || !file.exists(file.path(run, "run.json"))) return(invisible())
  facts <- read_json_of_run(run, "run.json", call)
  if (!is.null(model) && !identical(model, facts$model$fingerprint)) {
    abort_fingerprint("{.file {file}} is of another model.", facts$model$fingerprint, model, file, call,
                      record_remedies[[kind]])
  }
  if (!is.null(facts$digest) && is.null(record$digest)) {
    problem <- "{.file {file}} was modified after placa wrote it: it has no digest."
    abort_fingerprint(problem, facts$digest, NULL, file, call, record_remedies[[kind]])
  }
}

# The files that a record lists, with their fingerprints by name.
check_listed <- function(directory, fingerprints, record, remedy, call) {
  for (name in names(fingerprints)) check_file(directory, name, fingerprints[[name]], record, remedy, call)
}

check_file <- function(directory, name, expected, record, remedy, call) {
  file <- file.path(directory, name)
  inside <- !startsWith(name, "/") && !".." %in% strsplit(name, "[/\\\\]")[[1]]
  if (!inside || !file.exists(file)) {
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
  short <- function(print) substr(print %||% "none", 1, 19)
  abort(
    c(problem,
      x = "Expected {.val {short(expected)}}, received {.val {short(received)}}.",
      i = remedy),
    class = "placa_error_fingerprint", call = call
  )
}
