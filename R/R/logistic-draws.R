# Vectorised logistic regression with few coefficients in many bootstrap draws.

# Newton's method for all draws at once. `x` has one row per support point and one column per coefficient. `positives`
# and `images` are counts at each point (rows) in each draw (columns). `offset` is added to the linear predictor.
# `start` has the starting values. `ridge` is the penalty, one number or one per coefficient (le Cessie and van
# Houwelingen 1992, <doi:10.2307/2347628>). Returns coefficients by draws. With separated classes and no ridge they are
# missing.
logistic_draws <- function(x, positives, images, offset = 0, start = 0, ridge = 0, tolerance = 1e-9,
                           most_steps = 50) {
  draws <- ncol(positives)
  coefficients <- matrix(start, ncol(x), draws)
  active <- seq_len(draws)
  for (step in seq_len(most_steps)) {
    here <- coefficients[, active, drop = FALSE]
    moved <- newton_step(x, positives[, active, drop = FALSE], images[, active, drop = FALSE], offset, here, ridge)
    coefficients[, active] <- here + moved
    size <- colSums(abs(moved))
    lost <- !is.finite(size)
    coefficients[, active[lost]] <- NA_real_
    active <- active[!lost & size > tolerance]
    if (length(active) == 0) {
      return(coefficients)
    }
  }
  coefficients[, active] <- NA_real_
  coefficients
}

newton_step <- function(x, positives, images, offset, coefficients, ridge) {
  fitted <- stats::plogis(x %*% coefficients + offset)
  gradient <- crossprod(x, positives - images * fitted) - ridge * coefficients
  weight <- images * fitted * (1 - fitted)
  k <- ncol(x)
  pairs <- which(lower.tri(diag(k), diag = TRUE), arr.ind = TRUE)
  entries <- crossprod(x[, pairs[, 1], drop = FALSE] * x[, pairs[, 2], drop = FALSE], weight)
  entries <- entries + rep_len(ridge, k)[pairs[, 1]] * (pairs[, 1] == pairs[, 2])
  step <- solve_each(entries, pairs, gradient)
  # A full step from a poor start can move all probabilities to 0 or 1, so no logit changes by more than 4.
  reach <- apply(abs(x %*% step), 2, max)
  sweep(step, 2, pmin(1, 4 / pmax(reach, 1e-300)), "*")
}

# Solves a small symmetric system for each column by Cholesky decomposition, all columns at once. `entries` are on and
# below the diagonal, one row each. A matrix that is not positive definite gives missing values.
solve_each <- function(entries, pairs, right) {
  at <- matrix(0L, nrow(right), nrow(right))
  at[pairs] <- seq_len(nrow(pairs))
  lower <- cholesky_each(entries, at)
  half <- substitute_each(lower, right, seq_len(nrow(right)), function(i, l) lower[[i, l]])
  substitute_each(lower, half, rev(seq_len(nrow(right))), function(i, l) lower[[l, i]])
}

cholesky_each <- function(entries, at) {
  k <- nrow(at)
  lower <- matrix(vector("list", k * k), k, k)
  for (j in seq_len(k)) {
    for (i in j:k) {
      rest <- entries[at[i, j], ]
      for (l in seq_len(j - 1)) rest <- rest - lower[[i, l]] * lower[[j, l]]
      lower[[i, j]] <- if (i == j) root_or_missing(rest) else rest / lower[[j, j]]
    }
  }
  lower
}

# Forward or backward substitution, in the order of `rows`; `factor` returns the coefficient of a solved unknown.
substitute_each <- function(lower, right, rows, factor) {
  for (n in seq_along(rows)) {
    i <- rows[[n]]
    for (l in rows[seq_len(n - 1)]) right[i, ] <- right[i, ] - factor(i, l) * right[l, ]
    right[i, ] <- right[i, ] / lower[[i, i]]
  }
  right
}

root_or_missing <- function(x) {
  x[is.na(x) | x <= 1e-12] <- NA_real_
  sqrt(x)
}

# Restricted cubic splines: cubic between the knots, linear outside, with Harrell's scaling, so that coefficients are
# comparable with other programs. Harrell 2015, <doi:10.1007/978-3-319-19425-7>.
spline_basis <- function(z, knots) {
  if (length(knots) < 3) {
    return(cbind(1, z))
  }
  last <- length(knots)
  cube <- function(t) pmax(z - t, 0)^3
  width <- knots[last] - knots[last - 1]
  bends <- vapply(seq_len(last - 2), function(j) {
    cube(knots[j]) - cube(knots[last - 1]) * (knots[last] - knots[j]) / width +
      cube(knots[last]) * (knots[last - 1] - knots[j]) / width
  }, double(length(z)))
  cbind(1, z, matrix(bends, length(z)) / (knots[last] - knots[1])^2)
}

# Harrell's quantiles for five and three knots, and none: a list, the best supported first. Fewer images have fewer
# knots, which prevents overfitting.
spline_knots <- function(z, truth) {
  rarer <- min(sum(truth == 1), sum(truth == 0))
  places <- list(c(0.05, 0.275, 0.5, 0.725, 0.95), c(0.1, 0.5, 0.9))[rarer >= c(100, 20)]
  knots <- lapply(places, function(at) unique(stats::quantile(z, at, names = FALSE)))
  c(knots[lengths(knots) >= 3], list(double()))
}
