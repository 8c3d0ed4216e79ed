#' Decision curve: net benefit by threshold
#'
#' Net benefit compares acting on the predictions of the model with acting on all
#' images and on none. The threshold probability sets the exchange rate: at 0.1,
#' one true positive is worth nine false positives. Net benefit is the rate of true
#' positives minus the weighted rate of false positives (Vickers and Elkin 2006).
#' Probabilities must be calibrated. Net benefit counts images, so that of a
#' cross-validation is the mean over the folds, weighted by images.
#'
#' @inheritParams clustered_auroc
#' @param thresholds Threshold probabilities, each above 0 and below 1.
#' @return A tibble of class `placa_decision_curve` with one row per finding,
#'   threshold and strategy: `finding`, `split`, `threshold`, `strategy`
#'   (`"model"`, `"all"`: act on every image, `"none"`), `net_benefit` (true
#'   positives per image; at most the prevalence, without a lower limit),
#'   `net_benefit_lower`, `net_benefit_upper` (pointwise, as in [roc_bands()]),
#'   `advantage` (of the model over the better of `"all"` and `"none"`; missing for
#'   these two), `advantage_lower`, `advantage_upper`, `confidence`.
#' @section Errors:
#' The errors of [clustered_auroc()]; `placa_error_thresholds`.
#' @references
#' Vickers AJ, Elkin EB (2006). Decision curve analysis: a novel method for
#' evaluating prediction models. *Medical Decision Making* 26(6), 565--574.
#' \doi{10.1177/0272989X06295361}
#' @export
#' @examples
#' decision_curve(example_predictions(), thresholds = c(0.1, 0.3, 0.5), draws = 500)
decision_curve <- function(predictions, split = "test", thresholds = (1:99) / 100, confidence = 0.95,
                           draws = 1000, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  check_curve_thresholds(thresholds)
  data <- select_split(predictions, split)
  as_subclass("placa_decision_curve", by_finding(data, function(rows, finding) {
    tibble::tibble(
      finding = finding,
      split = split,
      threshold = rep(thresholds, each = 3),
      strategy = rep(c("model", "all", "none"), length(thresholds)),
      net_benefits(rows, thresholds, confidence, draws, seed),
      confidence = confidence
    )
  }))
}

net_benefits <- function(rows, thresholds, confidence, draws, seed) {
  cluster <- cluster_index(rows)
  at <- counts_at(rows$truth, rows$probability, cluster, thresholds)
  exchange <- thresholds / (1 - thresholds)
  statistic <- function(counts) {
    n <- at(counts)
    images <- (n$tp + n$fn + n$tn + n$fp)[, 1]
    positives <- (n$tp + n$fn)[, 1]
    model <- (n$tp - sweep(n$fp, 2, exchange, "*")) / images
    all <- (positives - outer(images - positives, exchange)) / images
    side_by_side(list(model = model, all = all, none = 0 * all, advantage = model - pmax(all, 0)))
  }
  boot <- bootstrap_clusters(cluster, rows$truth, statistic, draws, seed)
  intervals <- bootstrap_intervals(boot, confidence, correct = FALSE)
  of <- rep(c("model", "all", "none", "advantage"), length(thresholds))
  benefit <- intervals[of != "advantage", ]
  gain <- intervals[of == "advantage", ][rep(seq_along(thresholds), each = 3), ]
  gain[rep(c(FALSE, TRUE, TRUE), length(thresholds)), ] <- NA_real_
  tibble::tibble(
    net_benefit = benefit$estimate, net_benefit_lower = benefit$lower, net_benefit_upper = benefit$upper,
    advantage = gain$estimate, advantage_lower = gain$lower, advantage_upper = gain$upper
  )
}

check_curve_thresholds <- function(thresholds, call = rlang::caller_env()) {
  good <- is.numeric(thresholds) && length(thresholds) > 0 && !anyNA(thresholds)
  if (!good || any(thresholds <= 0 | thresholds >= 1)) {
    cli::cli_abort(
      c("{.arg thresholds} must be numbers above 0 and below 1.", x = "Received {.val {thresholds}}."),
      class = "placa_error_thresholds", call = call
    )
  }
}
