#' Read the predictions of a run
#'
#' Parquet is read by whichever of arrow, nanoparquet, or reticulate with the
#' project's Python is there, in this order, to the same table.
#'
#' @param x The path of a run (a directory with a `predictions.parquet`), or of
#'   a parquet file of the same columns, such as `placa predict --out` writes.
#' @return A tibble with one row an image and finding:
#'
#'   | column | type | what |
#'   |---|---|---|
#'   | `image_id`, `patient_id`, `group_id` | character | image, patient, and what a split may not cut |
#'   | `split` | character | `"train"`, `"validation"`, `"test"`; missing for loose images |
#'   | `finding` | character | such as `"Pneumonia"` |
#'   | `truth` | integer | 1 with the finding, 0 without; missing where unlabelled |
#'   | `probability` | double | calibrated, 0--1 |
#'   | `score` | double | before calibration, 0--1 |
#'   | `sex`, `view`, `site` | character | `"F"`/`"M"`, `"PA"`/`"AP"`, where the image was made; missing where unknown |
#'   | `age` | double | years; missing where unknown |
#'
#'   Other columns of the file follow behind: `fold` in a run of folds, whose every
#'   image is a test image of one of them. The attribute `placa` is a list with
#'   the file's own description: `findings`,
#'   `positive`, `comparison`, `label_source`, `model_fingerprint`,
#'   `schema_version`.
#' @section Errors:
#' `placa_error_file` where there is no such file, or it holds no parquet;
#' `placa_error_run` where `x` is a directory without predictions;
#' `placa_error_fingerprint` where a run's predictions are those of another
#' model than its `run.json` names;
#' `placa_error_columns` where a column is missing (the condition's field
#' `columns` names it); `placa_error_schema` where the file is of a newer placa;
#' `placa_error_parquet` where nothing that reads parquet is there;
#' `placa_error_python` where it is Python and that fails.
#' @export
#' @examplesIf dir.exists("runs/pneumonia")
#' predictions <- read_predictions("runs/pneumonia")
#' attr(predictions, "placa")$comparison
read_predictions <- function(x) {
  file <- predictions_file(x)
  read <- read_parquet(file, call = rlang::current_env())
  metadata <- parse_metadata(read$metadata, file)
  if (dir.exists(x)) {
    check_predictions_of(x, metadata, rlang::current_env())
  }
  predictions <- check_predictions(read$data, run_columns)
  predictions <- predictions[union(run_columns, names(predictions))]
  attr(predictions, "placa") <- metadata
  predictions
}

predictions_file <- function(x, call = rlang::caller_env()) {
  hint <- "{.code placa train} makes a run, {.code placa predict --out FILE.parquet} a file for other images."
  file_of_run(x, "predictions.parquet", c(x = "{.file {x}} has none.", i = hint), call)
}

# The file that a path names, or that lies in the run it names; `missing` says why a run may have none.
file_of_run <- function(x, name, missing, call) {
  check_path(x, call)
  if (dir.exists(x)) {
    file <- file.path(x, name)
    if (!file.exists(file)) {
      cli::cli_abort(c("A run with a {.file {name}} was expected.", missing), class = "placa_error_run", call = call)
    }
    x <- file
  }
  if (!file.exists(x)) {
    cli::cli_abort(
      c("A run or a parquet file was expected.", x = "{.file {x}} does not exist."),
      class = "placa_error_file", call = call
    )
  }
  normalizePath(x)
}

check_path <- function(x, call) {
  if (!rlang::is_string(x) || is.na(x) || !nzchar(x)) {
    cli::cli_abort(
      c("The path of a run or file was expected.", x = "{.obj_type_friendly {x}} came."),
      class = "placa_error_file", call = call
    )
  }
}

parse_metadata <- function(json, file, call = rlang::caller_env()) {
  if (is.null(json) || is.na(json) || !nzchar(json)) {
    return(NULL)
  }
  metadata <- tryCatch(jsonlite::fromJSON(json), error = function(error) NULL)
  check_schema(metadata, file, call)
  metadata
}

# Files say which version of the contract they keep; a newer one may mean something else by the same name.
check_schema <- function(content, file, call) {
  version <- content$schema_version
  if (!is.null(version) && version > 1) {
    cli::cli_abort(
      c("{.file {file}} must be of schema version 1, which this placa reads.",
        x = "It is of version {version}.",
        i = "Install the R package of the placa that wrote it."),
      class = "placa_error_schema", call = call
    )
  }
}
