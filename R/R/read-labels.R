#' Read additional labels of a run
#'
#' Some data sets have two sources of labels. For example, the labels of NIH come
#' from reports, and radiologists labelled some of the images again.
#' `placa prepare` keeps the additional labels, `placa train` copies them into the
#' run, and [relabel()] uses them as the truth, so that the same predictions are
#' evaluated against both.
#'
#' Parquet is read as in [read_predictions()].
#'
#' @param x The path of a run or of a prepared data set (a directory with a
#'   `labels.parquet`), or of such a file.
#' @return A tibble with one row per image, finding and label source: `image_id`,
#'   `finding`, `label_source`, `subset` (a part of the source, such as its
#'   validation or test images; missing if the source has no subsets; all
#'   character), and `truth` (integer: 1 with the finding, 0 without).
#' @section Errors:
#' `placa_error_run` if `x` is a directory without additional labels;
#' `placa_error_file`, `placa_error_parquet` and `placa_error_python` as for
#' [read_predictions()]; `placa_error_columns` for a missing column;
#' `placa_error_truth` if `truth` has values other than 0 and 1.
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
    x = "{.file {x}} has no additional labels: its data set has one label source, or an older placa created it.",
    i = "{.fun relabel} also accepts a data frame with the columns {.field {label_columns}}."
  )
  file_of_run(x, "labels.parquet", missing, call)
}

label_columns <- c("image_id", "finding", "label_source", "truth")

# Converts any data frame to the table of labels for relabel(), without unlabelled rows.
check_labels <- function(labels, call = rlang::caller_env()) {
  if (!is.data.frame(labels)) {
    abort(
      c("{.arg labels} must be a data frame with one row per image and finding.",
        x = "Received {.obj_type_friendly {labels}}.",
        i = "{.fun read_labels} reads the labels of a run."),
      class = "placa_error_labels", call = call
    )
  }
  check_columns(labels, label_columns, "labels", call)
  labels <- tibble::tibble(
    image_id = as_known_text(labels$image_id, "image_id", call),
    finding = as_known_text(labels$finding, "finding", call),
    label_source = as_known_text(labels$label_source, "label_source", call),
    subset = if ("subset" %in% names(labels)) as_known_text(labels$subset, "subset", call) else NA_character_,
    truth = as_truth(labels$truth, call)
  )
  labels[!is.na(labels$truth), ]
}
