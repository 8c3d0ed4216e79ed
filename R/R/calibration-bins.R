#' Calibration in bins of equal counts
#'
#' Are 30 of 100 images that were given a probability of 0.3 positive? Images
#' are sorted by probability and cut into bins of (nearly) equal counts; images
#' of the same probability stay in one bin, whatever their order. The observed
#' proportion has the score interval of Wilson (1927), which takes the images of a
#' bin as independent. [calibration_measures()] says the same in numbers,
#' [calibration_curve()] without bins, both with intervals that know of patients.
#'
#' @inheritParams discrimination
#' @param bins How many bins to cut, at most; a whole number from 1.
#' @param confidence Level of Wilson's interval, between 0 and 1.
#' @return A tibble with one row a bin: `finding`, `split`, `bin` (from 1, the
#'   lowest probabilities), `n_images`, `n_positive`, `mean_probability`,
#'   `observed`, `observed_lower`, `observed_upper` (all 0--1).
#' @inheritSection discrimination Errors
#' @references
#' Wilson EB (1927). Probable inference, the law of succession, and statistical
#' inference. *Journal of the American Statistical Association* 22(158),
#' 209--212. \doi{10.1080/01621459.1927.10502953}
#' @export
#' @examples
#' calibration_bins(example_predictions(), bins = 5)
calibration_bins <- function(predictions, split = "test", bins = 10, confidence = 0.95) {
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
  # A bin that ties have emptied is closed up, so that bins count from 1 without a gap.
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
    # Rounding must not push a bound past the end of the scale.
    observed_lower = pmax(centre - half, 0),
    observed_upper = pmin(centre + half, 1)
  )
}

check_bins <- function(bins, call = rlang::caller_env()) {
  if (!rlang::is_integerish(bins, n = 1, finite = TRUE) || bins < 1) {
    cli::cli_abort(
      c("{.arg bins} must be a whole number from 1.", x = "It is {.val {bins}}."),
      class = "placa_error_bins", call = call
    )
  }
}
