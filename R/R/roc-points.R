#' Points of the ROC curve
#'
#' Sensitivity and specificity at every threshold that the probabilities offer.
#' An image is called positive when its probability is at or above the
#' threshold.
#'
#' @inheritParams discrimination
#' @return A tibble, sorted from the strictest threshold to the laxest within
#'   each finding: `finding`, `split`, `threshold` (`Inf`, where no image is
#'   positive, then each distinct probability), `sensitivity` and `specificity`
#'   (0--1). A finding with one class only has no rows.
#' @inheritSection discrimination Errors
#' @references
#' Fawcett T (2006). An introduction to ROC analysis. *Pattern Recognition
#' Letters* 27(8), 861--874. \doi{10.1016/j.patrec.2005.10.010}
#' @export
#' @examples
#' roc_points(example_predictions())
roc_points <- function(predictions, split = "test") {
  data <- select_split(predictions, split)
  by_finding(data, function(rows, finding) {
    points <- roc_curve(rows$truth, rows$probability)
    tibble::tibble(finding = rep(finding, nrow(points)), split = rep(split, nrow(points)), points)
  })
}

roc_curve <- function(truth, probability) {
  n_positive <- sum(truth)
  n_negative <- length(truth) - n_positive
  if (n_positive == 0 || n_negative == 0) {
    return(tibble::tibble(threshold = double(), sensitivity = double(), specificity = double()))
  }
  order <- order(probability, decreasing = TRUE)
  probability <- probability[order]
  # Images that share a probability are called together, so a point stands at the last of them.
  last <- !duplicated(probability, fromLast = TRUE)
  tibble::tibble(
    threshold = c(Inf, probability[last]),
    sensitivity = c(0, cumsum(truth[order])[last] / n_positive),
    specificity = c(1, 1 - cumsum(1 - truth[order])[last] / n_negative)
  )
}
