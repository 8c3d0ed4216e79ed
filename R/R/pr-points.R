#' Points of the precision-recall curve
#'
#' Returns precision (positive predictive value) and recall (sensitivity) at every
#' distinct probability. An image is predicted positive if its probability is at or
#' above the threshold. Precision depends on the prevalence, so the curve is
#' specific to this split.
#'
#' @inheritParams discrimination
#' @return A tibble of class `placa_pr_points`, sorted by decreasing threshold within
#'   each finding: `finding`, `split`, `threshold` (each distinct probability),
#'   `precision` and `recall` (0--1), `prevalence` (0--1, the precision of a random
#'   classifier). A finding without a positive image has no rows.
#' @inheritSection discrimination Errors
#' @references
#' Saito T, Rehmsmeier M (2015). The precision-recall plot is more informative
#' than the ROC plot when evaluating binary classifiers on imbalanced datasets.
#' *PLOS ONE* 10(3), e0118432. \doi{10.1371/journal.pone.0118432}
#' @export
#' @examples
#' pr_points(example_predictions())
pr_points <- function(predictions, split = "test") {
  data <- select_split(predictions, split)
  as_subclass("placa_pr_points", by_finding(data, function(rows, finding) {
    points <- pr_curve(rows$truth, rows$probability)
    tibble::tibble(
      finding = rep(finding, nrow(points)),
      split = rep(split, nrow(points)),
      points,
      prevalence = rep(mean(rows$truth), nrow(points))
    )
  }))
}

pr_curve <- function(truth, probability) {
  if (sum(truth) == 0) {
    return(tibble::tibble(threshold = double(), precision = double(), recall = double()))
  }
  order <- order(probability, decreasing = TRUE, method = "radix")
  probability <- probability[order]
  # Images with equal probabilities form one point, at the last of them.
  last <- which(!duplicated(probability, fromLast = TRUE))
  true_positive <- cumsum(truth[order])[last]
  tibble::tibble(
    threshold = probability[last],
    precision = true_positive / last,
    recall = true_positive / sum(truth)
  )
}

# Adds a class for autoplot() to a tibble.
as_subclass <- function(class, table) {
  class(table) <- c(class, class(table))
  table
}
