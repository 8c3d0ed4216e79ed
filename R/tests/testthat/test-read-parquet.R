types_file <- function() test_path("fixtures", "types.parquet")

expect_all_types <- function(read) {
  noon <- .POSIXct(c(1582977600, NA, -86400, 1582977600), tz = "UTC")
  expected <- list(
    "texto_\u00f1" = c("se\u00f1al", NA, "", "NA"),
    factor = c("\u00f1", NA, "PA", "\u00f1"),
    ordered = c("high", NA, "low", "high"),
    logical = c(TRUE, NA, FALSE, TRUE),
    small = c(1L, NA, -1L, 127L),
    whole = c(1L, NA, -2147483647L, 2147483647L),
    large = c(2^31, NA, 2^53 - 1, 0),
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
  skip_if_not_installed("processx")
  python <- find_python(test_path())
  skip_if(is.null(python), "the project's Python is not there")
  lines <- in_own_r(c(
    "readers <- placa:::parquet_readers()['processx']",
    sprintf("read <- placa:::read_parquet(%s, readers)", deparse(normalizePath(types_file()))),
    "saveRDS(read, Sys.getenv('PLACA_TEST_OUT'))"
  ), env = c(paste0("PLACA_PYTHON=", python), paste0("PLACA_TEST_OUT=", out <- tempfile())))
  expect_true(file.exists(out), info = paste(lines, collapse = "\n"))
  expect_all_types(readRDS(out))
})

# One table of predictions in the types of other programs (fixtures/make-foreign-types.py). A file is the same table by
# every reader, or it is an error of one class by a reader that does not know the type.
foreign_files <- function() {
  files <- list.files(test_path("fixtures", "foreign-types"), "[.]parquet$", full.names = TRUE)
  stats::setNames(normalizePath(files), sub("[.]parquet$", "", basename(files)))
}

foreign_patients <- function(name) {
  whole <- rep(0:3, each = 2)
  known <- switch(name, "long-uint64" = paste0("1000026112812345678", 1:4), "short-int64" = as.character(0:3),
    uint32 = as.character(4294967290 + 0:3),
    if (startsWith(name, "long")) paste0("2026112812345678", 1:4) else paste0("p", 0:3)
  )[whole + 1]
  if (name == "long-int64-missing") known[1:2] <- NA
  known
}

expect_foreign_table <- function(name, read) {
  predictions <- check_predictions(read$data)
  probability <- c(0.0625, 0.5, 0.375, 0.75, 0.625, 0.875, 0.25, 0.125)
  expect_identical(predictions$probability, probability, info = name)
  expect_identical(predictions$score, probability, info = name)
  expect_identical(predictions$truth, c(0L, 0L, 1L, 1L, 0L, 1L, 0L, 0L), info = name)
  expect_identical(predictions$age, c(67, 67, 45, 45, NA, NA, 30, 30), info = name)
  expect_identical(predictions$patient_id, foreign_patients(name), info = name)
  expect_identical(predictions$image_id, sprintf("img%d.png", 0:7), info = name)
  beside <- switch(name, "time-beside" = c("at", "took"), "uuid-beside" = "key", "decimal-beside" = "dose",
                   int96 = "taken")
  expect_identical(setdiff(names(read$data), run_columns), as.character(beside), info = name)
  left_out <- switch(name, "list-beside" = "embedding", "struct-beside" = , "map-beside" = "meta",
                     "binary-beside" = "thumbnail")
  expect_identical(as.character(read$left_out), as.character(left_out), info = name)
  if (name == "uuid-beside") expect_identical(read$data$key[[1]], "00010203-0405-0607-0809-0a0b0c0d0e0f")
  if (name == "time-beside") expect_equal(c(read$data$at[[1]], read$data$took[[1]]), c(1e-6, 1e-6))
  if (name == "decimal-beside") expect_equal(read$data$dose[[1]], 0.1)
}

not_by_nanoparquet <- c(
  "lz4", "brotli", "struct-beside", "map-beside", "long-int64", "long-int64-missing", "long-uint64", "long-decimal"
)

test_that("types of other programs are the same table with arrow", {
  skip_if_not_installed("arrow")
  files <- foreign_files()
  for (name in names(files)) {
    expect_foreign_table(name, suppressMessages(read_parquet(files[[name]], parquet_readers()["arrow"])))
  }
})

test_that("types of other programs are the same table, or an error, with nanoparquet", {
  skip_if_not_installed("nanoparquet", "0.5.0")
  files <- foreign_files()
  for (name in names(files)) {
    read <- tryCatch(suppressMessages(read_parquet(files[[name]], parquet_readers()["nanoparquet"])), error = identity)
    if (name %in% not_by_nanoparquet) {
      expect_s3_class(read, "placa_error_reader")
    } else {
      expect_foreign_table(name, read)
    }
  }
})

