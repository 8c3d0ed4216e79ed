name_model <- function(run, fingerprint) {
  facts <- jsonlite::read_json(file.path(run, "run.json"))
  facts$model$fingerprint <- fingerprint
  write_record(facts, file.path(run, "run.json"))
}

# SHA-256 of the nine bytes "no model\n" of the placeholder model, computed with sha256sum.
of_stand_in <- "sha256:38af35bf3a1ac4a394cc7c60519f8f13883f95fe5d877cd9ac3b0cbb0f5b714b"

test_that("a model that does not match run.json is an error", {
  run <- local_run()
  name_model(run, of_stand_in)
  expect_s3_class(load_model(run), "placa_model")
  cat("more", file = file.path(run, "model.keras"), append = TRUE)
  expect_error(load_model(run), "model\\.keras.*38af35bf3a1a.*[0-9a-f]{12}", class = "placa_error_fingerprint")
  expect_error(evaluate_run(run), class = "placa_error_fingerprint")
})

test_that("predictions of a run must match its model; single files are not checked", {
  run <- local_run()
  file.copy(test_path("fixtures", "predictions.parquet"), file.path(run, "predictions.parquet"))
  name_model(run, paste0("sha256:", strrep("0", 64)))
  expect_s3_class(read_predictions(run), "tbl_df")
  name_model(run, of_stand_in)
  expect_error(read_predictions(run), "predictions\\.parquet.*38af35bf3a1a", class = "placa_error_fingerprint")
  expect_s3_class(read_predictions(file.path(run, "predictions.parquet")), "tbl_df")
})

test_that("predictions without a fingerprint are accepted", {
  run <- local_run()
  name_model(run, of_stand_in)
  expect_null(check_predictions_of(run, list(findings = "Pneumonia")))
  expect_null(check_predictions_of(run, NULL))
})

test_that("thresholds that were not chosen are printed", {
  run <- local_run(findings = c("Pneumonia", "Hernia"))
  stored <- jsonlite::read_json(file.path(run, "thresholds.json"))
  stored$findings$Hernia$chosen <- FALSE
  write_record(stored, file.path(run, "thresholds.json"))
  table <- read_thresholds(run)
  expect_identical(table$chosen, table$finding != "Hernia")
  # One more line is printed for the finding.
  expect_length(format(load_model(run)), length(format(load_model(local_run(findings = c("Pneumonia", "Hernia"))))) + 1)
})
