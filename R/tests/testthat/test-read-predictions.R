fixture <- function() test_path("fixtures", "predictions.parquet")

expect_the_fixture <- function(predictions) {
  expect_identical(names(predictions), run_columns)
  expect_identical(predictions$image_id, rep(c("a.png", "b.png", "\u00f1.png"), each = 2))
  expect_identical(predictions$patient_id, c("1", "1", "2", "2", NA, NA))
  expect_identical(predictions$split, c("train", "train", "test", "test", NA, NA))
  expect_identical(predictions$truth, c(1L, 0L, NA, 1L, NA, NA))
  expect_identical(predictions$probability, c(0.9, 0.1, 0.5, 0.75, 0.25, NA))
  expect_identical(predictions$sex, c("F", "F", "M", "M", NA, NA))
  expect_identical(predictions$age, c(61, 61, NA, NA, 0.5, 0.5))
  expect_identical(predictions$site, c("C\u00f3rdoba", "C\u00f3rdoba", NA, NA, NA, NA))
}

for (package in c("arrow", "nanoparquet")) {
  test_that(paste("the table is the same with", package), {
    skip_if_not_installed(package)
    read <- read_parquet(fixture(), parquet_readers()[package])
    expect_the_fixture(check_predictions(read$data, run_columns))
    expect_match(parse_metadata(read$metadata, "x")$label_source, "C\u00f3rdoba")
  })
}

test_that("the table is the same with Python", {
  skip_if_not_installed("processx")
  python <- find_python(test_path())
  skip_if(is.null(python), "the project's Python is not there")
  lines <- in_own_r(c(
    "readers <- placa:::parquet_readers()['processx']",
    sprintf("read <- placa:::read_parquet(%s, readers)", deparse(normalizePath(fixture()))),
    "saveRDS(read, Sys.getenv('PLACA_TEST_OUT'))"
  ), env = c(paste0("PLACA_PYTHON=", python), paste0("PLACA_TEST_OUT=", out <- tempfile())))
  expect_true(file.exists(out), info = paste(lines, collapse = "\n"))
  read <- readRDS(out)
  expect_the_fixture(check_predictions(read$data, run_columns))
  expect_match(parse_metadata(read$metadata, "x")$label_source, "C\u00f3rdoba")
})

test_that("lists of Python become columns with missing values", {
  columns <- list(a = c("x", ""), b = c(1, NaN), c = list(), d = "one")
  expect_identical(columns_from_lists(columns["a"], list(a = c(FALSE, TRUE)))$a, c("x", NA))
  expect_identical(columns_from_lists(columns["b"], list(b = c(FALSE, TRUE)))$b, c(1, NA))
  expect_identical(nrow(columns_from_lists(columns["c"], list(c = list()))), 0L)
  expect_identical(columns_from_lists(columns["d"], list(d = TRUE))$d, NA_character_)
})

test_that("the first installed reader is used, and none is an error", {
  readers <- list(
    nowhere = function(...) NULL, stats = function(...) list(data = 1), utils = function(...) list(data = 2)
  )
  expect_identical(read_parquet(fixture(), readers)$data, 1)
  expect_error(read_parquet(fixture(), readers["nowhere"]), "install.packages", class = "placa_error_parquet")
})

test_that("a failure of a reader is an error with a class", {
  readers <- list(stats = function(file, call) stop("page header {broken}"))
  expect_error(read_parquet(fixture(), readers), "page header {broken}", fixed = TRUE, class = "placa_error_file")
})

test_that("a CSV file is read with identifiers as text and any decimal mark", {
  lines <- c(
    "image_id,patient_id,finding,truth,probability,age,ward,group_id,split",
    "a,007,E,1,0.75,60,12345678901234567890,,test", "b,7,E,0,1e-3,,NA,,test"
  )
  point <- read_predictions(local_csv(lines, "mine.csv"))
  expect_identical(point$patient_id, c("007", "7"))
  expect_identical(point$group_id, c(NA_character_, NA))
  expect_identical(point$truth, c(1L, 0L))
  expect_identical(point$probability, c(0.75, 0.001))
  expect_identical(point$age, c(60, NA))
  expect_identical(point$ward, c("12345678901234567890", NA))
  comma <- read_predictions(local_csv(gsub(".", ",", gsub(",", ";", lines), fixed = TRUE), "mine.CSV"))
  expect_identical(comma, point)
  renamed <- sub("truth,probability,age", "label,.pred_E,Age", lines, fixed = TRUE)
  own <- suppressMessages(read_predictions(local_csv(renamed, "mine.csv"), truth = label, estimate = .pred_E))
  shared <- c("patient_id", "finding", "truth", "probability", "age")
  expect_identical(own[shared], point[shared])
  odd <- sub("0.75", "high", lines, fixed = TRUE)
  expect_error(read_predictions(local_csv(odd, "mine.csv")), class = "placa_error_columns")
  expect_error(read_predictions(local_csv(lines[[1]], "mine.csv")), NA)
  expect_error(read_predictions(local_csv(character(), "mine.csv")), class = "placa_error_file")
})

test_that("files that are not predictions are errors with different classes", {
  run <- local_run()
  expect_error(read_predictions(run), class = "placa_error_run")
  expect_error(read_predictions(file.path(run, "none.parquet")), class = "placa_error_file")
  expect_error(read_predictions(file.path(run, "run.json")), class = "placa_error_file")
  expect_error(read_predictions(NULL), class = "placa_error_file")
  short <- file.path(run, "predictions.parquet")
  writeBin(readBin(fixture(), "raw", 2000), short)
  expect_error(read_predictions(run), "2,?000", class = "placa_error_file")
})

test_that("a file of a newer version is an error", {
  expect_error(parse_metadata('{"schema_version": 3}', "x"), class = "placa_error_schema")
  expect_null(parse_metadata(NULL, "x"))
})
