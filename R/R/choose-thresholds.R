#' Choose operating points on validation images
#'
#' For predictions made elsewhere, with the rule of `placa train`. Thresholds are
#' midpoints between neighbouring probabilities, and an image is positive at or above
#' the threshold. Do not choose thresholds on the images that you evaluate.
#'
#' @param predictions A data frame of predictions, see [as_predictions()].
#' @param split The split to choose on.
#' @param sensitivity,specificity Aims: the highest threshold with at least this
#'   sensitivity, and the lowest with at least this specificity.
#' @param worth `NULL`, or how many false positives one true positive is worth. The
#'   threshold is then 1 / (1 + `worth`), a probability, without any image: the
#'   probabilities must be calibrated (Vickers and Elkin 2006). Without labelled images
#'   of `split`, it is the only threshold.
#' @param default The operating point that is the default of [evaluate()]; `NULL` is
#'   `"worth"` if it is set, otherwise the aimed sensitivity, at which few images with
#'   the finding are missed.
#' @param confidence Confidence level of the intervals of the thresholds, or `NULL`
#'   for none.
#' @param draws,seed Number of bootstrap draws of patients for the interval of
#'   `youden`, and the seed.
#' @return A tibble as [read_thresholds()] returns: `finding`, `operating_point`
#'   (`"sensitivity_95"`, `"specificity_95"`, with the aims as percent; `"youden"`;
#'   `"worth"`), `threshold`, `default`, `chosen` (`FALSE` if the images have only
#'   one class; the threshold is then 0.5), `lower`, `upper`. The limits of an aim are
#'   the thresholds whose sensitivity (specificity) is compatible with it (Woodruff
#'   1952), those of `youden` are percentiles of a bootstrap of patients, and those of
#'   `worth` are the probabilities of the model at which the calibration curve may be
#'   1 / (1 + `worth`); its threshold is outside if the probabilities are not calibrated.
#' @section Errors:
#' The errors of [as_predictions()]; `placa_error_split` without rows of the split;
#' `placa_error_thresholds` for an aim outside 0--1, or an unknown `default`.
#' @references
#' Youden WJ (1950). Index for rating diagnostic tests. *Cancer* 3(1), 32--35.
#' \doi{10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3}
#'
#' Woodruff RS (1952). Confidence intervals for medians and other position measures.
#' *Journal of the American Statistical Association* 47(260), 635--646.
#' \doi{10.1080/01621459.1952.10483443}
#'
#' Vickers AJ, Elkin EB (2006). Decision curve analysis: a novel method for evaluating
#' prediction models. *Medical Decision Making* 26(6), 565--574.
#' \doi{10.1177/0272989X06295361}
#' @seealso [read_thresholds()] for the thresholds of a run; [operating_points()]
#' @export
#' @examples
#' choose_thresholds(example_predictions())
#' choose_thresholds(example_predictions(), sensitivity = 0.9, worth = 9)
choose_thresholds <- function(predictions, split = "validation", sensitivity = 0.95, specificity = 0.95, worth = NULL,
                              default = NULL, confidence = 0.95, draws = 1000, seed = 1) {
  check_aims(sensitivity, specificity, worth)
  if (!is.null(confidence)) check_confidence(confidence)
  check_draws(draws, seed)
  if (!is.null(worth)) {
    predictions <- check_predictions(tell_defaults(predictions))
    if (!any(predictions$split %in% split & !is.na(predictions$truth))) return(points_of_worth(predictions, worth))
  }
  rows <- select_split(predictions, split)
  names <- c(paste0("sensitivity_", percent_name(sensitivity)), paste0("specificity_", percent_name(specificity)),
             "youden", if (!is.null(worth)) "worth")
  default <- default %||% if (is.null(worth)) names[[1]] else "worth"
  if (!rlang::is_string(default) || !default %in% names) {
    abort_aim("{.arg default} must be one of {.val {names}}, not {.val {default}}.", names = names, default = default)
  }
  as_estimates("thresholds", by_finding(rows, function(rows, finding) {
    points <- choose_points(rows$probability, rows$truth, sensitivity, specificity)
    table <- tibble::tibble(
      finding = finding, operating_point = names,
      threshold = c(points, if (!is.null(worth)) 1 / (1 + worth)), default = names == default,
      chosen = length(unique(rows$truth)) == 2
    )
    if (is.null(confidence)) {
      return(table)
    }
    limits <- threshold_limits(rows, points, sensitivity, specificity, worth, confidence, draws, seed)
    tibble::tibble(table, lower = limits[, 1], upper = limits[, 2])
  }))
}

