test_that("values for six images match a manual calculation", {
  points <- operating_points(six_rows(), one_threshold(0.5), draws = 100)
  # Called positive: 0.8 and 0.9 correctly, 0.6 incorrectly.
  for (name in c("sensitivity", "specificity", "ppv", "npv", "f1", "balanced_accuracy")) {
    expect_equal(metric(points, name), 2 / 3)
  }
  expect_equal(metric(points, "mcc"), 1 / 3)
  expect_equal(metric(points, "brier"), (0.01 + 0.16 + 0.4225 + 0.04 + 0.36 + 0.01) / 6)
  expect_equal(metric(points, "true_positive"), 2)
  expect_equal(metric(points, "false_negative"), 1)
})

test_that("an image at the threshold is positive", {
  points <- operating_points(six_rows(), one_threshold(0.6))
  expect_equal(metric(points, "false_positive"), 1)
})

test_that("all metrics match scikit-learn", {
  results <- sklearn_values()
  results <- results[!results$metric %in% c("auroc", "wilson_lower", "wilson_upper"), ]
  thresholds <- unique(results[c("finding", "threshold")])
  thresholds$operating_point <- paste0("at_", thresholds$threshold)
  points <- operating_points(sklearn_predictions(), thresholds, draws = 100)
  both <- merge(points, results, by = c("finding", "threshold", "metric"))
  expect_identical(nrow(both), nrow(results))
  expect_equal(both$estimate.x, both$estimate.y, tolerance = 1e-12)
})

test_that("counts of many images do not overflow", {
  values <- metrics_by_counts(rep(c(0, 1), each = 1e5), rep(c(0.1, 0.9), 1e5), 0.5)
  expect_equal(values[["mcc"]], 0)
  expect_equal(values[["sensitivity"]], 0.5)
})

test_that("a metric with a zero denominator is missing", {
  none <- operating_points(six_rows(), one_threshold(1))
  expect_true(is.na(metric(none, "ppv")))
  expect_true(is.na(metric(none, "mcc")))
  expect_equal(metric(none, "sensitivity"), 0)
  all_negative <- transform(six_rows(), truth = 0L)
  expect_true(is.na(metric(operating_points(all_negative, one_threshold()), "sensitivity")))
})

test_that("yardstick and counts give the same values, including edge cases", {
  skip_if_not_installed("yardstick")
  cases <- list(
    six_rows(), transform(six_rows(), truth = 0L), transform(six_rows(), truth = 1L),
    transform(six_rows(), probability = 1 - probability),
    example_predictions()[example_predictions()$finding == "Pneumonia", ]
  )
  for (rows in cases) {
    for (threshold in c(0, 0.35, 0.5, 0.95, 1)) {
      rlang::local_options(placa.engine = "yardstick")
      theirs <- operating_points(rows, one_threshold(threshold), draws = 100)
      rlang::local_options(placa.engine = "pROC")
      ours <- operating_points(rows, one_threshold(threshold), draws = 100)
      expect_identical(ours[-6], theirs[-6])
      expect_identical(is.na(ours$estimate), is.na(theirs$estimate))
      expect_equal(ours$estimate, theirs$estimate, tolerance = 1e-12)
    }
  }
})

test_that("estimates are within bounds, and metrics are in order", {
  points <- operating_points(example_predictions(), example_thresholds(), draws = 200, confidence = 0.9)
  expect_identical(points$metric, rep(c(
    metric_names, "true_positive", "false_positive", "true_negative", "false_negative"
  ), 6))
  expect_true(all(points$confidence == 0.9))
  bounded <- points[!is.na(points$lower), ]
  expect_true(all(bounded$lower <= bounded$estimate & bounded$estimate <= bounded$upper))
  expect_setequal(points$metric[is.na(points$interval)], names(confusion_counts(1, 1, 1)))
})

test_that("the option placa.engine selects the engine", {
  rlang::local_options(placa.engine = "pROC")
  expect_match(engine_version(), "^pROC \\d")
  rlang::local_options(placa.engine = "abacus")
  expect_error(metric_engine(), class = "placa_error_engine")
  skip_if(rlang::is_installed("yardstick"), "yardstick is installed")
  rlang::local_options(placa.engine = "yardstick")
  expect_error(metric_engine(), "install.packages", class = "placa_error_engine")
})

test_that("invalid thresholds are errors", {
  other <- one_threshold(finding = "Mass")
  expect_error(operating_points(six_rows(), other), "Pneumonia", class = "placa_error_thresholds")
  expect_error(operating_points(six_rows(), one_threshold(50)), class = "placa_error_thresholds")
  expect_error(operating_points(six_rows(), TRUE), class = "placa_error_thresholds")
  expect_identical(operating_points(six_rows(), 0.5)$threshold[[1]], 0.5)
  expect_error(operating_points(six_rows(), data.frame(finding = "Pneumonia")), class = "placa_error_columns")
})

test_that("thresholds of other findings are ignored", {
  both <- rbind(one_threshold(), one_threshold(finding = "Mass"))
  expect_equal(operating_points(six_rows(), both), operating_points(six_rows(), one_threshold()))
})
