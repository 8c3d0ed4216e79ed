# Type I error of the p-values: the share of p < 0.05 if there is no difference, for two models with the same AUROC and
# for two halves of the patients, in the simulated data sets of coverage.R.
#
#     R --no-echo --no-save --file=benchmarks/type-one-error.R --args 1000 > benchmarks/type-one-error.csv
#
# prints one row per setting and comparison. A second argument, such as "constant", is the only design.

placa <- asNamespace("placa")
source("benchmarks/simulate-patients.R")
arguments <- commandArgs(trailingOnly = TRUE)
replicates <- as.integer(c(arguments, "1000")[[1]])
designs <- if (length(arguments) > 1) arguments[[2]] else c("one image", "constant", "varying")

p_values <- function(data) {
  cluster <- data$patient_id
  everyone <- rep(TRUE, nrow(data))
  values <- cbind(placa$placement_values(data$truth, data$probability), placa$placement_values(data$truth, data$other))
  aurocs <- lapply(1:2, function(i) placa$auroc_of_placements(data$truth, values[, i], 1, cluster))
  ones <- rep(1, nrow(data))
  std_error <- placa$paired_error(data$truth, list(values[, 1], values[, 2]), list(ones, ones), cluster)
  models <- lapply(list(data, replace(data, "probability", data["other"])), function(rows) {
    placa$group_quantities(rows, everyone, cluster, prevalence)
  })
  halves <- lapply(list(data$half, !data$half), function(rows) {
    placa$group_quantities(data, rows, cluster, prevalence)
  })
  differences <- list(
    model_auroc = placa$auroc_difference(aurocs[[1]], aurocs[[2]], std_error),
    model_sensitivity = placa$difference(models[[1]]$sensitivity, models[[2]]$sensitivity),
    model_specificity = placa$difference(models[[1]]$specificity, models[[2]]$specificity)
  )
  of_groups <- lapply(setdiff(placa$group_metrics, "under_diagnosis"), function(metric) {
    placa$difference_of_metric(metric, halves[[1]][[metric]], halves[[2]][[metric]])
  })
  names(of_groups) <- paste0("group_", setdiff(placa$group_metrics, "under_diagnosis"))
  vapply(c(differences, of_groups), placa$p_of_difference, double(1))
}

set.seed(21)
cat("design,auroc,patients,comparison,estimable,type_one_error\n")
for (design in designs) {
  for (auroc in c(0.75, 0.9)) {
    for (patients in c(15, 30, 60, 200)) {
      p <- vapply(seq_len(replicates), function(i) {
        suppressWarnings(p_values(simulate_estimable(patients, sqrt(2) * qnorm(auroc), design)))
      }, double(7))
      cat(sprintf("%s,%g,%d,%s,%.3f,%.3f\n", design, auroc, patients, rownames(p), rowMeans(!is.na(p)),
                  rowMeans(p < 0.05, na.rm = TRUE)), sep = "")
    }
  }
}
