#' Plot calibration
#'
#' Observed proportion against predicted probability in bins of equal counts,
#' with Wilson's interval; below, how the probabilities of images with and
#' without the finding are distributed. Several findings get a panel each.
#'
#' @inheritParams plot_roc
#' @param split For predictions: the split to show.
#' @param predictions For an evaluation that was read back, which has no
#'   predictions: those to show the distribution of, as [read_predictions()]
#'   returns, or `NULL` to leave it out.
#' @return A ggplot, to which layers, scales and themes can be added.
#' @inheritSection plot_roc Errors
#' @references
#' Wilson EB (1927). Probable inference, the law of succession, and statistical
#' inference. *Journal of the American Statistical Association* 22(158),
#' 209--212. \doi{10.1080/01621459.1927.10502953}
#' @export
#' @examples
#' plot_calibration(example_predictions())
plot_calibration <- function(x, predictions = NULL, split = "test", labels = plot_labels("en")) {
  labels <- as_labels(labels)
  evaluation <- as_evaluation(x, NULL, split)
  rows <- evaluation$predictions
  if (is.null(rows) && !is.null(predictions)) {
    rows <- select_split(predictions, evaluation$about$split)
  }
  bins <- evaluation$calibration
  findings <- unique(bins$finding)
  as_panel <- function(finding) factor(translate(finding, labels$findings), translate(findings, labels$findings))
  bins$panel <- as_panel(bins$finding)
  counts <- if (!is.null(rows)) probability_counts(rows, findings)
  if (!is.null(counts)) {
    counts$panel <- as_panel(counts$finding)
  }
  plot <- ggplot2::ggplot(bins, ggplot2::aes(.data$mean_probability, .data$observed)) +
    distribution_layers(counts, labels) +
    calibration_layers(bins, evaluation$about$confidence, labels) +
    scale_of_shares(ggplot2::scale_x_continuous, labels, expand = c(0.012, 0)) +
    scale_of_shares(ggplot2::scale_y_continuous, labels, expand = c(0.012, 0)) +
    ggplot2::labs(x = labels$probability, y = labels$observed, fill = NULL, linetype = NULL, shape = NULL) +
    ggplot2::coord_equal(xlim = c(0, 1), ylim = c(if (is.null(counts)) 0 else -band_height, 1)) +
    theme_placa()
  if (length(findings) > 1) {
    plot + ggplot2::facet_wrap(ggplot2::vars(.data$panel), ncol = if (length(findings) <= 4) 2 else 4)
  } else {
    plot + ggplot2::labs(subtitle = levels(bins$panel))
  }
}

# The distribution has a band of its own below 0, so that it never hides a point.
band_height <- 0.24
band_middle <- -0.13
band_reach <- 0.1

calibration_layers <- function(bins, confidence, labels) {
  colour <- finding_colours[[1]]
  size <- range(bins$n_images)
  n <- paste(unique(size), collapse = "\u2013")
  point <- fill_in(labels$bin, n = n, level = format(100 * confidence))
  list(
    # One row, or the line is drawn once for every bin.
    ggplot2::geom_segment(
      data = data.frame(start = 0, end = 1),
      mapping = ggplot2::aes(.data$start, .data$start, xend = .data$end, yend = .data$end, linetype = labels$ideal),
      colour = pale, linewidth = 0.4
    ),
    ggplot2::geom_line(colour = colour, linewidth = 0.35, alpha = 0.6),
    ggplot2::geom_linerange(
      ggplot2::aes(ymin = .data$observed_lower, ymax = .data$observed_upper), colour = colour, linewidth = 0.55
    ),
    ggplot2::geom_point(ggplot2::aes(shape = point), size = 2.2, colour = colour),
    ggplot2::scale_linetype_manual(values = "22"),
    ggplot2::scale_shape_manual(values = 16),
    ggplot2::guides(
      shape = ggplot2::guide_legend(order = 1),
      linetype = ggplot2::guide_legend(order = 2),
      fill = ggplot2::guide_legend(order = 3, direction = "horizontal")
    )
  )
}

distribution_layers <- function(counts, labels) {
  if (is.null(counts)) {
    return(NULL)
  }
  names <- c(labels$with_finding, labels$without_finding)
  counts$kind <- factor(names[2 - counts$truth], names)
  list(
    ggplot2::geom_hline(yintercept = 0, colour = "#BDBDBD", linewidth = 0.3),
    ggplot2::geom_rect(
      data = counts, inherit.aes = FALSE,
      mapping = ggplot2::aes(
        xmin = .data$from, xmax = .data$to, ymin = band_middle, ymax = band_middle + .data$height, fill = .data$kind
      )
    ),
    ggplot2::scale_fill_manual(values = stats::setNames(c("#D55E00", "#9AA5AE"), names))
  )
}

# Histogram of the probabilities: with the finding upwards, without it downwards, the tallest bar as high as the band.
# Bars are shares of their kind, or a rare finding's would not be seen.
probability_counts <- function(rows, findings, width = 0.04) {
  parts <- lapply(findings, function(finding) {
    of_finding <- rows[rows$finding == finding, ]
    bar <- pmin(floor(of_finding$probability / width), 1 / width - 1)
    counts <- as.data.frame(table(bar = bar, truth = of_finding$truth), stringsAsFactors = FALSE)
    counts <- counts[counts$Freq > 0, ]
    direction <- ifelse(counts$truth == "1", 1, -1)
    share <- counts$Freq / stats::ave(counts$Freq, counts$truth, FUN = sum)
    tibble::tibble(
      finding = finding,
      truth = as.integer(counts$truth),
      n_images = counts$Freq,
      from = as.double(counts$bar) * width,
      to = bar_end(counts$bar, width),
      height = direction * band_reach * share / max(share)
    )
  })
  do.call(rbind, parts)
}

# A hair's breadth is left between bars.
bar_end <- function(bar, width) (as.double(bar) + 0.92) * width

size_of_calibration <- function(evaluation) {
  n <- length(unique(evaluation$calibration$finding))
  if (n == 1) {
    return(c(5.2, 6.9))
  }
  if (n <= 4) c(8, 4.75 * ceiling(n / 2) + 0.9) else c(10, 3.2 * ceiling(n / 4) + 0.9)
}
