# Coverage of 95 % intervals in simulated data sets: every interval that placa shows, at 15, 30, 60 and 200 patients,
# AUROCs of 0.75, 0.95 and 0.99, one image per patient or 1 to 10, with a truth that is constant or varies within
# patients. A third of the images are positive.
#
#     R --no-echo --no-save --file=benchmarks/coverage.R --args 400 FOLDER > coverage.csv
#
# prints one row per setting and interval: coverage, the shares of intervals above and below the true value, the median
# width, and the share of data sets in which the interval can be estimated. The limits of every 50 data sets are stored
# in FOLDER; a run that was interrupted continues there. A further argument such as 1,5,9 selects some of the 36
# settings, so that several processes can share them; at the end, run it for all.

placa <- asNamespace("placa")
source("benchmarks/simulate-patients.R")
arguments <- commandArgs(trailingOnly = TRUE)
replicates <- as.integer(c(arguments, "400")[[1]])
folder <- if (length(arguments) > 1) arguments[[2]] else tempdir()
draws <- 100
batch <- 50

# The values of the population.
true_values <- function(separation) {
  logit <- function(score) separation * score + qlogis(prevalence)
  mean_of <- function(f) {
    of_class <- function(truth) {
      integrate(function(x) f(logit(x), truth) * dnorm(x - separation * (truth - 0.5)), -12, 12,
                rel.tol = 1e-8)$value
    }
    prevalence * of_class(1) + (1 - prevalence) * of_class(0)
  }
  se_at <- function(score) pnorm(separation / 2 - score)
  fpr_at <- function(score) pnorm(-separation / 2 - score)
  precision <- function(score) {
    prevalence * se_at(score) / (prevalence * se_at(score) + (1 - prevalence) * fpr_at(score))
  }
  at <- function(se, fpr) {
    counts <- list(tp = se * prevalence, fp = fpr * (1 - prevalence), tn = (1 - fpr) * (1 - prevalence),
                   fn = (1 - se) * prevalence)
    unlist(placa$metrics_of_counts(counts))
  }
  metrics <- at(se_at(0), fpr_at(0))
  net_benefit <- function(threshold, share) {
    score <- (qlogis(threshold) - qlogis(prevalence)) / separation
    share * se_at(score) - (1 - share) * fpr_at(score) * threshold / (1 - threshold)
  }
  brier <- mean_of(function(z, truth) (plogis(z) - truth)^2)
  by_roc <- function(fpr) pnorm(separation + qnorm(fpr))
  c(
    metrics,
    auroc = pnorm(separation / sqrt(2)),
    average_precision = integrate(function(x) precision(x) * dnorm(x - separation / 2), -12, 12)$value,
    partial_auroc = integrate(by_roc, 0, 0.2)$value,
    ppv_5 = unname(metrics[["sensitivity"]] * 0.05 / (metrics[["sensitivity"]] * 0.05 + fpr_at(0) * 0.95)),
    npv_5 = unname((1 - fpr_at(0)) * 0.95 / ((1 - fpr_at(0)) * 0.95 + (1 - se_at(0)) * 0.05)),
    roc_band = by_roc(0.1), pr_band = precision(separation / 2 - qnorm(0.8)),
    net_benefit = net_benefit(0.2, prevalence), net_benefit_5 = net_benefit(0.2, 0.05),
    advantage = net_benefit(0.2, prevalence) - max(0, prevalence - (1 - prevalence) / 4),
    brier = brier, brier_scaled = 1 - brier / (prevalence * (1 - prevalence)),
    log_loss = mean_of(function(z, truth) -plogis(if (truth == 1) z else -z, log.p = TRUE)),
    threshold_youden = plogis(logit(0)), threshold_sensitivity = plogis(logit(separation / 2 + qnorm(0.05))),
    threshold_specificity = plogis(logit(-separation / 2 + qnorm(0.95))), threshold_worth = 0.2,
    intercept = 0, slope = 1, observed_expected = 1, curve_end = 0, curve_middle = 0,
    abstention_coverage = se_at(0), calibration_in_the_large = 0,
    model_auroc = 0, model_sensitivity = 0, model_specificity = 0, model_brier = 0,
    group_auroc = 0, group_sensitivity = 0, group_specificity = 0, group_calibration = 0
  )
}

