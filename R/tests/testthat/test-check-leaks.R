leaky <- function(patient = "9", group = "9") {
  rbind(six_rows(), transform(six_rows()[1, ], image_id = "z", split = "train", patient_id = patient, group_id = group))
}

test_that("a patient in two splits is an error with the identifier", {
  error <- expect_error(evaluate(leaky(patient = "3"), one_threshold()), "3", class = "placa_error_leak")
  expect_identical(error$patients, "3")
  expect_identical(error$groups, character())
})

test_that("a group in two splits is an error for any patient", {
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

test_that("missing identifiers and images without a split are not leaks", {
  rows <- leaky(patient = NA, group = NA)
  rows$patient_id[1] <- NA
  rows$group_id[1] <- NA
  expect_identical(check_leaks(rows, "test"), "train")
  loose <- transform(six_rows(), split = NA_character_, image_id = LETTERS[1:6])
  expect_identical(check_leaks(rbind(six_rows(), loose), "test"), character())
})

test_that("nothing is written if predictions have a leak", {
  out <- tempfile()
  expect_error(evaluate(leaky(patient = "3"), one_threshold(), out = out), class = "placa_error_leak")
  expect_false(file.exists(out))
})

test_that("an image in two splits is an error if patient and group are unknown", {
  rows <- leaky(patient = NA, group = NA)
  rows$image_id[7] <- "a"
  rows$patient_id[1] <- NA
  rows$group_id[1] <- NA
  error <- expect_error(check_leaks(rows, "test"), "\"train\".*\"a\"", class = "placa_error_leak")
  expect_identical(error$images, "a")
  expect_identical(error$patients, character())
})

test_that("unknown patients and a single split are not leaks", {
  unknown <- leaky(patient = NA, group = "9")
  unknown$patient_id[2] <- NA
  expect_identical(evaluate(unknown, one_threshold(), draws = 200)$about$compared_with, "train")
  blank <- leaky(patient = "", group = "")
  blank$patient_id[1] <- ""
  blank$group_id[1] <- ""
  evaluation <- evaluate(blank, one_threshold(), draws = 200)
  expect_identical(evaluation$discrimination$n_patients, NA_integer_)
  unknown_ids <- transform(six_rows(), patient_id = NA, group_id = NA)
  alone <- evaluate(unknown_ids, one_threshold(), draws = 200)
  expect_identical(alone$about$compared_with, character())
  # Splits are printed only if the evaluation was compared with them.
  expect_match(paste(format(evaluation), collapse = " "), "\\btrain\\b")
  expect_no_match_all(format(alone), "\\btrain\\b")
})

test_that("identifiers may be numeric, text or factor, and unlabelled rows are checked", {
  for (as_id in list(as.numeric, as.character, factor)) {
    rows <- leaky(patient = "3", group = "9")
    rows$patient_id <- as_id(rows$patient_id)
    rows$truth[7] <- NA
    expect_error(evaluate(rows, one_threshold()), class = "placa_error_leak")
  }
})
