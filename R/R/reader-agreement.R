#' Agreement of readers
#'
#' Returns the agreement of each pair of readers and of all readers, with intervals
#' that are clustered by patient.
#'
#' Cohen's kappa compares two readers, each with an own share of positive ratings.
#' Fleiss' kappa compares any number of readers with one common share. Both are small if
#' a finding is rare, even if the readers nearly always agree. Gwet's coefficient (AC1;
#' with weights, AC2) depends less on the prevalence. Report the share of agreement
#' beside them.
#'
#' Images may lack some readers. An image with one rating counts for the shares of the
#' categories, and not for the agreement (Gwet 2014). Standard errors come from the
#' jackknife over patients, with Student's t.
#'
#' @inheritParams compare_modalities
#' @param predictions `NULL`, or a data frame as [read_predictions()] returns, for the
#'   patients of the images. Otherwise the column `patient_id` of `readers` is used; without
#'   both, each image is a patient.
#' @param weights `"none"`, or, for ordinal ratings, `"linear"` or `"quadratic"` in the distance of
#'   two ratings.
#' @param categories The possible ratings. A category that nobody used counts for
#'   Gwet's coefficient. `NULL` uses 0 and 1 if there are no others, and otherwise all
#'   ratings of the table.
#' @return A tibble: `finding`, `modality`, `coefficient` (`"agreement"`, the share of
#'   agreeing pairs; `"cohen"`; `"fleiss"`; `"gwet"`), `reader` and `other_reader`
#'   (missing for all readers together), `n_readers`, `n_images` (with two or more of
#'   these readers), `n_clusters`, `estimate`, `std_error`, `lower`, `upper`, `confidence`. An
#'   estimate without a denominator, such as kappa if all ratings are equal, is missing.
#' @section Errors:
#' The errors of [read_readers()]; `placa_error_readers` for fewer than two readers or
#' invalid `categories`; `placa_error_confidence`.
#' @references
#' Cohen J (1968). Weighted kappa. *Psychological Bulletin* 70(4), 213--220.
#' \doi{10.1037/h0026256}
#'
#' Fleiss JL (1971). Measuring nominal scale agreement among many raters.
#' *Psychological Bulletin* 76(5), 378--382. \doi{10.1037/h0031619}
#'
#' Gwet KL (2008). Computing inter-rater reliability and its variance in the presence of
#' high agreement. *British Journal of Mathematical and Statistical Psychology* 61(1),
#' 29--48. \doi{10.1348/000711006X126600}
#'
#' Gwet KL (2014). *Handbook of Inter-Rater Reliability*. Advanced Analytics.
#' @seealso [compare_readers()]
#' @export
#' @examples
#' reader_agreement(example_readers(), example_predictions())
reader_agreement <- function(readers, predictions = NULL, weights = c("none", "linear", "quadratic"),
                             categories = NULL, split = "test", confidence = 0.95) {
  check_confidence(confidence)
  weights <- rlang::arg_match(weights)
  readers <- with_patients(check_readers(readers), predictions, split)
  categories <- check_categories(categories, readers$rating)
  weight <- agreement_weights(categories, weights)
  groups <- unique(readers[c("finding", "modality")])
  parts <- lapply(seq_len(nrow(groups)), function(i) {
    rows <- readers[readers$finding %in% groups$finding[[i]] & readers$modality %in% groups$modality[[i]], ]
    found <- agreement_rows(rows, categories, weight, confidence)
    if (!is.null(found)) tibble::tibble(groups[i, ], found, confidence = confidence)
  })
  table <- do.call(rbind, parts)
  if (NROW(table) == 0) {
    abort_ratings("Agreement requires two or more readers of the same images.",
                  "Received {length(unique(readers$reader))}.", readers = readers)
  }
  as_estimates("agreement", table)
}

# Adds the cluster of each rating.
with_patients <- function(readers, predictions, split) {
  if (!is.null(predictions)) {
    return(with_truth(readers, predictions, split))
  }
  readers$cluster <- cluster_names(data.frame(
    image_id = readers$image_id, group_id = NA_character_,
    patient_id = if ("patient_id" %in% names(readers)) readers$patient_id else NA_character_
  ))
  readers
}

check_categories <- function(categories, rating, call = rlang::caller_env()) {
  used <- sort(unique(rating))
  if (is.null(categories)) {
    return(if (all(used %in% 0:1)) c(0, 1) else used)
  }
  if (!is.numeric(categories) || anyDuplicated(categories) > 0 || !all(used %in% categories)) {
    abort_ratings("{.arg categories} must be all possible ratings.",
                  "Received {.val {categories}}; the ratings are {.val {first_few(used)}}.", call = call,
                  categories = categories, used = used)
  }
  sort(as.double(categories))
}

