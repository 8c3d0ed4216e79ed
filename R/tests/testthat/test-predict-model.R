test_that("files and directories are predicted, and errors have a class", {
  env <- stand_in()
  run <- local_run(findings = c("Pneumonia", "Effusion"))
  folder <- local_images(c(`b.png` = 4, `a.png` = 2, `empty.png` = 0))
  bad <- local_images(c(`a.png` = 13, `b.png` = 17))
  calls <- c(
    sprintf("setwd(%s); predict(model, c('b.png', 'empty.png', 'a.png', 'no.png', 'b.png'), paths = TRUE)",
            deparse(folder)),
    "setwd('..'); predict(model, basename(FOLDER), operating_point = 'sensitivity_95', type = 'long', paths = TRUE)",
    "predict(model, file.path(BAD, 'a.png'))",
    "predict(model, file.path(BAD, 'b.png'))",
    "predict(model, file.path(FOLDER, 'empty.png'), type = 'class')",
    "d <- data.frame(image_id = 2:1, path = file.path(FOLDER, c('a.png', 'b.png'))); augment(model, d)",
    "predict(model, d, type = 'long')",
    # load_model() has started Python.
    "early"
  )
  calls <- gsub("BAD", deparse(bad), gsub("FOLDER", deparse(folder), calls))
  there <- call_there(run, env = env, calls)
  expect_true(there$results[[length(calls)]])
  files <- there$results[[1]]
  # One row per input, in its order; duplicates are kept, and missing files have missing values.
  expect_identical(files$path, c("b.png", "empty.png", "a.png", "no.png", "b.png"))
  expect_identical(files$image_id, files$path)
  expect_equal(files$.pred_Pneumonia, c(0.25, NA, 0.5, NA, 0.25))
  expect_equal(files$.pred_Effusion, c(0.75, NA, 0.5, NA, 0.75))
  classes <- c("positive", "negative")
  expect_identical(files$.pred_class_Pneumonia, factor(c("negative", NA, "positive", NA, "negative"), classes))
  expect_match(there$caught[[1]][[2]], "no.png.*does not exist")
  expect_true("placa_warning_rejected" %in% there$caught[[1]][[1]])
  expect_match(there$caught[[1]][[2]], "empty.png.*the file is empty \\{really\\}")
  in_folder <- there$results[[2]]
  expect_identical(in_folder$path[c(1, 3)], file.path(basename(folder), c("a.png", "b.png")))
  expect_identical(in_folder$finding, rep(c("Pneumonia", "Effusion"), 3))
  expect_identical(in_folder$class[c(1, 3)], c("positive", "positive"))
  # A PlacaError keeps its message; another error is reported as an internal error.
  expect_true("placa_error_python" %in% there$results[[3]]$class)
  expect_identical(there$results[[3]]$message, "The file must not have {13} bytes. Choose another file.")
  expect_match(there$results[[4]]$message, "ValueError: seventeen")
  # Without a readable image, the result is still a table.
  expect_identical(names(there$results[[5]]), c(".pred_class_Pneumonia", ".pred_class_Effusion"))
  expect_identical(as.character(there$results[[5]][[1]]), NA_character_)
  expect_length(there$caught, 3)
  # The identifiers of a data frame are kept.
  expect_identical(names(there$results[[6]])[1:3], c("image_id", "path", ".pred_Pneumonia"))
  expect_equal(there$results[[6]]$.pred_Pneumonia, c(0.5, 0.25))
  expect_identical(there$results[[7]]$image_id, c("2", "2", "1", "1"))
})

test_that("images that differ from all training images are a warning", {
  run <- local_run(findings = c("Pneumonia", "Effusion"))
  folder <- local_images(c(`a.png` = 2, `b.png` = 7, `empty.png` = 0))
  calls <- gsub("FOLDER", deparse(folder), c("predict(model, FOLDER)", "predict(model, FOLDER, type = 'long')"))
  there <- call_there(run, env = stand_in(), calls)
  found <- there$results[[1]]
  expect_identical(found$.outside, c(FALSE, TRUE, NA))
  expect_equal(found$.typicality, c(0.5, 0, NA))
  expect_identical(there$results[[2]]$outside, rep(c(FALSE, TRUE, NA), each = 2))
  outside <- Filter(function(one) "placa_warning_outside" %in% one[[1]], there$caught)
  expect_match(outside[[1]][[2]], "b.png")
})

