#' The most confident mistakes
#'
#' The images without the finding that the model is surest of, and those with it
#' that it is surest are without: the ones to look at first. Many turn out to be
#' mistakes of the labels.
#'
#' @inheritParams discrimination
#' @param thresholds Operating points, as [read_thresholds()] returns, of which
#'   the default is taken; or `NULL` for a threshold of 0.5. Only images on the
#'   wrong side of it are mistakes.
#' @param n How many of each kind a finding, a whole number from 1.
#' @param one_per_group Should a patient (or group) be shown once, with the worst
#'   image? Ten images of one tube say less than ten patients.
#' @return A tibble of class `placa_errors` with one row an image, the most
#'   confident first: `finding`, `split`, `kind` (`"false_positive"`,
#'   `"false_negative"`), `rank` (from 1), `image_id`, `patient_id`, `truth`,
#'   `probability`, `threshold`, and `sex`, `age`, `view`, `site` where they are
#'   there. No rows where there are no mistakes.
#' @section Errors:
#' Those of [discrimination()]; `placa_error_thresholds`; `placa_error_n`.
#' @references
#' Oakden-Rayner L, Dunnmon J, Carneiro G, Re C (2020). Hidden stratification
#' causes clinically meaningful failures in machine learning for medical imaging.
#' *Proceedings of the ACM Conference on Health, Inference, and Learning*,
#' 151--159. \doi{10.1145/3368555.3384468}
#' @export
#' @examples
#' list_errors(example_predictions(), example_thresholds(), n = 3)
list_errors <- function(predictions, thresholds = NULL, split = "test", n = 10, one_per_group = TRUE) {
  check_n(n)
  data <- select_split(predictions, split)
  if (is.null(thresholds)) {
    thresholds <- tibble::tibble(finding = unique(data$finding), operating_point = "half", threshold = 0.5)
  }
  thresholds <- check_thresholds(thresholds, unique(data$finding))
  as_subclass("placa_errors", by_finding(data, function(rows, finding) {
    threshold <- default_point(thresholds[thresholds$finding == finding, ])$threshold
    false_positives <- rows[rows$truth == 0 & rows$probability >= threshold, ]
    false_negatives <- rows[rows$truth == 1 & rows$probability < threshold, ]
    rbind(
      most_confident(false_positives, "false_positive", threshold, n, one_per_group),
      most_confident(false_negatives, "false_negative", threshold, n, one_per_group)
    )
  }))
}

most_confident <- function(rows, kind, threshold, n, one_per_group) {
  # The name settles ties, so that the list does not hang on the order of the rows.
  rows <- rows[order(-abs(rows$probability - rows$truth), rows$image_id, method = "radix"), ]
  if (one_per_group) {
    rows <- rows[!duplicated(cluster_names(rows)), ]
  }
  rows <- rows[seq_len(min(n, nrow(rows))), ]
  tibble::tibble(
    rows[c("finding", "split")],
    kind = rep(kind, nrow(rows)),
    rank = seq_len(nrow(rows)),
    rows[c("image_id", "patient_id", "truth", "probability")],
    threshold = rep(threshold, nrow(rows)),
    rows[intersect(c("sex", "age", "view", "site"), names(rows))]
  )
}

check_n <- function(n, call = rlang::caller_env()) {
  if (!rlang::is_integerish(n, n = 1, finite = TRUE) || n < 1) {
    cli::cli_abort(
      c("{.arg n} must be a whole number from 1.", x = "It is {.val {n}}."),
      class = "placa_error_n", call = call
    )
  }
}
