figures <- c("roc", "pr", "calibration", "decision_curve", "subgroups", "abstention")
files <- c(table_files, detail_files, paste0(figures, ".png"), paste0(figures, ".svg"), "summary.json")
files <- setdiff(files, detail_files[c("over_time", "readers", "reader_curve", "reader_agreement", "modalities")])
# Six rows of one split: no abstention, and groups are too small for a figure.
files_of_six <- files[!grepl("^abstention|^subgroups.(png|svg)", files)]

local_out <- function(frame = parent.frame()) {
  parent <- tempfile("parent-")
  dir.create(parent)
  remove_later(parent, frame)
  file.path(parent, "evaluation")
}

everything_in <- function(directory) list.files(directory, all.files = TRUE, no.. = TRUE)

test_that("tables are the same after writing and reading", {
  out <- local_out()
  evaluation <- evaluate(example_predictions(), example_thresholds(), out = out, draws = 200)
  expect_setequal(everything_in(out), files)
  expect_identical(everything_in(dirname(out)), "evaluation")
  back <- read_evaluation(out)
  for (name in c("discrimination", "operating_points", "calibration", "roc")) {
    expect_identical(back[[name]], evaluation[[name]], info = name)
  }
  expect_identical(back$about[c("split", "engine", "confidence", "compared_with")],
                   evaluation$about[c("split", "engine", "confidence", "compared_with")])
  expect_identical(format(back), format(evaluation))
})

# Figures are slow, so tests that only read share one directory.
shared_out <- file.path(tempfile(), "evaluation")
shared <- evaluate(six_rows(), one_threshold(), out = shared_out, draws = 200)

test_that("tables have the columns for Python and the report", {
  out <- shared_out
  header <- function(name) strsplit(readLines(file.path(out, name), 1), ",")[[1]]
  expect_identical(header("discrimination.csv"), c(
    "finding", "split", "n_images", "n_patients", "n_positive", "prevalence", "auroc", "auroc_lower", "auroc_upper",
    "confidence", "method", "n_clusters", "design_effect", "delong_std_error", "delong_lower", "delong_upper",
    "clustered_std_error", "clustered_lower", "clustered_upper", "obuchowski_std_error", "obuchowski_lower",
    "obuchowski_upper", "average_precision", "average_precision_lower", "average_precision_upper"
  ))
  expect_identical(header("operating_points.csv"), c(
    "finding", "split", "operating_point", "threshold", "metric", "estimate", "lower", "upper", "interval", "confidence"
  ))
  expect_identical(header("calibration.csv"), c(
    "finding", "split", "bin", "n_images", "n_positive", "n_effective", "mean_probability", "observed",
    "observed_lower", "observed_upper"
  ))
  expect_identical(header("roc.csv"), c("finding", "split", "threshold", "sensitivity", "specificity"))
})

test_that("the summary has the headline and the list of files", {
  out <- shared_out
  text <- paste(readLines(file.path(out, "summary.json")), collapse = "\n")
  summary <- jsonlite::fromJSON(text)
  expect_identical(summary$schema_version, 1L)
  expect_identical(summary$split, "test")
  expect_equal(summary$headline$Pneumonia$auroc, 7 / 9, tolerance = 1e-14)
  expect_identical(summary$headline$Pneumonia$n_patients, 5L)
  expect_identical(summary$headline$Pneumonia$method, "score")
  expect_equal(summary$headline$Pneumonia$auroc_lower, shared$discrimination$auroc_lower, tolerance = 1e-14)
  expect_setequal(summary$files, files_of_six)
  expect_match(summary$engine, "^(yardstick|pROC) [0-9.]+$")
})

test_that("figures are not empty", {
  out <- shared_out
  for (name in grep("png$", everything_in(out), value = TRUE)) {
    head <- readBin(file.path(out, name), "raw", 24)
    expect_identical(head[2:4], charToRaw("PNG"))
    width <- sum(as.integer(head[17:20]) * 256^(3:0))
    expect_gte(width, 1000)
  }
  expect_match(readLines(file.path(out, "roc.svg"), 3), "<svg", all = FALSE)
})

test_that("text is UTF-8 with CSV quotes", {
  out <- local_out()
  name <- "Neumon\u00eda \"leve\", AP"
  rows <- transform(six_rows(), finding = name)
  evaluate_tables(rows, one_threshold(finding = name), out = out, draws = 200)
  bytes <- readBin(file.path(out, "discrimination.csv"), "raw", 1e4)
  expect_match(rawToChar(bytes), "\u00eda \"\"leve\"\", AP", useBytes = TRUE, fixed = TRUE)
  expect_identical(read_evaluation(out)$discrimination$finding, name)
})

