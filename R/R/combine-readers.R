#' Labels from several readers
#'
#' Combines the ratings of several readers to one label per image and finding, for
#' [relabel()] and [compare_truths()].
#'
#' `"majority"` is the label of more than half of the readers. An image with a tie has no
#' label. `"dawid_skene"` estimates the sensitivity and specificity of each reader and the
#' truth together, by maximum likelihood (Dawid and Skene 1979), without any other
#' truth. It assumes that the readers' errors on an image are independent given its truth,
#' and that a reader is equally accurate on all images. Both are wrong if some images are
#' more difficult than others: then readers err on the same images, the agreement is
#' taken for accuracy, and the probabilities are too close to 0 and 1. It requires at
#' least three readers, most of whom are better than chance.
#'
#' @inheritParams compare_readers
#' @param rule `"majority"` or `"dawid_skene"`.
#' @return A tibble of labels as [read_labels()] returns: `image_id`, `finding`,
#'   `label_source` (the rule), `subset` (missing), `truth` (1, 0; missing for a tie), and
#'   `n_readers` (of this image), `probability` (the share of positive ratings, or
#'   Dawid and Skene's posterior). With `"dawid_skene"`, the attribute `readers` is a tibble
#'   of the estimated `sensitivity` and `specificity` of each `reader` and `finding`.
#' @section Errors:
#' The errors of [read_readers()]; `placa_error_readers` for ordinal ratings without
#' `positive_from`, several modalities, or fewer than three readers with
#' `"dawid_skene"`. A tie is a warning of class `placa_warning_ties`.
#' @references
#' Dawid AP, Skene AM (1979). Maximum likelihood estimation of observer error-rates using
#' the EM algorithm. *Journal of the Royal Statistical Society C* 28(1), 20--28.
#' \doi{10.2307/2346806}
#' @seealso [relabel()], [compare_truths()], [reader_agreement()]
#' @export
#' @examples
#' combine_readers(example_readers(), "dawid_skene")
combine_readers <- function(readers, rule = c("majority", "dawid_skene"), modality = NULL, positive_from = NULL) {
  rule <- rlang::arg_match(rule)
  readers <- if (is.character(readers)) read_readers(readers) else check_readers(readers)
  readers <- one_modality(readers, modality)
  cut <- cut_of_ratings(readers$rating, "sensitivity", positive_from)
  parts <- lapply(unique(readers$finding), function(finding) {
    rows <- readers[readers$finding %in% finding, ]
    combined <- combine_ratings(rows, rows$rating >= cut, rule)
    list(labels = tibble::tibble(image_id = combined$images, finding = finding, label_source = rule,
                                 subset = NA_character_, combined$labels),
         readers = if (!is.null(combined$readers)) tibble::tibble(finding = finding, combined$readers))
  })
  labels <- do.call(rbind, lapply(parts, `[[`, "labels"))
  ties <- sum(is.na(labels$truth))
  if (ties > 0) {
    warn(
      c("{ties} label{?s} {?is/are} missing, because as many readers say yes as no.",
        i = "Use an odd number of readers, or {.code rule = \"dawid_skene\"}."),
      class = "placa_warning_ties"
    )
  }
  attr(labels, "readers") <- do.call(rbind, lapply(parts, `[[`, "readers"))
  labels
}

combine_ratings <- function(rows, positive, rule) {
  images <- unique(rows$image_id)
  names <- unique(rows$reader)
  calls <- matrix(NA_real_, length(images), length(names))
  calls[cbind(match(rows$image_id, images), match(rows$reader, names))] <- positive
  found <- if (rule == "dawid_skene") dawid_skene(calls, names) else list(probability = rowMeans(calls, na.rm = TRUE))
  share <- found$probability
  truth <- ifelse(abs(share - 0.5) < 1e-9, NA_integer_, as.integer(share > 0.5))
  list(
    images = images, readers = found$readers,
    labels = tibble::tibble(truth = truth, n_readers = rowSums(!is.na(calls)), probability = share)
  )
}

# Expectation and maximisation from the shares of positive ratings.
dawid_skene <- function(calls, names, call = rlang::caller_env()) {
  if (ncol(calls) < 3) {
    abort_ratings("Dawid and Skene's rule requires three or more readers.", "Received {ncol(calls)}.",
                  "With two readers, their accuracy cannot be estimated without another truth.", call = call,
                  calls = calls)
  }
  known <- !is.na(calls)
  yes <- replace(calls, !known, 0)
  no <- known - yes
  probability <- rowSums(yes) / rowSums(known)
  inside <- function(x) pmin(pmax(x, 1e-9), 1 - 1e-9)
  for (step in seq_len(1000)) {
    sensitivity <- inside(colSums(yes * probability) / colSums(known * probability))
    specificity <- inside(colSums(no * (1 - probability)) / colSums(known * (1 - probability)))
    prevalence <- inside(mean(probability))
    log_odds <- stats::qlogis(prevalence) + as.double(yes %*% log(sensitivity / (1 - specificity)) +
                                                        no %*% log((1 - sensitivity) / specificity))
    updated <- stats::plogis(log_odds)
    done <- max(abs(updated - probability)) < 1e-10
    probability <- updated
    if (done) break
  }
  list(probability = probability,
       readers = tibble::tibble(reader = names, sensitivity = sensitivity, specificity = specificity))
}
