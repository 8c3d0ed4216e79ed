# Compares each table with the first, for one finding. All tables have the same images in the same order.
compare_tables <- function(tables, metrics, thresholds, confidence, draws, seed) {
  reference <- names(tables)[[1]]
  # Clusters come from the first table.
  cluster <- cluster_index(tables[[1]])
  boots <- lapply(stats::setNames(nm = names(tables)), function(model) {
    statistics <- lapply(metrics, metric_statistic, tables[[model]], cluster, thresholds[[model]])
    bootstrap_clusters(cluster, tables[[model]]$truth, in_columns(statistics), draws, seed)
  })
  parts <- lapply(names(tables)[-1], function(model) {
    by_bootstrap <- bootstrap_difference(boots[[model]], boots[[reference]], confidence)
    analytic <- if ("auroc" %in% names(metrics)) {
      auroc_differences(tables[[reference]], tables[[model]], cluster, confidence)
    }
    tibble::tibble(model = model, reference = reference, rbind(analytic, by_bootstrap))
  })
  table <- do.call(rbind, parts)
  tibble::tibble(
    table[c("model", "reference", "metric", "method")],
    n_images = length(cluster), n_clusters = max(cluster), n_left_out = attr(tables[[1]], "left_out"),
    table[setdiff(names(table), c("model", "reference", "metric", "method"))]
  )
}

in_columns <- function(statistics) {
  function(counts) {
    values <- vapply(statistics, function(statistic) as.double(statistic(counts)), double(ncol(counts)))
    matrix(values, ncol(counts), dimnames = list(NULL, names(statistics)))
  }
}

bootstrap_difference <- function(boot, reference, confidence) {
  intervals <- bootstrap_intervals(subtract_draws(boot, reference), confidence)
  tibble::tibble(
    metric = names(boot$estimate), method = "bootstrap",
    estimate = unname(boot$estimate), reference_estimate = unname(reference$estimate),
    difference = intervals$estimate, std_error = intervals$std_error,
    lower = intervals$lower, upper = intervals$upper,
    p_value = normal_p(intervals$estimate, intervals$std_error)
  )
}

# DeLong's and Obuchowski's tests; NULL if the tables differ in truth or a class is missing.
auroc_differences <- function(reference, rows, cluster, confidence) {
  truth <- rows$truth
  folds <- list(fold_index(rows), fold_index(reference))
  if (!identical(truth, reference$truth) || !all(vapply(folds, has_pairs, NA, truth = truth))) {
    return(NULL)
  }
  values <- cbind(
    placement_values(truth, rows$probability, folds[[1]]),
    placement_values(truth, reference$probability, folds[[2]])
  )
  weights <- cbind(fold_weights(truth, folds[[1]]), fold_weights(truth, folds[[2]]))
  aurocs <- colMeans((values * weights)[truth == 1, , drop = FALSE])
  contrast <- c(1, -1)
  of_clusters <- list(delong = seq_along(truth), obuchowski = cluster)
  std_error <- vapply(of_clusters, function(of) {
    covariance <- auroc_covariance(truth, values, of, weights)
    # Rounding must not make the variance of two equal models negative.
    sqrt(max(as.double(contrast %*% covariance %*% contrast), 0))
  }, double(1))
  reach <- stats::qnorm((1 + confidence) / 2) * std_error
  difference <- aurocs[[1]] - aurocs[[2]]
  p_value <- unname(normal_p(rep(difference, 2), std_error))
  tibble::tibble(
    metric = "auroc", method = names(of_clusters), estimate = aurocs[[1]], reference_estimate = aurocs[[2]],
    difference = difference, std_error = unname(std_error),
    lower = unname(difference - reach), upper = unname(difference + reach),
    p_value = p_value
  )
}
