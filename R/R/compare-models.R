#' Compare models, or sources of labels, on the same images
#'
#' Two models that see the same images err on the same ones, so that their
#' difference is known better than either figure. Every table is put on the
#' images that all of them have, and each is set against the first: AUROC by
#' DeLong's test for correlated curves (DeLong et al. 1988), by Obuchowski's
#' (1997) for clustered data, and every metric by a clustered bootstrap in which
#' all tables share their draws.
#'
#' The truth may differ between tables: so the same model is judged by two
#' sources of labels (see [relabel()]). DeLong's and Obuchowski's tests want one
#' truth, and are left out then.
#'
#' @inheritParams clustered_auroc
#' @param models A named list of two or more data frames of predictions, as
#'   [read_predictions()] returns; or one data frame with the column `model`.
#' @param metrics Names of metrics: `"auroc"`, `"average_precision"`,
#'   `"brier"`, and, with `thresholds`, `"sensitivity"`, `"specificity"`, `"ppv"`,
#'   `"npv"`, `"lr_positive"`, `"lr_negative"`, `"f1"`, `"mcc"`, `"kappa"`,
#'   `"balanced_accuracy"`; or a named list that may hold functions of one's own,
#'   `function(truth, probability, weight)`, which return one number for rows
#'   that count `weight` times.
#' @param thresholds Operating points, as [read_thresholds()] returns them, for
#'   all models, or a list of such tables named as the models. The default point
#'   is taken.
#' @return A tibble of class `placa_comparison` with one row a finding, model
#'   (other than the first), metric and method: `finding`, `split`, `model`,
#'   `reference` (the first), `metric`, `method` (`"delong"`, `"obuchowski"`,
#'   `"bootstrap"`), `n_images` and `n_clusters` (shared), `n_left_out` (labelled images
#'   that another table lacks), `estimate`, `reference_estimate`, `difference`
#'   (`estimate - reference_estimate`), `std_error`, `lower`, `upper` (of the
#'   difference), `p_value` (two-sided, normal), `confidence`.
#' @section Errors:
#' Those of [clustered_auroc()] for each table; `placa_error_models` where
#' `models` is not as above or no image is shared; `placa_error_metrics`;
#' `placa_error_thresholds`.
#' @references
#' DeLong ER, DeLong DM, Clarke-Pearson DL (1988). Comparing the areas under two
#' or more correlated receiver operating characteristic curves: a nonparametric
#' approach. *Biometrics* 44(3), 837--845. \doi{10.2307/2531595}
#'
#' Obuchowski NA (1997). Nonparametric analysis of clustered ROC curve data.
#' *Biometrics* 53(2), 567--578. \doi{10.2307/2533958}
#' @export
#' @examples
#' predictions <- example_predictions()
#' blurred <- predictions
#' blurred$probability <- round(predictions$probability, 1)
#' compare_models(list(sharp = predictions, blurred = blurred), metrics = "auroc", draws = 200)
compare_models <- function(models, metrics = c("auroc", "average_precision", "brier"), thresholds = NULL,
                           split = "test", confidence = 0.95, draws = 2000, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  metrics <- check_metrics(metrics)
  models <- lapply(check_models(models), select_split, split = split, call = rlang::current_env())
  findings <- Reduce(intersect, lapply(models, function(rows) unique(rows$finding)))
  thresholds <- thresholds_of_models(thresholds, names(models), findings, metrics)
  parts <- lapply(findings, function(finding) {
    tables <- same_images(lapply(models, function(rows) rows[rows$finding == finding, ]), finding)
    compared <- compare_tables(tables, metrics, lapply(thresholds, point_of, finding), confidence, draws, seed)
    tibble::tibble(finding = finding, split = split, compared, confidence = confidence)
  })
  if (length(parts) == 0) {
    abort_models("They have no finding in common.", rlang::current_env())
  }
  as_subclass("placa_comparison", do.call(rbind, parts))
}

point_of <- function(thresholds, finding) {
  if (is.null(thresholds)) NULL else default_point(thresholds[thresholds$finding == finding, ])$threshold
}

thresholds_of_models <- function(thresholds, models, findings, metrics, call = rlang::caller_env()) {
  wanted <- intersect(unlist(Filter(rlang::is_string, metrics)), threshold_metrics)
  if (length(wanted) > 0 && is.null(thresholds)) {
    cli::cli_abort(
      c("{.arg thresholds} must be given for {.val {wanted}}.", i = "{.fun read_thresholds} reads those of a run."),
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
    abort_models("It is {.obj_type_friendly {models}}.", call, models)
  }
  models
}

abort_models <- function(reason, call, models = NULL) {
  cli::cli_abort(
    c("{.arg models} must be a named list of two or more tables of predictions for the same images.",
      x = reason, i = "As in {.code compare_models(list(mine = predictions, theirs = others))}."),
    class = "placa_error_models", call = call
  )
}

# The rows of the images that all tables have, in one order.
same_images <- function(tables, finding, call = rlang::caller_env()) {
  all_images <- lapply(tables, `[[`, "image_id")
  shared <- Reduce(intersect, all_images)
  if (length(shared) == 0) {
    abort_models(paste0("No image with a label for ", finding, " is in all of them."), call)
  }
  left_out <- length(setdiff(Reduce(union, all_images), shared))
  lapply(tables, function(rows) {
    rows <- rows[match(shared, rows$image_id), ]
    attr(rows, "left_out") <- left_out
    rows
  })
}
