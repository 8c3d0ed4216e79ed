test_that("average precision and partial AUROC match scikit-learn", {
  rows <- sklearn_predictions()
  table <- average_precision(rows, draws = 100)
  expect_equal(table$average_precision, evaluation_values("average_precision")$estimate, tolerance = 1e-12)
  results <- evaluation_values("partial_auroc_standardised")
  for (max_fpr in unique(results$at)) {
    table <- partial_auroc(rows, max_fpr, draws = 100)
    expect_equal(table$partial_auroc_standardised, results$estimate[results$at == max_fpr], tolerance = 1e-12)
  }
})

test_that("partial AUROC matches pROC, and equals AUROC at max_fpr = 1", {
  rows <- example_predictions()
  table <- partial_auroc(rows, 0.15, draws = 100)
  for (finding in table$finding) {
    of_finding <- rows[rows$finding == finding & rows$split == "test", ]
    curve <- pROC::roc(of_finding$truth, of_finding$probability, levels = c(0, 1), direction = "<", quiet = TRUE)
    theirs <- pROC::auc(curve, partial.auc = c(0.85, 1))
    expect_equal(table$partial_auroc[table$finding == finding], as.double(theirs), tolerance = 1e-12)
  }
  complete <- partial_auroc(rows, 1, draws = 100)
  expect_equal(complete$partial_auroc, discrimination(rows)$auroc)
  expect_equal(complete$partial_auroc_standardised, complete$partial_auroc)
})

test_that("values for six images match a manual calculation", {
  table <- average_precision(six_rows(), draws = 200)
  # Positives are first, second and fifth from the top.
  expect_equal(table$average_precision, (1 / 1 + 2 / 2 + 3 / 5) / 3)
  # Up to a false positive rate of 1/3: two of three positives are above the first negative.
  expect_equal(partial_auroc(six_rows(), 1 / 3, draws = 200)$partial_auroc, 2 / 3 * 1 / 3)
  expect_equal(table$prevalence, 0.5)
  expect_identical(table$n_clusters, 5L)
})

test_that("values that cannot be estimated are missing, and invalid arguments are errors", {
  none <- transform(six_rows(), truth = 0L)
  expect_true(is.na(average_precision(none, draws = 100)$average_precision))
  expect_warning(table <- partial_auroc(none, draws = 100), class = "placa_warning_one_class")
  expect_true(is.na(table$partial_auroc))
  expect_error(partial_auroc(six_rows(), 0), class = "placa_error_max_fpr")
  expect_error(partial_auroc(six_rows(), 2), class = "placa_error_max_fpr")
})

test_that("points of the precision-recall curve match scikit-learn", {
  points <- pr_points(sklearn_predictions())
  expect_s3_class(points, "placa_pr_points")
  for (finding in unique(points$finding)) {
    ours <- points[points$finding == finding, ]
    for (metric in c("precision", "recall")) {
      results <- evaluation_values(metric)
      results <- results[results$finding == finding, ]
      expect_equal(ours[[metric]], rev(results$estimate), tolerance = 1e-12)
      expect_equal(ours$threshold, rev(results$at), tolerance = 1e-12)
    }
    expect_true(all(ours$prevalence == ours$precision[nrow(ours)]))
  }
  expect_identical(nrow(pr_points(transform(six_rows(), truth = 0L))), 0L)
})
