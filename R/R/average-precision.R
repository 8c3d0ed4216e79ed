#' Average precision and partial AUROC
#'
#' For a rare finding, AUROC can be high although most positive predictions are
#' wrong. `average_precision()` is the mean precision (positive predictive value)
#' over all recalls (sensitivities), without interpolation, as in scikit-learn. A
#' random classifier scores the prevalence, so average precision must not be
#' compared between data sets of different prevalence. `partial_auroc()` is the
#' area over the acceptable false positive rates (McClish 1989). Both have Wilson's
#' (1927) interval with the effective number of images that follows from the standard
#' error of a clustered bootstrap, see [clustered_auroc()]; at 1, it is the effective
#' number of positive clusters. In small samples, average precision is too high, and
#' its interval is too. [discrimination()] returns the same values; these functions
#' also return the standard error.
#'
#' @inheritParams clustered_auroc
#' @return `average_precision()`: a tibble with one row per finding: `finding`,
#'   `split`, `n_images`, `n_clusters`, `n_positive`, `prevalence`,
#'   `average_precision`, `std_error`, `average_precision_lower`,
#'   `average_precision_upper` (all 0--1), `confidence`. Missing if no image
#'   has the finding.
#' @seealso [pr_bands()], [clustered_auroc()]
#' @inheritSection clustered_auroc Errors
#' @references
#' Davis J, Goadrich M (2006). The relationship between precision-recall and ROC
#' curves. *Proceedings of the 23rd International Conference on Machine
#' Learning*, 233--240. \doi{10.1145/1143844.1143874}
#' @export
#' @examples
#' average_precision(example_predictions(), draws = 500)
average_precision <- function(predictions, split = "test", confidence = 0.95, draws = 2000, seed = 1) {
  if (is_grouped(predictions)) return(each_group(average_precision))
  check_confidence(confidence)
  check_draws(draws, seed)
  data <- select_split(predictions, split)
  as_estimates("average_precision", by_finding(data, function(rows, finding) {
    interval <- area_intervals(rows, cluster_index(rows), "average_precision", confidence, draws, seed)
    tibble::tibble(
      sample_facts(rows, finding, split),
      average_precision = interval$estimate,
      std_error = interval$std_error,
      average_precision_lower = interval$lower,
      average_precision_upper = interval$upper,
      confidence = confidence
    )
  }))
}

#' @rdname average_precision
#' @param max_fpr Upper limit of the false positive rate (1 - specificity), above 0
#'   and at most 1.
#' @return `partial_auroc()`: a tibble with one row per finding: `finding`,
#'   `split`, `n_images`, `n_clusters`, `n_positive`, `prevalence`, `max_fpr`,
#'   `partial_auroc` (the area, 0--`max_fpr`), `partial_auroc_standardised`
#'   (McClish: 0.5 for a random classifier, 1 for a perfect one),
#'   `partial_auroc_standardised_lower`, `partial_auroc_standardised_upper`,
#'   `confidence`.
#' @references
#' McClish DK (1989). Analyzing a portion of the ROC curve. *Medical Decision
#' Making* 9(3), 190--195. \doi{10.1177/0272989X8900900307}
#' @export
#' @examples
#' partial_auroc(example_predictions(), max_fpr = 0.2, draws = 500)
partial_auroc <- function(predictions, max_fpr = 0.1, split = "test", confidence = 0.95, draws = 2000, seed = 1) {
  if (is_grouped(predictions)) return(each_group(partial_auroc))
  check_confidence(confidence)
  check_draws(draws, seed)
  check_max_fpr(max_fpr)
  data <- select_split(predictions, split)
  table <- by_finding(data, function(rows, finding) {
    interval <- area_intervals(rows, cluster_index(rows), "partial", confidence, draws, seed, max_fpr)
    tibble::tibble(
      sample_facts(rows, finding, split), partial_columns(interval, max_fpr), confidence = confidence
    )
  })
  auroc <- data.frame(finding = table$finding, split = table$split, auroc = table$partial_auroc)
  warn_one_class(auroc, fold_index(data))
  as_estimates("partial_auroc", table)
}

# The area of a random classifier maps to 0.5 and the full area to 1. The map is linear, so it also applies to bounds.
mcclish <- function(area, max_fpr) {
  chance <- max_fpr^2 / 2
  (1 + (area - chance) / (max_fpr - chance)) / 2
}

partial_columns <- function(interval, max_fpr) {
  tibble::tibble(
    max_fpr = max_fpr,
    partial_auroc = interval$estimate,
    partial_auroc_standardised = mcclish(interval$estimate, max_fpr),
    partial_auroc_standardised_lower = mcclish(interval$lower, max_fpr),
    partial_auroc_standardised_upper = mcclish(interval$upper, max_fpr)
  )
}

sample_facts <- function(rows, finding, split) {
  tibble::tibble(
    finding = finding,
    split = split,
    n_images = nrow(rows),
    n_clusters = length(unique(cluster_names(rows))),
    n_positive = sum(rows$truth),
    prevalence = mean(rows$truth)
  )
}

check_max_fpr <- function(max_fpr, call = rlang::caller_env()) {
  if (!rlang::is_bare_numeric(max_fpr, n = 1) || !isTRUE(max_fpr > 0 & max_fpr <= 1)) {
    abort(
      c("{.arg max_fpr} must be one number above 0 and at most 1.", x = "Received {.val {max_fpr}}."),
      class = "placa_error_max_fpr", call = call
    )
  }
}
