#' What to leave to a radiologist: split-conformal sets
#'
#' For a wanted error rate, each image gets the set of answers that cannot be
#' ruled out. Where that is one answer the model decides; where it is both, or
#' neither, the image is left to a radiologist. Calibration is by class, so the
#' promise holds for images with the finding and for images without it alike
#' (Vovk 2013): of the former, at most the wanted share is decided, or ruled, as
#' being without. It is made on the validation split and measured on the other.
#' Where that split has also served to choose among models or to recalibrate, the
#' promise is a little too good; what is measured is not.
#'
#' The promise wants calibration images that are exchangeable with new ones,
#' which images of one patient are not. `calibrate` says what is done about it:
#' `"clustered"` gives each group a weight of one, shared by its images (Lee,
#' Barber and Willett 2023); `"one"` draws one image a group and class (Dunn,
#' Wasserman and Ramdas 2023); `"image"` counts images as if they were patients,
#' for comparison. The first two promise coverage of an image of a new patient,
#' each patient counting the same; `coverage` is measured so, too.
#'
#' @inheritParams clustered_auroc
#' @param error_rates Wanted shares of wrong answers among images of either
#'   class, each above 0 and below 1.
#' @param by Names of columns whose groups are calibrated by themselves, such as
#'   `"view"`, or `NULL`. A group too small to promise an error rate leaves its images
#'   to a radiologist.
#' @param calibration_split The split to calibrate on.
#' @param calibrate `"clustered"`, `"one"` or `"image"`, see above.
#' @param seed A whole number, for the bootstrap and for the drawing of `"one"`.
#' @return A tibble of class `placa_abstention` with one row a finding, group and
#'   error rate: `finding`, `split`, `column`, `group` (both missing for all images
#'   together), `error_rate` (wanted), `calibrate`, `n_images`, `n_clusters`,
#'   `positive_from` (probabilities from here on may be positive; 0 where none is
#'   ruled out), `negative_to` (probabilities up to here may be negative; 1 where
#'   none is ruled out), `deferred` (share
#'   of images left to a radiologist), `deferred_lower`, `deferred_upper`,
#'   `both` and `neither` (its two parts), `coverage_positive`,
#'   `coverage_negative` (share of the class whose set holds the truth, each group
#'   counting the same) with `_lower` and `_upper`, `error_decided` (share of wrong answers among
#'   images that the model decides) with `_lower` and `_upper` (all 0--1,
#'   clustered bootstrap), `confidence`. Where `by` is given, `positive_from` and
#'   `negative_to` are those of the group.
#' @section Errors:
#' Those of [clustered_auroc()]; `placa_error_rates` where `error_rates` is not
#' as above; `placa_error_split` where `calibration_split` is the split itself or
#' has no rows; `placa_error_columns`, `placa_error_groups` for `by`.
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
      abstain_by(rows, of_finding, column, error_rates, calibrate, confidence, draws, seed)
    })
    tibble::tibble(finding = finding, split = split, do.call(rbind, parts), confidence = confidence)
  }))
}

# All images together, or each group of a column, calibrated by itself.
abstain_by <- function(rows, known, column, error_rates, calibrate, confidence, draws, seed) {
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
      measure_sets(here, limits, confidence, draws, seed)
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
    cli::cli_abort(
      c("{.arg error_rates} must be numbers above 0 and below 1.", x = "They are {.val {error_rates}}."),
      class = "placa_error_rates", call = call
    )
  }
}

check_calibration_split <- function(split, calibration_split, call = rlang::caller_env()) {
  if (identical(split, calibration_split)) {
    cli::cli_abort(
      c("{.arg calibration_split} must be another split than {.arg split}.", x = "Both are {.val {split}}.",
        i = "What is calibrated on an image promises nothing about it."),
      class = "placa_error_split", call = call
    )
  }
}
