# Type I error: the share of p < 0.05 if there is no difference, for two models with the same AUROC and for two halves
# of the patients, in the simulated data sets of coverage.R.
#
#     R --no-echo --no-save --file=benchmarks/type-one-error.R --args 2000 "one image"
#
# prints one row per setting and comparison. The second argument is the only design. The p-value is below 0.05 where the
# 95 % interval excludes 0, which takes a tenth of the time. The row `few_changes` is the share of data sets in which the
# two AUROCs cannot have p < 0.05, because the models rank fewer than five patients differently.

placa <- asNamespace("placa")
source("benchmarks/simulate-patients.R")
arguments <- commandArgs(trailingOnly = TRUE)
replicates <- as.integer(c(arguments, "2000")[[1]])
designs <- if (length(arguments) > 1) arguments[[2]] else c("one image", "constant", "varying")

is_significant <- function(of) {
  limits <- of$limits(0.95)
  limits[[1]] > 0 || limits[[2]] < 0
}

# An exchange of the models in fewer than five patients has p-values from 1/16 on.
few_changes <- function(data) {
  values <- placa$placement_values(rep(data$truth, 2), c(rank(data$probability), rank(data$other)))
  images <- seq_len(nrow(data))
  changes <- (values[images] - values[nrow(data) + images]) / ifelse(data$truth == 1, sum(data$truth), sum(!data$truth))
  sum(abs(rowsum(changes, data$patient_id)) > 1e-12) < 5
}

rejections <- function(data) {
  cluster <- data$patient_id
  everyone <- rep(TRUE, nrow(data))
  values <- cbind(placa$placement_values(data$truth, data$probability), placa$placement_values(data$truth, data$other))
  aurocs <- lapply(1:2, function(i) placa$auroc_of_placements(data$truth, values[, i], 1, cluster))
  exchanged <- placa$exchange_models(data$truth, list(data$probability, data$other), NULL, cluster)
  models <- lapply(list(data, replace(data, "probability", data["other"])), function(rows) {
    placa$group_quantities(rows, everyone, cluster, prevalence)
  })
  halves <- lapply(list(data$half, !data$half), function(rows) {
    placa$group_quantities(data, rows, cluster, prevalence)
  })
  differences <- list(
    model_auroc = placa$auroc_difference(aurocs[[1]], aurocs[[2]], exchanged$std_error, quantile = exchanged$quantile),
    model_sensitivity = placa$difference(models[[1]]$sensitivity, models[[2]]$sensitivity),
    model_specificity = placa$difference(models[[1]]$specificity, models[[2]]$specificity)
  )
  of_groups <- lapply(setdiff(placa$group_metrics, "under_diagnosis"), function(metric) {
    placa$difference_of_metric(metric, halves[[1]][[metric]], halves[[2]][[metric]])
  })
  names(of_groups) <- paste0("group_", setdiff(placa$group_metrics, "under_diagnosis"))
  c(vapply(c(differences, of_groups), is_significant, NA), few_changes = few_changes(data))
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
