# The width of a 95% interval from its standard error.
width <- function(se) 2 * stats::qnorm(0.975) * se

images_for <- function(plan, measure) plan$images[plan$measure == measure]

test_that("sizes are those of sampsizeval and of Riley et al. 2021", {
  # sampsizeval 1.0.0.0: sampsizeval(0.1, 0.75, 0.025, 0.1, 0.1) and sampsizeval(0.057, 0.77, 0.025, 0.15, 0.15).
  plan <- plan_validation(0.75, 0.1, width_auroc = width(0.025), width_slope = width(0.1), width_intercept = width(0.1))
  expect_equal(images_for(plan, "auroc"), 1028)
  expect_equal(images_for(plan, "slope"), 1536)
  expect_equal(images_for(plan, "intercept"), 1224)
  plan <- plan_validation(0.77, 0.057, width_auroc = width(0.025), width_slope = width(0.15),
                          width_intercept = width(0.15))
  expect_equal(plan$images[1:3], c(1599, 934, 897))
  # O/E = 1, prevalence 0.018, standard error 0.245 of ln(O/E): 909 (Riley et al. 2021).
  plan <- plan_validation(0.8, 0.018, width_oe = width(0.245))
  expect_equal(images_for(plan, "oe"), ceiling((1 - 0.018) / 0.018 / 0.245^2))
})

test_that("simulated intervals have the wanted widths", {
  plan <- plan_validation(0.85, 0.2, width_auroc = 0.1, width_slope = 0.5, width_oe = 0.3, width_net_benefit = 0.2)
  logit <- normal_logit(0.85, 0.2)
  set.seed(1)
  estimates <- replicate(400, {
    n <- images_for(plan, "slope")
    x <- stats::rnorm(n, logit[["mean"]], logit[["sd"]])
    y <- stats::rbinom(n, 1, stats::plogis(x))
    fit <- stats::glm.fit(cbind(1, x), y, family = stats::binomial())
    weight <- 0.2 / 0.8
    called <- stats::plogis(x) >= 0.2
    c(slope = fit$coefficients[[2]], auroc = (mean(rank(x)[y == 1]) - (sum(y) + 1) / 2) / sum(1 - y),
      oe = log(sum(y) / sum(stats::plogis(x))), prevalence = mean(y),
      net_benefit = (mean(called & y == 1) - weight * mean(called & y == 0)) / mean(y))
  })
  expect_equal(mean(estimates["auroc", ]), 0.85, tolerance = 0.003)
  expect_equal(mean(estimates["prevalence", ]), 0.2, tolerance = 0.01)
  # All measures have the size of the slope here, so their widths change by the square root.
  for (measure in c("slope", "auroc", "net_benefit")) {
    ratio <- images_for(plan, measure) / images_for(plan, "slope")
    expected <- plan$width[plan$measure == measure] * sqrt(ratio)
    expect_equal(width(stats::sd(estimates[measure, ])), expected, tolerance = 0.1)
  }
  # The variance of ln(O/E) given the predictions is smaller than the formula, which ignores them.
  formula <- 0.3 * sqrt(images_for(plan, "oe") / images_for(plan, "slope"))
  expect_lt(width(stats::sd(estimates["oe", ])), formula)
})

test_that("the design effect is that of repeated images", {
  alone <- plan_validation(0.85, 0.1)
  plan <- plan_validation(0.85, 0.1, images_per_patient = 3, icc = 0.2)
  expect_equal(plan$design_effect, rep(1.4, 7))
  expect_equal(plan$images_needed, ceiling(alone$images * 1.4))
  expect_equal(plan$patients_needed, ceiling(plan$images_needed / 3))
  # Identical images of a patient are no more information than one.
  same <- plan_validation(0.85, 0.1, images_per_patient = 3, icc = 1)
  expect_equal(same$patients_needed, alone$images)
  set.seed(2)
  logit <- normal_logit(0.85, 0.1)
  x <- stats::rnorm(300, logit[["mean"]], logit[["sd"]])
  rows <- data.frame(image_id = as.character(1:300), patient_id = as.character(1:300), split = "test",
                     finding = "Mass",
                     truth = stats::rbinom(300, 1, stats::plogis(x)), probability = stats::plogis(x))
  copies <- rows[rep(1:300, 3), ]
  copies$image_id <- as.character(seq_len(nrow(copies)))
  one <- clustered_auroc(rows, draws = 200)
  three <- clustered_auroc(copies, draws = 200)
  error_of <- function(found) found$std_error[found$method == "obuchowski"]
  expect_equal(error_of(three), error_of(one), tolerance = 0.05)
})

test_that("arguments out of range are an error, and NA leaves a measure out", {
  expect_error(plan_validation(0.4, 0.1), class = "placa_error_plan")
  expect_error(plan_validation(0.8, 0), class = "placa_error_plan")
  expect_error(plan_validation(0.8, 0.1, images_per_patient = 0.5), class = "placa_error_plan")
  expect_error(plan_validation(0.8, 0.1, icc = 1.1), class = "placa_error_plan")
  expect_error(plan_validation(0.8, 0.1, width_auroc = 0), class = "placa_error_plan")
  expect_error(plan_validation(c(0.8, 0.9), 0.1), class = "placa_error_plan")
  expect_error(plan_validation("0.8", 0.1), class = "placa_error_plan")
  expect_identical(plan_validation(0.8, 0.1, width_oe = NA)$measure,
                   c("auroc", "slope", "intercept", "sensitivity", "specificity", "net_benefit"))
  expect_message(capture.output(print(plan_validation(0.8, 0.1))), class = "placa_message_plan")
})

test_that("sizes for development are those of pmsampsize", {
  # pmsampsize, binary: 24 parameters, prevalence 0.174, C statistic 0.89.
  plan <- plan_development(0.89, 0.174, 24)
  expect_identical(plan$measure, c("shrinkage", "optimism", "prevalence"))
  expect_equal(plan$images_needed, c(615, 660, 221))
  expect_equal(plan$positive_needed, ceiling(c(615, 660, 221) * 0.174))
  # The Cox-Snell R² of a simulation of this C statistic is 0.2908.
  expect_equal(cox_snell(0.89, 0.174)[["expected"]], 0.2908, tolerance = 1e-3)
  expect_error(plan_development(0.89, 0.174, 0), class = "placa_error_plan")
  expect_s3_class(ggplot2::autoplot(plan), "ggplot")
})
