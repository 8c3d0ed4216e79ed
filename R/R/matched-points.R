# The model at the sensitivity, or the specificity, of each reader. The ROC curve is linear between its points.

# Estimates and draws of patients: `model` and `reader` are matrices with one row per draw, the first row being the
# original data, and one column per reader.
matched_points <- function(truth, probability, calls, cluster, draws, seed) {
  n_clusters <- max(cluster)
  once <- matrix(as.raw(1), n_clusters, 1)
  # Smaller blocks than those of ranks, because each image has a number per draw.
  bytes <- max(1, block_bytes / 32 * n_clusters / length(truth))
  blocks <- c(list(function() once), resample_blocks(n_clusters, draws, seed, bytes))
  order <- order(-probability, method = "radix")
  probability <- probability[order]
  positive <- truth[order] == 1
  calls <- calls[order, , drop = FALSE]
  cluster <- cluster[order]
  last <- c(probability[-1] != probability[-length(probability)], TRUE)
  parts <- lapply(blocks, function(block) {
    counts <- block()
    weight <- matrix(as.double(as.integer(counts)), n_clusters)[cluster, , drop = FALSE]
    points_of_draws(weight, positive, calls, last)
  })
  bound <- function(name) do.call(rbind, lapply(parts, `[[`, name))
  lapply(stats::setNames(nm = names(parts[[1]])), bound)
}

points_of_draws <- function(weight, positive, calls, last) {
  of_class <- function(rows) {
    sums <- apply(weight * rows, 2, cumsum)
    matrix(sums, ncol = ncol(weight))[last, , drop = FALSE]
  }
  hits <- of_class(positive)
  alarms <- of_class(!positive)
  positives <- hits[nrow(hits), ]
  negatives <- alarms[nrow(alarms), ]
  # Sums of whole weights, so comparisons are exact.
  reader_hits <- crossprod(weight * positive, calls)
  reader_alarms <- crossprod(weight * !positive, calls)
  at_sensitivity <- at_specificity <- reader_hits
  for (draw in seq_len(ncol(weight))) {
    at_sensitivity[draw, ] <- alarms_at(reader_hits[draw, ], hits[, draw], alarms[, draw])
    at_specificity[draw, ] <- hits_at(reader_alarms[draw, ], hits[, draw], alarms[, draw])
  }
  list(
    sensitivity = reader_hits / positives, specificity = 1 - reader_alarms / negatives,
    model_specificity = 1 - at_sensitivity / negatives, model_sensitivity = at_specificity / positives
  )
}

# The fewest false alarms with as many hits.
alarms_at <- function(wanted, hits, alarms) {
  hits <- c(0, hits)
  alarms <- c(0, alarms)
  right <- findInterval(wanted, hits, left.open = TRUE) + 1
  between(wanted, hits, alarms, pmax(right - 1, 1), pmin(right, length(hits)))
}

# The most hits with no more false alarms.
hits_at <- function(wanted, hits, alarms) {
  hits <- c(0, hits)
  alarms <- c(0, alarms)
  left <- findInterval(wanted, alarms)
  between(wanted, alarms, hits, left, pmin(left + 1, length(hits)))
}

between <- function(wanted, x, y, left, right) {
  width <- x[right] - x[left]
  y[left] + ifelse(width > 0, (wanted - x[left]) / width, 0) * (y[right] - y[left])
}
