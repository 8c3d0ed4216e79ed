test_that("three bins of six images match a manual count", {
  table <- calibration_bins(six_rows(), bins = 3)
  expect_identical(table$bin, 1:3)
  expect_identical(table$n_images, c(2L, 2L, 2L))
  expect_identical(table$n_positive, c(1L, 0L, 2L))
  expect_equal(table$mean_probability, c(0.225, 0.5, 0.85))
  expect_equal(table$observed, c(0.5, 0, 1))
})

test_that("Wilson's interval matches scipy and prop.test()", {
  results <- sklearn_values()
  for (finding in unique(results$finding)) {
    for (threshold in c(0.3, 0.5)) {
      of_case <- results[results$finding == finding & results$threshold == threshold, ]
      value <- function(name) of_case$estimate[of_case$metric == name]
      n <- value("true_positive") + value("false_negative")
      interval <- wilson_interval(value("true_positive"), n, 0.95)
      expect_equal(interval$observed_lower, value("wilson_lower"), tolerance = 1e-12)
      expect_equal(interval$observed_upper, value("wilson_upper"), tolerance = 1e-12)
      base <- stats::prop.test(value("true_positive"), n, conf.level = 0.8, correct = FALSE)$conf.int
      interval <- wilson_interval(value("true_positive"), n, 0.8)
      expect_equal(c(interval$observed_lower, interval$observed_upper), as.double(base), tolerance = 1e-9)
    }
  }
})

test_that("bounds are between 0 and 1", {
  ends <- wilson_interval(c(0, 7), c(7, 7), 0.95)
  expect_true(all(ends$observed_lower >= 0 & ends$observed_upper <= 1))
  expect_equal(ends$observed_upper[2], 1)
})

test_that("bins have equal counts and do not depend on the order of rows", {
  rows <- example_predictions()
  table <- calibration_bins(rows)
  counts <- table$n_images[table$finding == "Pneumonia"]
  expect_length(counts, 10)
  expect_lte(diff(range(counts)), 1)
  expect_identical(sum(counts), sum(rows$split == "test" & rows$finding == "Pneumonia"))
  set.seed(1)
  shuffled <- calibration_bins(rows[sample(nrow(rows)), ])
  shuffled <- shuffled[order(match(shuffled$finding, table$finding)), ]
  expect_equal(shuffled, table)
})

test_that("images with equal probabilities are in one bin", {
  rows <- six_rows()
  rows$probability <- c(0.2, 0.2, 0.2, 0.2, 0.9, 0.9)
  table <- calibration_bins(rows, bins = 6)
  expect_identical(table$n_images, c(4L, 2L))
  expect_identical(table$bin, 1:2)
  rows$probability <- 0.5
  expect_identical(calibration_bins(rows)$n_images, 6L)
})

test_that("an invalid number of bins is an error", {
  expect_error(calibration_bins(six_rows(), bins = 0), class = "placa_error_bins")
  expect_error(calibration_bins(six_rows(), bins = 2.5), class = "placa_error_bins")
})

test_that("intervals are clustered: copies of images do not narrow them", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Effusion" & rows$split == "test", ][1:240, ]
  rows$patient_id <- rows$group_id <- rows$image_id
  once <- calibration_bins(rows, bins = 4)
  expect_equal(once$n_effective, as.double(once$n_images))
  copies <- do.call(rbind, lapply(1:3, function(i) transform(rows, image_id = paste(image_id, i))))
  thrice <- calibration_bins(copies, bins = 4)
  expect_equal(thrice$observed, once$observed)
  reach <- stats::qt(0.975, once$n_images - 1)
  expect_equal(thrice$n_effective, once$n_images * (qnorm(0.975) / reach)^2)
  # One patient: any proportion is possible.
  alone <- calibration_bins(transform(rows, patient_id = "a", group_id = "a"), bins = 2)
  expect_identical(c(alone$n_effective, alone$observed_lower, alone$observed_upper), c(0, 0, 0, 0, 1, 1))
})

test_that("the limits of a bin are those of a proportion of the same patients", {
  rows <- example_predictions()
  rows <- rows[rows$split == "test" & rows$finding == "Pneumonia", ]
  table <- calibration_bins(rows, bins = 4)
  bin <- findInterval(rank(rows$probability) / nrow(rows), c(0, 0.25, 0.5, 0.75), left.open = TRUE)
  for (i in 1:4) {
    of_bin <- rows[bin == i, ]
    positive <- tapply(of_bin$truth, of_bin$patient_id, sum)
    images <- tapply(of_bin$truth, of_bin$patient_id, length)
    expected <- proportion(as.double(positive), as.double(images))$limits(0.95)
    expect_equal(c(table$observed_lower[[i]], table$observed_upper[[i]]), expected)
  }
})
