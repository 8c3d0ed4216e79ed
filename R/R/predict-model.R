#' Predict images
#'
#' Python decodes the images and runs the model, as it did in training, so the
#' probabilities are Python's own.
#'
#' Which Python: `RETICULATE_PYTHON` where that is set; else the environment
#' variable `PLACA_PYTHON`, a Python or a project; else the `.venv` of the
#' project that the run lies in or that R stands in, looked for upwards; else,
#' with a reticulate that has `py_require()`, one that it makes. The first call
#' takes some seconds, since it starts Python and TensorFlow; the model then
#' stays loaded. Many files go over in batches, with a progress bar, so that
#' memory does not grow with their number.
#'
#' @section Pixels that are in R:
#' A matrix is one picture, row 1 at the top; so is an array of rows, columns and
#' 1 to 4 channels (grey, grey and alpha, RGB, RGB and alpha), such as
#' `png::readPNG()` and `jpeg::readJPEG()` return. Several are a list of these,
#' of any sizes, or an array of picture, row, column and channel, as Keras has
#' it. Bones are white. Pixels go from 0 to 255, or from 0 to 1: doubles of which
#' none is above 1 are shares of white, and are rounded to the nearest of 256 grey
#' levels; integers are grey levels always. A file of 8 bits a pixel has the same
#' probability read here or by Python; of deeper ones Python looks for the white
#' first, which a matrix says nothing of, so name the file.
#'
#' @param object A model, by [load_model()].
#' @param new_data Paths of image files (PNG, JPEG, TIFF, BMP, WebP, DICOM, of any size) and of folders, whose
#'   images are taken with those of folders in them; CT volumes for a model of
#'   these. A file that is named twice
#'   is predicted once. Or pixels, see below.
#' @param operating_point Name of the operating point that decides `class`, one
#'   of [read_thresholds()]; `NULL` is each finding's default.
#' @param ... Not used.
#' @return A tibble with one row an image and finding: `image` (path, beginning
#'   as it was given; of pixels the name in the list, or the number), `finding`,
#'   `probability` (calibrated, 0--1) and `class`
#'   (`"positive"` from the operating point's threshold on, else `"negative"`).
#'   An image that cannot be read has a row with missing values, and a warning of class
#'   `placa_warning_rejected` names each with the reason.
#' @section Errors:
#' `placa_error_image` where a path does not exist, nothing was named, or pixels
#' are none;
#' `placa_error_run` where the run was moved or trained again since it was loaded;
#' `placa_error_operating_point` for an unknown name; `placa_error_reticulate`
#' where reticulate is not installed; `placa_error_python` where no Python is
#' found or it fails; `placa_error_embedded` in an R that runs inside Python.
#' @seealso [explain()] shows where in an image the model sees the finding;
#'   `vignette("call-the-model", "placa")`.
#' @export
#' @examplesIf dir.exists("runs/pneumonia")
#' model <- load_model("runs/pneumonia")
#' predict(model, "images/00000001_000.png")
#' predict(model, "images", operating_point = "sensitivity_95")
#' predict(model, matrix(0:255, 16))
predict.placa_model <- function(object, new_data, operating_point = NULL, ...) {
  rlang::check_dots_empty()
  thresholds <- chosen_thresholds(object, operating_point)
  if (!is.character(new_data) && (is.numeric(new_data) || is.list(new_data))) {
    pixels <- write_pixels(new_data, object)
    on.exit(unlink(pixels$folder, recursive = TRUE))
    predicted <- predict_paths(object, pixels$files)
    predicted$table$image <- pixels$names[match(predicted$table$image, pixels$files)]
    predicted$rejected$image <- pixels$names[match(predicted$rejected$image, pixels$files)]
  } else {
    predicted <- predict_paths(object, check_images(new_data, "new_data"))
  }
  table <- predicted$table
  threshold <- thresholds$threshold[match(table$finding, thresholds$finding)]
  table$class <- as.character(ifelse(table$probability >= threshold, "positive", "negative"))
  warn_rejected(predicted$rejected)
  table
}

# Files that go over at once: a multiple of Python's own batch of 64, small enough for the bar to move.
batch_of_files <- 128

predict_paths <- function(model, images, call = rlang::caller_env()) {
  check_model_unchanged(model, call)
  full <- normalizePath(images)
  files <- list_files(model, full, call)
  batches <- split(files, (seq_along(files) - 1) %/% batch_of_files)
  answers <- vector("list", length(batches))
  cli::cli_progress_bar("Predicting images", total = length(files))
  for (i in seq_along(batches)) {
    answers[[i]] <- call_python(
      "predict_as_lists", model$path, as.list(batches[[i]]), near = model$path, call = call
    )
    cli::cli_progress_update(inc = length(batches[[i]]))
  }
  cli::cli_progress_done()
  # One element a batch, of one type: unlist() of lists and of vectors alike, whatever reticulate made of them.
  all_of <- function(name, type) type(unlist(lapply(answers, `[[`, name)))
  rejected <- tibble::tibble(
    image = all_of("rejected_image", as.character),
    reason = all_of("rejected_reason", as.character)
  )
  table <- rbind(
    tibble::tibble(
      image = all_of("image", as.character),
      finding = all_of("finding", as.character),
      probability = all_of("probability", as.double)
    ),
    rows_of_rejected(rejected$image, model$findings)
  )
  # Files come back in the order in which they were named, the rejected among them.
  table <- table[order(match(table$image, files)), ]
  table$image <- as_given(table$image, images, full)
  rejected$image <- as_given(rejected$image, images, full)
  list(table = table, rejected = rejected)
}

