#' Where is the lesion? Marks against boxes, with intervals
#'
#' Compares marked points, such as the peaks of Grad-CAM maps or the marks of a reader, with lesion boxes. A mark in a
#' box is a hit of its lesion; every other mark is a false positive. Images without a box count: their marks are false
#' positives, and the free-response figures of merit need them.
#'
#' | metric | description | `at` |
#' |---|---|---|
#' | `hit_rate` | share of the images with a box in which one of the `k` highest marks is a hit | `k` |
#' | `lesion_sensitivity` | share of the lesions that are hit | false positives per image |
#' | `afroc` | probability that a lesion ranks above an image without one | |
#' | `wafroc` | the same with equal weight for each image, not for each lesion | |
#'
#' With `k` = 1, the hit rate is the pointing game (Zhang et al. 2018). The lesion sensitivity is that of the lowest
#' threshold with at most this number of false positives. For `afroc` (Chakraborty and Berbaum 2004), the highest mark
#' of a lesion is compared with the highest false positive of an image without a lesion; ties count half, and an
#' unmarked lesion, or an image without a mark, is below every mark.
#'
#' Intervals come from a clustered bootstrap of patients, see [clustered_auroc()].
#'
#' @param marks A data frame with one row per mark: `image_id`, `x`, `y` (in the coordinates of the boxes), `score` (any
#'   scale, higher is more suspicious), and `finding` if there are several. Instead of `x` and `y`, a column `lesion`
#'   may name the box that the mark hits (missing for a false positive).
#' @param boxes A data frame with one row per lesion: `image_id`, `x`, `y` (the corner with the lowest coordinates),
#'   `width`, `height`, and `finding` if there are several; with a column `lesion` in `marks`, `image_id` and `lesion`.
#'   Or the path of a prepared data set with boxes: those of `images` are used, as shares of the width and height.
#' @param images A data frame with all images that were marked, also those without a box: `image_id` and, if known,
#'   `patient_id` and `group_id`. Predictions will do.
#' @param k Numbers of marks for `hit_rate`, integers of at least 1.
#' @param false_positives Numbers of false positives per image for `lesion_sensitivity`, above 0.
#' @inheritParams clustered_auroc
#' @return `localisation()`: a tibble with one row per finding, metric and value of `at`: `finding` (missing if there is
#'   only one, unnamed), `metric`, `at`, `estimate`, `lower`, `upper` (all 0--1; missing if they cannot be estimated,
#'   such as `afroc` without an image without a lesion), `n_images`, `n_with_box`, `n_lesions`, `n_patients`,
#'   `confidence`.
#'
#'   `froc_points()`: a tibble of class `placa_froc`, the free-response ROC curve, with one row per finding and distinct
#'   score: `finding`, `score`, `false_positives` (per image), `lesion_sensitivity`. [ggplot2::autoplot()] draws it.
#' @seealso [explain()]
#' @section Errors:
#' `placa_error_marks` if a column is missing, a value is not a number, or an image of `marks` or `boxes` is not in
#' `images`.
#' @references
#' Chakraborty DP, Berbaum KS (2004). Observer studies involving detection and localization: modeling, analysis, and
#' validation. *Medical Physics* 31(8), 2313--2330. \doi{10.1118/1.1769352}
#'
#' Zhang J, Bargal SA, Lin Z, Brandt J, Shen X, Sclaroff S (2018). Top-down neural attention by excitation backprop.
#' *International Journal of Computer Vision* 126(10), 1084--1102. \doi{10.1007/s11263-017-1059-x}
#' @export
#' @examples
#' boxes <- data.frame(image_id = c("a", "b"), x = c(10, 40), y = 10, width = 20, height = 20)
#' marks <- data.frame(image_id = c("a", "b", "c"), x = c(15, 5, 9), y = 15, score = c(0.9, 0.7, 0.2))
#' images <- data.frame(image_id = c("a", "b", "c", "d"), patient_id = 1:4)
#' localisation(marks, boxes, images, k = 1, draws = 200)
#' froc_points(marks, boxes, images)
localisation <- function(marks, boxes, images, k = c(1, 3), false_positives = c(0.25, 0.5, 1, 2), confidence = 0.95,
                         draws = 2000, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  check_counts_of_marks(k, false_positives)
  on.exit(clear_resample_cache())
  as_estimates("localisation", by_finding_of_marks(marks, boxes, images, function(free, finding) {
    statistic <- localisation_statistic(free, k, false_positives)
    boot <- bootstrap_clusters(free$cluster, free$with_box, statistic, draws, seed)
    tibble::tibble(
      finding = finding,
      metric = rep(c("hit_rate", "lesion_sensitivity", "afroc", "wafroc"), c(length(k), length(false_positives), 1, 1)),
      at = c(k, false_positives, NA, NA),
      bootstrap_intervals(boot, confidence)[c("estimate", "lower", "upper")],
      n_images = length(free$cluster), n_with_box = sum(free$with_box), n_lesions = nrow(free$lesions),
      n_patients = free$n_patients, confidence = confidence
    )
  }))
}

