#' Points of the ROC curve
#'
#' Returns sensitivity and specificity at every distinct probability. An image is
#' predicted positive if its probability is at or above the threshold.
#'
#' @inheritParams discrimination
#' @param corners If `TRUE`, only the corners of the curve are returned. The curve
#'   and its area do not change; for 22,000 images, about 10 % of the rows remain.
#' @return A tibble, sorted by decreasing threshold within each finding: `finding`,
#'   `split`, `threshold` (`Inf`, then each distinct probability), `sensitivity` and
#'   `specificity` (0--1). A finding with only one class has no rows.
#' @section Errors:
#' The errors of [discrimination()]; `placa_error_corners`.
#' @references
#' Fawcett T (2006). An introduction to ROC analysis. *Pattern Recognition
#' Letters* 27(8), 861--874. \doi{10.1016/j.patrec.2005.10.010}
#' @export
#' @examples
#' roc_points(example_predictions())
#' roc_points(example_predictions(), corners = TRUE)
roc_points <- function(predictions, split = "test", corners = FALSE) {
  check_corners(corners)
  data <- select_split(predictions, split)
  by_finding(data, function(rows, finding) {
    points <- roc_curve(rows$truth, rows$probability)
    if (corners) {
      points <- points[turns(points), ]
    }
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
  # Images with equal probabilities form one point, at the last of them.
  last <- !duplicated(probability, fromLast = TRUE)
  tibble::tibble(
    threshold = c(Inf, probability[last]),
    sensitivity = c(0, cumsum(truth[order])[last] / n_positive),
    specificity = c(1, 1 - cumsum(1 - truth[order])[last] / n_negative)
  )
}

# A point between two points of equal sensitivity, or equal specificity, is not a corner.
turns <- function(points) {
  straight <- function(x) c(FALSE, diff(x, lag = 2) == 0, FALSE)
  if (nrow(points) < 3) {
    return(rep(TRUE, nrow(points)))
  }
  !(straight(points$sensitivity) | straight(points$specificity))
}

check_corners <- function(corners, call = rlang::caller_env()) {
  if (!rlang::is_bool(corners)) {
    cli::cli_abort(
      c("{.arg corners} must be {.code TRUE} or {.code FALSE}.", x = "Received {.obj_type_friendly {corners}}."),
      class = "placa_error_corners", call = call
    )
  }
}
