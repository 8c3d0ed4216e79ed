# Five networks on different scales, as in a cross-validation of a rare finding.
fold_predictions <- function(seed = 1, n = 400, prevalence = 0.1, folds = 5, shift = 2, images = 2) {
  with_seed(seed, {
    patient <- rep(seq_len(n), images)
    fold <- (sample(n) %% folds + 1)[patient]
    truth <- as.integer((rnorm(n)[patient] + rnorm(n * images) / 2) > qnorm(1 - prevalence) * sqrt(1.25))
    z <- 1.5 * truth + rnorm(n * images)
    scale <- exp(rnorm(folds, 0, 0.3))[fold]
    tibble::tibble(
      image_id = as.character(seq_along(z)), patient_id = as.character(patient), group_id = patient_id,
      split = "test", finding = "Pneumonia", truth = truth,
      probability = plogis(z * scale + (shift * rnorm(folds))[fold]), fold = as.character(fold)
    )
  })
}

weighted_by_positives <- function(rows, of_fold) {
  parts <- split(rows, rows$fold)
  weights <- vapply(parts, function(part) sum(part$truth), double(1))
  sum(vapply(parts, of_fold, double(1)) * weights) / sum(weights)
}

test_that("one fold, or missing folds, give the numbers of a table without folds", {
  rows <- example_predictions()
  for (value in list("1", NA_character_, "", 7)) {
    same <- transform(rows, fold = value)
    expect_identical(discrimination(same, draws = 100), discrimination(rows, draws = 100))
    expect_identical(roc_points(same), roc_points(rows))
    expect_identical(pr_points(same), pr_points(rows))
    expect_identical(calibration_measures(same, draws = 100), calibration_measures(rows, draws = 100))
  }
})

test_that("AUROC is the mean of the folds' AUROCs by pROC, weighted by positives", {
  rows <- fold_predictions()
  of_fold <- function(part) {
    as.double(pROC::auc(part$truth, part$probability, levels = c(0, 1), direction = "<", quiet = TRUE))
  }
  expected <- weighted_by_positives(rows, of_fold)
  found <- discrimination(rows, draws = 100, max_fpr = 0.2)
  expect_equal(found$auroc, expected, tolerance = 1e-12)
  expect_equal(unique(clustered_auroc(rows, draws = 100)$auroc), expected, tolerance = 1e-12)
  pooled <- discrimination(rows[names(rows) != "fold"], draws = 100)
  expect_lt(pooled$auroc, expected - 0.1)
  partial <- weighted_by_positives(rows, function(part) {
    as.double(pROC::auc(
      part$truth, part$probability, levels = c(0, 1), direction = "<", quiet = TRUE, partial.auc = c(1, 0.8)
    ))
  })
  expect_equal(found$partial_auroc, partial, tolerance = 1e-12)
})

test_that("the order of probabilities within folds is all that counts", {
  rows <- fold_predictions()
  ranks <- ave(rows$probability, rows$fold, FUN = function(p) rank(p) / (length(p) + 1))
  other <- transform(rows, probability = ranks)
  columns <- c("auroc", "auroc_lower", "auroc_upper", "average_precision", "obuchowski_std_error")
  expect_equal(
    discrimination(other, draws = 200)[columns], discrimination(rows, draws = 200)[columns], tolerance = 1e-12
  )
  expect_equal(roc_points(other), roc_points(rows))
  expect_equal(pr_bands(other, draws = 100), pr_bands(rows, draws = 100))
  both <- compare_models(list(one = rows, other = other), metrics = c("auroc", "average_precision"), draws = 100)
  expect_equal(both$difference, double(nrow(both)), tolerance = 1e-12)
})

