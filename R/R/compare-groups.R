# Compares each group of each column with all other images, for one finding.
compare_groups <- function(rows, groups, threshold, min_clusters, confidence) {
  cluster <- cluster_index(rows)
  enough <- function(member) {
    with <- count_clusters(cluster[member & rows$truth == 1])
    without <- count_clusters(cluster[member & rows$truth == 0])
    min(with, without) >= min_clusters
  }
  quantities <- function(member) group_quantities(rows, member, cluster, threshold)
  parts <- list()
  for (column in names(groups)) {
    present <- levels(droplevels(groups[[column]]))
    # Of two groups, the rest of one is the other.
    metrics_of_group <- if (length(present) == 2) memoise(quantities) else quantities
    for (group in present) {
      member <- groups[[column]] == group
      compared <- compare_group(member, enough, metrics_of_group, confidence)
      facts <- tibble::tibble(
        column = column, group = group, n_images = sum(member), n_clusters = count_clusters(cluster[member]),
        n_positive = sum(rows$truth[member]), too_small = !enough(member),
        # With two groups, both rows show the same comparison.
        repeated = length(present) == 2 && group == present[[2]]
      )
      parts <- c(parts, list(tibble::tibble(facts, compared)))
    }
  }
  correct_by_holm(if (length(parts) > 0) do.call(rbind, parts) else no_groups())
}

group_metrics <- c("auroc", "sensitivity", "specificity", "under_diagnosis", "calibration_in_the_large")

# The metrics of some images, see score-intervals.R, over the clusters of all images.
group_quantities <- function(rows, member, cluster, threshold) {
  clusters <- max(cluster)
  truth <- rows$truth[member]
  probability <- rows$probability[member]
  cluster <- cluster[member]
  n <- counts_by_cluster(truth, probability, cluster, threshold, clusters)
  list(
    auroc = auroc_of(truth, probability, cluster, fold_index(rows)[member], clusters),
    sensitivity = proportion(n$tp, n$tp + n$fn),
    specificity = proportion(n$tn, n$tn + n$fp),
    under_diagnosis = proportion(n$fn, n$tp + n$fn),
    calibration_in_the_large = mean_quantity(
      sums_by(truth - probability, cluster, clusters), tabulate(cluster, clusters), c(-1, 1)
    )
  )
}

# Intervals of a group and of its difference; missing if the group or the rest is too small.
compare_group <- function(member, enough, metrics_of_group, confidence) {
  large <- enough(member)
  both <- large && any(!member) && enough(!member)
  of_group <- if (large) metrics_of_group(member)
  of_rest <- if (both) metrics_of_group(!member)
  parts <- lapply(group_metrics, function(metric) {
    missing <- no_quantity(1)
    own <- if (large) of_group[[metric]] else missing
    differs <- if (both) difference_of_metric(metric, own, of_rest[[metric]]) else missing
    limits <- limits_of(differs, confidence)
    tibble::tibble(
      metric = metric, limits_of(own, confidence),
      rest = if (both) of_rest[[metric]]$estimate else NA_real_,
      difference = limits$estimate, difference_lower = limits$lower, difference_upper = limits$upper,
      p_value = p_of_difference(differs)
    )
  })
  do.call(rbind, parts)
}

difference_of_metric <- function(metric, first, second) {
  switch(metric,
    auroc = auroc_difference(first, second),
    calibration_in_the_large = mean_difference(first, second),
    difference(first, second)
  )
}

correct_by_holm <- function(table) {
  table$p_holm <- rep(NA_real_, nrow(table))
  for (metric in unique(table$metric)) {
    once <- table$metric == metric & !table$repeated
    table$p_holm[once] <- stats::p.adjust(table$p_value[once], "holm")
    for (i in which(table$metric == metric & table$repeated)) {
      twin <- once & table$column == table$column[[i]]
      table$p_holm[[i]] <- table$p_holm[twin]
    }
  }
  table$repeated <- NULL
  table
}

no_groups <- function() {
  text <- character()
  count <- integer()
  real <- double()
  tibble::tibble(
    column = text, group = text, n_images = count, n_clusters = count, n_positive = count, too_small = logical(),
    repeated = logical(), metric = text, estimate = real, lower = real, upper = real, rest = real, difference = real,
    difference_lower = real, difference_upper = real, p_value = real
  )
}

# Caches results by images.
memoise <- function(compute) {
  known <- list()
  function(member) {
    for (entry in known) {
      if (identical(entry$member, member)) {
        return(entry$value)
      }
    }
    value <- compute(member)
    known <<- c(known, list(list(member = member, value = value)))
    value
  }
}
