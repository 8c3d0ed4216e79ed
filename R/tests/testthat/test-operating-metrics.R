test_that("likelihood ratios and kappa match scikit-learn", {
  table <- operating_points(sklearn_predictions(), two_thresholds(), draws = 100)
  results <- evaluation_values(c("lr_positive", "lr_negative", "kappa"))
  both <- merge(table, results, by.x = c("finding", "threshold", "metric"), by.y = c("finding", "at", "metric"))
  expect_identical(nrow(both), 12L)
  expect_equal(both$estimate.x, both$estimate.y, tolerance = 1e-12)
})

test_that("intervals match those of resampled tables", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Pneumonia" & rows$split == "test", ]
  table <- operating_points(rows, one_threshold(0.4), draws = 200, confidence = 0.9)
  cluster <- cluster_index(rows)
  counts <- resample_once(max(cluster), 200, 1)
  by_hand <- apply(counts, 2, function(draw) {
    again <- rep(seq_along(cluster), as.integer(draw[cluster]))
    metrics_by_counts(rows$truth[again], rows$probability[again], 0.4)[metric_names]
  })
  expected <- vapply(metric_names, function(name) {
    estimate <- metrics_by_counts(rows$truth, rows$probability, 0.4)[[name]]
    bounds_by_hand(by_hand[name, ], estimate, rows$truth, cluster, 0.9)
  }, double(2))
  ours <- table[match(metric_names, table$metric), ]
  expect_equal(ours$lower, unname(expected[1, ]), tolerance = 1e-12)
  expect_equal(ours$upper, unname(expected[2, ]), tolerance = 1e-12)
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
  expect_identical(table$upper[table$metric == "lr_positive"], Inf)
})

test_that("predictive values match Bayes' rule", {
  rows <- example_predictions()
  table <- predictive_values(rows, example_thresholds(), draws = 200)
  metrics <- operating_points(rows, example_thresholds(), draws = 200)
  for (name in c("ppv", "npv")) {
    own <- table[table$own & table$metric == name, ]
    expect_equal(own$estimate, metric(metrics, name))
    # Except for Wilson's intervals, the draws are the same.
    bootstrap <- metrics[metrics$metric == name, ]
    narrow <- bootstrap$interval == "bootstrap"
    expect_equal(own$lower[narrow], bootstrap$lower[narrow])
  }
  # 100 of 1,000 images have the finding; two thirds of them and one third of the others are called positive.
  six <- predictive_values(six_rows(), one_threshold(0.5), prevalence = 0.1, draws = 200)
  expect_equal(six$estimate[1:2], c(200 / 3 / (200 / 3 + 300), 600 / (600 + 100 / 3)))
  expect_equal(six$prevalence, c(0.1, 0.1, 0.5, 0.5))
  expect_error(predictive_values(rows, example_thresholds(), prevalence = 5), class = "placa_error_prevalence")
})
