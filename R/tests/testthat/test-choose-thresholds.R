test_that("thresholds meet their aims on the validation rows", {
  predictions <- example_predictions()
  points <- choose_thresholds(predictions, sensitivity = 0.9, specificity = 0.8, worth = 9)
  expect_identical(unique(points$operating_point), c("sensitivity_90", "specificity_80", "youden", "worth"))
  expect_identical(points$operating_point[points$default], c("worth", "worth"))
  expect_true(all(points$chosen))
  expect_equal(points$threshold[points$operating_point == "worth"], c(0.1, 0.1))
  at <- operating_points(predictions, points, split = "validation")
  value <- function(point, name) at$estimate[at$operating_point == point & at$metric == name]
  expect_true(all(value("sensitivity_90", "sensitivity") >= 0.9))
  expect_true(all(value("specificity_80", "specificity") >= 0.8))
  # A higher threshold misses the aim.
  higher <- transform(points, threshold = threshold + 0.02)
  missed <- operating_points(predictions, higher, split = "validation")
  expect_true(all(missed$estimate[missed$operating_point == "sensitivity_90" & missed$metric == "sensitivity"] < 0.9))
})

test_that("a clinical aim needs no validation rows", {
  points <- choose_thresholds(six_rows(), worth = 9)
  expect_identical(points$operating_point, "worth")
  expect_equal(points$threshold, 0.1)
  expect_identical(check_thresholds(points, points$finding)$threshold, points$threshold)
})

test_that("the rule is that of training: midpoints, ties to the higher sensitivity", {
  points <- choose_points(c(0.2, 0.4, 0.6, 0.8), c(0, 1, 0, 1), 0.95, 0.95)
  expect_equal(points, c(0.3, 0.7, 0.3))
  expect_identical(choose_points(c(0.2, 0.4), c(1, 1), 0.95, 0.95), rep(0.5, 3))
})

test_that("impossible aims are errors", {
  predictions <- example_predictions()
  expect_error(choose_thresholds(predictions, sensitivity = 95), class = "placa_error_thresholds")
  expect_error(choose_thresholds(predictions, worth = 0), class = "placa_error_thresholds")
  expect_error(choose_thresholds(predictions, default = "worth"), class = "placa_error_thresholds")
  expect_error(choose_thresholds(six_rows()), class = "placa_error_split")
})

test_that("one number is the default threshold of every finding", {
  table <- check_thresholds(0.3, c("Effusion", "Mass"))
  expect_identical(table$finding, c("Effusion", "Mass"))
  expect_identical(table$threshold, c(0.3, 0.3))
  expect_identical(table$default, c(TRUE, TRUE))
})
