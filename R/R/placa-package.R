#' placa: evaluate chest radiograph classifiers
#'
#' Functions take a data frame of predictions and return tibbles and ggplots, with
#' results for each `finding`.
#'
#' * Read: [read_predictions()], [read_thresholds()], [read_labels()],
#'   [read_evaluation()].
#' * Use other labels: [relabel()].
#' * Discrimination: [discrimination()], [roc_points()], [pr_points()],
#'   [roc_bands()], [pr_bands()], [partial_auroc()]; [clustered_auroc()] and
#'   [average_precision()] return details of two metrics of [discrimination()].
#' * Performance at thresholds: [operating_points()], [predictive_values()],
#'   [decision_curve()].
#' * Calibration: [calibration_bins()],
#'   [calibration_measures()], [calibration_curve()].
#' * Subgroups, errors and abstention: [subgroups()], [list_errors()], [abstain()].
#' * Compare with another model or other labels: [compare_models()].
#' * Compare with readers: [compare_readers()], [compare_modalities()].
#' * Plots: [plot_roc()], [plot_calibration()], and `autoplot()`.
#' * All tables and figures: [evaluate()], [evaluate_run()].
#' * Report: [render_report()].
#' * Predict new images: [load_model()], [`predict()`][predict.placa_model].
#'
#' Intervals come from a bootstrap that draws patients or groups, which accounts
#' for several images per patient; see [clustered_auroc()]. The exceptions are the
#' intervals of DeLong (1988), Obuchowski (1997) and Wilson (1927).
#'
#' placa is not a medical device: its results describe a model on a data set,
#' not a patient.
#'
#' @section Conditions:
#' The class of every error starts with `placa_error_`, the class of every warning
#' with `placa_warning_`, for `tryCatch()` and `withCallingHandlers()`.
#'
#' @section Options:
#' `placa.engine`: `"auto"` (the default) uses yardstick for [operating_points()] if
#' it is installed, otherwise counts; `"yardstick"` and `"pROC"` select one of them.
#' The values are the same.
#'
#' @keywords internal
"_PACKAGE"

#' @importFrom generics augment evaluate explain glance tidy
#' @importFrom rlang .data
#' @export augment evaluate explain glance tidy
NULL