test_that("a forked process and the process before it both predict", {
  skip_on_os("windows")
  env <- stand_in()
  run <- local_run()
  folder <- local_images(c(`a.png` = 2, `b.png` = 4))
  there <- call_there(run, env = env, gsub("FOLDER", deparse(folder), c(
    "predict(model, FOLDER)$.pred_Pneumonia",
    "parallel::mclapply(1:2, function(i) predict(model, FOLDER)$.pred_Pneumonia, mc.cores = 2)",
    "predict(model, FOLDER)$.pred_Pneumonia"
  )))
  each <- c(0.5, 0.25)
  expect_identical(there$results, list(each, list(each, each), each))
})

test_that("an interrupted or killed Python is started again", {
  env <- stand_in()
  run <- local_run()
  folder <- local_images(c(`a.png` = 2))
  there <- call_there(run, env = env, gsub("FOLDER", deparse(folder), c(
    "predict(model, FOLDER)", "placa:::python_process$worker$kill(); predict(model, FOLDER)$.pred_Pneumonia",
    "placa:::call_python('no_such_function', near = FOLDER)", "predict(model, FOLDER)$.pred_Pneumonia"
  )))
  expect_identical(there$results[[2]], 0.5)
  expect_match(there$results[[3]]$message, "AttributeError")
  expect_identical(there$results[[4]], 0.5)
})

test_that("a Python without placa is an error", {
  env <- stand_in()
  python <- sub("^RETICULATE_PYTHON=", "", env[1])
  ask <- function(python, code) suppressWarnings(system2(python, c("-c", shQuote(code)), stdout = TRUE, stderr = TRUE))
  # The base Python of the project's environment should not have placa.
  bare <- ask(python, "import sys; print(sys._base_executable)")
  skip_if(is.null(attr(ask(bare, "import placa"), "status")), "this Python has placa")
  env <- c(paste0("RETICULATE_PYTHON=", bare), "PYTHONPATH=")
  run <- local_run()
  folder <- local_images(c(`a.png` = 2))
  there <- call_there(run, sprintf("setwd(tempdir()); predict(model, %s)", deparse(folder)), env)
  expect_true("placa_error_python" %in% there$results[[1]]$class)
  expect_match(there$results[[1]]$message, "PLACA_PYTHON")
})

test_that("invalid arguments are errors before Python starts", {
  model <- load_model(local_run())
  folder <- local_images(c(`a.png` = 2))
  expect_error(predict(model, "nowhere.png"), "nowhere.png", class = "placa_error_image")
  expect_error(predict(model, character()), class = "placa_error_image")
  expect_error(predict(model, 3), class = "placa_error_image")
  expect_error(predict(model, data.frame(x = 1)), class = "placa_error_columns")
  expect_error(augment(model, folder), class = "placa_error_image")
  expect_error(predict(model, folder, "specificity_99"), "youden", class = "placa_error_operating_point")
  expect_error(predict(model, folder, treshold = 1), class = "rlib_error_dots_nonempty")
})

test_that("many rejected images give one short warning", {
  rejected <- tibble::tibble(image = sprintf("%02d.png", 1:30), reason = "the file is empty")
  warning <- expect_warning(warn_rejected(rejected), class = "placa_warning_rejected")
  expect_match(conditionMessage(warning), "\\b30\\b")
  expect_match(conditionMessage(warning), "\\b20\\b")
  expect_identical(warning$rejected, rejected)
})

test_that("pixels are predicted and keep their names", {
  env <- stand_in()
  run <- local_run(findings = c("Pneumonia", "Effusion"))
  there <- call_there(run, env = env, c(
    "predict(model, matrix(0:3, 2))",
    "predict(model, list(first = matrix(0:3, 2), second = matrix(0, 3, 3)))",
    "length(list.files(tempdir(), 'placa-pixels'))"
  ))
  # The fixture returns 1 / bytes: a header of 11 bytes and one byte per pixel.
  expect_identical(there$results[[1]]$image_id, "1")
  expect_equal(there$results[[1]]$.pred_Pneumonia, 1 / 15)
  expect_identical(there$results[[2]]$image_id, c("first", "second"))
  expect_equal(there$results[[2]]$.pred_Pneumonia, c(1 / 15, 1 / 20))
  expect_identical(there$results[[3]], 0L)
})

