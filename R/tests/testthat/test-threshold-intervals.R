test_that("the limits of an aim are the thresholds whose sensitivity is compatible with it", {
  set.seed(1)
  probability <- runif(60)
  inside <- aim_limits(probability, rep(TRUE, 60), 1:60, 0.9, 0.95)
  compatible <- function(cut) {
    limits <- wilson_limits(mean(probability >= cut), 60, qnorm(0.975))
    limits[[1]] <= 0.9 && limits[[2]] >= 0.9
  }
  expect_true(compatible(inside[[1]] + 1e-9) && compatible(inside[[2]]))
  expect_false(compatible(inside[[1]]) || compatible(inside[[2]] + 1e-9))
})

test_that("thresholds have intervals that include them, wider for fewer patients", {
  predictions <- example_predictions()
  points <- choose_thresholds(predictions, worth = 4, draws = 200)
  chosen <- points[points$operating_point != "worth", ]
  expect_true(all(chosen$lower <= chosen$threshold & chosen$upper >= chosen$threshold))
  expect_true(all(points$upper > points$lower))
  merged <- transform(predictions, patient_id = substr(patient_id, 1, nchar(patient_id) - 1))
  merged$group_id <- merged$patient_id
  fewer <- choose_thresholds(merged, worth = 4, draws = 200)
  width <- function(table, name) sum((table$upper - table$lower)[table$operating_point == name])
  expect_gt(width(fewer, "sensitivity_95"), width(points, "sensitivity_95"))
  expect_named(choose_thresholds(predictions, confidence = NULL),
               c("finding", "operating_point", "threshold", "default", "chosen"))
})

test_that("the interval of `worth` is where the calibration curve may be the threshold", {
  set.seed(2)
  probability <- runif(4000)
  rows <- data.frame(
    image_id = as.character(1:4000), patient_id = NA_character_, group_id = NA_character_, probability = probability,
    truth = rbinom(4000, 1, plogis(1 + qlogis(probability)))
  )
  limits <- calibrated_limits(rows, 0.2, 0.95)
  # The model predicts too little: at a probability of plogis(qlogis(0.2) - 1), 20 % are positive.
  expect_true(limits[[1]] < plogis(qlogis(0.2) - 1) && limits[[2]] > plogis(qlogis(0.2) - 1))
  expect_lt(limits[[2]], 0.2)
  rows$truth <- rep(1, 4000)
  expect_identical(calibrated_limits(rows, 0.2, 0.95), c(NA_real_, NA_real_))
})

test_that("one class has no interval", {
  rows <- transform(example_predictions(), truth = 1L)
  points <- choose_thresholds(rows, worth = 4, draws = 100)
  expect_true(all(is.na(points$lower)))
})
