# A copy of a run, and the Python that renders its report.
rendered_run <- function(frame = parent.frame()) {
  there <- trained_run()
  skip_if_not_installed("rmarkdown")
  skip_if_not_installed("svglite")
  skip_if(!nzchar(Sys.which("pandoc")), "pandoc is missing")
  folder <- tempfile("report-")
  dir.create(folder)
  remove_later(folder, frame)
  file.copy(there$run, folder, recursive = TRUE)
  list(run = file.path(folder, basename(there$run)), env = there$env)
}

test_that("a report is rendered in Spanish, and its path is returned", {
  there <- rendered_run()
  before <- Sys.getenv("PLACA_PYTHON")
  Sys.setenv(PLACA_PYTHON = sub("^PLACA_PYTHON=", "", there$env))
  on.exit(Sys.setenv(PLACA_PYTHON = before))
  path <- render_report(there$run, language = "es", document = "model-card")
  expect_identical(normalizePath(path), normalizePath(file.path(there$run, "report", "model-card.es.html")))
  page <- paste(readLines(path, encoding = "UTF-8", warn = FALSE), collapse = "\n")
  expect_match(page, "lang=\"es-ES\"", fixed = TRUE)
  expect_match(page, "Puntos? de corte")
  out <- file.path(dirname(there$run), "card.html")
  expect_identical(render_report(there$run, document = "model-card", out = out), out)
  expect_true(file.exists(out))
  expect_error(render_report(there$run, findings = "Nothing"), "Nothing", class = "placa_error_report")
  expect_error(render_report(there$run, language = "fr"), "'fr'", class = "placa_error_report")
  expect_error(render_report(dirname(there$run)), basename(dirname(there$run)), class = "placa_error_report")
})

test_that("an invalid path is an error before Python starts", {
  expect_error(render_report(1), class = "placa_error_file")
})

test_that("the message of Python is shown without progress lines", {
  lines <- c("usage: placa report [-h]", "  rendering", "placa: runs/x is {not} a run: name", "another.")
  error <- expect_error(abort_placa(lines, "python", NULL), class = "placa_error_report")
  expect_match(conditionMessage(error), "runs/x is {not} a run: name another.", fixed = TRUE)
  lines <- c("usage: placa report [-h]", "placa report: error: argument --to: invalid choice: 'odt'")
  expect_error(abort_placa(lines, "python", NULL), "argument --to: invalid choice", class = "placa_error_report")
  lines <- "/usr/bin/python3: No module named placa"
  expect_error(abort_placa(lines, "/usr/bin/python3", NULL), "PLACA_PYTHON", class = "placa_error_python")
})

test_that("Python has the original library path", {
  skip_if(!file.exists(file.path(R.home("etc"), "ldpaths")), "this R has no ldpaths")
  own <- file.path(R.home(), "lib")
  expect_identical(libraries_before_r(now = paste0(own, ":/mine")), "/mine")
  expect_identical(libraries_before_r(now = ""), "")
})
