local_images <- function(sizes, frame = parent.frame()) {
  folder <- tempfile("images-")
  dir.create(folder)
  remove_later(folder, frame)
  for (name in names(sizes)) writeBin(raw(sizes[[name]]), file.path(folder, name))
  normalizePath(folder)
}

# Run calls in one R of its own; of each, its value or error, and the warnings on the way, come back.
predict_there <- function(run, calls, env) {
  result <- tempfile()
  on.exit(unlink(result))
  lines <- in_own_r(c(
    sprintf("model <- load_model(%s)", deparse(run)),
    "caught <- list()",
    "try_call <- function(call) tryCatch(withCallingHandlers(call,",
    "  warning = function(w) {",
    "    caught[[length(caught) + 1]] <<- list(class(w), conditionMessage(w))",
    "    tryInvokeRestart('muffleWarning')",
    "  }",
    "), error = function(e) list(class = class(e), message = conditionMessage(e)))",
    sprintf("answers <- list(%s)", paste0("try_call({", calls, "})", collapse = ", ")),
    sprintf("saveRDS(list(answers = answers, caught = caught), %s)", deparse(result))
  ), env)
  if (!file.exists(result)) stop(paste(lines, collapse = "\n"))
  readRDS(result)
}

test_that("files and folders go over, and probabilities and sentences come back", {
  env <- stand_in()
  run <- local_run(findings = c("Pneumonia", "Effusion"))
  folder <- local_images(c(`b.png` = 4, `a.png` = 2, `empty.png` = 0))
  bad <- local_images(c(`a.png` = 13, `b.png` = 17))
  there <- predict_there(run, env = env, c(
    sprintf("setwd(%s); predict(model, c('b.png', 'empty.png', 'a.png', 'b.png'))", deparse(folder)),
    "setwd('..'); predict(model, basename(FOLDER), operating_point = 'sensitivity_95')",
    "predict(model, file.path(BAD, 'a.png'))",
    "predict(model, file.path(BAD, 'b.png'))",
    "predict(model, file.path(FOLDER, 'empty.png'))"
  ) |> gsub(pattern = "FOLDER", replacement = deparse(folder)) |> gsub(pattern = "BAD", replacement = deparse(bad)))
  files <- there$answers[[1]]
  expect_identical(files$image, rep(c("b.png", "empty.png", "a.png"), each = 2))
  expect_identical(files$finding, rep(c("Pneumonia", "Effusion"), 3))
  expect_equal(files$probability, c(0.25, 0.75, NA, NA, 0.5, 0.5))
  expect_identical(files$class, c("negative", "positive", NA, NA, "positive", "positive"))
  expect_true("placa_warning_rejected" %in% there$caught[[1]][[1]])
  expect_match(there$caught[[1]][[2]], "empty.png.*the file is empty \\{really\\}")
  in_folder <- there$answers[[2]]
  expect_identical(in_folder$image[c(1, 3)], file.path(basename(folder), c("a.png", "b.png")))
  expect_identical(in_folder$class[c(1, 3)], c("positive", "positive"))
  # Python's own sentence arrives as R's, and a fault is called one.
  expect_true("placa_error_python" %in% there$answers[[3]]$class)
  expect_identical(there$answers[[3]]$message, "A lucky file was expected, {13} bytes came: take another.")
  expect_match(there$answers[[4]]$message, "Python failed.*ValueError: seventeen")
  # Not one image that can be read is still a table.
  expect_identical(there$answers[[5]]$class, c(NA_character_, NA_character_))
  expect_length(there$caught, 3)
})

test_that("an R inside Python is not given a second one", {
  run <- local_run()
  folder <- local_images(c(`a.png` = 2))
  skip_if_not_installed("reticulate")
  there <- predict_there(run, sprintf("predict(model, %s)", deparse(folder)), "PLACA_EMBEDDED_R=1")
  expect_true("placa_error_embedded" %in% there$answers[[1]]$class)
})

test_that("a Python without placa is told", {
  env <- stand_in()
  python <- sub("^RETICULATE_PYTHON=", "", env[1])
  ask <- function(python, code) suppressWarnings(system2(python, c("-c", shQuote(code)), stdout = TRUE, stderr = TRUE))
  # The project's Python has placa; the one that its environment was made from should not.
  bare <- ask(python, "import sys; print(sys._base_executable)")
  skip_if(is.null(attr(ask(bare, "import placa"), "status")), "this Python has placa")
  env <- c(paste0("RETICULATE_PYTHON=", bare), "PYTHONPATH=")
  run <- local_run()
  folder <- local_images(c(`a.png` = 2))
  there <- predict_there(run, sprintf("setwd(tempdir()); predict(model, %s)", deparse(folder)), env)
  expect_true("placa_error_python" %in% there$answers[[1]]$class)
  expect_match(there$answers[[1]]$message, "PLACA_PYTHON")
})

test_that("what is wrong with a call is told before Python is started", {
  model <- load_model(local_run())
  folder <- local_images(c(`a.png` = 2))
  expect_error(predict(model, "nowhere.png"), "nowhere.png", class = "placa_error_image")
  expect_error(predict(model, character()), class = "placa_error_image")
  expect_error(predict(model, 3), class = "placa_error_image")
  expect_error(predict(model, folder, "specificity_99"), "youden", class = "placa_error_operating_point")
  expect_error(predict(model, folder, treshold = 1))
})

test_that("many rejected images make one warning of bearable length", {
  rejected <- tibble::tibble(image = sprintf("%02d.png", 1:30), reason = "the file is empty")
  warning <- expect_warning(warn_rejected(rejected), class = "placa_warning_rejected")
  expect_match(conditionMessage(warning), "30 images")
  expect_match(conditionMessage(warning), "And 20 more")
  expect_identical(warning$rejected, rejected)
})

test_that("a run's own images get the probabilities that Python wrote", {
  run <- Sys.getenv("PLACA_TEST_RUN")
  skip_if(!nzchar(run), "PLACA_TEST_RUN names no run")
  skip_if_not_installed("reticulate")
  python <- find_python(run)
  skip_if(is.null(python), "the project's Python is not there")
  run <- normalizePath(run)
  env <- c(paste0("PLACA_PYTHON=", python))
  images <- Sys.getenv("PLACA_TEST_IMAGES")
  skip_if(!nzchar(images), "PLACA_TEST_IMAGES names no folder with the run's images")
  calls <- sprintf("list(predict(model, %s), read_predictions(%s))", deparse(images), deparse(run))
  there <- predict_there(run, calls, env)
  expect_null(there$answers[[1]]$message)
  ours <- there$answers[[1]][[1]]
  theirs <- there$answers[[1]][[2]]
  # NIH's identifiers are file names, a phantom's are not.
  name <- function(path) tools::file_path_sans_ext(basename(path))
  theirs <- theirs[match(paste(name(ours$image), ours$finding), paste(name(theirs$image_id), theirs$finding)), ]
  expect_gt(sum(!is.na(theirs$probability)), 0)
  known <- !is.na(theirs$probability)
  expect_lt(max(abs(ours$probability[known] - theirs$probability[known])), 1e-6)
})
