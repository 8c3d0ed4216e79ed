# Values of scikit-learn, statsmodels and dcurves for sklearn_predictions(), see fixtures/make-evaluation.py.
evaluation_values <- function(metric) {
  results <- utils::read.csv(test_path("fixtures", "evaluation-values.csv"))
  results[results$metric %in% metric, ]
}

two_thresholds <- function(values = c(0.3, 0.5)) {
  expand <- expand.grid(threshold = values, finding = c("Pneumonia", "Effusion"), stringsAsFactors = FALSE)
  expand$operating_point <- paste0("at_", expand$threshold)
  expand
}

# Efron's bias-corrected percentiles with Hesterberg's widening, an independent implementation.
bounds_by_hand <- function(draws, estimate, truth, cluster, confidence = 0.95) {
  units <- min(vapply(split(cluster, truth), function(of_class) {
    share <- prop.table(table(of_class))
    1 / sum(share^2)
  }, double(1)))
  bias <- qnorm(mean(draws < estimate) + mean(draws == estimate) / 2)
  bias <- max(-0.5, min(0.5, bias))
  reach <- qt(1 - (1 - confidence) / 2, units - 1) / sqrt(1 - 1 / units)
  unname(quantile(draws, pnorm(2 * bias + c(-1, 1) * reach)))
}
