# Runs code in a separate R process with packages attached before and after placa.
call_beside <- function(before, after) {
  packages <- c("datasets", "utils", "grDevices", "graphics", "stats", "methods", before)
  lines <- in_own_r(c(
    sprintf("suppressMessages(library(%s))", after),
    "predictions <- example_predictions()",
    "evaluation <- evaluate(predictions, example_thresholds(), draws = 100)",
    "model <- structure(list(findings = 'Pneumonia'), class = 'placa_model')",
    "explained <- tryCatch(explain(model, 'nowhere.png'), error = class)",
    "cat('classes:', class(evaluation), explained[[1]], class(list_errors(predictions))[[1]], '\\n')",
    "cat('rows:', nrow(compare_models(list(a = predictions, b = predictions), 'auroc', draws = 100)),",
    "    nrow(calibration_bins(predictions, bins = 5)), '\\n')"
  ), paste0("R_DEFAULT_PACKAGES=", paste(packages, collapse = ",")))
  grep("^(classes|rows):", lines, value = TRUE)
}

test_that("functions work with other packages attached in any order", {
  for (package in c("generics", "dplyr", "pROC", "ggplot2")) skip_if_not_installed(package)
  others <- c("generics", "dplyr", "pROC", "ggplot2", if (is_package_installed("yardstick")) "yardstick")
  expected <- c("classes: placa_evaluation placa_error_image placa_errors ", "rows: 8 10 ")
  expect_identical(call_beside(others, character()), expected)
  expect_identical(call_beside(character(), others), expected)
  expect_identical(call_beside(rev(others)[1:2], others[1:2]), expected)
  expect_identical(call_beside(others[1:2], rev(others)[1:2]), expected)
})

test_that("evaluate() is the generic of generics", {
  expect_identical(evaluate, generics::evaluate)
  expect_identical(explain, generics::explain)
  expect_error(evaluate(example_predictions(), example_thresholds(), treshold = 1), class = "rlib_error_dots_nonempty")
})
