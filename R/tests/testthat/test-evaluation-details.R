test_that("detail tables match the single functions", {
  predictions <- example_predictions()
  rows <- select_split(predictions, "test")
  details <- evaluation_details(predictions, rows, example_thresholds(), "test", 10, 0.95, 200, 1)
  of_readers <- c("readers", "reader_curve", "reader_agreement", "modalities")
  expect_identical(names(details), setdiff(names(detail_files), of_readers))
  expect_equal(details$predictive_values, predictive_values(predictions, example_thresholds(), draws = 200))
  expect_equal(details$decision_curve, decision_curve(predictions, draws = 100, prevalence = c(NA, 0.05)))
  expect_equal(details$subgroups, subgroups(predictions, example_thresholds(), draws = 100))
  expect_equal(details$abstention, abstain(predictions, draws = 100))
  for (name in intersect(names(detail_classes), names(details))) {
    expect_s3_class(details[[name]], detail_classes[[name]])
  }
})

test_that("every column of every table has a known type", {
  evaluation <- evaluate(example_predictions(), example_thresholds(), draws = 100, max_fpr = 0.2)
  for (table in evaluation[c(names(table_files), names(detail_files))]) {
    for (name in names(table)) {
      kind <- if (name %in% c(text_fields, detail_text_fields)) {
        "character"
      } else if (name %in% detail_logical_fields) {
        "logical"
      } else if (name %in% c(integer_fields, detail_integer_fields)) {
        "integer"
      } else {
        "double"
      }
      expect_identical(paste(name, typeof(table[[name]])), paste(name, kind))
    }
  }
})

test_that("without a validation split there is no abstention, and one class gives one warning", {
  rows <- select_split(six_rows(), "test")
  details <- evaluation_details(six_rows(), rows, one_threshold(), "test", 10, 0.95, 100, 1)
  expect_null(details$abstention)
  one_class <- transform(six_rows(), truth = 0L)
  expect_silent(evaluation_details(one_class, one_class, one_threshold(), "test", 10, 0.95, 100, 1))
})

test_that("an evaluation is the same after writing and reading", {
  out <- tempfile()
  remove_later(out, environment())
  evaluation <- evaluate_tables(example_predictions(), example_thresholds(), out = out, draws = 200)
  back <- read_evaluation(out)
  for (name in c(names(table_files), names(detail_files))) expect_equal(back[[name]], evaluation[[name]])
  expect_identical(back$about$seed, 1L)
})
