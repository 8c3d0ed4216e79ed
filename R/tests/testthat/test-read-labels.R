fixture <- function() test_path("fixtures", "labels.parquet")

expect_the_labels <- function(labels) {
  expect_identical(names(labels), c("image_id", "finding", "label_source", "subset", "truth"))
  expect_identical(labels$image_id, c("a.png", "a.png", "\u00f1.png", "\u00f1.png"))
  expect_identical(labels$finding, rep(c("Pneumothorax", "Nodule"), 2))
  expect_identical(labels$label_source, rep("tres radi\u00f3logos", 4))
  expect_identical(labels$subset, c("test", "test", NA, NA))
  # The fifth row has no label.
  expect_identical(labels$truth, c(1L, 0L, 0L, 1L))
}

for (package in c("arrow", "nanoparquet")) {
  test_that(paste("labels are the same with", package), {
    skip_if_not_installed(package)
    expect_the_labels(check_labels(read_parquet(fixture(), parquet_readers()[package])$data))
  })
}

test_that("labels are the same with Python", {
  skip_if_not_installed("processx")
  python <- find_python(test_path())
  skip_if(is.null(python), "the project's Python is not there")
  lines <- in_own_r(c(
    sprintf("read <- placa:::read_by_python(%s, NULL)", deparse(normalizePath(fixture()))),
    "saveRDS(read, Sys.getenv('PLACA_TEST_OUT'))"
  ), env = c(paste0("PLACA_PYTHON=", python), paste0("PLACA_TEST_OUT=", out <- tempfile())))
  expect_true(file.exists(out), info = paste(lines, collapse = "\n"))
  expect_the_labels(check_labels(readRDS(out)$data))
})

test_that("labels are read from a run, and missing labels are an error", {
  run <- local_run()
  expect_error(read_labels(run), basename(run), class = "placa_error_run")
  expect_error(read_labels(file.path(run, "labels.parquet")), "labels\\.parquet", class = "placa_error_file")
  expect_error(read_labels(file.path(run, "run.json")), class = "placa_error_file")
  expect_error(read_labels(1), class = "placa_error_file")
  file.copy(fixture(), run)
  expect_identical(labels_file(run), normalizePath(file.path(run, "labels.parquet")))
})