test_that("an older evaluation is replaced completely", {
  out <- local_out()
  dir.create(out)
  writeLines("{}", file.path(out, "summary.json"))
  writeLines("old", file.path(out, "decision_curve.csv"))
  evaluate_tables(six_rows(), one_threshold(), out = out, draws = 200)
  expect_setequal(everything_in(out), grep("(png|svg)$", files_of_six, value = TRUE, invert = TRUE))
  expect_identical(read_evaluation(out)$discrimination$n_images, 6L)
  expect_identical(everything_in(dirname(out)), "evaluation")
})

test_that("a directory with other files is not changed", {
  out <- local_out()
  dir.create(out)
  writeLines("mine", file.path(out, "thesis.tex"))
  expect_error(evaluate(six_rows(), one_threshold(), out = out, draws = 200), class = "placa_error_out")
  expect_identical(everything_in(out), "thesis.tex")
  unlink(file.path(out, "thesis.tex"))
  expect_null(check_out(out))
})

test_that("an invalid path is an error", {
  file <- tempfile()
  writeLines("a file", file)
  on.exit(unlink(file))
  expect_error(evaluate(six_rows(), one_threshold(), out = file, draws = 200), class = "placa_error_out")
  expect_error(evaluate(six_rows(), one_threshold(), out = file.path(file, "evaluation")), class = "placa_error_out")
  expect_identical(readLines(file), "a file")
})

test_that("a failure keeps the older evaluation and no temporary files", {
  out <- local_out()
  dir.create(dirname(out), showWarnings = FALSE)
  file.copy(shared_out, dirname(out), recursive = TRUE)
  evaluation <- shared
  before <- tools::md5sum(file.path(out, files))
  broken <- evaluation
  # The tables can be written, the last figure cannot.
  broken$calibration$mean_probability <- NULL
  broken$discrimination$auroc <- 0.123
  expect_error(suppressWarnings(write_evaluation(broken, out)), class = "placa_error_write")
  expect_identical(tools::md5sum(file.path(out, files)), before)
  expect_identical(everything_in(dirname(out)), "evaluation")
})

test_that("numbers are exact after writing and reading", {
  x <- c(0.1, 1 / 3, 2 / 3, 0.1 + 0.2, 1e-300, NA, Inf)
  expect_identical(as.double(sub("NA", NA, format_exactly(x))), x)
  expect_identical(format_exactly(0.1), "0.1")
})

test_that("figures are drawn without ragg and svglite too", {
  directory <- local_out()
  dir.create(directory)
  plot <- plot_roc(six_rows())
  for (name in c("a.png", "a.svg")) {
    device <- if (name == "a.png") png_device(ragg = FALSE) else svg_device(svglite = FALSE)
    ggplot2::ggsave(file.path(directory, name), plot, device = device, width = 3, height = 3, units = "in", dpi = 72)
    expect_gt(file.size(file.path(directory, name)), 1000)
  }
})

test_that("an evaluation without a curve is written without that figure", {
  rows <- six_rows()
  rows$truth <- 0L
  out <- local_out()
  expect_warning(evaluate(rows, one_threshold(), out = out, draws = 200), class = "placa_warning_one_class")
  expect_true(file.exists(file.path(out, "calibration.png")))
  expect_false(file.exists(file.path(out, "roc.png")))
  summary <- jsonlite::fromJSON(file.path(out, "summary.json"))
  expect_false("roc.png" %in% summary$files)
  expect_true(is.na(read_evaluation(out)$discrimination$auroc))
})

unlink(dirname(shared_out), recursive = TRUE)

test_that("an older evaluation that a killed process had moved away gets its name again", {
  dir.create(directory <- tempfile())
  out <- file.path(directory, "evaluation")
  dead <- paste0(".evaluation.", c("old", "partial"), "-99999999-abc")
  for (name in dead) dir.create(file.path(directory, name))
  writeLines("{}", file.path(directory, dead[[1]], "summary.json"))
  dir.create(kept <- hidden_name(out, "partial"))
  sweep_leftovers(out)
  expect_setequal(list.files(directory, all.files = TRUE, no.. = TRUE), c("evaluation", basename(kept)))
  expect_true(file.exists(file.path(out, "summary.json")))
})
