# Compares each table with the first, for one finding. Paired tables have the same images in the same order.
compare_tables <- function(tables, metrics, thresholds, confidence, draws, seed, paired = TRUE) {
  reference <- names(tables)[[1]]
  # Clusters of paired tables come from the first.
  clusters <- lapply(tables, function(rows) cluster_index(if (paired) tables[[1]] else rows))
  by_counts <- vapply(metrics, function(metric) rlang::is_string(metric) && metric %in% threshold_metrics, logical(1))
  drawn <- draw_tables(tables, metrics[!by_counts], clusters, draws, seed, paired)
  parts <- lapply(names(tables)[-1], function(model) {
    pair <- c(model, reference)
    analytic <- if ("auroc" %in% names(metrics)) {
      auroc_differences(tables[pair], clusters[pair], confidence, paired)
    }
    rows <- rbind(
      analytic,
      if (any(!by_counts)) bootstrap_difference(drawn[[model]], drawn[[reference]], confidence, paired),
      count_differences(tables[pair], metrics[by_counts], thresholds[pair], clusters[pair], confidence, paired)
    )
    in_order <- unlist(lapply(names(metrics), function(metric) which(rows$metric == metric)))
    tibble::tibble(model = model, reference = reference, rows[in_order, ])
  })
  table <- do.call(rbind, parts)
  tibble::tibble(
    table[c("model", "reference", "metric", "method")],
    n_images = if (paired) nrow(tables[[1]]) else vapply(tables[table$model], nrow, integer(1), USE.NAMES = FALSE),
    n_clusters = vapply(clusters[table$model], max, integer(1), USE.NAMES = FALSE),
    n_left_out = if (paired) attr(tables[[1]], "left_out") else 0L,
    table[setdiff(names(table), c("model", "reference", "metric", "method"))]
  )
}

# The draws of each table: of the same clusters if paired, otherwise independent.
draw_tables <- function(tables, metrics, clusters, draws, seed, paired) {
  if (length(metrics) == 0) {
    return(NULL)
  }
  statistics <- Map(function(rows, cluster) metric_statistics(metrics, rows, cluster), tables, clusters)
  truths <- lapply(tables, `[[`, "truth")
  if (!paired) {
    return(Map(bootstrap_clusters, clusters, truths, statistics, draws, seed + seq_along(tables)))
  }
  in_columns <- function(counts) do.call(cbind, lapply(unname(statistics), function(statistic) statistic(counts)))
  drawn <- bootstrap_clusters(clusters[[1]], truths[[1]], in_columns, draws, seed)
  place <- stats::setNames(seq_along(tables) - 1, names(tables))
  Map(function(place, truth, cluster) {
    columns <- place * length(metrics) + seq_along(metrics)
    list(estimate = drawn$estimate[columns], draws = drawn$draws[, columns, drop = FALSE],
         units = effective_clusters(truth, cluster))
  }, place, truths, clusters)
}

# Limits at the same distance, with the standard error of the bootstrap and the quantile of Student's t for the number
# of clusters; the p-value has the same reference.
bootstrap_difference <- function(boot, reference, confidence, paired) {
  differences <- boot$draws - reference$draws
  estimate <- unname(boot$estimate - reference$estimate)
  usable <- colMeans(is.finite(differences)) >= 0.9
  units <- min(boot$units, reference$units)
  parts <- lapply(seq_along(estimate), function(j) {
    values <- differences[is.finite(differences[, j]), j]
    estimable <- usable[[j]] && length(values) > 1 && units > 1
    std_error <- if (estimable) stats::sd(values) * sqrt(units / (units - 1)) else NA_real_
    # Draws that vary and never differ are of identical models.
    same <- isTRUE(std_error < 1e-12) && isTRUE(stats::sd(boot$draws[, j], na.rm = TRUE) > 1e-12)
    of <- symmetric(estimate[[j]], 0, std_error, units - 1)
    if (same) of$limits <- function(confidence) c(0, 0)
    one_difference(of, std_error, confidence)
  })
  tibble::tibble(
    metric = names(boot$estimate), method = "bootstrap",
    estimate = unname(boot$estimate), reference_estimate = unname(reference$estimate), do.call(rbind, parts)
  )
}

