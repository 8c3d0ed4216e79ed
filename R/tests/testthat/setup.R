# Six images, few enough for manual calculations.
six_rows <- function() {
  tibble::tibble(
    image_id = letters[1:6],
    patient_id = c("1", "2", "3", "4", "5", "5"),
    group_id = patient_id,
    split = "test",
    finding = "Pneumonia",
    truth = c(0L, 0L, 1L, 1L, 0L, 1L),
    probability = c(0.1, 0.4, 0.35, 0.8, 0.6, 0.9)
  )
}

one_threshold <- function(threshold = 0.5, finding = "Pneumonia") {
  tibble::tibble(finding = finding, operating_point = "youden", threshold = threshold, default = TRUE)
}

metric <- function(points, name) {
  points$estimate[points$metric == name]
}

sklearn_predictions <- function() {
  rows <- utils::read.csv(test_path("fixtures", "sklearn-predictions.csv"))
  rows$patient_id <- rows$group_id <- rows$image_id
  rows$split <- "test"
  rows
}

sklearn_values <- function() {
  utils::read.csv(test_path("fixtures", "sklearn-values.csv"))
}

# Removes files at the end of a test.
remove_later <- function(path, frame) {
  do.call("on.exit", list(substitute(unlink(path, recursive = TRUE), list(path = path)), add = TRUE), envir = frame)
}

# evaluate(), but without its figures, which take most of the time, for tests of tables.
evaluate_tables <- function(...) {
  namespace <- asNamespace("placa")
  whole <- namespace$evaluation_figures
  put <- function(figures) {
    unlockBinding("evaluation_figures", namespace)
    assign("evaluation_figures", figures, envir = namespace)
    lockBinding("evaluation_figures", namespace)
  }
  put(function(...) list())
  on.exit(put(whole))
  evaluate(...)
}

# A valid record of a kind, which Python's tests read too.
good_record <- function(kind) {
  jsonlite::read_json(test_path("fixtures", "records", paste0(kind, ".json")))
}

# Without the digest, because tests change the content.
write_record <- function(content, file) {
  content$digest <- NULL
  writeLines(jsonlite::toJSON(content, auto_unbox = TRUE, digits = NA, null = "null"), file)
}

# A run with an invalid model, for tests without Python.
local_run <- function(frame = parent.frame(), findings = "Pneumonia", headline = FALSE) {
  run <- tempfile("run-")
  dir.create(run)
  remove_later(run, frame)
  thresholds <- good_record("thresholds")
  thresholds$findings <- lapply(stats::setNames(nm = findings), function(finding) {
    list(default = "youden", points = list(youden = 0.5, sensitivity_95 = 0.25), chosen = TRUE, reason = NULL)
  })
  facts <- good_record("run")
  facts$name <- "invented"
  facts$training$backbone <- "small"
  facts$data$findings <- as.list(findings)
  facts$data$label_source <- "a test"
  facts$data$image_size <- 96L
  facts$data$images <- list(train = 70L, validation = 15L, test = 15L)
  writeLines("no model", file.path(run, "model.keras"))
  facts$model$fingerprint <- paste0("sha256:", cli::hash_file_sha256(file.path(run, "model.keras")))
  write_record(thresholds, file.path(run, "thresholds.json"))
  write_record(facts, file.path(run, "run.json"))
  run
}

# Runs R code in a separate process, because a process has only one Python. Returns its output.
in_own_r <- function(code, env = character()) {
  dev <- "pkgload" %in% loadedNamespaces() && getExportedValue("pkgload", "is_dev_package")("placa")
  load <- if (dev) {
    sprintf("pkgload::load_all(%s, quiet = TRUE)", deparse(getExportedValue("pkgload", "pkg_path")()))
  } else {
    sprintf("library(placa, lib.loc = %s)", deparse(dirname(find.package("placa"))))
  }
  script <- tempfile(fileext = ".R")
  on.exit(unlink(script))
  writeLines(c("options(warn = 1, cli.width = 500)", load, code), script)
  rscript <- file.path(R.home("bin"), "Rscript")
  suppressWarnings(system2(rscript, shQuote(script), stdout = TRUE, stderr = TRUE, env = env))
}

# The fixture package works with any Python.
stand_in <- function() {
  skip_if_not_installed("processx")
  project <- find_python(test_path())
  python <- if (is.null(project)) unname(Sys.which("python3")) else project
  skip_if(!nzchar(python), "there is no Python")
  c(
    paste0("RETICULATE_PYTHON=", python),
    paste0("PYTHONPATH=", normalizePath(test_path("fixtures", "python"))),
    "PYTHONDONTWRITEBYTECODE=1"
  )
}

# testthat 3.1.6 has no such expectation for a vector.
expect_no_match_all <- function(texts, pattern) {
  wrong <- texts[grepl(pattern, texts)]
  expect_identical(wrong, character())
}

# Real tables and published predictions: the folder PLACA_DATA, or ../shared/data next to the project.
shared_data <- function() {
  named <- Sys.getenv("PLACA_DATA")
  found <- if (nzchar(named)) named else find_upwards(test_path(), "shared/data")
  skip_if(is.null(found) || !dir.exists(file.path(found, "predictions")), "no published predictions are here")
  found
}

new_folder <- function() {
  folder <- tempfile()
  dir.create(folder)
  folder
}

local_csv <- function(lines, name = "readers.csv") {
  file <- file.path(new_folder(), name)
  writeLines(lines, file, useBytes = TRUE)
  file
}
