#' Predictive values at other prevalences
#'
#' Returns predictive values for populations where the finding is rarer or more
#' common than in this split, by Bayes' rule. Sensitivity and specificity are
#' assumed constant. This may be wrong: where a finding is rare, it is often milder.
#'
#' Predictive values at a prevalence are functions of a likelihood ratio and have its
#' interval, see [operating_points()]; the prevalence is fixed. At the prevalence of
#' the split, they are proportions of images and equal those of [operating_points()].
#'
#' @inheritParams operating_points
#' @param prevalence Prevalences, each above 0 and below 1.
#' @return A tibble of class `placa_predictive_values` with one row per finding,
#'   operating point, prevalence and metric: `finding`, `split`,
#'   `operating_point`, `threshold`, `prevalence` (0--1), `own` (`TRUE` for
#'   the prevalence of the split), `metric` (`"ppv"`, `"npv"`), `estimate`, `lower`,
#'   `upper` (0--1), `confidence`. The estimate is missing without predictions of this kind, or if a
#'   class is missing.
#' @seealso [operating_points()], [decision_curve()]
#' @section Errors:
#' The errors of [operating_points()]; `placa_error_prevalence`.
#' @references
#' Mercaldo ND, Lau KF, Zhou XH (2007). Confidence intervals for predictive values
#' with an emphasis to case-control studies. *Statistics in Medicine* 26(10),
#' 2170--2183. \doi{10.1002/sim.2677}
#'
#' Altman DG, Bland JM (1994). Diagnostic tests 2: predictive values. *BMJ* 309,
#' 102. \doi{10.1136/bmj.309.6947.102}
#' @export
#' @examples
#' predictive_values(example_predictions(), example_thresholds(), draws = 500)
predictive_values <- function(predictions, thresholds, prevalence = c(0.01, 0.05, 0.1, 0.2), split = "test",
                              confidence = 0.95, draws = 2000, seed = 1) {
  if (is_grouped(predictions)) return(each_group(predictive_values))
  check_confidence(confidence)
  check_draws(draws, seed)
  check_prevalence(prevalence)
  data <- select_split(predictions, split)
  thresholds <- check_thresholds(thresholds, unique(data$finding))
  as_subclass("placa_predictive_values", by_finding(data, function(rows, finding) {
    points <- thresholds[thresholds$finding == finding, ]
    values <- predictive_at(rows, points$threshold, prevalence, confidence)
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

# Predictive values are functions of a likelihood ratio. At the prevalence of the split they are proportions of images,
# as in operating_points().
predictive_at <- function(rows, thresholds, prevalence, confidence) {
  cluster <- cluster_index(rows)
  parts <- lapply(thresholds, function(threshold) {
    metrics <- confusion_metrics(counts_by_cluster(rows$truth, rows$probability, cluster, threshold))
    at <- lapply(prevalence, function(share) at_prevalence(metrics, share))
    values <- c(unlist(at, recursive = FALSE), metrics[c("ppv", "npv")])
    shown <- c(prevalence, mean(rows$truth))
    tibble::tibble(
      prevalence = rep(shown, each = 2),
      own = rep(seq_along(shown) == length(shown), each = 2),
      metric = names(values),
      do.call(rbind, lapply(values, limits_of, confidence))
    )
  })
  do.call(rbind, parts)
}

# Bayes' rule, by the odds of the prevalence and a likelihood ratio.
at_prevalence <- function(metrics, prevalence) {
  odds <- prevalence / (1 - prevalence)
  # Without false positives, the ratio is infinite and the predictive value is 1.
  share <- function(odds) ifelse(odds == Inf, 1, odds / (1 + odds))
  list(
    ppv = transformed(metrics$lr_positive, function(ratio) share(odds * ratio)),
    npv = transformed(metrics$lr_negative, function(ratio) share(1 / (odds * ratio)))
  )
}

check_prevalence <- function(prevalence, call = rlang::caller_env()) {
  if (!is.numeric(prevalence) || anyNA(prevalence) || any(prevalence <= 0 | prevalence >= 1)) {
    abort(
      c("{.arg prevalence} must be numbers above 0 and below 1, such as 0.05.", x = "Received {.val {prevalence}}."),
      class = "placa_error_prevalence", call = call
    )
  }
}
