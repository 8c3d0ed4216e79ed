#' Plot an evaluation, or one of its tables
#'
#' Each table of an evaluation has a figure: `autoplot(evaluation, "pr")`, or
#' `autoplot(evaluation$pr_bands)` for the table itself. With several findings,
#' each has its own panel or line. To plot some findings, filter the table.
#'
#' | type | figure |
#' |---|---|
#' | `"roc"` | [plot_roc()] |
#' | `"pr"` | precision against recall, with band, average precision and prevalence, see [pr_bands()] |
#' | `"calibration"` | [plot_calibration()] |
#' | `"recalibration"` | the smooth curve before and after recalibration, see [calibration_curve()] |
#' | `"decision"` | net benefit, see [decision_curve()]; each panel ends near zero net benefit of the model |
#' | `"predictive_values"` | see [predictive_values()]; with several findings, at the default operating point |
#' | `"subgroups"` | each group and all other images, see [subgroups()] |
#' | `"errors"` | the most confident errors, see [list_errors()]; one line per finding with more than three findings |
#' | `"abstention"` | share of deferred images, see [abstain()] |
#' | `"readers"` | ROC curve and readers, see [compare_readers()]; only with readers |
#'
#' Tables of estimates have a figure with one row per finding and one panel per
#' metric: those of [discrimination()], [clustered_auroc()], [average_precision()],
#' [partial_auroc()], [multiclass_auroc()], [confusion_matrix()],
#' [operating_points()], [calibration_measures()], [choose_thresholds()],
#' [reader_agreement()], [compare_modalities()], [compare_truths()],
#' [localisation()], [pool_validations()], [variance_components()], [plan_readers()],
#' [plan_validation()], both tables of [monitor()], and `gain` of [update_model()].
#' [calibration_bins()] and [roc_points()] have the figure of their curve.
#'
#' The method for [pr_points()] draws precision as steps, because linear
#' interpolation is wrong in precision-recall space (Davis and Goadrich 2006).
#'
#' @param object An evaluation, by [evaluate()] or [read_evaluation()], or a
#'   table of an evaluation.
#' @param type Which figure, see above.
#' @param labels Labels of the figure, by [plot_labels()], or `"en"` or `"es"`.
#' @param ... For an evaluation: arguments of the method for the table, such as
#'   `labels` or `metric`. Not used by the other methods.
#' @return A ggplot with alternative text for screen readers
#'   ([ggplot2::get_alt_text()]). Layers, scales and themes can be added.
#' @section Errors:
#' `placa_error_plot` if the evaluation has no such table, or the table has no
#' rows or only missing values; `placa_error_labels` for invalid `labels`.
#' @references
#' Davis J, Goadrich M (2006). The relationship between precision-recall and ROC
#' curves. *Proceedings of the 23rd International Conference on Machine
#' Learning*, 233--240. \doi{10.1145/1143844.1143874}
#' @name autoplot.placa_evaluation
#' @seealso [plot_roc()], [save_figures()], [plot_labels()]
#' @exportS3Method ggplot2::autoplot
#' @examples
#' library(ggplot2)
#' evaluation <- evaluate(example_predictions(), example_thresholds(), draws = 100)
#' autoplot(evaluation, "calibration")
#' autoplot(evaluation, "decision", labels = "es")
#'
#' groups <- evaluation$subgroups
#' autoplot(groups[groups$finding == "Effusion", ]) + labs(title = "Who is missed?")
#'
#' autoplot(pr_points(example_predictions()))
autoplot.placa_evaluation <- function(object, type = figure_types, ...) { # nolint: object_name_linter.
  type <- rlang::arg_match(type)
  switch(
    type,
    roc = plot_roc(object, ...),
    pr = plot_pr(object, ...),
    calibration = plot_calibration(object, ...),
    predictive_values = plot_predictive_values(object, ...),
    ggplot2::autoplot(table_of(object, figure_tables[[type]]), ...)
  )
}

figure_types <- c(
  "roc", "pr", "calibration", "recalibration", "decision", "predictive_values", "subgroups", "errors", "abstention",
  "readers"
)
figure_tables <- c(
  recalibration = "calibration_curve", decision = "decision_curve", subgroups = "subgroups", errors = "errors",
  abstention = "abstention", readers = "readers"
)

# Evaluations by older versions lack some tables; without a validation split there is no abstention table.
table_of <- function(evaluation, name, call = rlang::caller_env()) {
  table <- evaluation[[name]]
  if (is.null(table)) {
    abort(
      c("The evaluation has no table {.field {name}}.",
        x = "It has the tables {.field {names(Filter(is.data.frame, evaluation))}}.",
        i = if (name == "abstention") {
          "{.fun abstain} requires labelled validation images for every finding."
        } else if (name == "readers") {
          "Run {.fun evaluate} with {.arg readers}."
        } else {
          "Run {.fun evaluate} again with this version of placa."
        }),
      class = "placa_error_plot", call = call
    )
  }
  table
}

# The table does not mark the default operating point, so the thresholds of the evaluation select it.
plot_predictive_values <- function(evaluation, operating_point = NULL, ...) {
  table <- table_of(evaluation, "predictive_values")
  if (is.null(operating_point) && length(unique(table$finding)) > 1) {
    default <- is_default(table, evaluation$thresholds)
    known <- table$finding %in% table$finding[default]
    table <- table[default | !known, ]
  }
  ggplot2::autoplot(table, operating_point = operating_point, ...)
}

# The figures that write_evaluation() writes: each a list of `plot`, `width` and `height` (inches). Figures without data
# are omitted; the tables have already given a warning.
evaluation_figures <- function(evaluation, labels = plot_labels("en")) {
  make <- list(
    roc = function() plot_roc(evaluation, labels = labels),
    pr = function() plot_pr(evaluation, labels),
    calibration = function() plot_calibration(evaluation, labels = labels),
    decision_curve = function() ggplot2::autoplot(evaluation$decision_curve, labels = labels),
    subgroups = function() ggplot2::autoplot(evaluation$subgroups, labels = labels),
    abstention = function() ggplot2::autoplot(evaluation$abstention, labels = labels),
    readers = function() ggplot2::autoplot(evaluation$readers, labels = labels)
  )
  sizes <- list(
    roc = size_of_roc, pr = size_of_pr, calibration = size_of_calibration, decision_curve = size_of_decision_curve,
    subgroups = size_of_subgroups, abstention = size_of_abstention, readers = size_of_readers
  )
  tables <- c(roc = "roc", pr = "pr_bands")
  figures <- lapply(stats::setNames(nm = names(make)), function(name) {
    table <- evaluation[[if (name %in% names(tables)) tables[[name]] else name]]
    if (NROW(table) == 0) {
      return(NULL)
    }
    plot <- tryCatch(make[[name]](), placa_error_plot = function(error) NULL)
    size <- sizes[[name]](evaluation)
    if (!is.null(plot)) list(plot = plot, width = size[[1]], height = size[[2]])
  })
  Filter(Negate(is.null), figures)
}

# zzz.R assigns it: an import would load ggplot2 with placa, which takes most of a second.
#' @export
ggplot2::autoplot
