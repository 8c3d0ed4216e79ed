# The score interval of an AUROC: Newcombe's (2006) method 5, <doi:10.1002/sim.2324>. The variance is a function of the
# true AUROC (Hanley and McNeil 1982), multiplied by a factor, so that it equals the estimated variance for clustered
# data at the estimate. Intervals do not collapse at 1.

# `influence` are the contributions of the clusters, `variance` is the estimated variance and `units` are the effective
# numbers of positive and negative clusters, see kish().
auroc_quantity <- function(auroc, variance, influence, positives, negatives, units, degrees) {
  # With one distinct probability, no image ranks above another: the AUROC is 0.5 and has no variance.
  alike <- isTRUE(variance == 0) && auroc > 0 && auroc < 1
  if (is.na(variance) || is.na(auroc) || alike) {
    missing <- no_quantity(length(influence))
    missing$estimate <- auroc
    return(missing)
  }
  most <- max(positives / units[["positive"]], negatives / units[["negative"]])
  expected <- hanley_variance(auroc, positives, negatives)
  # The ratio is unknown at 0 and 1, and uncertain next to them. The fewer clusters it comes from, the closer it is to
  # the largest design effect: few patients with misranked images may have far too little variance by chance.
  factor <- if (expected > 0) min(max(variance / expected, 0.6), 1.5 * most) else most
  clusters <- sum(influence^2)^2 / sum(influence^4)
  if (most > max(factor, 1)) factor <- factor * (most / max(factor, 1))^(1 / clusters)
  quantity(auroc, influence, function(confidence) {
    reach <- student_quantile(confidence, degrees)
    outside <- function(true) (true - auroc)^2 > reach^2 * factor * hanley_variance(true, positives, negatives)
    if (is.na(reach)) {
      return(c(NA_real_, NA_real_))
    }
    c(edge_of(outside, auroc, 0), edge_of(outside, auroc, 1))
  })
}

hanley_variance <- function(auroc, positives, negatives) {
  others <- (positives + negatives) / 2 - 1
  auroc * (1 - auroc) * (1 + others * (1 - auroc) / (2 - auroc) + others * auroc / (1 + auroc)) /
    (as.double(positives) * negatives)
}

# Bisection between a value inside and the edge of the scale.
edge_of <- function(outside, inside, edge) {
  if (inside == edge || !outside(edge + (inside - edge) * 1e-12)) {
    return(edge)
  }
  beyond <- edge
  for (step in seq_len(40)) {
    middle <- (inside + beyond) / 2
    if (outside(middle)) beyond <- middle else inside <- middle
  }
  inside
}

# The AUROC of images as a quantity, see score-intervals.R.
auroc_of <- function(truth, probability, cluster, fold = NULL, n_clusters = max(cluster)) {
  if (!has_pairs(truth, fold)) {
    return(no_quantity(n_clusters))
  }
  values <- placement_values(truth, probability, fold)
  weights <- fold_weights(truth, fold)
  auroc_of_placements(truth, values, weights, cluster, n_clusters)
}

auroc_of_placements <- function(truth, values, weights, cluster, n_clusters = max(cluster)) {
  positive <- truth == 1
  auroc <- mean_of_placements(truth, values, weights)
  off <- (values - auroc) * weights
  m <- as.double(sum(positive))
  n <- as.double(sum(!positive))
  of_positives <- sums_by(off * positive, cluster, n_clusters) / m
  of_negatives <- sums_by(off * !positive, cluster, n_clusters) / n
  units <- c(positive = kish(tabulate(cluster[positive])), negative = kish(tabulate(cluster[!positive])))
  variance <- auroc_covariance(truth, values, cluster, weights)[1, 1]
  parts <- list(positives = of_positives, negatives = of_negatives)
  of <- auroc_quantity(auroc, variance, of_positives + of_negatives, m, n, units, welch_degrees(parts, units))
  c(of, list(parts = parts, units = units))
}

# Welch's degrees of freedom, with effective numbers of clusters.
welch_degrees <- function(parts, units) {
  variances <- vapply(parts, function(of_class) sum(of_class^2), double(1))
  degrees <- sum(variances)^2 / sum(variances^2 / (units - 1))
  if (is.nan(degrees)) min(units) - 1 else degrees
}

# The difference of two AUROCs of the same or of different clusters: limits at the same distance, with Welch's degrees
# of freedom or the quantile given. Without any variance, for example two AUROCs of 1, the limits are those of
# difference().
auroc_difference <- function(first, second, std_error = NULL, same_clusters = TRUE, quantile = NULL) {
  if (is.null(first$parts) || is.null(second$parts)) {
    missing <- no_quantity(length(first$influence))
    missing$estimate <- first$estimate - second$estimate
    return(missing)
  }
  shared <- same_clusters && any(first$influence != 0 & second$influence != 0)
  parts <- if (shared) Map(`-`, first$parts, second$parts) else c(first$parts, second$parts)
  units <- if (shared) pmin(first$units, second$units) else c(first$units, second$units)
  if (is.null(std_error)) {
    cross <- if (shared) 2 * sum(parts$positives * parts$negatives) else 0
    std_error <- sqrt(max(sum(vapply(parts, corrected_squares, double(1))) + cross, 0))
  }
  vary <- function(parts) any(vapply(parts, function(of_class) any(abs(of_class) >= 1e-12), logical(1)))
  identical_ranks <- shared && !vary(parts) && vary(first$parts)
  if (identical_ranks) {
    return(quantity(0, 0, function(confidence) c(0, 0)))
  }
  if (is.na(std_error) || std_error < 1e-12) {
    return(difference(first, if (same_clusters) second else independent_of(first, second)))
  }
  if (is.null(quantile)) {
    degrees <- welch_degrees(parts, units)
    quantile <- function(confidence) student_quantile(confidence, degrees)
  }
  symmetric(first$estimate - second$estimate, 0, std_error, ends = c(-1, 1), quantile = quantile)
}

corrected_squares <- function(sums) {
  clusters <- sum(sums != 0)
  sum(sums^2) * if (clusters > 1) clusters / (clusters - 1) else 1
}

# Sums by cluster, over all clusters.
sums_by <- function(values, cluster, n_clusters) {
  .Call(placa_sums_by, as.double(values), as.integer(cluster), n_clusters)
}
