test_that("thresholds are a table with the default", {
  table <- read_thresholds(local_run(findings = c("Pneumonia", "Effusion")))
  expect_identical(table$finding, c("Pneumonia", "Pneumonia", "Effusion", "Effusion"))
  expect_identical(table$operating_point, rep(c("youden", "sensitivity_95"), 2))
  expect_identical(table$threshold, rep(c(0.5, 0.25), 2))
  expect_identical(table$default, rep(c(TRUE, FALSE), 2))
})

test_that("a missing or invalid file is an error", {
  expect_error(read_thresholds(tempdir()), "thresholds.json", class = "placa_error_run")
  file <- tempfile(fileext = ".json")
  on.exit(unlink(file))
  writeLines("not json", file)
  expect_error(read_thresholds(file), class = "placa_error_file")
  writeLines('{"schema_version": 7, "findings": {}}', file)
  expect_error(read_thresholds(file), class = "placa_error_schema")
})
