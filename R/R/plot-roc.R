#' Plot ROC curves
#'
#' Plots ROC curves with AUROC, its interval (see [discrimination()]) and the
#' stored operating points. Up to eight findings share one panel and differ by
#' colour; with more, each finding has its own panel. Confidence bands
#' ([roc_bands()]) are drawn if the evaluation has them, except for four to eight
#' findings, where bands would overlap: `autoplot(evaluation$roc_bands)` plots one
#' panel per finding.
#'
#' @param x An evaluation, by [evaluate()] or [read_evaluation()], or a data
#'   frame of predictions, as [read_predictions()] returns.
#' @param thresholds,split For predictions: the operating points to mark, as
#'   [read_thresholds()] returns, or `NULL`; and the split to plot. Ignored for an
#'   evaluation.
#' @param labels Labels of the figure, by [plot_labels()], or `"en"` or `"es"`.
#' @return A ggplot, to which layers, scales and themes can be added.
#' @seealso [roc_bands()], [autoplot()][autoplot.placa_evaluation]
#' @section Errors:
#' `placa_error_plot` for an invalid `x` or if no finding has a curve; for
#' predictions, the errors of [discrimination()].
#' @export
#' @examples
#' predictions <- example_predictions()
#' plot_roc(predictions)
#'
#' one <- predictions[predictions$finding == "Pneumonia", ]
#' plot_roc(evaluate(one, example_thresholds(), draws = 100), labels = "es")
plot_roc <- function(x, thresholds = NULL, split = "test", labels = plot_labels("en")) {
  labels <- as_labels(labels)
  evaluation <- as_evaluation(x, thresholds, split)
  table <- evaluation$discrimination[!is.na(evaluation$discrimination$auroc), ]
  if (nrow(table) == 0) {
    abort(
      c("A ROC curve requires images with and without the finding.", x = "No finding has both."),
      class = "placa_error_plot"
    )
  }
  captions <- roc_captions(table, labels)
  curves <- corners(evaluation$roc)
  curves$caption <- factor(captions[curves$finding], unname(captions))
  points <- roc_marks(evaluation, captions, labels)
  bands <- roc_ribbons(evaluation$roc_bands, captions)
  ggplot2::ggplot(curves, ggplot2::aes(1 - .data$specificity, .data$sensitivity)) +
    chance_of_roc() +
    bands +
    roc_layers(nrow(table), points, roc_meaning(table, labels)) +
    scale_of_shares(ggplot2::scale_x_continuous, labels, expand = c(0.012, 0)) +
    scale_of_shares(ggplot2::scale_y_continuous, labels, expand = c(0.012, 0)) +
    ggplot2::labs(x = labels$false_positive_rate, y = labels$sensitivity, shape = NULL) +
    ggplot2::labs(
      subtitle = roc_subtitle(table, captions, labels),
      caption = if (!is.null(bands)) fill_in(labels$band, level = level_of(evaluation$roc_bands))
    ) +
    ggplot2::coord_equal(xlim = c(0, 1), ylim = c(0, 1), clip = "off") +
    theme_placa() +
    # Labels of two lines need keys of that height.
    (if (any(grepl("\n", levels(points$mark), fixed = TRUE))) {
      ggplot2::theme(legend.key.height = grid::unit(25, "pt"))
    }) +
    alt_text(
      labels$alt_roc, table$finding, labels,
      facts = sentence_of_facts(labels$auroc, table$finding, table$auroc, labels)
    )
}

# At most three overlaid bands can be distinguished.
roc_ribbons <- function(bands, captions) {
  bands <- bands[bands$finding %in% names(captions) & !is.na(bands$lower) & !is.na(bands$upper), ]
  together <- length(captions) > 1 && length(captions) <= length(finding_colours)
  if (NROW(bands) == 0 || (together && length(captions) > 3)) {
    return(NULL)
  }
  bands$caption <- factor(captions[bands$finding], unname(captions))
  shape <- ggplot2::aes(.data$fpr, ymin = .data$lower, ymax = .data$upper)
  if (!together) {
    return(list(ggplot2::geom_ribbon(
      data = bands, mapping = shape, inherit.aes = FALSE, fill = finding_colours[[1]], alpha = band_alpha
    )))
  }
  shape$fill <- ggplot2::aes(fill = .data$caption)$fill
  list(
    ggplot2::geom_ribbon(data = bands, mapping = shape, inherit.aes = FALSE, alpha = 0.14),
    ggplot2::scale_fill_manual(values = finding_colours, guide = "none")
  )
}

# The corners of the curve. They draw the same curve and make the SVG small for 20,000 images.
corners <- function(roc) {
  by_finding(roc, function(points, finding) points[turns(points), ])
}

roc_layers <- function(n_findings, points, meaning) {
  if (n_findings > 1 && n_findings <= length(finding_colours)) {
    return(list(
      # Two colours may be the same grey, so the lines differ too.
      ggplot2::geom_path(ggplot2::aes(colour = .data$caption, linetype = .data$caption), linewidth = 0.75),
      ggplot2::scale_linetype_manual(values = finding_lines),
      ggplot2::labs(colour = meaning, linetype = meaning),
      ggplot2::geom_point(
        data = points, mapping = ggplot2::aes(colour = .data$caption, shape = .data$mark),
        size = 2.6, stroke = 0.9, fill = "white"
      ),
      ggplot2::scale_colour_manual(values = finding_colours),
      scale_of_marks(points),
      ggplot2::guides(
        colour = ggplot2::guide_legend(order = 1, override.aes = list(shape = NA)),
        linetype = ggplot2::guide_legend(order = 1),
        shape = ggplot2::guide_legend(order = 2, override.aes = list(colour = ink))
      )
    ))
  }
  colour <- finding_colours[[1]]
  layers <- list(
    ggplot2::geom_path(colour = colour, linewidth = 0.8),
    ggplot2::geom_point(
      data = points, mapping = ggplot2::aes(shape = .data$mark),
      size = 2.8, stroke = 0.9, colour = colour, fill = "white"
    ),
    scale_of_marks(points)
  )
  if (n_findings > 1) {
    layers <- c(layers, list(ggplot2::facet_wrap(ggplot2::vars(.data$caption), ncol = panels_across(n_findings))))
  }
  layers
}