# The interval of a score test contains the true value if the score there is small; its limits are not needed.
by_test <- function(score) {
  reach <- qnorm(0.975)
  if (score > reach) c(Inf, Inf) else if (score < -reach) c(-Inf, -Inf) else c(-Inf, Inf)
}

# The limits of all intervals in one data set: a matrix with the columns lower and upper.
limits_in <- function(data, separation) {
  cluster <- data$patient_id
  patients <- max(cluster)
  truth <- data$truth
  sizes <- tabulate(cluster)
  counts <- function(rows, column, threshold) {
    placa$counts_by_cluster(truth[rows], data[[column]][rows], cluster[rows], threshold, patients)
  }
  everyone <- rep(TRUE, nrow(data))
  n <- counts(everyone, "probability", prevalence)
  metrics <- placa$confusion_metrics(n)
  other <- placa$confusion_metrics(counts(everyone, "other", prevalence))
  at_5 <- placa$at_prevalence(metrics, 0.05)
  at_threshold <- counts(everyone, "probability", 0.2)
  benefit <- placa$benefit_at(at_threshold, 0.25, NA_real_)
  benefit_5 <- placa$benefit_at(
    counts(everyone, "probability", 0.2), 0.25, 0.05
  )
  best <- if (benefit$all$estimate > 0) benefit$over_all else benefit$model
  auroc <- placa$auroc_of(truth, data$probability, cluster)
  areas <- placa$area_intervals(data, cluster, c("average_precision", "partial"), 0.95, draws, 1, 0.2)
  roc <- placa$curve_heights(data, c(0.1, 0.2), TRUE, 0.95, draws, 1)
  pr <- placa$curve_heights(data, c(0.8, 0.9), FALSE, 0.95, draws, 1)
  z <- qlogis(data$probability)
  halves <- lapply(list(data$half, !data$half), function(rows) placa$group_quantities(data, rows, cluster, prevalence))
  per_patient <- tapply(data$probability[truth == 1] >= prevalence, cluster[truth == 1], mean)
  quantities <- c(
    metrics,
    list(
      auroc = auroc, ppv_5 = at_5$ppv, npv_5 = at_5$npv, net_benefit = benefit$model, net_benefit_5 = benefit_5$model,
      advantage = best,
      abstention_coverage = placa$proportion(as.double(per_patient), rep(1, length(per_patient)), sum(truth)),
      brier = placa$brier_of(data$probability, truth, cluster),
      brier_scaled = placa$brier_scaled_quantity(truth, data$probability, cluster),
      log_loss = placa$log_loss_quantity(truth, data$probability, cluster),
      calibration_in_the_large = halves[[1]]$calibration_in_the_large,
      model_sensitivity = placa$difference(metrics$sensitivity, other$sensitivity),
      model_specificity = placa$difference(metrics$specificity, other$specificity),
      group_auroc = placa$auroc_difference(halves[[1]]$auroc, halves[[2]]$auroc),
      group_sensitivity = placa$difference(halves[[1]]$sensitivity, halves[[2]]$sensitivity),
      group_specificity = placa$difference(halves[[1]]$specificity, halves[[2]]$specificity),
      group_calibration = placa$mean_difference(
        halves[[1]]$calibration_in_the_large, halves[[2]]$calibration_in_the_large
      )
    )
  )
  limits <- t(vapply(quantities, function(of) of$limits(0.95), double(2)))
  points <- placa$choose_points(data$probability, truth, 0.95, 0.95)
  thresholds <- placa$threshold_limits(data, points, 0.95, 0.95, 4, 0.95, draws, 1)
  rownames(thresholds) <- paste0("threshold_", c("sensitivity", "specificity", "youden", "worth"))
  values <- cbind(placa$placement_values(truth, data$probability), placa$placement_values(truth, data$other))
  aurocs <- lapply(1:2, function(i) placa$auroc_of_placements(truth, values[, i], 1, cluster))
  exchanged <- placa$exchange_models(truth, list(data$probability, data$other), NULL, cluster)
  boots <- placa$draw_tables(
    list(a = data, b = replace(data, "probability", data["other"])), list(brier = "brier"), list(cluster, cluster),
    draws, 1, TRUE
  )
  brier <- placa$bootstrap_difference(boots$a, boots$b, 0.95, TRUE)
  curve <- placa$smooth_curve(data, "probability", 3, 0.95)$curve
  of <- function(table, row) as.double(unlist(table[row, c("lower", "upper")]))
  rbind(
    limits, thresholds,
    average_precision = of(areas, "average_precision"), partial_auroc = of(areas, "partial"),
    roc_band = of(roc, 1), pr_band = of(pr, 1),
    intercept = placa$intercept_limits(truth, z, cluster, 0.95),
    slope = by_test(placa$slope_score(1, truth, z, cluster)),
    observed_expected = placa$ratio_limits(truth, data$probability, cluster, 0.95),
    model_auroc = placa$auroc_difference(
      aurocs[[1]], aurocs[[2]], exchanged$std_error, quantile = exchanged$quantile
    )$limits(0.95),
    model_brier = of(brier, 1),
    curve_end = of(curve, 1) - curve$probability[[1]], curve_middle = of(curve, 2) - curve$probability[[2]]
  )
}

