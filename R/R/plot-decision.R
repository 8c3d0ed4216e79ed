#' @rdname autoplot.placa_evaluation
#' @param own For decision curves: `TRUE` for the prevalence of the images, `FALSE` for
#'   the other prevalence of the table.
#' @exportS3Method ggplot2::autoplot
autoplot.placa_decision_curve <- function(object, labels = plot_labels("en"), own = TRUE, ...) { # nolint
  labels <- as_labels(labels)
  table <- clinical_thresholds(of_prevalence(drawable(object, "net_benefit"), own))
  strategies <- c("all", "none", "model")
  names <- translate(strategies, labels$strategies)
  colours <- stats::setNames(c(finding_colours[[2]], ink, finding_colours[[1]]), names)
  alone <- length(unique(table$finding)) == 1
  shown <- within_panel(table, "net_benefit", c("net_benefit_lower", "net_benefit_upper"))
  shown$panel <- if (alone) factor(labels$net_benefit) else as_panel(shown$finding, labels)
  # One finding has the difference below the curves, with its band.
  gain <- if (alone) gain_of_model(table, labels)
  shown <- rbind(shown, gain)
  shown$name <- factor(translate(shown$strategy, labels$strategies), names)
  ggplot2::ggplot(shown, ggplot2::aes(.data$threshold, .data$value, colour = .data$name)) +
    (if (!is.null(gain)) zero_line(gain$panel[[1]])) +
    ggplot2::geom_ribbon(
      data = bounded(shown[shown$strategy == "model", ]),
      mapping = ggplot2::aes(ymin = .data$lower, ymax = .data$upper),
      fill = finding_colours[[1]], colour = NA, alpha = band_alpha, show.legend = FALSE
    ) +
    ggplot2::geom_line(ggplot2::aes(linewidth = .data$name), na.rm = TRUE) +
    ggplot2::scale_colour_manual(values = colours, breaks = rev(names)) +
    ggplot2::scale_linewidth_manual(values = stats::setNames(c(0.6, 0.4, 0.9), names), breaks = rev(names)) +
    scale_of_shares(
      ggplot2::scale_x_continuous, labels, limits = c(0, max(clinical, shown$threshold)), expand = c(0, 0)
    ) +
    ggplot2::scale_y_continuous(
      expand = ggplot2::expansion(mult = c(0, 0.02)), labels = function(x) format_ticks(x, labels$decimal_mark)
    ) +
    ggplot2::labs(
      x = labels$threshold_probability, y = if (alone) NULL else labels$net_benefit, colour = NULL, linewidth = NULL,
      subtitle = if (alone) wrap_title(translate(table$finding[[1]], labels$findings)),
      caption = paste(c(prevalence_caption(table, labels), band_caption(shown, labels)), collapse = "\n")
    ) +
    theme_placa() +
    (if (alone) one_above_other() else by_panel(shown$panel)) +
    alt_text(labels$alt_decision, table$finding, labels)
}

# Decisions about patients have thresholds up to a half: above it, a missed finding would be worth less than a false
# alarm. A table without such thresholds is shown whole.
clinical <- 0.5
clinical_thresholds <- function(table) {
  kept <- table$threshold <= clinical + 1e-9
  if (any(kept)) table[kept, ] else table
}

# The net benefit of acting on all images decreases without limit, so the panel ends just below zero.
within_panel <- function(table, value, bounds) {
  lowest <- -0.12 * max(table[[value]], 0.01)
  inside <- function(x) pmax(x, lowest)
  tibble::tibble(
    finding = table$finding, threshold = table$threshold, strategy = table$strategy, confidence = table$confidence,
    value = ifelse(table[[value]] < lowest, NA, table[[value]]), lower = inside(table[[bounds[[1]]]]),
    upper = inside(table[[bounds[[2]]]])
  )
}

# The net benefit of the model minus that of the better of acting on all and on none. Bounds that are wider than four
# times the difference end at the panel.
gain_of_model <- function(table, labels) {
  rows <- table[table$strategy == "model" & !is.na(table[["advantage"]] %||% rep(NA, nrow(table))), ]
  if (nrow(rows) == 0) {
    return(NULL)
  }
  top <- 4 * max(abs(rows$advantage), 0.01)
  tibble::tibble(
    finding = rows$finding, threshold = rows$threshold, strategy = "model", confidence = rows$confidence,
    value = rows$advantage, lower = pmax(rows$advantage_lower, -top), upper = pmin(rows$advantage_upper, top),
    panel = factor(labels$net_benefit_gain, c(labels$net_benefit, labels$net_benefit_gain))
  )
}

one_above_other <- function() ggplot2::facet_wrap(ggplot2::vars(.data$panel), ncol = 1, scales = "free_y")

zero_line <- function(panel) {
  ggplot2::geom_hline(
    data = tibble::tibble(panel = panel), mapping = ggplot2::aes(yintercept = 0), colour = pale, linetype = "22",
    linewidth = 0.4
  )
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
  text <- paste(format_percent(signif(range(prevalence), 2), labels), collapse = "-")
  if (length(prevalence) == 1) text <- format_percent(signif(prevalence, 2), labels)
  fill_in(if (isTRUE(table$own[[1]])) labels$at_own_prevalence else labels$at_other_prevalence, prevalence = text)
}

size_of_decision_curve <- function(evaluation) {
  size_of_panels(length(unique(evaluation$decision_curve$finding)), c(5.6, 6), 2.4, 2.1, 1.2)
}
