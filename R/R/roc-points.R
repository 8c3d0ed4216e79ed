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
#'   `specificity` (0--1). A finding with only one class has no rows. With folds, the
#'   curve is their mean (see [discrimination()]) and `threshold` is missing, because
#'   a point has another threshold in each fold.
#' @seealso [roc_bands()], [plot_roc()]
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
  if (is_grouped(predictions)) return(each_group(roc_points))
  check_corners(corners)
  data <- select_split(predictions, split)
  as_subclass("placa_roc_points", by_finding(data, function(rows, finding) {
    fold <- fold_index(rows)
    points <- if (is.null(fold)) {
      roc_curve(rows$truth, rows$probability)
    } else {
      roc_curve_within(rows$truth, rows$probability, fold)
    }
    if (corners) {
      points <- points[turns(points), ]
    }
    tibble::tibble(finding = rep(finding, nrow(points)), split = rep(split, nrow(points)), points)
  }))
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

# The mean of the folds' ROC curves, weighted by positives, see fold_weights(). At each false positive rate, a fold's
# curve has the height before and after its vertical step; a threshold would be another one in each fold.
roc_curve_within <- function(truth, probability, fold) {
  curves <- lapply(split(seq_along(fold), fold), function(of_fold) roc_curve(truth[of_fold], probability[of_fold]))
  positives <- vapply(split(truth, fold), sum, double(1))[vapply(curves, nrow, integer(1)) > 0]
  curves <- curves[vapply(curves, nrow, integer(1)) > 0]
  at <- sort(unique(unlist(lapply(curves, function(curve) 1 - curve$specificity))))
  mean_height <- function(after) {
    heights <- vapply(curves, function(curve) height_at(1 - curve$specificity, curve$sensitivity, at, after), at)
    as.double(matrix(heights, length(at)) %*% positives) / sum(positives)
  }
  if (length(curves) == 0) {
    return(roc_curve(integer(), double()))
  }
  sensitivity <- as.double(rbind(mean_height(FALSE), mean_height(TRUE)))
  specificity <- 1 - rep(at, each = 2)
  repeated <- c(FALSE, diff(sensitivity) == 0 & diff(specificity) == 0)
  tibble::tibble(
    threshold = NA_real_, sensitivity = sensitivity[!repeated], specificity = specificity[!repeated]
  )
}

# The height of a curve with vertical steps at `at`, before or after the step; linear between points.
height_at <- function(x, y, at, after) {
  left <- if (after) findInterval(at, x) else pmax(findInterval(at, x, left.open = TRUE), 1)
  right <- pmin(left + 1, length(x))
  width <- x[right] - x[left]
  share <- ifelse(width > 0, (at - x[left]) / width, 0)
  height <- y[left] + share * (y[right] - y[left])
  # Before the first step the curve starts at its first point.
  if (after) height else ifelse(at <= x[[1]], y[[1]], height)
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
    abort(
      c("{.arg corners} must be {.code TRUE} or {.code FALSE}.", x = "Received {.obj_type_friendly {corners}}."),
      class = "placa_error_corners", call = call
    )
  }
}
