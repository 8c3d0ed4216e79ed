#' Plan an external validation
#'
#' Computes how many images and patients a data set needs, before it is collected, so that intervals have the wanted
#' widths. The logit of the predicted probability is taken to be normal, and the model to be calibrated. All sizes are
#' for independent images, times the design effect of repeated images of a patient, `1 + (images_per_patient - 1) *
#' icc`.
#'
#' The wanted widths are those of 95% confidence intervals. `NA` leaves a measure out. The interval of O/E is on the log
#' scale: `width_oe = 0.4` is an interval from 0.82 to 1.22 around 1.
#'
#' | measure | method |
#' |---|---|
#' | `auroc` | Pavlou et al. (2021), equation 9: the variance for normal scores |
#' | `slope`, `intercept` | Riley et al. (2021), by numerical integration over the logit |
#' | `oe` | Riley et al. (2021) |
#' | `sensitivity`, `specificity` | binomial variance, at the threshold where they are equal, or at `sensitivity` |
#' | `net_benefit` | standardised net benefit at `threshold` (Riley et al. 2021) |
#'
#' @param auroc,prevalence The expected AUROC (0.5 to 1) and prevalence.
#' @param images_per_patient The mean number of images of a patient.
#' @param icc The correlation of two images of a patient, 0 to 1.
#' @param width_auroc,width_slope,width_intercept,width_oe,width_sensitivity,width_specificity,width_net_benefit Wanted
#'   widths.
#' @param sensitivity The expected sensitivity; `NULL` is the one that equals the specificity.
#' @param threshold The probability at which the net benefit is wanted; `NULL` is the prevalence.
#' @return An object of class `placa_plan`, a tibble with `measure`, `expected`, `width`, `images` (independent),
#'   `design_effect`, `images_needed`, `patients_needed`, `positive_needed` (images). The row with the most images
#'   determines the size.
#' @section Errors:
#' `placa_error_plan` if an argument is out of its range.
#' @references
#' Pavlou M, Qu C, Omar RZ, et al. (2021). Estimation of required sample size for external validation of risk models for
#' binary outcomes. *Statistical Methods in Medical Research* 30(10), 2187--2206. \doi{10.1177/09622802211007522}
#'
#' Riley RD, Debray TPA, Collins GS, et al. (2021). Minimum sample size for external validation of a clinical prediction
#' model with a binary outcome. *Statistics in Medicine* 40(19), 4230--4251. \doi{10.1002/sim.9025}
#'
#' Snell KIE, Archer L, Ensor J, et al. (2021). External validation of clinical prediction models: simulation-based
#' sample size calculations were more reliable than rules-of-thumb. *Journal of Clinical Epidemiology* 135, 79--89.
#' \doi{10.1016/j.jclinepi.2021.02.011}
#' @seealso [validate_external()] for the validation itself; [plan_development()] for a regression model;
#'   [plan_readers()] for reader studies.
#' @export
#' @examples
#' plan_validation(auroc = 0.85, prevalence = 0.1, images_per_patient = 3, icc = 0.2)
plan_validation <- function(auroc, prevalence, images_per_patient = 1, icc = 0.2, width_auroc = 0.1,
                            width_slope = 0.4, width_intercept = 0.4, width_oe = 0.4, width_sensitivity = 0.1,
                            width_specificity = 0.1, width_net_benefit = 0.2, sensitivity = NULL, threshold = NULL) {
  check_planned(auroc, 0.5, 1, "auroc")
  check_planned(prevalence, 0, 1, "prevalence")
  check_planned(images_per_patient, 1, Inf, "images_per_patient", closed = TRUE)
  check_planned(icc, 0, 1, "icc", closed = TRUE)
  widths <- list(
    auroc = width_auroc, slope = width_slope, intercept = width_intercept, oe = width_oe,
    sensitivity = width_sensitivity, specificity = width_specificity, net_benefit = width_net_benefit
  )
  for (name in names(widths)) check_planned(widths[[name]], 0, Inf, paste0("width_", name), missing = TRUE)
  if (!is.null(sensitivity)) check_planned(sensitivity, 0, 1, "sensitivity")
  if (!is.null(threshold)) check_planned(threshold, 0, 1, "threshold")
  logit <- normal_logit(auroc, prevalence)
  cut <- stats::qlogis(threshold %||% prevalence)
  point <- planned_point(logit, prevalence, sensitivity)
  at_threshold <- rates_at(logit, prevalence, cut)
  variances <- unit_variances(logit, auroc, prevalence, point, at_threshold, cut)
  expected <- c(
    auroc = auroc, slope = 1, intercept = 0, oe = 1, sensitivity = point[["sensitivity"]],
    specificity = point[["specificity"]], net_benefit = standardised_benefit(at_threshold, prevalence, cut)
  )
  wanted <- unlist(widths)
  images <- ceiling(variances[names(wanted)] / (wanted / (2 * stats::qnorm(0.975)))^2)
  effect <- 1 + (images_per_patient - 1) * icc
  needed <- ceiling(images * effect)
  table <- tibble::tibble(
    measure = names(wanted), expected = unname(expected[names(wanted)]), width = unname(wanted),
    images = unname(images), design_effect = effect, images_needed = unname(needed),
    patients_needed = ceiling(unname(needed) / images_per_patient),
    positive_needed = ceiling(unname(needed) * prevalence)
  )
  as_estimates("plan", table[!is.na(table$width), ])
}

