# Metrics of the four counts, in the order of the tables. 0 / 0 is NaN and a likelihood ratio may be infinite; the
# caller handles these values.
metrics_of_counts <- function(n) {
  positives <- n$tp + n$fn
  negatives <- n$tn + n$fp
  sensitivity <- n$tp / positives
  specificity <- n$tn / negatives
  ppv <- n$tp / (n$tp + n$fp)
  npv <- n$tn / (n$tn + n$fn)
  list(
    sensitivity = sensitivity,
    specificity = specificity,
    ppv = ppv,
    npv = npv,
    lr_positive = sensitivity / (1 - specificity),
    lr_negative = (1 - sensitivity) / specificity,
    f1 = 2 * n$tp / (2 * n$tp + n$fp + n$fn),
    mcc = mcc_of(n$tp, n$fp, n$tn, n$fn),
    kappa = kappa_of(n$tp, n$fp, n$tn, n$fn),
    balanced_accuracy = (sensitivity + specificity) / 2
  )
}
