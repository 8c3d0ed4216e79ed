# Metrics of the four counts with score-type intervals, see score-intervals.R.

# Counts by cluster at one threshold: `tp`, `fp`, `tn`, `fn`, each a vector over clusters.
counts_by_cluster <- function(truth, probability, cluster, threshold, n_clusters = max(cluster)) {
  cell <- 1 + (truth == 1) + 2 * (probability >= threshold)
  counts <- matrix(tabulate(cluster + n_clusters * (cell - 1), 4 * n_clusters), n_clusters)
  list(tp = counts[, 4], fp = counts[, 3], tn = counts[, 1], fn = counts[, 2])
}

# All metrics as quantities, in the order of `metric_names` without the Brier score.
confusion_metrics <- function(n) {
  sensitivity <- proportion(n$tp, n$tp + n$fn)
  specificity <- proportion(n$tn, n$tn + n$fp)
  missed <- proportion(n$fn, n$tp + n$fn)
  alarmed <- proportion(n$fp, n$tn + n$fp)
  list(
    sensitivity = sensitivity,
    specificity = specificity,
    ppv = proportion(n$tp, n$tp + n$fp),
    npv = proportion(n$tn, n$tn + n$fn),
    lr_positive = ratio(sensitivity, alarmed),
    lr_negative = ratio(missed, specificity),
    # F1 is 2 J / (1 + J), where J is the share of true positives among all images that are called or positive.
    f1 = transformed(proportion(n$tp, n$tp + n$fp + n$fn), function(share) 2 * share / (1 + share)),
    mcc = agreement(n, mcc_of, sensitivity, specificity),
    kappa = agreement(n, kappa_of, sensitivity, specificity),
    balanced_accuracy = mean_of_two(sensitivity, specificity)
  )
}

mcc_of <- function(tp, fp, tn, fn) {
  (tp * tn - fp * fn) / (sqrt(tp + fp) * sqrt(tp + fn) * sqrt(tn + fp) * sqrt(tn + fn))
}

kappa_of <- function(tp, fp, tn, fn) {
  2 * (tp * tn - fn * fp) / ((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))
}

# A measure of agreement between -1 and 1, as a function of sensitivity, specificity and prevalence.
agreement <- function(n, measure, sensitivity, specificity) {
  estimate <- do.call(measure, lapply(unname(n), sum))
  if (!is.finite(estimate)) {
    return(no_quantity(length(n$tp)))
  }
  of_rates <- function(sensitivity, specificity, prevalence) {
    positives <- c(sensitivity, 1 - sensitivity) * prevalence
    negatives <- c(1 - specificity, specificity) * (1 - prevalence)
    value <- measure(positives[[1]], negatives[[1]], negatives[[2]], positives[[2]])
    # Without any positive or any negative call, the agreement is that of chance.
    if (is.nan(value)) 0 else value
  }
  rates <- list(sensitivity, specificity, proportion(n$tp + n$fn, n$tp + n$fp + n$tn + n$fn))
  of <- function_of(rates, of_rates, gradient(of_rates, vapply(rates, `[[`, double(1), "estimate")))
  inside <- function(confidence) pmin(pmax(of$limits(confidence), -1), 1)
  quantity(estimate, of$influence, inside)
}

gradient <- function(measure, at, step = 1e-6) {
  vapply(seq_along(at), function(i) {
    moved <- step * (seq_along(at) == i)
    (do.call(measure, as.list(at + moved)) - do.call(measure, as.list(at - moved))) / (2 * step)
  }, double(1))
}
