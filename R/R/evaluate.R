#' Evaluate predictions: all tables, all figures
#'
#' `evaluate()` first checks that no patient of the evaluated split is in another
#' split. It then calls [discrimination()], [operating_points()],
#' [calibration_bins()], [roc_points()] and the functions in the table below.
#' `evaluate_run()` reads a run, evaluates it and writes its `evaluation/`, or for another
#' split a folder such as `evaluation-train/`. It does
#' not need Python if arrow or nanoparquet is installed.
#'
#' `evaluate()` is the generic function of the package generics.
#'
#' @inheritParams discrimination
#' @inheritParams operating_points
#' @inheritParams calibration_bins
#' @param x A data frame with one row per image and finding, as
#'   [read_predictions()] returns, or the path of a run. The columns `image_id`,
#'   `finding`, `truth` and `probability` are enough; [as_predictions()] describes
#'   other names and forms. It should contain all splits, because leaks are detected
#'   between splits. [relabel()] replaces `truth` by the labels of another source.
#' @param thresholds Operating points: a data frame, as [read_thresholds()] or
#'   [choose_thresholds()] return; the path of a run; one number from 0 to 1, or a
#'   vector with the names of findings. `NULL` chooses them on the labelled
#'   validation rows, see [choose_thresholds()]; without these rows they are 0.5. A
#'   message of class `placa_message_thresholds` says which.
#' @inheritParams as_predictions
#' @param image_id,patient_id Columns with the image and the patient, by tidy selection. The
#'   defaults are the columns of these names.
#' @param out `NULL`, or a directory to write to. The files are written to a
#'   temporary directory, which is then renamed. An older evaluation is replaced;
#'   any other existing directory is an error.
#' @param labels Labels of the figures, by [plot_labels()], or `"en"` or `"es"`.
#' @param prevalence The prevalence of the finding where the model would be used, above
#'   0 and below 1: one number for all findings, or a vector with their names. The
#'   decision curve and the predictive values are computed for it too. `NULL` uses
#'   0.05 as an example for the decision curve.
#' @param readers `NULL`, or the ratings of readers, as [read_readers()] returns, or the path of
#'   their file, to compare the model with them. With several modalities, the model is
#'   compared with the first one, and the modalities with each other.
#' @param draws Number of bootstrap draws, an integer of at least 100. Curves,
#'   bands, calibration and subgroups use half as many.
#' @return An object of class `placa_evaluation`, a list of tibbles:
#'
#'   | table | function |
#'   |---|---|
#'   | `discrimination` | [discrimination()] |
#'   | `operating_points` | [operating_points()] |
#'   | `predictive_values` | [predictive_values()] |
#'   | `calibration` | [calibration_bins()] |
#'   | `calibration_measures`, `calibration_curve` | [calibration_measures()], [calibration_curve()] |
#'   | `roc` | [roc_points()] with `corners = TRUE` |
#'   | `roc_bands`, `pr_bands` | [roc_bands()], [pr_bands()] |
#'   | `decision_curve` | [decision_curve()] |
#'   | `subgroups` | [subgroups()] |
#'   | `over_time` | [performance_over_time()]; only with a column `period` of 2 to 60 periods |
#'   | `errors` | [list_errors()] |
#'   | `abstention` | [abstain()]; only with labelled validation images |
#'   | `readers`, `reader_curve` | [compare_readers()] and its ROC curve; only with `readers` |
#'   | `reader_agreement`, `modalities` | [reader_agreement()], [compare_modalities()]; only with `readers` |
#'
#'   and `thresholds`, `predictions` (the evaluated rows) and `about`, a list with
#'   `split`, `engine`, `confidence`, `draws`, `seed`, `compared_with` (the other
#'   splits that were checked for leaks), `labels` (a list: `source` and `subset`
#'   of the labels, `NULL` if unknown; `n_images` of the split and `n_labelled` of
#'   them; `unlabelled_findings`, which are not in the tables), `r_version`,
#'   `placa_version`, `folds` (their number, or `NULL`), `prevalence` (as given, by finding) and
#'   `patients_known` (`FALSE` if no patient and no group is known). `evaluate_run()` returns it invisibly.
#'
#'   A data frame that is grouped by [dplyr::group_by()] returns a list of evaluations,
#'   with the names of the groups. The functions of the tables then return one table,
#'   with the columns of the groups first.
#'
#'   With `out`, the directory contains each table as a CSV file, such as
#'   `discrimination.csv` (UTF-8, missing values empty), the figures `roc`, `pr`,
#'   `calibration`, `decision_curve`, `subgroups` and `abstention` as `.png` and
#'   `.svg` (if they have data), and `summary.json`, which lists the files.
#' @seealso [as_predictions()], [choose_thresholds()], [tidy()][tidy.placa_evaluation],
#'   [autoplot()][autoplot.placa_evaluation]
#' @section Errors:
#' The errors of these functions; `placa_error_leak` if a patient (`patient_id`),
#' group (`group_id`) or image of the split is also in another split, or a patient or
#' group is in several folds (the condition has the fields `patients`, `groups` and
#' `images`); `placa_error_prevalence`; `placa_error_out` if `out`
#' cannot be written or contains other files; `placa_error_fingerprint` if the
#' model or the predictions of a run do not match its `run.json`.
#' @rdname evaluate
#' @aliases evaluate
#' @export
#' @examples
#' evaluation <- evaluate(example_predictions(), example_thresholds(), draws = 100)
#' evaluation
#' evaluation$discrimination
#' plot_roc(evaluation)
evaluate.data.frame <- function(x, thresholds = NULL, split = "test", out = NULL, bins = 10, confidence = 0.95,
                                labels = plot_labels("en"), draws = 2000, seed = 1, max_fpr = NULL,
                                prevalence = NULL, truth = NULL, estimate = NULL, event_level = NULL, readers = NULL,
                                image_id = NULL, patient_id = NULL, ...) {
  rlang::check_dots_empty()
  if (is_grouped(x)) {
    if (!is.null(readers)) {
      abort_ratings("{.arg readers} requires predictions without groups.", "{.arg x} is grouped.",
                    "Use {.fn dplyr::ungroup} first.")
    }
    return(evaluate_groups(
      x, thresholds, split, bins = bins, confidence = confidence, labels = labels, draws = draws, seed = seed,
      max_fpr = max_fpr, prevalence = prevalence, truth = {{ truth }}, estimate = {{ estimate }},
      event_level = event_level, out = out, image_id = {{ image_id }}, patient_id = {{ patient_id }}
    ))
  }
  # These options change how numbers become text.
  rlang::local_options(OutDec = ".", scipen = 0, digits = 7)
  predictions <- as_predictions(
    x, {{ truth }}, {{ estimate }}, {{ image_id }}, {{ patient_id }}, event_level = event_level
  )
  predictions <- fill_split(predictions, split)
  check_split(predictions, split, rlang::current_env())
  compared_with <- check_leaks(predictions, split)
  if (!is.null(out)) {
    check_out(out)
  }
  if (!is.null(readers)) readers <- if (is.character(readers)) read_readers(readers) else check_readers(readers)
  rows <- select_split(predictions, split)
  check_folds(rows)
  thresholds <- thresholds_for(thresholds, predictions, rows, split)
  check_draws(draws, seed)
  check_study_prevalence(prevalence, unique(rows$finding))
  # The functions share their draws, about 50 MB, which must be freed at the end.
  on.exit({
    clear_resample_cache()
    forget_selected()
  })
  selected_rows$table <- rows
  selected_rows$split <- split
  evaluation <- refuse_lost_numbers(new_evaluation(
    discrimination = discrimination(rows, split, confidence, draws, seed, max_fpr),
    operating_points = operating_points(rows, thresholds, split, confidence, draws, seed),
    calibration = calibration_bins(rows, split, bins, confidence),
    roc = roc_points(rows, split, corners = TRUE),
    !!!evaluation_details(predictions, rows, thresholds, split, bins, confidence, draws, seed, prevalence),
    thresholds = thresholds,
    predictions = rows[c(evaluation_columns, intersect("fold", names(rows)))],
    about = list(
      split = split,
      engine = engine_version(),
      confidence = confidence,
      draws = draws,
      seed = seed,
      compared_with = compared_with,
      labels = about_labels(predictions[predictions$split %in% split, ], rows, attr(predictions, "placa")),
      r_version = as.character(getRversion()),
      placa_version = as.character(utils::packageVersion("placa")),
      folds = count_folds(rows),
      model_fingerprint = fingerprint_of(attr(predictions, "placa")),
      prevalence = by_name(prevalence, unique(rows$finding)),
      patients_known = !all(is.na(predictions$patient_id) & is.na(predictions$group_id))
    )
  ))
  evaluation <- add_readers(evaluation, readers, rows, thresholds, split, confidence, draws, seed)
  if (!is.null(out)) {
    write_evaluation(evaluation, out, labels)
  }
  evaluation
}

