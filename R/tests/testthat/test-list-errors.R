test_that("six images have two errors, the more confident first", {
  table <- list_errors(six_rows())
  expect_s3_class(table, "placa_errors")
  expect_identical(table$kind, c("false_positive", "false_negative"))
  expect_identical(table$image_id, c("e", "c"))
  expect_identical(table$rank, c(1L, 1L))
  expect_identical(nrow(list_errors(six_rows(), one_threshold(0.95))), 3L)
})

test_that("the most confident errors are first, one per patient by default, for any row order", {
  rows <- example_predictions()
  table <- list_errors(rows, example_thresholds(), n = 5)
  for (kind in split(table, paste(table$finding, table$kind))) {
    expect_false(is.unsorted(-abs(kind$truth - kind$probability)))
    expect_identical(anyDuplicated(kind$patient_id), 0L)
    expect_lte(nrow(kind), 5)
  }
  reversed <- list_errors(rows[rev(seq_len(nrow(rows))), ], example_thresholds(), n = 5)
  expect_equal(reversed[order(reversed$finding), ], table[order(table$finding), ])
  all <- list_errors(rows, example_thresholds(), n = 10000, one_per_group = FALSE)
  points <- operating_points(rows, example_thresholds())
  wrong <- points$metric %in% c("false_positive", "false_negative") & points$operating_point == "sensitivity_95"
  expect_equal(nrow(all), sum(points$estimate[wrong]))
  expect_true(all(c("sex", "age", "view") %in% names(all)))
  expect_error(list_errors(rows, n = 0), class = "placa_error_n")
})

test_that("a model without errors gives no rows", {
  expect_identical(nrow(list_errors(transform(six_rows(), probability = truth))), 0L)
})
