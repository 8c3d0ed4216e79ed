#' Validate a model on other data
#'
#' Evaluates a frozen model on data from elsewhere, with every table of [evaluate()], and compares the results with
#' those on its own test images. The model, its recalibration and its thresholds do not change. For a run,
#' `validate_external()` calls `placa validate` in Python, which predicts the prepared data set and leaves out images
#' that the model was trained on.
#'
#' The interval of a difference uses the intervals of both values (Zou and Donner 2008), as the images are independent:
#' for a difference \eqn{d = e - i}, the lower bound is
#' \eqn{d - \sqrt{(e - e_l)^2 + (i_u - i)^2}}{d - sqrt((e - e_l)^2 + (i_u - i)^2)}.
#' The table
#' `explained` shows which part of the difference of AUROC is due to other patients (Debray et al. 2015). The internal
#' images are weighted by the odds of a membership model, a logistic regression of the data set on truth, age, sex and
#' view, so that they have the case mix of the external images. The difference that remains is due to the model. Weights
#' are fixed in all draws of the interval.
#'
#' @param x Predictions with the model's own test images, a data frame as [read_predictions()] returns; or the path of a
#'   run.
#' @param external For predictions: a data frame of predictions of the other images, all of which are used; the split
#'   has no effect. For a run: the path of a prepared data set.
#' @param thresholds,out,labels,draws,seed,confidence As for [evaluate()].
#' @param split The split of `x` with its test images.
#' @param ... No other arguments.
#' @return An object of class `placa_validation`, a `placa_evaluation` of the external images (see [evaluate()]) with
#'   four more tibbles:
#'
#'   * `measures`: `finding`, `measure`, `estimate`, `std_error`, `lower`, `upper`, `confidence`, for independent
#'     images. The measures and their names are those of `pred_validate()` of the package predRupdate: `OE_ratio`,
#'     `CalInt`, `CalSlope`, `AUC`, `R2_CoxSnell`, `R2_Nagelkerke`, `BrierScore`.
#'   * `comparison`: `finding`, `metric`, `operating_point` (missing for metrics without threshold), and for `internal`,
#'     `external` and `difference` (external minus internal) the estimate and the bounds `_lower` and `_upper`;
#'     `confidence`. `net_benefit` is at the default threshold.
#'   * `case_mix`: `finding` (for prevalences), `variable`, `level`, `statistic` (`count`, `share`, `mean`, `sd`),
#'     `internal`, `external`, `std_difference` (standardised, Austin 2009).
#'   * `explained`: `finding`, `covariates` of the membership model, `membership_auroc` (0.5: the same case mix),
#'     `spread` and `shift` (ratio of the standard deviations, and difference of the means, of the logits), `internal`,
#'     `standardised` (internal AUROC in the external case mix, with bounds), `external`, `case_mix_difference`
#'     (standardised minus internal), `model_difference` (external minus standardised, with bounds), `effective_images`
#'     (Kish) of the weighted internal images, `confidence`.
#' @section Errors:
#' The errors of [evaluate()]; `placa_error_one_class` if no finding has external images with and without it;
#' `placa_error_finding` if the tables have no common finding; `placa_error_leak` if an image is in both tables;
#' `placa_error_report` with the message of Python.
#' @references
#' Austin PC (2009). Balance diagnostics for comparing the distribution of baseline covariates between treatment groups.
#' *Statistics in Medicine* 28(25), 3083--3107. \doi{10.1002/sim.3697}
#'
#' Collins GS, Moons KGM, Dhiman P, et al. (2024). TRIPOD+AI statement. *BMJ* 385, e078378.
#' \doi{10.1136/bmj-2023-078378}
#'
#' Debray TPA, Vergouwe Y, Koffijberg H, et al. (2015). A new framework to enhance the interpretation of external
#' validation studies of clinical prediction models. *Journal of Clinical Epidemiology* 68(3), 279--289.
#' \doi{10.1016/j.jclinepi.2014.06.018}
#'
#' Zou GY, Donner A (2008). Construction of confidence limits about effect measures: a general approach. *Statistics in
#' Medicine* 27(10), 1693--1702. \doi{10.1002/sim.3095}
#' @seealso [read_validations()], [pool_validations()]
#' @export
#' @examples
#' here <- example_predictions()
#' # Another hospital: other images, and a model that is too sure.
#' there <- here[here$split == "test", ]
#' there$image_id <- paste0("there-", there$image_id)
#' there$patient_id <- there$group_id <- paste0("there-", there$patient_id)
#' there$probability <- plogis(2 * qlogis(there$probability) - 0.5)
#' validation <- validate_external(here, there, example_thresholds(), draws = 200)
#' validation$comparison
validate_external <- function(x, external, ...) {
  UseMethod("validate_external")
}