one_difference <- function(of, std_error, confidence) {
  limits <- limits_of(of, confidence)
  tibble::tibble(
    difference = limits$estimate, std_error = std_error, lower = limits$lower, upper = limits$upper,
    p_value = p_of_difference(of)
  )
}

# Metrics of counts, from the intervals of both models.
count_differences <- function(pair, metrics, thresholds, clusters, confidence, paired) {
  if (length(metrics) == 0) {
    return(NULL)
  }
  quantities <- Map(function(rows, cluster, threshold) {
    confusion_metrics(counts_by_cluster(rows$truth, rows$probability, cluster, threshold))
  }, pair, clusters, thresholds)
  parts <- lapply(unlist(metrics), function(metric) {
    first <- quantities[[1]][[metric]]
    second <- quantities[[2]][[metric]]
    differs <- if (paired) difference(first, second) else difference(first, independent_of(first, second))
    tibble::tibble(
      metric = metric, method = "score", estimate = missing_unless_finite(first$estimate),
      reference_estimate = missing_unless_finite(second$estimate), one_difference(differs, NA_real_, confidence)
    )
  })
  table <- do.call(rbind, parts)
  table[c("difference", "lower", "upper")] <- lapply(table[c("difference", "lower", "upper")], missing_unless_finite)
  table
}

missing_unless_finite <- function(x) ifelse(is.finite(x), x, NA_real_)

# Two quantities of different clusters: the influence of each has zeros for the clusters of the other.
independent_of <- function(first, second) {
  second$influence <- double(length(first$influence))
  second
}

# DeLong's and Obuchowski's tests and, for paired tables, that of exchange_models(); NULL if paired tables differ in
# truth, or a class is missing.
auroc_differences <- function(pair, clusters, confidence, paired) {
  folds <- lapply(pair, fold_index)
  truth <- lapply(pair, `[[`, "truth")
  if (paired && !identical(truth[[1]], truth[[2]]) || !all(mapply(has_pairs, truth, folds))) {
    return(NULL)
  }
  values <- Map(function(rows, fold) placement_values(rows$truth, rows$probability, fold), pair, folds)
  weights <- Map(fold_weights, truth, folds)
  of_clusters <- list(delong = lapply(truth, seq_along), obuchowski = clusters)
  parts <- lapply(names(of_clusters), function(method) {
    of <- Map(auroc_of_placements, truth, values, weights, of_clusters[[method]])
    std_error <- if (paired) {
      paired_error(truth[[1]], values, weights, of_clusters[[method]][[1]])
    } else {
      sqrt(sum(mapply(function(truth, values, cluster, weights) {
        auroc_covariance(truth, values, cluster, weights)[1, 1]
      }, truth, values, of_clusters[[method]], weights)))
    }
    differs <- auroc_difference(of[[1]], of[[2]], std_error, paired)
    tibble::tibble(
      metric = "auroc", method = method, estimate = of[[1]]$estimate, reference_estimate = of[[2]]$estimate,
      one_difference(differs, std_error, confidence)
    )
  })
  if (paired && identical(folds[[1]], folds[[2]])) {
    of <- Map(auroc_of_placements, truth, values, weights, clusters)
    exchanged <- exchange_models(truth[[1]], lapply(pair, `[[`, "probability"), folds[[1]], clusters[[1]])
    std_error <- exchanged$std_error
    differs <- auroc_difference(of[[1]], of[[2]], std_error, quantile = exchanged$quantile)
    parts <- c(parts, list(tibble::tibble(
      metric = "auroc", method = "score", estimate = of[[1]]$estimate, reference_estimate = of[[2]]$estimate,
      one_difference(differs, std_error, confidence)
    )))
  }
  do.call(rbind, parts)
}

