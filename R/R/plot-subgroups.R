#' @rdname autoplot.placa_evaluation
#' @param metric For subgroups of several findings: the metric to plot; `NULL` is
#'   `"auroc"`. For one finding: one or more metrics; `NULL` is all except
#'   `sensitivity`, which is 1 - `under_diagnosis`. For a table of estimates: the
#'   metrics or measures to plot; `NULL` is the main ones.
#' @exportS3Method ggplot2::autoplot
autoplot.placa_subgroups <- function(object, metric = NULL, # nolint: object_name_linter.
                                     labels = plot_labels("en"), ...) {
  labels <- as_labels(labels)
  several <- length(unique(object$finding)) > 1
  if (is.null(metric)) {
    metric <- if (several) "auroc" else setdiff(unique(object$metric), "sensitivity")
  }
  check_metric_shown(metric, several, object$metric)
  table <- object[object$metric %in% metric, ]
  drawable(table, "estimate")
  table$panel <- if (several) as_panel(table$finding, labels) else as_panel_of_metrics(table$metric, metric, labels)
  rows <- places_of_groups(table, labels, !several)
  table$place <- rows$place[match(paste(table$column, table$group), paste(rows$column, rows$group))]
  alpha <- 1 - table$confidence[[1]]
  differs <- fill_in(labels$group_differs, alpha = format_ticks(alpha, labels$decimal_mark, 2))
  kinds <- c(labels$group, differs, labels$rest)
  table$kind <- factor(kinds[1 + (table$p_holm < alpha) %in% TRUE], kinds)
  rest <- table[!is.na(table$rest), ]
  rest$kind <- factor(rep(labels$rest, nrow(rest)), kinds)
  known <- table[!is.na(table$estimate), ]
  # The legend has the kinds that are drawn.
  drawn <- kinds %in% c(as.character(known$kind), as.character(rest$kind))
  findings <- unique(table$finding)
  ggplot2::ggplot(known, ggplot2::aes(.data$estimate, .data$place, colour = .data$kind)) +
    ggplot2::geom_point(ggplot2::aes(.data$rest, shape = .data$kind), data = rest, size = 3.2) +
    ggplot2::geom_linerange(
      ggplot2::aes(xmin = .data$lower, xmax = .data$upper), linewidth = 0.6, na.rm = TRUE, show.legend = FALSE
    ) +
    ggplot2::geom_point(ggplot2::aes(shape = .data$kind), size = 2.1, fill = "white") +
    too_small_rows(table[table$too_small, ], labels) +
    ggplot2::scale_shape_manual(values = stats::setNames(c(16, 18, 124), kinds), breaks = kinds[drawn]) +
    ggplot2::scale_colour_manual(
      values = stats::setNames(c(finding_colours[1:2], "#6F6F6F"), kinds), breaks = kinds[drawn]
    ) +
    ggplot2::scale_x_continuous(labels = function(x) format_ticks(x, labels$decimal_mark), n.breaks = 4) +
    ggplot2::scale_y_continuous(
      breaks = rows$place, labels = rows$name, minor_breaks = NULL, expand = ggplot2::expansion(add = 0.6)
    ) +
    ggplot2::labs(
      x = NULL, y = NULL, colour = NULL, shape = NULL, subtitle = title_of_groups(table, several, labels),
      caption = fill_in(labels$bars, level = level_of(table))
    ) +
    theme_placa() +
    # Panels of several metrics need different scales.
    ggplot2::facet_wrap(
      ggplot2::vars(.data$panel), ncol = if (several) panels_across(length(findings)) else 2,
      scales = if (several) "fixed" else "free_x"
    ) +
    alt_text(
      labels$alt_subgroups, findings, labels,
      metrics = paste(translate(metric, labels$metrics), collapse = ", "),
      columns = paste(tolower(translate(unique(table$column), labels$columns)), collapse = ", "),
      n = sum(table$kind == differs)
    )
}

check_metric_shown <- function(metric, several, known, call = rlang::caller_env()) {
  if (!is.character(metric) || !all(metric %in% known) || (several && length(metric) != 1)) {
    abort(
      c("{.arg metric} must be {if (several) 'one metric' else 'one or more metrics'} of the table.",
        x = if (is.character(metric)) "Received {.val {metric}}." else "Received {.obj_type_friendly {metric}}.",
        i = "The table has {.val {unique(known)}}."),
      class = "placa_error_plot", call = call
    )
  }
}

as_panel_of_metrics <- function(values, metric, labels) {
  factor(translate(values, labels$metrics), translate(metric, labels$metrics))
}

# Positions of the groups from top to bottom, with a gap between columns of the data. The name of the column is before
# its first group. With one finding, the number of images is added.
places_of_groups <- function(table, labels, with_counts) {
  rows <- unique(tibble::as_tibble(table)[c("column", "group")])
  first <- !duplicated(rows$column)
  name <- translate(rows$group, labels$groups)
  if (with_counts) {
    n <- table$n_images[match(paste(rows$column, rows$group), paste(table$column, table$group))]
    name <- paste0(name, " (", format_count(n, labels), ")")
  }
  name[first] <- paste0(translate(rows$column[first], labels$columns), ":  ", name[first])
  tibble::tibble(rows, place = -seq_len(nrow(rows)) - 0.5 * cumsum(first), name = name)
}

# Spanish uses a fixed space for thousands, which cannot be read as a decimal mark.
format_count <- function(n, labels) {
  formatC(n, format = "d", big.mark = if (labels$decimal_mark == ".") "," else "\u00a0")
}

too_small_rows <- function(table, labels) {
  if (nrow(table) == 0) {
    return(NULL)
  }
  ggplot2::geom_text(
    ggplot2::aes(-Inf, .data$place), data = table, label = paste0("  ", labels$too_small), inherit.aes = FALSE,
    hjust = 0, size = 2.5, colour = "#707070", fontface = "italic"
  )
}

title_of_groups <- function(table, several, labels) {
  point <- unique(table$operating_point)
  at <- if (length(point) == 1 && any(table$metric %in% c("sensitivity", "specificity", "under_diagnosis"))) {
    paste0(labels$operating_point, ": ", translate(point, labels$operating_points))
  }
  what <- if (several) {
    translate(table$metric[[1]], labels$metrics)
  } else {
    translate(table$finding[[1]], labels$findings)
  }
  paste(c(what, at), collapse = "  \u00b7  ")
}

size_of_subgroups <- function(evaluation) {
  table <- evaluation$subgroups
  rows <- nrow(unique(tibble::as_tibble(table)[c("column", "group")]))
  n <- length(unique(table$finding))
  if (n == 1) {
    return(c(8, 2 * (0.24 * rows + 0.6) + 1.4))
  }
  across <- panels_across(n)
  c(if (across == 2) 8 else 10.5, ceiling(n / across) * (0.19 * rows + 0.6) + 1.4)
}
