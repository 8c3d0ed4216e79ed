# Coverage of the 95 % intervals of `comparison`, the difference between the values elsewhere and on the own test images
# (validate_external()), in simulated sets of two hospitals with several images per patient; at the second, probabilities
# are too extreme and less exact. Usage: Rscript benchmarks/validation.R [SETS]
suppressPackageStartupMessages(library(placa))

given <- commandArgs(trailingOnly = TRUE)
sets <- if (length(given)) as.integer(given[[1]]) else 400
threshold <- 0.3
thresholds <- data.frame(finding = "Opacity", operating_point = "fixed", threshold = threshold, default = TRUE)

simulate <- function(patients, elsewhere) {
  sizes <- 1 + stats::rpois(patients, 1)
  patient <- rep(seq_len(patients), sizes)
  n <- length(patient)
  signal <- stats::rnorm(patients)[patient] + stats::rnorm(n)
  truth <- stats::rbinom(n, 1, stats::plogis(-1.2 + signal))
  seen <- signal + stats::rnorm(n, 0, if (elsewhere) 1.2 else 0.6)
  line <- if (elsewhere) c(-0.6, 1.1) else c(-1.1, 0.8)
  data.frame(
    image_id = paste(if (elsewhere) "there" else "here", seq_len(n)),
    patient_id = paste(if (elsewhere) "there" else "here", patient),
    split = if (elsewhere) "external" else "test", finding = "Opacity", truth = truth,
    probability = stats::plogis(line[[1]] + line[[2]] * seen)
  )
}

# The values in a population, from their definitions.
values <- function(rows) {
  y <- rows$truth
  p <- rows$probability
  z <- stats::qlogis(p)
  positive <- p >= threshold
  weight <- threshold / (1 - threshold)
  c(
    auroc = (sum(rank(p)[y == 1]) - sum(y) * (sum(y) + 1) / 2) / sum(y) / sum(1 - y),
    sensitivity = mean(positive[y == 1]), specificity = mean(!positive[y == 0]), ppv = mean(y[positive]),
    npv = mean(1 - y[!positive]), brier = mean((p - y)^2), observed_expected = mean(y) / mean(p),
    intercept = unname(stats::coef(stats::glm(y ~ offset(z), family = stats::binomial()))[[1]]),
    slope = unname(stats::coef(stats::glm(y ~ z, family = stats::binomial()))[[2]]),
    net_benefit = mean(positive & y == 1) - weight * mean(positive & y == 0)
  )
}

differences <- function(here, there) {
  here <- placa:::check_predictions(here)
  there <- placa:::check_predictions(there)
  evaluation <- list(
    discrimination = discrimination(there, "external", draws = 100),
    operating_points = operating_points(there, thresholds, "external", draws = 100),
    calibration_measures = calibration_measures(there, "external", draws = 100),
    thresholds = thresholds, predictions = there
  )
  placa:::compare_with_internal(evaluation, here, "test", 0.95, 100, 1)
}

set.seed(1)
true <- values(simulate(3e5, TRUE)) - values(simulate(3e5, FALSE))
cat(sets, "pairs of sets per column; share of the intervals that contain the true difference\n")
sizes <- c("100, 100" = 100, "300, 100" = 300, "300, 300" = 300, "1000, 300" = 1000)
others <- c(100, 100, 300, 300)
coverage <- mapply(function(here, there) {
  inside <- vapply(seq_len(sets), function(i) {
    set.seed(i)
    found <- suppressWarnings(differences(simulate(here, FALSE), simulate(there, TRUE)))
    found <- found[match(names(true), found$metric), ]
    found$difference_lower <= true & true <= found$difference_upper
  }, logical(length(true)))
  rowMeans(inside, na.rm = TRUE)
}, sizes, others)
dimnames(coverage) <- list(names(true), paste0("patients ", names(sizes)))
print(round(cbind(difference = true, coverage), 3))
