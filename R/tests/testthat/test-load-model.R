test_that("a model is printed where Python is not found", {
  run <- local_run(findings = c("Pneumonia", "Effusion"))
  # Another test may have started Python.
  before <- python_process$worker
  python <- Sys.getenv("PLACA_PYTHON")
  Sys.setenv(PLACA_PYTHON = file.path(tempdir(), "absent"))
  on.exit(Sys.setenv(PLACA_PYTHON = python))
  model <- load_model(run)
  expect_s3_class(model, "placa_model")
  expect_identical(model$findings, c("Pneumonia", "Effusion"))
  text <- paste(format(model), collapse = "\n")
  expect_match(text, "Pneumonia.*Effusion.*No Finding")
  expect_match(text, "evaluate_run\\(\\)")
  expect_match(text, "youden.*0\\.500.*default")
  expect_identical(python_process$worker, before)
})

test_that("an evaluated model prints AUROC", {
  run <- local_run()
  row <- evaluate_tables(six_rows(), run, out = file.path(run, "evaluation"), draws = 200)$discrimination
  auroc <- format_interval(row$auroc, row$auroc_lower, row$auroc_upper)
  expect_output(print(load_model(run)), paste0(auroc, " on 6 images, 3 positive"), fixed = TRUE)
})

test_that("a missing or incomplete run is an error", {
  expect_error(load_model(file.path(tempdir(), "absent")), "absent", class = "placa_error_run")
  run <- local_run()
  unlink(file.path(run, "model.keras"))
  expect_error(load_model(run), "model.keras", class = "placa_error_run")
  expect_error(load_model(file.path(run, "run.json")), "run\\.json", class = "placa_error_run")
  run <- local_run()
  unlink(file.path(run, "run.json"))
  dir.create(file.path(run, "run.json"))
  expect_error(load_model(run), "run\\.json", class = "placa_error_file")
})

test_that("a run of another version or with an edited record is an error", {
  run <- local_run()
  facts <- jsonlite::read_json(file.path(run, "run.json"))
  for (version in c(1L, 3L)) {
    facts$schema_version <- version
    write_record(facts, file.path(run, "run.json"))
    expect_error(load_model(run), class = "placa_error_schema")
  }
  facts$schema_version <- 2L
  facts$data$images$train <- "70"
  write_record(facts, file.path(run, "run.json"))
  condition <- expect_error(load_model(run), class = "placa_error_record")
  expect_identical(condition$place, "$.data.images.train")
})

test_that("thresholds of other findings are an error", {
  run <- local_run(findings = c("Pneumonia", "Effusion"))
  stored <- jsonlite::read_json(file.path(run, "thresholds.json"))
  stored$findings$Effusion <- NULL
  write_record(stored, file.path(run, "thresholds.json"))
  expect_error(load_model(run), "Effusion", class = "placa_error_record")
})
