#' Read a run's second source of labels
#'
#' Some sources have their images labelled twice: NIH's by a program that reads
#' the reports, and some of them again by radiologists. `placa prepare` keeps the
#' second labels, `placa train` carries them into the run, and [relabel()] puts
#' them in the place of the first, so that one model's predictions are evaluated
#' against both.
#'
#' Parquet is read as [read_predictions()] reads it.
#'
#' @param x The path of a run or of a prepared data set (a directory with a
#'   `labels.parquet`), or of such a file.
#' @return A tibble with one row an image, finding and source of labels, all
#'   columns character but the last: `image_id`, `finding`, `label_source` (who
#'   or what labelled), `subset` (a part of that source, such as its own
#'   validation and test images; missing where it has none), and `truth` (integer:
#'   1 with the finding, 0 without).
#' @section Errors:
#' `placa_error_run` where `x` is a directory without second labels;
#' `placa_error_file`, `placa_error_parquet` and `placa_error_python` as for
#' [read_predictions()]; `placa_error_columns` where a column is missing;
#' `placa_error_truth` where `truth` holds anything but 0 and 1.
#' @seealso [relabel()]
#' @export
#' @examplesIf file.exists("runs/pneumothorax/labels.parquet")
#' read_labels("runs/pneumothorax")
read_labels <- function(x) {
  file <- labels_file(x)
  read <- read_parquet(file, call = rlang::current_env())
  check_labels(read$data)
}

labels_file <- function(x, call = rlang::caller_env()) {
  missing <- c(
    x = "{.file {x}} has none: its source has one set of labels, or it was made before there were two.",
    i = "{.fun relabel} takes any data frame with {.field {label_columns}} as well."
  )
  file_of_run(x, "labels.parquet", missing, call)
}

label_columns <- c("image_id", "finding", "label_source", "truth")

# Any data frame as the one table of labels that relabel() expects, without the rows that label nothing.
check_labels <- function(labels, call = rlang::caller_env()) {
  if (!is.data.frame(labels)) {
    cli::cli_abort(
      c("{.arg labels} must be a data frame with one row an image and finding.",
        x = "It is {.obj_type_friendly {labels}}.",
        i = "{.fun read_labels} makes one from a run."),
      class = "placa_error_labels", call = call
    )
  }
  check_columns(labels, label_columns, "labels", call)
  labels <- tibble::tibble(
    image_id = as_text(labels$image_id),
    finding = as_text(labels$finding),
    label_source = as_text(labels$label_source),
    subset = if ("subset" %in% names(labels)) as_text(labels$subset) else NA_character_,
    truth = as_truth(labels$truth, call)
  )
  labels[!is.na(labels$truth), ]
}
