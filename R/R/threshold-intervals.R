# Intervals of thresholds, in the order of choose_thresholds().

threshold_limits <- function(rows, points, sensitivity, specificity, worth, confidence, draws, seed) {
  parts <- if (length(unique(rows$truth)) < 2) {
    rep(list(c(NA_real_, NA_real_)), 3)
  } else {
    cluster <- cluster_index(rows)
    list(
      aim_limits(rows$probability, rows$truth == 1, cluster, sensitivity, confidence),
      1 - rev(aim_limits(1 - rows$probability, rows$truth == 0, cluster, specificity, confidence)),
      youden_limits(rows, cluster, confidence, draws, seed)
    )
  }
  # With equal probabilities, the share may jump across the aim.
  parts <- Map(function(limits, point) c(min(limits[[1]], point), max(limits[[2]], point)), parts, points)
  if (!is.null(worth)) parts <- c(parts, list(calibrated_limits(rows, 1 / (1 + worth), confidence)))
  do.call(rbind, parts)
}

# The thresholds whose share of the class is compatible with the aim (Woodruff 1952,
# <doi:10.1080/01621459.1952.10483443>), by Wilson's interval of the share, clustered by patient. The share, and with it
# its limits, decreases with the threshold.
aim_limits <- function(probability, of_class, cluster, aim, confidence) {
  whole <- tabulate(cluster[of_class], max(cluster))
  limits_at <- function(cut) {
    proportion(tabulate(cluster[of_class & probability >= cut], max(cluster)), whole)$limits(confidence)
  }
  cuts <- sort(unique(c(probability[of_class], 1)))
  # The highest of the first cuts that meet a condition.
  last_of <- function(meets) {
    from <- 0
    to <- length(cuts)
    while (from < to) {
      middle <- ceiling((from + to) / 2)
      if (meets(limits_at(cuts[[middle]]))) from <- middle else to <- middle - 1
    }
    c(0, cuts)[[from + 1]]
  }
  c(last_of(function(limits) limits[[1]] > aim), last_of(function(limits) limits[[2]] >= aim))
}

# Percentiles of the clustered bootstrap, as in cutpointr: the index has no formula for the error of its maximum.
youden_limits <- function(rows, cluster, confidence, draws, seed) {
  order <- order(rows$probability)
  probability <- rows$probability[order]
  last <- c(which(diff(probability) > 0), length(probability))
  cuts <- c(probability[last][-length(last)] + diff(probability[last]) / 2, 1)
  weight_of <- cluster[order]
  positive <- rows$truth[order] == 1
  chosen <- lapply(resample_blocks(max(cluster), draws, seed), function(block) {
    counts <- block()
    vapply(seq_len(ncol(counts)), function(draw) {
      weight <- as.integer(counts[, draw])[weight_of]
      missed <- cumsum(weight * positive)[last]
      spared <- cumsum(weight * !positive)[last]
      if (missed[length(last)] == 0 || spared[length(last)] == 0) {
        return(NA_real_)
      }
      cuts[[which.max(spared / spared[length(last)] - missed / missed[length(last)])]]
    }, double(1))
  })
  stats::quantile(unlist(chosen), 0.5 + c(-0.5, 0.5) * confidence, na.rm = TRUE, names = FALSE)
}

# The probabilities of the model at which the proportion of positive images may be the threshold: those at which the
# interval of the logistic calibration curve includes it.
calibrated_limits <- function(rows, threshold, confidence) {
  rows <- rows[rows$probability > 0 & rows$probability < 1, ]
  z <- stats::qlogis(rows$probability)
  if (!has_pairs(rows$truth) || length(unique(z)) < 2) {
    return(c(NA_real_, NA_real_))
  }
  basis <- cbind(1, z, deparse.level = 0)
  fitted <- logistic_draws(basis, matrix(as.double(rows$truth)), matrix(1, length(z), 1))
  height <- stats::plogis(as.double(basis %*% fitted))
  if (anyNA(height)) {
    return(c(NA_real_, NA_real_))
  }
  at <- seq(-20, 20, by = 0.001)
  fit <- list(basis = basis, coefficients = fitted[, 1])
  band <- curve_band(rows$truth, fit, height, cbind(1, at, deparse.level = 0), cluster_index(rows), confidence)
  inside <- which(band$lower <= threshold & band$upper >= threshold)
  if (length(inside) == 0) {
    return(c(NA_real_, NA_real_))
  }
  stats::plogis(at[range(inside)])
}
