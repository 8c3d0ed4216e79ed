test_that("the evaluation of a run has the thresholds of the run", {
  run <- local_run()
  evaluate_tables(six_rows(), run, out = file.path(run, "evaluation"), draws = 200)
  evaluation <- read_evaluation(run)
  expect_identical(evaluation$thresholds$operating_point, c("youden", "sensitivity_95"))
  expect_null(evaluation$predictions)
  expect_equal(evaluation$discrimination$auroc, 7 / 9)
})

test_that("a run without an evaluation is an error with a remedy", {
  expect_error(read_evaluation(local_run()), "evaluate_run", class = "placa_error_run")
})

test_that("a missing or truncated file is an error", {
  run <- local_run()
  evaluate_tables(six_rows(), run, out = file.path(run, "evaluation"), draws = 200)
  unlink(file.path(run, "evaluation", "roc.csv"))
  expect_error(read_evaluation(run), "roc.csv", class = "placa_error_file")
  writeLines("{", file.path(run, "evaluation", "summary.json"))
  expect_error(read_evaluation(run), class = "placa_error_file")
})

test_that("an evaluation by an older version is read and printed", {
  run <- local_run()
  evaluation <- evaluate_tables(six_rows(), run, out = file.path(run, "evaluation"), draws = 200)
  older <- evaluation$discrimination[1:11]
  older[c("auroc_lower", "auroc_upper")] <- evaluation$discrimination[c("delong_lower", "delong_upper")]
  older$method <- "delong"
  write_table(older, file.path(run, "evaluation", "discrimination.csv"))
  write_table(evaluation$operating_points[1:6], file.path(run, "evaluation", "operating_points.csv"))
  unlink(file.path(run, "evaluation", detail_files))
  summary <- jsonlite::read_json(file.path(run, "evaluation", "summary.json"))
  write_record(summary[setdiff(names(summary), "fingerprints")], file.path(run, "evaluation", "summary.json"))
  back <- read_evaluation(run)
  expect_equal(tibble::as_tibble(back$discrimination), older)
  expect_null(back$subgroups)
  expect_output(print(back), "95%.*delong")
})
