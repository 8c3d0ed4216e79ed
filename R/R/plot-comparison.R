#' @rdname autoplot.placa_evaluation
#' @param method For comparisons: the method of the intervals, `"score"` (the bootstrap for metrics without it),
#'   `"bootstrap"`, `"delong"` or `"obuchowski"` (AUROC only).
#' @exportS3Method ggplot2::autoplot
autoplot.placa_comparison <- function(object, method = c("score", "bootstrap", "delong", "obuchowski"), # nolint
                                      labels = plot_labels("en"), ...) {
  labels <- as_labels(labels)
  method <- rlang::arg_match(method)
  kept <- if (method == "score") is_main_method(object) else object$method == method
  table <- drawable(object[kept, ], "difference")
  metrics <- unique(table$metric)
  models <- unique(table$model)
  findings <- unique(table$finding)
  table$panel <- as_panel_of_metrics(table$metric, metrics, labels)
  # With one finding, rows are models. Otherwise rows are findings and colours are models.
  single <- length(findings) == 1
  names <- if (single) models else translate(findings, labels$findings)
  table$row <- factor(if (single) table$model else translate(table$finding, labels$findings), rev(unique(names)))
  # Reversed, because ggplot2 draws the first level at the bottom.
  table$series <- factor(table$model, rev(models))
  coloured <- !single && length(models) > 1
  colours <- if (coloured) finding_colours else finding_colours[[1]]
  beside <- ggplot2::position_dodge(if (coloured) 0.6 else 0)
  reference <- table$reference[[1]]
  about <- if (length(models) == 1) {
    fill_in(labels$difference, model = models, reference = reference)
  } else {
    fill_in(labels$difference_from, reference = reference)
  }
  ggplot2::ggplot(table, ggplot2::aes(.data$difference, .data$row, colour = .data$series)) +
    ggplot2::geom_vline(xintercept = 0, colour = pale, linewidth = 0.4) +
    ggplot2::geom_linerange(
      ggplot2::aes(xmin = .data$lower, xmax = .data$upper),
      position = beside, linewidth = 0.6, na.rm = TRUE, show.legend = FALSE
    ) +
    ggplot2::geom_point(position = beside, size = 2.1) +
    ggplot2::scale_colour_manual(
      values = stats::setNames(rep_len(colours, length(models)), models),
      breaks = models, guide = if (coloured) "legend" else "none"
    ) +
    ggplot2::scale_x_continuous(labels = function(x) format_ticks(x, labels$decimal_mark), n.breaks = 3) +
    ggplot2::facet_wrap(ggplot2::vars(.data$panel), nrow = 1, scales = "free_x") +
    ggplot2::labs(
      x = about, y = NULL, colour = NULL, subtitle = if (single) translate(findings, labels$findings),
      caption = fill_in(if (method == "delong") labels$bars_analytic else labels$bars, level = level_of(table))
    ) +
    theme_placa() +
    alt_text(
      labels$alt_comparison, findings, labels, reference = reference,
      metrics = paste(levels(table$panel), collapse = ", ")
    )
}

# The score interval; the bootstrap for metrics without one.
is_main_method <- function(table) {
  scored <- unique(table$metric[table$method == "score"])
  table$method == "score" | table$method == "bootstrap" & !table$metric %in% scored
}