test_that("types of other programs are the same table with Python", {
  skip_if_not_installed("processx")
  python <- find_python(test_path())
  skip_if(is.null(python), "the project's Python is not there")
  files <- foreign_files()
  lines <- in_own_r(c(
    sprintf("files <- %s", paste(deparse(files), collapse = "")),
    "read <- function(file) suppressMessages(placa:::read_parquet(file, placa:::parquet_readers()['processx']))",
    "saveRDS(lapply(files, read), Sys.getenv('PLACA_TEST_OUT'))"
  ), env = c(paste0("PLACA_PYTHON=", python), paste0("PLACA_TEST_OUT=", out <- tempfile())))
  if (!file.exists(out)) rlang::abort(paste(lines, collapse = "\n"))
  read <- readRDS(out)
  for (name in names(files)) expect_foreign_table(name, read[[name]])
})

test_that("the next reader is tried, and the reason of each is in the error", {
  readers <- list(cli = function(file, call) stop("no codec"), rlang = function(file, call) list(data = 1))
  expect_identical(read_parquet(types_file(), readers)$data, 1)
  readers$rlang <- function(file, call) stop("no type")
  failed <- expect_error(read_parquet(types_file(), readers), class = "placa_error_reader")
  expect_match(conditionMessage(failed), "cli: no codec")
  expect_match(conditionMessage(failed), "rlang: no type")
  expect_no_match_all(conditionMessage(failed), "opy it again")
})

test_that("only a truncated file is called incomplete", {
  text <- tempfile(fileext = ".parquet")
  writeLines("image_id,probability", text)
  expect_no_match_all(conditionMessage(expect_error(check_magic(text), class = "placa_error_file")), "opy it again")
  bytes <- readBin(types_file(), "raw", 200)
  writeBin(bytes, text)
  expect_error(check_magic(text), "opy it again", class = "placa_error_file")
})

test_that("columns of all readers are converted to the same types", {
  numbers <- data.frame(a = c(1, NA), b = c(1, 2^31), c = 1:2)
  types <- lapply(harmonise_columns(numbers, integers = c("a", "b")), typeof)
  expect_identical(types, list(a = "integer", b = "double", c = "integer"))
  expect_identical(harmonise_columns(data.frame(a = c(NA_integer_, NA)), empty = "a")$a, c(NA, NA))
  expect_identical(nrow(harmonise_columns(data.frame(a = character()))), 0L)
  local <- data.frame(at = .POSIXct(0))
  expect_identical(attr(harmonise_columns(local)$at, "tzone"), "UTC")
  expect_identical(harmonise_columns(data.frame(a = factor("x", ordered = TRUE)))$a, "x")
  nested <- data.frame(a = 1:2)
  nested$list <- list(1, 2)
  nested$bytes <- list(charToRaw("\u00f1"), NULL)
  harmonised <- harmonise_columns(nested)
  expect_identical(attr(harmonised, "left_out"), "list")
  expect_identical(harmonised$bytes, c("\u00f1", NA))
})

test_that("lists of Python have column types", {
  columns <- list(d = 18321L, t = 1.5, n = list(), e = list())
  missing <- list(d = FALSE, t = FALSE, n = list(), e = list())
  kinds <- list(d = "date", t = "time", n = "double", e = "character")
  one <- function(name) columns_from_lists(columns[name], missing, kinds)[[name]]
  expect_identical(one("d"), as.Date("2020-02-29"))
  expect_identical(one("t"), .POSIXct(1.5, tz = "UTC"))
  expect_identical(one("n"), double())
  expect_identical(one("e"), character())
})

test_that("a file with more values than the limit is not read", {
  file <- tempfile(fileext = ".parquet")
  remove_later(file, environment())
  readers <- parquet_readers()
  readers <- readers[vapply(names(readers), is_package_installed, NA) & names(readers) != "processx"]
  skip_if(!length(readers), "no reader of parquet is installed")
  if ("nanoparquet" %in% names(readers)) nanoparquet::write_parquet(data.frame(a = 1:50, b = 1:50), file)
  else arrow::write_parquet(data.frame(a = 1:50, b = 1:50), file)
  # testthat 3.1.6 of Debian 12 has no local_mocked_bindings().
  limit <- function(values) {
    unlockBinding("max_values", asNamespace("placa"))
    assign("max_values", values, envir = asNamespace("placa"))
  }
  on.exit(limit(5e8), add = TRUE)
  for (name in names(readers)) {
    limit(100)
    expect_equal(nrow(read_parquet(file, readers[name])$data), 50)
    limit(99)
    expect_error(read_parquet(file, readers[name]), "100 values", class = "placa_error_file")
  }
})
