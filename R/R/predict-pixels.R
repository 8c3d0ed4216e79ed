# Pixels are passed to Python as files.

# Writes one PGM file per image, the simplest lossless format that Pillow reads.
write_pixels <- function(images, model, call = rlang::caller_env()) {
  if (identical(model$facts$data$reading$rule, "ct-slabs")) {
    abort(
      c("A CT model requires volumes with Hounsfield units and voxel sizes.",
        x = "Received pixels: {.obj_type_friendly {images}}.",
        i = "Use the paths of {.file .mha}, {.file .nii.gz} or {.file .nrrd} files."),
      class = "placa_error_image", call = call
    )
  }
  pictures <- lapply(as_pictures(images, call), as_grey, call = call)
  folder <- tempfile("placa-pixels-")
  dir.create(folder)
  files <- file.path(folder, sprintf("%d.pgm", seq_along(pictures)))
  for (i in seq_along(pictures)) write_pgm(pictures[[i]], files[[i]])
  list(folder = folder, files = files, names = names_of_pictures(images, length(pictures)))
}

# Converts one image, a list, or an array (image, row, column, channel) to a list of images.
as_pictures <- function(images, call) {
  if (is.list(images) && !is.object(images)) {
    if (length(images) == 0) abort_pixels("Received an empty list.", call)
    return(images)
  }
  if (length(dim(images)) == 4) {
    return(lapply(seq_len(dim(images)[[1]]), function(i) array(images[i, , , ], dim(images)[-1])))
  }
  list(images)
}

names_of_pictures <- function(images, n) {
  given <- if (is.list(images)) names(images) else if (length(dim(images)) == 4) dimnames(images)[[1]]
  own <- as.character(seq_len(n))
  if (is.null(given)) own else ifelse(nzchar(given), given, own)
}

# A matrix of integer grey levels 0--255: Pillow's luminance (ITU-R BT.601), on a black background for alpha.
as_grey <- function(picture, call) {
  levels <- as_levels(picture, call)
  if (length(dim(levels)) == 2) {
    return(levels)
  }
  n <- dim(levels)[[3]]
  grey <- levels[, , 1]
  if (n >= 3) {
    grey <- (levels[, , 1] * 19595 + levels[, , 2] * 38470 + levels[, , 3] * 7471 + 32768) %/% 65536
  }
  if (n %in% c(2, 4)) {
    product <- grey * levels[, , n] + 128
    grey <- (product %/% 256 + product) %/% 256
  }
  matrix(grey, nrow = dim(levels)[[1]])
}

as_levels <- function(picture, call) {
  if (!is.numeric(picture) || is.object(picture)) {
    abort_pixels("Received {.obj_type_friendly {picture}}.", call, picture = picture)
  }
  size <- dim(picture)
  if (!length(size) %in% 2:3 || any(size == 0) || (length(size) == 3 && !size[[3]] %in% 1:4)) {
    abort_pixels("Received {.obj_type_friendly {picture}}.", call, picture = picture)
  }
  if (anyNA(picture) || min(picture) < 0 || max(picture) > 255) {
    span <- if (anyNA(picture)) "Some pixels are missing." else "Received values from {min(picture)} to {max(picture)}."
    abort_pixels(span, call, picture = picture)
  }
  # readPNG() and readJPEG() return doubles from 0 to 1; integers are always grey levels.
  shares <- is.double(picture) && max(picture) <= 1
  floor(if (shares) picture * 255 + 0.5 else picture + 0.5)
}

abort_pixels <- function(problem, call, ...) {
  abort(
    c("Pixels must be a numeric matrix or array (row, column, 1 to 4 channels) of values 0 to 255 or 0 to 1.",
      x = problem,
      i = "For several images, use a list of these or an array (image, row, column, channel)."),
    class = "placa_error_image", call = call, .envir = list2env(list(...), parent = environment())
  )
}

write_pgm <- function(levels, file) {
  connection <- file(file, "wb")
  on.exit(close(connection))
  writeBin(charToRaw(sprintf("P5\n%d %d\n255\n", ncol(levels), nrow(levels))), connection)
  # PGM is in row order, R's matrix is in column order.
  writeBin(as.raw(t(levels)), connection)
}
