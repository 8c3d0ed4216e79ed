here <- example_predictions()
month <- function(shift = 0) {
  rows <- here[here$split == "test", ]
  rows$probability <- plogis(qlogis(rows$probability) + shift)
  rows
}

test_that("the same images have no difference, and other probabilities change", {
  monitored <- monitor(here, list(march = month(), april = month(1.5)), example_thresholds(), draws = 100)
  march <- monitored$drift[monitored$drift$period == "march", ]
  expect_equal(march$difference, rep(0, nrow(march)))
  expect_false(any(march$changed))
  april <- monitored$drift[monitored$drift$period == "april", ]
  expect_true(all(april$changed[april$variable == "probability"]))
  expect_false(any(april$changed[april$variable %in% c("prevalence", "age", "sex", "view")]))
  # A shift of all logits changes calibration in the large by as much, and discrimination not at all.
  one <- monitored$performance[monitored$performance$finding == "Pneumonia", ]
  expect_equal(one$auroc, rep(one$auroc[[1]], 3))
  expect_equal(one$intercept[[3]] - one$intercept[[1]], -1.5, tolerance = 1e-3)
  expect_equal(one$period, c("reference", "march", "april"))
})

test_that("the interval of a mean is that of independent patients, and repeated images do not narrow it", {
  rows <- month()
  x <- rows[rows$finding == "Pneumonia", ]
  x$patient_id <- x$group_id <- x$image_id
  single <- mean_of_clusters(x$probability, cluster_names(x))
  expect_equal(single$variance, stats::var(x$probability) / nrow(x))
  twice <- rbind(x, x)
  expect_equal(mean_of_clusters(twice$probability, cluster_names(twice))$variance, single$variance)
})

test_that("a period without labels has drift and no performance", {
  rows <- month()
  rows$truth <- NA
  rows$typicality <- 0.1
  monitored <- monitor(here, list(may = rows), example_thresholds(), draws = 100)
  expect_equal(unique(monitored$performance$period), "reference")
  typical <- monitored$drift[monitored$drift$variable == "typicality", ]
  expect_equal(c(typical$reference, typical$current), c(0.5, 0.1))
  expect_true(typical$changed)
  expect_false("prevalence" %in% monitored$drift$variable)
})

test_that("periods must be a named list with the model's findings", {
  expect_error(monitor(here, month(), example_thresholds()), class = "placa_error_periods")
  expect_error(monitor(here, list(month()), example_thresholds()), class = "placa_error_periods")
  other <- month()
  other$finding <- "Gout"
  expect_error(monitor(here, list(a = other), example_thresholds()), class = "placa_error_finding")
})