test_that("DeLong's variance with one image per patient is that of the folds' AUROCs by pROC", {
  # Folds with equally many positives and equal AUROCs, where both formulas agree.
  rows <- fold_predictions(images = 1, n = 200)
  rows <- do.call(rbind, lapply(1:5, function(copy) {
    transform(rows, fold = as.character(copy), image_id = paste(copy, image_id), patient_id = paste(copy, patient_id),
              group_id = paste(copy, group_id))
  }))
  of_one <- pROC::var(pROC::roc(
    rows$truth[1:200], rows$probability[1:200], levels = c(0, 1), direction = "<", quiet = TRUE
  ))
  m <- sum(rows$truth[1:200])
  found <- clustered_auroc(rows, draws = 100)
  expect_equal(found$std_error[[1]]^2, of_one / 5, tolerance = 0.02)
  expect_equal(found$std_error[[1]], found$std_error[[2]])
})

test_that("the ROC curve has the area of AUROC, and its points are those of the bands", {
  rows <- fold_predictions()
  # Ties within a fold make slopes.
  rows$probability <- round(rows$probability, 1)
  points <- roc_points(rows)
  expect_true(all(diff(points$sensitivity) >= -1e-12) && all(diff(points$specificity) <= 1e-12))
  expect_equal(unlist(points[1, 4:5]), c(sensitivity = 0, specificity = 1))
  expect_equal(unlist(points[nrow(points), 4:5]), c(sensitivity = 1, specificity = 0))
  fpr <- 1 - points$specificity
  area <- sum(diff(fpr) * (points$sensitivity[-1] + points$sensitivity[-nrow(points)]) / 2)
  expect_equal(area, discrimination(rows, draws = 100)$auroc, tolerance = 1e-10)
  bands <- roc_bands(rows, draws = 100, places = 21)
  on_curve <- stats::approx(fpr, points$sensitivity, bands$fpr, ties = max)$y
  expect_equal(bands$sensitivity, on_curve, tolerance = 1e-3)
  expect_true(all(is.na(points$threshold)))
})

test_that("average precision comes from the false positive rates within folds", {
  rows <- fold_predictions()
  rate <- double(nrow(rows))
  for (fold in unique(rows$fold)) {
    here <- rows$fold == fold
    negatives <- rows$probability[here & rows$truth == 0]
    rate[here] <- vapply(rows$probability[here], function(p) mean(negatives >= p), double(1))
  }
  u <- sort(rate[rows$truth == 1])
  expected <- mean(seq_along(u) / (seq_along(u) + sum(rows$truth == 0) * u))
  expect_equal(discrimination(rows, draws = 100)$average_precision, expected, tolerance = 1e-12)
  points <- pr_points(rows)
  expect_equal(sum(diff(c(0, points$recall)) * points$precision), expected, tolerance = 1e-12)
  bands <- pr_bands(rows, draws = 100, places = 11)
  expect_equal(bands$precision, vapply(bands$recall, function(r) {
    points$precision[[which(points$recall >= r - 1e-9)[[1]]]]
  }, double(1)))
})

test_that("folds without pairs do not count", {
  rows <- fold_predictions()
  only_positive <- transform(
    rows[rows$truth == 1, ][1:5, ], fold = "6", image_id = paste0("p", 1:5), patient_id = paste0("p", 1:5),
    group_id = paste0("p", 1:5), probability = 0
  )
  more <- rbind(rows, only_positive)
  expect_equal(discrimination(more, draws = 100)$auroc, discrimination(rows, draws = 100)$auroc)
  expect_equal(unique(clustered_auroc(more, draws = 100)$auroc), discrimination(rows, draws = 100)$auroc)
  each <- transform(rows, fold = image_id)
  expect_warning(none <- discrimination(each, draws = 100), class = "placa_warning_one_class")
  expect_true(is.na(none$auroc))
  expect_identical(nrow(suppressWarnings(roc_points(each))), 0L)
})

test_that("a patient in two folds is a leak", {
  rows <- fold_predictions()
  rows$fold[[1]] <- setdiff(rows$fold, rows$fold[[1]])[[1]]
  error <- expect_error(evaluate(rows, one_threshold(), draws = 100), class = "placa_error_leak")
  expect_identical(error$patients, rows$patient_id[[1]])
})

