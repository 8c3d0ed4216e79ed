#' Predict findings for images
#'
#' Python decodes the images and runs the model as in training, so the
#' probabilities are the same as in Python.
#'
#' Python is found in this order: `RETICULATE_PYTHON`; the environment variable
#' `PLACA_PYTHON`, which is a Python or a project directory; an active environment
#' of venv or conda (`VIRTUAL_ENV`, `CONDA_PREFIX`) with placa; the `.venv` in the
#' directory of the run, the working directory or a parent of these; an environment
#' that reticulate creates, if it has `py_require()`. [load_model()] starts Python
#' and ONNX Runtime as a process of their own, which ends with R; a run without
#' `model.onnx` needs TensorFlow, which takes seconds longer. The model then stays
#' loaded. Files are predicted in batches, with a progress bar and bounded memory.
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
#' @section Embeddings:
#' A model that was trained on embeddings of a foundation model
#' (`placa train --features`) takes embeddings in place of images: the path of a
#' parquet file, whose origin is compared with that of the model; or a data frame
#' with `image_id` and one column per number, or one column of lists; or a numeric
#' matrix with one row per image.
#'
#' @param object A model, by [load_model()].
#' @param new_data Paths of image files (PNG, JPEG, TIFF, BMP, WebP, DICOM, of any
#'   size) or directories, which are searched recursively; CT volumes for a CT model.
#'   Or a data frame with a column of paths: `path`, `image_path`, `file`,
#'   `filename`, `image`, the first of these that it has. Or pixels or
#'   embeddings, see below.
#' @param operating_point Name of the operating point for the class, see
#'   [read_thresholds()]; `NULL` is the default of each finding.
#' @param type `"wide"`: `image_id`, `.pred_FINDING` for each finding, and the class;
#'   `"prob"` or `"class"`: only these columns, as in tidymodels; `"long"`: one row
#'   per image and finding.
#' @param paths `TRUE` adds the column `path`, as given, to the forms `"wide"` and
#'   `"long"`.
#' @param ... Not used.
#' @return A tibble. Except for `type = "long"`, it has one row per input, in the
#'   order of the input (duplicates are kept); a directory has one row per file.
#'   `.pred_FINDING` is the calibrated probability (0--1). `.pred_class` is a factor
#'   with the levels `"positive"` (at or above the threshold) and `"negative"`; with
#'   several findings, each has a column `.pred_class_FINDING`. `"long"` has the
#'   columns `image_id`, `finding`, `probability` and `class`, as
#'   [read_predictions()], so that `relabel()` and `evaluate()` accept it.
#'   `image_id` is that of `placa predict --out`: the name of the file, for DICOM a
#'   keyed hash of it; for pixels their name or number; or the column `image_id` of
#'   `new_data`.
#'
#'   The forms `"wide"` and `"long"` also have the share of the training images that are
#'   less typical than this image (`.typicality`; in `"long"` `typicality`), and whether
#'   it differs from all of them (`.outside`, `outside`), which is also a warning of class
#'   `placa_warning_outside`. Models of earlier versions do not have these columns.
#'
#'   An image that does not exist or cannot be read has a row of missing values, and a
#'   warning of class `placa_warning_rejected` gives the reasons.
#' @section Parallel R processes:
#' Each R process starts a Python of its own, also one that `parallel::mclapply()` or
#' `future::multicore` forks. One call of `predict()` for all images is faster: it
#' already uses all cores.
#' @section Errors:
#' `placa_error_image` if no path exists, for empty `new_data` or invalid pixels;
#' `placa_error_embedding` for anything but embeddings of the right length, if the
#' model was trained on embeddings;
#' `placa_error_run` if the run was moved or trained again after [load_model()];
#' `placa_error_operating_point` for an unknown operating point;
#' `placa_error_processx` if processx is not installed; `placa_error_python` if
#' Python is not found or fails.
#' @seealso [augment()][augment.placa_model] to add the columns to a data frame; [explain()] for
#'   a Grad-CAM map; `vignette("call-the-model", "placa")`.
#' @export
#' @examplesIf dir.exists("runs/pneumonia")
#' model <- load_model("runs/pneumonia")
#' predict(model, "images/00000001_000.png")
#' predict(model, "images", operating_point = "sensitivity_95", type = "long")
#' predict(model, matrix(0:255, 16))
predict.placa_model <- function(object, new_data, operating_point = NULL, type = c("wide", "long", "prob", "class"),
                                paths = FALSE, ...) {
  rlang::check_dots_empty()
  type <- rlang::arg_match(type)
  thresholds <- chosen_thresholds(object, operating_point)
  if (length(object$facts$embeddings)) {
    predicted <- predict_embeddings(object, new_data)
  } else if (is.data.frame(new_data)) {
    given <- new_data[[path_column(new_data)]]
    predicted <- predict_paths(object, check_images(if (is.factor(given)) as.character(given) else given, "new_data"))
  } else if (!is.character(new_data) && (is.numeric(new_data) || is.list(new_data))) {
    pixels <- write_pixels(new_data, object)
    on.exit(unlink(pixels$folder, recursive = TRUE))
    predicted <- predict_paths(object, pixels$files)
    predicted$path <- predicted$image_id <- pixels$names
    predicted$rejected$image <- pixels$names[match(predicted$rejected$image, pixels$files)]
  } else {
    predicted <- predict_paths(object, check_images(new_data, "new_data"))
  }
  if ("image_id" %in% names(new_data) && length(predicted$image_id) == nrow(new_data)) {
    predicted$image_id <- as_text(new_data$image_id, "image_id")
  }
  warn_rejected(predicted$rejected)
  warn_outside(predicted$path[predicted$typical$outside %in% TRUE])
  shape_predictions(predicted, object$findings, thresholds, type, isTRUE(paths))
}

