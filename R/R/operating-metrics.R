# Metrics at fixed thresholds with score-type intervals, for operating_points().

# All metrics at each threshold, in the order of the thresholds.
metrics_at <- function(rows, thresholds, confidence) {
  cluster <- cluster_index(rows)
  brier <- brier_of(rows$probability, rows$truth, cluster)
  parts <- lapply(thresholds, function(threshold) {
    counts <- counts_by_cluster(rows$truth, rows$probability, cluster, threshold)
    metrics <- c(confusion_metrics(counts), list(brier = brier))
    table <- do.call(rbind, lapply(metrics, limits_of, confidence))
    interval <- ifelse(is.na(table$lower) & is.na(table$upper), NA_character_, unname(interval_methods[names(metrics)]))
    rbind(
      tibble::tibble(metric = names(metrics), table, interval = interval),
      count_rows(rows, threshold)
    )
  })
  do.call(rbind, parts)
}

# The method of the interval of each metric.
interval_methods <- c(
  sensitivity = "wilson", specificity = "wilson", ppv = "wilson", npv = "wilson", lr_positive = "ratio",
  lr_negative = "ratio", f1 = "wilson", mcc = "square_and_add", kappa = "square_and_add",
  balanced_accuracy = "square_and_add", brier = "score"
)

count_rows <- function(rows, threshold) {
  n <- confusion_counts(rows$truth, rows$probability, threshold)
  tibble::tibble(
    metric = names(n), estimate = unname(n), lower = NA_real_, upper = NA_real_, interval = NA_character_
  )
}
