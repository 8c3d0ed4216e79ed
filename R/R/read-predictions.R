#' Read the predictions of a run
#'
#' Parquet is read by the first installed package of arrow, nanoparquet, and
#' processx with the project's Python. The result is the same.
#'
#' A CSV file (`.csv`, `.tsv` or `.txt`, also `.gz`) has commas, semicolons or tabs,
#' and decimal points or commas. Identifiers are read as text, so that none is rounded
#' and no leading zero is lost.
#'
#' @param x The path of a run (a directory with a `predictions.parquet`), or of
#'   a parquet or CSV file with the same columns, as `placa predict --out` writes.
#' @param truth,estimate,... For a file with columns of other names: the arguments of
#'   [as_predictions()], such as `patient_id = MRN`.
#' @return A tibble with one row per image and finding:
#'
#'   | column | type | description |
#'   |---|---|---|
#'   | `image_id`, `patient_id`, `group_id` | character | image, patient, and group (never divided between splits) |
#'   | `split` | character | `"train"`, `"validation"`, `"test"`; missing for images without a split |
#'   | `finding` | character | such as `"Pneumonia"` |
#'   | `truth` | integer | 1 with the finding, 0 without; missing if unlabelled |
#'   | `probability` | double | calibrated, 0--1 |
#'   | `score` | double | before calibration, 0--1 |
#'   | `sex`, `view`, `site` | character | `"F"`/`"M"`, `"PA"`/`"AP"`, hospital or data source; missing if unknown |
#'   | `age` | double | years; missing if unknown |
#'   | `fold` | character | only in a cross-validated run: the fold whose network predicted the image |
#'
#'   A file of another program needs `image_id`, `finding`, `truth` and
#'   `probability`. Its column types are converted by their meaning (docs/formats.md
#'   of the project has the table), so that no identifier is rounded.
#'
#'   With a column `fold` that has several values, images are compared within folds
#'   only; see [discrimination()]. Other columns of the file follow. The attribute
#'   `placa` is a list with the metadata of the file: `findings`, `positive_alone`,
#'   `comparison`, `label_source`, `model_fingerprint`, `versions`, `schema_version`;
#'   and of a run, its path `run`.
#' @seealso [as_predictions()], [read_thresholds()], [evaluate()]
#' @section Errors:
#' `placa_error_file` if the file does not exist or cannot be read;
#' `placa_error_run` if `x` is a directory without predictions;
#' `placa_error_fingerprint` if the predictions of a run are from another model
#' than that in its `run.json`; `placa_error_age` for an age of a run below 0 or above
#' 150; `placa_error_columns` for a missing column (field
#' `columns` of the condition); `placa_error_reader` if no installed package can read
#' the file; `placa_error_schema` if a newer version of placa
#' wrote the file; `placa_error_parquet` if no package that reads parquet is
#' installed; `placa_error_python` if Python is used and fails.
#' @export
#' @examplesIf dir.exists("runs/pneumonia")
#' predictions <- read_predictions("runs/pneumonia")
#' attr(predictions, "placa")$findings
read_predictions <- function(x, truth = NULL, estimate = NULL, ...) {
  file <- predictions_file(x)
  read <- if (is_text_table(file)) {
    data <- read_text_table(file, rlang::current_env())
    list(data = with_numbers(data, c(real_columns, pick_columns(rlang::enquo(estimate), data))))
  } else {
    read_parquet(file, call = rlang::current_env())
  }
  if (!missing(truth) || !missing(estimate) || ...length() > 0) {
    return(as_predictions(read$data, {{ truth }}, {{ estimate }}, ...))
  }
  metadata <- parse_metadata(read$metadata, file)
  if (dir.exists(x)) {
    check_predictions_of(x, metadata, rlang::current_env())
    check_files(x, "predictions.parquet", rlang::current_env())
    check_ages_of_run(read$data$age, rlang::current_env())
  }
  predictions <- check_predictions(tell_defaults(read$data))
  if (!dir.exists(x)) predictions <- without_placeholders(predictions)
  predictions <- predictions[union(intersect(run_columns, names(predictions)), names(predictions))]
  # compare_models() records there that the run was compared.
  if (dir.exists(x)) metadata$run <- normalizePath(x)
  attr(predictions, "placa") <- metadata
  predictions
}

# placa writes no other ages, so the file was edited. In a table made elsewhere they are missing, with a warning.
check_ages_of_run <- function(age, call) {
  wrong <- age[!is.na(age) & (age < 0 | age > 150)]
  if (length(wrong) > 0) {
    abort(
      c("{.field age} of a run must be between 0 and 150 years.", x = "Received {.val {wrong[[1]]}}.",
        i = "Train the run again."),
      class = "placa_error_age", call = call
    )
  }
}

predictions_file <- function(x, call = rlang::caller_env()) {
  hint <- "Create a run with {.code placa train}, or a file with {.code placa predict --out FILE.parquet}."
  file_of_run(x, "predictions.parquet", c(x = "{.file {x}} has no predictions.", i = hint), call)
}

# Returns the file of a path or of a run; `missing` are bullets for a run without this file.
file_of_run <- function(x, name, missing, call) {
  check_path(x, call)
  if (dir.exists(x)) {
    file <- file.path(x, name)
    if (!file.exists(file)) {
      abort(
        c("{.arg x} must be a run with a {.file {name}}.", missing),
        class = "placa_error_run", call = call
      )
    }
    x <- file
  }
  if (!file.exists(x)) {
    abort(
      c("{.arg x} must be a run, or a parquet or CSV file.", x = "{.file {x}} does not exist."),
      class = "placa_error_file", call = call
    )
  }
  normalizePath(x)
}

check_path <- function(x, call) {
  if (!rlang::is_string(x) || is.na(x) || !nzchar(x)) {
    abort(
      c("The path of a run or file must be a single string.", x = "Received {.obj_type_friendly {x}}."),
      class = "placa_error_file", call = call
    )
  }
}

parse_metadata <- function(json, file, call = rlang::caller_env()) {
  if (is.null(json) || is.na(json) || !nzchar(json)) {
    return(NULL)
  }
  metadata <- tryCatch(simplify_json(json), error = function(error) NULL)
  if (!is.list(metadata) || is.null(names(metadata))) {
    return(NULL)
  }
  problem <- odd_json(jsonlite::parse_json(json))
  if (!is.null(problem)) {
    abort(
      c("The metadata of {.file {file}} must be valid JSON.", x = "{problem}", i = "Create the file again."),
      class = "placa_error_file", call = call
    )
  }
  check_schema(metadata, file, call)
  metadata
}

# A newer schema version may use the same names with another meaning.
check_schema <- function(content, file, call) {
  version <- content$schema_version
  if (!is.null(version) && !(is.numeric(version) && length(version) == 1 && version %in% 1:2)) {
    abort(
      c("{.file {file}} must have schema version 1 or 2.",
        x = "It has version {version}.",
        i = "Install the version of placa that wrote the file."),
      class = "placa_error_schema", call = call
    )
  }
}
