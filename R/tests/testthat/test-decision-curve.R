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