# Folders are listed by Python, which knows what files of a kind are called; single files are taken as they are.
list_files <- function(model, paths, call) {
  if (!any(dir.exists(paths))) {
    return(unique(paths))
  }
  as.character(unlist(
    call_python("find_as_list", model$path, as.list(paths), near = model$path, call = call)
  ))
}

# The thresholds were read when the model was loaded; those of another training are others.
check_model_unchanged <- function(model, call) {
  if (!file.exists(file.path(model$path, "model.keras"))) {
    cli::cli_abort(
      c("The run of this model is no longer where it was.",
        x = "{.file {model$path}} {if (dir.exists(model$path)) 'has no model.keras' else 'does not exist'}.",
        i = "If it was moved, load it from where it lies now, with {.fun load_model}."),
      class = "placa_error_run", call = call
    )
  }
  now <- read_json_of_run(model$path, "run.json", call)
  if (!identical(now$model$fingerprint, model$facts$model$fingerprint)) {
    cli::cli_abort(
      c("The run of this model was trained again since the model was loaded.",
        x = "{.file {model$path}} is of {now$created}, the loaded one of {model$facts$created}.",
        i = "Load it again, with {.fun load_model}."),
      class = "placa_error_run", call = call
    )
  }
}

chosen_thresholds <- function(model, operating_point, call = rlang::caller_env()) {
  thresholds <- model$thresholds
  if (is.null(operating_point)) {
    return(thresholds[thresholds$default, ])
  }
  chosen <- thresholds[thresholds$operating_point %in% operating_point, ]
  if (!rlang::is_string(operating_point) || !all(model$findings %in% chosen$finding)) {
    cli::cli_abort(
      c("{.arg operating_point} must be one that every finding has.",
        x = "It is {.val {operating_point}}.",
        i = "There are {.val {unique(thresholds$operating_point)}}."),
      class = "placa_error_operating_point", call = call
    )
  }
  chosen
}

check_images <- function(images, argument, call = rlang::caller_env()) {
  if (!is.character(images) || length(images) == 0 || anyNA(images)) {
    cli::cli_abort(
      c("{.arg {argument}} must be paths of image files or folders, or pixels.",
        x = "It is {.obj_type_friendly {images}}."),
      class = "placa_error_image", call = call
    )
  }
  absent <- images[!file.exists(images)]
  if (length(absent) > 0) {
    cli::cli_abort(
      c("Every path in {.arg {argument}} must exist.",
        x = "{length(absent)} do{?es/} not: {.file {first_few(absent)}}.",
        i = "Paths are looked for from {.file {getwd()}}."),
      class = "placa_error_image", call = call
    )
  }
  unique(images)
}

rows_of_rejected <- function(images, findings) {
  tibble::tibble(
    image = rep(images, each = length(findings)),
    finding = rep(findings, times = length(images)),
    probability = NA_real_
  )
}

# Python is given absolute paths; what the user typed is what the user joins on.
as_given <- function(paths, images, full) {
  exact <- match(paths, full)
  rest <- which(is.na(exact))
  for (i in rev(seq_along(full))) {
    inside <- rest[startsWith(paths[rest], paste0(full[[i]], "/"))]
    exact[inside] <- -i
  }
  folder <- which(exact < 0)
  beyond <- substring(paths[folder], nchar(full[-exact[folder]]) + 2)
  paths[folder] <- file.path(sub("/+$", "", images[-exact[folder]]), beyond)
  file <- which(exact > 0)
  paths[file] <- images[exact[file]]
  paths
}

warn_rejected <- function(rejected, call = rlang::caller_env()) {
  if (nrow(rejected) == 0) {
    return(invisible())
  }
  shown <- utils::head(rejected, 10)
  # The braces of a file's name are not cli's, so texts are handed over as values.
  bullets <- sprintf("{.file {shown$image[[%d]]}}: {shown$reason[[%d]]}", seq_len(nrow(shown)), seq_len(nrow(shown)))
  more <- nrow(rejected) - nrow(shown)
  cli::cli_warn(
    c("{nrow(rejected)} image{?s} could not be read and ha{?s/ve} no probability.",
      stats::setNames(bullets, rep("x", length(bullets))),
      i = if (more > 0) "And {more} more."),
    class = "placa_warning_rejected", call = call, rejected = rejected
  )
}
