#' Performance over time
#'
#' Discrimination and calibration in each period of the images, in the order of time: of the test images of a data set
#' that `placa prepare --split temporal` divided by date, or of any predictions with a column `period`, such as a month.
#' [monitor()] compares periods after the deployment of a model.
#'
#' Intervals are clustered by patient. A period with one class only has no AUROC and no slope.
#'
#' @inheritParams discrimination
#' @param predictions Predictions with the column `period`; rows without a period are not used. Periods that are numbers
#'   are in the order of the numbers, others in that of their characters, such as `"2026-01"` and `"2026-02"`.
#' @return A tibble with one row per period and finding: `period`, `finding`, `n_images`, `n_positive`, and `auroc`,
#'   `observed_expected`, `intercept`, `slope` with bounds `_lower` and `_upper`; `confidence`.
#' @seealso [monitor()], [evaluate()]
#' @section Errors:
#' The errors of [discrimination()]; `placa_error_columns` if there is no column `period`.
#' @export
#' @examples
#' predictions <- example_predictions()
#' predictions$period <- ifelse(predictions$age < 60, "2026-01", "2026-02")
#' performance_over_time(predictions, draws = 200)
performance_over_time <- function(predictions, split = "test", confidence = 0.95, draws = 500, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  check_table(predictions, rlang::current_env())
  check_columns(predictions, "period", "predictions", rlang::current_env())
  rows <- select_split(predictions, split)
  parts <- lapply(periods_in_order(rows$period), function(period) {
    performance_of(period, rows[rows$period %in% period, ], confidence, draws, seed)
  })
  as_estimates("performance", do.call(rbind, parts))
}

# Predictions of more periods than this have dates rather than periods.
most_periods <- 60

# The table of an evaluation, if the predictions have several periods.
over_time <- function(rows, split, confidence, draws, seed) {
  if (!"period" %in% names(rows) || !length(periods_in_order(rows$period)) %in% 2:most_periods) {
    return(NULL)
  }
  performance_over_time(rows, split, confidence, draws, seed)
}

periods_in_order <- function(period) {
  found <- sort(unique(period[!is.na(period)]), method = "radix")
  number <- suppressWarnings(as.double(found))
  if (anyNA(number)) found else found[order(number)]
}
