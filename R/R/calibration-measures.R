#' Calibration measures and smooth calibration curve
#'
#' In a calibrated model, 30 of 100 images with a probability of 0.3 are positive.
#' [calibration_bins()] compares observed and predicted proportions in bins.
#' `calibration_measures()` summarises calibration in numbers and
#' `calibration_curve()` returns a smooth curve. Both describe the probabilities
#' before (`score`) and after (`probability`) recalibration.
#'
#' The smooth curve is a logistic regression of the truth on restricted cubic
#' splines of the logit (Harrell 2015): five knots if the rarer class has at least
#' 100 images, three knots from 20 images, and a straight line below that, or where
#' more knots cannot be estimated. ICI, E50
#' and E90 are the mean, the median and the 90th percentile of the distance between
#' the curve and the probabilities (Austin and Steyerberg 2019, who used loess;
#' with a few hundred images the two can differ by 0.01). Distances are never
#' negative, so ICI, E50, E90 and ECE of a perfect model are above zero in any
#' sample, and the draws of a bootstrap are larger still. They have no interval,
#' because no interval of a bootstrap would contain the 0 of a perfect model.
#'
#' In a cross-validation (column `fold`), the slope has an intercept of its own for
#' each fold, with a weak normal prior (Gelman et al. 2008), so that it compares
#' images within folds. All other measures compare the probability of an image with
#' the truth of the same image, so they are sums over the folds.
#'
#' The intervals of intercept, slope and `observed_expected` are those of score tests:
#' a value is in the interval if the images do not contradict it. The variance is that
#' of the hypothesis, times the design effect of the clusters. If the classes are
#' separated, the slope cannot be estimated and its upper bound is infinite. Brier
#' score and log loss have intervals from the variance between clusters (Wilson's for
#' the Brier score, symmetric on the logarithmic scale for the others). The curve has
#' Wald's interval of its logit, with Student's t: the variance is the larger of that of
#' the logistic model and that between clusters (Liang and Zeger 1986), corrected for
#' the leverage of each cluster (Mancl and DeRouen 2001).
#'
#' The logits of 0 and 1 are infinite. Images with these probabilities are not in the
#' intercept, the slope, the curve and its distances, as in `rms::val.prob()` and
#' predRupdate, with a warning of class `placa_warning_bounds` that has their number.
#' The other measures use all images. If all probabilities are 0 or 1, intercept,
#' slope and curve cannot be estimated.
#'
#' @inheritParams clustered_auroc
#' @param draws,seed Not used: all intervals have a closed form.
#' @param bins Maximum number of bins of equal counts for ECE, an integer of at
#'   least 1. The bins are those of [calibration_bins()].
#' @return `calibration_measures()`: a tibble with one row per finding, stage and
#'   measure: `finding`, `split`, `stage` (`"before"`, `"after"` recalibration;
#'   `"before"` only if `score` exists and differs), `measure`, `estimate`,
#'   `lower`, `upper`, `bins` (number of bins of `"ece"`; fewer than requested if
#'   images share a probability), `confidence`.
#'
#'   | measure | description | perfect model |
#'   |---|---|---|
#'   | `intercept` | calibration in the large: the constant to add to all logits (Cox 1958) | 0 |
#'   | `slope` | the factor for all logits; below 1, predictions are too extreme | 1 |
#'   | `observed_expected` | number of positives divided by the sum of probabilities | 1 |
#'   | `brier` | mean squared error (Brier 1950), 0--1 | depends on the data |
#'   | `log_loss` | mean of -log(probability of the truth); infinite if a 0 or 1 is wrong | depends on the data |
#'   | `brier_scaled` | reduction of the Brier score from always predicting the prevalence | depends on the data |
#'   | `ici`, `e50`, `e90` | distance between curve and probabilities, 0--1 | 0 |
#'   | `ece` | mean distance in bins, weighted by number of images, 0--1 (Naeini et al. 2015) | 0 |
#'
#'   Values are missing if they cannot be estimated: with only one class or complete
#'   separation; slope, curve and its distances also with one distinct probability.
#' @seealso [calibration_bins()], [decision_curve()]
#' @section Errors:
#' The errors of [clustered_auroc()]; `placa_error_bins`, `placa_error_places`.
#' @references
#' Austin PC, Steyerberg EW (2019). The Integrated Calibration Index (ICI) and
#' related metrics for quantifying the calibration of logistic regression models.
#' *Statistics in Medicine* 38(21), 4051--4065. \doi{10.1002/sim.8281}
#'
#' Cox DR (1958). Two further applications of a model for binary regression.
#' *Biometrika* 45(3/4), 562--565. \doi{10.1093/biomet/45.3-4.562}
#'
#' Gelman A, Jakulin A, Pittau MG, Su Y (2008). A weakly informative default prior
#' distribution for logistic and other regression models. *Annals of Applied
#' Statistics* 2(4), 1360--1383. \doi{10.1214/08-AOAS191}
#'
#' Harrell FE (2015). *Regression Modeling Strategies*, 2nd edition. Springer.
#' \doi{10.1007/978-3-319-19425-7}
#'
#' Liang KY, Zeger SL (1986). Longitudinal data analysis using generalized linear
#' models. *Biometrika* 73(1), 13--22. \doi{10.1093/biomet/73.1.13}
#'
#' Mancl LA, DeRouen TA (2001). A covariance estimator for GEE with improved
#' small-sample properties. *Biometrics* 57(1), 126--134.
#' \doi{10.1111/j.0006-341X.2001.00126.x}
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
  if (is_grouped(predictions)) return(each_group(calibration_measures))
  calibrate_all(predictions, split, bins, 2, confidence, draws, seed)$measures
}

