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
measure_sets <- function(rows, limits, confidence) {
  cluster <- cluster_index(rows)
  parts <- lapply(seq_len(nrow(limits)), function(i) {
    may_be_positive <- rows$probability >= limits$positive_from[[i]] - 1e-12
    may_be_negative <- rows$probability <= limits$negative_to[[i]] + 1e-12
    set_shares(rows$truth, may_be_positive, may_be_negative, cluster, confidence)
  })
  do.call(rbind, parts)
}

# Shares of images, see score-intervals.R. Coverage has equal weight per group: it is the mean of the groups' shares.
set_shares <- function(truth, may_be_positive, may_be_negative, cluster, confidence) {
  clusters <- max(cluster)
  count <- function(rows) tabulate(cluster[rows], clusters)
  decided <- may_be_positive != may_be_negative
  wrong <- decided & may_be_positive != (truth == 1)
  per_group <- function(covered, class) {
    images <- count(class)
    proportion(ifelse(images > 0, count(covered & class) / pmax(images, 1), 0), as.double(images > 0), sum(images))
  }
  quantities <- list(
    deferred = proportion(count(!decided), count(TRUE)),
    coverage_positive = per_group(may_be_positive, truth == 1),
    coverage_negative = per_group(may_be_negative, truth == 0),
    error_decided = proportion(count(wrong), count(decided))
  )
  columns <- lapply(names(quantities), function(name) {
    stats::setNames(limits_of(quantities[[name]], confidence), paste0(name, c("", "_lower", "_upper")))
  })
  shares <- tibble::tibble(
    both = mean(may_be_positive & may_be_negative), neither = mean(!may_be_positive & !may_be_negative)
  )
  tibble::as_tibble(c(columns[[1]], shares, columns[[2]], columns[[3]], columns[[4]]))
}
