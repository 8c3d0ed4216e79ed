# Bounds from bootstrap draws.

# Bias-corrected percentiles (Efron 1987), widened for few clusters (Hesterberg 2015), with one row per column of the
# draws. In simulated data sets of 200 patients, 95 % intervals covered the true value in 93 to 96 %, plain percentiles
# in 92 to 95 %; see tests/simulation. Draws without a value (no positive image, for example) are ignored. Bounds are
# missing if such draws exceed 10 %, or with fewer than two clusters.
bootstrap_intervals <- function(boot, confidence, correct = TRUE) {
  correct <- rep_len(correct, ncol(boot$draws))
  reach <- widened_reach(boot$units, confidence)
  bounds <- vapply(seq_len(ncol(boot$draws)), function(j) {
    column <- boot$draws[, j]
    sorted <- sort(column[!is.na(column)])
    if (is.na(boot$estimate[[j]]) || is.na(reach) || length(sorted) < 0.9 * length(column)) {
      return(rep(NA_real_, 3))
    }
    bias <- if (correct[[j]]) median_bias(sorted, boot$estimate[[j]]) else 0
    c(spread_of(sorted), quantile_of_sorted(sorted, stats::pnorm(2 * bias + c(-reach, reach))))
  }, double(3))
  tibble::tibble(
    estimate = unname(boot$estimate), std_error = bounds[1, ],
    lower = bounds[2, ], upper = bounds[3, ]
  )
}

# An interval that is symmetric on the logit scale (Qin and Hotilovac 2008, <doi:10.1177/0962280207087173>), for AUROC
# within folds. With few positives per fold, it covers the true value more often than percentiles; see
# benchmarks/folds.py. An estimate of 0 or 1 has an interval of zero width.
logit_interval <- function(estimate, std_error, reach) {
  spread <- if (estimate %in% c(0, 1) && !is.na(reach)) 0 else reach * std_error / (estimate * (1 - estimate))
  as.list(stats::plogis(stats::qlogis(estimate) + c(-1, 1) * spread))
}

# Wilson's interval of a quantity between 0 and 1 with the standard error of the bootstrap. At 0 and 1 the draws do not
# vary, so the effective number of `clusters` of its denominator is the number of trials. Next to 0 and 1 they vary too
# little if few clusters have all errors, so each of the `images` of the denominator is at most three trials.
wilson_of_draws <- function(estimate, std_error, clusters, images, units, confidence) {
  if (is.na(estimate) || is.na(std_error) || units < 2) {
    return(c(NA_real_, NA_real_))
  }
  inside <- estimate > 1e-9 && estimate < 1 - 1e-9 && std_error > 0
  trials <- if (inside) min(estimate * (1 - estimate) / std_error^2, 3 * images) else clusters
  wilson_limits(if (inside) estimate else round(estimate), trials, widened_reach(units, confidence))
}

# The effective number of clusters of the class that has fewer.
effective_clusters <- function(truth, cluster) {
  min(vapply(unique(truth), function(class) kish(tabulate(cluster[truth == class])), double(1)))
}

# The normal quantile, such as 1.96, is replaced by Student's t quantile times sqrt(n / (n - 1)) for n clusters.
widened_reach <- function(units, confidence) {
  if (units < 2) NA_real_ else stats::qt((1 + confidence) / 2, units - 1) * sqrt(units / (units - 1))
}

# Distance of the estimate from the median of the draws, in standard normal units. It is limited to 0.5, because a
# larger distance is caused by a bound of the scale, not by bias.
median_bias <- function(sorted, estimate) {
  # Draws that equal the estimate up to rounding count half above and half below it.
  margin <- 1e-9 * max(1, abs(estimate))
  below <- (findInterval(estimate - margin, sorted) + findInterval(estimate + margin, sorted)) / 2
  min(max(stats::qnorm(below / length(sorted)), -0.5), 0.5)
}

# A ratio with a zero denominator in some draws has no standard error, and its upper bound may be infinite.
spread_of <- function(column) if (all(is.finite(column))) stats::sd(column) else NA_real_

quantile_of_sorted <- function(sorted, probabilities) {
  place <- 1 + (length(sorted) - 1) * probabilities
  below <- sorted[floor(place)]
  above <- sorted[ceiling(place)]
  ifelse(below == above, below, below + (place - floor(place)) * (above - below))
}
