#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_readers <- function(object, labels = plot_labels("en"), ...) { # nolint: object_name_linter.
  labels <- as_labels(labels)
  points <- reader_points(object, labels)
  curve <- attr(object, "curve", exact = TRUE)
  curve <- curve[curve$finding %in% points$finding, ]
  findings <- unique(points$finding)
  curve <- corners(curve)
  curve$panel <- as_panel(curve$finding, labels, findings)
  points$panel <- as_panel(points$finding, labels, findings)
  names <- levels(points$series)
  single <- length(findings) == 1
  ggplot2::ggplot(points, ggplot2::aes(1 - .data$specificity, .data$sensitivity)) +
    chance_of_roc() +
    ggplot2::geom_path(
      data = curve, mapping = ggplot2::aes(linetype = labels$model_curve), colour = finding_colours[[1]],
      linewidth = 0.7
    ) +
    ggplot2::geom_linerange(
      ggplot2::aes(ymin = .data$sensitivity_lower, ymax = .data$sensitivity_upper, colour = .data$series),
      linewidth = 0.5, na.rm = TRUE, show.legend = FALSE
    ) +
    ggplot2::geom_linerange(
      ggplot2::aes(xmin = 1 - .data$specificity_upper, xmax = 1 - .data$specificity_lower, colour = .data$series),
      linewidth = 0.5, na.rm = TRUE, show.legend = FALSE
    ) +
    ggplot2::geom_point(ggplot2::aes(colour = .data$series, shape = .data$series), size = 2.4, fill = "white") +
    ggplot2::scale_colour_manual(values = mark_of(finding_colours[-1], ink, names)) +
    ggplot2::scale_shape_manual(values = mark_of(c(16, 17, 15, 18, 25, 22, 24), 23, names)) +
    scale_of_shares(ggplot2::scale_x_continuous, labels, expand = c(0.012, 0)) +
    scale_of_shares(ggplot2::scale_y_continuous, labels, expand = c(0.012, 0)) +
    ggplot2::labs(
      x = labels$false_positive_rate, y = labels$sensitivity, colour = NULL, shape = NULL, linetype = NULL,
      caption = fill_in(labels$reader_bars, level = level_of(object))
    ) +
    ggplot2::guides(linetype = ggplot2::guide_legend(order = 1)) +
    ggplot2::coord_equal(xlim = c(0, 1), ylim = c(0, 1)) +
    theme_placa() +
    ggplot2::theme(legend.direction = if (single) "vertical" else "horizontal") +
    by_panel(points$panel) +
    alt_text(labels$alt_readers, findings, labels, readers = paste(names, collapse = ", "))
}

# Readers have the first marks, and their mean the last.
mark_of <- function(readers, mean, names) stats::setNames(c(rep_len(readers, length(names) - 1), mean), names)

# One row per finding and reader, the mean last. Many readers share one mark.
reader_points <- function(object, labels, call = rlang::caller_env()) {
  kept <- object[object$analysis != "random_readers", ]
  side <- function(metric) drawable(kept[kept$metric == metric, ], "reader_estimate", call)
  across <- side("specificity_at_sensitivity")
  up <- side("sensitivity_at_specificity")
  key <- function(rows) paste(rows$finding, rows$reader, sep = "\r")
  of <- match(key(across), key(up))
  readers <- unique(across$reader[!is.na(across$reader)])
  many <- length(readers) > 7
  series <- ifelse(is.na(across$reader), labels$mean_reader, if (many) labels$reader else across$reader)
  tibble::tibble(
    finding = across$finding, series = factor(series, c(if (many) labels$reader else readers, labels$mean_reader)),
    specificity = across$reader_estimate, specificity_lower = across$reader_lower,
    specificity_upper = across$reader_upper, sensitivity = up$reader_estimate[of],
    sensitivity_lower = up$reader_lower[of], sensitivity_upper = up$reader_upper[of]
  )
}

size_of_readers <- function(evaluation) {
  size_of_panels(length(unique(evaluation$readers$finding)), c(5.4, 6.4), 3, 3, 1.6)
}
