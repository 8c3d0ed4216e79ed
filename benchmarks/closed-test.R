# Error rates of the closed test of update_model(): how often each method is proposed for simulated local sets. Without
# any change, a proposal is an error of 5 % at most; with another intercept, so is the logistic update. Patients have one
# image, or three with correlated labels. Usage: Rscript benchmarks/closed-test.R [SETS]
suppressPackageStartupMessages(library(placa))

given <- commandArgs(trailingOnly = TRUE)
sets <- if (length(given)) as.integer(given[[1]]) else 2000

# Labels follow the line `intercept + slope * z` of the model's logits; `share` of the variance is that of patients.
simulate <- function(images, per_patient, intercept, slope, share = 0.3) {
  patients <- images %/% per_patient
  cluster <- rep(seq_len(patients), each = per_patient)
  n <- length(cluster)
  z <- -1 + 1.5 * (sqrt(share) * stats::rnorm(patients)[cluster] + sqrt(1 - share) * stats::rnorm(n))
  # Labels of a patient are correlated given the logits, by a copula that leaves each probability as it is.
  u <- stats::pnorm(sqrt(share) * stats::rnorm(patients)[cluster] + sqrt(1 - share) * stats::rnorm(n))
  list(truth = as.integer(u < stats::plogis(intercept + slope * z)), z = z, cluster = cluster)
}

changes <- list(none = c(0, 1), "intercept -0.7" = c(-0.7, 1), "slope 0.5" = c(0, 0.5), "both" = c(-0.7, 0.5))
rows <- list()
for (per_patient in c(1, 3)) for (images in c(150, 300, 900)) for (name in names(changes)) {
  change <- changes[[name]]
  proposed <- vapply(seq_len(sets), function(i) {
    set.seed(i)
    one <- simulate(images, per_patient, change[[1]], change[[2]])
    placa:::closed_test(one$truth, one$z, one$cluster)$proposed
  }, "")
  shares <- table(factor(proposed, c("none", "intercept", "logistic"))) / sets
  rows[[length(rows) + 1]] <- data.frame(per_patient = per_patient, images = images, change = name, as.list(shares))
}
cat(sets, "sets per row; share of the proposals\n")
print(do.call(rbind, rows), digits = 3, row.names = FALSE)
