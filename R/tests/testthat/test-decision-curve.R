test_that("net benefit matches dcurves", {
  results <- evaluation_values(paste0("net_benefit_", c("model", "all", "none")))
  curve <- decision_curve(sklearn_predictions(), thresholds = unique(results$at), draws = 100)
  expect_s3_class(curve, "placa_decision_curve")
  curve$metric <- paste0("net_benefit_", curve$strategy)
  both <- merge(curve, results, by.x = c("finding", "threshold", "metric"), by.y = c("finding", "at", "metric"))
  expect_identical(nrow(both), nrow(results))
  expect_equal(both$net_benefit, both$estimate, tolerance = 1e-12)
})

test_that("values for six images match a manual calculation", {
  curve <- decision_curve(six_rows(), thresholds = c(0.2, 0.5), draws = 200)
  # Called at 0.2: three positives, two negatives; at 0.5: two and one.
  expect_equal(curve$net_benefit[curve$strategy == "model"], c(3 / 6 - 2 / 6 * 0.25, 2 / 6 - 1 / 6))
  expect_equal(curve$net_benefit[curve$strategy == "all"], c(3 / 6 - 3 / 6 * 0.25, 0))
  expect_equal(curve$net_benefit[curve$strategy == "none"], c(0, 0))
  expect_equal(curve$advantage[curve$strategy == "model"], c(1 / 24, 1 / 6))
  expect_true(all(is.na(curve$advantage[curve$strategy != "model"])))
  # One negative image is not called, without a missed finding at 0.2; at 0.5 two are not called and one is missed.
  expect_equal(curve$avoided[curve$strategy == "model"], c(1 / 6, 2 / 6 - 1 / 6))
  expect_true(all(is.na(curve$avoided[curve$strategy != "model"])))
})

test_that("bands contain the curve, and invalid thresholds are an error", {
  curve <- decision_curve(example_predictions(), draws = 100)
  expect_identical(nrow(curve), 2L * 99L * 3L)
  expect_true(all(curve$net_benefit_lower <= curve$net_benefit & curve$net_benefit <= curve$net_benefit_upper))
  expect_error(decision_curve(six_rows(), thresholds = c(0, 0.5)), class = "placa_error_thresholds")
})

test_that("a probability with two decimals is positive at the default threshold of the same value", {
  # seq(0.01, 0.99, by = 0.01) has 0.07 and others above the nearest double.
  values <- (1:99) / 100
  rows <- tibble::tibble(
    image_id = as.character(1:198), patient_id = image_id, group_id = image_id, split = "test", finding = "Pneumonia",
    truth = rep(c(1L, 0L), each = 99), probability = rep(values, 2)
  )
  curve <- decision_curve(rows, draws = 100)
  model <- curve[curve$strategy == "model", ]
  called <- vapply(1:99, function(percent) sum(1:99 >= percent), double(1))
  expect_identical(model$threshold, values)
  expect_equal(model$net_benefit, called / 198 * (1 - values / (1 - values)), tolerance = 1e-12)
})

test_that("net benefit at another prevalence weighs sensitivity and specificity", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Pneumonia", ]
  both <- decision_curve(rows, thresholds = 0.3, prevalence = c(NA, 0.05), harm = 0.01)
  expect_identical(both$own, rep(c(TRUE, FALSE), each = 3))
  points <- operating_points(rows, one_threshold(0.3))
  value <- metric(points, "sensitivity") * 0.05 - (1 - metric(points, "specificity")) * 0.95 * 3 / 7
  expect_equal(both$net_benefit[4:6], c(value - 0.01, 0.05 - 0.95 * 3 / 7, 0))
  own <- decision_curve(rows, thresholds = 0.3)
  expect_equal(both$net_benefit[1:3], own$net_benefit - c(0.01, 0, 0))
  # At the prevalence of the images, both definitions are equal.
  share <- mean(rows$truth[rows$split == "test"])
  expect_equal(decision_curve(rows, thresholds = 0.3, prevalence = share)$net_benefit, own$net_benefit)
  expect_error(decision_curve(rows, prevalence = 5), class = "placa_error_prevalence")
  expect_error(decision_curve(rows, harm = -1), class = "placa_error_harm")
})

test_that("a model that calls no image has an interval", {
  rows <- transform(six_rows(), probability = 0.01)
  curve <- decision_curve(rows, thresholds = 0.5)
  expect_identical(curve$net_benefit[1], 0)
  expect_true(curve$net_benefit_lower[1] < 0 && curve$net_benefit_upper[1] > 0)
})
