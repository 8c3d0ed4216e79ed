#' Explain a prediction with a Grad-CAM map
#'
#' Draws the Grad-CAM map of one image: the feature maps of the last convolutional
#' layer, weighted by the gradient of the logit of the finding. The map shows what
#' the model used, not where the disease is. Its resolution is that of the layer:
#' 8 by 8 cells for `small` at 128 pixels.
#'
#' `explain()` is the generic function of the package generics.
#'
#' @param x A model, by [load_model()].
#' @param image The path of one image, or the pixels of one image, as for
#'   [predict()][predict.placa_model]. For a CT model: the path of one volume; the
#'   slab with the highest score is explained.
#' @param finding A finding of the model; `NULL` selects the finding with the
#'   highest probability.
#' @param labels Labels of the figure: `"en"`, `"es"`, or [plot_labels()].
#' @param ... Not used.
#' @return A ggplot of the image with the map as a transparent layer. Its `data` is
#'   the map, a tibble with one row per pixel of the model input: `x` and `y` (in
#'   pixels of the image in the figure, from the bottom left) and `evidence` (at
#'   least 0, in units of the logit, comparable between maps of one model).
#' @section Errors:
#' `placa_error_image` for an invalid image, `placa_error_finding` for an unknown
#' finding, and the errors of [predict()][predict.placa_model].
#' @references
#' Selvaraju RR, Cogswell M, Das A, Vedantam R, Parikh D, Batra D (2017).
#' Grad-CAM: visual explanations from deep networks via gradient-based
#' localization. *ICCV*, 618--626. \doi{10.1109/ICCV.2017.74}
#' @seealso `placa explain --boxes`, on the command line, compares the maps of a
#'   test split with lesion boxes.
#' @rdname explain
#' @aliases explain
#' @export
#' @rawNamespace S3method(dplyr::explain, placa_model)
#' @examplesIf dir.exists("runs/pneumonia")
#' model <- load_model("runs/pneumonia")
#' explain(model, "images/00000001_000.png")
# dplyr exports its own generic explain(), so the method is registered for it too.
explain.placa_model <- function(x, image, finding = NULL, labels = plot_labels("en"), ...) {
  rlang::check_dots_empty()
  labels <- as_labels(labels)
  check_finding_of_model(finding, x)
  if (!is.character(image) && (is.numeric(image) || is.list(image))) {
    pixels <- write_pixels(image, x)
    on.exit(unlink(pixels$folder, recursive = TRUE))
    check_one_image(pixels$files)
    return(explain_path(x, pixels$files, finding, NULL, labels))
  }
  image <- unique(check_images(image, "image"))
  check_one_image(image)
  explain_path(x, image, finding, basename(image), labels)
}

explain_path <- function(model, path, finding, name, labels, call = rlang::caller_env()) {
  check_model_unchanged(model, call)
  output <- call_python(
    "explain_as_lists", model$path, normalizePath(path), finding, near = model$path, call = call
  )
  if (!is.null(output$rejected)) {
    shown <- if (is.null(name)) "pixels" else path
    abort(
      c("{.arg image} could not be read.", x = "{.file {shown}}: {output$rejected}."),
      class = "placa_error_image", call = call
    )
  }
  draw_explanation(output, name, labels)
}

draw_explanation <- function(output, name, labels) {
  grey <- matrix(as.double(unlist(output$pixels)) / 255, nrow = output$height, byrow = TRUE)
  map <- evidence_table(output)
  highest <- max(map$evidence)
  number <- format_number(output$probability, 3, labels$decimal_mark)
  subtitle <- paste0(labels$probability, ": ", number)
  if (output$squares > 1) {
    subtitle <- paste0(subtitle, "; ", fill_in(labels$slab, n = output$square, of = output$squares))
  }
  ggplot2::ggplot(map, ggplot2::aes(.data$x, .data$y)) +
    ggplot2::annotation_raster(grey, 0, output$width, 0, output$height, interpolate = TRUE) +
    ggplot2::geom_raster(ggplot2::aes(fill = .data$evidence), interpolate = TRUE) +
    ggplot2::scale_fill_gradientn(
      # Zero evidence is transparent.
      colours = c("#D55E0000", "#D55E004D", "#F0E44299"), limits = c(0, if (highest > 0) highest else 1),
      labels = function(x) format_number(x, 3, labels$decimal_mark),
      guide = ggplot2::guide_colourbar(title.position = "top", barwidth = 12, barheight = 0.6)
    ) +
    ggplot2::coord_fixed(xlim = c(0, output$width), ylim = c(0, output$height), expand = FALSE) +
    ggplot2::labs(
      title = translate(output$finding, labels$findings), subtitle = subtitle, fill = labels$evidence,
      caption = paste(c(name, labels$evidence_note), collapse = "\n"), x = NULL, y = NULL,
      alt = alt_of_explanation(map, output, labels)
    ) +
    theme_placa() +
    ggplot2::theme(
      axis.text = ggplot2::element_blank(), panel.grid.major = ggplot2::element_blank(),
      panel.border = ggplot2::element_blank(), legend.direction = "horizontal",
      plot.caption = ggplot2::element_text(hjust = 0, colour = "#444444")
    )
}

alt_of_explanation <- function(map, output, labels) {
  top <- map[which.max(map$evidence), ]
  fill_in(
    labels$alt_explanation,
    finding = translate(output$finding, labels$findings),
    x = round(100 * top$x / output$width), y = round(100 - 100 * top$y / output$height)
  )
}

# Converts the map from row order (Python, top left) to pixel centres in figure coordinates (bottom left).
evidence_table <- function(output) {
  size <- output$size
  tibble::tibble(
    x = rep((seq_len(size) - 0.5) * output$width / size, times = size),
    y = rep((size - seq_len(size) + 0.5) * output$height / size, each = size),
    evidence = as.double(unlist(output$map))
  )
}

check_one_image <- function(image, call = rlang::caller_env()) {
  if (length(image) != 1 || dir.exists(image[[1]])) {
    problem <- if (length(image) != 1) "Received {length(image)} images." else "{.file {image}} is a directory."
    abort(
      c("{.arg image} must be one image.", x = problem,
        i = "For several images, run {.code placa explain RUN IMAGES --out DIR} on the command line."),
      class = "placa_error_image", call = call
    )
  }
}

check_finding_of_model <- function(finding, model, call = rlang::caller_env()) {
  if (!is.null(finding) && !(rlang::is_string(finding) && finding %in% model$findings)) {
    abort(
      c("{.arg finding} must be a finding of the model.",
        x = "Received {.val {finding}}.",
        i = "The model predicts {.val {model$findings}}."),
      class = "placa_error_finding", call = call
    )
  }
}
