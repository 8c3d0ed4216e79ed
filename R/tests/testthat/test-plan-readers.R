test_that("the power is that of RJafroc", {
  # SsPowerGivenJK() and SsSampleSizeKGivenJ() of RJafroc 2.1.2, in its own tests.
  vandyke <- compare_modalities(standard_readers("vandyke"), reference = "2")
  expect_equal(plan_readers(vandyke, -0.043800322, readers = 10, cases = 165)$power, 0.80541995, tolerance = 1e-8)
  fixed <- plan_readers(vandyke, -0.043800322, readers = 10, cases = 131, analysis = "fixed_readers")
  expect_equal(fixed$power, 0.80091813, tolerance = 1e-8)
  franken <- suppressMessages(compare_modalities(standard_readers("franken")))
  plan <- plan_readers(franken, 0.05, readers = 6)
  expect_identical(plan$cases, 121)
  expect_equal(plan$power, 0.8004469, tolerance = 1e-7)
})

test_that("a plan from the literature, and a margin", {
  pilot <- data.frame(n_cases = 100, var = 0.001, cov2 = 0.0004, ms_reader = 0.0016)
  superior <- plan_readers(pilot, 0.06, readers = c(3, 10), cases = c(100, 400))
  expect_identical(superior$cases, c(100, 400, 100, 400))
  expect_true(all(diff(superior$power[c(1, 2, 4)]) > 0))
  # By hand: between readers 0.0016 - 0.001 + 0.0004 = 0.001.
  denominator <- 0.001 + 0.001 + 2 * 0.0004
  df <- denominator^2 / ((0.001 + 0.0006)^2 / 2)
  reach <- qt(0.975, df)
  inferior <- plan_readers(pilot, 0, readers = 3, cases = 100, margin = 0.1)
  expect_equal(inferior$df, df)
  expect_equal(inferior$power, pt(reach, df, 0.1 / sqrt(denominator / 3), lower.tail = FALSE))
  never <- plan_readers(pilot, 0.02, readers = 2)
  expect_true(is.na(never$cases))
  expect_lt(never$power, 0.8)
})

test_that("a plan from a comparison with a model", {
  readers <- example_readers(4, levels = 5)
  pilot <- suppressMessages(compare_readers(example_predictions(), readers))
  plan <- plan_readers(pilot, 0.1, readers = 8)
  expect_identical(plan$finding, c("Pneumonia", "Effusion"))
  expect_true(all(plan$power >= 0.8 | is.na(plan$cases)))
})

test_that("impossible plans are errors", {
  pilot <- data.frame(n_cases = 100, var = 0.001, cov2 = 0.0004, ms_reader = 0.0016)
  expect_error(plan_readers(pilot, 0, readers = 3), class = "placa_error_readers")
  expect_error(plan_readers(pilot, 0.1, readers = 1), class = "placa_error_readers")
  expect_error(plan_readers(pilot, -0.2, readers = 3, margin = 0.1), class = "placa_error_readers")
  expect_error(plan_readers(pilot[1:2], 0.1, readers = 3), class = "placa_error_readers")
  expect_error(plan_readers(transform(pilot, var = NA), 0.1, readers = 3), class = "placa_error_readers")
})
