test_that("likelihood ratios and kappa match scikit-learn", {
  table <- operating_points(sklearn_predictions(), two_thresholds(), draws = 100)
  results <- evaluation_values(c("lr_positive", "lr_negative", "kappa"))
  both <- merge(table, results, by.x = c("finding", "threshold", "metric"), by.y = c("finding", "at", "metric"))
  expect_identical(nrow(both), 12L)
  expect_equal(both$estimate.x, both$estimate.y, tolerance = 1e-12)
})

# One image per patient: positives and negatives, called and not.
independent_rows <- function(tp, fp, tn, fn) {
  n <- tp + fp + tn + fn
  tibble::tibble(
    image_id = paste0("i", seq_len(n)), patient_id = image_id, group_id = image_id, split = "test",
    finding = "Pneumonia",
    truth = rep(c(1L, 0L, 0L, 1L), c(tp, fp, tn, fn)), probability = rep(c(0.9, 0.9, 0.1, 0.1), c(tp, fp, tn, fn))
  )
}

bounds_of <- function(table, name) as.double(table[match(name, table$metric), c("lower", "upper")])

test_that("proportions of independent images have Wilson's interval", {
  table <- operating_points(independent_rows(3, 1, 19, 5), one_threshold(0.5))
  expect_equal(bounds_of(table, "sensitivity"), c(0.1368443, 0.6942576), tolerance = 1e-6)
  expect_equal(bounds_of(table, "specificity")[[1]], 0.7638688, tolerance = 1e-6)
  # F1 is a function of the share of true positives among the images that are called or positive.
  share <- wilson_limits(3 / 9, 9, qnorm(0.975))
  expect_equal(bounds_of(table, "f1"), 2 * share / (1 + share))
  none <- operating_points(independent_rows(0, 0, 20, 5), one_threshold(0.5))
  expect_identical(metric(none, "f1"), 0)
  expect_equal(bounds_of(none, "f1")[[1]], 0)
})

test_that("one positive image among many gives specificity an interval", {
  table <- operating_points(independent_rows(1, 40, 1959, 0), one_threshold(0.5))
  expect_equal(bounds_of(table, "specificity"), wilson_limits(1959 / 1999, 1999, qnorm(0.975)))
})

test_that("no interval of a perfect model has zero width", {
  table <- operating_points(independent_rows(30, 0, 30, 0), one_threshold(0.5))
  for (name in setdiff(metric_names, c("brier", "lr_positive"))) {
    bounds <- bounds_of(table, name)
    expect_true(bounds[[2]] - bounds[[1]] > 0.05, label = name)
    expect_true(metric(table, name) >= bounds[[1]] && metric(table, name) <= bounds[[2]], label = name)
  }
  expect_identical(bounds_of(table, "lr_positive")[[2]], Inf)
})

test_that("kappa combines the limits of sensitivity, specificity and prevalence", {
  table <- operating_points(independent_rows(8, 1, 19, 2), one_threshold(0.5))
  rates <- Map(function(share, n) c(share, wilson_limits(share, n, qnorm(0.975))), c(0.8, 0.95, 1 / 3), c(10, 20, 30))
  # Cohen's kappa, with one rate at its estimate, lower or upper limit: 1, 2 or 3.
  kappa <- function(sensitivity = 1, specificity = 1, prevalence = 1) {
    share <- rates[[3]][[prevalence]]
    found <- rates[[1]][[sensitivity]] * share
    cleared <- rates[[2]][[specificity]] * (1 - share)
    called <- found + 1 - share - cleared
    chance <- called * share + (1 - called) * (1 - share)
    (found + cleared - chance) / (1 - chance)
  }
  down <- kappa() - c(kappa(2), kappa(1, 2), kappa(1, 1, 2))
  up <- c(kappa(3), kappa(1, 3), kappa(1, 1, 3)) - kappa()
  expect_equal(bounds_of(table, "kappa"), kappa() + c(-1, 1) * sqrt(c(sum(down^2), sum(pmax(up, 0)^2))))
  expect_equal(metric(table, "kappa"), kappa())
})

test_that("predictive values without an error match bdpv 1.4", {
  missed_none <- predictive_values(independent_rows(100, 40, 60, 0), one_threshold(0.5), 0.2)
  npv <- missed_none[missed_none$metric == "npv" & !missed_none$own, ]
  expect_equal(c(npv$estimate, npv$upper), c(1, 1))
  expect_equal(npv$lower, 0.969, tolerance = 5e-4)
  alarmed_none <- predictive_values(independent_rows(60, 0, 100, 40), one_threshold(0.5), 0.2)
  expect_equal(alarmed_none$lower[alarmed_none$metric == "ppv" & !alarmed_none$own], 0.663, tolerance = 5e-4)
})

