#' Metrics of an evaluation in the form of tidymodels
#'
#' `tidy()` returns the metrics with the names of yardstick, so that
#' [dplyr::bind_rows()] joins them with a user's own. `glance()` returns one row per
#' finding, at the default operating point. `as_tibble()` is `tidy()`, and
#' `summary()` is `glance()`. `plot()` draws [autoplot()][autoplot.placa_evaluation].
#'
#' `.metric` is `roc_auc`, `average_precision`, `sens`, `spec`, `ppv`, `npv`,
#' `f_meas`, `mcc`, `kap`, `bal_accuracy`, `brier_class` and `mn_log_loss`, as in
#' yardstick; `lr_positive`, `lr_negative`, `calibration_intercept`,
#' `calibration_slope`, `observed_expected`, `ici` and `ece` are not in yardstick.
#' `.estimator` is `"binary"`: each finding is a question of its own.
#'
#' @param x,object An evaluation, by [evaluate()].
#' @param ... For `plot()`: arguments of [autoplot()][autoplot.placa_evaluation].
#'   Otherwise not used.
#' @return A tibble. `tidy()`: `finding`, `operating_point` (missing for metrics
#'   without a threshold), `.metric`, `.estimator`, `.estimate`, `.lower`, `.upper`.
#'   `glance()`: `finding`, `split`, `n_images`, `n_patients`, `n_positive`,
#'   `operating_point`, `threshold`, and the metrics above, one column each.
#'   `plot()` returns `x` invisibly.
#' @seealso [evaluate()], [operating_points()], [table_performance()]
#' @name tidy.placa_evaluation
#' @aliases tidy glance
#' @export
#' @examples
#' evaluation <- evaluate(example_predictions(), example_thresholds(), draws = 100)
#' tidy(evaluation)
#' glance(evaluation)
tidy.placa_evaluation <- function(x, ...) {
  rlang::check_dots_empty()
  found <- x$discrimination
  of_ranking <- lapply(c(roc_auc = "auroc", average_precision = "average_precision"), function(name) {
    limits <- paste0(name, c("_lower", "_upper"))
    tidy_rows(found$finding, NA_character_, name, found[[name]], found[[limits[[1]]]], found[[limits[[2]]]])
  })
  points <- x$operating_points[x$operating_points$metric %in% names(metrics_of_tidymodels), ]
  points <- points[points$metric != "brier", ]
  measures <- x$calibration_measures
  measures <- measures[measures$stage == "after" & measures$measure %in% names(metrics_of_tidymodels), ]
  table <- do.call(rbind, c(unname(of_ranking), list(
    tidy_rows(points$finding, points$operating_point, points$metric, points$estimate, points$lower, points$upper),
    tidy_rows(measures$finding, NA_character_, measures$measure, measures$estimate, measures$lower, measures$upper)
  )))
  table[order(match(table$finding, found$finding)), ]
}

tidy_rows <- function(finding, operating_point, metric, estimate, lower, upper) {
  tibble::tibble(
    finding = as.character(finding), operating_point = rep_len(as.character(operating_point), length(finding)),
    .metric = rep_len(unname(metrics_of_tidymodels[metric]), length(finding)), .estimator = "binary",
    .estimate = as.double(estimate), .lower = as.double(lower), .upper = as.double(upper)
  )
}

# Names in tidymodels, or ours where tidymodels has no such metric.
metrics_of_tidymodels <- c(
  auroc = "roc_auc", average_precision = "average_precision", sensitivity = "sens", specificity = "spec", ppv = "ppv",
  npv = "npv", lr_positive = "lr_positive", lr_negative = "lr_negative", f1 = "f_meas", mcc = "mcc", kappa = "kap",
  balanced_accuracy = "bal_accuracy", brier = "brier_class", log_loss = "mn_log_loss",
  intercept = "calibration_intercept", slope = "calibration_slope", observed_expected = "observed_expected",
  ici = "ici", ece = "ece"
)

#' @rdname tidy.placa_evaluation
#' @export
glance.placa_evaluation <- function(x, ...) {
  rlang::check_dots_empty()
  metrics <- tidy.placa_evaluation(x)
  parts <- lapply(x$discrimination$finding, function(finding) {
    found <- x$discrimination[x$discrimination$finding == finding, ]
    point <- main_point(x, finding)
    rows <- metrics[metrics$finding == finding & metrics$operating_point %in% c(NA, point$operating_point), ]
    tibble::tibble(
      found[c("finding", "split", "n_images", "n_patients", "n_positive")], operating_point = point$operating_point,
      threshold = point$threshold, !!!stats::setNames(as.list(rows$.estimate), rows$.metric)
    )
  })
  do.call(rbind, parts)
}

# The default operating point of a finding; the first of its table if the evaluation was read without its run.
main_point <- function(evaluation, finding) {
  of_finding <- function(table) table[table$finding == finding, ]
  if (NROW(evaluation$thresholds) > 0) {
    return(default_point(of_finding(evaluation$thresholds)))
  }
  of_finding(evaluation$operating_points)[1, c("operating_point", "threshold")]
}

#' @rdname tidy.placa_evaluation
#' @exportS3Method tibble::as_tibble
as_tibble.placa_evaluation <- function(x, ...) tidy.placa_evaluation(x) # nolint: object_name_linter.

#' @rdname tidy.placa_evaluation
#' @export
summary.placa_evaluation <- function(object, ...) glance.placa_evaluation(object)

#' @rdname tidy.placa_evaluation
#' @export
plot.placa_evaluation <- function(x, ...) {
  print(ggplot2::autoplot(x, ...))
  invisible(x)
}
