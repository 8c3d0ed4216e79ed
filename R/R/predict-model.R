#' Predict findings for images
#'
#' Python decodes the images and runs the model as in training, so the
#' probabilities are the same as in Python.
#'
#' Python is found in this order: `RETICULATE_PYTHON`; the environment variable
#' `PLACA_PYTHON`, which is a Python or a project directory; the `.venv` in the
#' directory of the run, the working directory or a parent of these; an environment
#' that reticulate creates, if it has `py_require()`. The first call starts Python
#' and ONNX Runtime; a run without `model.onnx` needs TensorFlow, which takes
#' seconds longer. The model then stays loaded. Files are
#' predicted in batches, with a progress bar and bounded memory.
#'
#' @section Pixels:
#' One image is a matrix with row 1 at the top, or an array of rows, columns and 1
#' to 4 channels (grey, grey and alpha, RGB, RGB and alpha), as `png::readPNG()` and
#' `jpeg::readJPEG()` return. Several images are a list of these, of any size, or an
#' array of image, row, column and channel, as in Keras. Bones must be white. Pixels
#' are integers or doubles from 0 to 255, or doubles from 0 to 1. They are rounded
#' to 256 grey levels. An 8-bit file has the same probability whether R or Python
#' reads it. For files with more bits, Python determines the grey scale, so use the
#' path of the file.
#'
#' @param object A model, by [load_model()].
#' @param new_data Paths of image files (PNG, JPEG, TIFF, BMP, WebP, DICOM, of any
#'   size) or directories, which are searched recursively; CT volumes for a CT model.
#'   Duplicated files are predicted once. Or pixels, see below.
#' @param operating_point Name of the operating point for `class`, see
#'   [read_thresholds()]; `NULL` is the default of each finding.
#' @param ... Not used.
#' @return A tibble with one row per image and finding: `image` (the path as given,
#'   or for pixels the name or the number in the list), `finding`, `probability`
#'   (calibrated, 0--1) and `class` (`"positive"` at or above the threshold,
#'   otherwise `"negative"`). An image that cannot be read has rows with missing
#'   values, and a warning of class `placa_warning_rejected` gives the reasons.
#' @section Errors:
#' `placa_error_image` for a missing path, empty `new_data` or invalid pixels;
#' `placa_error_run` if the run was moved or trained again after [load_model()];
#' `placa_error_operating_point` for an unknown operating point;
#' `placa_error_reticulate` if reticulate is not installed; `placa_error_python` if
#' Python is not found or fails; `placa_error_embedded` if R runs inside Python.
#' @seealso [explain()] for a Grad-CAM map; `vignette("call-the-model", "placa")`.
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

# Files per call: a multiple of Python's batch size of 64, small enough for a progress bar.
batch_of_files <- 128

predict_paths <- function(model, images, call = rlang::caller_env()) {
  check_model_unchanged(model, call)
  full <- normalizePath(images)
  listed <- list_files(model, full, call)
  files <- listed$files
  batches <- split(files, (seq_along(files) - 1) %/% batch_of_files)
  outputs <- vector("list", length(batches))
  cli::cli_progress_bar("Predicting images", total = length(files))
  for (i in seq_along(batches)) {
    outputs[[i]] <- call_python(
      "predict_as_lists", model$path, as.list(batches[[i]]), near = model$path, call = call
    )
    cli::cli_progress_update(inc = length(batches[[i]]))
  }
  cli::cli_progress_done()
  # reticulate may return a list or a vector per batch; unlist() handles both.
  all_of <- function(name, type) type(unlist(lapply(outputs, `[[`, name)))
  rejected <- rbind(listed$rejected, tibble::tibble(
    image = all_of("rejected_image", as.character),
    reason = all_of("rejected_reason", as.character)
  ))
  table <- rbind(
    tibble::tibble(
      image = all_of("image", as.character),
      finding = all_of("finding", as.character),
      probability = all_of("probability", as.double)
    ),
    rows_of_rejected(rejected$image, model$findings)
  )
  # The order of the files, including rejected ones, is that of the input.
  table <- table[order(match(table$image, c(files, listed$rejected$image))), ]
  table$image <- as_given(table$image, images, full)
  rejected$image <- as_given(rejected$image, images, full)
  list(table = table, rejected = rejected)
}

