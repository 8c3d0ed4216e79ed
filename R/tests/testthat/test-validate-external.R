elsewhere <- function(rows) {
  rows <- rows[rows$split == "test", ]
  for (name in c("image_id", "patient_id", "group_id")) rows[[name]] <- paste0("there-", rows[[name]])
  rows$probability <- stats::plogis(2 * stats::qlogis(rows$probability) - 0.5)
  rows
}

published_logistic <- function() {
  set.seed(2)
  x <- stats::rnorm(500)
  y <- stats::rbinom(500, 1, stats::plogis(-0.4 + 0.8 * x))
  data.frame(truth = y, probability = stats::plogis(-1 + 1.5 * x))
}

test_that("measures are those of predRupdate 0.2.1 (stored values)", {
  found <- validation_measures(published_logistic(), 0.95)
  value <- stats::setNames(found$estimate, found$measure)
  error <- stats::setNames(found$std_error, found$measure)
  expect_equal(value[["OE_ratio"]], 1.172341610, tolerance = 1e-8)
  expect_equal(value[["CalInt"]], 0.366884249, tolerance = 1e-8)
  expect_equal(error[["CalInt"]], 0.10931813, tolerance = 1e-7)
  expect_equal(value[["CalSlope"]], 0.456237345, tolerance = 1e-8)
  expect_equal(value[["AUC"]], 0.673290938, tolerance = 1e-8)
  expect_equal(error[["AUC"]], 0.024063910, tolerance = 1e-7)
  expect_equal(value[["R2_CoxSnell"]], -0.022802467, tolerance = 1e-7)
  expect_equal(value[["R2_Nagelkerke"]], -0.030758406, tolerance = 1e-7)
  brier <- unlist(found[found$measure == "BrierScore", c("estimate", "lower", "upper")])
  expect_equal(unname(brier), c(0.237641659, 0.220915903, 0.254367415), tolerance = 1e-8)
})

test_that("both sides and their difference are the values of evaluate()", {
  here <- example_predictions()
  there <- elsewhere(here)
  out <- tempfile("there-")
  validation <- validate_external(here, there, example_thresholds(), draws = 200, out = out)
  expect_s3_class(validation, c("placa_validation", "placa_evaluation"), exact = TRUE)
  own <- two_findings()
  compared <- validation$comparison
  row <- compared[compared$finding == "Pneumonia" & compared$metric == "auroc", ]
  expect_equal(row$internal, own$discrimination$auroc[[1]])
  # A monotone change of the probabilities does not change the ranking.
  expect_equal(row$external, row$internal)
  expect_equal(row$difference, 0)
  slope <- compared[compared$finding == "Pneumonia" & compared$metric == "slope", ]
  expect_equal(slope$external, slope$internal / 2, tolerance = 1e-3)
  points <- own$operating_points
  sensitivity <- points$estimate[points$finding == "Pneumonia" & points$metric == "sensitivity"]
  expect_equal(compared$internal[compared$finding == "Pneumonia" & compared$metric == "sensitivity"], sensitivity)
  stored <- read_evaluation(out)
  for (name in c("comparison", "case_mix", "explained", "measures")) {
    expect_equal(stored[[name]], validation[[name]], ignore_attr = TRUE)
  }
})

test_that("the interval of a difference is that of Zou and Donner", {
  # Two proportions, 56/70 and 48/80 with Wilson's intervals: Newcombe's interval (1998, method 10), published.
  wilson <- function(x, n) {
    p <- x / n
    z <- stats::qnorm(0.975)
    reach <- z * sqrt(p * (1 - p) / n + z^2 / (4 * n^2))
    list(estimate = p, lower = (p + z^2 / (2 * n) - reach) / (1 + z^2 / n),
         upper = (p + z^2 / (2 * n) + reach) / (1 + z^2 / n))
  }
  found <- independent_difference(wilson(56, 70), wilson(48, 80))
  expect_equal(c(found$lower, found$upper), c(0.0524, 0.3339), tolerance = 1e-3)
})

test_that("case mix explains a difference that is due to case mix", {
  set.seed(1)
  n <- 4000
  draw <- function(share_old, set) {
    old <- stats::rbinom(n, 1, share_old)
    truth <- stats::rbinom(n, 1, 0.4)
    # The model works for the young and hardly for the old.
    z <- truth * ifelse(old == 1, 0.2, 2.5) + stats::rnorm(n)
    tibble::tibble(image_id = paste(set, seq_len(n)), patient_id = image_id, group_id = image_id, split = "test",
                   finding = "Opacity", truth = truth, probability = stats::plogis(z - 1),
                   sex = ifelse(old == 1, "F", "M"))
  }
  here <- draw(0.2, "here")
  there <- draw(0.7, "there")
  row <- explain_difference(check_predictions(here), check_predictions(there), 0.95, 100, 1)
  expect_lt(row$external, row$internal - 0.15)
  expect_equal(row$standardised, row$external, tolerance = 0.03)
  expect_gt(row$membership_auroc, 0.7)
  expect_equal(row$case_mix_difference + row$model_difference, row$external - row$internal)
})

test_that("weights of 1 give the AUROC of pROC and within folds that of discrimination()", {
  rows <- check_predictions(example_predictions())
  rows <- rows[rows$split == "test" & rows$finding == "Pneumonia", ]
  once <- standardised_auroc(rows, rep(1, nrow(rows)), 0.95, 100, 1)
  expect_equal(once$estimate, discrimination(rows, draws = 100)$auroc)
  rows$fold <- as.character(cluster_index(rows) %% 3)
  folded <- standardised_auroc(rows, rep(1, nrow(rows)), 0.95, 100, 1)
  expect_equal(folded$estimate, discrimination(rows, draws = 100)$auroc)
})

test_that("the summary is that of metafor 5.0 (stored values), with and without metafor", {
  y <- stats::qlogis(c(0.8, 0.86, 0.74, 0.9))
  v <- c(0.02, 0.01, 0.04, 0.02)
  columns <- c("auroc", "auroc_lower", "auroc_upper", "prediction_lower", "prediction_upper", "tau", "i_squared")
  stored <- c(0.835410149, 0.697490117, 0.917855339, 0.485059294, 0.964726510, 0.467551899, 0.918930286)
  expect_equal(unlist(pooled_auroc(y, v, 0.95, metafor = FALSE)[columns]), stored, tolerance = 1e-6,
               ignore_attr = TRUE)
  skip_if_not_installed("metafor")
  expect_equal(unlist(pooled_auroc(y, v, 0.95, metafor = TRUE)[columns]), stored, tolerance = 1e-6,
               ignore_attr = TRUE)
})

test_that("two data sets have no prediction interval, and one has no summary", {
  sets <- data.frame(finding = "Effusion", auroc = c(0.8, 0.7), auroc_lower = c(0.7, 0.6), auroc_upper = c(0.9, 0.8),
                     confidence = 0.95)
  pooled <- pool_validations(sets)
  expect_equal(pooled$n_sets, 2)
  expect_true(is.na(pooled$prediction_lower))
  expect_null(pool_validations(sets[1, ]))
})

test_that("unsuitable tables are refused", {
  here <- example_predictions()
  there <- elsewhere(here)
  expect_error(validate_external(here, transform(there, truth = 0), example_thresholds()),
               class = "placa_error_one_class")
  expect_error(validate_external(here, transform(there, finding = "Mass"), example_thresholds()),
               class = "placa_error_finding")
  expect_error(validate_external(here, here, example_thresholds()), class = "placa_error_leak")
})
