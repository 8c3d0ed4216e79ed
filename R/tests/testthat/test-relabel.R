second_reader <- function() {
  tibble::tibble(
    image_id = c("a", "b", "c", "d", "z"), finding = "Pneumonia", label_source = "second reader",
    subset = c("val", "val", "test", "test", "test"), truth = c(0L, 1L, 0L, 1L, 1L)
  )
}

test_that("relabel() replaces only the truth", {
  before <- six_rows()
  after <- relabel(before, second_reader())
  expect_identical(after$truth, c(0L, 1L, 0L, 1L, NA, NA))
  expect_equal(after[names(after) != "truth"], before[names(before) != "truth"], ignore_attr = "placa")
  expect_identical(attr(after, "placa")$label_source, "second reader")
})

test_that("evaluate() uses labelled images and prints their source and number", {
  # Of the positives b and d, d (0.8) is above the negatives a (0.1) and c (0.35), and so is b (0.4).
  evaluation <- suppressWarnings(evaluate(relabel(six_rows(), second_reader()), one_threshold(), draws = 200))
  expect_identical(evaluation$discrimination$n_images, 4L)
  expect_identical(evaluation$discrimination$n_positive, 2L)
  expect_equal(evaluation$discrimination$auroc, 1)
  text <- paste(format(evaluation), collapse = " ")
  expect_match(text, "second reader")
  expect_match(text, "\\b4 of 6\\b")
})

test_that("a subset can be selected and is printed", {
  relabelled <- relabel(six_rows(), second_reader(), subset = "test")
  expect_identical(relabelled$truth, c(NA, NA, 0L, 1L, NA, NA))
  evaluation <- suppressWarnings(evaluate(relabelled, one_threshold(), draws = 200))
  expect_match(paste(format(evaluation), collapse = " "), "second reader (test)", fixed = TRUE)
  error <- expect_error(relabel(six_rows(), second_reader(), subset = "train"), "val", class = "placa_error_labels")
  expect_error(relabel(six_rows(), second_reader()[-4], subset = "test"), "no subsets", class = "placa_error_labels")
})

test_that("the description of the labels is written and read", {
  out <- tempfile()
  on.exit(unlink(out, recursive = TRUE))
  rows <- rbind(six_rows(), transform(six_rows(), finding = "Effusion"))
  thresholds <- rbind(one_threshold(), one_threshold(finding = "Effusion"))
  relabelled <- relabel(rows, second_reader(), subset = "test")
  evaluation <- suppressWarnings(evaluate_tables(relabelled, thresholds, out = out, draws = 200))
  back <- read_evaluation(out)
  expect_equal(back$about$labels, evaluation$about$labels)
  expect_identical(back$about$labels$unlabelled_findings, "Effusion")
  expect_match(paste(format(back), collapse = " "), "Effusion")
})

test_that("braces in a source name are not evaluated", {
  odd <- transform(second_reader(), label_source = "{panel} of 3")
  evaluation <- suppressWarnings(evaluate(relabel(six_rows(), odd), one_threshold(), draws = 200))
  expect_match(paste(format(evaluation), collapse = " "), "{panel} of 3", fixed = TRUE)
})

test_that("several sources require a selection", {
  both <- rbind(second_reader(), transform(second_reader(), label_source = "panel", truth = 1L - truth))
  expect_error(relabel(six_rows(), both), "panel", class = "placa_error_labels")
  expect_identical(relabel(six_rows(), both, "panel")$truth, c(1L, 0L, 1L, 0L, NA, NA))
  expect_error(relabel(six_rows(), both, "nobody"), "nobody", class = "placa_error_labels")
  expect_error(relabel(six_rows(), both, c("panel", "second reader")), class = "placa_error_labels")
  # A source with labels of another finding only is ignored.
  other <- transform(second_reader(), label_source = "panel", finding = "Effusion")
  expect_identical(relabel(six_rows(), rbind(second_reader(), other))$truth[1:2], 0:1)
})

