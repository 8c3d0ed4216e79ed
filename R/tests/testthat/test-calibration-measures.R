measure <- function(table, name, stage = "after") {
  table$estimate[table$measure == name & table$stage == stage]
}

test_that("measures match statsmodels and scikit-learn", {
  expect_warning(table <- calibration_measures(sklearn_predictions(), draws = 100), class = "placa_warning_bounds")
  for (name in c("brier", "brier_scaled")) {
    expect_equal(measure(table, name), evaluation_values(name)$estimate, tolerance = 1e-8)
  }
  # statsmodels received logits that were clipped at 1e-7; placa leaves probabilities of 0 and 1 out.
  for (name in c("intercept", "slope")) {
    expect_equal(measure(table, name)[[1]], evaluation_values(name)$estimate[[1]], tolerance = 1e-8)
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
  expect_equal(measure(table, "e50"), unname(quantile(distance, 0.5)), tolerance = 1e-6)
  expect_equal(measure(table, "e90"), unname(quantile(distance, 0.9)), tolerance = 1e-6)
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

test_that("the band of the curve is the wider of glm()'s and that of leaving out each patient", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Pneumonia" & rows$split == "test", ]
  z <- qlogis(rows$probability)
  knots <- spline_knots(z, rows$truth)[[1]]
  curve <- smooth_curve(rows, "probability", 5, 0.95)$curve
  basis <- spline_basis(z, knots)
  at <- spline_basis(qlogis(curve$probability), knots)
  logits <- function(kept) as.double(at %*% coef(glm(rows$truth[kept] ~ basis[kept, ] - 1, family = binomial())))
  all <- logits(rep(TRUE, nrow(rows)))
  expect_equal(qlogis(curve$estimate), all, tolerance = 1e-6)
  patients <- unique(rows$patient_id)
  moved <- vapply(patients, function(patient) logits(rows$patient_id != patient) - all, double(5))
  jackknife <- sqrt(rowSums(moved^2) * length(patients) / (length(patients) - 1))
  independent <- sqrt(diag(at %*% vcov(glm(rows$truth ~ basis - 1, family = binomial())) %*% t(at)))
  reach <- qt(0.975, length(patients) - 1) * pmax(jackknife, independent)
  expect_true(any(jackknife > 1.1 * independent))
  expect_equal(qlogis(curve$upper) - all, reach, tolerance = 0.02)
  expect_equal(all - qlogis(curve$lower), reach, tolerance = 0.02)
  one <- transform(rows, patient_id = "p", group_id = "p")
  expect_true(all(is.na(smooth_curve(one, "probability", 5, 0.95)$curve$lower)))
})

test_that("the interval of the slope inverts the score test", {
  rows <- sklearn_predictions()
  rows <- rows[rows$finding == rows$finding[[1]] & rows$probability > 0 & rows$probability < 1, ]
  table <- calibration_measures(rows, draws = 100)
  slope <- table[table$measure == "slope", ]
  z <- qlogis(rows$probability)
  for (bound in c(slope$lower, slope$upper)) {
    null <- glm(rows$truth ~ 1, offset = bound * z, family = binomial())
    test <- anova(null, glm(rows$truth ~ z, offset = bound * z, family = binomial()), test = "Rao")
    expect_equal(test$Rao[[2]], qnorm(0.975)^2, tolerance = 1e-3)
  }
})

test_that("separated classes have no slope, and an infinite upper bound", {
  rows <- sklearn_predictions()[1:40, ]
  rows$truth <- as.integer(rows$probability > 0.5)
  rows <- rows[rows$probability > 0 & rows$probability < 1, ]
  slope <- calibration_measures(rows, draws = 100)
  slope <- slope[slope$measure == "slope", ]
  expect_true(is.na(slope$estimate))
  expect_identical(slope$upper, Inf)
  expect_true(is.finite(slope$lower))
})

test_that("probabilities of 0 and 1 are counted and left out of the slope", {
  rows <- sklearn_predictions()
  rows <- rows[rows$finding == rows$finding[[1]] & rows$probability > 0 & rows$probability < 1, ]
  more <- rbind(rows, transform(rows[1:3, ], image_id = paste("x", 1:3), patient_id = image_id, group_id = image_id,
                                probability = c(0, 1, 1), truth = c(1L, 0L, 1L)))
  warned <- expect_warning(table <- calibration_measures(more, draws = 100), class = "placa_warning_bounds")
  expect_identical(warned$n_images, 3L)
  expect_equal(measure(table, "slope"), measure(calibration_measures(rows, draws = 100), "slope"))
  expect_identical(measure(table, "log_loss"), Inf)
  reader <- transform(rows, probability = as.double(probability > 0.4))
  expect_warning(table <- calibration_measures(reader, draws = 100), class = "placa_warning_bounds")
  expect_true(all(is.na(c(measure(table, "slope"), measure(table, "intercept")))))
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
  expect_warning(table <- calibration_measures(certain, draws = 100), class = "placa_warning_bounds")
  expect_false(is.na(measure(table, "brier")))
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

test_that("a finding without positives at low probabilities has a curve, and distances have no interval", {
  set.seed(4)
  n <- 3000
  z <- stats::rnorm(n, -4, 2)
  truth <- as.integer(z > -2 & stats::runif(n) < stats::plogis(z + 1))
  rows <- tibble::tibble(
    image_id = paste0("i", seq_len(n)), patient_id = paste0("p", (seq_len(n) + 1) %/% 2), group_id = patient_id,
    split = "test", finding = "Mass", truth = truth, probability = stats::plogis(z)
  )
  curve <- calibration_curve(rows, draws = 200, places = 5)
  expect_true(all(is.finite(c(curve$lower, curve$upper))))
  # None of about 600 images below a probability of 0.001 is positive.
  expect_true(curve$observed[[1]] > 0 && curve$upper[[1]] < 0.02)
  measures <- calibration_measures(rows, draws = 100)
  distances <- measures[measures$measure %in% c("ici", "e50", "e90", "ece"), ]
  expect_true(all(is.finite(distances$estimate)) && all(is.na(c(distances$lower, distances$upper))))
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
    evaluation <- evaluate_tables(alike, example_thresholds(), out = directory, draws = 100),
    class = "placa_warning_interval"
  )
  expect_identical(of(evaluation$discrimination, "Pneumonia")$auroc, 0.5)
  alike$probability <- 0.3
  expect_warning(all_alike <- evaluate(alike, example_thresholds(), draws = 100), class = "placa_warning_interval")
  expect_identical(all_alike$discrimination$auroc, c(0.5, 0.5))
})

test_that("probabilities that are too extreme have wider limits of intercept and observed / expected", {
  set.seed(3)
  z <- rnorm(60)
  truth <- rbinom(60, 1, plogis(z))
  # The calls of a reader: all limits contain the estimate.
  calls <- as.double(z > 0)
  limits <- ratio_limits(truth, calls, 1:60, 0.95)
  expect_true(limits[[1]] < sum(truth) / sum(calls) && limits[[2]] > sum(truth) / sum(calls))
  # 200 data sets: the limits contain the values of the population, 0 and 1 by symmetry.
  inside <- replicate(200, {
    z <- rnorm(40)
    truth <- rbinom(40, 1, plogis(z))
    intercept <- intercept_limits(truth, 4 * z, 1:40, 0.95)
    ratio <- ratio_limits(truth, plogis(4 * z), 1:40, 0.95)
    c(intercept[[1]] <= 0 && intercept[[2]] >= 0, ratio[[1]] <= 1 && ratio[[2]] >= 1)
  })
  expect_true(all(rowMeans(inside) > 0.9))
})
