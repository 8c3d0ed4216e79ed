#' Findings that exclude each other
#'
#' For findings of which an image has at most one, such as bacterial and viral pneumonia: the confusion matrix of the
#' most probable class, and the area under the ROC curve over all pairs of classes (Hand and Till 2001). Images
#' without a finding are the class `none`. Calibration and the other measures of a single class are those of its
#' finding: [calibration_measures()], [discrimination()].
#'
#' The probability of `none` is what the probabilities of the findings leave to 1. Where they exceed 1, as separately
#' recalibrated probabilities can, they are divided by their sum. An image counts if the labels of all its findings
#' are known. Intervals of areas come from a clustered bootstrap of patients, see [clustered_auroc()]; shares have
#' Wilson's interval with the effective number of images, see [operating_points()].
#'
#' The area of a pair is the mean of two: images of the two classes ranked by the probability of the first, and by
#' the probability of the second. `mean` is the mean over the pairs. It does not depend on the prevalence of the
#' classes.
#'
#' @inheritParams clustered_auroc
#' @param draws,seed For `multiclass_auroc()`; the confusion matrix has intervals in closed form.
#' @param none Name of the class of images without a finding.
#' @return `multiclass_auroc()`: a tibble with one row per pair of classes, and a last row for their mean: `class_1`,
#'   `class_2` (both missing in the last row), `split`, `auroc`, `auroc_lower`, `auroc_upper` (0--1; missing for an area
#'   of 0 or 1), `n_images`, `confidence`.
#'
#'   `confusion_matrix()`: a tibble with one row per true and predicted class: `truth`, `predicted`, `split`, `n`,
#'   `share` (of the images of the true class), `share_lower`, `share_upper`, `confidence`.
#' @seealso [discrimination()]
#' @section Errors:
#' `placa_error_classes` if there is only one finding, or an image has several; the errors of [clustered_auroc()].
#' @references
#' Hand DJ, Till RJ (2001). A simple generalisation of the area under the ROC curve for multiple class classification
#' problems. *Machine Learning* 45(2), 171--186. \doi{10.1023/A:1010920819831}
#' @export
#' @examples
#' classes <- data.frame(
#'   image_id = rep(1:60, 2), patient_id = NA, group_id = NA, split = "test",
#'   finding = rep(c("Bacterial", "Viral"), each = 60),
#'   truth = c(rep(c(1, 0, 0), 20), rep(c(0, 1, 0), 20)), probability = c(1:60, 60:1) / 61 / 2 + 0.2
#' )
#' multiclass_auroc(classes, draws = 200)
#' confusion_matrix(classes, draws = 200)
multiclass_auroc <- function(predictions, split = "test", none = "none", confidence = 0.95, draws = 2000, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  data <- classes_of(select_split(predictions, split), none)
  pairs <- utils::combn(colnames(data$probability), 2, simplify = FALSE)
  ranking_of <- function(class, other) {
    rows <- which(data$truth %in% c(class, other))
    ranked(as.integer(data$truth[rows] == class), data$probability[rows, class], data$cluster[rows])
  }
  rankings <- lapply(pairs, function(pair) {
    list(ranking_of(pair[[1]], pair[[2]]), ranking_of(pair[[2]], pair[[1]]))
  })
  statistic <- function(counts) {
    areas <- vapply(rankings, function(both) {
      (areas_of(both[[1]], counts)[, "auroc"] + areas_of(both[[2]], counts)[, "auroc"]) / 2
    }, double(ncol(counts)))
    areas <- matrix(areas, ncol(counts))
    cbind(areas, rowMeans(areas))
  }
  on.exit(clear_resample_cache())
  intervals <- bootstrap_intervals(bootstrap_clusters(data$cluster, data$truth, statistic, draws, seed), confidence)
  # If every draw has the same area, such as 1, the draws do not show its uncertainty.
  intervals[intervals$lower == intervals$upper & !is.na(intervals$lower), c("lower", "upper")] <- NA_real_
  of_pair <- vapply(pairs, function(pair) sum(data$truth %in% pair), 1L)
  as_estimates("multiclass_auroc", tibble::tibble(
    class_1 = c(vapply(pairs, `[[`, "", 1), NA), class_2 = c(vapply(pairs, `[[`, "", 2), NA), split = split,
    auroc = intervals$estimate, auroc_lower = intervals$lower, auroc_upper = intervals$upper,
    n_images = c(of_pair, length(data$truth)), confidence = confidence
  ))
}

#' @rdname multiclass_auroc
#' @export
confusion_matrix <- function(predictions, split = "test", none = "none", confidence = 0.95, draws = 2000, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  data <- classes_of(select_split(predictions, split), none)
  names <- colnames(data$probability)
  predicted <- names[max.col(data$probability, "first")]
  cells <- expand.grid(predicted = names, truth = names, stringsAsFactors = FALSE)
  clusters <- max(data$cluster)
  shares <- lapply(seq_len(nrow(cells)), function(i) {
    of_class <- data$truth == cells$truth[[i]]
    in_cell <- of_class & predicted == cells$predicted[[i]]
    proportion(sums_by(in_cell, data$cluster, clusters), sums_by(of_class, data$cluster, clusters))
  })
  limits <- vapply(shares, function(of) of$limits(confidence), double(2))
  n <- as.integer(table(factor(predicted, names), factor(data$truth, names)))
  as_estimates("confusion", tibble::tibble(
    truth = cells$truth, predicted = cells$predicted, split = split, n = n,
    share = vapply(shares, `[[`, double(1), "estimate"), share_lower = limits[1, ], share_upper = limits[2, ],
    confidence = confidence
  ))
}

# The class of each image, and the probabilities of all classes in columns.
classes_of <- function(rows, none, call = rlang::caller_env()) {
  findings <- unique(rows$finding)
  images <- rows[!duplicated(rows$image_id), ]
  wide <- function(column) {
    values <- matrix(NA_real_, nrow(images), length(findings), dimnames = list(NULL, findings))
    values[cbind(match(rows$image_id, images$image_id), match(rows$finding, findings))] <- rows[[column]]
    values
  }
  truth <- wide("truth")
  several <- sum(rowSums(truth, na.rm = TRUE) > 1)
  if (length(findings) < 2 || several > 0 || none %in% findings) {
    abort(
      c("{.arg predictions} must have at least two findings of which an image has at most one.",
        x = if (length(findings) < 2) "There is only one finding." else if (several > 0) {
          "{several} image{?s} {?has/have} several findings."
        } else {
          "{.val {show_controls(none)}} is the name of a finding; give another name by {.arg none}."
        }),
      class = "placa_error_classes", call = call
    )
  }
  probability <- wide("probability")
  known <- stats::complete.cases(truth, probability)
  probability <- probability[known, , drop = FALSE]
  truth <- truth[known, , drop = FALSE]
  images <- images[known, ]
  total <- rowSums(probability)
  probability <- cbind(probability, 1 - total) / pmax(total, 1)
  probability[, ncol(probability)] <- pmax(probability[, ncol(probability)], 0)
  class <- c(findings, none)[ifelse(rowSums(truth) > 0, max.col(truth, "first"), length(findings) + 1L)]
  colnames(probability) <- c(findings, none)
  # Without an image of a class, there is nothing to tell apart.
  kept <- colnames(probability) %in% class
  list(truth = class, probability = probability[, kept, drop = FALSE], cluster = cluster_index(images))
}