test_that("invalid labels are errors", {
  expect_error(relabel(six_rows(), "labels.parquet"), "read_labels", class = "placa_error_labels")
  expect_error(relabel(six_rows(), second_reader()[-1]), class = "placa_error_columns")
  expect_error(relabel(six_rows(), transform(second_reader(), truth = 2)), class = "placa_error_truth")
  nothing <- transform(second_reader(), finding = "Hernia")
  expect_error(relabel(six_rows(), nothing), "Hernia", class = "placa_error_labels")
  elsewhere <- transform(second_reader(), image_id = paste0(image_id, ".png"))
  expect_error(relabel(six_rows(), elsewhere), "second reader.*\\b5\\b", class = "placa_error_labels")
  contrary <- rbind(second_reader(), transform(second_reader()[3, ], truth = 1L))
  expect_error(relabel(six_rows(), contrary), "\"c\".*Pneumonia", class = "placa_error_labels")
  # A duplicated label is one label; a missing label is ignored.
  twice <- rbind(second_reader(), second_reader()[3, ], transform(second_reader()[3, ], truth = NA))
  expect_identical(relabel(six_rows(), twice)$truth, c(0L, 1L, 0L, 1L, NA, NA))
})

test_that("a leak is found with any labels", {
  rows <- rbind(six_rows(), transform(six_rows()[1, ], image_id = "y", split = "train", group_id = "3"))
  expect_error(evaluate(relabel(rows, second_reader()), one_threshold()), class = "placa_error_leak")
})

# --- published predictions on real labels ----------------------------------------------------------------------

# A DenseNet-121's probabilities for NIH's images, with the labels of NIH's table.
published <- function(data) {
  read <- function(...) utils::read.csv(file.path(data, ...), check.names = FALSE)
  predicted <- read("predictions", "densenet121_zech_2018.csv")
  table <- read("nih", "Data_Entry_2017_v2020.csv")
  table <- table[match(predicted[["Image Index"]], table[["Image Index"]]), ]
  tibble::tibble(
    image_id = predicted[["Image Index"]], patient_id = table[["Patient ID"]], group_id = patient_id, split = "test",
    finding = "Pneumothorax", truth = as.integer(grepl("Pneumothorax", table[["Finding Labels"]])),
    probability = predicted$prob_Pneumothorax, healthy = table[["Finding Labels"]] == "No Finding"
  )
}

adjudicated <- function(data) {
  table <- utils::read.csv(file.path(data, "nih", "adjudicated_labels_google2019.csv"), check.names = FALSE)
  data.frame(
    image_id = table[["Image Index"]], finding = "Pneumothorax", label_source = "adjudicated",
    subset = table[["Set Id"]], truth = as.integer(table$Pneumothorax == "YES")
  )
}

test_that("published predictions give published values with both label sources", {
  data <- shared_data()
  rows <- published(data)
  expect_identical(nrow(rows), 22433L)
  expect_equal(discrimination(rows, draws = 200)$auroc, 0.8776, tolerance = 5e-5)
  expect_equal(discrimination(rows[rows$truth == 1 | rows$healthy, ], draws = 200)$auroc, 0.9049, tolerance = 5e-5)
  evaluation <- evaluate(relabel(rows, adjudicated(data)), one_threshold(finding = "Pneumothorax"), draws = 200)
  expect_identical(evaluation$discrimination$n_images, 935L)
  expect_identical(evaluation$discrimination$n_positive, 46L)
  # Manual count: the proportion of correctly ranked pairs of a positive and a negative image; ties count half.
  labels <- adjudicated(data)
  truth <- labels$truth[match(rows$image_id, labels$image_id)]
  pairs <- outer(rows$probability[truth %in% 1], rows$probability[truth %in% 0], function(x, y) (x > y) + (x == y) / 2)
  expect_equal(evaluation$discrimination$auroc, mean(pairs), tolerance = 1e-12)
})