# The prevalence of the study for one finding, or NULL.
prevalence_for <- function(prevalence, finding) {
  if (length(names(prevalence)) > 0) {
    prevalence <- prevalence[names(prevalence) == finding]
  }
  if (length(prevalence) == 0) NULL else unname(prevalence[[1]])
}

by_name <- function(prevalence, findings) {
  if (is.null(prevalence) || length(names(prevalence)) > 0) {
    return(prevalence)
  }
  stats::setNames(rep(prevalence, length(findings)), findings)
}

check_study_prevalence <- function(prevalence, findings, call = rlang::caller_env()) {
  if (is.null(prevalence)) {
    return(invisible())
  }
  check_prevalence(prevalence, call)
  unknown <- setdiff(names(prevalence), findings)
  if (length(unknown) > 0 || (is.null(names(prevalence)) && length(prevalence) != 1)) {
    abort(
      c("{.arg prevalence} must be one number, or a vector with the names of findings.",
        x = "Received {.val {prevalence}}{if (length(unknown) > 0) ' for '}{.val {unknown}}.",
        i = "The findings are {.val {findings}}."),
      class = "placa_error_prevalence", call = call
    )
  }
}

# Source of the labels and number of labelled images: predictions may be relabelled, and some images are unlabelled.
about_labels <- function(predictions, labelled, described) {
  list(
    # The metadata of a file may have any type.
    source = if (rlang::is_string(described$label_source)) described$label_source,
    subset = if (is.character(described$label_subset)) described$label_subset,
    n_images = length(unique(predictions$image_id)),
    n_labelled = length(unique(labelled$image_id)),
    unlabelled_findings = setdiff(predictions$finding, labelled$finding)
  )
}

