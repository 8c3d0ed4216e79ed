#' @rdname autoplot.placa_evaluation
#' @param show For abstention: `"deferred"`, the share of deferred images, or
#'   `"error"`, the measured error rate of images with and without the finding by
#'   nominal error rate.
#' @exportS3Method ggplot2::autoplot
autoplot.placa_abstention <- function(object, show = c("deferred", "error"), # nolint: object_name_linter.
                                      labels = plot_labels("en"), ...) {
  labels <- as_labels(labels)
  show <- rlang::arg_match(show)
  long <- drawable(if (show == "deferred") deferred_shares(object, labels) else measured_errors(object, labels), "y")
  long$panel <- as_panel(long$finding, labels)
  series <- nlevels(long$series) > 1
  ggplot2::ggplot(long, ggplot2::aes(.data$error_rate, .data$y, colour = .data$series)) +
    (if (show == "error") ggplot2::geom_abline(colour = pale, linetype = "22", linewidth = 0.4)) +
    ggplot2::geom_line(ggplot2::aes(group = interaction(.data$series, .data$group)), linewidth = 0.5, alpha = 0.6) +
    ggplot2::geom_linerange(
      ggplot2::aes(ymin = .data$lower, ymax = .data$upper), linewidth = 0.6, na.rm = TRUE, show.legend = FALSE
    ) +
    ggplot2::geom_point(size = 1.9) +
    ggplot2::scale_colour_manual(
      values = rep_len(if (show == "error") finding_colours[2:1] else finding_colours, nlevels(long$series)),
      guide = if (series) "legend" else "none"
    ) +
    ggplot2::scale_x_continuous(
      breaks = sort(unique(long$error_rate)), minor_breaks = NULL, labels = function(x) format_percent(x, labels),
      guide = ggplot2::guide_axis(check.overlap = TRUE)
    ) +
    ggplot2::scale_y_continuous(
      labels = function(y) format_percent(y, labels), limits = function(range) c(0, max(range)),
      expand = ggplot2::expansion(c(0.02, 0.05))
    ) +
    ggplot2::labs(
      x = labels$error_wanted, y = if (show == "error") labels$error_measured else labels$deferred, colour = NULL,
      caption = paste(
        c(if (show == "error") labels$promised, fill_in(labels$bars, level = level_of(long))), collapse = " "
      )
    ) +
    theme_placa() +
    by_panel(long$panel) +
    alt_text(if (show == "error") labels$alt_abstention_error else labels$alt_abstention, long$finding, labels)
}

deferred_shares <- function(table, labels) {
  group <- group_names(table, labels)
  tibble::tibble(
    tibble::as_tibble(table)[c("finding", "error_rate", "confidence")], group = group,
    series = factor(group, unique(group)),
    y = table$deferred, lower = table$deferred_lower, upper = table$deferred_upper
  )
}

# The error rate is 1 - coverage, so the bounds are swapped.
measured_errors <- function(table, labels) {
  kinds <- c(labels$with_finding, labels$without_finding)
  keys <- tibble::tibble(
    tibble::as_tibble(table)[c("finding", "error_rate", "confidence")], group = group_names(table, labels)
  )
  rbind(
    tibble::tibble(
      keys, series = factor(kinds[[1]], kinds), y = 1 - table$coverage_positive,
      lower = 1 - table$coverage_positive_upper, upper = 1 - table$coverage_positive_lower
    ),
    tibble::tibble(
      keys, series = factor(kinds[[2]], kinds), y = 1 - table$coverage_negative,
      lower = 1 - table$coverage_negative_upper, upper = 1 - table$coverage_negative_lower
    )
  )
}

group_names <- function(table, labels) {
  ifelse(
    is.na(table$column), labels$all_images,
    paste0(translate(table$column, labels$columns), ": ", translate(table$group, labels$groups))
  )
}

size_of_abstention <- function(evaluation) {
  size_of_panels(length(unique(evaluation$abstention$finding)), c(5.4, 4.4), 2.4, 2.1, 1)
}
