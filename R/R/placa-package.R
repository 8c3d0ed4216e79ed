#' placa: how well a chest radiograph classifier works
#'
#' Predictions in, tibbles and ggplots out, everything grouped by `finding`.
#'
#' * Read: [read_predictions()], [read_thresholds()], [read_labels()],
#'   [read_evaluation()].
#' * The same predictions by other labels: [relabel()].
#' * One verb a table: [discrimination()], [operating_points()],
#'   [calibration()], [roc_points()].
#' * One function a plot: [plot_roc()], [plot_calibration()].
#' * All of it: [evaluate()], [evaluate_run()].
#' * The model on new images: [load_model()], [`predict()`][predict.placa_model].
#'
#' placa is not a medical device: its figures describe a model on a data set,
#' not a patient.
#'
#' @section Conditions:
#' Every error has a class that starts with `placa_error_`, every warning one
#' that starts with `placa_warning_`, so that `tryCatch()` and
#' `withCallingHandlers()` can pick them.
#'
#' @section Options:
#' `placa.engine`: `"auto"` (the default) takes yardstick for
#' [operating_points()] where it is installed and placa's own counts elsewhere;
#' `"yardstick"` and `"pROC"` ask for one of them. The numbers are the same.
#'
#' @keywords internal
"_PACKAGE"

#' @importFrom rlang .data
NULL
