# The four counts at many thresholds and in many draws at once, vectorised.

# Returns a function of `counts` (clusters by draws) that returns `tp`, `fp`, `tn`, `fn`, each a draws by thresholds
# matrix. An image is positive at or above a threshold. Images between the same two thresholds are counted together.
counts_at <- function(truth, probability, cluster, thresholds) {
  sorted <- sort(unique(thresholds))
  place <- match(thresholds, sorted)
  n_cells <- length(sorted) + 1
  cell <- findInterval(probability, sorted) + 1 + n_cells * (truth == 1)
  cells <- as_cells(cell, 2 * n_cells, cluster)
  function(counts) {
    sums <- cell_sums(cells, counts)
    negative <- sums_below(sums[seq_len(n_cells), , drop = FALSE])
    positive <- sums_below(sums[n_cells + seq_len(n_cells), , drop = FALSE])
    tn <- t(negative[place, , drop = FALSE])
    fn <- t(positive[place, , drop = FALSE])
    list(tp = positive[n_cells, ] - fn, fp = negative[n_cells, ] - tn, tn = tn, fn = fn)
  }
}

# Cumulative sums down each column. The loop is over rows, because there are few rows and many columns.
sums_below <- function(sums) {
  for (row in seq_len(nrow(sums))[-1]) {
    sums[row, ] <- sums[row, ] + sums[row - 1, ]
  }
  sums
}

# Metrics of the four counts, in the order of the tables. 0 / 0 is NaN and a likelihood ratio may be infinite; the
# caller handles these values.
metrics_of_counts <- function(n) {
  positives <- n$tp + n$fn
  negatives <- n$tn + n$fp
  sensitivity <- n$tp / positives
  specificity <- n$tn / negatives
  ppv <- n$tp / (n$tp + n$fp)
  npv <- n$tn / (n$tn + n$fn)
  list(
    sensitivity = sensitivity,
    specificity = specificity,
    ppv = ppv,
    npv = npv,
    lr_positive = sensitivity / (1 - specificity),
    lr_negative = (1 - sensitivity) / specificity,
    f1 = 2 * n$tp / (2 * n$tp + n$fp + n$fn),
    mcc = mcc_of(n$tp, n$fp, n$tn, n$fn),
    kappa = kappa_of(n$tp, n$fp, n$tn, n$fn),
    balanced_accuracy = (sensitivity + specificity) / 2
  )
}

# Binds matrices of one shape; columns are ordered by threshold, then by metric.
side_by_side <- function(metrics) {
  thresholds <- ncol(metrics[[1]])
  columns <- lapply(seq_len(thresholds), function(j) {
    of_threshold <- vapply(metrics, function(m) m[, j], double(nrow(metrics[[1]])))
    matrix(of_threshold, ncol = length(metrics), dimnames = list(NULL, names(metrics)))
  })
  do.call(cbind, columns)
}
