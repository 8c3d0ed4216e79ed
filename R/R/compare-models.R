#' Compare models, or label sources, on the same images
#'
#' The errors of two models on the same images are correlated, so a paired
#' comparison is more precise than two separate estimates. All tables are reduced
#' to their common images, and each is compared with the first. AUROC is compared
#' by DeLong's test for correlated curves (DeLong et al. 1988) and by the test of
#' Obuchowski (1997) for clustered data, both with Welch's degrees of freedom. Both
#' reject too rarely in small samples. `"score"` is the test of the hypothesis that the
#' models can be exchanged in each patient (Bandos, Rockette and Gur 2005), with all
#' exchanges and mid-p (Lancaster 1961) in small samples, and Obuchowski's variance in
#' large ones. Metrics other than those of counts are also compared by
#' a clustered bootstrap with the same draws for all tables.
#'
#' The truth may differ between tables, for example to evaluate one model against
#' two label sources (see [relabel()]). DeLong's and Obuchowski's tests require the
#' same truth and are omitted in this case.
#'
#' With `paired = FALSE`, the tables are of different patients, for example of two
#' hospitals, and are independent. No patient or group may be in two tables.
#'
#' Intervals of AUROC, average precision, Brier score and log loss have limits at the
#' same distance, with a quantile of Student's t. Metrics of counts combine the
#' distances of both limits (Newcombe 1998; Zou and Donner 2008), see
#' [operating_points()]. The p-value is 1 minus the confidence level at which the
#' interval reaches 0, so intervals and p-values agree.
#'
#' A comparison of runs adds a row to the `evaluations.csv` of each run, once for each
#' pair, because it is one look more at their images. It needs predictions that
#' [read_predictions()] read from the folder of a run.
#'
#' With a column `fold`, AUROC and average precision of a table compare images
#' within its folds only; see [discrimination()]. Custom functions receive all rows.
#'
#' @inheritParams clustered_auroc
#' @param models A named list of two or more data frames of predictions, as
#'   [read_predictions()] returns; or one data frame with the column `model`.
#' @param metrics Names of metrics: `"auroc"`, `"average_precision"`,
#'   `"brier"`, `"log_loss"`, and, with `thresholds`, `"sensitivity"`, `"specificity"`, `"ppv"`,
#'   `"npv"`, `"lr_positive"`, `"lr_negative"`, `"f1"`, `"mcc"`, `"kappa"`,
#'   `"balanced_accuracy"`; or a named list that may contain custom functions,
#'   `function(truth, probability, weight)`, which return one number for rows
#'   with frequency weights.
#' @param thresholds Operating points for all models, as [read_thresholds()]
#'   returns, or a list of such tables with the names of the models. The default
#'   operating point is used.
#' @param paired `TRUE` to compare common images, `FALSE` to compare tables of
#'   different patients.
#' @return A tibble of class `placa_comparison`, whose print reminds that a comparison on the test images is one look
#'   more at them, with one row per finding, model
#'   (other than the first), metric and method: `finding`, `split`, `model`,
#'   `reference` (the first), `metric`, `method` (`"delong"`, `"obuchowski"`,
#'   `"bootstrap"`, `"score"` for AUROC of paired tables and metrics of counts),
#'   `n_images` and `n_clusters` (common), `n_left_out` (labelled images that are
#'   missing in another table), `estimate`, `reference_estimate`, `difference`
#'   (`estimate - reference_estimate`), `std_error`, `lower`, `upper` (of the
#'   difference), `p_value` (two-sided), `confidence`. `std_error` is missing for
#'   metrics of counts.
#' @seealso [compare_readers()], [relabel()]
#' @section Patients and findings:
#' The patient or group of an image comes from whichever table knows it. A finding
#' that a table lacks is left out, with a warning of class `placa_warning_finding`.
#' @section Errors:
#' The errors of [clustered_auroc()] for each table; `placa_error_models` for
#' invalid `models` or no common images; `placa_error_metrics`;
#' `placa_error_thresholds`.
#' @references
#' DeLong ER, DeLong DM, Clarke-Pearson DL (1988). Comparing the areas under two
#' or more correlated receiver operating characteristic curves: a nonparametric
#' approach. *Biometrics* 44(3), 837--845. \doi{10.2307/2531595}
#'
#' Obuchowski NA (1997). Nonparametric analysis of clustered ROC curve data.
#' *Biometrics* 53(2), 567--578. \doi{10.2307/2533958}
#'
#' Bandos AI, Rockette HE, Gur D (2005). A permutation test sensitive to differences
#' in areas for comparing ROC curves from a paired design. *Statistics in Medicine*
#' 24(18), 2873--2893. \doi{10.1002/sim.2149}
#'
#' Lancaster HO (1961). Significance tests in discrete distributions. *Journal of the
#' American Statistical Association* 56(294), 223--234.
#' \doi{10.1080/01621459.1961.10482105}
#' @export
#' @examples
#' predictions <- example_predictions()
#' blurred <- predictions
#' blurred$probability <- round(predictions$probability, 1)
#' compare_models(list(sharp = predictions, blurred = blurred), metrics = "auroc", draws = 200)
compare_models <- function(models, metrics = c("auroc", "average_precision", "brier"), thresholds = NULL,
                           split = "test", confidence = 0.95, draws = 2000, seed = 1, paired = TRUE) {
  check_confidence(confidence)
  check_draws(draws, seed)
  metrics <- check_metrics(metrics)
  given <- check_models(models)
  models <- lapply(given, select_split, split = split, call = rlang::current_env())
  check_paired(paired, models)
  findings <- common_findings(lapply(models, function(rows) unique(rows$finding)))
  thresholds <- thresholds_of_models(thresholds, names(models), findings, metrics)
  parts <- lapply(findings, function(finding) {
    tables <- lapply(models, function(rows) chosen_rows(rows, rows$finding == finding))
    tables <- if (paired) same_images(tables, finding) else tables
    points <- lapply(thresholds, point_of, finding)
    compared <- compare_tables(tables, metrics, points, confidence, draws, seed, paired)
    tibble::tibble(finding = finding, split = split, compared, confidence = confidence)
  })
  if (length(parts) == 0) {
    abort_models("They have no common finding.", rlang::current_env())
  }
  record_comparison(given, split)
  as_subclass("placa_comparison", do.call(rbind, parts))
}

