#' Calibration in numbers, and as a smooth curve
#'
#' Are 30 of 100 images that were given a probability of 0.3 positive?
#' [calibration_bins()] shows it in bins; `calibration_measures()` says it in numbers
#' and `calibration_curve()` without bins. Both describe the probabilities
#' before (`score`) and after (`probability`) recalibration.
#'
#' The smooth curve is a logistic regression of the truth on restricted cubic
#' splines of the logit (Harrell 2015), with five knots from 100 images of the
#' rarer class on, three from 20 on, and a straight line below. ICI, E50 and E90
#' are the mean, the median and the ninth decile of the distance between the
#' curve and the probabilities (Austin and Steyerberg 2019, who used loess; with
#' a few hundred images the two can differ by 0.01). Distances are never
#' negative, so ICI, E50, E90 and ECE of a perfect model are above zero in any
#' sample, and so are the lower bounds of their intervals.
#'
#' Intervals are those of a clustered bootstrap, see [clustered_auroc()]; those of
#' the distances and of the curve are not bias-corrected.
#' The knots and the bins stay those of all images; with more than
#' 256 distinct probabilities each draw is fitted on 256 points in their place,
#' while the estimates themselves are of all images as they are. Probabilities
#' beyond 1e-7 and 1 - 1e-7 are taken as these, since their logits have no end.
#'
#' @inheritParams clustered_auroc
#' @param bins How many bins of equal counts ECE is taken over, at most; a whole
#'   number from 1. They are the bins of [calibration_bins()].
#' @return `calibration_measures()`: a tibble with one row a finding, stage and
#'   measure: `finding`, `split`, `stage` (`"before"`, `"after"` recalibration;
#'   `"before"` only where `score` is there and differs), `measure`, `estimate`,
#'   `lower`, `upper`, `bins` (how many `"ece"` has; fewer than asked for where
#'   images share a probability), `confidence`.
#'
#'   | measure | what | of a perfect model |
#'   |---|---|---|
#'   | `intercept` | calibration in the large: what must be added to all logits (Cox 1958) | 0 |
#'   | `slope` | what logits must be multiplied by; below 1 they are too extreme | 1 |
#'   | `observed_expected` | positives over the sum of probabilities | 1 |
#'   | `brier` | mean squared error (Brier 1950), 0--1 | what the truth allows |
#'   | `brier_scaled` | share gone of the error of always saying the prevalence, at most 1 | what the truth allows |
#'   | `ici`, `e50`, `e90` | distance of the curve, 0--1 | 0 |
#'   | `ece` | mean distance of bins, weighted by their images, 0--1 (Naeini et al. 2015) | 0 |
#'
#'   What cannot be fitted (one class only, or classes that a threshold
#'   separates) is missing.
#' @section Errors:
#' Those of [clustered_auroc()]; `placa_error_bins`, `placa_error_places`.
#' @references
#' Austin PC, Steyerberg EW (2019). The Integrated Calibration Index (ICI) and
#' related metrics for quantifying the calibration of logistic regression models.
#' *Statistics in Medicine* 38(21), 4051--4065. \doi{10.1002/sim.8281}
#'
#' Cox DR (1958). Two further applications of a model for binary regression.
#' *Biometrika* 45(3/4), 562--565. \doi{10.1093/biomet/45.3-4.562}
#'
#' Harrell FE (2015). *Regression Modeling Strategies*, 2nd edition. Springer.
#' \doi{10.1007/978-3-319-19425-7}
#'
#' Naeini MP, Cooper GF, Hauskrecht M (2015). Obtaining well calibrated
#' probabilities using Bayesian binning. *Proceedings of the AAAI Conference on
#' Artificial Intelligence* 29(1), 2901--2907. \doi{10.1609/aaai.v29i1.9602}
#'
#' Steyerberg EW, Vickers AJ, Cook NR, et al. (2010). Assessing the performance
#' of prediction models. *Epidemiology* 21(1), 128--138.
#' \doi{10.1097/EDE.0b013e3181c30fb2}
#' @export
#' @examples
#' calibration_measures(example_predictions(), draws = 200)
calibration_measures <- function(predictions, split = "test", bins = 10, confidence = 0.95, draws = 1000, seed = 1) {
  calibrate_all(predictions, split, bins, 2, confidence, draws, seed)$measures
}

#' @rdname calibration_measures
#' @param places At how many probabilities the curve is shown, a whole number
#'   from 2.
#' @return `calibration_curve()`: a tibble of class `placa_calibration_curve`
#'   with one row a finding, stage and place: `finding`, `split`, `stage`,
#'   `probability` (the place, evenly spaced in logit between the first and the
#'   last hundredth of the images), `observed` (the height of the curve: the share
#'   of positives to expect there), `lower`, `upper` (pointwise; all 0--1),
#'   `confidence`.
#' @export
#' @examples
#' calibration_curve(example_predictions(), draws = 200, places = 5)
calibration_curve <- function(predictions, split = "test", confidence = 0.95, draws = 1000, seed = 1, places = 101) {
  calibrate_all(predictions, split, 10, places, confidence, draws, seed)$curve
}

# Both tables from the same draws, for whoever wants both.
calibrate_all <- function(predictions, split, bins, places, confidence, draws, seed, call = rlang::caller_env()) {
  check_bins(bins, call)
  check_places(places, call)
  check_confidence(confidence, call)
  check_draws(draws, seed, call)
  data <- select_split(predictions, split, call)
  parts <- list()
  for (finding in unique(data$finding)) {
    rows <- data[data$finding == finding, ]
    for (column in calibration_columns(rows)) {
      both <- calibrate_once(rows, column, bins, places, confidence, draws, seed)
      n_bins <- max(equal_count_bins(rows[[column]], bins))
      both$measures$bins <- ifelse(both$measures$measure == "ece", n_bins, NA_integer_)
      whose <- tibble::tibble(finding = finding, split = split, stage = stage_of(column))
      parts <- c(parts, list(lapply(both, function(table) {
        tibble::tibble(whose, table, confidence = confidence)
      })))
    }
  }
  measures <- do.call(rbind, lapply(parts, `[[`, "measures"))
  curve <- do.call(rbind, lapply(parts, `[[`, "curve"))
  names(curve)[names(curve) == "estimate"] <- "observed"
  ends <- c("bins", "confidence")
  list(
    measures = measures[c(setdiff(names(measures), ends), ends)],
    curve = as_subclass("placa_calibration_curve", curve)
  )
}

stage_of <- function(column) c(score = "before", probability = "after")[[column]]

# A model that was never recalibrated has one stage only.
calibration_columns <- function(rows) {
  score <- if ("score" %in% names(rows)) rows$score
  usable <- !is.null(score) && !anyNA(score) && all(score >= 0 & score <= 1)
  c(if (usable && any(score != rows$probability)) "score", "probability")
}
