dated <- example_predictions()
dated$period <- ifelse(dated$age < 50, "2", ifelse(dated$age < 65, "10", "1"))

test_that("each period has the results of its images, in the order of numbers", {
  table <- performance_over_time(dated, draws = 100)
  expect_s3_class(table, "placa_performance")
  one <- table[table$finding == "Pneumonia", ]
  expect_equal(one$period, c("1", "2", "10"))
  rows <- dated[dated$split == "test" & dated$period == "2", ]
  expect_equal(one$auroc[[2]], discrimination(rows, draws = 100)$auroc[[match("Pneumonia", unique(rows$finding))]])
  expect_equal(sum(one$n_images), sum(dated$split == "test" & dated$finding == "Pneumonia" & !is.na(dated$truth)))
  dated$period <- c("1" = "2026-02", "2" = "2025-12", "10" = "2026-01")[dated$period]
  expect_equal(unique(performance_over_time(dated, draws = 100)$period), c("2025-12", "2026-01", "2026-02"))
  expect_error(performance_over_time(example_predictions()), class = "placa_error_columns")
})

test_that("an evaluation has the table if there are several periods, in its folder too", {
  out <- new_folder()
  evaluation <- evaluate_tables(dated, example_thresholds(), draws = 100, out = file.path(out, "evaluation"))
  expect_equal(unique(evaluation$over_time$period), c("1", "2", "10"))
  expect_equal(read_evaluation(file.path(out, "evaluation"))$over_time, evaluation$over_time)
  one <- over_time(transform(dated, period = "1"), "test", 0.95, 100, 1)
  expect_null(one)
  expect_null(over_time(example_predictions(), "test", 0.95, 100, 1))
})