# The default operating point has a filled symbol. A scale without values is a warning of ggplot2 4.0.
scale_of_marks <- function(points) {
  if (nrow(points) == 0) {
    return(NULL)
  }
  marks <- levels(points$mark)
  shapes <- c(16, 24, 25, 22, 23, 21, 3, 4)
  ggplot2::scale_shape_manual(values = stats::setNames(rep_len(shapes, length(marks)), marks))
}

# The caption of a curve: complete for one finding, short for a legend or a strip.
roc_captions <- function(table, labels) {
  name <- translate(table$finding, labels$findings)
  digits <- if (nrow(table) == 1) 3 else 2
  auroc <- format_number(table$auroc, digits, labels$decimal_mark)
  bounds <- bounds_text(table$auroc_lower, table$auroc_upper, digits, labels)
  text <- if (nrow(table) == 1) {
    interval <- if (!is.na(table$auroc_lower)) paste0(interval_name(table, labels), " ")
    wrap_title(paste0(name, ": ", labels$auroc, " ", auroc, " (", interval, bounds, ")"))
  } else {
    n <- paste0(format_count(table$n_positive, labels), "/", format_count(table$n_images, labels))
    # Strips of five panels beside each other are narrow.
    paste0(name, if (in_panels(table)) "\n" else ": ", auroc, " (", bounds, ")", if (in_panels(table)) paste0("\n", n))
  }
  stats::setNames(text, table$finding)
}

# The limits of an interval, or the words for a missing one.
bounds_text <- function(lower, upper, digits, labels) {
  number <- function(x) format_number(x, digits, labels$decimal_mark)
  ifelse(is.na(lower) | is.na(upper), labels$no_interval, paste0(number(lower), "-", number(upper)))
}

interval_name <- function(table, labels) {
  fill_in(labels$interval, level = format(100 * table$confidence[[1]]))
}

roc_meaning <- function(table, labels) {
  paste0(labels$auroc, " (", interval_name(table, labels), ")")
}

roc_subtitle <- function(table, captions, labels) {
  if (nrow(table) == 1) return(captions[[1]])
  if (in_panels(table)) paste0(roc_meaning(table, labels), ", ", labels$positive_of)
}

in_panels <- function(table) {
  nrow(table) > length(finding_colours)
}

# Marks of operating points: for one finding all with their metrics, for several only the default.
roc_marks <- function(evaluation, captions, labels) {
  points <- evaluation$operating_points
  empty <- tibble::tibble(
    finding = character(), sensitivity = double(), specificity = double(),
    caption = factor(character(), unname(captions)), mark = factor()
  )
  points <- points[points$finding %in% names(captions), ]
  if (is.null(points) || nrow(points) == 0) {
    return(empty)
  }
  keys <- c("finding", "operating_point")
  marks <- unique(points[keys])
  key <- do.call(paste, marks)
  pick <- function(metric) {
    rows <- points[points$metric == metric, ]
    rows$estimate[match(key, do.call(paste, rows[keys]))]
  }
  marks$sensitivity <- pick("sensitivity")
  marks$specificity <- pick("specificity")
  marks$default <- is_default(marks, evaluation$thresholds)
  marks <- marks[order(!marks$default), ]
  name <- translate(marks$operating_point, labels$operating_points)
  if (length(captions) > 1) {
    kept <- if (any(marks$default)) marks$default else rep(TRUE, nrow(marks))
    marks <- marks[kept, ]
    text <- paste0(labels$operating_point, ": ", name[kept])
  } else {
    percent <- function(x) paste0(format_number(100 * x, 1, labels$decimal_mark), labels$percent_sign)
    metrics <- paste0(
      tolower(labels$sensitivity), " ", percent(marks$sensitivity), ", ",
      tolower(labels$specificity), " ", percent(marks$specificity)
    )
    # A column of a journal holds about 50 characters.
    text <- paste0(name, if (max(nchar(name) + nchar(metrics)) > 48) ":\n" else ": ", metrics)
  }
  marks$mark <- factor(text, unique(text))
  marks$caption <- factor(captions[marks$finding], unname(captions))
  marks
}

is_default <- function(marks, thresholds) {
  if (is.null(thresholds)) {
    return(rep(FALSE, nrow(marks)))
  }
  chosen <- thresholds[thresholds$default %in% TRUE, ]
  paste(marks$finding, marks$operating_point) %in% paste(chosen$finding, chosen$operating_point)
}

size_of_roc <- function(evaluation) {
  n <- nrow(evaluation$discrimination)
  if (n > length(finding_colours)) {
    across <- panels_across(n)
    return(c(2.4 * across, 2.85 * ceiling(n / across) + 1.1))
  }
  c(5.4, 6.4 + 0.17 * n)
}
