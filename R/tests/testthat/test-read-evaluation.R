test_that("an evaluation is found in its run, with the run's thresholds", {
  run <- local_run()
  evaluate(six_rows(), run, out = file.path(run, "evaluation"))
  evaluation <- read_evaluation(run)
  expect_identical(evaluation$thresholds$operating_point, c("youden", "sensitivity_95"))
  expect_null(evaluation$predictions)
  expect_equal(evaluation$discrimination$auroc, 7 / 9)
})

test_that("a run without one says what to type", {
  expect_error(read_evaluation(local_run()), "evaluate_run", class = "placa_error_run")
})

test_that("a file that is gone or cut short is told", {
  run <- local_run()
  evaluate(six_rows(), run, out = file.path(run, "evaluation"))
  unlink(file.path(run, "evaluation", "roc.csv"))
  expect_error(read_evaluation(run), "roc.csv", class = "placa_error_file")
  writeLines("{", file.path(run, "evaluation", "summary.json"))
  expect_error(read_evaluation(run), class = "placa_error_file")
})
