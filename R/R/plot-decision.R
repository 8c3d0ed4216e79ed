#' @rdname autoplot.placa_evaluation
#' @param own For decision curves: `TRUE` for the prevalence of the images, `FALSE` for
#'   the other prevalence of the table.
#' @exportS3Method ggplot2::autoplot
autoplot.placa_decision_curve <- function(object, labels = plot_labels("en"), own = TRUE, ...) { # nolint
  labels <- as_labels(labels)
  table <- of_prevalence(drawable(object, "net_benefit"), own)
  table <- crop_decision_curve(table)
  table$panel <- as_panel(table$finding, labels)
  strategies <- c("all", "none", "model")
  names <- translate(strategies, labels$strategies)
  table$name <- factor(translate(table$strategy, labels$strategies), names)
  colours <- stats::setNames(c(finding_colours[[2]], ink, finding_colours[[1]]), names)
  free <- length(unique(table$finding)) > 1
  ggplot2::ggplot(table, ggplot2::aes(.data$threshold, .data$net_benefit, colour = .data$name)) +
    ggplot2::geom_ribbon(
      data = bounded(table[table$strategy == "model", ], c("net_benefit_lower", "net_benefit_upper")),
      mapping = ggplot2::aes(ymin = .data$net_benefit_lower, ymax = .data$net_benefit_upper),
      fill = finding_colours[[1]], colour = NA, alpha = band_alpha, show.legend = FALSE
    ) +
    ggplot2::geom_line(ggplot2::aes(linewidth = .data$name)) +
    ggplot2::scale_colour_manual(values = colours, breaks = rev(names)) +
    ggplot2::scale_linewidth_manual(values = stats::setNames(c(0.6, 0.4, 0.9), names), breaks = rev(names)) +
    scale_of_shares(ggplot2::scale_x_continuous, labels, limits = limits_from_zero, expand = c(0, 0)) +
    scale_of_benefit(labels) +
    ggplot2::labs(
      x = labels$threshold_probability, y = labels$net_benefit, colour = NULL, linewidth = NULL,
      caption = paste0(prevalence_caption(table, labels), "\n", fill_in(labels$band, level = level_of(table)))
    ) +
    theme_placa() +
    by_panel(table$panel, if (free) "free" else "fixed") +
    alt_text(labels$alt_decision, table$finding, labels)
}

# The curves at the prevalence of the images, or at the first other prevalence. An older table has no such column.
of_prevalence <- function(table, own) {
  if (is.null(table[["own"]])) {
    return(table)
  }
  kept <- table[table$own == own, ]
  kept <- if (nrow(kept) > 0) kept else table
  by_finding(kept, function(rows, finding) rows[rows$prevalence == rows$prevalence[[1]], ])
}

# Whose prevalence a figure has.
prevalence_caption <- function(table, labels) {
  prevalence <- unique(table[["prevalence"]])
  if (length(prevalence) == 0) return("")
  text <- paste(format_percent(signif(range(prevalence), 2), labels), collapse = "\u2013")
  if (length(prevalence) == 1) text <- format_percent(signif(prevalence, 2), labels)
  fill_in(if (isTRUE(table$own[[1]])) labels$at_own_prevalence else labels$at_other_prevalence, prevalence = text)
}

# Keeps thresholds until the net benefit of the model is near zero; otherwise the curve of a rare finding is too narrow
# to read.
crop_decision_curve <- function(table) {
  by_finding(table, function(rows, finding) {
    of_model <- rows[rows$strategy == "model", ]
    useful <- of_model$threshold[of_model$net_benefit > 0.02 * max(of_model$net_benefit, 0)]
    if (length(useful) == 0) rows else rows[rows$threshold <= max(round_up(max(useful)), rows$threshold[[1]]), ]
  })
}

# Rounded up, so that the last tick is inside the limits.
limits_from_zero <- function(range) c(0, ceiling(range[[2]] * 1e6 - 1e-3) / 1e6)

# The net benefit of acting on all images decreases without limit, so the panel ends just below zero.
scale_of_benefit <- function(labels) {
  ggplot2::scale_y_continuous(
    limits = function(range) c(-0.12, 1.04) * if (range[[2]] > 0) range[[2]] else max(abs(range)) + 0.01,
    oob = function(x, ...) x, expand = c(0, 0),
    labels = function(x) format_ticks(x, labels$decimal_mark)
  )
}

size_of_decision_curve <- function(evaluation) {
  size_of_panels(length(unique(evaluation$decision_curve$finding)), c(6, 4.6), 2.4, 2.1, 1.2)
}
