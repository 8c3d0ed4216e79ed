measure <- function(table, name, stage = "after") {
  table$estimate[table$measure == name & table$stage == stage]
}

test_that("measures match statsmodels and scikit-learn", {
  table <- calibration_measures(sklearn_predictions(), draws = 100)
  for (name in c("intercept", "slope", "brier", "brier_scaled")) {
    expect_equal(measure(table, name), evaluation_values(name)$estimate, tolerance = 1e-8)
  }
  expect_equal(measure(table, "ece")[[1]], evaluation_values("ece")$estimate, tolerance = 1e-12)
  # Images with equal probabilities are in one bin, so there may be fewer than ten.
  bins <- calibration_bins(sklearn_predictions())
  expect_identical(table$bins[table$measure == "ece"], as.integer(tapply(bins$bin, bins$finding, max)[c(2, 1)]))
  expect_true(all(is.na(table$bins[table$measure != "ece"])))
})

test_that("values for six images match a manual calculation", {
  table <- calibration_measures(six_rows(), bins = 3, draws = 200)
  expect_identical(unique(table$stage), "after")
  expect_equal(measure(table, "observed_expected"), 3 / 3.15)
  brier <- (0.01 + 0.16 + 0.4225 + 0.04 + 0.36 + 0.01) / 6
  expect_equal(measure(table, "brier"), brier)
  expect_equal(measure(table, "brier_scaled"), 1 - brier / 0.25)
  # Bins of two images: 0.5 and 0.225, 0 and 0.5, 1 and 0.85.
  expect_equal(measure(table, "ece"), (0.275 + 0.5 + 0.15) / 3)
})

test_that("intercept, slope and curve match rms", {
  skip_if_not_installed("rms")
  # Enough images for five knots, at the same positions as in rms.
  rows <- example_predictions(patients = 3000)
  rows <- rows[rows$finding == "Pneumonia" & rows$split == "test", ]
  table <- calibration_measures(rows, draws = 100)
  theirs <- rms::val.prob(rows$probability, rows$truth, pl = FALSE)
  expect_equal(measure(table, "slope"), theirs[["Slope"]], tolerance = 1e-6)
  expect_equal(measure(table, "brier"), theirs[["Brier"]], tolerance = 1e-12)
  # val.prob() uses lowess, another smoother for the same points.
  expect_lt(abs(measure(table, "ici") - theirs[["Eavg"]]), 0.005)
  expect_lt(abs(measure(table, "e90") - theirs[["E90"]]), 0.01)
  basis <- rms::rcs(qlogis(rows$probability), 5)
  fit <- suppressWarnings(glm(rows$truth ~ unclass(basis), family = binomial()))
  distance <- abs(unname(fitted(fit)) - rows$probability)
  expect_equal(measure(table, "ici"), mean(distance), tolerance = 1e-6)
  expect_equal(measure(table, "e50"), unname(quantile(distance, 0.5, type = 1)), tolerance = 1e-6)
  expect_equal(measure(table, "e90"), unname(quantile(distance, 0.9, type = 1)), tolerance = 1e-6)
  curve <- calibration_curve(rows, draws = 100, places = 7)
  order <- order(rows$probability)
  expected <- approx(rows$probability[order], fitted(fit)[order], curve$probability[curve$stage == "after"])$y
  expect_equal(curve$observed[curve$stage == "after"], expected, tolerance = 1e-3)
})

test_that("ICI is close to that of a loess curve", {
  rows <- example_predictions(patients = 4000)
  rows <- rows[rows$finding == "Pneumonia" & rows$split == "test", ]
  table <- calibration_measures(rows, draws = 100)
  for (stage in c("before", "after")) {
    column <- c(before = "score", after = "probability")[[stage]]
    distance <- abs(fitted(loess(rows$truth ~ rows[[column]])) - rows[[column]])
    expect_lt(abs(measure(table, "ici", stage) - mean(distance)), 0.006)
    expect_lt(abs(measure(table, "e50", stage) - median(distance)), 0.015)
  }
})

test_that("fits of a draw match glm() on the resampled table", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Pneumonia" & rows$split == "test", ]
  cluster <- cluster_index(rows)
  z <- safe_logit(rows$probability)
  statistic <- function(most) {
    calibration_statistic(
      rows$truth, rows$probability, cluster, support_of(rows$probability, most), spline_knots(z, rows$truth),
      c(-1, 0.5), equal_count_bins(rows$probability, 10), full_fits(rows$truth, z, spline_knots(z, rows$truth))
    )
  }
  counts <- resample_once(max(cluster), 100, 1)[, 1:3]
  exact <- statistic(1000)(counts)
  rough <- statistic(128)(counts)
  for (draw in 1:3) {
    again <- rep(seq_along(cluster), as.integer(counts[cluster, draw]))
    truth <- rows$truth[again]
    slope <- coef(glm(truth ~ z[again], family = binomial()))[[2]]
    intercept <- coef(glm(truth ~ 1, offset = z[again], family = binomial()))[[1]]
    expect_equal(unname(exact[draw, c("intercept", "slope")]), c(intercept, slope), tolerance = 1e-6)
    expect_equal(unname(rough[draw, c("intercept", "slope")]), c(intercept, slope), tolerance = 0.02)
    expect_equal(exact[draw, "brier"], c(brier = brier_score(truth, rows$probability[again])), tolerance = 1e-12)
    basis <- spline_basis(z, spline_knots(z, rows$truth))
    fit <- glm(truth ~ basis[again, ] - 1, family = binomial())
    expected <- plogis(spline_basis(c(-1, 0.5), spline_knots(z, rows$truth)) %*% coef(fit))
    expect_equal(unname(tail(exact[draw, ], 2)), as.double(expected), tolerance = 1e-5)
  }
  expect_equal(exact[, c("ici", "e50")], rough[, c("ici", "e50")], tolerance = 0.05)
})

