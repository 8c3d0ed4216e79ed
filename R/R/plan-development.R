#' Plan the data for a regression model
#'
#' Computes how many images a logistic model needs for its development, such as one of radiomic features, or a linear
#' head on selected numbers of an embedding. It does not apply to a network: its weights are no parameters in this
#' sense. The explained variation that belongs to an AUROC is integrated over normal scores of both classes.
#'
#' | criterion | images are enough that |
#' |---|---|
#' | `shrinkage` | the expected uniform shrinkage is at least `shrinkage` |
#' | `optimism` | the apparent and the adjusted Nagelkerke R² differ by at most 0.05 |
#' | `prevalence` | the 95% interval of the prevalence is at most ±0.05 |
#'
#' @param auroc,prevalence The expected AUROC (0.5 to 1) and prevalence.
#' @param parameters The number of candidate parameters: coefficients, not variables.
#' @param shrinkage The smallest accepted shrinkage, 0 to 1.
#' @return An object of class `placa_plan`, a tibble with `measure` (the criterion), `images_needed`,
#'   `patients_needed` (one image each) and `positive_needed` (images). The row with the most images determines the
#'   size.
#' @section Errors:
#' `placa_error_plan` if an argument is out of its range.
#' @references
#' Riley RD, Ensor J, Snell KIE, et al. (2020). Calculating the sample size required for developing a clinical
#' prediction model. *BMJ* 368, m441. \doi{10.1136/bmj.m441}
#'
#' Riley RD, Van Calster B, Collins GS (2021). A note on estimating the Cox-Snell R² from a reported C statistic (AUROC)
#' to inform sample size calculations for developing a prediction model with a binary outcome. *Statistics in Medicine*
#' 40(4), 859--864. \doi{10.1002/sim.8806}
#' @seealso [plan_validation()] for the size of a validation; [plan_readers()] for reader studies.
#' @export
#' @examples
#' plan_development(auroc = 0.89, prevalence = 0.174, parameters = 24)
plan_development <- function(auroc, prevalence, parameters, shrinkage = 0.9) {
  check_planned(auroc, 0.5, 1, "auroc")
  check_planned(prevalence, 0, 1, "prevalence")
  check_planned(parameters, 1, Inf, "parameters", closed = TRUE)
  check_planned(shrinkage, 0, 1, "shrinkage")
  r2 <- cox_snell(auroc, prevalence)
  shrunk <- function(factor) parameters / ((factor - 1) * log1p(-r2[["expected"]] / factor))
  needed <- ceiling(c(
    shrinkage = shrunk(shrinkage), optimism = shrunk(r2[["expected"]] / (r2[["expected"]] + 0.05 * r2[["highest"]])),
    prevalence = (stats::qnorm(0.975) / 0.05)^2 * prevalence * (1 - prevalence)
  ))
  as_estimates("plan", tibble::tibble(
    measure = names(needed), images_needed = unname(needed), patients_needed = unname(needed),
    positive_needed = ceiling(unname(needed) * prevalence)
  ))
}

# The expected Cox-Snell R² of normal scores of both classes with this AUROC, and its highest value.
cox_snell <- function(auroc, prevalence) {
  apart <- sqrt(2) * stats::qnorm(auroc)
  mean_log <- function(truth) {
    expect(truth * apart, 1, function(score) {
      logit <- stats::qlogis(prevalence) + apart * score - apart^2 / 2
      stats::plogis(if (truth == 1) logit else -logit, log.p = TRUE)
    })
  }
  of_model <- prevalence * mean_log(1) + (1 - prevalence) * mean_log(0)
  of_prevalence <- prevalence * log(prevalence) + (1 - prevalence) * log1p(-prevalence)
  c(expected = 1 - exp(2 * (of_prevalence - of_model)), highest = 1 - exp(2 * of_prevalence))
}
