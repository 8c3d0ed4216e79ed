# The smooth calibration curve of one finding, its band, and its distances.

# Measures and smooth curve of one column of probabilities. Images with a probability of 0 or 1 have no finite logit;
# they are not in the slope, the intercept and the curve.
calibrate_once <- function(rows, column, bins, places, confidence) {
  inside <- rows[[column]] > 0 & rows[[column]] < 1
  finite <- rows[inside, ]
  curve <- if (nrow(finite) > 0) smooth_curve(finite, column, places, confidence)
  list(
    measures = calibration_table(rows, finite, column, curve$distances, bins, confidence),
    curve = if (is.null(curve)) no_curve(places) else curve$curve
  )
}

no_curve <- function(places) {
  missing <- rep(NA_real_, places)
  tibble::tibble(probability = missing, estimate = missing, lower = missing, upper = missing)
}

smooth_curve <- function(rows, column, places, confidence) {
  truth <- rows$truth
  z <- stats::qlogis(rows[[column]])
  fit <- curve_fit(truth, z)
  at <- curve_places(z, places)
  height <- stats::plogis(as.double(fit$basis %*% fit$coefficients))
  distance <- abs(height - rows[[column]])
  list(
    curve = tibble::tibble(
      probability = stats::plogis(at),
      curve_band(truth, fit, height, spline_basis(at, fit$knots), cluster_index(rows), confidence)
    ),
    distances = c(
      ici = mean_or_missing(distance), e50 = quantile_or_missing(distance, 0.5),
      e90 = quantile_or_missing(distance, 0.9)
    )
  )
}

# Wald's interval of the logit at each point, with the larger of two variances: that of the logistic model, and that
# between clusters, whose sums of scores are corrected for their leverage, to first order as by leaving each cluster
# out. The first is too small for clusters, the second for few of them.
curve_band <- function(truth, fit, height, at, cluster, confidence) {
  basis <- fit$basis
  logit <- as.double(at %*% fit$coefficients)
  weight <- height * (1 - height)
  bread <- tryCatch(solve(crossprod(basis * weight, basis)), error = function(condition) NULL)
  if (anyNA(logit) || is.null(bread) || max(cluster) < 2) {
    missing <- rep(NA_real_, length(logit))
    return(tibble::tibble(estimate = stats::plogis(logit), lower = missing, upper = missing))
  }
  scores <- rowsum(basis * (truth - height), cluster)
  clusters <- nrow(scores)
  moved <- (scores %*% bread)[match(cluster, rownames(scores)), , drop = FALSE]
  scores <- scores + rowsum(basis * (weight * rowSums(basis * moved)), cluster)
  between <- bread %*% crossprod(scores) %*% bread * clusters / (clusters - 1)
  variance_of <- function(covariance) rowSums((at %*% covariance) * at)
  reach <- stats::qt((1 + confidence) / 2, clusters - 1) * sqrt(pmax(variance_of(bread), variance_of(between)))
  tibble::tibble(
    estimate = stats::plogis(logit), lower = stats::plogis(logit - reach), upper = stats::plogis(logit + reach)
  )
}

mean_or_missing <- function(x) if (length(x) == 0 || anyNA(x)) NA_real_ else mean(x)

# Interpolated, as in rms::val.prob().
quantile_or_missing <- function(x, share) {
  if (length(x) == 0 || anyNA(x)) NA_real_ else stats::quantile(x, share, names = FALSE)
}

# The curve with as many knots as the images allow: where all images below the lowest knots are negative, the maximum
# of the likelihood is at infinity. Missing coefficients cannot be estimated, as with separated classes.
curve_fit <- function(truth, z) {
  for (knots in spline_knots(z, truth)) {
    basis <- spline_basis(z, knots)
    count <- function(x) matrix(as.double(x))
    estimable <- length(unique(z)) > 1 && length(unique(truth)) == 2
    fitted <- if (estimable) logistic_draws(basis, count(truth), count(rep(1, length(truth))))[, 1] else NA_real_
    if (!anyNA(fitted)) break
  }
  list(knots = knots, basis = basis, coefficients = rep_len(fitted, ncol(basis)))
}

# Evenly spaced in logit, which resolves rare findings, from the 1st to the 99th percentile.
curve_places <- function(z, places) {
  ends <- stats::quantile(z, c(0.01, 0.99), names = FALSE)
  seq(ends[[1]], ends[[2]], length.out = places)
}

finite_or_missing <- function(x) {
  x[x == 0] <- NA_real_
  x
}
