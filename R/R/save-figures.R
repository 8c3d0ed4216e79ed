#' Write the figures of an evaluation for a journal
#'
#' Draws every figure of an evaluation at the width of a column: text of 7 to 8 points,
#' one font family, and colours that stay apart in greyscale and in all types of colour
#' vision.
#'
#' @param evaluation An evaluation, by [evaluate()] or [read_evaluation()].
#' @param folder Folder to write to; it is created. Files of the same names are an error.
#' @param width Width of the figures, 30 to 400 mm. Journals often ask for 85 mm (one
#'   column) or 180 mm (two). The height follows from the figure.
#' @param units `"mm"`, `"cm"` or `"in"`.
#' @param format `"pdf"` or `"svg"`, which can be enlarged; `"tiff"` (compressed by LZW)
#'   or `"png"`, both with 600 dots per inch.
#' @param labels Labels of the figures, by [plot_labels()], or `"en"` or `"es"`.
#' @return The paths of the files, invisibly.
#' @seealso [save_table()], [plot_roc()]
#' @section Errors:
#' `placa_error_plot` for an invalid `width` or for files that exist already;
#' `placa_error_labels`.
#' @export
#' @examples
#' predictions <- subset(example_predictions(), finding == "Effusion")
#' evaluation <- evaluate(predictions, example_thresholds(), draws = 100)
#' save_figures(evaluation, tempfile("figures"), width = 85, format = "png")
save_figures <- function(evaluation, folder, width = 85, units = c("mm", "cm", "in"),
                         format = c("pdf", "tiff", "svg", "png"), labels = "en") {
  units <- rlang::arg_match(units)
  format <- rlang::arg_match(format)
  check_path(folder, rlang::current_env())
  inches <- check_width(width, units)
  figures <- evaluation_figures(as_evaluation(evaluation, NULL, "test"), as_labels(labels))
  files <- file.path(folder, paste0(names(figures), ".", format))
  if (any(file.exists(files))) {
    abort(
      c("{.arg folder} must not have files of the same names.", x = "{.file {files[file.exists(files)]}} exists.",
        i = "Use another folder."),
      class = "placa_error_plot"
    )
  }
  dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  for (i in seq_along(figures)) {
    figure <- figures[[i]]
    save_plot(
      files[[i]], in_print(figure$plot, inches), device = print_device(format), width = inches,
      height = print_height(figure, inches, names(figures)[[i]]), units = "in", dpi = 600, bg = "white"
    )
  }
  invisible(files)
}

check_width <- function(width, units, call = rlang::caller_env()) {
  inches <- if (rlang::is_scalar_double(width) || rlang::is_scalar_integer(width)) {
    width / c(mm = 25.4, cm = 2.54, "in" = 1)[[units]]
  }
  if (is.null(inches) || is.na(inches) || inches * 25.4 < 30 - 1e-9 || inches * 25.4 > 400 + 1e-9) {
    abort(
      c("{.arg width} must be from 30 to 400 mm.", x = "Received {.val {width}} {units}.",
        i = "Journals often ask for 85 or 180 mm."),
      class = "placa_error_plot", call = call
    )
  }
  inches
}

# A narrow figure needs more height for its legend. The rows of groups need the same height at every width.
print_height <- function(figure, inches, name) {
  if (name == "subgroups") {
    return(0.8 * figure$height)
  }
  inches * figure$height / figure$width * if (inches < 5 && name != "roc") 1.2 else 1
}

# Text of 7 or 8 points, as journals ask for. Captions of several lines are wrapped to the width.
in_print <- function(plot, inches) {
  size <- if (inches < 5) 7 else 8
  plot +
    ggplot2::theme(
      text = ggplot2::element_text(size = size, family = font_family()),
      plot.caption = ggplot2::element_text(size = ggplot2::rel(0.85)),
      legend.key.size = grid::unit(1.1 * size, "pt"),
      panel.spacing.x = grid::unit(2 * size, "pt"),
      plot.margin = ggplot2::margin(4, 6, 4, 4)
    )
}

print_device <- function(format) {
  switch(
    format,
    pdf = grDevices::cairo_pdf,
    svg = svg_device(),
    png = png_device(),
    # ggsave() gives units and resolution only to a function that names them.
    tiff = function(filename, width, height, units, res, ...) {
      if (rlang::is_installed("ragg")) {
        ragg::agg_tiff(filename, width, height, units, res = res, compression = "lzw")
      } else {
        grDevices::tiff(filename, width, height, units, res = res, compression = "lzw", type = "cairo")
      }
    }
  )
}
