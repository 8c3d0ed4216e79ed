# Analytical variances of AUROC: DeLong et al. 1988, and Obuchowski 1997 for clustered images.

# Placement values: for a positive, the share of negatives ranked below it, ties count half; for a negative, the share
# of positives ranked above it. Sorting makes it O(n log n); Sun and Xu 2014, <doi:10.1109/LSP.2014.2337313>.
placement_values <- function(truth, probability, fold = NULL) {
  if (!is.null(fold)) {
    value <- double(length(truth))
    for (rows in split(seq_along(truth), fold)) {
      # A fold without one class has weight 0, see fold_weights().
      if (has_pairs(truth[rows])) value[rows] <- placement_values(truth[rows], probability[rows])
    }
    return(value)
  }
  order <- order(probability, method = "radix")
  sorted <- probability[order]
  starts <- c(TRUE, sorted[-1] != sorted[-length(sorted)])
  ends <- c(starts[-1], TRUE)
  tie <- cumsum(starts)
  positive <- truth[order] == 1
  # The images of a class that rank below each tie, and half of those in it.
  below <- function(of_class) {
    up_to <- cumsum(of_class)[ends]
    (up_to + c(0, up_to[-length(up_to)])) / 2
  }
  value <- double(length(truth))
  value[order] <- ifelse(
    positive, (below(!positive) / sum(!positive))[tie], 1 - (below(positive) / sum(positive))[tie]
  )
  value
}

mean_of_placements <- function(truth, values, weights = 1) mean((values * weights)[truth == 1])

# The covariance matrix of the AUROCs whose placement values are the columns of `values`, for the same images. With one
# image per cluster it equals DeLong's: both divide by the number of images minus one, and the cross term is zero.
# `weights` are those of fold_weights(), in the shape of `values`.
auroc_covariance <- function(truth, values, cluster, weights = 1) {
  values <- unname(as.matrix(values))
  positive <- truth == 1
  theta <- colMeans((values * weights)[positive, , drop = FALSE])
  off <- sweep(values, 2, theta) * weights
  of_positives <- sums_of_columns(off * positive, cluster, max(cluster))
  of_negatives <- sums_of_columns(off * !positive, cluster, max(cluster))
  n_clusters <- function(rows) count_clusters(cluster[rows])
  scale <- function(clusters) clusters / (clusters - 1)
  with_positive <- n_clusters(positive)
  with_negative <- n_clusters(!positive)
  if (with_positive < 2 || with_negative < 2) {
    return(matrix(NA_real_, ncol(values), ncol(values)))
  }
  # Doubles, because the number of pairs overflows R's integers from 2^31 on.
  m <- as.double(sum(positive))
  n <- as.double(sum(!positive))
  cross <- crossprod(of_positives, of_negatives)
  scale(with_positive) * crossprod(of_positives) / m^2 +
    scale(with_negative) * crossprod(of_negatives) / n^2 +
    scale(n_clusters(rep(TRUE, length(truth)))) * (cross + t(cross)) / (m * n)
}

# The number of clusters that have an image; `cluster` is that of each image.
count_clusters <- function(cluster) sum(tabulate(cluster) > 0)

# An estimate with its normal interval, limited to the range from 0 to 1.
normal_interval <- function(estimate, variance, confidence) {
  std_error <- sqrt(variance)
  reach <- stats::qnorm((1 + confidence) / 2) * std_error
  tibble::tibble(
    auroc = estimate, std_error = std_error,
    auroc_lower = pmax(estimate - reach, 0), auroc_upper = pmin(estimate + reach, 1)
  )
}
