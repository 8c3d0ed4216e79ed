# The smooth calibration curve of one finding, in all bootstrap draws, and its distances.

# Draws are fitted on at most this many support points, each image at the nearest. The change of a logit is 1/50 or
# less, far below the bootstrap variation, and 2,000 fits take about a second.
support_points <- 256

# Support points: `z` are their logits, `p` their probabilities, `cell` is the point of each image.
support_of <- function(probability, most = support_points) {
  z <- stats::qlogis(probability)
  values <- sort(unique(z))
  if (length(values) <= most) {
    cell <- match(z, values)
  } else {
    cell <- as.integer(cut(z, most, labels = FALSE))
    cell <- match(cell, sort(unique(cell)))
  }
  share <- tabulate(cell)
  list(z = as.double(rowsum(z, cell)) / share, p = as.double(rowsum(probability, cell)) / share, cell = cell)
}

# Measures and smooth curve of one column of probabilities. Images with a probability of 0 or 1 have no finite logit;
# they are not in the slope, the intercept and the curve.
calibrate_once <- function(rows, column, bins, places, confidence, draws, seed) {
  inside <- rows[[column]] > 0 & rows[[column]] < 1
  finite <- rows[inside, ]
  curve <- if (nrow(finite) > 0) smooth_curve(finite, column, places, confidence, draws, seed)
  list(
    measures = calibration_table(rows, finite, column, curve$distances, bins, confidence),
    curve = if (is.null(curve)) no_curve(places) else curve$curve
  )
}

no_curve <- function(places) {
  missing <- rep(NA_real_, places)
  tibble::tibble(probability = missing, estimate = missing, lower = missing, upper = missing)
}

smooth_curve <- function(rows, column, places, confidence, draws, seed) {
  truth <- rows$truth
  cluster <- cluster_index(rows)
  z <- stats::qlogis(rows[[column]])
  knots <- spline_knots(z, truth)
  at <- curve_places(z, places)
  start <- curve_fit(truth, z, knots)
  fitted <- if (length(unique(z)) < 2) NULL else start
  support <- support_of(rows[[column]])
  boot <- bootstrap_clusters(cluster, truth, curve_heights_of(truth, cluster, support, knots, at, start), draws, seed)
  height <- function(z) as.double(stats::plogis(spline_basis(z, knots) %*% fitted))
  boot$estimate <- if (is.null(fitted)) rep(NA_real_, places) else height(at)
  intervals <- bootstrap_intervals(boot, confidence, FALSE)[c("estimate", "lower", "upper")]
  distance <- if (!is.null(fitted)) abs(height(z) - rows[[column]])
  list(
    curve = tibble::tibble(probability = stats::plogis(at), intervals),
    distances = c(
      ici = mean_or_missing(distance), e50 = quantile_or_missing(distance, 0.5),
      e90 = quantile_or_missing(distance, 0.9)
    )
  )
}

mean_or_missing <- function(x) if (length(x) == 0 || anyNA(x)) NA_real_ else mean(x)

# Interpolated, as in rms::val.prob().
quantile_or_missing <- function(x, share) {
  if (length(x) == 0 || anyNA(x)) NA_real_ else stats::quantile(x, share, names = FALSE)
}

# The curve of all images, which also gives the starting values of the draws. Missing coefficients cannot be estimated.
curve_fit <- function(truth, z, knots) {
  count <- function(x) matrix(as.double(x))
  curve_draws(spline_basis(z, knots), count(truth), count(rep(1, length(z))), 0)[, 1]
}

# A statistic for bootstrap_clusters(): the heights of the curve.
curve_heights_of <- function(truth, cluster, support, knots, at, start) {
  points <- length(support$z)
  at_points <- as_cells(support$cell + points * (truth == 1), 2 * points, cluster)
  basis <- spline_basis(support$z, knots)
  basis_at <- spline_basis(at, knots)
  function(counts) {
    sums <- cell_sums(at_points, counts)
    positives <- sums[points + seq_len(points), , drop = FALSE]
    images <- sums[seq_len(points), , drop = FALSE] + positives
    t(stats::plogis(basis_at %*% curve_draws(basis, positives, images, if (anyNA(start)) 0 else start)))
  }
}

# Evenly spaced in logit, which resolves rare findings, from the 1st to the 99th percentile.
curve_places <- function(z, places) {
  ends <- stats::quantile(z, c(0.01, 0.99), names = FALSE)
  seq(ends[[1]], ends[[2]], length.out = places)
}

# If a draw has no positive image below the lowest knots, the curve is 0 there and its coefficients diverge. A weak
# ridge penalty keeps them finite; the height stays 0.
curve_draws <- function(basis, positives, images, start) {
  # One distinct probability has no curve.
  if (nrow(basis) == 1) {
    return(matrix(NA_real_, ncol(basis), ncol(positives)))
  }
  curve <- logistic_draws(basis, positives, images, start = start)
  both <- colSums(positives) > 0 & colSums(images - positives) > 0
  lost <- which(is.na(curve[1, ]) & both)
  if (length(lost) > 0) {
    pick <- function(counts) counts[, lost, drop = FALSE]
    curve[, lost] <- logistic_draws(basis, pick(positives), pick(images), start = start, ridge = 1e-3, tolerance = 1e-4)
  }
  curve
}

finite_or_missing <- function(x) {
  x[x == 0] <- NA_real_
  x
}
