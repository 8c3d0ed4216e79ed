#' Find the peaks of a heat map
#'
#' Returns the highest points of a map as marks for [localisation()]. After each peak, all points within `distance`
#' of it are set aside.
#'
#' @param map A matrix of evidence with one row per row of the image (the first row is the top), or the figure or its
#'   data by [`explain()`][explain.placa_model]. Values of 0 and below are never a peak.
#' @param n Maximum number of peaks, an integer of at least 1.
#' @param distance Minimum distance of two peaks, as a share of the longer side, 0--1.
#' @return A tibble with at most `n` rows, highest first: `x`, `y` (from the top left: for a matrix in pixels, where the
#'   centre of the first one is 0.5; otherwise as shares of the width and height of the image, as in `boxes.parquet` of
#'   a prepared data set) and `score`.
#' @section Errors:
#' `placa_error_marks` for another object, or a map with missing values.
#' @seealso [explain()], [localisation()]
#' @export
#' @examples
#' map <- outer(1:20, 1:20, function(y, x) exp(-((x - 5)^2 + (y - 12)^2) / 9))
#' map_peaks(map)
map_peaks <- function(map, n = 3, distance = 0.15) {
  points <- as_points(map)
  left <- points[points$score > 0, ]
  apart <- distance * max(diff(range(points$x)), diff(range(points$y)), 1)
  peaks <- left[0, ]
  while (nrow(left) > 0 && nrow(peaks) < n) {
    peak <- left[which.max(left$score), ]
    peaks <- rbind(peaks, peak)
    left <- left[sqrt((left$x - peak$x)^2 + (left$y - peak$y)^2) > apart, ]
  }
  tibble::as_tibble(peaks)
}

as_points <- function(map, call = rlang::caller_env()) {
  if (inherits(map, "ggplot")) {
    map <- map$data
  }
  points <- if (is.matrix(map) && is.numeric(map)) {
    data.frame(x = c(col(map)) - 0.5, y = c(row(map)) - 0.5, score = c(map))
  } else if (is.data.frame(map) && all(c("x", "y", "evidence") %in% names(map))) {
    # The figure has its origin at the bottom left, and pixels whose centres are half a pixel inside its edges.
    data.frame(x = map$x / sum(range(map$x)), y = 1 - map$y / sum(range(map$y)), score = map$evidence)
  }
  if (is.null(points) || anyNA(points$score)) {
    abort_marks("{.arg map} must be a matrix without missing values, or a map by {.fun explain}.", map, call)
  }
  points
}

abort_marks <- function(must, received, call) {
  abort(c(must, x = "Received {.obj_type_friendly {received}}."), class = "placa_error_marks", call = call)
}

# Calls `each` with the images, lesions and marks of every finding, as indices of the images.
by_finding_of_marks <- function(marks, boxes, images, each, call = rlang::caller_env()) {
  by_lesion <- "lesion" %in% names(marks)
  point <- if (!by_lesion) c("x", "y")
  box <- if (!by_lesion) c("x", "y", "width", "height")
  check_marks(marks, c("image_id", "score", point), "marks", c("score", point), call)
  check_marks(images, "image_id", "images", NULL, call)
  if (rlang::is_string(boxes)) {
    boxes <- read_parquet(file_of_run(boxes, "boxes.parquet", NULL, call), call = call)$data
    boxes <- boxes[boxes$image_id %in% images$image_id, ]
  }
  check_marks(boxes, c("image_id", if (by_lesion) "lesion", box), "boxes", box, call)
  images <- images[!duplicated(images$image_id), , drop = FALSE]
  for (column in setdiff(c("patient_id", "group_id"), names(images))) images[[column]] <- NA_character_
  outside <- setdiff(c(as.character(marks$image_id), as.character(boxes$image_id)), as.character(images$image_id))
  if (length(outside) > 0) {
    abort(
      c("{.arg images} must have every image of {.arg marks} and {.arg boxes}.",
        x = "{length(outside)} image{?s} {?is/are} not there: {.val {show_controls(utils::head(outside, 3))}}."),
      class = "placa_error_marks", call = call
    )
  }
  findings <- if ("finding" %in% names(boxes)) unique(as.character(boxes$finding)) else NA_character_
  if ("finding" %in% names(marks) && !anyNA(findings)) findings <- intersect(findings, marks$finding)
  do.call(rbind, lapply(findings, function(finding) {
    of <- function(table) {
      if (is.na(finding) || !"finding" %in% names(table)) table else table[table$finding %in% finding, ]
    }
    each(free_response(of(marks), of(boxes), images), finding)
  }))
}

