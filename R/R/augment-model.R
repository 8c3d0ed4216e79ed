#' Add predictions to a data frame
#'
#' Calls [predict()][predict.placa_model] and adds its columns `.pred_*`.
#'
#' @param x A model, by [load_model()].
#' @param new_data A data frame with a column of paths, or paths.
#' @inheritParams predict.placa_model
#' @return `new_data` as a tibble, with the columns `.pred_*` of
#'   [predict()][predict.placa_model], and `image_id` if it has none.
#' @seealso [predict()][predict.placa_model], [evaluate()]
#' @name augment.placa_model
#' @aliases augment
#' @export
#' @examplesIf dir.exists("runs/pneumonia")
#' images <- data.frame(path = list.files("images", full.names = TRUE))
#' augment(load_model("runs/pneumonia"), images)
augment.placa_model <- function(x, new_data, operating_point = NULL, ...) {
  rlang::check_dots_empty()
  if (is.character(new_data)) new_data <- tibble::tibble(path = new_data)
  if (!is.data.frame(new_data) || any(dir.exists(as.character(new_data[[path_column(new_data)]])))) {
    abort(
      c("{.arg new_data} must be a data frame with the paths of files, one per row.",
        i = "Use {.fun predict} for directories and pixels."),
      class = "placa_error_image"
    )
  }
  predicted <- stats::predict(x, new_data, operating_point)
  data <- tibble::as_tibble(without_groups(new_data))
  added <- predicted[startsWith(names(predicted), ".pred_")]
  if (!"image_id" %in% names(data)) data$image_id <- predicted$image_id
  tibble::as_tibble(c(data[setdiff(names(data), names(added))], added))
}

# `predicted` has `path` and `image_id`, one per row, and `probability`, a matrix with a column per finding.
shape_predictions <- function(predicted, findings, thresholds, type, paths) {
  threshold <- thresholds$threshold[match(findings, thresholds$finding)]
  positive <- sweep(predicted$probability, 2, threshold, ">=")
  id <- tibble::tibble(image_id = predicted$image_id)
  if (paths) id$path <- predicted$path
  if (type == "long") {
    rows <- rep(seq_len(nrow(id)), each = length(findings))
    return(tibble::add_column(tibble::tibble(
      id[rows, ], finding = rep(findings, nrow(id)), probability = as.double(t(predicted$probability)),
      class = as.vector(t(ifelse(positive, "positive", "negative")))
    ), !!!as.list(if (!is.null(predicted$typical)) predicted$typical[rows, ])))
  }
  prob <- stats::setNames(as.data.frame(predicted$probability), paste0(".pred_", findings))
  class <- lapply(seq_along(findings), function(j) {
    factor(ifelse(positive[, j], "positive", "negative"), c("positive", "negative"))
  })
  names(class) <- if (length(findings) == 1) ".pred_class" else paste0(".pred_class_", findings)
  typical <- if (type == "wide" && !is.null(predicted$typical)) {
    stats::setNames(as.list(predicted$typical), paste0(".", names(predicted$typical)))
  }
  tibble::as_tibble(c(if (type == "wide") id, if (type != "class") prob, if (type != "prob") class, typical))
}

path_column <- function(data, call = rlang::caller_env()) {
  known <- c("path", "image_path", "file", "filename", "image")
  found <- intersect(known, names(data))
  if (length(found) == 0) {
    abort(
      c("{.arg new_data} must have a column with the paths of the images.",
        x = "Received the columns {.field {names(data)}}.", i = "Name the column {.field path}."),
      class = c("placa_error_image", "placa_error_columns"), call = call
    )
  }
  found[[1]]
}