# Python lists directories, because it knows the file extensions of the model; single files are not filtered.
list_files <- function(model, paths, call) {
  none <- tibble::tibble(image = character(), reason = character())
  if (!any(dir.exists(paths))) {
    return(list(files = unique(paths), rejected = none))
  }
  found <- call_python("find_as_lists", model$path, as.list(paths), near = model$path, call = call)
  found <- lapply(found, function(x) as.character(unlist(x)))
  tell_skipped(found$skipped, found$skipped_reason)
  list(
    files = found$files,
    rejected = if (length(found$rejected_image)) {
      tibble::tibble(image = found$rejected_image, reason = found$rejected_reason)
    } else {
      none
    }
  )
}

# One line per reason, with the first names.
tell_skipped <- function(paths, reasons) {
  if (length(paths) == 0) {
    return(invisible())
  }
  counts <- table(reasons)
  names <- vapply(names(counts), function(reason) {
    of_reason <- basename(paths[reasons == reason])
    paste(c(utils::head(of_reason, 3), if (length(of_reason) > 3) "\u2026"), collapse = ", ")
  }, "")
  bullets <- sprintf("{counts[[%d]]}: {names(counts)[[%d]]} ({names[[%d]]})", seq_along(counts), seq_along(counts),
                     seq_along(counts))
  cli::cli_inform(
    c("{length(paths)} path{?s} {?is/are} skipped.", stats::setNames(bullets, rep("i", length(bullets)))),
    class = "placa_message_skipped"
  )
}

# The thresholds were read when the model was loaded, and a new training changes them.
check_model_unchanged <- function(model, call) {
  if (!file.exists(file.path(model$path, "model.keras"))) {
    cli::cli_abort(
      c("The run of this model was moved or deleted.",
        x = "{.file {model$path}} {if (dir.exists(model$path)) 'has no model.keras' else 'does not exist'}.",
        i = "Load the model from its new path with {.fun load_model}."),
      class = "placa_error_run", call = call
    )
  }
  now <- read_json_of_run(model$path, "run.json", call)
  if (!identical(now$model$fingerprint, model$facts$model$fingerprint)) {
    cli::cli_abort(
      c("The run of this model was trained again after the model was loaded.",
        x = "{.file {model$path}} was created {now$created}, the loaded model {model$facts$created}.",
        i = "Load the model again with {.fun load_model}."),
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
      c("{.arg operating_point} must be an operating point of every finding.",
        x = "Received {.val {operating_point}}.",
        i = "The model has {.val {unique(thresholds$operating_point)}}."),
      class = "placa_error_operating_point", call = call
    )
  }
  chosen
}

check_images <- function(images, argument, call = rlang::caller_env()) {
  if (!is.character(images) || length(images) == 0 || anyNA(images)) {
    cli::cli_abort(
      c("{.arg {argument}} must be paths of image files or directories, or pixels.",
        x = "Received {.obj_type_friendly {images}}."),
      class = "placa_error_image", call = call
    )
  }
  absent <- images[!file.exists(images)]
  if (length(absent) > 0) {
    cli::cli_abort(
      c("Every path in {.arg {argument}} must exist.",
        x = "{length(absent)} path{?s} {?does/do} not exist: {.file {first_few(absent)}}.",
        i = "Relative paths start in {.file {getwd()}}."),
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

# Python receives absolute paths; the result has the paths as given, for joins.
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
  # A file name may contain braces, so it is passed as a value, not as cli markup.
  bullets <- sprintf("{.file {shown$image[[%d]]}}: {shown$reason[[%d]]}", seq_len(nrow(shown)), seq_len(nrow(shown)))
  more <- nrow(rejected) - nrow(shown)
  cli::cli_warn(
    c("{nrow(rejected)} image{?s} could not be read and {?has/have} no probability.",
      stats::setNames(bullets, rep("x", length(bullets))),
      i = if (more > 0) "And {more} more."),
    class = "placa_warning_rejected", call = call, rejected = rejected
  )
}
