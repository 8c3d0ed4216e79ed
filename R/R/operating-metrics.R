# Metrics at fixed thresholds with the intervals of a clustered bootstrap, for operating_points().

# All metrics at each threshold, in the order of the thresholds.
metrics_at <- function(rows, thresholds, confidence, draws, seed) {
  cluster <- cluster_index(rows)
  at <- counts_at(rows$truth, rows$probability, cluster, thresholds)
  squares <- as_cells(rep(1, nrow(rows)), 1, cluster, (rows$probability - rows$truth)^2)
  statistic <- function(counts) {
    n <- at(counts)
    brier <- cell_sums(squares, counts)[1, ] / (n$tp + n$fp + n$tn + n$fn)
    side_by_side(c(metrics_of_counts(n), list(brier = brier)))
  }
  boot <- bootstrap_clusters(cluster, rows$truth, statistic, draws, seed)
  names <- names(boot$estimate)
  boot$estimate[!is.finite(boot$estimate)] <- NA_real_
  table <- tibble::tibble(metric = names, bootstrap_intervals(boot, confidence), interval = "bootstrap")
  table$std_error <- NULL
  parts <- split(table, rep(seq_along(thresholds), each = nrow(table) / length(thresholds)))
  parts <- lapply(seq_along(thresholds), function(j) {
    part <- widen_flat(parts[[j]], rows, cluster, thresholds[[j]], confidence)
    part$interval[is.na(part$lower) & is.na(part$upper)] <- NA_character_
    rbind(part, count_rows(rows, thresholds[[j]]))
  })
  do.call(rbind, parts)
}

widen_flat <- function(part, rows, cluster, threshold, confidence) {
  called <- rows$probability >= threshold
  of <- list(sensitivity = rows$truth == 1, specificity = rows$truth == 0, ppv = called, npv = !called)
  for (name in names(of)) {
    i <- match(name, part$metric)
    if (part$estimate[[i]] %in% c(0, 1)) {
      wilson <- wilson_of_clusters(part$estimate[[i]], cluster[of[[name]]], confidence)
      part[i, c("lower", "upper")] <- as.list(wilson)
      part$interval[[i]] <- "wilson"
    }
  }
  part
}

# If all predictions are correct, the bootstrap interval has zero width; Wilson's interval does not.
wilson_of_clusters <- function(estimate, cluster, confidence) {
  n_clusters <- length(unique(cluster))
  wilson <- wilson_interval(estimate * n_clusters, n_clusters, confidence)
  c(wilson$observed_lower, wilson$observed_upper)
}

count_rows <- function(rows, threshold) {
  n <- confusion_counts(rows$truth, rows$probability, threshold)
  tibble::tibble(
    metric = names(n), estimate = unname(n), lower = NA_real_, upper = NA_real_, interval = NA_character_
  )
}