# Arithmetic that loses a number, such as an integer overflow, is an error: R would go on with NA after a warning.
refuse_lost_numbers <- function(code, call = rlang::caller_env()) {
  lost <- c(gettext("NAs produced by integer overflow", domain = "R"), gettext("NaNs produced", domain = "R"),
            gettext("NAs introduced by coercion", domain = "R"),
            gettext("NAs introduced by coercion to integer range", domain = "R"))
  withCallingHandlers(code, warning = function(warning) {
    if (!conditionMessage(warning) %in% lost) return()
    abort(
      c("A number was lost in the arithmetic of the evaluation.",
        x = "R reported: {conditionMessage(warning)}",
        i = "This is an error of placa. Please report it with the number of images and findings."),
      class = "placa_error_arithmetic", call = call
    )
  })
}

# The fingerprint of the model in the metadata of predictions, or NULL.
fingerprint_of <- function(described) {
  value <- described$model_fingerprint
  if (rlang::is_string(value) && grepl("^sha256:[0-9a-f]{64}$", value)) value
}

# The generic belongs to the package generics, so placa defines no default method.
#' @rdname evaluate
#' @export
evaluate.character <- function(x, thresholds, ...) {
  evaluate(read_predictions(x), thresholds, ...)
}

#' @rdname evaluate
#' @param run The path of a run, or of another folder with `predictions.parquet` and
#'   `thresholds.json`. Its evaluation is written to `out`, by default to a folder in the run.
#' @param ... For a path and for `evaluate_run()`: other arguments of `evaluate()`.
#' @export
evaluate_run <- function(run, split = "test", ..., out = evaluation_folder(run, split)) {
  thresholds <- read_thresholds(run)
  check_model_file(run)
  check_files(run)
  invisible(evaluate(read_predictions(run), thresholds, split, ..., out = out))
}

# Python calls this in a separate R, with texts; an empty one is not given.
evaluate_folder <- function(folder, split, prevalence, readers, out) {
  evaluate_run(
    folder, split,
    prevalence = if (nzchar(prevalence)) as.numeric(prevalence), readers = if (nzchar(readers)) readers, out = out
  )
}

# Every split has a folder of its own; that of the test set is not replaced by another.
evaluation_folder <- function(run, split = "test") {
  name <- if (identical(split, "test")) "" else paste0("-", gsub("[^[:alnum:]_.-]", "_", split))
  file.path(run, paste0("evaluation", name))
}

new_evaluation <- function(...) {
  structure(rlang::list2(...), class = "placa_evaluation")
}
