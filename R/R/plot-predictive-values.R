#' @rdname autoplot.placa_evaluation
#' @param operating_point For predictive values of several findings: the name of the
#'   operating point to plot; `NULL` is the first of each finding.
#' @exportS3Method ggplot2::autoplot
autoplot.placa_predictive_values <- function(object, operating_point = NULL, # nolint
                                             labels = plot_labels("en"), ...) {
  labels <- as_labels(labels)
  table <- drawable(object, "estimate")
  several <- length(unique(table$finding)) > 1
  if (several || !is.null(operating_point)) {
    table <- of_one_point(table, operating_point)
  }
  points <- unique(table$operating_point)
  point <- factor(translate(table$operating_point, labels$operating_points), translate(points, labels$operating_points))
  metric <- factor(translate(table$metric, labels$metrics), translate(c("ppv", "npv"), labels$metrics))
  table$panel <- if (several) as_panel(table$finding, labels) else metric
  table$series <- if (several) metric else point
  subject <- if (several && length(points) == 1) points else unique(table$finding)
  ggplot2::ggplot(table, ggplot2::aes(.data$prevalence, .data$estimate, colour = .data$series)) +
    ggplot2::geom_line(linewidth = 0.5, alpha = 0.6) +
    ggplot2::geom_linerange(
      ggplot2::aes(ymin = .data$lower, ymax = .data$upper), linewidth = 0.5, na.rm = TRUE, show.legend = FALSE
    ) +
    ggplot2::geom_point(ggplot2::aes(shape = .data$own), size = 2, stroke = 0.8, fill = "white") +
    ggplot2::scale_shape_manual(
      values = c(`FALSE` = 21, `TRUE` = 16), breaks = c(TRUE, FALSE),
      labels = c(labels$own_prevalence, labels$other_prevalence)
    ) +
    ggplot2::scale_colour_manual(values = finding_colours) +
    scale_of_prevalence(table, labels) +
    ggplot2::scale_y_continuous(labels = function(x) format_ticks(x, labels$decimal_mark)) +
    ggplot2::labs(
      x = labels$prevalence, y = labels$predictive_value, colour = NULL, shape = NULL,
      subtitle = if (several) {
        paste0(labels$operating_point, ": ", paste(levels(point), collapse = " / "))
      } else {
        translate(subject, labels$findings)
      },
      caption = fill_in(labels$bars, level = level_of(table))
    ) +
    theme_placa() +
    ggplot2::facet_wrap(
      ggplot2::vars(.data$panel), ncol = if (several) panels_across(nlevels(table$panel)) else 2,
      scales = if (several) "fixed" else "free_y"
    ) +
    ggplot2::guides(colour = ggplot2::guide_legend(order = 1), shape = ggplot2::guide_legend(order = 2)) +
    alt_text(labels$alt_predictive_values, table$finding, labels)
}

of_one_point <- function(table, operating_point, call = rlang::caller_env()) {
  if (is.null(operating_point)) {
    return(by_finding(table, function(rows, finding) rows[rows$operating_point == rows$operating_point[[1]], ]))
  }
  kept <- table[table$operating_point %in% operating_point, ]
  if (nrow(kept) == 0) {
    abort(
      c("{.arg operating_point} must be an operating point of the table.", x = "Received {.val {operating_point}}.",
        i = "The table has {.val {unique(table$operating_point)}}."),
      class = "placa_error_plot", call = call
    )
  }
  kept
}

# Logarithmic, because prevalences differ by factors.
scale_of_prevalence <- function(table, labels) {
  ggplot2::scale_x_log10(
    breaks = sort(unique(table$prevalence[!table$own])), labels = function(x) format_percent(x, labels),
    minor_breaks = NULL, expand = ggplot2::expansion(0.07), guide = ggplot2::guide_axis(check.overlap = TRUE)
  )
}
