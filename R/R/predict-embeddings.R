# Predictions of embeddings, by a model that was trained on embeddings of a foundation model.

predict_embeddings <- function(model, new_data, call = rlang::caller_env()) {
  if (is.character(new_data) && is.null(dim(new_data))) {
    check_images(new_data, "new_data", call)
    other <- new_data[!dir.exists(new_data) & !grepl("[.]parquet$", new_data, ignore.case = TRUE)]
    if (length(other) > 0) {
      abort_embeddings("{.file {first_few(other)}} {?is/are} no parquet file{?s} of embeddings.", call, other = other)
    }
    check_model_unchanged(model, call)
    found <- call_python("predict_table_as_lists", model$path, as.list(normalizePath(new_data)), near = model$path,
                         call = call)
    images <- as.character(unlist(found$image))
  } else {
    vectors <- as_vectors(new_data, model$facts$embeddings$length, call)
    check_model_unchanged(model, call)
    file <- tempfile("placa-embeddings-")
    on.exit(unlink(file))
    # The numbers are stored row by row.
    writeBin(as.double(t(vectors$numbers)), file, size = 8, endian = "little")
    found <- call_python("predict_vectors_as_lists", model$path, file, near = model$path, call = call)
    images <- vectors$images
  }
  list(
    path = images, image_id = images, rejected = tibble::tibble(image = character(), reason = character()),
    probability = matrix(as.double(unlist(found$probability)), length(images), byrow = TRUE,
                         dimnames = list(NULL, model$findings))
  )
}

# The ids and a numeric matrix, one row per image, of a matrix or a data frame.
as_vectors <- function(new_data, length_of_one, call) {
  if (is.data.frame(new_data)) {
    lists <- names(new_data)[vapply(new_data, is.list, NA)]
    images <- new_data[["image_id"]]
    rest <- new_data[setdiff(names(new_data), "image_id")]
    numbers <- if (length(lists) == 1) do.call(rbind, new_data[[lists]]) else as.matrix(rest)
  } else {
    images <- rownames(new_data)
    numbers <- new_data
  }
  if (!is.matrix(numbers) || !is.numeric(numbers) || ncol(numbers) != length_of_one || nrow(numbers) == 0) {
    width <- if (is.matrix(numbers)) paste(" with", ncol(numbers), "numbers per row") else ""
    abort_embeddings("Received {.obj_type_friendly {new_data}}{width}.", call, new_data = new_data, width = width,
                     length_of_one = length_of_one)
  }
  if (!all(is.finite(numbers))) {
    abort_embeddings("Some numbers are missing or infinite.", call, length_of_one = length_of_one)
  }
  cli::cli_inform(
    c("i" = "A data frame does not state how its embeddings were made, so this is not checked. Use the path of a parquet
      file to check it."),
    class = "placa_message_provenance"
  )
  list(images = as.character(images %||% seq_len(nrow(numbers))), numbers = unname(numbers))
}

abort_embeddings <- function(problem, call, ...) {
  values <- list(...)
  values$length_of_one <- values$length_of_one %||% "as many as the model takes"
  abort(
    c("The model was trained on embeddings, so {.arg new_data} must be a data frame with {.field image_id} and one
       column per number, a numeric matrix, or the path of a parquet file.",
      x = problem,
      i = "Numbers per embedding: {length_of_one}."),
    class = "placa_error_embedding", call = call, .envir = list2env(values, parent = environment())
  )
}
