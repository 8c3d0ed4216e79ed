local_project <- function(frame = parent.frame()) {
  root <- tempfile("project-")
  dir.create(file.path(root, ".venv", "bin"), recursive = TRUE)
  dir.create(file.path(root, "runs", "mine"), recursive = TRUE)
  dir.create(file.path(root, "python", "placa"), recursive = TRUE)
  file.create(file.path(root, ".venv", "bin", "python"), file.path(root, "python", "placa", "__init__.py"))
  remove_later(root, frame)
  normalizePath(root)
}

test_that("Python is found from the run, the working directory and the variable", {
  root <- local_project()
  python <- file.path(root, ".venv", "bin", "python")
  run <- file.path(root, "runs", "mine")
  elsewhere <- tempdir()
  expect_identical(find_python(run, named = "", here = elsewhere, active = NULL), python)
  expect_identical(find_python(elsewhere, named = "", here = file.path(root, "runs"), active = NULL), python)
  expect_identical(find_python(run, named = "", here = run, active = "active"), "active")
  expect_identical(find_python(elsewhere, named = python, here = elsewhere), python)
  expect_identical(find_python(elsewhere, named = root, here = elsewhere), python)
  expect_null(find_python(elsewhere, named = "", here = elsewhere, active = NULL))
  expect_error(find_python(root, named = "/nowhere/python", here = root), "nowhere", class = "placa_error_python")
})

test_that("an active environment is used if placa is installed there", {
  environment <- file.path(local_project(), ".venv")
  packages <- file.path(environment, "lib", "python3.13", "site-packages")
  dir.create(packages, recursive = TRUE)
  expect_null(active_python(environment))
  dir.create(file.path(packages, "placa-0.1.0.dist-info"))
  expect_identical(active_python(c("", environment)), file.path(environment, "bin", "python"))
  expect_null(active_python(""))
})

test_that("links are not resolved", {
  root <- local_project()
  link <- file.path(root, ".venv", "bin", "python")
  unlink(link)
  target <- tempfile()
  file.create(target)
  skip_if(!file.symlink(target, link), "no links here")
  expect_identical(find_python(root, named = "", here = root, active = NULL), link)
})

test_that("the source directory is found for a Python without placa", {
  root <- local_project()
  expect_identical(find_source(file.path(root, "runs"), here = tempdir()), file.path(root, "python"))
  expect_null(find_source(tempdir(), here = tempdir()))
})

test_that("a missing Python is an error with a remedy", {
  expect_error(abort_no_python("runs/x", NULL), "make setup", class = "placa_error_python")
})

test_that("library(placa), evaluate() and predict() do not load what they do not need", {
  loaded <- "cat('loaded:', intersect(c('ggplot2', 'processx', 'reticulate'), loadedNamespaces()), '\\n')"
  lines <- in_own_r(c(
    loaded, "invisible(evaluate(example_predictions(), example_thresholds(), draws = 200))", loaded,
    "stopifnot(identical(placa::autoplot, ggplot2::autoplot))"
  ))
  expect_identical(trimws(grep("^loaded:", lines, value = TRUE)), c("loaded:", "loaded:"))
  expect_no_match_all(lines, "Error")
})

test_that("Python dependencies match pyproject.toml", {
  source <- find_source(test_path(), here = tempdir())
  skip_if(is.null(source), "the Python package is not here")
  asked <- readLines(file.path(dirname(source), "pyproject.toml"))
  for (package in python_packages) expect_match(asked, paste0("\"", package, "\","), fixed = TRUE, all = FALSE)
})

test_that("an invalid RETICULATE_PYTHON is an error", {
  skip_if_not_installed("processx")
  run <- local_run()
  folder <- local_images(c(`a.png` = 2))
  there <- call_there(run, sprintf("predict(model, %s)", deparse(folder)), "RETICULATE_PYTHON=/nowhere/python")
  expect_true("placa_error_python" %in% there$results[[1]]$class)
})
