#' Show where in an image a model sees a finding
#'
#' Grad-CAM: the features of the model's last layer that still has a plane, each
#' weighted by how much the finding's logit rises with it. It shows what the
#' model used, not where the disease is, and is as coarse as that layer: 8 by 8
#' cells for `small` at 128 pixels.
#'
#' @param x A model, by [load_model()].
#' @param image The path of one image (of a CT volume for a model of these, of
#'   which the square with the highest score is explained), or the pixels of
#'   one, as [predict()][predict.placa_model] takes them.
#' @param finding Which of the model's findings; `NULL` is the one of the highest
#'   probability.
#' @param labels Words of the figure: `"en"`, `"es"`, or [plot_labels()].
#' @param ... For methods.
#' @return A ggplot: the image, and over it the evidence, clear where there is
#'   none. Its `data` is the map, a tibble with one row a pixel of the model's
#'   input: `x` and `y` (in pixels of the figure's image, from the bottom left) and
#'   `evidence` (0 and up, in units of the logit, so that maps of one model can
#'   be compared).
#' @section Errors:
#' `placa_error_image` where the image is none, `placa_error_finding` where the
#' model knows no such finding, and those of [predict()][predict.placa_model].
#' @references
#' Selvaraju RR, Cogswell M, Das A, Vedantam R, Parikh D, Batra D (2017).
#' Grad-CAM: visual explanations from deep networks via gradient-based
#' localization. *ICCV*, 618--626. \doi{10.1109/ICCV.2017.74}
#' @seealso `placa explain --boxes`, on the command line, scores the maps of a
#'   whole test split against lesion boxes.
#' @rdname explain
#' @aliases explain
#' @export
#' @rawNamespace S3method(dplyr::explain, placa_model)
#' @examplesIf dir.exists("runs/pneumonia")
#' model <- load_model("runs/pneumonia")
#' explain(model, "images/00000001_000.png")
# dplyr has a generic of its own with this name, so the method is registered there too.
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
  image <- check_images(image, "image")
  check_one_image(image)
  explain_path(x, image, finding, basename(image), labels)
}

explain_path <- function(model, path, finding, name, labels, call = rlang::caller_env()) {
  check_model_unchanged(model, call)
  answer <- call_python(
    "explain_as_lists", model$path, normalizePath(path), finding, near = model$path, call = call
  )
  if (!is.null(answer$rejected)) {
    shown <- if (is.null(name)) "pixels" else path
    cli::cli_abort(
      c("An image was expected.", x = "{.file {shown}}: {answer$rejected}."),
      class = "placa_error_image", call = call
    )
  }
  draw_explanation(answer, name, labels)
}

draw_explanation <- function(answer, name, labels) {
  grey <- matrix(as.double(unlist(answer$pixels)) / 255, nrow = answer$height, byrow = TRUE)
  map <- evidence_table(answer)
  highest <- max(map$evidence)
  number <- format_number(answer$probability, 3, labels$decimal_mark)
  subtitle <- paste0(labels$probability, ": ", number)
  if (answer$squares > 1) {
    subtitle <- paste0(subtitle, "; ", fill_in(labels$slab, n = answer$square, of = answer$squares))
  }
  ggplot2::ggplot(map, ggplot2::aes(.data$x, .data$y)) +
    ggplot2::annotation_raster(grey, 0, answer$width, 0, answer$height, interpolate = TRUE) +
    ggplot2::geom_raster(ggplot2::aes(fill = .data$evidence), interpolate = TRUE) +
    ggplot2::scale_fill_gradientn(
      # Clear where there is no evidence; a map of zeros is clear throughout.
      colours = c("#D55E0000", "#D55E004D", "#F0E44299"), limits = c(0, if (highest > 0) highest else 1),
      labels = function(x) format_number(x, 3, labels$decimal_mark),
      guide = ggplot2::guide_colourbar(title.position = "top", barwidth = 12, barheight = 0.6)
    ) +
    ggplot2::coord_fixed(xlim = c(0, answer$width), ylim = c(0, answer$height), expand = FALSE) +
    ggplot2::labs(
      title = translate(answer$finding, labels$findings), subtitle = subtitle, fill = labels$evidence,
      caption = paste(c(name, labels$evidence_note), collapse = "\n"), x = NULL, y = NULL,
      alt = alt_of_explanation(map, answer, labels)
    ) +
    theme_placa() +
    ggplot2::theme(
      axis.text = ggplot2::element_blank(), panel.grid.major = ggplot2::element_blank(),
      panel.border = ggplot2::element_blank(), legend.direction = "horizontal",
      plot.caption = ggplot2::element_text(hjust = 0, colour = "#444444")
    )
}

alt_of_explanation <- function(map, answer, labels) {
  top <- map[which.max(map$evidence), ]
  fill_in(
    labels$alt_explanation,
    finding = translate(answer$finding, labels$findings),
    x = round(100 * top$x / answer$width), y = round(100 - 100 * top$y / answer$height)
  )
}

# Row by row from the top left, as Python has it, to where the middle of each pixel lies in the figure.
evidence_table <- function(answer) {
  size <- answer$size
  tibble::tibble(
    x = rep((seq_len(size) - 0.5) * answer$width / size, times = size),
    y = rep((size - seq_len(size) + 0.5) * answer$height / size, each = size),
    evidence = as.double(unlist(answer$map))
  )
}

check_one_image <- function(image, call = rlang::caller_env()) {
  if (length(image) != 1 || dir.exists(image[[1]])) {
    what <- if (length(image) != 1) "{length(image)} came." else "{.file {image}} is a folder."
    cli::cli_abort(
      c("{.arg image} must be one image.", x = what,
        i = "For many, type {.code placa explain RUN IMAGES --out DIR} on the command line."),
      class = "placa_error_image", call = call
    )
  }
}

check_finding_of_model <- function(finding, model, call = rlang::caller_env()) {
  if (!is.null(finding) && !(rlang::is_string(finding) && finding %in% model$findings)) {
    cli::cli_abort(
      c("{.arg finding} must be one that the model knows.",
        x = "It is {.val {finding}}.",
        i = "There {cli::qty(length(model$findings))}{?is/are} {.val {model$findings}}."),
      class = "placa_error_finding", call = call
    )
  }
}
