#' Decision curve: net benefit by threshold
#'
#' Net benefit compares acting on the predictions of the model with acting on all
#' images and on none. The threshold probability sets the exchange rate: at 0.1,
#' one true positive is worth nine false positives. Net benefit is the rate of true
#' positives minus the weighted rate of false positives (Vickers and Elkin 2006).
#' Probabilities must be calibrated. Net benefit counts images, so that of a
#' cross-validation is the mean over the folds, weighted by images.
#'
#' Net benefit depends on the prevalence. In a sample enriched with disease, or a
#' case-control study, set `prevalence` to that of the population in which the model
#' would be used:
#' \eqn{\mathrm{NB} = \pi\,se - (1 - \pi)(1 - sp)\,t / (1 - t)}{NB = pi se - (1 - pi)(1 - sp) t / (1 - t)}, with
#' constant sensitivity and specificity. The thresholds then refer to probabilities
#' that are calibrated for that population.
#'
#' @inheritParams clustered_auroc
#' @param thresholds Threshold probabilities, each above 0 and below 1.
#' @param draws,seed Not used: the intervals have a closed form, see
#'   [operating_points()].
#' @param prevalence Prevalences, each above 0 and below 1, or `NULL` for that of the
#'   images. `NA` in a vector is that of the images.
#' @param harm Harm of using the model, in true positives per image, for example of
#'   the radiation or the cost of an image. It is subtracted from the net benefit of
#'   the model. A harm of 0.01 means that using the model on 100 images is as bad as
#'   missing one finding.
#' @return A tibble of class `placa_decision_curve` with one row per finding,
#'   threshold and strategy: `finding`, `split`, `threshold`, `strategy`
#'   (`"model"`, `"all"`: act on every image, `"none"`), `net_benefit` (true
#'   positives per image; at most the prevalence, without a lower limit),
#'   `net_benefit_lower`, `net_benefit_upper` (pointwise), `advantage` (of the model
#'   over the better of `"all"` and `"none"`; missing for these two),
#'   `advantage_lower`, `advantage_upper`, `avoided` (of the model: actions avoided per
#'   image, compared with acting on all, without a change in findings missed; below 0 the
#'   model is worse than acting on all), `avoided_lower`, `avoided_upper`, `confidence`,
#'   `prevalence` and `own` (`TRUE` for the prevalence of the images).
#' @seealso [predictive_values()], [calibration_measures()]
#' @section Errors:
#' The errors of [clustered_auroc()]; `placa_error_thresholds`; `placa_error_prevalence`;
#' `placa_error_harm`.
#' @references
#' Vickers AJ, Elkin EB (2006). Decision curve analysis: a novel method for
#' evaluating prediction models. *Medical Decision Making* 26(6), 565--574.
#' \doi{10.1177/0272989X06295361}
#'
#' Pfeiffer RM, Gail MH (2020). Estimating the decision curve and its precision from
#' three study designs. *Biometrical Journal* 62(3), 764--776.
#' \doi{10.1002/bimj.201800240}
#' @export
#' @examples
#' decision_curve(example_predictions(), thresholds = c(0.1, 0.3, 0.5))
#' decision_curve(example_predictions(), thresholds = c(0.1, 0.3), prevalence = 0.05)
decision_curve <- function(predictions, split = "test", thresholds = (1:99) / 100, confidence = 0.95,
                           draws = 1000, seed = 1, prevalence = NULL, harm = 0) {
  if (is_grouped(predictions)) return(each_group(decision_curve))
  check_confidence(confidence)
  check_draws(draws, seed)
  check_curve_thresholds(thresholds)
  if (!is.null(prevalence)) check_prevalence(prevalence[!is.na(prevalence)])
  check_harm(harm)
  data <- select_split(predictions, split)
  as_subclass("placa_decision_curve", by_finding(data, function(rows, finding) {
    cluster <- cluster_index(rows)
    counts <- lapply(thresholds, function(threshold) {
      counts_by_cluster(rows$truth, rows$probability, cluster, threshold)
    })
    parts <- lapply(if (is.null(prevalence)) NA_real_ else prevalence, function(share) {
      tibble::tibble(
        finding = finding,
        split = split,
        threshold = rep(thresholds, each = 3),
        strategy = rep(c("model", "all", "none"), length(thresholds)),
        net_benefits(counts, thresholds, confidence, share, harm),
        confidence = confidence,
        prevalence = if (is.na(share)) mean(rows$truth) else share,
        own = is.na(share)
      )
    })
    do.call(rbind, parts)
  }))
}