#' @rdname localisation
#' @export
froc_points <- function(marks, boxes, images) {
  table <- by_finding_of_marks(marks, boxes, images, function(free, finding) {
    scores <- sort(unique(free$scores), decreasing = TRUE)
    tibble::tibble(
      finding = finding, score = c(Inf, scores),
      false_positives = c(0, vapply(scores, function(score) sum(free$false$score >= score), 1)) / length(free$cluster),
      lesion_sensitivity = c(0, vapply(scores, function(score) mean(free$lesions$score >= score), 1))
    )
  })
  as_subclass("placa_froc", table)
}

# One statistic of all metrics for bootstrap_clusters(): a row per draw. Images are weighted by the count of their
# cluster.
localisation_statistic <- function(free, k, false_positives) {
  n <- length(free$cluster)
  hits <- matrix(vapply(k, function(count) as.double(free$first_hit <= count), double(n)), n)
  scores <- thresholds_of_marks(free$scores)
  # Images by thresholds: false positives, and lesions that are hit.
  false <- counts_above(free$false, scores, n)
  hit <- counts_above(free$lesions, scores, n)
  n_lesions <- tabulate(free$lesions$image, n)
  above <- pairs_above(free, n)
  function(counts) {
    weight <- matrix(as.double(counts), nrow(counts))[free$cluster, , drop = FALSE]
    with_box <- colSums(weight * free$with_box)
    rate <- crossprod(weight * free$with_box, hits) / with_box
    per_image <- crossprod(weight, false) / colSums(weight)
    sensitivity <- crossprod(weight, hit) / colSums(weight * n_lesions)
    at <- vapply(false_positives, function(most) {
      # Sensitivity rises as the threshold falls, so the best allowed threshold has the highest.
      apply(ifelse(per_image <= most + 1e-12, sensitivity, 0), 1, max)
    }, double(ncol(weight)))
    without <- weight[above$without, , drop = FALSE]
    with <- weight[above$with, , drop = FALSE]
    merit <- function(pairs, share) colSums(with * (pairs %*% without)) / (colSums(with * share) * colSums(without))
    cbind(rate, matrix(at, ncol(weight)), merit(above$sum, n_lesions[above$with]), merit(above$mean, 1))
  }
}

# All scores, or 500 of them: more make no difference for an interval and cost time.
thresholds_of_marks <- function(scores) {
  scores <- sort(unique(scores), decreasing = TRUE)
  if (length(scores) <= 500) scores else scores[unique(round(seq(1, length(scores), length.out = 500)))]
}

counts_above <- function(rows, scores, n) {
  matrix(vapply(scores, function(score) as.double(tabulate(rows$image[rows$score >= score], n)), double(n)), n)
}

# For each image with a box and each image without: the share of its lesions above the highest false positive.
pairs_above <- function(free, n) {
  with <- which(free$with_box)
  without <- which(!free$with_box)
  highest <- rep(-Inf, n)
  top <- tapply(free$false$score, free$false$image, max)
  highest[as.integer(names(top))] <- top
  highest <- highest[without]
  sum <- matrix(0, length(with), length(without))
  for (i in seq_along(free$lesions$score)) {
    row <- match(free$lesions$image[[i]], with)
    score <- free$lesions$score[[i]]
    sum[row, ] <- sum[row, ] + (highest < score) + (highest == score) / 2
  }
  list(with = with, without = without, sum = sum, mean = sum / tabulate(free$lesions$image, n)[with])
}

#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_froc <- function(object, labels = plot_labels("en"), ...) { # nolint: object_name_linter.
  labels <- as_labels(labels)
  drawable(object, "lesion_sensitivity")
  object$panel <- as_panel(ifelse(is.na(object$finding), labels$lesions, object$finding), labels)
  ggplot2::ggplot(object, ggplot2::aes(.data$false_positives, .data$lesion_sensitivity)) +
    ggplot2::geom_step(colour = finding_colours[[1]], linewidth = 0.8) +
    scale_of_shares(ggplot2::scale_y_continuous, labels, limits = c(0, 1)) +
    ggplot2::scale_x_continuous(labels = function(x) format_ticks(x, labels$decimal_mark)) +
    ggplot2::labs(x = labels$false_positives_per_image, y = labels$lesion_sensitivity) +
    theme_placa() +
    by_panel(object$panel) +
    alt_text(labels$alt_froc, ifelse(is.na(object$finding), labels$lesions, object$finding), labels)
}
