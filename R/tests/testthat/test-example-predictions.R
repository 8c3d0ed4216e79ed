test_that("the same seed gives the same table and keeps the random number state", {
  set.seed(3)
  before <- .Random.seed
  first <- example_predictions()
  expect_identical(.Random.seed, before)
  expect_identical(example_predictions(), first)
  expect_false(identical(example_predictions(seed = 2), first))
})

test_that("columns match those of a run", {
  predictions <- example_predictions()
  expect_identical(names(check_predictions(predictions, run_columns)), run_columns)
  expect_identical(check_leaks(predictions, "test"), c("train", "validation"))
  table <- discrimination(predictions, draws = 100)
  expect_true(all(table$auroc > 0.8 & table$auroc < 0.97))
})

test_that("thresholds reach their targets on the validation split", {
  predictions <- example_predictions()
  points <- operating_points(predictions, example_thresholds(), split = "validation", draws = 100)
  value <- function(point, name) points$estimate[points$operating_point == point & points$metric == name]
  expect_true(all(value("sensitivity_95", "sensitivity") >= 0.95))
  expect_true(all(value("specificity_95", "specificity") >= 0.95))
})

test_that("probabilities are calibrated", {
  rows <- example_predictions(patients = 20000, seed = 5)
  rows <- rows[rows$finding == "Pneumonia", ]
  fit <- stats::glm(truth ~ stats::qlogis(probability), stats::binomial, rows)
  expect_equal(unname(stats::coef(fit)), c(0, 1), tolerance = 0.05)
})
