# Split-conformal limits from a calibration split, and their evaluation on another split.

# The positive class is excluded if the probability is below those of all but a share `error_rate` of the calibration
# positives; the negative class likewise.
conformal_limits <- function(known, error_rates, calibrate, seed) {
  limit <- function(class) {
    rows <- known[known$truth == class, ]
    # The nonconformity score: 1 - probability for positives, probability for negatives.
    nonconformity <- if (class == 1) 1 - rows$probability else rows$probability
    weights <- conformal_weights(rows, calibrate, seed)
    vapply(error_rates, function(rate) weighted_limit(nonconformity, weights, 1 - rate), double(1))
  }
  # If no class can be excluded, the limit is the end of the scale.
  tibble::tibble(positive_from = pmax(1 - limit(1), 0), negative_to = pmin(limit(0), 1))
}

# Weight of each calibration image. The sum is the number of units; the new image adds one.
conformal_weights <- function(rows, calibrate, seed) {
  names <- cluster_names(rows)
  if (calibrate == "image") {
    return(rep(1, nrow(rows)))
  }
  if (calibrate == "clustered") {
    return(1 / as.double(table(names)[names]))
  }
  # Sorted by name, so that the draw does not depend on the order of the rows.
  order <- order(names, rows$image_id, method = "radix")
  shuffled <- order[with_seed(seed, sample.int(length(order)))]
  weights <- double(nrow(rows))
  weights[shuffled[!duplicated(names[shuffled])]] <- 1
  weights
}

# The weighted quantile of the nonconformity scores, with the score of the new image at infinity. With too few units
# the quantile is infinite and no class is excluded.
weighted_limit <- function(nonconformity, weights, share) {
  order <- order(nonconformity, method = "radix")
  reached <- cumsum(weights[order]) / (sum(weights) + 1)
  place <- which(reached >= share - 1e-12)
  if (length(place) == 0) Inf else nonconformity[order][[place[[1]]]]
}

# Shares of the split, one row per error rate. The margin is for rounding: 1 - (1 - p) is not always p.
measure_sets <- function(rows, limits, confidence, draws, seed) {
  cluster <- cluster_index(rows)
  statistics <- lapply(seq_len(nrow(limits)), function(i) {
    may_be_positive <- rows$probability >= limits$positive_from[[i]] - 1e-12
    may_be_negative <- rows$probability <= limits$negative_to[[i]] + 1e-12
    set_statistic(rows$truth, may_be_positive, may_be_negative, cluster)
  })
  parts <- lapply(statistics, function(statistic) {
    boot <- bootstrap_clusters(cluster, rows$truth, statistic, draws, seed)
    intervals <- bootstrap_intervals(boot, confidence)
    one <- stats::setNames(as.list(intervals$estimate), names(boot$estimate))
    lower <- stats::setNames(as.list(intervals$lower), paste0(names(boot$estimate), "_lower"))
    upper <- stats::setNames(as.list(intervals$upper), paste0(names(boot$estimate), "_upper"))
    tibble::as_tibble(c(one, lower, upper))
  })
  table <- do.call(rbind, parts)
  with_bounds <- function(name) paste0(name, c("", "_lower", "_upper"))
  table[c(
    with_bounds("deferred"), "both", "neither", with_bounds("coverage_positive"),
    with_bounds("coverage_negative"), with_bounds("error_decided")
  )]
}

# Coverage has equal weight per group: the weight of an image is 1 / number of images of its group and class.
set_statistic <- function(truth, may_be_positive, may_be_negative, cluster) {
  state <- 1 + may_be_positive + 2 * may_be_negative
  own <- paste(cluster, truth)
  per_class <- 1 / as.double(table(own)[own])
  cell <- state + 4 * (truth == 1)
  images <- as_cells(cell, 8, cluster)
  units <- as_cells(cell, 8, cluster, per_class)
  function(counts) {
    # Rows: negatives with an empty, positive, negative or full set; then positives.
    n <- cell_sums(images, counts)
    w <- cell_sums(units, counts)
    total <- colSums(n)
    both <- n[4, ] + n[8, ]
    neither <- n[1, ] + n[5, ]
    values <- cbind(
      deferred = (both + neither) / total, both = both / total, neither = neither / total,
      coverage_positive = (w[6, ] + w[8, ]) / colSums(w[5:8, , drop = FALSE]),
      coverage_negative = (w[3, ] + w[4, ]) / colSums(w[1:4, , drop = FALSE]),
      error_decided = (n[2, ] + n[7, ]) / (total - both - neither)
    )
    values[is.nan(values)] <- NA_real_
    values
  }
}
