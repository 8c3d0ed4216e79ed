limits <- function(of) of$limits(0.95)

test_that("the Brier score of calls is the error rate, with Wilson's limits", {
  truth <- rep(1:0, c(12, 18))
  none <- limits(brier_of(as.double(truth), truth, 1:30))
  expect_equal(none, wilson_limits(0, 30, qt(0.975, 29)), tolerance = 1e-6)
  calls <- replace(as.double(truth), c(3, 20), c(0, 1))
  upper <- limits(brier_of(calls, truth, 1:30))[[2]]
  expect_equal(upper, wilson_limits(2 / 30, 30, qt(0.975, 29))[[2]], tolerance = 1e-6)
})

test_that("the same number for all images has a binomial interval, and 0.5 has none", {
  truth <- rep(1:0, c(12, 18))
  share <- wilson_limits(0.4, 30, qt(0.975, 29))[[2]]
  same <- limits(brier_of(rep(0.3, 30), truth, 1:30))[[2]]
  expect_equal(same, 0.09 + 0.4 * share, tolerance = 1e-6)
  expect_identical(limits(brier_of(rep(0.5, 30), truth, 1:30)), c(NA_real_, NA_real_))
})

test_that("images repeated within a patient do not add information", {
  set.seed(1)
  probability <- runif(40)
  truth <- rbinom(40, 1, probability)
  twice <- function(x) rep(x, each = 2)
  for (of in list(brier_of, function(p, y, k) log_loss_quantity(y, p, k), function(p, y, k) {
    brier_scaled_quantity(y, p, k)
  })) {
    once <- of(probability, truth, 1:40)
    repeated <- of(twice(probability), twice(truth), twice(1:40))
    expect_equal(repeated$estimate, once$estimate)
    # The design effect of independent images is at least 1.
    expect_gte(diff(limits(repeated)), diff(limits(once)) - 1e-9)
    expect_equal(limits(repeated), limits(once), tolerance = 0.02)
  }
})

test_that("a perfect separation by moderate probabilities has limits on both sides", {
  truth <- rep(1:0, c(12, 18))
  probability <- c(seq(0.6, 0.9, length.out = 12), seq(0.1, 0.4, length.out = 18))
  of <- brier_of(probability, truth, 1:30)
  expect_lt(limits(of)[[1]], of$estimate - 0.01)
  expect_gt(limits(of)[[2]], of$estimate + 0.01)
})

test_that("a small set without a confident error does not exclude one", {
  set.seed(2)
  inside <- replicate(200, {
    truth <- rep(1:0, c(10, 20))
    z <- 3.3 * (3.3 * (truth - 0.5) + rnorm(30)) + qlogis(1 / 3)
    interval <- limits(brier_of(plogis(z), truth, 1:30))
    # The Brier score of the population, by numerical integration.
    interval[[1]] <= 0.0342 && interval[[2]] >= 0.0342
  })
  expect_gt(mean(inside), 0.9)
})

test_that("a wrong probability of 0 has an infinite log loss; others at 0 and 1 do not", {
  truth <- c(1, 0, 1, 0, 1, 0)
  expect_identical(log_loss_quantity(truth, c(0, 0.1, 0.9, 0.2, 0.8, 0.3), 1:6)$estimate, Inf)
  expect_true(all(is.finite(limits(log_loss_quantity(truth, c(1, 0.1, 0.9, 0, 0.8, 0.3), 1:6)))))
})

test_that("the limits enclose the largest loss, of certain and wrong probabilities", {
  truth <- rep(0:1, 12)
  wrong <- limits(brier_of(1 - truth, truth, rep(1:12, 2)))
  expect_lte(wrong[[1]], 1)
  expect_gte(wrong[[2]], 1)
})

test_that("limits of clustered images match an implementation in Python", {
  probability <- c(seq(0.02, 0.6, length.out = 24), seq(0.1, 0.9, length.out = 6))
  of <- brier_of(probability, rep(0:1, c(24, 6)), rep(1:15, each = 2))
  expect_equal(c(of$estimate, limits(of)), c(0.1661901, 0.1116288, 0.3105856), tolerance = 1e-6)
})
