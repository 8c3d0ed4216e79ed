# Six images for calibration and six for testing, each of another patient.
twelve_rows <- function() {
  test <- transform(six_rows(), patient_id = image_id, group_id = image_id)
  known <- transform(test, split = "validation", image_id = LETTERS[1:6], group_id = LETTERS[1:6])
  known$probability <- c(0.1, 0.2, 0.5, 0.7, 0.6, 0.9)
  rbind(known, test)
}

test_that("values for six images match a manual calculation", {
  table <- abstain(twelve_rows(), c(0.01, 0.3, 0.5), draws = 100)
  expect_s3_class(table, "placa_abstention")
  # Three images of a class and the new one: the third of four reaches a proportion of 0.7, the second 0.5.
  expect_equal(table$positive_from, c(0, 0.5, 0.7))
  expect_equal(table$negative_to, c(1, 0.6, 0.2))
  # At 0.3, only 0.6 has both classes; at 0.5, 0.35, 0.4 and 0.6 have none.
  expect_equal(table$deferred, c(1, 1 / 6, 1 / 2))
  expect_equal(table$both, c(1, 1 / 6, 0))
  expect_equal(table$neither, c(0, 0, 1 / 2))
  expect_equal(table$coverage_positive, c(1, 2 / 3, 2 / 3))
  expect_equal(table$coverage_negative, c(1, 1, 1 / 3))
  expect_equal(table$error_decided, c(NA, 1 / 5, 0))
})

test_that("images of one patient share one weight, or one image is drawn", {
  rows <- twelve_rows()
  known <- rows[rows$split == "validation", ]
  known$group_id <- c("a", "a", "b", "b", "c", "d")
  expect_equal(conformal_weights(known, "clustered", 1), c(0.5, 0.5, 0.5, 0.5, 1, 1))
  expect_equal(conformal_weights(known, "image", 1), rep(1, 6))
  drawn <- conformal_weights(known, "one", 1)
  expect_equal(as.double(tapply(drawn, known$group_id, sum)), rep(1, 4))
  back <- rev(seq_len(6))
  expect_equal(conformal_weights(known[back, ], "one", 1), drawn[back])
  set.seed(4)
  before <- .Random.seed
  conformal_weights(known, "one", 1)
  expect_identical(.Random.seed, before)
})

test_that("the limit is the conformal quantile", {
  misfit <- with_seed(3, stats::runif(99))
  for (rate in c(0.01, 0.1, 0.35)) {
    expect_equal(weighted_limit(misfit, rep(1, 99), 1 - rate), sort(misfit)[ceiling(100 * (1 - rate) - 1e-9)])
  }
  expect_identical(weighted_limit(misfit, rep(1, 99), 0.995), Inf)
})

test_that("coverage holds over many simulated data sets", {
  kept <- vapply(1:60, function(seed) {
    rows <- example_predictions(patients = 300, seed = seed)
    rows <- rows[rows$finding == "Pneumonia", ]
    table <- abstain(rows, 0.2, draws = 100)
    c(table$coverage_positive, table$coverage_negative)
  }, double(2))
  # The target is 0.8; the mean of 60 values has a standard error near 0.01.
  expect_gt(min(rowMeans(kept)), 0.78)
  expect_lt(max(rowMeans(kept)), 0.88)
})

test_that("groups are calibrated separately, and a group that is too small is deferred", {
  rows <- example_predictions()
  table <- abstain(rows, 0.1, by = c("view", "age"), draws = 100)
  of_view <- table[table$column %in% "view" & table$finding == "Pneumonia", ]
  expect_identical(of_view$group, c("AP", "PA"))
  alone <- abstain(rows[rows$view == "AP", ], 0.1, draws = 100)
  shown <- setdiff(names(table), c("column", "group"))
  expect_equal(of_view[1, shown], alone[alone$finding == "Pneumonia", shown])
  young <- table[table$group %in% "0-17" & table$finding == "Effusion", ]
  expect_equal(young$deferred, 1)
})

test_that("invalid arguments are errors", {
  rows <- twelve_rows()
  expect_error(abstain(rows, 0), class = "placa_error_rates")
  expect_error(abstain(rows, calibration_split = "test"), class = "placa_error_split")
  expect_error(abstain(six_rows()), class = "placa_error_split")
  expect_error(abstain(rows, by = "ward"), class = "placa_error_columns")
})