agreement_weights <- function(categories, weights) {
  distance <- abs(outer(categories, categories, `-`)) / max(diff(range(categories)), 1e-300)
  switch(weights, none = 1 * (distance == 0), linear = 1 - distance, quadratic = 1 - distance^2)
}

agreement_rows <- function(rows, categories, weight, confidence) {
  names <- unique(rows$reader)
  images <- unique(rows$image_id)
  name <- rows$cluster[match(images, rows$image_id)]
  cluster <- match(name, sort(unique(name), method = "radix"))
  ratings <- matrix(NA_integer_, length(images), length(names))
  ratings[cbind(match(rows$image_id, images), match(rows$reader, names))] <- match(rows$rating, categories)
  sets <- utils::combn(length(names), min(2, length(names)), simplify = FALSE)
  sets <- if (length(names) > 2) c(list(seq_along(names)), sets) else if (length(names) == 2) sets
  parts <- lapply(sets, function(set) {
    pair <- length(set) == 2
    together <- length(set) == length(names)
    some <- rowSums(!is.na(ratings[, set, drop = FALSE])) >= (if (pair) 2 else 1)
    if (!any(rowSums(!is.na(ratings[, set, drop = FALSE])) >= 2)) {
      return(NULL)
    }
    found <- agreement_of(ratings[some, set, drop = FALSE], cluster[some], weight, confidence)
    # Two readers alone also have the coefficients of all readers.
    found <- found[found$coefficient != "cohen" | pair, ]
    whom <- if (pair) names[set] else c(NA_character_, NA_character_)
    tibble::tibble(found["coefficient"], reader = whom[[1]], other_reader = whom[[2]], n_readers = length(set),
                   found[names(found) != "coefficient"])
  })
  do.call(rbind, parts)
}

# All coefficients of one set of readers. Each is a function of sums over images; the jackknife subtracts the sums of a
# patient.
agreement_of <- function(ratings, cluster, weight, confidence) {
  k <- nrow(weight)
  counts <- vapply(seq_len(k), function(category) rowSums(ratings == category, na.rm = TRUE), double(nrow(ratings)))
  counts <- matrix(counts, ncol = k)
  size <- rowSums(counts)
  agreeing <- rowSums(counts * (counts %*% weight - 1)) / pmax(size * (size - 1), 1)
  both <- size >= 2
  pair <- ncol(ratings) == 2
  one_hot <- function(column) outer(column, seq_len(k), `==`) + 0
  sums <- cbind(agreeing * both, both, counts / size, 1,
                if (pair) one_hot(ratings[, 1]), if (pair) one_hot(ratings[, 2]))
  by_cluster <- rowsum(sums, cluster)
  total <- colSums(by_cluster)
  all <- coefficients_of(matrix(total, 1), weight, pair)
  without <- coefficients_of(sweep(-by_cluster, 2, total, `+`), weight, pair)
  n <- nrow(by_cluster)
  std_error <- vapply(colnames(all), function(name) {
    sqrt(sum((without[, name] - mean(without[, name]))^2) * (n - 1) / n)
  }, double(1))
  test <- student_test(all[1, ], std_error, n - 1, confidence, c(-1, 1))
  tibble::tibble(
    coefficient = colnames(all), n_images = sum(both), n_clusters = n,
    estimate = unname(missing_unless_finite(all[1, ])),
    tibble::as_tibble(lapply(test[c("std_error", "lower", "upper")], unname))
  )
}

# One row per set of sums.
coefficients_of <- function(sums, weight, pair) {
  k <- nrow(weight)
  observed <- sums[, 1] / sums[, 2]
  share <- sums[, 2 + seq_len(k), drop = FALSE] / sums[, k + 3]
  expected <- function(first, second) rowSums((first %*% weight) * second)
  beyond <- function(chance) (observed - chance) / (1 - chance)
  gwet <- if (k > 1) sum(weight) / (k * (k - 1)) * rowSums(share * (1 - share)) else NA_real_
  coefficients <- cbind(agreement = observed, fleiss = beyond(expected(share, share)), gwet = beyond(gwet))
  if (pair) {
    first <- sums[, k + 3 + seq_len(k), drop = FALSE] / sums[, 2]
    second <- sums[, 2 * k + 3 + seq_len(k), drop = FALSE] / sums[, 2]
    coefficients <- cbind(coefficients, cohen = beyond(expected(first, second)))
  }
  coefficients
}
