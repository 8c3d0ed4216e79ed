#' Performance at the stored operating points, with intervals
#'
#' Returns metrics at stored thresholds. Choose thresholds on the validation split,
#' never on the evaluated split. An image is predicted positive if its probability
#' is at or above the threshold.
#'
#' Estimates come from yardstick if it is installed, otherwise from counts. Columns
#' and values are the same; see the option `placa.engine` in [placa-package].
#' yardstick has a Brier score from version 1.2 on, and no likelihood ratios.
#'
#' Intervals are of score type and clustered by patient or group. They do not
#' collapse at 0 or 1. Proportions have Wilson's (1927) interval with the effective
#' number of images: the denominator divided by its own design effect (Korn and
#' Graubard 1998), or, at 0 and 1, Kish's effective number of clusters. With one
#' image per patient this is Wilson's interval. F1 is a function of such a
#' proportion: of the true positives among all images that are called or positive.
#' Balanced accuracy combines two proportions (Newcombe 1998; Zou and Donner 2008).
#' MCC and kappa are functions of sensitivity, specificity and the proportion of
#' positive images, whose intervals are combined in the same way (Newcombe 2001).
#' Likelihood ratios have the wider of the intervals of Donner and Zou (2012) and of
#' Mercaldo et al. (2007). `docs/evaluation.md` reports their coverage.
#' Thresholds are fixed, so intervals do not include the uncertainty of choosing
#' them. [predictive_values()] returns `ppv` and `npv` at other prevalences.
#'
#' @inheritParams discrimination
#' @param thresholds A data frame with the columns `finding`,
#'   `operating_point` (its name), `threshold` (0--1) and, optionally, `default`
#'   (`TRUE` for one per finding), as [read_thresholds()] returns; or the
#'   path of a run.
#' @param draws,seed Not used: the intervals have a closed form.
#' @return A long tibble with one row per finding, operating point and metric:
#'   `finding`, `split`, `operating_point`, `threshold`, `metric`, `estimate`,
#'   `lower`, `upper`, `interval`, `confidence`. `interval` is the method of the
#'   bounds: `"wilson"`, `"ratio"`, `"square_and_add"` or `"score"`; it is missing
#'   without bounds. The metrics are
#'
#'   | metric | description | range |
#'   |---|---|---|
#'   | `sensitivity` | positives that are predicted positive | 0--1 |
#'   | `specificity` | negatives that are predicted negative | 0--1 |
#'   | `ppv`, `npv` | positive (negative) predictions that are correct, at the prevalence of this split | 0--1 |
#'   | `lr_positive` | probability of a positive prediction with the finding, relative to without | 0 or more |
#'   | `lr_negative` | the same for a negative prediction | 0 or more, lower is better |
#'   | `f1` | harmonic mean of `ppv` and `sensitivity` | 0--1 |
#'   | `mcc` | correlation of prediction and truth (Matthews 1975) | -1--1 |
#'   | `kappa` | agreement of prediction and truth beyond chance (Cohen 1960) | -1--1 |
#'   | `balanced_accuracy` | mean of `sensitivity` and `specificity` | 0--1 |
#'   | `brier` | mean squared error of the probabilities (Brier 1950), for any threshold | 0--1, lower is better |
#'   | `true_positive`, `false_positive`, `true_negative`, `false_negative` | counts, without interval | images |
#'
#'   A metric with a zero denominator (`ppv` without positive predictions) is
#'   missing. A likelihood ratio with a zero denominator has a lower bound and the
#'   upper bound `Inf`. F1 is 0 if no positive image is found.
#' @seealso [choose_thresholds()], [predictive_values()]
#' @section Errors:
#' The errors of [discrimination()], and `placa_error_thresholds` if a finding has
#' no threshold or a threshold is not a number from 0 to 1.
#' @references
#' Youden WJ (1950). Index for rating diagnostic tests. *Cancer* 3(1), 32--35.
#' \doi{10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3}
#'
#' Matthews BW (1975). Comparison of the predicted and observed secondary
#' structure of T4 phage lysozyme. *Biochimica et Biophysica Acta* 405(2),
#' 442--451. \doi{10.1016/0005-2795(75)90109-9}
#'
#' Cohen J (1960). A coefficient of agreement for nominal scales. *Educational
#' and Psychological Measurement* 20(1), 37--46.
#' \doi{10.1177/001316446002000104}
#'
#' Brier GW (1950). Verification of forecasts expressed in terms of probability.
#' *Monthly Weather Review* 78(1), 1--3.
#' \doi{10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2}
#'
#' Donner A, Zou GY (2012). Closed-form confidence intervals for functions of the
#' normal mean and standard deviation. *Statistical Methods in Medical Research*
#' 21(4), 347--359. \doi{10.1177/0962280210383082}
#'
#' Korn EL, Graubard BI (1998). Confidence intervals for proportions with small
#' expected number of positive counts estimated from survey data. *Survey
#' Methodology* 24(2), 193--201.
#'
#' Mercaldo ND, Lau KF, Zhou XH (2007). Confidence intervals for predictive values
#' with an emphasis to case-control studies. *Statistics in Medicine* 26(10),
#' 2170--2183. \doi{10.1002/sim.2677}
#'
#' Newcombe RG (1998). Interval estimation for the difference between independent
#' proportions: comparison of eleven methods. *Statistics in Medicine* 17(8),
#' 873--890.
#'
#' Newcombe RG (2001). Estimating the difference between differences: measurement of
#' additive scale interaction for proportions. *Statistics in Medicine* 20(19),
#' 2885--2893. \doi{10.1002/sim.925}
#'
#' Zou GY, Donner A (2008). Construction of confidence limits about effect
#' measures: a general approach. *Statistics in Medicine* 27(10), 1693--1702.
#' \doi{10.1002/sim.3095}
#'
#' Wilson EB (1927). Probable inference, the law of succession, and statistical
#' inference. *Journal of the American Statistical Association* 22(158),
#' 209--212. \doi{10.1080/01621459.1927.10502953}
#' @export
#' @examples
#' operating_points(example_predictions(), example_thresholds(), draws = 500)
operating_points <- function(predictions, thresholds, split = "test", confidence = 0.95, draws = 2000, seed = 1) {
  if (is_grouped(predictions)) return(each_group(operating_points))
  check_confidence(confidence)
  check_draws(draws, seed)
  data <- select_split(predictions, split)
  thresholds <- check_thresholds(thresholds, unique(data$finding))
  estimates_at <- metrics_of(metric_engine())
  as_estimates("operating_points", by_finding(data, function(rows, finding) {
    points <- thresholds[thresholds$finding == finding, ]
    metrics <- metrics_at(rows, points$threshold, confidence)
    names <- unique(metrics$metric)
    metrics$estimate <- unlist(lapply(points$threshold, function(threshold) {
      unname(estimates_at(rows$truth, rows$probability, threshold)[names])
    }))
    tibble::tibble(
      finding = finding,
      split = split,
      operating_point = rep(points$operating_point, each = length(names)),
      threshold = rep(points$threshold, each = length(names)),
      metrics,
      confidence = confidence
    )
  }))
}

