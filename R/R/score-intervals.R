# Score-type intervals for clustered data: the one set of functions for every proportion, difference and ratio. A
# quantity is a list: `estimate`, `influence` (the contribution of each cluster to the error of the estimate) and
# `limits`, a function of the confidence level that returns both limits. Intervals do not collapse at 0 or 1.

# A ratio of two sums over clusters, `part` / `whole`, between 0 and 1. Wilson's interval (1927) with the effective
# number of trials: the whole divided by the design effect of its own clusters (Korn and Graubard 1998). At 0 and 1 the
# design effect is unknown; the largest possible one is used, with which Kish's number of clusters remains. Where every
# cluster has one trial, this is Wilson's interval; otherwise the quantile is that of Student's t.
proportion <- function(part, whole, most = sum(whole)) {
  total <- sum(whole)
  if (total == 0) {
    return(no_quantity(length(whole)))
  }
  estimate <- sum(part) / total
  influence <- (part - estimate * whole) / total
  least <- kish(whole)
  between <- estimate * (1 - estimate) / sum(influence^2)
  trials <- if (is.finite(between)) min(max(between, least), most) else least
  degrees <- if (any(whole > 1) || most > total) least - 1 else Inf
  quantity(estimate, influence, function(confidence) {
    wilson_limits(estimate, trials, student_quantile(confidence, degrees))
  }, trials = trials, degrees = degrees)
}

# Kish's (1965) effective number of clusters: one patient with forty of fifty images does not count as forty patients.
kish <- function(sizes) sum(sizes)^2 / sum(as.double(sizes)^2)

# Limits at the same distance, with the quantile of Student's t or another one. Without any variance they are missing.
symmetric <- function(estimate, influence, std_error, degrees, ends = c(-Inf, Inf),
                      quantile = function(confidence) student_quantile(confidence, degrees)) {
  quantity(estimate, influence, function(confidence) {
    limits <- estimate + c(-1, 1) * quantile(confidence) * std_error
    if (is.na(std_error) || std_error == 0) c(NA_real_, NA_real_) else pmin(pmax(limits, ends[[1]]), ends[[2]])
  })
}

# The mean of values over images, from their sums by cluster.
mean_quantity <- function(sums, sizes, ends = c(-Inf, Inf)) {
  estimate <- sum(sums) / sum(sizes)
  influence <- (sums - estimate * sizes) / sum(sizes)
  clusters <- sum(sizes > 0)
  std_error <- sqrt(sum(influence^2) * clusters / (clusters - 1))
  of <- symmetric(estimate, influence, std_error, kish(sizes) - 1, ends)
  c(of, list(std_error = std_error, clusters = kish(sizes)))
}

# The difference of two means, with Welch's degrees of freedom.
mean_difference <- function(first, second) {
  shared <- sum(first$influence * second$influence)
  variances <- c(first$std_error^2, second$std_error^2)
  variance <- sum(variances) - 2 * shared
  degrees <- sum(variances)^2 / sum(variances^2 / (c(first$clusters, second$clusters) - 1))
  influence <- first$influence - second$influence
  symmetric(first$estimate - second$estimate, influence, sqrt(max(variance, 0)), degrees)
}

quantity <- function(estimate, influence, limits, ...) {
  list(estimate = estimate, influence = influence, limits = limits, ...)
}

# An estimate without a denominator.
no_quantity <- function(clusters) {
  quantity(NA_real_, double(clusters), function(confidence) c(NA_real_, NA_real_), trials = 0, degrees = Inf)
}

student_quantile <- function(confidence, degrees) {
  # A single cluster has no variance.
  if (is.na(degrees) || degrees < 1e-9) NA_real_ else stats::qt((1 + confidence) / 2, degrees)
}

wilson_limits <- function(estimate, trials, reach) {
  if (is.na(reach)) {
    return(c(NA_real_, NA_real_))
  }
  shrink <- 1 + reach^2 / trials
  centre <- (estimate + reach^2 / (2 * trials)) / shrink
  half <- reach / shrink * sqrt(estimate * (1 - estimate) / trials + reach^2 / (4 * trials^2))
  # Rounding must not move a limit outside 0 to 1 or away from an estimate at an edge.
  c(if (estimate == 0) 0 else max(centre - half, 0), if (estimate == 1) 1 else min(centre + half, 1))
}

# An increasing or decreasing function of a quantity.
transformed <- function(of, change, slope = 1) {
  quantity(change(of$estimate), of$influence * slope, function(confidence) {
    limits <- change(of$limits(confidence))
    if (is.na(limits[[1]]) || isTRUE(limits[[1]] > limits[[2]])) limits[2:1] else limits
  })
}

# The correlation of two estimates of the same clusters, a function of the confidence level. Two estimates without a
# discordant image have a correlation of 1, and a difference without width; the limit is that of Wilson's upper bound
# for the share of discordant images.
correlation_of <- function(first, second) {
  scale <- sqrt(sum(first$influence^2) * sum(second$influence^2))
  if (scale == 0) {
    return(function(confidence) 0)
  }
  shared <- sum(first$influence * second$influence) / scale
  clusters <- sum(first$influence != 0 | second$influence != 0)
  function(confidence) min(shared, clusters / (clusters + stats::qnorm((1 + confidence) / 2)^2))
}

