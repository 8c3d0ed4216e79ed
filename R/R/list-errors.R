#' List the most confident errors
#'
#' Returns the false positives with the highest probabilities and the false
#' negatives with the lowest probabilities. These images should be reviewed first;
#' many are label errors.
#'
#' @inheritParams discrimination
#' @param thresholds Operating points, as [read_thresholds()] returns, of which
#'   the default is used; or `NULL` for a threshold of 0.5.
#' @param n Maximum number of errors per finding and kind, an integer of at least 1.
#' @param one_per_group If `TRUE`, only the most confident error of each patient (or
#'   group) is listed.
#' @return A tibble of class `placa_errors` with one row per image, the most
#'   confident first: `finding`, `split`, `kind` (`"false_positive"`,
#'   `"false_negative"`), `rank` (from 1), `image_id`, `patient_id`, `truth`,
#'   `probability`, `threshold`, and `sex`, `age`, `view`, `site` if available.
#'   Without errors, it has no rows.
#' @seealso [abstain()], [explain()]
#' @section Errors:
#' The errors of [discrimination()]; `placa_error_thresholds`; `placa_error_n`.
#' @references
#' Oakden-Rayner L, Dunnmon J, Carneiro G, Re C (2020). Hidden stratification
#' causes clinically meaningful failures in machine learning for medical imaging.
#' *Proceedings of the ACM Conference on Health, Inference, and Learning*,
#' 151--159. \doi{10.1145/3368555.3384468}
#' @export
#' @examples
#' list_errors(example_predictions(), example_thresholds(), n = 3)
list_errors <- function(predictions, thresholds = NULL, split = "test", n = 10, one_per_group = TRUE) {
  if (is_grouped(predictions)) return(each_group(list_errors))
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
  # Ties are sorted by name, so that the list does not depend on the order of the rows.
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
    abort(
      c("{.arg n} must be an integer of at least 1.", x = "Received {.val {n}}."),
      class = "placa_error_n", call = call
    )
  }
}