# The test of two models' AUROCs if the models can be exchanged in each patient, as in the permutation test of Bandos,
# Rockette and Gur (2005, <doi:10.1002/sim.2149>): the difference is then a sum over patients with signs at random.
# Returns its standard error, and its quantiles in standard errors. In small samples it makes fewer false positives and
# negatives than Obuchowski's test, which needs no curves of the same shape. Above `least` patients of the rarer class,
# the variance is a mean of both, with the weight of such patients.
exchange_models <- function(truth, probabilities, fold, cluster, least = 30) {
  n <- length(truth)
  ranks <- lapply(probabilities, function(of_model) {
    if (is.null(fold)) rank(of_model) else stats::ave(of_model, fold, FUN = rank)
  })
  twice <- placement_values(rep(truth, 2), unlist(ranks), if (!is.null(fold)) rep(fold, 2))
  weights <- fold_weights(truth, fold)
  classes <- ifelse(truth == 1, sum(truth == 1), sum(truth == 0))
  sums <- sums_by((twice[seq_len(n)] - twice[n + seq_len(n)]) * weights / classes, cluster, max(cluster))
  values <- lapply(probabilities, function(of_model) placement_values(truth, of_model, fold))
  share <- min(1, least / effective_clusters(truth, cluster))
  variance <- share * sum(sums^2) +
    (1 - share) * paired_error(truth, values, list(weights, weights), cluster)^2
  # Placement values are multiples of this step.
  step <- 1 / (4 * sum(truth == 1) * as.double(sum(truth == 0)))
  list(std_error = sqrt(variance), quantile = exchange_quantile(sums, if (is.null(fold)) step else 0))
}

# The quantile of the absolute sum of parts with random signs, in its standard deviations, as a function of the
# confidence level. Few parts have few different sums, so a p-value counts half of the probability of the observed one
# (mid-p, Lancaster 1961, <doi:10.1080/01621459.1961.10482105>). Many parts have a normal sum.
exchange_quantile <- function(parts, step, cells = 2^13, most = 500) {
  parts <- abs(parts[abs(parts) > 1e-12])
  steps <- round(parts / max(step, sum(parts) / cells))
  steps <- steps[steps > 0]
  if (length(steps) == 0 || length(steps) > most) {
    return(function(confidence) student_quantile(confidence, Inf))
  }
  # The probability of each sum, part by part.
  chances <- c(double(sum(steps)), 1, double(sum(steps)))
  n <- length(chances)
  for (one in steps) {
    nothing <- double(one)
    chances <- (c(nothing, chances[seq_len(n - one)]) + c(chances[(one + 1):n], nothing)) / 2
  }
  of_size <- chances[(sum(steps) + 1):n]
  of_size[-1] <- 2 * of_size[-1]
  mid_p <- rev(cumsum(rev(of_size))) - of_size / 2
  sizes <- which(of_size > 0 & mid_p > 1e-12)
  last <- utils::tail(sizes, 1)
  function(confidence) {
    reach <- if (1 - confidence >= mid_p[[last]]) {
      stats::approx(c(1, mid_p[sizes]), c(0, sizes - 1), 1 - confidence)$y
    } else {
      # Beyond all sums, in proportion to a normal quantile.
      (last - 1) * stats::qnorm((1 + confidence) / 2) / stats::qnorm(1 - mid_p[[last]] / 2)
    }
    reach / sqrt(sum(steps^2))
  }
}

paired_error <- function(truth, values, weights, cluster) {
  covariance <- auroc_covariance(truth, do.call(cbind, values), cluster, do.call(cbind, weights))
  # Rounding must not make the variance of two equal models negative.
  sqrt(max(covariance[1, 1] + covariance[2, 2] - 2 * covariance[1, 2], 0))
}
