# Coverage of 95 % intervals in simulated data sets with several images per patient.
#
# Simulates 1,000 data sets of 200 patients and checks whether each interval covers the AUROC (and average precision,
# and so on) of a population of 300,000 patients. Results are in coverage.csv. Takes about six minutes on one core:
# Rscript coverage.R, from this folder, with placa installed.

internal <- function(name) get(name, envir = asNamespace("placa"))
with_seed <- internal("with_seed")

# Patients have one to eight images, with correlated truth and score.
simulate <- function(patients) {
  images <- sample(c(1, 2, 4, 8), patients, replace = TRUE, prob = c(0.4, 0.3, 0.2, 0.1))
  patient <- rep(seq_len(patients), images)
  shared <- function(share) {
    sqrt(share) * rnorm(patients)[patient] + sqrt(1 - share) * rnorm(length(patient))
  }
  truth <- as.integer(shared(0.7) > qnorm(0.75))
  tibble::tibble(
    image_id = as.character(seq_along(patient)), patient_id = as.character(patient), group_id = patient_id,
    split = "test", finding = "Pneumonia", truth = truth,
    probability = plogis(1.5 * (1.5 * (truth - 0.5) + shared(0.6)) + qlogis(0.25))
  )
}

threshold <- 0.35
draws <- 1000
point <- tibble::tibble(finding = "Pneumonia", operating_point = "fixed", threshold = threshold)
groups <- c("sensitivity", "specificity", "ppv", "npv", "mcc", "brier")

# All intervals of one data set, one row each.
intervals_of <- function(rows, seed) {
  auroc <- placa::clustered_auroc(rows, draws = draws, seed = seed)
  precision <- placa::average_precision(rows, draws = draws, seed = seed)
  points <- placa::operating_points(rows, point, draws = draws, seed = seed)
  points <- points[points$metric %in% groups, ]
  naive <- transform(rows, patient_id = image_id, group_id = image_id)
  alone <- placa::clustered_auroc(naive, draws = draws, seed = seed)
  precision_alone <- placa::average_precision(naive, draws = draws, seed = seed)
  points_alone <- placa::operating_points(naive, point, draws = draws, seed = seed)
  points_alone <- points_alone[points_alone$metric %in% groups, ]
  calibration <- placa::calibration_measures(rows, draws = draws, seed = seed)
  calibration <- calibration[calibration$measure %in% c("intercept", "slope"), ]
  curve <- placa::decision_curve(rows, thresholds = threshold, draws = draws, seed = seed)
  curve <- curve[curve$strategy == "model", ]
  as_rows <- function(metric, method, estimate, lower, upper) {
    data.frame(metric = metric, method = method, estimate = estimate, lower = lower, upper = upper)
  }
  rbind(
    as_rows("auroc", paste("clustered", auroc$method), auroc$auroc, auroc$auroc_lower, auroc$auroc_upper)[-1, ],
    as_rows(
      "auroc", c("naive DeLong", "naive bootstrap"), alone$auroc[c(1, 3)], alone$auroc_lower[c(1, 3)],
      alone$auroc_upper[c(1, 3)]
    ),
    as_rows(
      "average_precision", c("clustered bootstrap", "naive bootstrap"),
      c(precision$average_precision, precision_alone$average_precision),
      c(precision$average_precision_lower, precision_alone$average_precision_lower),
      c(precision$average_precision_upper, precision_alone$average_precision_upper)
    ),
    as_rows(points$metric, "clustered bootstrap", points$estimate, points$lower, points$upper),
    as_rows(points_alone$metric, "naive bootstrap", points_alone$estimate, points_alone$lower, points_alone$upper),
    as_rows(
      paste0("calibration_", calibration$measure), "clustered bootstrap", calibration$estimate,
      calibration$lower, calibration$upper
    ),
    as_rows(
      "net_benefit", "clustered bootstrap", curve$net_benefit, curve$net_benefit_lower, curve$net_benefit_upper
    )
  )
}

# The true values of the population; each image is a cluster, because nothing is resampled.
truth_of <- function(rows) {
  once <- matrix(as.raw(1), 1, 1)
  cluster <- rep(1L, nrow(rows))
  areas <- internal("areas_of")(internal("ranked")(rows$truth, rows$probability, cluster), once)
  at <- internal("metrics_by_counts")(rows$truth, rows$probability, threshold)
  z <- qlogis(rows$probability)
  n <- nrow(rows)
  c(
    areas[1, c("auroc", "average_precision")], at[groups],
    calibration_intercept = unname(coef(glm(rows$truth ~ 1, offset = z, family = binomial()))),
    calibration_slope = unname(coef(glm(rows$truth ~ z, family = binomial()))[2]),
    net_benefit = at[["true_positive"]] / n - at[["false_positive"]] / n * threshold / (1 - threshold)
  )
}

cover <- function(data_sets = 1000, patients = 200, population = 3e5) {
  truth <- with_seed(0, truth_of(simulate(population)))
  parts <- lapply(seq_len(data_sets), function(i) {
    intervals <- intervals_of(with_seed(i, simulate(patients)), seed = i)
    intervals$holds <- truth[intervals$metric] >= intervals$lower & truth[intervals$metric] <= intervals$upper
    intervals$width <- intervals$upper - intervals$lower
    intervals
  })
  all <- do.call(rbind, parts)
  key <- paste(all$metric, all$method)
  rows <- match(unique(key), key)
  shown <- function(values, digits) round(as.double(tapply(values, key, mean, na.rm = TRUE)[unique(key)]), digits)
  tibble::tibble(
    metric = all$metric[rows], method = all$method[rows], truth = round(unname(truth[all$metric[rows]]), 4),
    mean_estimate = shown(all$estimate, 4), coverage = shown(all$holds, 3), mean_width = shown(all$width, 4),
    data_sets = data_sets, patients = patients
  )
}

if (sys.nframe() == 0) {
  table <- cover()
  utils::write.csv(table, "coverage.csv", row.names = FALSE, quote = FALSE)
  print(table, n = Inf)
}
