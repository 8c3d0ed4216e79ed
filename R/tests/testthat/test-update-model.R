published_rows <- function() {
  set.seed(2)
  x <- stats::rnorm(500)
  y <- stats::rbinom(500, 1, stats::plogis(-0.4 + 0.8 * x))
  name <- as.character(seq_along(y))
  tibble::tibble(image_id = name, patient_id = name, group_id = name, split = "test", finding = "F", truth = y,
                 probability = stats::plogis(-1 + 1.5 * x))
}

test_that("coefficients are those of predRupdate 0.2.1 (stored values)", {
  rows <- published_rows()
  logistic <- update_model(rows, "logistic", draws = 100)$coefficients
  expect_equal(logistic$intercept, -0.00094602815, tolerance = 1e-7)
  expect_equal(logistic$slope, 0.45623734480, tolerance = 1e-7)
  intercept <- update_model(rows, "intercept", draws = 100)$coefficients
  # The updated intercept of the model with -1 is -0.63311575.
  expect_equal(intercept$intercept - 1, -0.63311575, tolerance = 1e-7)
  expect_equal(intercept$slope, 1)
  # Refit of the model -1 + 1.5 x: both coefficients of predRupdate.
  expect_equal(c(logistic$intercept - logistic$slope, 1.5 * logistic$slope), c(-0.45718337, 0.68435602),
               tolerance = 1e-7)
  expect_equal(logistic$proposed, "logistic")
})

test_that("the gain is measured on images that did not fit the map, and the order is kept", {
  rows <- published_rows()
  update <- update_model(rows, "logistic", draws = 200)
  loss <- update$gain[update$gain$metric == "log_loss", ]
  expect_lt(loss$upper, 0)
  expect_equal(loss$before, -mean(stats::dbinom(rows$truth, 1, rows$probability, log = TRUE)))
  apparent <- stats::plogis(update$coefficients$intercept + update$coefficients$slope * stats::qlogis(rows$probability))
  expect_gt(loss$after, -mean(stats::dbinom(rows$truth, 1, apparent, log = TRUE)))
  expect_equal(update$predictions$score, rows$probability)
})

test_that("all images of a patient are in one fold", {
  rows <- published_rows()
  cluster <- rep(1:100, 5)
  set.seed(1)
  z <- stats::rnorm(500)
  truth <- stats::rbinom(500, 1, stats::plogis(z))
  updated <- cross_fit("logistic", truth, z, cluster, 1)
  # The map is a line, so two points of a patient show it; patients of a fold share it.
  line <- vapply(1:100, function(k) {
    at <- which(cluster == k)
    unname(stats::coef(stats::lm(stats::qlogis(updated[at]) ~ z[at]))[[2]])
  }, 1)
  expect_length(unique(round(line, 6)), 5)
})

test_that("the closed test keeps its level, finds a shift and a slope, and is careful with few events", {
  set.seed(4)
  propose <- function(n, intercept, slope, per_patient = 1) {
    patient <- rep(seq_len(n / per_patient), each = per_patient)
    # Images of a patient are alike in both.
    z <- stats::rnorm(n / per_patient)[patient] + stats::rnorm(n) * 0.3
    same <- stats::rnorm(n / per_patient, sd = if (per_patient > 1) 1 else 0)[patient]
    truth <- stats::rbinom(n, 1, stats::plogis(intercept + slope * z + same))
    closed_test(truth, z, patient)$proposed
  }
  share <- function(wanted, ...) mean(vapply(1:150, function(i) propose(...), "") == wanted)
  expect_gt(share("none", 300, 0, 1), 0.9)
  expect_gt(share("intercept", 300, 1, 1), 0.85)
  expect_gt(share("logistic", 300, 0, 0.4), 0.85)
  expect_equal(share("logistic", 20, 1, 0.2), 0)
})

test_that("one class and unknown methods are refused", {
  rows <- published_rows()
  expect_error(update_model(transform(rows, truth = 1)), class = "placa_error_one_class")
  expect_error(update_model(rows, "magic"), class = "placa_error_method")
})
