#' Confidence bands of the ROC and the precision-recall curve
#'
#' The height of the curve at evenly spaced points, with Wilson's interval at each
#' point. The effective number of images follows from the standard error of a
#' clustered bootstrap (see [clustered_auroc()]); at 0 and 1 it is that of the
#' positive clusters. The bands are pointwise: the confidence level holds at each
#' point, not for the complete curve.
#'
#' @inheritParams clustered_auroc
#' @param places Number of points, evenly spaced from 0 to 1, an integer of at
#'   least 2.
#' @return `roc_bands()`: a tibble of class `placa_roc_bands` with one row a
#'   finding and point: `finding`, `split`, `fpr` (1 - specificity),
#'   `sensitivity`, `lower`, `upper` (all 0--1), `confidence`. The curve is
#'   interpolated linearly, as for the area.
#'
#'   `pr_bands()`: a tibble of class `placa_pr_bands`: `finding`, `split`,
#'   `recall`, `precision` (at the highest threshold that reaches this recall),
#'   `lower`, `upper`, `confidence`.
#'
#'   A finding with only one class has no rows.
#' @seealso [roc_points()], [pr_points()]
#' @inheritSection clustered_auroc Errors
#' @references
#' Fawcett T (2006). An introduction to ROC analysis. *Pattern Recognition
#' Letters* 27(8), 861--874. \doi{10.1016/j.patrec.2005.10.010}
#' @export
#' @examples
#' roc_bands(example_predictions(), draws = 200, places = 11)
#' pr_bands(example_predictions(), draws = 200, places = 11)
roc_bands <- function(predictions, split = "test", confidence = 0.95, draws = 1000, seed = 1, places = 101) {
  if (is_grouped(predictions)) return(each_group(roc_bands))
  bands_of("fpr", "sensitivity", "placa_roc_bands", predictions, split, confidence, draws, seed, places)
}

#' @rdname roc_bands
#' @export
pr_bands <- function(predictions, split = "test", confidence = 0.95, draws = 1000, seed = 1, places = 101) {
  if (is_grouped(predictions)) return(each_group(pr_bands))
  bands_of("recall", "precision", "placa_pr_bands", predictions, split, confidence, draws, seed, places)
}

bands_of <- function(x, y, class, predictions, split, confidence, draws, seed, places, call = rlang::caller_env()) {
  check_confidence(confidence, call)
  check_draws(draws, seed, call)
  check_places(places, call)
  data <- select_split(predictions, split, call)
  as_subclass(class, by_finding(data, function(rows, finding) {
    at <- if (has_pairs(rows$truth, fold_index(rows))) seq(0, 1, length.out = places) else double()
    table <- tibble::tibble(finding = rep(finding, length(at)), split = rep(split, length(at)))
    table[[x]] <- at
    heights <- curve_heights(rows, at, x == "fpr", confidence, draws, seed)
    table[[y]] <- heights$estimate
    tibble::tibble(table, lower = heights$lower, upper = heights$upper, confidence = rep(confidence, length(at)))
  }))
}

curve_heights <- function(rows, at, is_roc, confidence, draws, seed) {
  if (length(at) == 0) {
    return(tibble::tibble(estimate = double(), lower = double(), upper = double()))
  }
  cluster <- cluster_index(rows)
  statistic <- curve_statistic(rows, cluster, fold_index(rows), at, is_roc)
  boot <- bootstrap_clusters(cluster, rows$truth, statistic, draws, seed)
  boot$estimate <- unname(boot$estimate)
  std_error <- bootstrap_intervals(boot, confidence, correct = FALSE)$std_error
  positives <- kish(tabulate(cluster[rows$truth == 1]))
  limits <- vapply(seq_along(at), function(j) {
    wilson_of_draws(boot$estimate[[j]], std_error[[j]], positives, sum(rows$truth), boot$units, confidence)
  }, double(2))
  tibble::tibble(estimate = boot$estimate, lower = limits[1, ], upper = limits[2, ])
}

# A statistic for bootstrap_clusters(): the heights at the points `at`.
curve_statistic <- function(rows, cluster, fold, at, is_roc) {
  if (!is.null(fold) && is_roc) {
    return(roc_within_folds(rows, cluster, fold, at))
  }
  sorted <- ranked(rows$truth, rows$probability, cluster, fold)
  function(counts) {
    t(if (is.null(fold)) {
      .Call(placa_curve_at, sorted$cluster, sorted$positive_at, sorted$end, counts, at, is_roc)
    } else {
      .Call(placa_precision_within, sorted$cluster, sorted$positive_at, sorted$end, sorted$fold_end, counts, at)
    })
  }
}

# The mean of the folds' ROC curves, weighted by positives, see fold_weights().
roc_within_folds <- function(rows, cluster, fold, at) {
  of_folds <- lapply(split(seq_along(fold), fold), function(of_fold) {
    truth <- rows$truth[of_fold]
    list(
      curve = curve_statistic(rows[of_fold, ], cluster[of_fold], NULL, at, TRUE),
      positives = as_cells(rep(1, sum(truth == 1)), 1, cluster[of_fold][truth == 1])
    )
  })
  function(counts) {
    total <- matrix(0, ncol(counts), length(at))
    weights <- double(ncol(counts))
    for (one in of_folds) {
      height <- one$curve(counts)
      # A fold without one of the classes in a draw has no curve.
      weight <- ifelse(is.na(height[, 1]), 0, cell_sums(one$positives, counts)[1, ])
      height[is.na(height)] <- 0
      total <- total + height * weight
      weights <- weights + weight
    }
    total / finite_or_missing(weights)
  }
}

check_places <- function(places, call) {
  if (!rlang::is_integerish(places, n = 1, finite = TRUE) || places < 2) {
    abort(
      c("{.arg places} must be an integer of at least 2.", x = "Received {.val {places}}."),
      class = "placa_error_places", call = call
    )
  }
}
