# Intervals of calibration measures by score tests: a value is in the interval if the images do not contradict it. The
# variance of the score is that of the hypothesis, times the design effect of the clusters. In small samples and for
# AUROCs near 1, these intervals contain the true slope more often than a bootstrap; see docs/evaluation.md.

# stats::plogis() in half of its time: the limits below call it thousands of times.
logistic <- function(x) 1 / (1 + exp(-x))

# The design effect of contributions: clustered over independent sum of squares, between 1 and its largest value.
design_effect_of <- function(contributions, cluster) {
  sums <- rowsum(contributions, cluster, reorder = FALSE)[, 1]
  independent <- sum(contributions^2)
  most <- length(cluster) / kish(tabulate(cluster))
  if (independent > 0) min(max(sum(sums^2) / independent, 1), most) else most
}

# The score of slope `slope`: an intercept for each fold is fitted, with the weak prior of slope_design(). Returns the
# standardised score, which decreases with the slope.
slope_score <- function(slope, truth, z, cluster, fold = NULL) {
  of_fold <- if (is.null(fold)) rep(1L, length(z)) else fold
  ridge <- if (is.null(fold)) 0 else slope_design_ridge
  centre <- if (is.null(fold)) 0 else fit_intercepts(slope * z, truth, rep(1L, length(z)), 0)
  intercept <- fit_intercepts(slope * z + centre, truth, of_fold, ridge)
  fitted <- logistic(slope * z + centre + intercept[of_fold])
  weight <- fitted * (1 - fitted)
  of_folds <- sums_by_fold(weight, weight * z, of_fold)
  mean_z <- of_folds[, 2] / pmax(of_folds[, 1] + ridge, 1e-300)
  contributions <- (truth - fitted) * (z - mean_z[of_fold])
  variance <- sum(weight * (z - mean_z[of_fold])^2) * design_effect_of(contributions, cluster)
  if (variance > 0) sum(contributions) / sqrt(variance) else 0
}

slope_design_ridge <- 2.5^-2

# The sums of two vectors by fold, one row per fold. For one fold, rowsum() would take several times as long.
sums_by_fold <- function(a, b, fold) {
  if (max(fold) == 1) matrix(c(sum(a), sum(b)), 1) else rowsum(cbind(a, b), fold)
}

# Newton's method for the intercept of each fold, with an offset.
fit_intercepts <- function(offset, truth, fold, ridge) {
  positives <- sums_by_fold(as.double(truth), 0, fold)[, 1]
  intercept <- 0 * positives - mean(offset)
  for (step in seq_len(100)) {
    fitted <- logistic(offset + intercept[fold])
    sums <- sums_by_fold(fitted, fitted * (1 - fitted), fold)
    change <- (positives - sums[, 1] - ridge * intercept) / pmax(sums[, 2] + ridge, 1e-12)
    change <- pmin(pmax(change, -2), 2)
    intercept <- intercept + change
    if (max(abs(change)) < 1e-9) break
  }
  unname(intercept)
}

# The limits of the slope. A limit is infinite if every larger slope agrees with the images, as with separated classes.
slope_limits <- function(truth, z, cluster, fold, confidence) {
  reach <- stats::qnorm((1 + confidence) / 2)
  spread <- stats::sd(z)
  if (!has_pairs(truth, fold) || !isTRUE(spread > 0)) {
    return(c(NA_real_, NA_real_))
  }
  score <- function(slope) slope_score(slope, truth, z, cluster, fold)
  # Slopes as multiples of the spread of the logits, so that any scale of logits works.
  from <- c(-30, 30) / spread
  scores <- c(score(from[[1]]), score(from[[2]]))
  bound <- function(target) {
    ends <- scores - target
    if (ends[[2]] > 0) return(Inf)
    if (ends[[1]] < 0) return(-Inf)
    search <- function(slope) score(slope) - target
    stats::uniroot(search, from, f.lower = ends[[1]], f.upper = ends[[2]], tol = 1e-7)$root
  }
  c(bound(reach), bound(-reach))
}

# The score of an intercept with slope 1: calibration in the large. Labels vary more around probabilities that are too
# extreme than the model expects; `dispersion` is the ratio of both variances.
intercept_score <- function(intercept, truth, z, cluster, dispersion = 1) {
  fitted <- logistic(z + intercept)
  sum(truth - fitted) / sqrt(sum(fitted * (1 - fitted)) * dispersion * design_effect_of(truth - fitted, cluster))
}

intercept_limits <- function(truth, z, cluster, confidence) {
  reach <- student_quantile(confidence, kish(tabulate(cluster)) - 1)
  if (is.na(reach)) {
    return(c(NA_real_, NA_real_))
  }
  fitted <- logistic(z + fit_intercepts(z, truth, rep(1L, length(z)), 0))
  dispersion <- max(1, sum((truth - fitted)^2) / sum(fitted * (1 - fitted)))
  score <- function(intercept) intercept_score(intercept, truth, z, cluster, dispersion)
  ends <- c(-40, 40) - stats::median(z)
  bound <- function(target) {
    if (score(ends[[1]]) < target) return(-Inf)
    if (score(ends[[2]]) > target) return(Inf)
    stats::uniroot(function(intercept) score(intercept) - target, ends, tol = 1e-7)$root
  }
  c(bound(reach), bound(-reach))
}

# The ratio of observed to expected positives: the wider of two intervals. The first has the variance of the hypothesis.
# The second has the variance of the images, on the logarithmic scale; it is wider if the probabilities are too extreme.
ratio_limits <- function(truth, probability, cluster, confidence) {
  observed <- sum(truth)
  expected <- sum(probability)
  reach <- student_quantile(confidence, kish(tabulate(cluster)) - 1)
  if (expected == 0 || is.na(reach)) {
    return(c(NA_real_, NA_real_))
  }
  ratio <- observed / expected
  errors <- truth - probability * ratio
  design <- design_effect_of(errors, cluster)
  # (observed - ratio * expected)^2 = scale * (ratio * expected - ratio^2 * sum of squares), solved for the ratio.
  scale <- stats::qnorm((1 + confidence) / 2)^2 * design
  a <- expected^2 + scale * sum(probability^2)
  b <- observed * expected + scale * expected / 2
  spread <- sqrt(max(b^2 - a * observed^2, 0))
  factor <- if (observed > 0) exp(reach * sqrt(sum(errors^2) * design) / observed) else 1
  c(min((b - spread) / a, ratio / factor), max((b + spread) / a, ratio * factor))
}
