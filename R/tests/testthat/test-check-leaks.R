leaky <- function(patient = "9", group = "9") {
  rbind(six_rows(), transform(six_rows()[1, ], image_id = "z", split = "train", patient_id = patient, group_id = group))
}

test_that("a patient in two splits is refused, and named", {
  error <- expect_error(evaluate(leaky(patient = "3"), one_threshold()), "3", class = "placa_error_leak")
  expect_identical(error$patients, "3")
  expect_identical(error$groups, character())
})

test_that("so is a group, under whatever patient", {
  error <- expect_error(evaluate(leaky(group = "5"), one_threshold()), class = "placa_error_leak")
  expect_identical(error$groups, "5")
  validation <- leaky(group = "5")
  validation$split[7] <- "validation"
  expect_error(evaluate(validation, one_threshold()), class = "placa_error_leak")
})

test_that("a leak is found across findings and from either side", {
  rows <- rbind(leaky(patient = "3"), transform(six_rows(), finding = "Effusion"))
  rows$finding[7] <- "Effusion"
  expect_error(check_leaks(rows, "test"), class = "placa_error_leak")
  expect_error(check_leaks(rows, "train"), class = "placa_error_leak")
})

test_that("missing names and loose images are no leak", {
  rows <- leaky(patient = NA, group = NA)
  rows$patient_id[1] <- NA
  rows$group_id[1] <- NA
  expect_identical(check_leaks(rows, "test"), "train")
  loose <- transform(six_rows(), split = NA_character_, image_id = LETTERS[1:6])
  expect_identical(check_leaks(rbind(six_rows(), loose), "test"), character())
})

test_that("nothing is written for predictions that leak", {
  out <- tempfile()
  expect_error(evaluate(leaky(patient = "3"), one_threshold(), out = out), class = "placa_error_leak")
  expect_false(file.exists(out))
})
