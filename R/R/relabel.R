#' Put other labels in the place of the truth
#'
#' The predictions stay as they are; what they are compared with changes. So
#' `evaluate()` says how well the same model does by another source of labels:
#' by radiologists, say, where it was trained on labels that a program took from
#' reports.
#'
#' Images and findings that the other source does not label get a missing truth,
#' not the old one, and are left out of every table: figures from two sources in
#' one would be of neither. [evaluate()] prints how many images are left.
#' Thresholds stay those of the first labels; that is what a reader of the
#' model's calls would meet.
#'
#' @param predictions A data frame with one row an image and finding, as
#'   [read_predictions()] returns; see there for the columns.
#' @param labels A data frame with one row an image, finding and source, as
#'   [read_labels()] returns; `subset` may be absent.
#' @param source Which `label_source` of `labels` to take; `NULL` where there is
#'   only one.
#' @param subset Which of its subsets to take, one or several; `NULL` takes all.
#' @return `predictions` as a tibble, with `truth` (1, 0, or missing) by the
#'   other labels. The attribute `placa` names them: `label_source` and
#'   `label_subset`.
#' @section Errors:
#' `placa_error_labels` where `labels` is no data frame, `source` or `subset` is
#' not in it, several sources are there and `source` is `NULL`, one image is
#' labelled both ways, or no prediction gets a label; those of [read_labels()]
#' for its columns and of [discrimination()] for `predictions`.
#' @seealso [read_labels()]
#' @export
#' @examples
#' predictions <- example_predictions()
#' # A second reader, who looked at a hundred of the images and saw more.
#' second <- predictions[predictions$finding == "Effusion" & predictions$split == "test", ][1:100, ]
#' labels <- data.frame(
#'   image_id = second$image_id, finding = "Effusion", label_source = "second reader",
#'   truth = as.integer(second$truth == 1 | second$probability > 0.8)
#' )
#' evaluate(relabel(predictions, labels), example_thresholds())
relabel <- function(predictions, labels, source = NULL, subset = NULL) {
  predictions <- check_predictions(predictions)
  labels <- choose_labels(check_labels(labels), unique(predictions$finding), source, subset)
  row <- match(label_key(predictions), label_key(labels))
  if (all(is.na(row))) {
    cli::cli_abort(
      c("At least one prediction must have a label.",
        x = "{.val {unique(labels$label_source)}} labels {nrow(labels)} image{?s}, none of them among the predictions.",
        i = "Both must call images by the same {.field image_id}."),
      class = "placa_error_labels"
    )
  }
  predictions$truth <- labels$truth[row]
  about <- as.list(attr(predictions, "placa", exact = TRUE))
  about$label_source <- unique(labels$label_source)
  about$label_subset <- subset
  attr(predictions, "placa") <- about
  predictions
}

label_key <- function(table) paste(table$image_id, table$finding, sep = "\r")

choose_labels <- function(labels, findings, source, subset, call = rlang::caller_env()) {
  labels <- choose_source(labels, findings, source, call)
  labels <- choose_subset(labels, subset, call)
  key <- label_key(labels)
  first <- match(key, key)
  differs <- labels$truth != labels$truth[first]
  if (any(differs)) {
    twice <- labels[differs, ]
    cli::cli_abort(
      c("An image may have one label a finding.",
        x = "{sum(differs)} row{?s} contradict{?s/} an earlier one: {.val {twice$image_id[[1]]}} is both with and
          without {.val {twice$finding[[1]]}}.",
        i = "Choose one {.arg subset}, or settle them first."),
      class = "placa_error_labels", call = call
    )
  }
  labels[!duplicated(key), ]
}

choose_source <- function(labels, findings, source, call) {
  check_names(source, "source", 1, call)
  there <- unique(labels$label_source[labels$finding %in% findings])
  if (length(there) == 0) {
    cli::cli_abort(
      c("{.arg labels} must be about a finding of the predictions.",
        x = "They are about {.val {first_few(unique(labels$finding))}}.",
        x = "The predictions are about {.val {first_few(findings)}}."),
      class = "placa_error_labels", call = call
    )
  }
  if (is.null(source) && length(there) > 1) {
    cli::cli_abort(
      c("{.arg labels} hold several sources; {.arg source} must name one.", i = "There are {.val {there}}."),
      class = "placa_error_labels", call = call
    )
  }
  chosen <- if (is.null(source)) there else source
  if (!chosen %in% there) {
    cli::cli_abort(
      c("There are no labels of the source {.val {chosen}} for these findings.", i = "There are: {.val {there}}."),
      class = "placa_error_labels", call = call
    )
  }
  labels[labels$label_source %in% chosen & labels$finding %in% findings, ]
}

choose_subset <- function(labels, subset, call) {
  if (is.null(subset)) {
    return(labels)
  }
  check_names(subset, "subset", length(subset), call)
  there <- unique(labels$subset)
  lacking <- setdiff(subset, there)
  if (length(lacking) > 0) {
    known <- there[!is.na(there)]
    cli::cli_abort(
      c("There are no labels of the subset{cli::qty(lacking)}{?s} {.val {lacking}}.",
        i = if (length(known) > 0) "There are: {.val {known}}." else "These labels have no subsets."),
      class = "placa_error_labels", call = call
    )
  }
  labels[labels$subset %in% subset, ]
}

check_names <- function(x, argument, n, call) {
  if (!is.null(x) && (!is.character(x) || length(x) != max(n, 1) || anyNA(x))) {
    cli::cli_abort(
      c("{.arg {argument}} must be {if (n == 1) 'one name' else 'names'}, or NULL.",
        x = "It is {.obj_type_friendly {x}}."),
      class = "placa_error_labels", call = call
    )
  }
}