check_marks <- function(table, columns, argument, numeric, call) {
  missing <- if (is.data.frame(table)) setdiff(columns, names(table)) else columns
  bad <- if (length(missing) == 0) numeric[!vapply(table[numeric], function(x) is.numeric(x) && !anyNA(x), NA)]
  if (length(missing) > 0 || length(bad) > 0) {
    abort(
      c("{.arg {argument}} must be a data frame with the column{cli::qty(columns)}{?s} {.field {columns}}.",
        x = if (length(missing) > 0) "It lacks {.field {missing}}.",
        x = if (length(bad) > 0) "{.field {bad}} must be numbers, none missing."),
      class = "placa_error_marks", call = call
    )
  }
}

check_counts_of_marks <- function(k, false_positives, call = rlang::caller_env()) {
  if (!is.numeric(k) || !length(k) || anyNA(k) || any(k < 1 | k != round(k))) {
    abort(c("{.arg k} must be integers of at least 1.", x = "Received {.val {k}}."),
          class = "placa_error_marks", call = call)
  }
  if (!is.numeric(false_positives) || anyNA(false_positives) || any(false_positives <= 0)) {
    abort(c("{.arg false_positives} must be numbers above 0.", x = "Received {.val {false_positives}}."),
          class = "placa_error_marks", call = call)
  }
}

# The free-response data of one finding: lesions with their highest mark (-Inf if unmarked), false positives, and the
# rank of the first mark of an image that is a hit.
free_response <- function(marks, boxes, images) {
  image_of <- function(table) match(as.character(table$image_id), as.character(images$image_id))
  lesions <- data.frame(image = image_of(boxes), score = rep(-Inf, nrow(boxes)))
  marks$image <- image_of(marks)
  marks <- marks[order(-marks$score), ]
  hit <- hits_of(marks, boxes, lesions$image)
  for (pair in seq_along(hit$box)) {
    lesion <- hit$box[[pair]]
    lesions$score[[lesion]] <- max(lesions$score[[lesion]], marks$score[[hit$mark[[pair]]]])
  }
  is_hit <- seq_len(nrow(marks)) %in% hit$mark
  rank <- stats::ave(seq_along(is_hit), marks$image, FUN = seq_along)
  first <- rep(Inf, nrow(images))
  earliest <- tapply(rank[is_hit], marks$image[is_hit], min)
  first[as.integer(names(earliest))] <- earliest
  patients <- images$patient_id
  list(
    cluster = cluster_index(images), with_box = seq_len(nrow(images)) %in% lesions$image, lesions = lesions,
    false = data.frame(image = marks$image[!is_hit], score = marks$score[!is_hit]), scores = marks$score,
    first_hit = first, n_patients = if (all(is.na(patients))) NA_integer_ else length(unique(stats::na.omit(patients)))
  )
}

# Pairs of marks and boxes: by the named lesion, or by the point in the box.
hits_of <- function(marks, boxes, image_of_box) {
  pairs <- merge(
    data.frame(mark = seq_len(nrow(marks)), image = marks$image),
    data.frame(box = seq_len(nrow(boxes)), image = image_of_box)
  )
  if ("lesion" %in% names(marks)) {
    same <- as.character(marks$lesion[pairs$mark]) == as.character(boxes$lesion[pairs$box])
    return(pairs[same %in% TRUE, ])
  }
  inside <- function(axis, side) {
    low <- boxes[[axis]][pairs$box]
    at <- marks[[axis]][pairs$mark]
    at >= low & at < low + boxes[[side]][pairs$box]
  }
  pairs[inside("x", "width") & inside("y", "height"), ]
}
