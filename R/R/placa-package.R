#' placa: how well a chest radiograph classifier works
#'
#' Predictions in, tibbles and ggplots out, everything grouped by `finding`.
#'
#' * Read: [read_predictions()], [read_thresholds()], [read_labels()],
#'   [read_evaluation()].
#' * The same predictions by other labels: [relabel()].
#' * How well it ranks: [discrimination()], [roc_points()], [pr_points()],
#'   [roc_bands()], [pr_bands()], [partial_auroc()]; [clustered_auroc()] and
#'   [average_precision()] are the long forms of two figures of
#'   [discrimination()].
#' * What it does at its thresholds: [operating_points()], [predictive_values()],
#'   [decision_curve()].
#' * Whether its probabilities mean what they say: [calibration_bins()],
#'   [calibration_measures()], [calibration_curve()].
#' * For whom it works, where it fails, and what to leave to a radiologist:
#'   [subgroups()], [list_errors()], [abstain()].
#' * Against another model or other labels: [compare_models()].
#' * One function a plot: [plot_roc()], [plot_calibration()], and `autoplot()`.
#' * All of it: [evaluate()], [evaluate_run()].
#' * A report for readers: [render_report()].
#' * The model on new images: [load_model()], [`predict()`][predict.placa_model].
#'
#' Every interval but those of DeLong (1988), Obuchowski (1997) and Wilson (1927)
#' is of a bootstrap that draws whole patients or groups, so that images of one
#' patient are not taken for several patients' images; [clustered_auroc()] says
#' how.
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

#' @importFrom generics evaluate explain
#' @importFrom rlang .data
#' @export evaluate explain
NULL