test_that("several batches are complete and in order", {
  env <- stand_in()
  run <- local_run()
  sizes <- stats::setNames(100 + seq_len(300), sprintf("%03d.png", seq_len(300)))
  sizes[c(5, 200)] <- 0
  folder <- local_images(sizes)
  there <- call_there(run, env = env, sprintf("predict(model, c(%s, %s))", deparse(file.path(folder, "299.png")),
                                              deparse(folder)))
  table <- there$results[[1]]
  names <- names(sizes)[c(299, 1:300)]
  expect_identical(table$image_id, names)
  expect_equal(table$.pred_class, factor(ifelse(sizes[names] == 0, NA, "negative"), c("positive", "negative")),
               ignore_attr = "names")
  expect_equal(table$.pred_Pneumonia, ifelse(sizes[names] == 0, NA, 1 / sizes[names]), ignore_attr = TRUE)
  expect_length(there$caught, 1)
  expect_match(there$caught[[1]][[2]], "\\b2\\b.*empty")
})

test_that("a run that was moved or trained again is an error", {
  run <- local_run()
  folder <- local_images(c(`a.png` = 2))
  model <- load_model(run)
  file <- file.path(run, "run.json")
  before <- readLines(file)
  facts <- jsonlite::read_json(file)
  facts$model$fingerprint <- paste0("sha256:", strrep("a", 64))
  write_record(facts, file)
  expect_error(predict(model, folder), basename(run), class = "placa_error_run")
  writeLines(before, file)
  elsewhere <- tempfile("moved-")
  remove_later(elsewhere, environment())
  file.rename(run, elsewhere)
  expect_error(predict(model, folder), basename(run), class = "placa_error_run")
  expect_s3_class(load_model(elsewhere), "placa_model")
})

test_that("paths are relative to the input", {
  images <- c("x/b.png", "y/", "y/inner")
  full <- c("/w/x/b.png", "/w/y", "/w/y/inner")
  paths <- c("/w/x/b.png", "/w/y/1.png", "/w/y/inner/2.png", "/w/y2/3.png")
  expect_identical(as_given(paths, images, full), c("x/b.png", "y/1.png", "y/inner/2.png", "/w/y2/3.png"))
})

test_that("predictions match the predictions of the run", {
  trained <- trained_run()
  calls <- sprintf(
    "list(predict(model, %s, type = 'long'), read_predictions(%s))", deparse(trained$images), deparse(trained$run)
  )
  there <- call_there(trained$run, calls, trained$env)
  expect_null(there$results[[1]]$message)
  ours <- there$results[[1]][[1]]
  theirs <- there$results[[1]][[2]]
  # Identifiers of NIH are file names, those of phantoms are not.
  name <- function(path) tools::file_path_sans_ext(basename(path))
  theirs <- theirs[match(paste(name(ours$image_id), ours$finding), paste(name(theirs$image_id), theirs$finding)), ]
  expect_gt(sum(!is.na(theirs$probability)), 0)
  known <- !is.na(theirs$probability)
  expect_lt(max(abs(ours$probability[known] - theirs$probability[known])), 1e-6)
})

test_that("pixels have the probability of their file", {
  skip_if_not_installed("png")
  trained <- trained_run()
  files <- utils::head(list.files(trained$images, "[.]png$", full.names = TRUE), 5)
  files <- paste0("c(", paste(vapply(files, deparse, ""), collapse = ", "), ")")
  there <- call_there(trained$run, env = trained$env, c(
    sprintf("predict(model, %s, type = 'long')$probability", files),
    sprintf("predict(model, lapply(%s, png::readPNG), type = 'long')$probability", files),
    sprintf("predict(model, lapply(%s, function(f) 255 * png::readPNG(f)), type = 'long')$probability", files)
  ))
  expect_lt(max(abs(there$results[[1]] - there$results[[2]])), 1e-6)
  expect_lt(max(abs(there$results[[1]] - there$results[[3]])), 1e-6)
})
