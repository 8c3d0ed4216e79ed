# Calibration measures and curve in all bootstrap draws of one finding.

# Draws are fitted on at most this many support points, each image at the nearest. The change of a logit is 1/50 or
# less, far below the bootstrap variation, and 2,000 fits take about a second.
support_points <- 256

# Logits of 0 and 1 are infinite; limited to about -16 and 16.
safe_logit <- function(probability) {
  stats::qlogis(pmin(pmax(probability, 1e-7), 1 - 1e-7))
}

# Support points: `z` are their logits, `p` their probabilities, `cell` is the point of each image.
support_of <- function(probability, most = support_points) {
  z <- safe_logit(probability)
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

# Measures and smooth curve of one column of probabilities, from the same draws.
calibrate_once <- function(rows, column, bins, places, confidence, draws, seed) {
  probability <- rows[[column]]
  truth <- rows$truth
  cluster <- cluster_index(rows)
  z <- safe_logit(probability)
  knots <- spline_knots(z, truth)
  at <- curve_places(z, places)
  bin <- equal_count_bins(probability, bins)
  start <- full_fits(truth, z, knots)
  statistic <- function(support) {
    calibration_statistic(truth, probability, cluster, support, knots, at, bin, start)
  }
  boot <- bootstrap_clusters(cluster, truth, statistic(support_of(probability)), draws, seed)
  boot$estimate <- statistic(support_of(probability, Inf))(matrix(as.raw(1), max(cluster), 1))[1, ]
  named <- names(boot$estimate) != ""
  # Noise increases distances, so draws exceed the estimate without bias: no correction.
  distance <- names(boot$estimate) %in% c("ici", "e50", "e90", "ece")
  intervals <- bootstrap_intervals(boot, confidence, named & !distance)[c("estimate", "lower", "upper")]
  # For the same reason all draws may exceed the estimate; the interval must still contain it.
  intervals$lower[distance] <- pmin(intervals$lower[distance], intervals$estimate[distance])
  list(
    measures = tibble::tibble(measure = names(boot$estimate)[named], intervals[named, ]),
    curve = tibble::tibble(probability = stats::plogis(at), intervals[!named, ])
  )
}

# Fits of all images: starting values for the draws, which then converge in a few steps.
full_fits <- function(truth, z, knots) {
  truth <- matrix(as.double(truth))
  images <- matrix(1, length(truth), 1)
  fit <- function(x, offset = 0) {
    found <- logistic_draws(x, truth, images, offset)[, 1]
    if (anyNA(found)) 0 else found
  }
  basis <- spline_basis(z, knots)
  list(intercept = fit(basis[, 1, drop = FALSE], z), slope = fit(basis[, 1:2]), curve = fit(basis))
}

# Evenly spaced in logit, which resolves rare findings, from the 1st to the 99th percentile.
curve_places <- function(z, places) {
  ends <- stats::quantile(z, c(0.01, 0.99), names = FALSE)
  seq(ends[[1]], ends[[2]], length.out = places)
}

# A statistic for bootstrap_clusters(): named measures, then the unnamed heights of the curve.
calibration_statistic <- function(truth, probability, cluster, support, knots, at, bin, start) {
  points <- length(support$z)
  at_points <- as_cells(support$cell + points * (truth == 1), 2 * points, cluster)
  squares <- as_cells(rep(1, length(truth)), 1, cluster, (probability - truth)^2)
  predicted <- as_cells(rep(1, length(truth)), 1, cluster, probability)
  gaps <- as_cells(bin, max(bin), cluster, truth - probability)
  basis <- spline_basis(support$z, knots)
  basis_at <- spline_basis(at, knots)
  function(counts) {
    sums <- cell_sums(at_points, counts)
    positives <- sums[points + seq_len(points), , drop = FALSE]
    images <- sums[seq_len(points), , drop = FALSE] + positives
    total <- colSums(images)
    observed <- colSums(positives) / total
    brier <- cell_sums(squares, counts)[1, ] / total
    curve <- curve_draws(basis, positives, images, start$curve)
    heights <- t(stats::plogis(basis_at %*% curve))
    dimnames(heights) <- list(NULL, rep("", length(at)))
    cbind(
      intercept = logistic_draws(basis[, 1, drop = FALSE], positives, images, support$z, start$intercept)[1, ],
      slope = logistic_draws(basis[, 1:2], positives, images, start = start$slope)[2, ],
      observed_expected = observed * total / cell_sums(predicted, counts)[1, ],
      brier = brier,
      brier_scaled = 1 - brier / finite_or_missing(observed * (1 - observed)),
      distances(abs(stats::plogis(basis %*% curve) - support$p), images),
      ece = colSums(abs(cell_sums(gaps, counts))) / total,
      heights
    )
  }
}

# If a draw has no positive image below the lowest knots, the curve is 0 there and its coefficients diverge. A weak
# ridge penalty keeps them finite; the height stays 0.
curve_draws <- function(basis, positives, images, start) {
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

# Mean, median and 90th percentile of the distance between curve and probability, over the images of each draw.
distances <- function(distance, images) {
  shares <- vapply(seq_len(ncol(distance)), function(draw) {
    order <- order(distance[, draw], method = "radix")
    running <- cumsum(images[order, draw])
    # The margin protects exact quantiles from rounding to the next image.
    place <- findInterval(c(0.5, 0.9) * running[length(running)] - 1e-9, running, left.open = TRUE) + 1
    distance[order, draw][place]
  }, double(2))
  cbind(ici = colSums(distance * images) / colSums(images), e50 = shares[1, ], e90 = shares[2, ])
}