test_that("measures differ before and after recalibration", {
  rows <- example_predictions(patients = 3000)
  table <- calibration_measures(rows, draws = 200)
  expect_identical(unique(table$stage), c("before", "after"))
  # example_predictions() creates scores whose logits are multiplied by 1.6 and shifted by 0.5.
  expect_equal(measure(table, "slope")[[1]], 1.6 * measure(table, "slope", "before")[[1]], tolerance = 1e-6)
  expect_lt(measure(table, "ici")[[1]], measure(table, "ici", "before")[[1]])
  slope <- table[table$measure == "slope" & table$stage == "after", ]
  expect_true(all(slope$lower < 1 & slope$upper > 1))
})

test_that("a fit that is impossible is missing, other measures are not", {
  none <- calibration_measures(transform(six_rows(), truth = 0L), draws = 100)
  expect_true(is.na(measure(none, "intercept")))
  expect_true(is.na(measure(none, "brier_scaled")))
  expect_equal(measure(none, "observed_expected"), 0)
  apart <- transform(six_rows(), truth = as.integer(probability > 0.5))
  expect_true(is.na(measure(calibration_measures(apart, draws = 100), "slope")))
  certain <- transform(six_rows(), probability = c(0, 0, 1, 1, 1, 1), truth = c(0L, 1L, 1L, 1L, 0L, 1L))
  expect_false(is.na(measure(calibration_measures(certain, draws = 100), "ici")))
  expect_error(calibration_measures(six_rows(), bins = 0), class = "placa_error_bins")
  expect_error(calibration_curve(six_rows(), places = 0), class = "placa_error_places")
})

test_that("Newton's method converges from a poor start", {
  z <- rep(-9, 50)
  x <- matrix(1, 50, 1)
  positives <- matrix(rep(c(1, 0), 25), 50, 1)
  fit <- logistic_draws(x, positives, matrix(1, 50, 1), z)
  expect_equal(fit[1, 1], 9, tolerance = 1e-8)
})

test_that("a finding without positives at low probabilities has bounds", {
  set.seed(4)
  n <- 3000
  z <- stats::rnorm(n, -4, 2)
  truth <- as.integer(z > -2 & stats::runif(n) < stats::plogis(z + 1))
  rows <- tibble::tibble(
    image_id = paste0("i", seq_len(n)), patient_id = paste0("p", (seq_len(n) + 1) %/% 2), group_id = patient_id,
    split = "test", finding = "Mass", truth = truth, probability = stats::plogis(z)
  )
  measures <- calibration_measures(rows, draws = 200)
  for (name in c("ici", "e50", "e90")) {
    row <- measures[measures$measure == name, ]
    expect_true(all(is.finite(c(row$lower, row$upper))))
    expect_true(all(row$lower <= row$estimate & row$estimate <= row$upper))
  }
})

test_that("a ridge limits infinite coefficients and does not change finite ones", {
  x <- cbind(1, c(-2, -1, 1, 2))
  apart <- logistic_draws(x, matrix(c(0, 0, 1, 1)), matrix(1, 4, 1))
  expect_true(all(is.na(apart)))
  held <- logistic_draws(x, matrix(c(0, 0, 1, 1)), matrix(1, 4, 1), ridge = 1e-3, tolerance = 1e-4)
  expect_true(all(is.finite(held)) && held[2, 1] > 3)
  positives <- matrix(c(1, 2, 6, 9))
  images <- matrix(10, 4, 1)
  free <- logistic_draws(x, positives, images)
  expect_equal(logistic_draws(x, positives, images, ridge = 1e-9), free, tolerance = 1e-6)
  theirs <- glm(cbind(positives, images - positives) ~ x[, 2], family = binomial)
  expect_equal(free[, 1], unname(coef(theirs)), tolerance = 1e-6)
})

test_that("one distinct probability has no slope and no curve", {
  rows <- example_predictions()
  rows$score <- NULL
  alike <- rows
  alike$probability[alike$finding == "Pneumonia"] <- 0.3
  measures <- calibration_measures(alike, draws = 100)
  of <- function(table, finding) table[table$finding == finding, ]
  pneumonia <- of(measures, "Pneumonia")
  missing <- c("slope", "ici", "e50", "e90")
  expect_identical(pneumonia$measure[is.na(pneumonia$estimate)], missing)
  expect_equal(of(measures, "Effusion"), of(calibration_measures(rows, draws = 100), "Effusion"))
  expect_true(all(is.na(of(calibration_curve(alike, draws = 100, places = 3), "Pneumonia")$observed)))
  directory <- tempfile()
  remove_later(directory, environment())
  expect_warning(
    evaluation <- evaluate(alike, example_thresholds(), out = directory, draws = 100),
    class = "placa_warning_interval"
  )
  expect_identical(of(evaluation$discrimination, "Pneumonia")$auroc, 0.5)
  alike$probability <- 0.3
  expect_warning(all_alike <- evaluate(alike, example_thresholds(), draws = 100), class = "placa_warning_interval")
  expect_identical(all_alike$discrimination$auroc, c(0.5, 0.5))
})
