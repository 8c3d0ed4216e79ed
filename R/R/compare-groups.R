# Compares each group of each column with all other images, for one finding.
compare_groups <- function(rows, groups, threshold, min_clusters, confidence, draws, seed) {
  cluster <- cluster_index(rows)
  enough <- function(member) {
    with <- length(unique(cluster[member & rows$truth == 1]))
    without <- length(unique(cluster[member & rows$truth == 0]))
    min(with, without) >= min_clusters
  }
  boot <- memoise(function(member) {
    boot <- bootstrap_clusters(cluster, rows$truth, group_statistic(rows, member, cluster, threshold), draws, seed)
    boot$units <- effective_clusters(rows$truth[member], cluster[member])
    boot
  })
  parts <- list()
  for (column in names(groups)) {
    present <- levels(droplevels(groups[[column]]))
    for (group in present) {
      member <- groups[[column]] == group
      compared <- compare_group(member, enough, boot, confidence)
      compared <- widen_group(compared, rows$truth[member], cluster[member], confidence)
      facts <- tibble::tibble(
        column = column, group = group, n_images = sum(member), n_clusters = length(unique(cluster[member])),
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

group_statistic <- function(rows, member, cluster, threshold) {
  truth <- rows$truth[member]
  probability <- rows$probability[member]
  cluster <- cluster[member]
  ranking <- ranked(truth, probability, cluster, fold_index(rows[member, ]))
  at <- counts_at(truth, probability, cluster, threshold)
  gap <- as_cells(rep(1, length(truth)), 1, cluster, truth - probability)
  function(counts) {
    n <- lapply(at(counts), function(count) count[, 1])
    values <- cbind(
      areas_of(ranking, counts)[, "auroc"],
      n$tp / (n$tp + n$fn),
      n$tn / (n$tn + n$fp),
      n$fn / (n$tp + n$fn),
      cell_sums(gap, counts)[1, ] / (n$tp + n$fn + n$tn + n$fp)
    )
    # A draw without the group has no value.
    values[is.nan(values)] <- NA_real_
    colnames(values) <- group_metrics
    values
  }
}

# Intervals of a group and of its difference, from the same draws; missing if the group or the rest is too small.
compare_group <- function(member, enough, boot, confidence) {
  missing <- list(estimate = NA_real_, lower = NA_real_, upper = NA_real_, std_error = NA_real_)
  of_group <- if (enough(member)) bootstrap_intervals(boot(member), confidence) else missing
  both <- enough(member) && any(!member) && enough(!member)
  differs <- if (both) bootstrap_intervals(subtract_draws(boot(member), boot(!member)), confidence) else missing
  tibble::tibble(
    metric = group_metrics,
    estimate = of_group$estimate, lower = of_group$lower, upper = of_group$upper,
    rest = if (both) unname(boot(!member)$estimate) else NA_real_,
    difference = differs$estimate, difference_lower = differs$lower, difference_upper = differs$upper,
    p_value = normal_p(differs$estimate, differs$std_error)
  )
}

widen_group <- function(compared, truth, cluster, confidence) {
  of <- list(sensitivity = 1, specificity = 0, under_diagnosis = 1)
  for (name in names(of)) {
    i <- match(name, compared$metric)
    if (compared$estimate[[i]] %in% c(0, 1)) {
      wilson <- wilson_of_clusters(compared$estimate[[i]], cluster[truth == of[[name]]], confidence)
      compared[i, c("lower", "upper")] <- as.list(wilson)
    }
  }
  compared
}

subtract_draws <- function(a, b) {
  list(estimate = a$estimate - b$estimate, draws = a$draws - b$draws, units = min(a$units, b$units))
}

# A difference of zero with a standard error of zero has p = 1.
normal_p <- function(difference, std_error) {
  p <- 2 * stats::pnorm(-abs(difference) / std_error)
  p[is.nan(p)] <- 1
  p[is.na(difference) | is.na(std_error)] <- NA_real_
  p
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

# Caches results by images, because the rest of one group may be another group.
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
