#' Calibration in bins of equal counts
#'
#' In a calibrated model, 30 of 100 images with a probability of 0.3 are positive.
#' Images are sorted by probability and divided into bins of (nearly) equal counts.
#' Images with the same probability are always in the same bin. The observed
#' proportion has the score interval of Wilson (1927), which assumes independent
#' images. [calibration_measures()] and [calibration_curve()] have intervals that
#' account for several images per patient.
#'
#' @inheritParams discrimination
#' @param bins Maximum number of bins, an integer of at least 1.
#' @param confidence Level of Wilson's interval, between 0 and 1.
#' @return A tibble with one row per bin: `finding`, `split`, `bin` (from 1, the
#'   lowest probabilities), `n_images`, `n_positive`, `mean_probability`,
#'   `observed`, `observed_lower`, `observed_upper` (all 0--1).
#' @seealso [calibration_measures()], [plot_calibration()]
#' @inheritSection discrimination Errors
#' @references
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
  by_finding(data, function(rows, finding) {
    bin_of <- equal_count_bins(rows$probability, bins)
    n_images <- tabulate(bin_of)
    n_positive <- tabulate(bin_of[rows$truth == 1], nbins = length(n_images))
    tibble::tibble(
      finding = finding,
      split = split,
      bin = seq_along(n_images),
      n_images = n_images,
      n_positive = n_positive,
      mean_probability = as.double(tapply(rows$probability, bin_of, mean)),
      wilson_interval(n_positive, n_images, confidence)
    )
  })
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