check_thresholds <- function(thresholds, findings, call = rlang::caller_env()) {
  if (rlang::is_string(thresholds)) {
    thresholds <- read_thresholds(thresholds)
  }
  if (is.numeric(thresholds)) {
    thresholds <- thresholds_of_numbers(thresholds, findings, call)
  }
  if (!is.data.frame(thresholds)) {
    abort(
      c("{.arg thresholds} must be a data frame, numbers from 0 to 1, or the path of a run.",
        x = "Received {.obj_type_friendly {thresholds}}.",
        i = "{.fun read_thresholds} reads the thresholds of a run."),
      class = "placa_error_thresholds", call = call
    )
  }
  check_columns(thresholds, c("finding", "operating_point", "threshold"), "thresholds", call)
  thresholds <- tibble::tibble(
    finding = as_text(thresholds$finding),
    operating_point = as_text(thresholds$operating_point),
    threshold = as_real(thresholds$threshold, "threshold", call),
    default = if ("default" %in% names(thresholds)) as.logical(thresholds$default) else FALSE
  )
  if (anyNA(thresholds$threshold) || any(thresholds$threshold < 0 | thresholds$threshold > 1)) {
    abort(
      c("{.field threshold} must be a number from 0 to 1.", x = "Received {.val {thresholds$threshold}}."),
      class = "placa_error_thresholds", call = call
    )
  }
  without <- setdiff(findings, thresholds$finding)
  if (length(without) > 0) {
    abort(
      c("Every finding must have a threshold.",
        x = "{.val {without}} {?has/have} no threshold.",
        i = "Received thresholds for {.val {unique(thresholds$finding)}}."),
      class = "placa_error_thresholds", call = call
    )
  }
  thresholds[thresholds$finding %in% findings, ]
}
