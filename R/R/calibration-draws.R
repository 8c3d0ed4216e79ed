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
  fold <- fold_index(rows)
  start <- full_fits(truth, z, knots, fold)
  statistic <- function(support) {
    calibration_statistic(truth, probability, cluster, support, knots, at, bin, start, fold)
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
full_fits <- function(truth, z, knots, fold = NULL) {
  truth <- matrix(as.double(truth))
  images <- matrix(1, length(truth), 1)
  fit <- function(x, offset = 0, ridge = 0) {
    found <- logistic_draws(x, truth, images, offset, ridge = ridge)[, 1]
    if (anyNA(found)) 0 else found
  }
  basis <- spline_basis(z, knots)
  slopes <- slope_design(z, fold)
  list(
    intercept = fit(basis[, 1, drop = FALSE], z), slope = fit(slopes$x, ridge = slopes$ridge), curve = fit(basis)
  )
}

# Design of the slope. With folds, each has an intercept of its own, so that the slope compares images within folds
# only. A weak normal prior keeps the intercepts of folds without a positive finite (standard deviation 2.5, Gelman et
# al. 2008, <doi:10.1214/08-AOAS191>).
slope_design <- function(z, fold = NULL) {
  if (is.null(fold)) {
    return(list(x = cbind(1, z, deparse.level = 0), ridge = 0))
  }
  of_folds <- outer(fold, seq_len(max(fold)), "==") + 0
  list(x = cbind(1, z, of_folds, deparse.level = 0), ridge = c(0, 0, rep(2.5^-2, ncol(of_folds))))
}

# Cells of support point and fold that have an image, for the slope.
slope_cells <- function(support, fold) {
  points <- length(support$z)
  if (is.null(fold)) {
    return(list(cell = support$cell, design = slope_design(support$z)))
  }
  key <- support$cell + points * (fold - 1)
  there <- sort(unique(key))
  list(
    cell = match(key, there),
    design = slope_design(support$z[(there - 1) %% points + 1], (there - 1) %/% points + 1)
  )
}

# Evenly spaced in logit, which resolves rare findings, from the 1st to the 99th percentile.
curve_places <- function(z, places) {
  ends <- stats::quantile(z, c(0.01, 0.99), names = FALSE)
  seq(ends[[1]], ends[[2]], length.out = places)
}

# A statistic for bootstrap_clusters(): named measures, then the unnamed heights of the curve.
calibration_statistic <- function(truth, probability, cluster, support, knots, at, bin, start, fold = NULL) {
  points <- length(support$z)
  at_points <- as_cells(support$cell + points * (truth == 1), 2 * points, cluster)
  slopes <- slope_cells(support, fold)
  of_slope <- nrow(slopes$design$x)
  at_slopes <- as_cells(slopes$cell + of_slope * (truth == 1), 2 * of_slope, cluster)
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
    by_fold <- if (is.null(fold)) sums else cell_sums(at_slopes, counts)
    with_finding <- by_fold[of_slope + seq_len(of_slope), , drop = FALSE]
    slope <- logistic_draws(
      slopes$design$x, with_finding, by_fold[seq_len(of_slope), , drop = FALSE] + with_finding,
      start = start$slope, ridge = slopes$design$ridge
    )[2, ]
    dimnames(heights) <- list(NULL, rep("", length(at)))
    cbind(
      intercept = logistic_draws(basis[, 1, drop = FALSE], positives, images, support$z, start$intercept)[1, ],
      slope = slope,
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
