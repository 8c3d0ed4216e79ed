#' Predict images
#'
#' Python decodes the images and runs the model, as it did in training, so the
#' probabilities are Python's own.
#'
#' Which Python: `RETICULATE_PYTHON` where that is set; else the environment
#' variable `PLACA_PYTHON`, a Python or a project; else the `.venv` of the
#' project that the run lies in or that R stands in, looked for upwards; else,
#' with a reticulate that has `py_require()`, one that it makes. The first call
#' takes some seconds, since it starts Python and TensorFlow.
#'
#' @param object A model, by [load_model()].
#' @param images Paths of image files (PNG, JPEG, TIFF, BMP, WebP, of any size) and of folders, whose
#'   images are taken with those of folders in them. A file that is named twice
#'   is predicted once.
#' @param operating_point Name of the operating point that decides `class`, one
#'   of [read_thresholds()]; `NULL` is each finding's default.
#' @param ... Not used.
#' @return A tibble with one row an image and finding: `image` (path, beginning
#'   as it was given), `finding`, `probability` (calibrated, 0--1) and `class`
#'   (`"positive"` from the operating point's threshold on, else `"negative"`).
#'   An image that cannot be read has a row with missing values, and a warning of class
#'   `placa_warning_rejected` names each with the reason.
#' @section Errors:
#' `placa_error_image` where a path does not exist or nothing was named;
#' `placa_error_operating_point` for an unknown name; `placa_error_reticulate`
#' where reticulate is not installed; `placa_error_python` where no Python is
#' found or it fails; `placa_error_embedded` in an R that runs inside Python.
#' @export
#' @examplesIf dir.exists("runs/pneumonia")
#' model <- load_model("runs/pneumonia")
#' predict(model, "images/00000001_000.png")
predict.placa_model <- function(object, images, operating_point = NULL, ...) {
  rlang::check_dots_empty()
  thresholds <- chosen_thresholds(object, operating_point)
  images <- check_images(images)
  full <- normalizePath(images)
  answer <- call_python("placa.predict", "predict_as_lists", object$path, as.list(full), near = object$path)
  predicted <- tibble::tibble(
    image = as.character(unlist(answer$image)),
    finding = as.character(unlist(answer$finding)),
    probability = as.double(unlist(answer$probability))
  )
  rejected <- tibble::tibble(
    image = as.character(unlist(answer$rejected_image)),
    reason = as.character(unlist(answer$rejected_reason))
  )
  table <- rbind(predicted, rows_of_rejected(rejected$image, object$findings))
  threshold <- thresholds$threshold[match(table$finding, thresholds$finding)]
  table$class <- as.character(ifelse(table$probability >= threshold, "positive", "negative"))
  # Files come back in the order in which they were named, the rejected among them.
  table <- table[order(match(table$image, full, nomatch = length(full) + 1L)), ]
  table$image <- as_given(table$image, images, full)
  rejected$image <- as_given(rejected$image, images, full)
  warn_rejected(rejected)
  table
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

check_images <- function(images, call = rlang::caller_env()) {
  if (!is.character(images) || length(images) == 0 || anyNA(images)) {
    cli::cli_abort(
      c("{.arg images} must be paths of image files or folders.", x = "It is {.obj_type_friendly {images}}."),
      class = "placa_error_image", call = call
    )
  }
  absent <- images[!file.exists(images)]
  if (length(absent) > 0) {
    cli::cli_abort(
      c("Every path in {.arg images} must exist.",
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
  for (i in which(is.na(exact))) {
    folder <- which(startsWith(paths[[i]], paste0(full, "/")))
    if (length(folder) > 0) {
      inside <- substring(paths[[i]], nchar(full[[folder[[1]]]]) + 2)
      paths[[i]] <- file.path(sub("/+$", "", images[[folder[[1]]]]), inside)
    }
  }
  paths[!is.na(exact)] <- images[exact[!is.na(exact)]]
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