net_benefits <- function(counts, thresholds, confidence, prevalence, harm) {
  # Estimate and limits by threshold: of the model, of acting on all, of the advantage and of the actions avoided.
  values <- vapply(seq_along(thresholds), function(i) {
    exchange <- thresholds[[i]] / (1 - thresholds[[i]])
    benefit <- benefit_at(counts[[i]], exchange, prevalence)
    best <- if (benefit$all$estimate > 0) benefit$over_all else benefit$model
    unlist(lapply(list(
      transformed(benefit$model, function(value) value - harm),
      benefit$all,
      transformed(best, function(value) value - harm),
      transformed(benefit$over_all, function(value) (value - harm) / exchange)
    ), limits_of, confidence))
  }, double(12))
  of_strategies <- function(model, all, none) c(rbind(values[model, ], all, none))
  tibble::tibble(
    net_benefit = of_strategies(1, values[4, ], 0), net_benefit_lower = of_strategies(2, values[5, ], 0),
    net_benefit_upper = of_strategies(3, values[6, ], 0), advantage = of_strategies(7, NA, NA),
    advantage_lower = of_strategies(8, NA, NA), advantage_upper = of_strategies(9, NA, NA),
    avoided = of_strategies(10, NA, NA), avoided_lower = of_strategies(11, NA, NA),
    avoided_upper = of_strategies(12, NA, NA)
  )
}

# Net benefits as quantities, see score-intervals.R: each is the difference of two proportions of all images, or, at
# another prevalence, of two proportions of the positive and the negative images.
benefit_at <- function(n, exchange, prevalence) {
  images <- n$tp + n$fp + n$tn + n$fn
  positives <- n$tp + n$fn
  negatives <- n$tn + n$fp
  own <- is.na(prevalence)
  share <- function(part, of, weight) times(proportion(part, if (own) images else of), if (own) 1 else weight)
  of_positives <- function(part) share(part, positives, prevalence)
  of_negatives <- function(part) times(share(part, negatives, 1 - prevalence), exchange)
  list(
    model = difference(of_positives(n$tp), of_negatives(n$fp)),
    over_all = difference(of_negatives(n$tn), of_positives(n$fn)),
    all = if (own) {
      transformed(proportion(positives, images), function(value) value - (1 - value) * exchange)
    } else {
      known <- prevalence - (1 - prevalence) * exchange
      quantity(known, 0 * images, function(confidence) c(known, known))
    }
  )
}

times <- function(of, factor) transformed(of, function(value) value * factor, factor)

check_harm <- function(harm, call = rlang::caller_env()) {
  if (!rlang::is_bare_numeric(harm, n = 1) || !isTRUE(harm >= 0 && harm < 1)) {
    abort(
      c("{.arg harm} must be one number of at least 0 and below 1.", x = "Received {.val {harm}}."),
      class = "placa_error_harm", call = call
    )
  }
}

check_curve_thresholds <- function(thresholds, call = rlang::caller_env()) {
  good <- is.numeric(thresholds) && length(thresholds) > 0 && !anyNA(thresholds)
  if (!good || any(thresholds <= 0 | thresholds >= 1)) {
    abort(
      c("{.arg thresholds} must be numbers above 0 and below 1.", x = "Received {.val {thresholds}}."),
      class = "placa_error_thresholds", call = call
    )
  }
}
