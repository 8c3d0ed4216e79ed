test_that("files and directories are predicted, and errors have a class", {
  env <- stand_in()
  run <- local_run(findings = c("Pneumonia", "Effusion"))
  folder <- local_images(c(`b.png` = 4, `a.png` = 2, `empty.png` = 0))
  bad <- local_images(c(`a.png` = 13, `b.png` = 17))
  calls <- c(
    sprintf("setwd(%s); predict(model, c('b.png', 'empty.png', 'a.png', 'b.png'))", deparse(folder)),
    "setwd('..'); predict(model, basename(FOLDER), operating_point = 'sensitivity_95')",
    "predict(model, file.path(BAD, 'a.png'))",
    "predict(model, file.path(BAD, 'b.png'))",
    "predict(model, file.path(FOLDER, 'empty.png'))"
  )
  calls <- gsub("BAD", deparse(bad), gsub("FOLDER", deparse(folder), calls))
  there <- call_there(run, env = env, calls)
  files <- there$results[[1]]
  expect_identical(files$image, rep(c("b.png", "empty.png", "a.png"), each = 2))
  expect_identical(files$finding, rep(c("Pneumonia", "Effusion"), 3))
  expect_equal(files$probability, c(0.25, 0.75, NA, NA, 0.5, 0.5))
  expect_identical(files$class, c("negative", "positive", NA, NA, "positive", "positive"))
  expect_true("placa_warning_rejected" %in% there$caught[[1]][[1]])
  expect_match(there$caught[[1]][[2]], "empty.png.*the file is empty \\{really\\}")
  in_folder <- there$results[[2]]
  expect_identical(in_folder$image[c(1, 3)], file.path(basename(folder), c("a.png", "b.png")))
  expect_identical(in_folder$class[c(1, 3)], c("positive", "positive"))
  # A PlacaError keeps its message; another error is reported as an internal error.
  expect_true("placa_error_python" %in% there$results[[3]]$class)
  expect_identical(there$results[[3]]$message, "The file must not have {13} bytes. Choose another file.")
  expect_match(there$results[[4]]$message, "ValueError: seventeen")
  # Without a readable image, the result is still a table.
  expect_identical(there$results[[5]]$class, c(NA_character_, NA_character_))
  expect_length(there$caught, 3)
})

test_that("Python inside Python is an error", {
  run <- local_run()
  folder <- local_images(c(`a.png` = 2))
  skip_if_not_installed("reticulate")
  there <- call_there(run, sprintf("predict(model, %s)", deparse(folder)), "PLACA_EMBEDDED_R=1")
  expect_true("placa_error_embedded" %in% there$results[[1]]$class)
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
  expect_identical(there$results[[1]]$image, c("1", "1"))
  expect_equal(there$results[[1]]$probability[[1]], 1 / 15)
  expect_identical(there$results[[2]]$image, rep(c("first", "second"), each = 2))
  expect_equal(there$results[[2]]$probability[c(1, 3)], c(1 / 15, 1 / 20))
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
  table <- table[table$finding == "Pneumonia", ]
  names <- names(sizes)[c(299, setdiff(1:300, 299))]
  expect_identical(basename(table$image), names)
  expect_equal(table$probability, ifelse(sizes[names] == 0, NA, 1 / sizes[names]), ignore_attr = TRUE)
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
  calls <- sprintf("list(predict(model, %s), read_predictions(%s))", deparse(trained$images), deparse(trained$run))
  there <- call_there(trained$run, calls, trained$env)
  expect_null(there$results[[1]]$message)
  ours <- there$results[[1]][[1]]
  theirs <- there$results[[1]][[2]]
  # Identifiers of NIH are file names, those of phantoms are not.
  name <- function(path) tools::file_path_sans_ext(basename(path))
  theirs <- theirs[match(paste(name(ours$image), ours$finding), paste(name(theirs$image_id), theirs$finding)), ]
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
    sprintf("predict(model, %s)$probability", files),
    sprintf("predict(model, lapply(%s, png::readPNG))$probability", files),
    sprintf("predict(model, lapply(%s, function(f) 255 * png::readPNG(f)))$probability", files)
  ))
  expect_lt(max(abs(there$results[[1]] - there$results[[2]])), 1e-6)
  expect_lt(max(abs(there$results[[1]] - there$results[[3]])), 1e-6)
})
