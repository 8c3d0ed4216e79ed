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
    mcc = agreement(n, mcc_of),
    kappa = agreement(n, kappa_of),
    balanced_accuracy = mean_of_two(sensitivity, specificity)
  )
}

mcc_of <- function(tp, fp, tn, fn) {
  (tp * tn - fp * fn) / (sqrt(tp + fp) * sqrt(tp + fn) * sqrt(tn + fp) * sqrt(tn + fn))
}

kappa_of <- function(tp, fp, tn, fn) {
  2 * (tp * tn - fn * fp) / ((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))
}

# A measure of agreement between -1 and 1, symmetric on Fisher's scale, with half an image added to each count (Haldane
# 1956), which moves an agreement of 1 inside. The design effect is the clustered over the multinomial variance.
agreement <- function(n, measure) {
  counts <- vapply(n, sum, double(1))
  images <- sum(counts)
  estimate <- do.call(measure, as.list(counts))
  if (!is.finite(estimate)) {
    return(no_quantity(length(n$tp)))
  }
  by_cluster <- do.call(cbind, n)
  sizes <- rowSums(by_cluster)
  least <- images^2 / sum(sizes^2)
  inside <- (counts + 0.5) / (images + 2)
  slope <- gradient(measure, inside)
  influence <- (as.double(by_cluster %*% slope) - sizes * sum(slope * counts) / images) / images
  multinomial <- (sum(slope^2 * counts) - sum(slope * counts)^2 / images) / images^2
  design <- if (sum(influence^2) > 0 && multinomial > 0) max(sum(influence^2) / multinomial, 1) else images / least
  trials <- images / min(design, images / least)
  shrunk <- (counts / images * trials + 0.5) / (trials + 2)
  centre <- do.call(measure, as.list(shrunk))
  slope <- gradient(measure, shrunk)
  variance <- (sum(slope^2 * shrunk) - sum(slope * shrunk)^2) / (trials + 2)
  degrees <- if (any(sizes > 1)) least - 1 else Inf
  quantity(estimate, influence, function(confidence) {
    reach <- student_quantile(confidence, degrees) * sqrt(variance) / (1 - centre^2)
    limits <- tanh(atanh(centre) + c(-reach, reach))
    c(min(limits[[1]], estimate), max(limits[[2]], estimate))
  })
}

gradient <- function(measure, at, step = 1e-6) {
  vapply(seq_along(at), function(i) {
    moved <- step * (seq_along(at) == i)
    (do.call(measure, as.list(at + moved)) - do.call(measure, as.list(at - moved))) / (2 * step)
  }, double(1))
}
