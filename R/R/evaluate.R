#' Evaluate predictions: all tables, all figures
#'
#' `evaluate()` is [discrimination()], [operating_points()], [calibration_bins()],
#' [roc_points()] and the verbs that go into detail in one, after it has made sure
#' that no patient of the evaluated split is in another. `evaluate_run()` reads a
#' run, evaluates it and writes its `evaluation/`, with no Python in sight where
#' arrow or nanoparquet is installed.
#'
#' @inheritParams discrimination
#' @inheritParams operating_points
#' @inheritParams calibration_bins
#' @param x A data frame with one row an image and finding, as
#'   [read_predictions()] returns, or the path of a run. Identifiers may be
#'   numbers or factors, `truth` may be whole numbers, logical, or a factor of
#'   0 and 1. It should hold all splits, or leaks cannot be found. [relabel()]
#'   puts the labels of another source in the place of `truth`.
#' @param out `NULL`, or a directory to write to. It appears whole or not at
#'   all; an older evaluation of that name is replaced, anything else is not.
#' @param labels Words of the figures, by [plot_labels()], or `"en"` or `"es"`.
#' @param draws How many times clusters are drawn, a whole number from 100. Curves,
#'   their bands, calibration and subgroups take half as many.
#' @return An object of class `placa_evaluation`, a list of tibbles:
#'
#'   | table | by |
#'   |---|---|
#'   | `discrimination` | [discrimination()] |
#'   | `operating_points` | [operating_points()] |
#'   | `predictive_values` | [predictive_values()] |
#'   | `calibration` | [calibration_bins()] |
#'   | `calibration_measures`, `calibration_curve` | [calibration_measures()], [calibration_curve()] |
#'   | `roc` | [roc_points()], the corners of the curve alone |
#'   | `roc_bands`, `pr_bands` | [roc_bands()], [pr_bands()] |
#'   | `decision_curve` | [decision_curve()] |
#'   | `subgroups` | [subgroups()] |
#'   | `errors` | [list_errors()] |
#'   | `abstention` | [abstain()]; only where labelled validation images came along |
#'
#'   and of `thresholds`, `predictions` (those evaluated) and `about`, a list with
#'   `split`, `engine`, `confidence`, `draws`, `seed`, `compared_with` (the splits
#'   that were searched for the same patients), `labels` (a list: `source` and
#'   `subset` of the labels, `NULL` where the predictions do not say; `n_images`
#'   of the split and `n_labelled` of them; `unlabelled_findings`, which no table
#'   has), `r_version` and `placa_version`. `evaluate_run()` returns it invisibly.
#'
#'   With `out`, the directory holds each table by its name, as
#'   `discrimination.csv` (UTF-8, missing values empty), the figures `roc`, `pr`,
#'   `calibration`, `decision_curve`, `subgroups` and `abstention` as `.png` and
#'   `.svg` (those with something to show), and `summary.json`, which lists them.
#' @section Errors:
#' Those of the verbs; `placa_error_leak` where a patient (`patient_id`) or
#' group (`group_id`) of the split, or an image itself, is in another split too
#' (the condition has the fields `patients`, `groups` and `images`);
#' `placa_error_out` where `out` cannot be written or holds something else;
#' `placa_error_fingerprint` where the model or the predictions of a run are not
#' those that its `run.json` speaks of.
#' @rdname evaluate
#' @aliases evaluate
#' @export
#' @examples
#' evaluation <- evaluate(example_predictions(), example_thresholds(), draws = 500)
#' evaluation
#' evaluation$discrimination
#' plot_roc(evaluation)
evaluate.data.frame <- function(x, thresholds, split = "test", out = NULL, bins = 10, confidence = 0.95,
                                labels = plot_labels("en"), draws = 2000, seed = 1, max_fpr = NULL, ...) {
  rlang::check_dots_empty()
  predictions <- check_predictions(x)
  check_split(predictions, split, rlang::current_env())
  compared_with <- check_leaks(predictions, split)
  if (!is.null(out)) {
    check_out(out)
  }
  rows <- select_split(predictions, split)
  thresholds <- check_thresholds(thresholds, unique(rows$finding))
  check_draws(draws, seed)
  # Verbs of one evaluation share their draws, which are fifty megabytes that must not stay behind.
  on.exit(clear_resample_cache())
  evaluation <- new_evaluation(
    discrimination = discrimination(rows, split, confidence, draws, seed, max_fpr),
    operating_points = operating_points(rows, thresholds, split, confidence, draws, seed),
    calibration = calibration_bins(rows, split, bins, confidence),
    roc = roc_points(rows, split, corners = TRUE),
    !!!evaluation_details(predictions, rows, thresholds, split, bins, confidence, draws, seed),
    thresholds = thresholds,
    predictions = rows[evaluation_columns],
    about = list(
      split = split,
      engine = engine_version(),
      confidence = confidence,
      draws = draws,
      seed = seed,
      compared_with = compared_with,
      labels = about_labels(predictions[predictions$split %in% split, ], rows, attr(predictions, "placa")),
      r_version = as.character(getRversion()),
      placa_version = as.character(utils::packageVersion("placa"))
    )
  )
  if (!is.null(out)) {
    write_evaluation(evaluation, out, labels)
  }
  evaluation
}

# Whose labels the figures are by, and how far they reach: predictions may be relabelled, and some go unlabelled.
about_labels <- function(predictions, labelled, described) {
  list(
    source = described$label_source,
    subset = described$label_subset,
    n_images = length(unique(predictions$image_id)),
    n_labelled = length(unique(labelled$image_id)),
    unlabelled_findings = setdiff(predictions$finding, labelled$finding)
  )
}

# The generic belongs to the package generics, so there is no default method here.
#' @rdname evaluate
#' @export
evaluate.character <- function(x, thresholds, ...) {
  evaluate(read_predictions(x), thresholds, ...)
}

#' @rdname evaluate
#' @param run The path of a run.
#' @param ... Further arguments of `evaluate()`.
#' @export
evaluate_run <- function(run, ...) {
  thresholds <- read_thresholds(run)
  check_model_file(run)
  invisible(evaluate(read_predictions(run), thresholds, ..., out = file.path(run, "evaluation")))
}

new_evaluation <- function(...) {
  structure(rlang::list2(...), class = "placa_evaluation")
}