#' @export
print.placa_comparison <- function(x, ...) {
  NextMethod()
  if ("test" %in% x$split) {
    cli::cat_line("# One look more at the test images: choose between models on validation images.")
  }
  invisible(x)
}

# A finding that a table lacks is left out, and that is said.
common_findings <- function(findings) {
  common <- Reduce(intersect, findings)
  left_out <- setdiff(unlist(findings), common)
  if (length(common) > 0 && length(left_out) > 0) {
    warn(
      c("Not compared, because a table has no labelled image of it: {.val {show_controls(left_out)}}."),
      class = "placa_warning_finding"
    )
  }
  common
}

point_of <- function(thresholds, finding) {
  if (is.null(thresholds)) NULL else default_point(thresholds[thresholds$finding == finding, ])$threshold
}

thresholds_of_models <- function(thresholds, models, findings, metrics, call = rlang::caller_env()) {
  wanted <- intersect(unlist(Filter(rlang::is_string, metrics)), threshold_metrics)
  if (length(wanted) > 0 && is.null(thresholds)) {
    abort(
      c("{.arg thresholds} is required for {.val {wanted}}.",
        i = "{.fun read_thresholds} reads the thresholds of a run."),
      class = "placa_error_thresholds", call = call
    )
  }
  for_all <- is.null(thresholds) || is.data.frame(thresholds) || rlang::is_string(thresholds)
  lapply(stats::setNames(nm = models), function(model) {
    of_model <- if (for_all) thresholds else thresholds[[model]]
    if (for_all && is.null(of_model)) NULL else check_thresholds(of_model, findings, call)
  })
}

check_models <- function(models, call = rlang::caller_env()) {
  if (is.data.frame(models)) {
    check_columns(models, "model", "models", call)
    models <- split(models, factor(as_text(models$model), unique(as_text(models$model))))
  }
  tables <- is.list(models) && length(models) > 1 && all(vapply(models, is.data.frame, logical(1)))
  if (!tables || !all(rlang::have_name(models)) || anyDuplicated(names(models)) > 0) {
    abort_models("Received {.obj_type_friendly {models}}.", call, models = models)
  }
  models
}

# `reason` is a template, and `...` are the values that it names.
abort_models <- function(reason, call, ...) {
  abort(
    c("{.arg models} must be a named list of two or more tables of predictions for the same images.",
      x = reason, i = "Example: {.code compare_models(list(first = predictions, second = other_predictions))}."),
    class = "placa_error_models", call = call, .envir = list2env(list(...), parent = environment())
  )
}

# Unpaired tables are of different patients.
check_paired <- function(paired, models, call = rlang::caller_env()) {
  if (!rlang::is_bool(paired)) {
    abort_models("{.arg paired} must be {.code TRUE} or {.code FALSE}.", call)
  }
  names <- unlist(lapply(models, function(rows) unique(cluster_names(rows))), use.names = FALSE)
  shared <- unique(names[duplicated(names)])
  if (!paired && length(shared) > 0) {
    abort_models("{length(shared)} patient{?s} or group{?s} {?is/are} in several tables, so they are not independent.",
                 call, shared = shared)
  }
}

# The rows of the common images, in the same order.
same_images <- function(tables, finding, call = rlang::caller_env()) {
  all_images <- lapply(tables, `[[`, "image_id")
  shared <- Reduce(intersect, all_images)
  if (length(shared) == 0) {
    abort_models("They have no common image with a label for {.val {finding}}.", call, finding = finding)
  }
  left_out <- length(setdiff(Reduce(union, all_images), shared))
  tables <- lapply(tables, function(rows) {
    place <- match(shared, rows$image_id)
    if (identical(place, seq_len(nrow(rows)))) rows else rows[place, ]
  })
  # Whichever table knows the patient or group of an image, in any order of the tables.
  clusters <- Reduce(join_patients, lapply(tables, cluster_names))
  lapply(tables, function(rows) {
    rows$group_id <- clusters
    attr(rows, "left_out") <- left_out
    rows
  })
}
