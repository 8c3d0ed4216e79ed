#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_errors <- function(object, labels = plot_labels("en"), ...) { # nolint: object_name_linter.
  labels <- as_labels(labels)
  table <- drawable(object, "probability")
  kinds <- intersect(c("false_positive", "false_negative"), table$kind)
  names <- translate(kinds, labels$kinds)
  table$name <- factor(translate(table$kind, labels$kinds), names)
  table$x <- safe_logit(table$probability)
  table$from <- safe_logit(table$threshold)
  colours <- c(false_positive = finding_colours[[2]], false_negative = finding_colours[[1]])[kinds]
  # Many image names are unreadable, so with more than three findings each finding is one row.
  rows <- if (length(unique(table$finding)) > 3) rows_of_findings(table, labels) else rows_of_images(table, labels)
  rows +
    ggplot2::scale_colour_manual(values = stats::setNames(colours, names)) +
    ggplot2::scale_x_continuous(
      breaks = safe_logit(odds_ticks), minor_breaks = NULL,
      labels = format_ticks_each(odds_ticks, labels$decimal_mark)
    ) +
    ggplot2::labs(x = labels$confident, y = NULL, colour = NULL, caption = labels$threshold) +
    theme_placa() +
    alt_text(labels$alt_errors, table$finding, labels, n = nrow(table))
}

odds_ticks <- c(0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)

format_ticks_each <- function(x, decimal_mark) {
  sub(".", decimal_mark, vapply(x, format, "", scientific = FALSE, drop0trailing = TRUE), fixed = TRUE)
}

# One row per image, with its name, the most confident error on top.
rows_of_images <- function(table, labels) {
  several <- length(unique(table$finding)) > 1
  finding <- translate(table$finding, labels$findings)
  panel <- if (several) paste0(finding, ": ", tolower(table$name)) else as.character(table$name)
  order <- order(match(table$finding, unique(table$finding)), table$name, table$rank)
  table$panel <- factor(panel, unique(panel[order]))
  key <- paste(table$finding, table$kind, table$rank)
  table$row <- factor(key, rev(key[order]))
  facts <- do.call(paste, c(lapply(c("sex", "age", "view"), fact_of, table = table), sep = " "))
  text <- stats::setNames(trimws(paste0(table$image_id, "  ", trimws(gsub(" +", " ", facts)))), key)
  ggplot2::ggplot(table, ggplot2::aes(.data$x, .data$row, colour = .data$name)) +
    ggplot2::geom_segment(
      ggplot2::aes(x = .data$from, xend = .data$x, yend = .data$row), linewidth = 0.4, alpha = 0.5
    ) +
    ggplot2::geom_point(ggplot2::aes(.data$from), shape = 124, size = 2, colour = ink) +
    ggplot2::geom_point(size = 2.1) +
    ggplot2::scale_y_discrete(labels = text) +
    ggplot2::facet_wrap(ggplot2::vars(.data$panel), ncol = 2, scales = "free_y") +
    ggplot2::guides(colour = "none") +
    ggplot2::labs(subtitle = if (!several) unique(finding))
}

fact_of <- function(table, column) {
  value <- table[[column]]
  if (is.null(value)) "" else ifelse(is.na(value), "", as.character(value))
}

rows_of_findings <- function(table, labels) {
  table$row <- as_panel(table$finding, labels)
  table$row <- factor(table$row, rev(levels(table$row)))
  ggplot2::ggplot(table, ggplot2::aes(.data$x, .data$row, colour = .data$name)) +
    ggplot2::geom_point(ggplot2::aes(.data$from), shape = 124, size = 4, colour = ink) +
    ggplot2::geom_point(size = 1.8, alpha = 0.6)
}

# Logits of 0 and 1 are infinite; limited to about -16 and 16.
safe_logit <- function(probability) {
  stats::qlogis(pmin(pmax(probability, 1e-7), 1 - 1e-7))
}