test_that("intervals of clustered images are wider, up to the number of patients", {
  rows <- independent_rows(30, 10, 50, 10)
  once <- operating_points(rows, one_threshold(0.5))
  copies <- do.call(rbind, lapply(1:4, function(i) transform(rows, image_id = paste(image_id, i))))
  four <- operating_points(copies, one_threshold(0.5))
  # Four copies have the information of one image; the quantile is that of Student's t.
  reach <- qt(0.975, 39)
  expect_equal(bounds_of(four, "sensitivity"), wilson_limits(0.75, 40, reach))
  expect_true(all(four$lower <= once$lower + 1e-12, na.rm = TRUE))
})

test_that("several thresholds in any order match single thresholds", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Effusion", ]
  points <- function(values) {
    tibble::tibble(finding = "Effusion", operating_point = paste0("at_", values), threshold = values)
  }
  three <- operating_points(rows, points(c(0.7, 0.2, 0.5)), draws = 100)
  expect_equal(three[three$threshold == 0.2, ], operating_points(rows, points(0.2), draws = 100))
})

test_that("a proportion of 0 or 1 has Wilson's interval by cluster", {
  table <- operating_points(six_rows(), one_threshold(0.2), draws = 200)
  sensitivity <- table[table$metric == "sensitivity", ]
  expect_identical(sensitivity$interval, "wilson")
  # Three clusters have positives; Wilson's lower bound is then n / (n + z^2).
  expect_equal(c(sensitivity$lower, sensitivity$upper), c(3 / (3 + qnorm(0.975)^2), 1))
})

test_that("a proportion of one patient has no limit, at 0 and 1 neither", {
  rows <- independent_rows(3, 0, 4, 0)
  table <- operating_points(transform(rows, patient_id = "p1", group_id = "p1"), one_threshold(0.5))
  one <- table[table$metric %in% c("sensitivity", "specificity", "ppv", "npv"), ]
  expect_identical(one$estimate, rep(1, 4))
  expect_identical(c(one$lower, one$upper), rep(NA_real_, 8))
  expect_identical(one$interval, rep(NA_character_, 4))
})

test_that("a zero denominator gives a missing estimate and an infinite bound", {
  table <- operating_points(six_rows(), one_threshold(1), draws = 200)
  value <- function(name) table[table$metric == name, ]
  expect_true(is.na(value("ppv")$estimate))
  expect_true(is.na(value("ppv")$lower))
  expect_true(is.na(value("ppv")$interval))
  table <- operating_points(six_rows(), one_threshold(0.7), draws = 200)
  # No false positive: the likelihood ratio has no denominator.
  expect_true(is.na(metric(table, "lr_positive")))
  table <- operating_points(six_rows(), one_threshold(0.5), draws = 200)
  expect_equal(metric(table, "lr_positive"), 2)
  expect_equal(metric(table, "kappa"), 1 / 3)
  table <- operating_points(six_rows(), one_threshold(0.7), draws = 200)
  expect_identical(table$upper[table$metric == "lr_positive"], Inf)
})

test_that("predictive values match Bayes' rule", {
  rows <- example_predictions()
  table <- predictive_values(rows, example_thresholds(), draws = 200)
  metrics <- operating_points(rows, example_thresholds(), draws = 200)
  for (name in c("ppv", "npv")) {
    own <- table[table$own & table$metric == name, ]
    expect_equal(own$estimate, metric(metrics, name))
    # One quantity has one interval.
    expect_equal(own$lower, metrics$lower[metrics$metric == name])
    expect_equal(own$upper, metrics$upper[metrics$metric == name])
  }
  # 100 of 1,000 images have the finding; two thirds of them and one third of the others are called positive.
  six <- predictive_values(six_rows(), one_threshold(0.5), prevalence = 0.1, draws = 200)
  expect_equal(six$estimate[1:2], c(200 / 3 / (200 / 3 + 300), 600 / (600 + 100 / 3)))
  expect_equal(six$prevalence, c(0.1, 0.1, 0.5, 0.5))
  expect_error(predictive_values(rows, example_thresholds(), prevalence = 5), class = "placa_error_prevalence")
})
