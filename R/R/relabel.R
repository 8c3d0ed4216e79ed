#' Replace the truth by labels of another source
#'
#' Replaces `truth` and keeps the predictions, to evaluate a model against another
#' label source. For example, a model was trained on labels from reports and is
#' evaluated against the labels of radiologists.
#'
#' The truth of images and findings without a label in the other source becomes
#' missing, and they are excluded from all tables, so that sources are not mixed.
#' [evaluate()] prints the number of labelled images. Thresholds do not change,
#' because they are part of the model.
#'
#' @param predictions A data frame with one row per image and finding, as
#'   [read_predictions()] returns; see there for the columns.
#' @param labels A data frame with one row per image, finding and source, as
#'   [read_labels()] returns; `subset` is optional. Or a table of ratings of several
#'   readers, as [read_readers()] returns, which [combine_readers()] combines by `rule`.
#' @param source A `label_source` of `labels`; `NULL` if there is only one.
#' @param subset One or more subsets of the source; `NULL` uses all.
#' @param rule For ratings: `"majority"` or `"dawid_skene"`, see [combine_readers()] for
#'   its assumption.
#' @return `predictions` as a tibble, with `truth` (1, 0, or missing) from the
#'   other labels. The attribute `placa` contains `label_source` and
#'   `label_subset`.
#'   Labels without a prediction are left out, with a message of class
#'   `placa_message_unmatched` that names them (field `images`).
#' @section Errors:
#' `placa_error_labels` if `labels` is not a data frame, `source` or `subset` is
#' unknown, `source` is `NULL` with several sources, an image has contradictory
#' labels, or no prediction has a label; the errors of [read_labels()] for columns
#' and of [discrimination()] for `predictions`.
#' @seealso [read_labels()], [combine_readers()], [compare_truths()]
#' @export
#' @examples
#' predictions <- example_predictions()
#' # A second reader labelled 100 of the images.
#' second <- predictions[predictions$finding == "Effusion" & predictions$split == "test", ][1:100, ]
#' labels <- data.frame(
#'   image_id = second$image_id, finding = "Effusion", label_source = "second reader",
#'   truth = as.integer(second$truth == 1 | second$probability > 0.8)
#' )
#' evaluate(relabel(predictions, labels), example_thresholds(), draws = 100)
relabel <- function(predictions, labels, source = NULL, subset = NULL, rule = c("majority", "dawid_skene")) {
  rule <- rlang::arg_match(rule)
  predictions <- check_predictions(predictions)
  if (is.data.frame(labels) && "rating" %in% tolower(names(labels))) {
    labels <- combine_readers(labels, rule)
  }
  labels <- choose_labels(check_labels(labels), unique(predictions$finding), source, subset)
  row <- match(label_key(predictions), label_key(labels))
  if (all(is.na(row))) {
    abort(
      c("At least one prediction must have a label.",
        x = "{.val {unique(labels$label_source)}} has {nrow(labels)} labelled image{?s}, none with a prediction.",
        i = "Use the same {.field image_id} in both tables."),
      class = "placa_error_labels"
    )
  }
  tell_unmatched(labels, predictions)
  predictions$truth <- labels$truth[row]
  about <- as.list(attr(predictions, "placa", exact = TRUE))
  about$label_source <- unique(labels$label_source)
  about$label_subset <- subset
  attr(predictions, "placa") <- about
  predictions
}

# Labels without a prediction are often identifiers of another form, such as names with and without an extension.
tell_unmatched <- function(labels, predictions) {
  without <- !label_key(labels) %in% label_key(predictions)
  if (any(without)) {
    images <- unique(labels$image_id[without])
    cli::cli_inform(
      c(i = "{sum(without)} of {nrow(labels)} label{?s} matched no prediction.",
        x = "Their images are {.val {first_few(show_controls(images))}}.",
        i = "The predictions have images such as {.val {show_controls(predictions$image_id[[1]])}}."),
      class = "placa_message_unmatched", images = images
    )
  }
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
    abort(
      c("Labels of the same image and finding must agree.",
        x = "{sum(differs)} row{?s} contradict{?s/} an earlier row. The first is image {.val {twice$image_id[[1]]}},
          finding {.val {twice$finding[[1]]}}.",
        i = "Select one {.arg subset}, or remove the contradictions first."),
      class = "placa_error_labels", call = call
    )
  }
  labels[!duplicated(key), ]
}

choose_source <- function(labels, findings, source, call) {
  check_names(source, "source", 1, call)
  sources <- unique(labels$label_source[labels$finding %in% findings])
  if (length(sources) == 0) {
    abort(
      c("{.arg labels} must have a finding of the predictions.",
        x = "The labels have {.val {first_few(unique(labels$finding))}}.",
        x = "The predictions have {.val {first_few(findings)}}."),
      class = "placa_error_labels", call = call
    )
  }
  if (is.null(source) && length(sources) > 1) {
    abort(
      c("{.arg source} is required if {.arg labels} have several sources.", i = "The sources are {.val {sources}}."),
      class = "placa_error_labels", call = call
    )
  }
  chosen <- if (is.null(source)) sources else source
  if (!chosen %in% sources) {
    abort(
      c("The source {.val {chosen}} has no labels for these findings.", i = "The sources are {.val {sources}}."),
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
  subsets <- unique(labels$subset)
  lacking <- setdiff(subset, subsets)
  if (length(lacking) > 0) {
    known <- subsets[!is.na(subsets)]
    abort(
      c("Unknown subset{cli::qty(lacking)}{?s} {.val {lacking}}.",
        i = if (length(known) > 0) "The subsets are {.val {known}}." else "These labels have no subsets."),
      class = "placa_error_labels", call = call
    )
  }
  labels[labels$subset %in% subset, ]
}

check_names <- function(x, argument, n, call) {
  if (!is.null(x) && (!is.character(x) || length(x) != max(n, 1) || anyNA(x))) {
    abort(
      c("{.arg {argument}} must be {if (n == 1) 'a single string' else 'a character vector'} or NULL.",
        x = "Received {.obj_type_friendly {x}}."),
      class = "placa_error_labels", call = call
    )
  }
}
