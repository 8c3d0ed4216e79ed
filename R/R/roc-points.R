#' Points of the ROC curve
#'
#' Sensitivity and specificity at every threshold that the probabilities offer.
#' An image is called positive when its probability is at or above the
#' threshold.
#'
#' @inheritParams discrimination
#' @param corners `TRUE` leaves out the points at which the curve does not turn.
#'   The curve through the rest, and the area below it, are the same: for 22,000
#'   images a tenth of the rows.
#' @return A tibble, sorted from the strictest threshold to the laxest within
#'   each finding: `finding`, `split`, `threshold` (`Inf`, where no image is
#'   positive, then each distinct probability), `sensitivity` and `specificity`
#'   (0--1). A finding with one class only has no rows.
#' @section Errors:
#' Those of [discrimination()]; `placa_error_corners`.
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
  # Images that share a probability are called together, so a point stands at the last of them.
  last <- !duplicated(probability, fromLast = TRUE)
  tibble::tibble(
    threshold = c(Inf, probability[last]),
    sensitivity = c(0, cumsum(truth[order])[last] / n_positive),
    specificity = c(1, 1 - cumsum(1 - truth[order])[last] / n_negative)
  )
}

# Between two points of the same sensitivity, or of the same specificity, a curve goes straight on.
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
      c("{.arg corners} must be {.code TRUE} or {.code FALSE}.", x = "It is {.obj_type_friendly {corners}}."),
      class = "placa_error_corners", call = call
    )
  }
}
