test_that("different column types give the same table", {
  plain <- check_predictions(six_rows())
  other <- as.data.frame(six_rows())
  other$patient_id <- factor(other$patient_id)
  other$finding <- factor(other$finding)
  for (truth in list(as.double(other$truth), other$truth == 1, factor(other$truth), as.list(other$truth))) {
    other$truth <- truth
    expect_equal(check_predictions(other), plain)
  }
})

test_that("all types of missing truth become missing", {
  rows <- as.data.frame(six_rows())
  for (absent in list(NA, NaN, NA_integer_)) {
    rows$truth <- c(absent, 0, 1, 1, 0, 1)
    expect_identical(check_predictions(rows)$truth, c(NA, 0L, 1L, 1L, 0L, 1L))
  }
  rows$truth <- NA
  expect_identical(check_predictions(rows)$truth, rep(NA_integer_, 6))
})

test_that("numeric identifiers are not in scientific notation", {
  expect_identical(as_text(c(100000, 3e9, 1.5, NA)), c("100000", "3000000000", "1.5", NA))
  expect_identical(as_text(5L), "5")
})

test_that("invalid predictions are errors with a class", {
  rows <- six_rows()
  expect_error(check_predictions(list()), class = "placa_error_predictions")
  lacking <- rows[setdiff(names(rows), c("image_id", "truth"))]
  error <- expect_error(check_predictions(lacking), class = "placa_error_columns")
  expect_identical(error$columns, c("image_id", "truth"))
  expect_error(check_predictions(transform(rows, truth = 2L)), class = "placa_error_truth")
  expect_error(check_predictions(transform(rows, truth = "yes")), "yes", class = "placa_error_truth")
  expect_error(check_predictions(transform(rows, probability = -1)), class = "placa_error_probability")
  expect_error(check_predictions(transform(rows, probability = "a")), class = "placa_error_columns")
  expect_error(check_predictions(transform(rows, finding = NA)), class = "placa_error_finding")
})

test_that("braces in values are not evaluated", {
  rows <- six_rows()
  rows$truth <- c("{stop()}", "0", "1", "1", "0", "1")
  expect_error(check_predictions(rows), "{stop()}", fixed = TRUE, class = "placa_error_truth")
})

test_that("an unknown or unlabelled split is an error", {
  rows <- six_rows()
  expect_error(select_split(rows, "tset"), "test", class = "placa_error_split")
  expect_error(select_split(rows, c("test", "train")), class = "placa_error_split")
  expect_error(select_split(transform(rows, split = NA), "validation"), class = "placa_error_split")
  expect_error(select_split(transform(rows, truth = NA), "test"), class = "placa_error_unlabelled")
})

test_that("a duplicated image is an error", {
  expect_error(select_split(rbind(six_rows(), six_rows()[1, ]), "test"), class = "placa_error_duplicate")
})

test_that("labelled images without a probability are excluded with a warning", {
  rows <- six_rows()
  rows$probability[3] <- NA
  expect_warning(kept <- select_split(rows, "test"), class = "placa_warning_unpredicted")
  expect_identical(nrow(kept), 5L)
  rows$probability <- NaN
  expect_error(evaluate(rows, 0.5), class = "placa_error_unpredicted")
})

test_that("identifiers with invisible characters are the same patient", {
  predictions <- example_predictions()
  first <- predictions$patient_id[[1]]
  predictions$patient_id[[1]] <- paste0(first, " ")
  predictions$patient_id[[2]] <- paste0("\u200b", first)
  predictions$patient_id[[3]] <- paste0(first, "\u00ad\u034f\ufe0f")
  checked <- check_predictions(predictions)
  expect_identical(checked$patient_id[1:3], c(first, first, first))
})

test_that("ages and scores outside their range are errors", {
  predictions <- example_predictions()
  wrong <- transform(predictions, age = replace(age, 1, -0.1))
  expect_warning(checked <- check_predictions(wrong), "-0.1", class = "placa_warning_age")
  expect_identical(checked$age[1:2], c(NA, predictions$age[[2]]))
  expect_error(check_predictions(transform(predictions, score = Inf)), class = "placa_error_score")
})

test_that("a number that arithmetic loses is an error", {
  expect_error(refuse_lost_numbers(.Machine$integer.max + 1L), class = "placa_error_arithmetic")
  expect_error(refuse_lost_numbers(sqrt(-1)), class = "placa_error_arithmetic")
  expect_identical(refuse_lost_numbers(1 + 1), 2)
})

test_that("predictions without splits are one test set", {
  rlang::local_options(rlib_message_verbosity = "verbose")
  rows <- transform(six_rows(), split = NA)
  expect_message(kept <- select_split(rows, "test"), class = "placa_message_one_set")
  expect_identical(nrow(kept), 6L)
})

test_that("a table without groups has those of the patients", {
  rows <- six_rows()
  rows$group_id <- NULL
  expect_identical(check_predictions(rows)$group_id, check_predictions(rows)$patient_id)
})

test_that("identifiers above 2^53 must be text, and others keep their digits under any options", {
  rows <- six_rows()
  rows$patient_id <- 123456789012345678 + 0:5
  expect_error(check_predictions(rows), "patient_id", class = "placa_error_identifiers")
  rlang::local_options(OutDec = ",")
  rows$patient_id <- 1e5 + 0:5 / 2
  expect_identical(check_predictions(rows)$patient_id[1:3], c("100000", "100000.5", "100001"))
})

test_that("blank text is missing in every column, and images must have an identifier", {
  rows <- six_rows()
  rows$site <- c("", " ", "\u00a0", "A", NA, " B")
  rows$patient_id[[1]] <- " "
  checked <- check_predictions(rows)
  expect_identical(checked$site, c(NA, NA, NA, "A", NA, " B"))
  expect_identical(checked$patient_id[1:2], c(NA, "2"))
  rows$image_id[[2]] <- ""
  expect_error(check_predictions(rows), class = "placa_error_image_id")
})

test_that("17.0 is the patient 17, and alone it is kept", {
  known <- check_predictions(data.frame(
    image_id = as.character(1:4), finding = "Mass", truth = c(0, 1, 0, 1), probability = c(0.1, 0.9, 0.2, 0.8),
    patient_id = c("17", "17.0", "18.0", "a.0")
  ))
  expect_identical(known$patient_id, c("17", "17", "18.0", "a.0"))
})

test_that("text with decimal commas is an error with the way out", {
  rows <- six_rows()
  rows$probability <- sub(".", ",", format(rows$probability), fixed = TRUE)
  error <- expect_error(calibration_bins(rows), class = "placa_error_columns")
  expect_match(paste(conditionMessage(error), collapse = " "), "read.csv2", fixed = TRUE)
})
