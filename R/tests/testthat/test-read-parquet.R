types_file <- function() test_path("fixtures", "types.parquet")

expect_all_types <- function(read) {
  noon <- .POSIXct(c(1582977600, NA, -86400, 1582977600), tz = "UTC")
  expected <- list(
    "texto_\u00f1" = c("se\u00f1al", NA, "", "NA"),
    factor = factor(c("\u00f1", NA, "PA", "\u00f1"), c("PA", "\u00f1", "AP")),
    ordered = factor(c("high", NA, "low", "high"), c("low", "high")),
    logical = c(TRUE, NA, FALSE, TRUE),
    small = c(1L, NA, -1L, 127L),
    whole = c(1L, NA, -2147483647L, 2147483647L),
    large = c(2^31, NA, 2^53, 0),
    double = c(0.1, NA, Inf, 61),
    single = c(0.5, NA, 2, 0),
    date = .Date(c(18321, NA, -1, 18321)),
    time = noon,
    time_utc = noon,
    no_text = rep(NA_character_, 4),
    nothing = rep(NA, 4)
  )
  expect_identical(names(read$data), names(expected))
  for (name in names(expected)) {
    expect_identical(read$data[[name]], expected[[name]], info = name)
  }
  expect_s3_class(read$data, "data.frame", exact = TRUE)
  expect_identical(parse_metadata(read$metadata, "x"), list(label_source = "C\u00f3rdoba"))
}

for (package in c("arrow", "nanoparquet")) {
  test_that(paste("all types are the same with", package), {
    skip_if_not_installed(package)
    expect_all_types(read_parquet(types_file(), parquet_readers()[package]))
  })
}

test_that("all types are the same with Python", {
  skip_if_not_installed("reticulate")
  python <- find_python(test_path())
  skip_if(is.null(python), "the project's Python is not there")
  lines <- in_own_r(c(
    "readers <- placa:::parquet_readers()['reticulate']",
    sprintf("read <- placa:::read_parquet(%s, readers)", deparse(normalizePath(types_file()))),
    "saveRDS(read, Sys.getenv('PLACA_TEST_OUT'))"
  ), env = c(paste0("PLACA_PYTHON=", python), paste0("PLACA_TEST_OUT=", out <- tempfile())))
  expect_true(file.exists(out), info = paste(lines, collapse = "\n"))
  expect_all_types(readRDS(out))
})

test_that("columns of all readers are converted to the same types", {
  numbers <- data.frame(a = c(1, NA), b = c(1, 2^31), c = 1:2)
  types <- lapply(harmonise_columns(numbers, integers = c("a", "b")), typeof)
  expect_identical(types, list(a = "integer", b = "double", c = "integer"))
  expect_identical(harmonise_columns(data.frame(a = c(NA_integer_, NA)), empty = "a")$a, c(NA, NA))
  expect_identical(nrow(harmonise_columns(data.frame(a = character()))), 0L)
  local <- data.frame(at = .POSIXct(0))
  expect_identical(attr(harmonise_columns(local)$at, "tzone"), "UTC")
  expect_false(is.ordered(harmonise_columns(data.frame(a = factor("x", ordered = TRUE)))$a))
})

test_that("lists of Python have column types", {
  columns <- list(f = 2:1, d = 18321L, t = 1.5, n = list(), e = list())
  missing <- list(f = c(FALSE, TRUE), d = FALSE, t = FALSE, n = list(), e = list())
  kinds <- list(f = "factor", d = "date", t = "time", n = "double", e = "character")
  one <- function(name) columns_from_lists(columns[name], missing, kinds, list(f = c("a", "b")))[[name]]
  expect_identical(one("f"), factor(c("b", NA), c("a", "b")))
  expect_identical(one("d"), as.Date("2020-02-29"))
  expect_identical(one("t"), .POSIXct(1.5, tz = "UTC"))
  expect_identical(one("n"), double())
  expect_identical(one("e"), character())
})
