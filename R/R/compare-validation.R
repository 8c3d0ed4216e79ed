# Internal and external values side by side, and their difference.
compare_with_internal <- function(evaluation, own, split, confidence, draws, seed) {
  thresholds <- evaluation$thresholds
  fewer <- max(100, draws %/% 2)
  internal <- list(
    discrimination = discrimination(own, split, confidence, draws, seed),
    operating_points = operating_points(own, thresholds, split, confidence, draws, seed),
    calibration_measures = calibration_measures(own, split, confidence = confidence, draws = fewer, seed = seed)
  )
  findings <- evaluation$discrimination$finding
  net_benefit <- function(rows, split) {
    do.call(rbind, lapply(findings, function(finding) {
      threshold <- min(max(point_of(thresholds, finding), 0.001), 0.999)
      curve <- decision_curve(rows[rows$finding == finding, ], split, threshold, confidence, fewer, seed)
      curve[curve$strategy == "model", ]
    }))
  }
  internal$net_benefit <- net_benefit(own, split)
  evaluation$net_benefit <- net_benefit(evaluation$predictions, "external")
  both <- merge_values(tidy_values(internal), tidy_values(evaluation))
  both <- both[order(match(both$finding, findings)), ]
  tibble::tibble(both, confidence = confidence)
}

compared_points <- c("sensitivity", "specificity", "ppv", "npv")
compared_measures <- c("intercept", "slope", "observed_expected", "brier", "ici")

# One row per finding, metric and operating point: `estimate`, `lower`, `upper`.
tidy_values <- function(tables) {
  d <- tables$discrimination
  points <- tables$operating_points[tables$operating_points$metric %in% compared_points, ]
  measures <- tables$calibration_measures
  measures <- measures[measures$stage == "after" & measures$measure %in% compared_measures, ]
  none <- NA_character_
  rbind(
    tibble::tibble(finding = d$finding, metric = "auroc", operating_point = none,
                   estimate = d$auroc, lower = d$auroc_lower, upper = d$auroc_upper),
    tibble::tibble(finding = d$finding, metric = "average_precision", operating_point = none,
                   estimate = d$average_precision, lower = d$average_precision_lower,
                   upper = d$average_precision_upper),
    tibble::tibble(finding = points$finding, metric = points$metric, operating_point = points$operating_point,
                   estimate = points$estimate, lower = points$lower, upper = points$upper),
    tibble::tibble(finding = measures$finding, metric = measures$measure, operating_point = none,
                   estimate = measures$estimate, lower = measures$lower, upper = measures$upper),
    tibble::tibble(finding = tables$net_benefit$finding, metric = "net_benefit", operating_point = none,
                   estimate = tables$net_benefit$net_benefit, lower = tables$net_benefit$net_benefit_lower,
                   upper = tables$net_benefit$net_benefit_upper)
  )
}

merge_values <- function(own, other) {
  key <- function(values) paste(values$finding, values$metric, values$operating_point, sep = "\r")
  own <- own[match(key(other), key(own)), ]
  gap <- independent_difference(other, own)
  tibble::tibble(
    other[c("finding", "metric", "operating_point")],
    internal = own$estimate, internal_lower = own$lower, internal_upper = own$upper,
    external = other$estimate, external_lower = other$lower, external_upper = other$upper,
    difference = gap$estimate, difference_lower = gap$lower, difference_upper = gap$upper
  )
}

# The interval of the difference of two independent estimates from their intervals (Zou and Donner 2008,
# <doi:10.1002/sim.3095>), whatever the method of these intervals.
independent_difference <- function(a, b) {
  d <- a$estimate - b$estimate
  list(
    estimate = d,
    lower = d - sqrt((a$estimate - a$lower)^2 + (b$upper - b$estimate)^2),
    upper = d + sqrt((a$upper - a$estimate)^2 + (b$estimate - b$lower)^2)
  )
}
