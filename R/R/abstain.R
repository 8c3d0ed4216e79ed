#' Defer uncertain images to a radiologist with split-conformal prediction
#'
#' For a nominal error rate, each image gets a prediction set: the classes that
#' cannot be excluded. If the set has one class, the model decides. If it has both
#' classes or none, the image is deferred to a radiologist. Calibration is per
#' class, so the error rate is controlled separately for images with and without
#' the finding (Vovk 2013). The limits are computed on the validation split and
#' measured on the evaluated split. If the validation split was also used to select
#' a model or to recalibrate, the nominal error rate is slightly optimistic; the
#' measured rates are not affected.
#'
#' The guarantee requires calibration images that are exchangeable with new
#' images. Images of one patient are not exchangeable. `calibrate` selects the
#' correction: `"clustered"` gives each group a total weight of one, shared by its
#' images (Lee, Barber and Willett 2023); `"one"` draws one image per group and
#' class (Dunn, Wasserman and Ramdas 2023); `"image"` treats images as
#' independent, for comparison. The first two guarantee coverage for an image of a
#' new patient, with equal weight per patient. `coverage` is measured in the same
#' way.
#'
#' @inheritParams clustered_auroc
#' @param error_rates Nominal error rates within each class, each above 0 and
#'   below 1.
#' @param by Names of columns whose groups are calibrated separately, such as
#'   `"view"`, or `NULL`. If a group is too small to control an error rate, all its
#'   images are deferred.
#' @param calibration_split The split to calibrate on.
#' @param calibrate `"clustered"`, `"one"` or `"image"`, see above.
#' @param draws Not used: the intervals have a closed form, see [operating_points()].
#' @param seed An integer, for the images drawn by `"one"`.
#' @return A tibble of class `placa_abstention` with one row per finding, group and
#'   error rate: `finding`, `split`, `column`, `group` (both missing for all
#'   images), `error_rate` (nominal), `calibrate`, `n_images`, `n_clusters`,
#'   `positive_from` (the positive class is in the set from this probability on; 0
#'   if it is never excluded), `negative_to` (the negative class is in the set up
#'   to this probability; 1 if it is never excluded), `deferred` (share of deferred
#'   images), `deferred_lower`, `deferred_upper`, `both` and `neither` (its two
#'   parts), `coverage_positive`, `coverage_negative` (share of the class whose set
#'   contains the truth, with equal weight per group) with `_lower` and `_upper`,
#'   `error_decided` (error rate among images that the model decides) with `_lower`
#'   and `_upper` (all 0--1), `confidence`. With `by`,
#'   `positive_from` and `negative_to` are the limits of the group.
#' @seealso [operating_points()], [list_errors()]
#' @section Errors:
#' The errors of [clustered_auroc()]; `placa_error_rates` for invalid
#' `error_rates`; `placa_error_split` if `calibration_split` equals `split` or has
#' no rows; `placa_error_columns` and `placa_error_groups` for invalid `by`.
#' @references
#' Vovk V (2013). Conditional validity of inductive conformal predictors.
#' *Machine Learning* 92, 349--376. \doi{10.1007/s10994-013-5355-6}
#'
#' Dunn R, Wasserman L, Ramdas A (2023). Distribution-free prediction sets for
#' two-layer hierarchical models. *Journal of the American Statistical
#' Association* 118(544), 2491--2502. \doi{10.1080/01621459.2022.2060112}
#'
#' Lee Y, Barber RF, Willett R (2023). Distribution-free inference with
#' hierarchical data. \doi{10.48550/arXiv.2306.06342}
#' @export
#' @examples
#' abstain(example_predictions(), error_rates = c(0.05, 0.1), draws = 200)
abstain <- function(predictions, error_rates = c(0.01, 0.05, 0.1, 0.2), by = NULL, split = "test",
                    calibration_split = "validation", calibrate = c("clustered", "one", "image"), confidence = 0.95,
                    draws = 1000, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  check_error_rates(error_rates)
  calibrate <- rlang::arg_match(calibrate)
  check_calibration_split(split, calibration_split)
  test <- select_split(predictions, split)
  check_columns(test, by, "predictions", rlang::current_env())
  known <- select_split(predictions, calibration_split)
  columns <- c(list(NULL), as.list(by))
  as_subclass("placa_abstention", by_finding(test, function(rows, finding) {
    of_finding <- known[known$finding == finding, ]
    parts <- lapply(columns, function(column) {
      abstain_by(rows, of_finding, column, error_rates, calibrate, confidence, seed)
    })
    tibble::tibble(finding = finding, split = split, do.call(rbind, parts), confidence = confidence)
  }))
}

# Each group has its own limits; column NULL is all images.
abstain_by <- function(rows, known, column, error_rates, calibrate, confidence, seed) {
  groups <- if (is.null(column)) list(NULL) else as.list(levels(groups_of_both(rows, known, column)))
  parts <- lapply(groups, function(group) {
    in_group <- function(table) {
      if (is.null(group)) rep(TRUE, nrow(table)) else group_or_unknown(table, column) == group
    }
    here <- rows[in_group(rows), ]
    if (nrow(here) == 0) {
      return(NULL)
    }
    limits <- conformal_limits(known[in_group(known), ], error_rates, calibrate, seed)
    tibble::tibble(
      column = if (is.null(column)) NA_character_ else column,
      group = if (is.null(group)) NA_character_ else group,
      error_rate = error_rates,
      calibrate = calibrate,
      n_images = nrow(here),
      n_clusters = length(unique(cluster_names(here))),
      limits,
      measure_sets(here, limits, confidence)
    )
  })
  do.call(rbind, parts)
}

group_or_unknown <- function(table, column) {
  as.character(group_columns(table, column, c(0, 18, 40, 60, 80))[[1]])
}

groups_of_both <- function(rows, known, column) {
  both <- rbind(rows[column], known[column])
  group_columns(both, column, c(0, 18, 40, 60, 80))[[1]]
}

check_error_rates <- function(error_rates, call = rlang::caller_env()) {
  good <- is.numeric(error_rates) && length(error_rates) > 0 && !anyNA(error_rates)
  if (!good || any(error_rates <= 0 | error_rates >= 1)) {
    abort(
      c("{.arg error_rates} must be numbers above 0 and below 1.", x = "Received {.val {error_rates}}."),
      class = "placa_error_rates", call = call
    )
  }
}

check_calibration_split <- function(split, calibration_split, call = rlang::caller_env()) {
  if (identical(split, calibration_split)) {
    abort(
      c("{.arg calibration_split} must differ from {.arg split}.", x = "Both are {.val {split}}.",
        i = "Limits must be evaluated on other images than they are calibrated on."),
      class = "placa_error_split", call = call
    )
  }
}
