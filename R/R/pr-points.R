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
#'   classifier). A finding without a positive image has no rows. With folds, see
#'   [discrimination()], there is one row per positive image, and `threshold` is
#'   missing.
#' @seealso [pr_bands()], [average_precision()]
#' @inheritSection discrimination Errors
#' @references
#' Saito T, Rehmsmeier M (2015). The precision-recall plot is more informative
#' than the ROC plot when evaluating binary classifiers on imbalanced datasets.
#' *PLOS ONE* 10(3), e0118432. \doi{10.1371/journal.pone.0118432}
#' @export
#' @examples
#' pr_points(example_predictions())
pr_points <- function(predictions, split = "test") {
  if (is_grouped(predictions)) return(each_group(pr_points))
  data <- select_split(predictions, split)
  as_subclass("placa_pr_points", by_finding(data, function(rows, finding) {
    fold <- fold_index(rows)
    points <- if (is.null(fold)) {
      pr_curve(rows$truth, rows$probability)
    } else {
      pr_curve_within(rows$truth, rows$probability, fold)
    }
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

# Precision at the false positive rate and the sensitivity of the folds' mean ROC curve, at the prevalence of all folds.
# Images of different folds have different thresholds at the same false positive rate.
pr_curve_within <- function(truth, probability, fold) {
  rate <- false_positive_rates(truth, probability, fold)
  known <- !is.na(rate)
  if (sum(truth[known]) == 0) {
    return(pr_curve(integer(), double()))
  }
  negatives <- sum(truth[known] == 0)
  # Positives with equal rates are one step each, as positives between the same two negatives of one fold.
  order <- order(rate[known & truth == 1])
  rate <- rate[known & truth == 1][order]
  true_positive <- seq_along(rate)
  tibble::tibble(
    threshold = NA_real_,
    precision = true_positive / (true_positive + negatives * rate),
    recall = true_positive / length(rate)
  )
}

# For each image, the share of negatives of its fold at or above its probability; missing in a fold without a negative.
false_positive_rates <- function(truth, probability, fold) {
  rate <- double(length(truth))
  for (rows in split(seq_along(truth), fold)) {
    negatives <- sort(probability[rows][truth[rows] == 0])
    below <- findInterval(probability[rows], negatives, left.open = TRUE)
    rate[rows] <- if (length(negatives) == 0) NA_real_ else 1 - below / length(negatives)
  }
  rate
}
