#' Plot calibration
#'
#' Plots observed proportion against predicted probability in bins of equal counts,
#' with Wilson's interval, clustered by patient. In a small sample, neighbouring bins are pooled until each has
#' about 30 images of the rarer class; at least three remain. If available, the smooth curve of [calibration_curve()]
#' is added with its band. A histogram below shows the probabilities of images with
#' and without the finding. With several findings, each has its own panel. The range
#' of a panel depends on the probabilities of its finding and is the same on both
#' axes.
#'
#' @inheritParams plot_roc
#' @param split For predictions: the split to plot.
#' @param predictions For an evaluation by [read_evaluation()], which has no
#'   predictions: the predictions for the histogram, as [read_predictions()]
#'   returns, or `NULL` for no histogram.
#' @return A ggplot, to which layers, scales and themes can be added.
#' @seealso [calibration_bins()], [calibration_curve()]
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
  bins <- merge_bins(evaluation$calibration, evaluation$about$confidence)
  findings <- unique(bins$finding)
  bins$panel <- as_panel(bins$finding, labels)
  curve <- smooth_of(evaluation, findings, labels)
  tops <- panel_tops(bins, curve, findings)
  counts <- if (!is.null(rows)) probability_counts(rows, findings, tops = tops)
  if (!is.null(counts)) {
    counts$panel <- as_panel(counts$finding, labels, findings)
  }
  ggplot2::ggplot(bins, ggplot2::aes(.data$mean_probability, .data$observed)) +
    theme_placa() +
    distribution_layers(counts, labels) +
    calibration_layers(bins, curve, tops, evaluation$about$confidence, labels) +
    diagonal_panels(bins$panel, tops, if (is.null(counts)) 0 else band_height, labels) +
    ggplot2::labs(x = labels$probability, y = labels$observed, fill = NULL, linetype = NULL, shape = NULL) +
    alt_text(labels$alt_calibration, findings, labels)
}

#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_calibration_bins <- function(object, labels = plot_labels("en"), ...) { # nolint
  bins <- drawable(object, "observed")
  about <- list(split = bins$split[[1]], confidence = attr(object, "confidence", exact = TRUE) %||% 0.95)
  plot_calibration(structure(list(calibration = bins, about = about), class = "placa_evaluation"), labels = labels)
}

# Bars of ten bins collide in a small sample. Neighbouring bins are pooled until each has about 30 images of the rarer
# class; three bins remain.
merge_bins <- function(bins, confidence) {
  by_finding(bins, function(rows, finding) {
    rarer <- min(sum(rows$n_positive), sum(rows$n_images) - sum(rows$n_positive))
    wanted <- max(3, min(10, rarer %/% 30))
    if (nrow(rows) <= wanted) {
      return(rows)
    }
    pool <- ceiling(seq_len(nrow(rows)) * wanted / nrow(rows))
    total <- function(x) as.vector(rowsum(as.double(x), pool))
    n_images <- total(rows$n_images)
    n_positive <- total(rows$n_positive)
    n_effective <- total(rows$n_effective)
    tibble::tibble(
      finding = finding, split = rows$split[[1]], bin = seq_along(n_images), n_images = n_images,
      n_positive = n_positive, n_effective = n_effective,
      mean_probability = total(rows$mean_probability * rows$n_images) / n_images,
      bin_interval(n_positive / n_images, n_effective, confidence)
    )
  })
}

# The histogram is below 0, so that it never hides a point. Heights are shares of the panel.
band_height <- 0.24
band_middle <- -0.13
band_reach <- 0.1

# The curve after recalibration; autoplot() of the curve shows both stages.
smooth_of <- function(evaluation, findings, labels) {
  curve <- evaluation$calibration_curve
  curve <- curve[curve$stage == "after" & curve$finding %in% findings & !is.na(curve$observed), ]
  if (NROW(curve) == 0) {
    return(NULL)
  }
  curve$panel <- as_panel(curve$finding, labels, findings)
  curve
}

# The upper limit of each panel: a round number above all bins and the curve.
panel_tops <- function(bins, curve, findings) {
  vapply(stats::setNames(nm = findings), function(finding) {
    of_curve <- curve[curve$finding == finding, ]
    of_bins <- bins[bins$finding == finding, ]
    round_up(max(of_bins$mean_probability, of_bins$observed_upper, of_curve$probability, of_curve$observed))
  }, double(1))
}

round_up <- function(x) {
  steps <- c(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1)
  min(steps[steps >= min(x, 1)])
}

# Panels with equal axes, with a share `below` of their height under 0.
diagonal_panels <- function(panel, tops, below, labels) {
  scales <- list(
    scale_of_shares(ggplot2::scale_x_continuous, labels, expand = c(0.012, 0)),
    scale_of_shares(ggplot2::scale_y_continuous, labels, expand = c(0.012, 0))
  )
  if (length(unique(tops)) == 1) {
    top <- tops[[1]]
    return(list(scales, ggplot2::coord_equal(xlim = c(0, top), ylim = c(-below * top, top)), by_panel(panel)))
  }
  corners <- tibble::tibble(
    panel = rep(factor(levels(panel), levels(panel)), each = 2),
    x = as.double(rbind(0, tops)), y = as.double(rbind(-below * tops, tops))
  )
  list(
    ggplot2::geom_blank(data = corners, mapping = ggplot2::aes(.data$x, .data$y), inherit.aes = FALSE),
    scales, ggplot2::theme(aspect.ratio = 1 + below), by_panel(panel, "free")
  )
}