# The limits in all data sets of a setting. The seed of a batch depends on its setting and its place only.
limits_of_setting <- function(setting) {
  path <- file.path(folder, sprintf("%s-%g-%d.rds", setting$design, setting$auroc, setting$patients))
  found <- if (file.exists(path)) readRDS(path) else list()
  separation <- sqrt(2) * qnorm(setting$auroc)
  while (length(found) < replicates) {
    set.seed(1e6 * setting$number + length(found))
    found <- c(found, lapply(seq_len(batch), function(i) {
      suppressWarnings(limits_in(simulate_estimable(setting$patients, separation, setting$design), separation))
    }))
    placa$clear_resample_cache()
    saveRDS(found, path)
  }
  found
}

dir.create(folder, showWarnings = FALSE, recursive = TRUE)
settings <- expand.grid(
  patients = c(15, 30, 60, 200), auroc = c(0.75, 0.95, 0.99), design = c("one image", "constant", "varying"),
  stringsAsFactors = FALSE
)
settings$number <- seq_len(nrow(settings))
cat("design,auroc,patients,interval,replicates,estimable,coverage,above,below,width\n")
selected <- if (length(arguments) > 2) as.integer(strsplit(arguments[[3]], ",")[[1]]) else settings$number
for (number in selected) {
  setting <- settings[number, ]
  found <- limits_of_setting(setting)
  truth <- true_values(sqrt(2) * qnorm(setting$auroc))
  for (name in rownames(found[[1]])) {
    limits <- t(vapply(found, function(one) one[name, ], double(2)))
    known <- !is.na(limits[, 1]) & !is.na(limits[, 2])
    above <- mean(limits[known, 1] > truth[[name]] + 1e-9)
    below <- mean(limits[known, 2] < truth[[name]] - 1e-9)
    cat(sprintf("%s,%g,%d,%s,%d,%.3f,%.3f,%.3f,%.3f,%.4g\n", setting$design, setting$auroc, setting$patients, name,
                length(found), mean(known), 1 - above - below, above, below,
                stats::median(limits[known, 2] - limits[known, 1])))
  }
}
