expect_report_of_readers <- function(evaluation) {
  on.exit(rm(list = ls(the_report), envir = the_report))
  facts <- list(findings = c("Pneumonia", "Effusion"), many = TRUE)
  text <- lapply(c(en = "en", es = "es"), function(language) {
    set_language(language)
    shown <- evaluation[["readers"]]
    paste(utils::capture.output({
      write_reader_means(shown)
      write_readers_of(shown[shown$finding == "Effusion", ], "Effusion", facts)
      write_reader_agreement(evaluation$reader_agreement, facts)
      write_modalities(evaluation$modalities, facts)
    }), collapse = "\n")
  })
  mean_row <- evaluation$readers[evaluation$readers$analysis == "fixed_readers", ][1, ]
  expect_match(text$en, sprintf("%.2f", mean_row$reader_estimate), fixed = TRUE)
  expect_match(text$es, sub(".", ",", sprintf("%.2f", mean_row$reader_estimate), fixed = TRUE), fixed = TRUE)
  expect_match(text$es, "lectores aleatorios")
  expect_no_match_all(text$es, "Readers|Difference|[{][a-z]")
}

test_that("evaluate() with readers writes, reads and draws their tables", {
  out <- tempfile()
  on.exit(unlink(out, recursive = TRUE))
  readers <- example_readers(modalities = c("alone", "with model"))
  evaluation <- evaluate(example_predictions(), example_thresholds(), draws = 100, readers = readers, out = out)
  alone <- suppressMessages(compare_readers(
    example_predictions(), readers, example_thresholds(), modality = "alone", draws = 100
  ))
  expect_equal(evaluation$readers, alone, ignore_attr = TRUE)
  expect_identical(unique(evaluation$readers$modality), "alone")
  expect_identical(unique(evaluation$modalities$finding), c("Pneumonia", "Effusion"))
  expect_true("kappa" %in% evaluation$operating_points$metric)
  expect_true(all(c("readers.csv", "reader_curve.csv", "reader_agreement.csv", "modalities.csv", "readers.png") %in%
                    list.files(out)))
  back <- read_evaluation(out)
  expect_equal(back$readers, evaluation$readers, ignore_attr = TRUE)
  expect_equal(back$modalities, evaluation$modalities, ignore_attr = TRUE)
  expect_equal(back$reader_agreement, evaluation$reader_agreement)
  expect_figure(ggplot2::autoplot(back, "readers"))
  expect_report_of_readers(evaluation)
})

test_that("one ordinal reader has an AUROC, and neither agreement nor modalities", {
  rows <- select_split(example_predictions(), "test")
  one <- example_readers(1, levels = 5)
  added <- add_readers(list(), one, rows, example_thresholds(), "test", 0.95, 100, 1)
  expect_identical(unique(added$readers$metric), "auroc")
  expect_named(added, c("readers", "reader_curve"))
  expect_error(ggplot2::autoplot(new_evaluation(), "readers"), class = "placa_error_plot")
  expect_error(evaluate(example_predictions(), example_thresholds(), readers = "nowhere.csv"),
               class = "placa_error_file")
})