calibration_layers <- function(bins, curve, tops, confidence, labels) {
  colour <- finding_colours[[1]]
  n <- paste(unique(range(bins$n_images)), collapse = "-")
  point <- fill_in(labels$bin, n = n, level = format(100 * confidence))
  smooth <- fill_in(labels$smooth, level = format(100 * confidence))
  list(
    ideal_line(bins$panel, tops, labels),
    if (is.null(curve)) {
      ggplot2::geom_line(colour = colour, linewidth = 0.35, alpha = 0.6)
    } else {
      smooth_layers(curve, tops, smooth)
    },
    ggplot2::geom_linerange(
      ggplot2::aes(ymin = .data$observed_lower, ymax = .data$observed_upper), colour = colour, linewidth = 0.55
    ),
    ggplot2::geom_point(ggplot2::aes(shape = point), size = 2, colour = colour),
    ggplot2::scale_linetype_manual(
      values = stats::setNames(c("solid", "22"), c(smooth, labels$ideal)),
      breaks = c(if (!is.null(curve)) smooth, labels$ideal)
    ),
    ggplot2::scale_shape_manual(values = 16),
    ggplot2::guides(
      shape = ggplot2::guide_legend(order = 1),
      linetype = ggplot2::guide_legend(
        order = 2, override.aes = list(colour = c(if (!is.null(curve)) colour, pale))
      ),
      fill = ggplot2::guide_legend(order = 3, direction = "horizontal")
    )
  )
}

# One row per panel; otherwise the line is drawn once per bin.
ideal_line <- function(panel, tops, labels) {
  ends <- tibble::tibble(panel = factor(levels(panel), levels(panel)), start = 0, end = unname(tops))
  ggplot2::geom_segment(
    data = ends, inherit.aes = FALSE, colour = pale, linewidth = 0.4,
    mapping = ggplot2::aes(.data$start, .data$start, xend = .data$end, yend = .data$end, linetype = labels$ideal)
  )
}

# The band is cut at the top of the panel; otherwise it extends the panel.
smooth_layers <- function(curve, tops, name) {
  curve$top <- tops[curve$finding]
  list(
    ggplot2::geom_ribbon(
      data = bounded(curve), inherit.aes = FALSE, fill = finding_colours[[1]], alpha = band_alpha,
      mapping = ggplot2::aes(
        .data$probability, ymin = pmin(.data$lower, .data$top), ymax = pmin(.data$upper, .data$top)
      )
    ),
    ggplot2::geom_line(
      data = curve, mapping = ggplot2::aes(.data$probability, .data$observed, linetype = name), inherit.aes = FALSE,
      colour = finding_colours[[1]], linewidth = 0.7
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
        xmin = .data$from, xmax = .data$to, ymin = band_middle * .data$top,
        ymax = (band_middle + .data$height) * .data$top, fill = .data$kind
      )
    ),
    ggplot2::scale_fill_manual(values = stats::setNames(c("#D55E00", "#9AA5AE"), names))
  )
}

# Histogram of the probabilities: images with the finding upwards, without it downwards. Both classes have the same
# height, so that a rare finding is visible. The last bar includes all values above the panel.
probability_counts <- function(rows, findings, bars = 25, tops = stats::setNames(rep(1, length(findings)), findings)) {
  parts <- lapply(findings, function(finding) {
    of_finding <- rows[rows$finding == finding, ]
    top <- tops[[finding]]
    width <- top / bars
    bar <- pmin(floor(of_finding$probability / width), bars - 1)
    counts <- as.data.frame(table(bar = bar, truth = of_finding$truth), stringsAsFactors = FALSE)
    counts <- counts[counts$Freq > 0, ]
    direction <- ifelse(counts$truth == "1", 1, -1)
    share <- counts$Freq / stats::ave(counts$Freq, counts$truth, FUN = max)
    tibble::tibble(
      finding = finding,
      truth = as.integer(counts$truth),
      n_images = counts$Freq,
      from = as.double(counts$bar) * width,
      # A small gap between bars.
      to = (as.double(counts$bar) + 0.92) * width,
      height = direction * band_reach * share,
      top = top
    )
  })
  do.call(rbind, parts)
}

size_of_calibration <- function(evaluation) {
  n <- length(unique(evaluation$calibration$finding))
  smooth <- if (is.null(evaluation$calibration_curve)) 0 else 0.2
  size_of_panels(n, c(5.2, 6.9 + smooth), 2.5, if (n <= 4) 3.1 else 2.82, 1 + smooth)
}
