test_that("more than 2^31 pairs do not overflow", {
  truth <- rep(c(1L, 0L), c(50000, 60000))
  probability <- with_seed(1, rnorm(110000) + truth)
  covariance <- auroc_covariance(truth, placement_values(truth, probability), seq_along(truth))
  reference <- pROC::var(pROC::roc(truth, probability, levels = c(0, 1), direction = "<", quiet = TRUE))
  expect_equal(covariance[1, 1], reference, tolerance = 1e-8)
})