test_that("net benefit and operating points are sums over folds", {
  rows <- fold_predictions()
  shares <- prop.table(table(rows$fold))
  of_folds <- vapply(split(rows, rows$fold), function(part) {
    curve <- decision_curve(part, thresholds = 0.2, draws = 100)
    curve$net_benefit[[1]]
  }, double(1))
  all <- decision_curve(rows, thresholds = 0.2, draws = 100)
  expect_equal(all$net_benefit[[1]], sum(of_folds * as.double(shares)), tolerance = 1e-12)
  points <- operating_points(rows, one_threshold(0.2), draws = 100)
  sensitivity <- weighted_by_positives(rows, function(part) mean(part$probability[part$truth == 1] >= 0.2))
  expect_equal(metric(points, "sensitivity"), sensitivity, tolerance = 1e-12)
})

test_that("a comparison uses the folds of each table", {
  rows <- fold_predictions(1)
  other <- fold_predictions(1)
  other$probability <- fold_predictions(1, shift = 0)$probability
  found <- compare_models(list(one = rows, other = other), metrics = "auroc", draws = 200)
  expect_lt(max(abs(found$difference)), 1e-12)
  expect_identical(found$method, c("delong", "obuchowski", "score", "bootstrap"))
})

test_that("an evaluation records the number of folds", {
  rows <- fold_predictions()
  directory <- tempfile()
  remove_later(directory, environment())
  evaluation <- evaluate_tables(rows, one_threshold(), out = directory, draws = 100)
  expect_identical(evaluation$about$folds, 5L)
  expect_match(paste(format(evaluation), collapse = " "), "within 5 folds")
  expect_identical(read_evaluation(directory)$about$folds, 5L)
  expect_equal(read_evaluation(directory)$roc, evaluation$roc)
  expect_equal(evaluation$discrimination$auroc, discrimination(rows, draws = 100)$auroc)
  expect_null(two_findings()$about$folds)
})

test_that("the slope compares images within folds", {
  rows <- fold_predictions(n = 2000, prevalence = 0.3)
  slope_of <- function(rows) {
    measures <- calibration_measures(rows, draws = 100)
    measures[measures$measure == "slope", ]
  }
  within <- slope_of(rows)
  z <- qlogis(rows$probability)
  by_glm <- coef(glm(rows$truth ~ z + factor(rows$fold), family = binomial()))[["z"]]
  expect_equal(within$estimate, by_glm, tolerance = 0.01)
  expect_gt(within$upper, within$lower)
  expect_gt(abs(slope_of(rows[names(rows) != "fold"])$estimate - by_glm), 0.1)
})

test_that("a fold without a positive leaves the slope finite", {
  rows <- fold_predictions(n = 100, images = 1)
  rows$truth[rows$fold == "2"] <- 0L
  measures <- calibration_measures(rows, draws = 100)
  expect_true(all(is.finite(measures$estimate)))
})

test_that("the limits of a slope within folds do not depend on where the logits are", {
  set.seed(4)
  z <- stats::rnorm(120)
  fold <- rep(1:3, 40)
  truth <- as.integer(stats::runif(120) < stats::plogis(z + fold - 2))
  limits <- function(z) slope_limits(truth, z, seq_along(z), fold, 0.95)
  # The weak prior of the intercepts leaves a small difference.
  expect_equal(limits(z + 2), limits(z), tolerance = 0.005)
  expect_equal(limits(2 * z), limits(z) / 2, tolerance = 1e-5)
  # The intercepts of a logistic regression have no prior, so its profile limits are near.
  fit <- stats::glm(truth ~ z + factor(fold), family = stats::binomial)
  expect_equal(limits(z), as.double(suppressMessages(stats::confint(fit, "z"))), tolerance = 0.1)
})