points_of_worth <- function(predictions, worth) {
  as_estimates("thresholds", tibble::tibble(
    finding = unique(predictions$finding), operating_point = "worth", threshold = 1 / (1 + worth), default = TRUE,
    chosen = TRUE, lower = NA_real_, upper = NA_real_
  ))
}

percent_name <- function(share) format(100 * share, digits = 15, trim = TRUE, decimal.mark = ".")

check_aims <- function(sensitivity, specificity, worth, call = rlang::caller_env()) {
  for (aim in list(sensitivity, specificity)) {
    if (!rlang::is_bare_numeric(aim, n = 1) || is.na(aim) || aim <= 0 || aim > 1) {
      abort_aim("Received {.val {aim}}.", call, aim = aim)
    }
  }
  if (!is.null(worth) && (!rlang::is_bare_numeric(worth, n = 1) || is.na(worth) || worth <= 0)) {
    abort_aim("{.arg worth} must be a number above 0, not {.val {worth}}.", call, worth = worth)
  }
}

abort_aim <- function(problem, call = rlang::caller_env(), ...) {
  abort(
    c("The aims must be one {.arg sensitivity} and one {.arg specificity} above 0 and at most 1.", x = problem),
    class = "placa_error_thresholds", call = call, .envir = list2env(list(...), parent = environment())
  )
}

# The rule of placa.models.calibration.thresholds.
choose_points <- function(probability, truth, sensitivity, specificity) {
  if (length(unique(truth)) < 2) {
    return(rep(0.5, 3))
  }
  levels <- sort(unique(probability))
  lower <- utils::head(levels, -1)
  upper <- levels[-1]
  middle <- (lower + upper) / 2
  # The midpoint of two adjacent doubles rounds to one of them.
  cuts <- c(0, ifelse(middle <= lower, upper, middle), 1)
  found <- 1 - findInterval(cuts, sort(probability[truth == 1]), left.open = TRUE) / sum(truth == 1)
  spared <- findInterval(cuts, sort(probability[truth == 0]), left.open = TRUE) / sum(truth == 0)
  youden <- found + spared - 1
  c(
    cuts[max(which(found >= sensitivity))], cuts[min(which(spared >= specificity))],
    cuts[which(youden >= max(youden) - 1e-12)[[1]]]
  )
}

# The thresholds of evaluate(): as given, otherwise from validation rows, otherwise 0.5.
thresholds_for <- function(thresholds, predictions, rows, split, call = rlang::caller_env()) {
  findings <- unique(rows$finding)
  if (!is.null(thresholds)) {
    return(check_thresholds(thresholds, findings, call))
  }
  if (can_calibrate(predictions, rows, split)) {
    cli::cli_inform(c(i = "Thresholds were chosen on the validation rows, see {.fun choose_thresholds}."),
                    class = "placa_message_thresholds")
    return(check_thresholds(choose_thresholds(predictions, confidence = NULL), findings, call))
  }
  cli::cli_inform(
    c(i = "The threshold is 0.5: there are no labelled validation rows to choose it on. Set {.arg thresholds}."),
    class = "placa_message_thresholds"
  )
  check_thresholds(0.5, findings, call)
}

# One number for all findings, or one for each by name.
thresholds_of_numbers <- function(numbers, findings, call) {
  if (is.null(names(numbers))) {
    if (length(numbers) != 1) {
      abort(
        c("{.arg thresholds} must be one number, or numbers with the names of findings.",
          x = "Received {length(numbers)} numbers without names.", i = "The findings are {.val {findings}}."),
        class = "placa_error_thresholds", call = call
      )
    }
    numbers <- stats::setNames(rep(numbers, length(findings)), findings)
  }
  tibble::tibble(
    finding = names(numbers), operating_point = "threshold", threshold = as.double(numbers), default = TRUE
  )
}
