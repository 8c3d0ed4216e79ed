four_columns <- function() six_rows()[c("image_id", "finding", "truth", "probability")]

test_that("four columns are enough, and what follows is said", {
  expect_message(table <- as_predictions(four_columns()), class = "placa_message_defaults")
  expect_identical(table$patient_id, rep(NA_character_, 6))
  # A column that looks like patients is named, and taken when asked for.
  spanish <- data.frame(four_columns()[-1], Imagen = six_rows()$image_id, Paciente = six_rows()$patient_id)
  expect_message(as_predictions(spanish, image_id = Imagen), "patient_id = Paciente")
  expect_message(as_predictions(cbind(four_columns(), patient_age = 50)), "cluster of its own[^?]*$")
  expect_no_message(
    evaluation <- evaluate(spanish, one_threshold(), image_id = Imagen, patient_id = Paciente, draws = 100),
    class = "placa_message_defaults"
  )
  expect_identical(evaluation$discrimination$n_patients, length(unique(six_rows()$patient_id)))
  hidden <- transform(six_rows(), patient_id = c("Anonymous", "anonimizado", "desconocido", "ANON", "p1", "p2"))
  expect_warning(known <- as_predictions(hidden), class = "placa_warning_patients")
  expect_identical(known$patient_id, c(NA, NA, NA, NA, "p1", "p2"))
  counted <- transform(six_rows(), patient_id = c("0", "0", "1", "1", "2", "2"))
  expect_identical(as_predictions(counted)$patient_id, counted$patient_id)
  expect_identical(table$split, rep(NA_character_, 6))
  given <- as.data.frame(six_rows())
  evaluation <- suppressMessages(evaluate(four_columns(), draws = 100))
  expected <- suppressMessages(evaluate(transform(given, patient_id = NA, group_id = NA), one_threshold(), draws = 100))
  expect_equal(evaluation$discrimination, expected$discrimination)
  expect_identical(evaluation$thresholds$threshold, 0.5)
})

test_that("columns of other names and types are the same table", {
  plain <- six_rows()
  expected <- suppressMessages(as_predictions(four_columns()))
  mine <- data.frame(
    file = plain$image_id, sick = factor(ifelse(plain$truth == 1, "yes", "no"), c("yes", "no")),
    .pred_yes = plain$probability
  )
  table <- function(...) suppressMessages(as_predictions(..., image_id = file))
  one <- table(mine, truth = sick, estimate = .pred_yes)
  expect_identical(one$finding, rep("sick", 6))
  expect_identical(one[c("image_id", "truth", "probability")], expected[c("image_id", "truth", "probability")])
  names(mine)[[3]] <- ".pred_Pneumonia"
  truths <- list(
    plain$truth, plain$truth == 1, factor(plain$truth), ifelse(plain$truth == 1, "Positive", "negative"),
    factor(plain$truth, 1:0, c("s\u00ed", "no"))
  )
  for (truth in truths) {
    mine$label <- truth
    one <- table(mine, truth = label, estimate = ".pred_Pneumonia")
    expect_identical(one[c("finding", "truth")], expected[c("finding", "truth")])
  }
  mine$label <- factor(ifelse(plain$truth == 1, "a", "b"))
  expect_message(one <- as_predictions(mine, label, .pred_Pneumonia), class = "placa_message_event_level")
  expect_identical(one$truth, plain$truth)
  expect_identical(table(mine, label, .pred_Pneumonia, event_level = "second")$truth, 1L - plain$truth)
  expect_identical(table(mine, label, .pred_Pneumonia, event_level = "b")$truth, 1L - plain$truth)
  mine$label <- as.character(mine$label)
  expect_error(table(mine, label, .pred_Pneumonia), class = "placa_error_truth")
  expect_error(table(mine, nothing, .pred_Pneumonia), class = "placa_error_columns")
  mine$label <- factor(rep(1:3, 2))
  expect_error(table(mine, label, .pred_Pneumonia), class = "placa_error_truth")
})

test_that("Sex and Age are sex and age, and an identifier's error has the name of its column", {
  data <- data.frame(
    truth = c(1, 0), probability = c(0.9, 0.2), MRN = c(2^53, 1), Sex = c("F", "M"), Age = 50:51, site = "a", Site = "b"
  )
  expect_message(table <- as_predictions(data), "sex.*age.*Sex.*Age", class = "placa_message_defaults")
  expect_identical(table[c("sex", "age", "site")], tibble::tibble(sex = c("F", "M"), age = c(50, 51), site = "a"))
  expect_identical(suppressMessages(as_predictions(data, finding = Sex))$finding, c("F", "M"))
  # A named column has one role, also in later verbs.
  named <- suppressMessages(as_predictions(data, image_id = Sex))
  expect_identical(named$image_id, c("F", "M"))
  expect_identical(suppressMessages(select_split(named, "test"))$sex, c(NA_character_, NA_character_))
  expect_error(as_predictions(data, patient_id = MRN), "MRN", class = "placa_error_identifiers")
})

test_that("several estimates are several findings", {
  plain <- six_rows()
  wide <- data.frame(
    image_id = plain$image_id, patient_id = plain$patient_id, A = plain$truth, B = 1 - plain$truth,
    .pred_A = plain$probability, .pred_B = 1 - plain$probability, .pred_class = "positive"
  )
  long <- as_predictions(wide, truth = c(A, B), estimate = c(.pred_A, .pred_B))
  expect_identical(long$finding, rep(c("A", "B"), each = 6))
  expect_identical(long$truth, as.integer(c(wide$A, wide$B)))
  expect_identical(long$probability, c(wide$.pred_A, wide$.pred_B))
  skip_if_not_installed("tidyselect")
  expect_identical(as_predictions(wide, estimate = tidyselect::starts_with(".pred_")), long)
  expect_error(as_predictions(wide, truth = c(A, B), estimate = .pred_A), class = "placa_error_columns")
})

test_that("thresholds are numbers, tables, or chosen on validation rows", {
  predictions <- example_predictions()
  expect_message(evaluation <- evaluate(predictions, draws = 100), class = "placa_message_thresholds")
  expect_equal(evaluation$thresholds, check_thresholds(choose_thresholds(predictions), c("Pneumonia", "Effusion")))
  expect_identical(check_thresholds(c(B = 0.2, A = 0.1), c("A", "B"))$threshold, c(0.2, 0.1))
  expect_error(check_thresholds(c(0.2, 0.1), c("A", "B")), class = "placa_error_thresholds")
  expect_error(check_thresholds(c(A = 0.1), c("A", "B")), class = "placa_error_thresholds")
})

test_that("the split is in a column of any name", {
  data <- data.frame(truth = c(1, 0, 1), probability = c(0.9, 0.2, 0.4), part = c("test", "test", "validation"))
  expect_identical(suppressMessages(as_predictions(data, split = part))$split, data$part)
})

test_that("R and Python know the same placeholders of patients", {
  shared <- utils::read.csv(test_path("fixtures", "patients.csv"), colClasses = "character", na.strings = character(),
                            encoding = "UTF-8")
  known <- grepl(placeholder, shared$identifier, ignore.case = TRUE, perl = TRUE)
  expect_identical(shared$identifier[known != (shared$unknown == "1")], character())
})