#' @rdname validate_external
#' @export
validate_external.data.frame <- function(x, external, thresholds, split = "test", out = NULL, confidence = 0.95,
                                         labels = plot_labels("en"), draws = 2000, seed = 1, ...) {
  rlang::check_dots_empty()
  internal <- check_predictions(x)
  check_split(internal, split, rlang::current_env())
  external <- check_predictions(external)
  check_external(internal, external, rlang::current_env())
  external$split <- "external"
  if (!is.null(out)) check_out(out)
  own <- select_split(internal, split)
  own <- own[own$finding %in% external$finding, ]
  external <- external[external$finding %in% own$finding, ]
  evaluation <- evaluate(with_calibration_images(external, internal), thresholds, "external", confidence = confidence,
                         draws = draws, seed = seed)
  rows <- select_split(external, "external")
  on.exit(clear_resample_cache())
  evaluation$measures <- by_finding(rows, function(rows, finding) {
    tibble::tibble(finding = finding, validation_measures(rows, confidence), confidence = confidence)
  })
  evaluation$comparison <- compare_with_internal(evaluation, own, split, confidence, draws, seed)
  evaluation$case_mix <- compare_case_mix(own, rows)
  evaluation$explained <- explain_difference(own, rows, confidence, max(100, draws %/% 2), seed)
  class(evaluation) <- c("placa_validation", class(evaluation))
  if (!is.null(out)) write_evaluation(evaluation, out, labels)
  evaluation
}

#' @rdname validate_external
#' @param name For a run: the name of the validation; `NULL` is the name of the data set.
#' @param overwrite For a run: whether to replace a validation of that name.
#' @export
validate_external.character <- function(x, external, name = NULL, overwrite = FALSE, ...) {
  rlang::check_dots_empty()
  check_path(x, rlang::current_env())
  check_path(external, rlang::current_env())
  options <- c(if (!is.null(name)) c("--name", name), if (isTRUE(overwrite)) "--overwrite")
  printed <- run_placa(c("validate", x, external, options), near = x)
  read_validation(printed[[length(printed)]], x)
}

# Python calls this in a separate R.
validate_run <- function(run, predictions, out, split) {
  external <- read_predictions(predictions)
  invisible(validate_external(read_predictions(run), external, read_thresholds(run), split = split, out = out))
}

check_external <- function(internal, external, call) {
  if (!any(external$finding %in% internal$finding)) {
    abort(
      c("Both tables must have a common finding.",
        x = "The model predicts {.val {unique(internal$finding)}}, the other table has
          {.val {unique(external$finding)}}."),
      class = "placa_error_finding", call = call
    )
  }
  # Other images may have the same name, but hardly the same probability too.
  key <- function(rows) paste(rows$image_id, rows$finding, rows$probability, sep = "\r")
  shared <- unique(external$image_id[key(external) %in% key(internal)])
  if (length(shared) > 0) {
    abort(
      c("External images must be other images than those of the model.",
        x = "{length(shared)} image{?s} {?is/are} in both tables. The first is {.val {shared[[1]]}}.",
        i = "Remove these images, or give the images of another source other values of {.field image_id}."),
      class = "placa_error_leak", call = call, images = shared, patients = character(), groups = character()
    )
  }
  labelled <- external[!is.na(external$truth) & external$finding %in% internal$finding, ]
  classes <- tapply(labelled$truth, labelled$finding, function(truth) length(unique(truth)))
  if (!any(classes == 2)) {
    abort(
      c("The external images must have a finding with positive and negative images.",
        x = if (nrow(labelled) > 0) "All {nrow(labelled)} labels are {.val {unique(labelled$truth)}}.",
        x = if (nrow(labelled) == 0) "No image has a label."),
      class = "placa_error_one_class", call = call
    )
  }
}

# Abstention is calibrated on the model's own validation images. Their patients may have the same names as others.
with_calibration_images <- function(external, internal) {
  own <- internal[internal$split %in% "validation" & internal$finding %in% external$finding, ]
  for (name in c("image_id", "patient_id", "group_id")) {
    known <- !is.na(own[[name]])
    own[[name]][known] <- paste("internal", own[[name]][known])
  }
  if ("period" %in% names(external)) own$period <- NA_character_
  shared <- intersect(names(external), names(own))
  both <- rbind(external[shared], own[shared])
  attr(both, "placa") <- attr(external, "placa")
  both
}
