test_that("table 1 counts missing values apart and leaves them out of percentages", {
  d <- example_predictions()
  images <- unique(d$image_id[d$split == "test"])
  d$sex[d$image_id %in% images[1:10]] <- NA
  table <- table_one(d)
  expect_s3_class(table, "placa_table")
  expect_identical(names(table), c("Characteristic", "Training", "Validation", "Test", "All images"))
  of <- function(row, column = "Test") table[[column]][table$Characteristic == row]
  test <- d[d$split == "test" & !duplicated(d$image_id), ]
  expect_identical(of("Images"), as.character(nrow(test)))
  known <- sum(!is.na(test$sex))
  expect_identical(of("Sex: female"), paste0(sum(test$sex == "F", na.rm = TRUE), " (",
                                             sprintf("%.1f", 100 * mean(test$sex == "F", na.rm = TRUE)), "%)"))
  expect_identical(c(of("Sex: unknown"), known), c("10", nrow(test) - 10L))
  expect_identical(of("Sex: unknown", "Training"), "0")
})

test_that("table 1 by label divides the labelled images of one finding", {
  d <- example_predictions()
  table <- table_one(d, by = "truth", finding = "Pneumonia", language = "es")
  positives <- sum(d$truth[d$finding == "Pneumonia"], na.rm = TRUE)
  expect_identical(table[[2]][[1]], as.character(positives))
  expect_error(table_one(d, by = "truth"), class = "placa_error_finding")
  expect_error(table_one(d, language = "fr"), class = "placa_error_language")
})

test_that("the performance table shows the values of the evaluation in both languages", {
  evaluation <- two_findings()
  table <- table_performance(evaluation)
  found <- evaluation$discrimination
  auroc <- table$Pneumonia[table$Metric == "AUROC"]
  expect_identical(auroc, format_interval(found$auroc, found$auroc_lower, found$auroc_upper)[[1]])
  curve <- evaluation$decision_curve
  of_model <- curve[curve$own & curve$finding == "Pneumonia" & curve$strategy == "model", ]
  row <- of_model[abs(of_model$threshold - 0.1) < 1e-9, ]
  expect_match(table$Pneumonia[table$Metric == "Net benefit at 10%"], format_number(row$net_benefit, 3), fixed = TRUE)
  es <- table_performance(evaluation, "es")
  expect_identical(dim(es), dim(table))
  expect_identical(es[[2]][[3]], gsub(".", ",", auroc, fixed = TRUE))
  expect_error(table_performance(1), class = "placa_error_table")
})

test_that("a table is written by the ending of its file", {
  table <- table_one(example_predictions())
  folder <- new_folder()
  for (ending in c("html", "tex", "md", "csv")) {
    file <- save_table(table, file.path(folder, paste0("one.", ending)))
    expect_match(paste(readLines(file, encoding = "UTF-8"), collapse = "\n"), "Patients")
  }
  expect_identical(names(utils::read.csv(file.path(folder, "one.csv"), check.names = FALSE)), names(table))
  expect_error(save_table(table, file.path(folder, "one.pptx")), class = "placa_error_table")
  skip_if_not(rlang::is_installed("rmarkdown") && rmarkdown::pandoc_available(), "pandoc is not installed")
  save_table(table, file.path(folder, "one.docx"))
  expect_true("word/document.xml" %in% utils::unzip(file.path(folder, "one.docx"), list = TRUE)$Name)
})

test_that("names are text in cells, headers, captions and notes of every format", {
  name <- "<b id='canary'>x</b> ![](canary.png) \\input{canary}"
  table <- new_paper_table(stats::setNames(data.frame(name, "0.91 (0.85)"), c(name, "AUROC")), name, name)
  folder <- new_folder()
  live <- c(html = "<b id", tex = "\\\\input[{]", md = "(?<!\\\\)(<b|!|`)")
  for (ending in names(live)) {
    text <- paste(readLines(save_table(table, file.path(folder, paste0("one.", ending)))), collapse = "\n")
    expect_no_match(text, live[[ending]], perl = TRUE)
    expect_match(text, "0.91 (0.85)", fixed = TRUE)
  }
  skip_if_not(rlang::is_installed("rmarkdown") && rmarkdown::pandoc_available(), "pandoc is not installed")
  save_table(table, file.path(folder, "one.docx"))
  document <- utils::unzip(file.path(folder, "one.docx"), "word/document.xml", exdir = folder)
  expect_match(paste(readLines(document, warn = FALSE), collapse = ""), "canary.png", fixed = TRUE)
})

test_that("the methods paragraph cites what the evaluation used, and only that", {
  methods <- methods_paragraph(two_findings())
  cited <- sub("^@[a-z]+[{]([^,]+),.*", "\\1", methods$bibtex)
  expect_true(all(c("newcombe2006", "wilson1927") %in% cited))
  expect_false("ledell2015" %in% cited)
  in_text <- regmatches(methods$text, gregexpr("(?<=@)[a-z]+[0-9]{4}", methods$text, perl = TRUE))[[1]]
  expect_setequal(cited, in_text)
  expect_match(methods$text, "147 patients")
  expect_match(methods_paragraph(two_findings(), "es")$text, "147 pacientes")
  expect_output(print(methods), "@article\\{newcombe2006")
  expect_error(methods_paragraph(1), class = "placa_error_run")
})

test_that("figures have the width that a journal asks for", {
  evaluation <- two_findings()
  folder <- file.path(new_folder(), "figures")
  files <- save_figures(evaluation, folder, width = 85, format = "svg", labels = "es")
  expect_setequal(basename(files), paste0(names(evaluation_figures(evaluation)), ".svg"))
  # An SVG has 72 points per inch.
  width <- as.double(sub(".*<svg [^>]*width=['\"]([0-9.]+)pt.*", "\\1", paste(readLines(files[[1]]), collapse = " ")))
  expect_equal(width, 85 / 25.4 * 72, tolerance = 0.01)
  expect_error(save_figures(evaluation, folder, format = "svg"), class = "placa_error_plot")
  expect_error(save_figures(evaluation, tempfile(), width = 8500), class = "placa_error_plot")
})