#' @rdname calibration_measures
#' @param places Number of points of the curve, an integer of at least 2.
#' @return `calibration_curve()`: a tibble of class `placa_calibration_curve`
#'   with one row per finding, stage and point: `finding`, `split`, `stage`,
#'   `probability` (evenly spaced in logit between the 1st and the 99th percentile),
#'   `observed` (height of the curve: the expected share of positives), `lower`,
#'   `upper` (pointwise; all 0--1),
#'   `confidence`.
#' @export
#' @examples
#' calibration_curve(example_predictions(), draws = 200, places = 5)
calibration_curve <- function(predictions, split = "test", confidence = 0.95, draws = 1000, seed = 1, places = 101) {
  calibrate_all(predictions, split, 10, places, confidence, draws, seed)$curve
}

# Both tables use the same fit, so evaluate() computes them once.
calibrate_all <- function(predictions, split, bins, places, confidence, draws, seed, call = rlang::caller_env()) {
  check_bins(bins, call)
  check_places(places, call)
  check_confidence(confidence, call)
  check_draws(draws, seed, call)
  data <- select_split(predictions, split, call)
  of_finding <- function(finding) {
    rows <- data[data$finding == finding, ]
    lapply(calibration_columns(rows), function(column) {
      warn_bounds(rows, column, finding, call)
      both <- calibrate_once(rows, column, bins, places, confidence)
      n_bins <- max(equal_count_bins(rows[[column]], bins))
      both$measures$bins <- ifelse(both$measures$measure == "ece", n_bins, NA_integer_)
      keys <- tibble::tibble(finding = finding, split = split, stage = stage_of(column))
      lapply(both, function(table) tibble::tibble(keys, table, confidence = confidence))
    })
  }
  parts <- do.call(c, lapply_forked(unique(data$finding), of_finding, worth = nrow(data) >= forked_rows))
  measures <- do.call(rbind, lapply(parts, `[[`, "measures"))
  curve <- do.call(rbind, lapply(parts, `[[`, "curve"))
  names(curve)[names(curve) == "estimate"] <- "observed"
  ends <- c("bins", "confidence")
  list(
    measures = as_estimates("calibration_measures", measures[c(setdiff(names(measures), ends), ends)]),
    curve = as_subclass("placa_calibration_curve", curve)
  )
}

warn_bounds <- function(rows, column, finding, call) {
  at_bounds <- sum(rows[[column]] %in% c(0, 1))
  if (at_bounds > 0) {
    warn(
      c("{at_bounds} of {nrow(rows)} image{?s} {?has/have} a {.field {column}} of exactly 0 or 1 for {.val {finding}}.",
        i = "Calibration intercept, slope and curve are estimated without {cli::qty(at_bounds)}{?it/them}."),
      class = "placa_warning_bounds", call = call, finding = finding, n_images = at_bounds
    )
  }
}

stage_of <- function(column) c(score = "before", probability = "after")[[column]]

# A model without recalibration has one stage.
calibration_columns <- function(rows) {
  score <- if ("score" %in% names(rows)) rows$score
  usable <- !is.null(score) && !anyNA(score) && all(score >= 0 & score <= 1)
  c(if (usable && any(score != rows$probability)) "score", "probability")
}
