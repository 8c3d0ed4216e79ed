# Calibration measures of one finding in a table. `finite` are the rows with a probability between 0 and 1.
calibration_table <- function(rows, finite, column, distances, bins, confidence) {
  probability <- rows[[column]]
  cluster <- cluster_index(rows)
  z <- stats::qlogis(finite[[column]])
  fold <- fold_index(finite)
  fits <- logistic_fits(finite$truth, z, fold)
  of_finite <- if (nrow(finite) > 0) cluster_index(finite)
  known <- has_pairs(finite$truth)
  row <- function(measure, estimate, limits) {
    tibble::tibble(measure = measure, estimate = estimate, lower = limits[[1]], upper = limits[[2]])
  }
  none <- c(NA_real_, NA_real_)
  expected <- sum(rows$truth) / sum(probability)
  table <- rbind(
    row("intercept", fits[["intercept"]],
        if (known) intercept_limits(finite$truth, z, of_finite, confidence) else none),
    row("slope", fits[["slope"]], if (known) slope_limits(finite$truth, z, of_finite, fold, confidence) else none),
    row("observed_expected", expected, ratio_limits(rows$truth, probability, cluster, confidence)),
    tibble::tibble(measure = "brier", limits_of(brier_of(probability, rows$truth, cluster), confidence)),
    tibble::tibble(
      measure = "brier_scaled",
      limits_of(brier_scaled_quantity(rows$truth, probability, cluster), confidence)
    ),
    tibble::tibble(
      measure = "log_loss", limits_of(log_loss_quantity(rows$truth, probability, cluster), confidence)
    )
  )
  # Noise increases these distances, so that an interval of the bootstrap does not contain the 0 of a perfect model.
  # They have no interval.
  shares <- c(distances, ece = expected_error(rows$truth, probability, bins))
  names <- c("ici", "e50", "e90", "ece")
  without <- tibble::tibble(measure = names, estimate = unname(shares[names]), lower = NA_real_, upper = NA_real_)
  rbind(table, without)
}

# The intercept with slope 1, and the slope. Missing without both classes, or with separated classes.
logistic_fits <- function(truth, z, fold) {
  if (!has_pairs(truth)) {
    return(c(intercept = NA_real_, slope = NA_real_))
  }
  positives <- matrix(as.double(truth))
  images <- matrix(1, length(truth), 1)
  slopes <- slope_design(z, fold)
  c(
    intercept = logistic_draws(matrix(1, length(z), 1), positives, images, z)[1, 1],
    slope = if (length(unique(z)) < 2) NA_real_ else
      logistic_draws(slopes$x, positives, images, ridge = slopes$ridge)[2, 1]
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
  list(x = cbind(1, z, of_folds, deparse.level = 0), ridge = c(0, 0, rep(slope_design_ridge, ncol(of_folds))))
}

# The mean distance in bins of equal counts.
expected_error <- function(truth, probability, bins) {
  bin <- equal_count_bins(probability, bins)
  sum(abs(rowsum(truth - probability, bin))) / length(truth)
}
