# NULL for a model of an earlier version, which does not compare images with its training images.
typical_columns <- function(typicality, outside, rows) {
  if (length(typicality)) tibble::tibble(typicality = typicality[rows], outside = outside[rows])
}

warn_outside <- function(images, call = rlang::caller_env()) {
  if (length(images) > 0) {
    shown <- show_controls(utils::head(images, 3))
    warn(
      c("{length(images)} image{?s} differ{?s/} from all training images: {.file {shown}}.",
        i = "{cli::qty(length(images))}Look at {?it/them} before you use {?its/their} probabilities."),
      class = "placa_warning_outside", call = call, images = images
    )
  }
}
