#' Calibration in bins of equal counts
#'
#' In a calibrated model, 30 of 100 images with a probability of 0.3 are positive.
#' Images are sorted by probability and divided into bins of (nearly) equal counts.
#' Images with the same probability are always in the same bin. The observed
#' proportion has the score interval of Wilson (1927) with the effective number of
#' images, clustered by patient (Korn and Graubard 1998); with one image per patient
#' it is Wilson's interval.
#'
#' @inheritParams discrimination
#' @param bins Maximum number of bins, an integer of at least 1.
#' @param confidence Level of Wilson's interval, between 0 and 1.
#' @return A tibble with one row per bin: `finding`, `split`, `bin` (from 1, the
#'   lowest probabilities), `n_images`, `n_positive`, `n_effective` (the number of
#'   images, one per patient, with an interval of the same width), `mean_probability`,
#'   `observed`, `observed_lower`, `observed_upper` (all 0--1). [ggplot2::autoplot()]
#'   draws it.
#' @seealso [calibration_measures()], [plot_calibration()]
#' @inheritSection discrimination Errors
#' @references
#' Korn EL, Graubard BI (1998). Confidence intervals for proportions with small
#' expected number of positive counts estimated from survey data. *Survey
#' Methodology* 24(2), 193--201.
#'
#' Wilson EB (1927). Probable inference, the law of succession, and statistical
#' inference. *Journal of the American Statistical Association* 22(158),
#' 209--212. \doi{10.1080/01621459.1927.10502953}
#' @export
#' @examples
#' calibration_bins(example_predictions(), bins = 5)
calibration_bins <- function(predictions, split = "test", bins = 10, confidence = 0.95) {
  if (is_grouped(predictions)) return(each_group(calibration_bins))
  check_bins(bins)
  check_confidence(confidence)
  data <- select_split(predictions, split)
  table <- by_finding(data, function(rows, finding) {
    bin_of <- equal_count_bins(rows$probability, bins)
    n_images <- tabulate(bin_of)
    n_positive <- tabulate(bin_of[rows$truth == 1], nbins = length(n_images))
    n_effective <- effective_images(rows$truth, cluster_index(rows), bin_of, confidence)
    tibble::tibble(
      finding = finding,
      split = split,
      bin = seq_along(n_images),
      n_images = n_images,
      n_positive = n_positive,
      n_effective = n_effective,
      mean_probability = as.double(tapply(rows$probability, bin_of, mean)),
      bin_interval(n_positive / n_images, n_effective, confidence)
    )
  })
  structure(as_subclass("placa_calibration_bins", table), confidence = confidence)
}

# The effective number of images of each bin, see proportion(). It includes the quantile of Student's t, so that
# Wilson's interval with the normal quantile has the same limits. It is 0 for one cluster, whose variance is unknown.
effective_images <- function(truth, cluster, bin_of, confidence) {
  unname(vapply(split(seq_along(truth), bin_of), function(rows) {
    own <- match(cluster[rows], unique(cluster[rows]))
    of <- proportion(sums_by(truth[rows], own, max(own)), as.double(tabulate(own)))
    reach <- student_quantile(confidence, of$degrees)
    if (is.na(reach)) 0 else of$trials * (stats::qnorm((1 + confidence) / 2) / reach)^2
  }, double(1)))
}

bin_interval <- function(observed, n_effective, confidence) {
  table <- wilson_interval(observed * n_effective, n_effective, confidence)
  table$observed <- observed
  table[n_effective == 0, c("observed_lower", "observed_upper")] <- list(0, 1)
  table
}

equal_count_bins <- function(probability, bins) {
  share <- rank(probability, ties.method = "average") / length(probability)
  # Ties can empty a bin; bins are renumbered without gaps.
  cut <- ceiling(share * bins - 1e-9)
  match(cut, sort(unique(cut)))
}

wilson_interval <- function(n_positive, n_images, confidence) {
  z <- stats::qnorm((1 + confidence) / 2)
  observed <- n_positive / n_images
  centre <- (observed + z^2 / (2 * n_images)) / (1 + z^2 / n_images)
  half <- z / (1 + z^2 / n_images) * sqrt(observed * (1 - observed) / n_images + z^2 / (4 * n_images^2))
  tibble::tibble(
    observed = observed,
    # Rounding must not move a bound outside 0 to 1.
    observed_lower = pmax(centre - half, 0),
    observed_upper = pmin(centre + half, 1)
  )
}

check_bins <- function(bins, call = rlang::caller_env()) {
  if (!rlang::is_integerish(bins, n = 1, finite = TRUE) || bins < 1) {
    abort(
      c("{.arg bins} must be an integer of at least 1.", x = "Received {.val {bins}}."),
      class = "placa_error_bins", call = call
    )
  }
}
