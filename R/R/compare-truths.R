#' Performance against several truths, side by side
#'
#' Evaluates the same predictions against the labels of each source, such as reports,
#' each reader, and the majority of readers, on the images that all sources label.
#'
#' If a conclusion changes with the truth, label noise limits what can be known. A model that was
#' trained on one source is often better against it than against readers.
#'
#' @inheritParams clustered_auroc
#' @param truths A table of ratings, as [read_readers()] returns; or a named list of tables
#'   of labels, as [read_labels()] and [combine_readers()] return. From ratings come the
#'   truth of each reader, the majority and, with at least three readers, Dawid and Skene's
#'   rule (see [combine_readers()] for its assumption).
#' @param thresholds `NULL`, or the operating points of the model, as [read_thresholds()]
#'   returns. The default operating point is used.
#' @param positive_from The lowest rating that is called positive, for ordinal ratings.
#' @return A tibble with one row per finding, truth and metric: `finding`, `truth` (`"own"` is
#'   that of `predictions`), `n_images`, `n_clusters`, `n_positive`, `prevalence`, `metric`
#'   (`"auroc"`; with `thresholds`, `"sensitivity"` and `"specificity"`), `estimate`, `lower`,
#'   `upper` (score intervals, clustered by patient), `threshold`, `confidence`.
#' @section Errors:
#' The errors of [relabel()], [combine_readers()] and [clustered_auroc()];
#' `placa_error_labels` if no image has a label of every source.
#' @seealso [compare_models()] tests the difference between two sources.
#' @export
#' @examples
#' compare_truths(example_predictions(), example_readers(), example_thresholds())
compare_truths <- function(predictions, truths, thresholds = NULL, positive_from = NULL, split = "test",
                           confidence = 0.95) {
  check_confidence(confidence)
  own <- select_split(predictions, split)
  truths <- if (is.data.frame(truths)) truths_of_readers(truths, positive_from) else truths
  if (!is.list(truths) || length(truths) == 0 || !all(rlang::have_name(truths))) {
    abort(
      c("{.arg truths} must be a table of ratings, or a named list of tables of labels.",
        x = "Received {.obj_type_friendly {truths}}."),
      class = "placa_error_labels"
    )
  }
  tables <- c(list(own = own), lapply(truths, function(labels) {
    relabelled <- relabel(own, labels)
    relabelled[!is.na(relabelled$truth), ]
  }))
  findings <- common_findings(lapply(tables, function(rows) unique(rows$finding)))
  if (!is.null(thresholds)) thresholds <- check_thresholds(thresholds, findings)
  parts <- lapply(findings, function(finding) {
    of <- same_images(lapply(tables, function(rows) rows[rows$finding == finding, ]), finding)
    point <- point_of(thresholds, finding)
    do.call(rbind, Map(function(rows, truth) {
      tibble::tibble(finding = finding, truth = truth, truth_rows(rows, point, confidence))
    }, of, names(of)))
  })
  as_estimates("truths", tibble::tibble(do.call(rbind, unname(parts)), confidence = confidence))
}

truths_of_readers <- function(readers, positive_from) {
  readers <- check_readers(readers)
  readers <- one_modality(readers, NULL)
  cut <- cut_of_ratings(readers$rating, "sensitivity", positive_from)
  each <- lapply(split(readers, factor(readers$reader, unique(readers$reader))), function(rows) {
    tibble::tibble(image_id = rows$image_id, finding = rows$finding, label_source = rows$reader,
                   truth = as.integer(rows$rating >= cut))
  })
  rules <- c("majority", if (length(each) > 2) "dawid_skene")
  rules <- if (length(each) > 1) rules
  c(lapply(stats::setNames(nm = rules), function(rule) combine_readers(readers, rule, positive_from = cut)), each)
}

truth_rows <- function(rows, point, confidence) {
  cluster <- cluster_index(rows)
  parts <- list(auroc = auroc_of(rows$truth, rows$probability, cluster, fold_index(rows)))
  if (!is.null(point)) {
    counts <- counts_by_cluster(rows$truth, rows$probability, cluster, point)
    parts <- c(parts, confusion_metrics(counts)[c("sensitivity", "specificity")])
  }
  limits <- do.call(rbind, lapply(unname(parts), limits_of, confidence))
  tibble::tibble(
    n_images = nrow(rows), n_clusters = max(cluster), n_positive = sum(rows$truth), prevalence = mean(rows$truth),
    metric = names(parts), limits, threshold = c(NA_real_, rep(point, length(parts) - 1))
  )
}
