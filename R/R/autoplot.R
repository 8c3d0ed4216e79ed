#' Plot an evaluation
#'
#' @param object An evaluation, by [evaluate()] or [read_evaluation()].
#' @param type `"roc"` for [plot_roc()], `"calibration"` for
#'   [plot_calibration()].
#' @param ... Passed on, such as `labels`.
#' @return A ggplot.
#' @exportS3Method ggplot2::autoplot
#' @examples
#' library(ggplot2)
#' autoplot(evaluate(example_predictions(), example_thresholds()), "calibration")
autoplot.placa_evaluation <- function(object, type = c("roc", "calibration"), ...) { # nolint: object_name_linter.
  type <- rlang::arg_match(type)
  switch(type, roc = plot_roc(object, ...), calibration = plot_calibration(object, ...))
}
