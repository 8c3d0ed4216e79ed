#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_roc_bands <- function(object, labels = plot_labels("en"), ...) { # nolint: object_name_linter.
  labels <- as_labels(labels)
  table <- drawable(object, "sensitivity")
  plot_band(table, "fpr", "sensitivity", labels, chance_of_roc()) +
    ggplot2::labs(x = labels$false_positive_rate, y = labels$sensitivity) +
    alt_text(labels$alt_roc, table$finding, labels, facts = "")
}

#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_roc_points <- function(object, labels = plot_labels("en"), ...) { # nolint: object_name_linter.
  labels <- as_labels(labels)
  table <- corners(drawable(object, c("sensitivity", "specificity")))
  table$panel <- as_panel(table$finding, labels)
  ggplot2::ggplot(table, ggplot2::aes(1 - .data$specificity, .data$sensitivity)) +
    chance_of_roc() +
    ggplot2::geom_path(colour = finding_colours[[1]], linewidth = 0.8) +
    ggplot2::labs(x = labels$false_positive_rate, y = labels$sensitivity) +
    square_of_shares(labels) +
    theme_placa() +
    by_panel(table$panel) +
    alt_text(labels$alt_roc, table$finding, labels, facts = "")
}

#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_pr_bands <- function(object, labels = plot_labels("en"), ...) { # nolint: object_name_linter.
  labels <- as_labels(labels)
  table <- drawable(object, "precision")
  plot_band(table, "recall", "precision", labels) +
    ggplot2::labs(x = labels$recall, y = labels$precision) +
    alt_text(labels$alt_pr, table$finding, labels, facts = "")
}

#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_pr_points <- function(object, labels = plot_labels("en"), ...) { # nolint: object_name_linter.
  labels <- as_labels(labels)
  table <- pr_corners(drawable(object, c("precision", "recall")))
  table$panel <- as_panel(table$finding, labels)
  # Steps, because linear interpolation is wrong in precision-recall space.
  ggplot2::ggplot(table, ggplot2::aes(.data$recall, .data$precision)) +
    chance_of_pr(unique(tibble::as_tibble(table)[c("panel", "prevalence")])) +
    ggplot2::geom_step(direction = "vh", colour = finding_colours[[1]], linewidth = 0.7) +
    ggplot2::labs(x = labels$recall, y = labels$precision, caption = labels$chance) +
    square_of_shares(labels) +
    theme_placa() +
    by_panel(table$panel) +
    alt_text(labels$alt_pr, table$finding, labels, facts = "")
}

# Only the ends of vertical segments are kept, which makes the SVG small for 20,000 images.
pr_corners <- function(points) {
  by_finding(points, function(rows, finding) {
    same <- diff(rows$recall) == 0
    rows[!(c(FALSE, same) & c(same, FALSE)), ]
  })
}

# The precision-recall figure of an evaluation: bands, average precision, and prevalence as the chance level.
plot_pr <- function(evaluation, labels = plot_labels("en")) {
  labels <- as_labels(labels)
  table <- drawable(table_of(evaluation, "pr_bands"), "precision")
  average <- average_precision_of(evaluation, unique(table$finding))
  interval <- fill_in(labels$interval, level = level_of(table))
  captions <- pr_captions(average, interval, labels)
  table$panel <- factor(captions[table$finding], unname(captions))
  chance <- tibble::tibble(panel = factor(captions, unname(captions)), prevalence = average$prevalence)
  alone <- nrow(average) == 1
  of_intervals <- paste0(labels$average_precision, " (", interval, ")")
  plot_band(table, "recall", "precision", labels, chance_of_pr(chance)) +
    ggplot2::labs(
      x = labels$recall, y = labels$precision, subtitle = if (alone) captions[[1]] else of_intervals,
      caption = paste(c(labels$chance, band_caption(table, labels)), collapse = "\n")
    ) +
    alt_text(
      labels$alt_pr, table$finding, labels,
      facts = sentence_of_facts(labels$average_precision, average$finding, average$average_precision, labels)
    )
}

average_precision_of <- function(evaluation, findings) {
  table <- evaluation$discrimination
  of_finding <- function(column) {
    if (column %in% names(table)) {
      return(table[[column]][match(findings, table$finding)])
    }
    rep(NA_real_, length(findings))
  }
  columns <- c("average_precision", "average_precision_lower", "average_precision_upper")
  values <- lapply(stats::setNames(nm = c("prevalence", columns)), of_finding)
  tibble::tibble(finding = findings, !!!values)
}

pr_captions <- function(average, interval, labels) {
  several <- nrow(average) > 1
  number <- function(x) format_number(x, if (several) 2 else 3, labels$decimal_mark)
  lower <- average$average_precision_lower
  bounds <- bounds_text(lower, average$average_precision_upper, if (several) 2 else 3, labels)
  name <- translate(average$finding, labels$findings)
  what <- if (several) "\n" else paste0(": ", tolower(labels$average_precision), " ")
  of_level <- if (!several && !is.na(lower)) paste0(interval, " ")
  text <- paste0(name, what, number(average$average_precision), " (", of_level, bounds, ")")
  if (!several) text <- wrap_title(text)
  # Evaluations by older versions have no average precision.
  text <- ifelse(is.na(average$average_precision), name, text)
  stats::setNames(text, average$finding)
}

sentence_of_facts <- function(what, finding, value, labels) {
  known <- !is.na(value)
  if (!any(known)) {
    return("")
  }
  each <- paste(translate(finding[known], labels$findings), format_number(value[known], 2, labels$decimal_mark))
  paste0(" ", what, ": ", paste(each, collapse = "; "), ".")
}

chance_of_roc <- function() {
  ggplot2::annotate("segment", x = 0, y = 0, xend = 1, yend = 1, colour = pale, linetype = "22", linewidth = 0.4)
}

chance_of_pr <- function(prevalence) {
  ggplot2::geom_hline(
    data = prevalence[!is.na(prevalence$prevalence), ], mapping = ggplot2::aes(yintercept = .data$prevalence),
    colour = pale, linetype = "22", linewidth = 0.4
  )
}

plot_band <- function(table, x, y, labels, under = NULL) {
  if (!"panel" %in% names(table)) {
    table$panel <- as_panel(table$finding, labels)
  }
  ggplot2::ggplot(table, ggplot2::aes(.data[[x]], .data[[y]])) +
    under +
    ggplot2::geom_ribbon(
      ggplot2::aes(ymin = .data$lower, ymax = .data$upper),
      data = bounded(table), fill = finding_colours[[1]], alpha = band_alpha
    ) +
    ggplot2::geom_line(colour = finding_colours[[1]], linewidth = 0.8) +
    ggplot2::labs(caption = band_caption(table, labels)) +
    square_of_shares(labels) +
    theme_placa() +
    by_panel(table$panel)
}

square_of_shares <- function(labels) {
  list(
    scale_of_shares(ggplot2::scale_x_continuous, labels, expand = c(0.012, 0)),
    scale_of_shares(ggplot2::scale_y_continuous, labels, expand = c(0.012, 0)),
    ggplot2::coord_equal(xlim = c(0, 1), ylim = c(0, 1))
  )
}

size_of_pr <- function(evaluation) {
  n <- length(unique(evaluation$pr_bands$finding))
  size_of_panels(n, c(5.4, 6), 2.35, if (n <= 4) 2.6 else 2.45, 1)
}