# Files per call: a multiple of Python's batch size of 64, small enough for a progress bar.
batch_of_files <- 128

# Returns `path` and `image_id`, one per row of the result, `probability`, a matrix, and `rejected`.
predict_paths <- function(model, images, call = rlang::caller_env()) {
  check_model_unchanged(model, call)
  # Python imports its modules meanwhile.
  start_python(model$path, call)
  rows <- expand_inputs(model, images, call)
  files <- unique(rows$full[rows$there])
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
  all_of <- function(name, type) type(unlist(lapply(outputs, `[[`, name)))
  ids <- call_python("name_as_list", model$path, as.list(unique(rows$full)), near = model$path, call = call)
  image <- all_of("image", as.character)
  finding <- all_of("finding", as.character)
  probability <- vapply(model$findings, function(name) {
    of_finding <- finding == name
    all_of("probability", as.double)[of_finding][match(rows$full, image[of_finding])]
  }, double(nrow(rows)))
  rejected <- unique(rbind(
    tibble::tibble(image = rows$full[!rows$there], reason = rows$reason[!rows$there]),
    tibble::tibble(
      image = all_of("rejected_image", as.character), reason = all_of("rejected_reason", as.character)
    )
  ))
  rejected$image <- rows$path[match(rejected$image, rows$full)]
  list(
    path = rows$path, image_id = as.character(unlist(ids))[match(rows$full, unique(rows$full))],
    probability = matrix(probability, nrow(rows), dimnames = list(NULL, model$findings)), rejected = rejected,
    typical = typical_columns(all_of("typicality", as.double), all_of("outside", as.logical), match(rows$full, image))
  )
}

# One row per input, or per file of an input that is a directory: the path as given, the absolute path, and, for a path
# without a readable file, the reason.
expand_inputs <- function(model, images, call) {
  full <- suppressWarnings(normalizePath(images))
  is_folder <- dir.exists(images)
  there <- file.exists(images)
  inside <- lapply(full[is_folder], function(folder) list_folder(model, folder, call))
  rows <- tibble::tibble(
    path = images, full = full, there = there, reason = "The file does not exist.", input = seq_along(images)
  )
  in_folders <- do.call(rbind, Map(function(found, i) {
    tibble::tibble(
      path = as_given(found$path, images[[i]], full[[i]]), full = found$path, there = is.na(found$reason),
      reason = found$reason, input = rep(i, nrow(found))
    )
  }, inside, which(is_folder)))
  rows <- rbind(rows[!is_folder, ], in_folders)
  rows[order(rows$input), ]
}

# Python lists directories, because it knows the file extensions of the model; single files are not filtered.
list_folder <- function(model, folder, call) {
  found <- call_python("find_as_lists", model$path, list(folder), near = model$path, call = call)
  found <- lapply(found, function(x) as.character(unlist(x)))
  tell_skipped(found$skipped, found$skipped_reason)
  tibble::tibble(
    path = c(found$files, found$rejected_image),
    reason = c(rep(NA_character_, length(found$files)), found$rejected_reason)
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
    abort(
      c("The run of this model was moved or deleted.",
        x = "{.file {model$path}} {if (dir.exists(model$path)) 'has no model.keras' else 'does not exist'}.",
        i = "Load the model from its new path with {.fun load_model}."),
      class = "placa_error_run", call = call
    )
  }
  now <- read_json_of_run(model$path, "run.json", call)
  if (!identical(now$model$fingerprint, model$facts$model$fingerprint)) {
    abort(
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
    abort(
      c("{.arg operating_point} must be an operating point of every finding.",
        x = "Received {.val {operating_point}}.",
        i = "The model has {.val {unique(thresholds$operating_point)}}."),
      class = "placa_error_operating_point", call = call
    )
  }
  chosen
}

# At least one path must exist: the others are rejected with a reason.
check_images <- function(images, argument, call = rlang::caller_env()) {
  if (!is.character(images) || length(images) == 0 || anyNA(images)) {
    abort(
      c("{.arg {argument}} must be paths of image files or directories, or pixels.",
        x = "Received {.obj_type_friendly {images}}."),
      class = "placa_error_image", call = call
    )
  }
  if (!any(file.exists(images))) {
    abort(
      c("No path in {.arg {argument}} exists.",
        x = "Received {.file {first_few(images)}}.",
        i = "Relative paths start in {.file {getwd()}}."),
      class = "placa_error_image", call = call
    )
  }
  images
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
  warn(
    c("{nrow(rejected)} image{?s} could not be read and {?has/have} no probability.",
      stats::setNames(bullets, rep("x", length(bullets))),
      i = if (more > 0) "And {more} more."),
    class = "placa_warning_rejected", call = call, rejected = rejected
  )
}
