# Type I error: the share of p < 0.05 if there is no difference, for two models with the same AUROC and for two halves
# of the patients, in the simulated data sets of coverage.R.
#
#     R --no-echo --no-save --file=benchmarks/type-one-error.R --args 2000 "one image"
#
# prints one row per setting and comparison. The second argument is the only design. The p-value is below 0.05 where the
# 95 % interval excludes 0, which takes a tenth of the time. `exchange` is the test of two AUROCs by 200 random
# exchanges of the models in each patient: the level that such data allow.

placa <- asNamespace("placa")
source("benchmarks/simulate-patients.R")
arguments <- commandArgs(trailingOnly = TRUE)
replicates <- as.integer(c(arguments, "2000")[[1]])
designs <- if (length(arguments) > 1) arguments[[2]] else c("one image", "constant", "varying")

is_significant <- function(of) {
  limits <- of$limits(0.95)
  limits[[1]] > 0 || limits[[2]] < 0
}

# The share of exchanges with a difference as large as that of the data.
by_exchange <- function(data) {
  ranks <- c(rank(data$probability), rank(data$other))
  values <- placa$placement_values(rep(data$truth, 2), ranks)
  images <- seq_len(nrow(data))
  classes <- ifelse(data$truth == 1, sum(data$truth), sum(1 - data$truth))
  of_patients <- rowsum((values[images] - values[nrow(data) + images]) / classes, data$patient_id)
  signs <- matrix(sample(c(-1, 1), 200 * nrow(of_patients), TRUE), 200)
  mean(abs(signs %*% of_patients) >= abs(sum(of_patients)) - 1e-9) < 0.05
}

rejections <- function(data) {
  cluster <- data$patient_id
  everyone <- rep(TRUE, nrow(data))
  values <- cbind(placa$placement_values(data$truth, data$probability), placa$placement_values(data$truth, data$other))
  aurocs <- lapply(1:2, function(i) placa$auroc_of_placements(data$truth, values[, i], 1, cluster))
  std_error <- placa$exchange_error(data$truth, list(data$probability, data$other), NULL, cluster)
  models <- lapply(list(data, replace(data, "probability", data["other"])), function(rows) {
    placa$group_quantities(rows, everyone, cluster, prevalence)
  })
  halves <- lapply(list(data$half, !data$half), function(rows) {
    placa$group_quantities(data, rows, cluster, prevalence)
  })
  differences <- list(
    model_auroc = placa$auroc_difference(aurocs[[1]], aurocs[[2]], std_error, degrees = Inf),
    model_sensitivity = placa$difference(models[[1]]$sensitivity, models[[2]]$sensitivity),
    model_specificity = placa$difference(models[[1]]$specificity, models[[2]]$specificity)
  )
  of_groups <- lapply(setdiff(placa$group_metrics, "under_diagnosis"), function(metric) {
    placa$difference_of_metric(metric, halves[[1]][[metric]], halves[[2]][[metric]])
  })
  names(of_groups) <- paste0("group_", setdiff(placa$group_metrics, "under_diagnosis"))
  c(vapply(c(differences, of_groups), is_significant, NA), exchange = by_exchange(data))
}

set.seed(21)
cat("design,auroc,patients,comparison,estimable,type_one_error\n")
for (design in designs) {
  for (auroc in c(0.75, 0.9)) {
    for (patients in c(15, 30, 60, 200)) {
      found <- vapply(seq_len(replicates), function(i) {
        suppressWarnings(rejections(simulate_estimable(patients, sqrt(2) * qnorm(auroc), design)))
      }, logical(8))
      cat(sprintf("%s,%g,%d,%s,%.3f,%.3f\n", design, auroc, patients, rownames(found), rowMeans(!is.na(found)),
                  rowMeans(found, na.rm = TRUE)), sep = "")
    }
  }
}