#' @export
print.placa_plan <- function(x, ...) {
  NextMethod()
  most <- x[which.max(x$images_needed), ]
  if (nrow(most) == 1) {
    cli::cli_inform(
      "{format(most$images_needed, big.mark = ',')} images of {format(most$patients_needed, big.mark = ',')} patients,
       {format(most$positive_needed, big.mark = ',')} positive images, for {.val {most$measure}}.",
      class = "placa_message_plan"
    )
  }
  invisible(x)
}

check_planned <- function(x, low, high, name, closed = FALSE, missing = FALSE, call = rlang::caller_env()) {
  if (missing && length(x) == 1 && is.na(x)) {
    return(invisible())
  }
  number <- is.numeric(x) && length(x) == 1 && is.finite(x)
  inside <- number && if (closed) x >= low && x <= high else x > low && x < high
  if (!isTRUE(inside)) {
    problem <- if (is.finite(high)) {
      "{.arg {name}} must be one number from {low} to {high}."
    } else if (closed) {
      "{.arg {name}} must be one number of {low} or more."
    } else {
      "{.arg {name}} must be one number above {low}."
    }
    abort(
      c(problem, x = "Received {.val {x}}."),
      class = "placa_error_plan", call = call
    )
  }
}

# Mean and standard deviation of the logit of a calibrated model with this AUROC and prevalence: up to an AUROC of 0.8
# equations 7 and 8 of Pavlou et al. (2021), as in the package sampsizeval, above it numerically.
normal_logit <- function(auroc, prevalence) {
  if (auroc <= 0.8) {
    between <- 2 * stats::qnorm(auroc)^2
    sd <- sqrt(between * (1 + prevalence * (1 - prevalence) * between))
    return(c(mean = (2 * prevalence - 1) * between / 2 + stats::qlogis(prevalence), sd = sd))
  }
  mean_for <- function(sd) {
    stats::uniroot(function(mean) expect(mean, sd, stats::plogis) - prevalence, c(-60, 60), tol = 1e-10)$root
  }
  sd <- stats::uniroot(function(sd) planned_auroc(mean_for(sd), sd) - auroc, c(1e-3, 30), tol = 1e-8)$root
  c(mean = mean_for(sd), sd = sd)
}

# The expectation over the logit, on a grid of 4,001 quantiles.
expect <- function(mean, sd, f) {
  z <- seq(-8, 8, length.out = 4001)
  weight <- stats::dnorm(z)
  sum(f(mean + sd * z) * weight) / sum(weight)
}

planned_auroc <- function(mean, sd) {
  z <- seq(-8, 8, length.out = 4001)
  p <- stats::plogis(mean + sd * z)
  positive <- stats::dnorm(z) * p
  negative <- stats::dnorm(z) * (1 - p)
  below <- cumsum(negative) - negative / 2
  sum(positive * below) / (sum(positive) * sum(negative))
}

# Sensitivity and specificity of the rule "logit of at least `cut`".
rates_at <- function(logit, prevalence, cut) {
  z <- seq(-8, 8, length.out = 4001)
  x <- logit[["mean"]] + logit[["sd"]] * z
  weight <- stats::dnorm(z) / sum(stats::dnorm(z))
  called <- stats::plogis((x - cut) / (logit[["sd"]] * (z[[2]] - z[[1]]) / 4))
  p <- stats::plogis(x)
  specificity <- sum(weight * (1 - p) * (1 - called)) / (1 - prevalence)
  c(sensitivity = sum(weight * p * called) / prevalence, specificity = specificity)
}

planned_point <- function(logit, prevalence, sensitivity) {
  gap <- function(cut) {
    rates <- rates_at(logit, prevalence, cut)
    rates[["sensitivity"]] - (sensitivity %||% rates[["specificity"]])
  }
  ends <- logit[["mean"]] + c(-7.9, 7.9) * logit[["sd"]]
  rates_at(logit, prevalence, stats::uniroot(gap, ends, tol = 1e-8)$root)
}

standardised_benefit <- function(rates, prevalence, cut) {
  weight <- exp(cut) * (1 - prevalence) / prevalence
  rates[["sensitivity"]] - weight * (1 - rates[["specificity"]])
}

# The variance of each estimate times the number of images.
unit_variances <- function(logit, auroc, prevalence, point, at_threshold, cut) {
  information <- function(power) {
    expect(logit[["mean"]], logit[["sd"]], function(x) stats::plogis(x) * stats::plogis(-x) * x^power)
  }
  i <- vapply(0:2, information, 0)
  odds <- (1 - prevalence) / prevalence
  weight <- odds * exp(cut)
  se <- at_threshold[["sensitivity"]]
  sp <- at_threshold[["specificity"]]
  c(
    auroc = (auroc - 2 * owen_t(-stats::qnorm(auroc), 1 / sqrt(3)) - auroc^2) / (prevalence * (1 - prevalence)),
    slope = i[[1]] / (i[[1]] * i[[3]] - i[[2]]^2),
    intercept = 1 / i[[1]],
    oe = odds,
    sensitivity = point[["sensitivity"]] * (1 - point[["sensitivity"]]) / prevalence,
    specificity = point[["specificity"]] * (1 - point[["specificity"]]) / (1 - prevalence),
    net_benefit = se * (1 - se) / prevalence + weight^2 * sp * (1 - sp) / (1 - prevalence) +
      weight^2 * (1 - sp)^2 / (prevalence * (1 - prevalence))
  )
}

# Owen's T function.
owen_t <- function(h, a) {
  stats::integrate(function(x) exp(-h^2 * (1 + x^2) / 2) / (1 + x^2), 0, a, rel.tol = 1e-10)$value / (2 * pi)
}
