# Covariances of the performance of several readers and modalities on the same cases. `values` has one row per case and
# one column per reader and modality: placement values for AUROC, and whether the case is called right otherwise.

# The values of a metric whose mean over one class is the performance.
reader_values <- function(truth, ratings, metric, positive_from = NULL) {
  if (metric == "auroc") {
    return(apply(ratings, 2, function(rating) placement_values(truth, rating)))
  }
  called <- ratings >= positive_from
  of_class <- truth == (metric == "sensitivity")
  right <- if (metric == "sensitivity") called else !called
  right[!of_class, ] <- NA
  right + 0
}

reader_performance <- function(truth, values, metric) {
  colMeans(values[truth == (metric != "specificity"), , drop = FALSE])
}

# One covariance matrix by the chosen method.
reader_covariance <- function(truth, ratings, values, metric, method, cluster, call = rlang::caller_env()) {
  clustered <- max(cluster) < length(cluster)
  if (method != "jackknife" && metric != "auroc") {
    abort_ratings("{.arg covariance} must be {.val jackknife} for {.val {metric}}.", "Received {.val {method}}.",
                  call = call, metric = metric, method = method)
  }
  if (method == "unbiased" && clustered) {
    abort_ratings("The unbiased covariance requires one image per patient.",
                  "{length(cluster)} images are of {max(cluster)} patients.",
                  "Use {.code covariance = \"jackknife\"} or {.code \"delong\"}, which are clustered by patient.",
                  call = call, cluster = cluster)
  }
  switch(method,
    jackknife = jackknife_covariance(truth, ratings, values, metric, cluster),
    delong = auroc_covariance(truth, values, cluster),
    unbiased = unbiased_covariance(truth, ratings, values)
  )
}

# The jackknife over patients (Efron 1982), in closed form: the pairs of images of a patient are taken from the sums.
jackknife_covariance <- function(truth, ratings, values, metric, cluster) {
  without <- if (metric == "auroc") {
    auroc_without(truth, ratings, values, cluster)
  } else {
    # Patients without an image of the class have no influence, and are not counted, as in MRMCaov.
    of_class <- !is.na(values[, 1])
    sums <- rowsum(values[of_class, , drop = FALSE], cluster[of_class])
    sizes <- as.double(rowsum(rep(1, sum(of_class)), cluster[of_class]))
    sweep(-sums, 2, colSums(sums), `+`) / (sum(sizes) - sizes)
  }
  # A class that only one patient has disappears without that patient.
  if (!all(is.finite(without))) {
    return(matrix(NA_real_, ncol(values), ncol(values)))
  }
  n <- nrow(without)
  crossprod(sweep(without, 2, colMeans(without))) * (n - 1) / n
}

# AUROC without each cluster.
auroc_without <- function(truth, ratings, values, cluster) {
  positive <- truth == 1
  m <- as.double(sum(positive))
  n <- as.double(sum(!positive))
  n_clusters <- max(cluster)
  of_positives <- sums_of_columns(values[positive, , drop = FALSE], cluster[positive], n_clusters)
  of_negatives <- sums_of_columns(values[!positive, , drop = FALSE], cluster[!positive], n_clusters)
  positives <- tabulate(cluster[positive], n_clusters)
  negatives <- tabulate(cluster[!positive], n_clusters)
  within <- matrix(0, n_clusters, ncol(values))
  for (one in which(positives > 0 & negatives > 0)) {
    rows <- which(cluster == one)
    within[one, ] <- apply(ratings[rows, , drop = FALSE], 2, pairs_in_order, truth[rows])
  }
  pairs <- sweep(within - n * of_positives - m * of_negatives, 2, n * colSums(of_positives), `+`)
  pairs / ((m - positives) * (n - negatives))
}

pairs_in_order <- function(rating, truth) {
  sum(outer(rating[truth == 1], rating[truth == 0], function(a, b) (a > b) + (a == b) / 2))
}

sums_of_columns <- function(values, cluster, n_clusters) {
  sums <- lapply(seq_len(ncol(values)), function(column) sums_by(values[, column], cluster, n_clusters))
  matrix(unlist(sums), n_clusters)
}

# The unbiased estimate from U-statistics (Gallas, Pennello and Myers 2007, <doi:10.1364/JOSAA.24.000B70>).
unbiased_covariance <- function(truth, ratings, values) {
  positive <- truth == 1
  m <- as.double(sum(positive))
  n <- as.double(sum(!positive))
  negatives <- ratings[!positive, , drop = FALSE]
  both <- matrix(0, ncol(ratings), ncol(ratings))
  for (row in which(positive)) {
    order <- sweep(-negatives, 2, ratings[row, ], `+`)
    both <- both + crossprod((order > 0) + (order == 0) / 2)
  }
  theta <- colMeans(values[positive, , drop = FALSE])
  share <- m * n / ((m - 1) * (n - 1))
  sums <- n^2 * crossprod(values[positive, , drop = FALSE]) + m^2 * crossprod(values[!positive, , drop = FALSE]) - both
  (1 - share) * tcrossprod(theta) + share * sums / (m * n)^2
}
