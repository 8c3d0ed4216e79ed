#' Predictive values at other prevalences
#'
#' Returns predictive values for populations where the finding is rarer or more
#' common than in this split, by Bayes' rule. Sensitivity and specificity are
#' assumed constant. This may be wrong: where a finding is rare, it is often milder.
#'
#' @inheritParams operating_points
#' @param prevalence Prevalences, each above 0 and below 1.
#' @return A tibble of class `placa_predictive_values` with one row per finding,
#'   operating point, prevalence and metric: `finding`, `split`,
#'   `operating_point`, `threshold`, `prevalence` (0--1), `own` (`TRUE` for
#'   the prevalence of the split, which varies between draws), `metric` (`"ppv"`,
#'   `"npv"`), `estimate`, `lower`, `upper` (0--1, clustered bootstrap),
#'   `confidence`. The estimate is missing without predictions of this kind, or if a
#'   class is missing.
#' @section Errors:
#' The errors of [operating_points()]; `placa_error_prevalence`.
#' @references
#' Altman DG, Bland JM (1994). Diagnostic tests 2: predictive values. *BMJ* 309,
#' 102. \doi{10.1136/bmj.309.6947.102}
#' @export
#' @examples
#' predictive_values(example_predictions(), example_thresholds(), draws = 500)
predictive_values <- function(predictions, thresholds, prevalence = c(0.01, 0.05, 0.1, 0.2), split = "test",
                              confidence = 0.95, draws = 2000, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  check_prevalence(prevalence)
  data <- select_split(predictions, split)
  thresholds <- check_thresholds(thresholds, unique(data$finding))
  as_subclass("placa_predictive_values", by_finding(data, function(rows, finding) {
    points <- thresholds[thresholds$finding == finding, ]
    values <- predictive_at(rows, points$threshold, prevalence, confidence, draws, seed)
    each <- nrow(values) / nrow(points)
    tibble::tibble(
      finding = finding,
      split = split,
      operating_point = rep(points$operating_point, each = each),
      threshold = rep(points$threshold, each = each),
      values,
      confidence = confidence
    )
  }))
}

predictive_at <- function(rows, thresholds, prevalence, confidence, draws, seed) {
  cluster <- cluster_index(rows)
  at <- counts_at(rows$truth, rows$probability, cluster, thresholds)
  statistic <- function(counts) {
    n <- at(counts)
    sensitivity <- n$tp / (n$tp + n$fn)
    specificity <- n$tn / (n$tn + n$fp)
    of_prevalence <- lapply(prevalence, function(p) bayes(sensitivity, specificity, p))
    side_by_side(c(
      unlist(of_prevalence, recursive = FALSE),
      bayes(sensitivity, specificity, (n$tp + n$fn) / (n$tp + n$fn + n$tn + n$fp))
    ))
  }
  boot <- bootstrap_clusters(cluster, rows$truth, statistic, draws, seed)
  boot$estimate[!is.finite(boot$estimate)] <- NA_real_
  intervals <- bootstrap_intervals(boot, confidence)
  shown <- c(prevalence, mean(rows$truth))
  own <- rep(c(FALSE, TRUE), c(length(prevalence), 1))
  tibble::tibble(
    prevalence = rep(rep(shown, each = 2), length(thresholds)),
    own = rep(rep(own, each = 2), length(thresholds)),
    metric = names(boot$estimate),
    intervals[c("estimate", "lower", "upper")]
  )
}

bayes <- function(sensitivity, specificity, prevalence) {
  list(
    ppv = sensitivity * prevalence / (sensitivity * prevalence + (1 - specificity) * (1 - prevalence)),
    npv = specificity * (1 - prevalence) / (specificity * (1 - prevalence) + (1 - sensitivity) * prevalence)
  )
}

check_prevalence <- function(prevalence, call = rlang::caller_env()) {
  if (!is.numeric(prevalence) || anyNA(prevalence) || any(prevalence <= 0 | prevalence >= 1)) {
    cli::cli_abort(
      c("{.arg prevalence} must be numbers above 0 and below 1, such as 0.05.", x = "Received {.val {prevalence}}."),
      class = "placa_error_prevalence", call = call
    )
  }
}
