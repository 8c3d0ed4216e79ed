#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_calibration_curve <- function(object, labels = plot_labels("en"), ...) { # nolint
  labels <- as_labels(labels)
  table <- drawable(object, "observed")
  findings <- unique(table$finding)
  table$panel <- as_panel(table$finding, labels)
  stages <- intersect(c("before", "after"), table$stage)
  table$name <- factor(translate(table$stage, labels$stages), translate(stages, labels$stages))
  colours <- stats::setNames(c(before = finding_colours[[2]], after = finding_colours[[1]])[stages], levels(table$name))
  tops <- vapply(stats::setNames(nm = findings), function(finding) {
    of_finding <- table[table$finding == finding, ]
    round_up(max(of_finding$probability, of_finding$observed))
  }, double(1))
  table$top <- tops[table$finding]
  ggplot2::ggplot(table, ggplot2::aes(.data$probability, .data$observed, colour = .data$name)) +
    theme_placa() +
    ideal_line(table$panel, tops, labels) +
    ggplot2::geom_ribbon(
      # As in plot_calibration(), the band is cut at the top of the panel.
      ggplot2::aes(
        ymin = pmin(.data$lower, .data$top), ymax = pmin(.data$upper, .data$top), fill = .data$name
      ),
      data = bounded(table), colour = NA, alpha = band_alpha
    ) +
    ggplot2::geom_line(linewidth = 0.8) +
    ggplot2::scale_colour_manual(values = colours, guide = if (length(stages) > 1) "legend" else "none") +
    ggplot2::scale_fill_manual(values = colours, guide = if (length(stages) > 1) "legend" else "none") +
    ggplot2::scale_linetype_manual(values = stats::setNames("22", labels$ideal)) +
    diagonal_panels(table$panel, tops, 0, labels) +
    ggplot2::labs(
      x = labels$probability, y = labels$observed, colour = NULL, fill = NULL, linetype = NULL,
      caption = band_caption(table, labels)
    ) +
    alt_text(labels$alt_calibration, table$finding, labels)
}
