# The measures of predRupdate::pred_validate(), under its names, for independent images.
validation_measures <- function(rows, confidence) {
  truth <- rows$truth
  p <- pmin(pmax(rows$probability, 1e-7), 1 - 1e-7)
  z <- safe_logit(p)
  n <- length(truth)
  reach <- stats::qnorm((1 + confidence) / 2)
  of_fit <- function(formula, name) {
    fit <- suppressWarnings(stats::glm(formula, family = stats::binomial(), data = data.frame(truth = truth, z = z)))
    unname(stats::coef(summary(fit))[name, 1:2])
  }
  both <- length(unique(truth)) == 2
  missing <- c(NA_real_, NA_real_)
  auc <- if (both) auroc_delong(truth, p, confidence) else list(auroc = NA_real_, auroc_lower = NA, auroc_upper = NA)
  squares <- (p - truth)^2
  oe <- sum(truth) / sum(p)
  # The standard error of log(O/E) is that of the observed proportion, as in predRupdate.
  oe_error <- sqrt((1 - mean(truth)) / sum(truth))
  log_likelihood <- sum(stats::dbinom(truth, 1, p, log = TRUE))
  null <- sum(stats::dbinom(truth, 1, mean(truth), log = TRUE))
  cox_snell <- 1 - exp(2 * (null - log_likelihood) / n)
  with_error <- rbind(
    CalInt = if (both) of_fit(truth ~ offset(z), "(Intercept)") else missing,
    CalSlope = if (both && stats::sd(z) > 0) of_fit(truth ~ z, "z") else missing,
    # The standard error of a calibrated model (Spiegelhalter 1986), as in predRupdate.
    BrierScore = c(mean(squares), sqrt(mean(p * (1 - p) * (1 - 2 * p)^2) / n))
  )
  bounds <- with_error[, 1] + outer(with_error[, 2], c(-reach, reach))
  with_error <- cbind(with_error, bounds)
  rows <- rbind(
    OE_ratio = c(oe, NA, if (oe > 0) oe * exp(c(-reach, reach) * oe_error) else c(NA, NA)),
    CalInt = with_error["CalInt", ], CalSlope = with_error["CalSlope", ],
    AUC = c(auc$auroc, sqrt(delong_variance(truth, p)), auc$auroc_lower, auc$auroc_upper),
    R2_CoxSnell = c(if (both) cox_snell else NA, NA, NA, NA),
    R2_Nagelkerke = c(if (both) cox_snell / (1 - exp(2 * null / n)) else NA, NA, NA, NA),
    BrierScore = with_error["BrierScore", ]
  )
  tibble::tibble(
    measure = rownames(rows), estimate = unname(rows[, 1]), std_error = unname(rows[, 2]),
    lower = unname(rows[, 3]), upper = unname(rows[, 4])
  )
}

delong_variance <- function(truth, probability) {
  if (length(unique(truth)) < 2) {
    return(NA_real_)
  }
  values <- placement_values(truth, probability, NULL)
  auroc_covariance(truth, values, seq_along(truth), fold_weights(truth, NULL))[1, 1]
}