# A function of quantities of the same clusters, from the distances by which the limits of one quantity at a time move
# it: the root of their sum of squares, with correlations (Newcombe 1998, 2001; Zou and Donner 2008). `slopes` are the
# derivatives at the estimates.
function_of <- function(quantities, change, slopes) {
  estimates <- lapply(quantities, `[[`, "estimate")
  estimate <- do.call(change, estimates)
  influence <- Reduce(`+`, Map(function(of, slope) of$influence * slope, quantities, slopes))
  pairs <- utils::combn(length(quantities), 2, simplify = FALSE)
  correlations <- lapply(pairs, function(pair) correlation_of(quantities[[pair[[1]]]], quantities[[pair[[2]]]]))
  quantity(estimate, influence, function(confidence) {
    # One column per quantity: the function at its lower and at its upper limit.
    moved <- vapply(seq_along(quantities), function(i) {
      limits <- quantities[[i]]$limits(confidence)
      vapply(limits, function(limit) do.call(change, replace(estimates, i, limit)) - estimate, double(1))
    }, double(2))
    if (anyNA(moved)) {
      return(c(NA_real_, NA_real_))
    }
    shared <- vapply(correlations, function(correlation) correlation(confidence), double(1))
    # `down` is the limit of each quantity that moves the function farthest in one direction, 1 or 2.
    reach <- function(distances) {
      down <- ifelse(distances[1, ] >= distances[2, ], 1, 2)
      distance <- pmax(distances[cbind(down, seq_along(down))], 0)
      signed <- distance * ifelse(down == 1, 1, -1)
      cross <- vapply(pairs, function(pair) prod(signed[pair]), double(1))
      sqrt(max(sum(distance^2) + 2 * sum(shared * cross), 0))
    }
    estimate + c(-reach(-moved), reach(moved))
  })
}

# The difference and the mean of two quantities.
difference <- function(first, second) function_of(list(first, second), `-`, c(1, -1))

mean_of_two <- function(first, second) function_of(list(first, second), function(a, b) (a + b) / 2, c(0.5, 0.5))

# The ratio of two proportions: the wider of two intervals. The first is that of Donner and Zou (2012), from the limits
# of both proportions. The second is that of Mercaldo, Lau and Zhou (2007), the logarithm of the ratio with z^2/2 added
# to both counts, which is wider at 0 and 1. The interval includes the estimate: a ratio of 0 has the lower limit 0,
# and a ratio with a denominator of 0 has the upper limit infinity.
ratio <- function(first, second) {
  estimate <- first$estimate / second$estimate
  inside <- isTRUE(first$estimate > 0 && second$estimate > 0)
  relative <- if (inside) first$influence / first$estimate - second$influence / second$estimate else 0
  correlation <- correlation_of(first, second)
  quantity(estimate, if (inside) relative * estimate else double(length(first$influence)), function(confidence) {
    if (is.na(first$estimate) || is.na(second$estimate)) {
      return(c(NA_real_, NA_real_))
    }
    shared <- correlation(confidence)
    limits <- rbind(
      ratio_of_limits(first, second, shared, confidence), ratio_of_logs(first, second, shared, confidence)
    )
    if (anyNA(limits[2, ])) {
      return(c(NA_real_, NA_real_))
    }
    c(min(limits[, 1], estimate, na.rm = TRUE), max(limits[, 2], estimate, na.rm = TRUE))
  })
}

ratio_of_limits <- function(first, second, shared, confidence) {
  a <- first$limits(confidence)
  b <- second$limits(confidence)
  solve_for <- function(of_first, of_second, sign) {
    middle <- first$estimate * second$estimate + shared * (of_first - first$estimate) * (of_second - second$estimate)
    scale <- of_second * (2 * second$estimate - of_second)
    inside <- middle^2 - of_first * (2 * first$estimate - of_first) * scale
    (middle + sign * sqrt(max(inside, 0))) / scale
  }
  limits <- c(solve_for(a[[1]], b[[2]], -1), solve_for(a[[2]], b[[1]], 1))
  limits[!is.finite(limits)] <- NA_real_
  limits
}

ratio_of_logs <- function(first, second, shared, confidence) {
  a <- adjusted_log(first, confidence)
  b <- adjusted_log(second, confidence)
  reach <- sqrt(a$spread^2 + b$spread^2 - 2 * shared * a$spread * b$spread)
  exp(a$centre - b$centre + c(-reach, reach))
}

adjusted_log <- function(of, confidence) {
  reach <- student_quantile(confidence, of$degrees)
  trials <- of$trials + reach^2
  share <- (of$estimate * of$trials + reach^2 / 2) / trials
  list(centre = log(share), spread = reach * sqrt((1 - share) / (share * trials)))
}

# The two-sided p-value of a difference: 1 minus the confidence level at which its interval reaches 0, so that intervals
# and p-values always agree. At least 1e-15.
p_of_difference <- function(of) {
  if (is.na(of$estimate) || anyNA(of$limits(0.95))) {
    return(if (of$estimate %in% 0) 1 else NA_real_)
  }
  if (of$estimate == 0) {
    return(1)
  }
  side <- if (of$estimate > 0) 1 else 2
  reaches <- function(log_p) of$limits(1 - exp(log_p))[[side]] * sign(of$estimate)
  least <- log(1e-15)
  if (reaches(least) > 0) {
    return(1e-15)
  }
  exp(stats::uniroot(reaches, c(least, log(1 - 1e-9)), tol = 1e-6, extendInt = "upX")$root)
}

# The columns of a table. A data frame, because a tibble takes 50 times longer and curves need thousands.
limits_of <- function(of, confidence) {
  limits <- of$limits(confidence)
  list2DF(list(estimate = of$estimate, lower = limits[[1]], upper = limits[[2]]))
}

# The interval of a proportion of 0 or 1, from the clusters of its denominator.
wilson_of_clusters <- function(estimate, cluster, confidence) {
  wilson_limits(estimate, kish(tabulate(match(cluster, unique(cluster)))), student_quantile(confidence, Inf))
}
