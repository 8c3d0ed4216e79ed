# Elements in forked processes: the values, conditions and errors of lapply().

test_that("values are those of lapply(), in the same order", {
  expect_identical(lapply_forked(1:5, function(i) list(i, letters[[i]]), worth = TRUE), lapply(1:5, function(i) {
    list(i, letters[[i]])
  }))
  expect_identical(lapply_forked(1:3, function(i) NULL, worth = TRUE), list(NULL, NULL, NULL))
})

test_that("elements are computed in other processes if that is worth it and safe", {
  own <- Sys.getpid()
  skip_if_not(is_safe_to_fork(), "forks are not safe in this R")
  expect_false(own %in% unlist(lapply_forked(1:2, function(i) Sys.getpid(), worth = TRUE)))
  expect_identical(unlist(lapply_forked(1:2, function(i) Sys.getpid(), worth = FALSE)), c(own, own))
  expect_identical(unlist(lapply_forked(1:2, function(i) Sys.getpid(), worth = TRUE, cores = 1)), c(own, own))
})

test_that("warnings, messages and errors keep their classes", {
  act <- function(i) {
    if (i == 1) warn("Few images.", class = "placa_warning_few") else cli::cli_inform("Done.", class = "placa_done")
    i
  }
  expect_warning(
    expect_message(expect_identical(lapply_forked(1:2, act, worth = TRUE), list(1L, 2L)), class = "placa_done"),
    class = "placa_warning_few"
  )
  fail <- function(i) if (i == 2) abort("No images.", class = "placa_error_none") else i
  expect_error(lapply_forked(1:2, fail, worth = TRUE), class = "placa_error_none")
})

test_that("the elements of a killed process are computed again", {
  own <- Sys.getpid()
  end <- function(i) {
    if (Sys.getpid() != own && i == 1) tools::pskill(Sys.getpid(), tools::SIGKILL)
    i
  }
  expect_identical(lapply_forked(1:4, end, worth = TRUE), as.list(1:4))
})
