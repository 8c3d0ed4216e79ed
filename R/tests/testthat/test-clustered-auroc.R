# Obuchowski 1997, the formula of the paper, pair by pair.
obuchowski_by_hand <- function(truth, probability, cluster) {
  kernel <- function(x, y) (x > y) + 0.5 * (x == y)
  cases <- which(truth == 1)
  controls <- which(truth == 0)
  v10 <- vapply(cases, function(i) mean(kernel(probability[i], probability[controls])), double(1))
  v01 <- vapply(controls, function(k) mean(kernel(probability[cases], probability[k])), double(1))
  theta <- mean(v10)
  ids <- unique(cluster)
  sum_of <- function(v, who, id) sum(v[cluster[who] == id] - theta)
  a <- vapply(ids, function(id) sum_of(v10, cases, id), double(1))
  b <- vapply(ids, function(id) sum_of(v01, controls, id), double(1))
  i10 <- length(unique(cluster[cases]))
  i01 <- length(unique(cluster[controls]))
  m <- length(cases)
  n <- length(controls)
  s10 <- i10 / ((i10 - 1) * m) * sum(a^2)
  s01 <- i01 / ((i01 - 1) * n) * sum(b^2)
  s11 <- length(ids) / (length(ids) - 1) * sum(a * b)
  s10 / m + s01 / n + 2 * s11 / (m * n)
}

test_that("values for six images match a manual calculation", {
  table <- clustered_auroc(six_rows(), draws = 200)
  expect_identical(table$method, c("delong", "obuchowski", "bootstrap", "score"))
  expect_equal(table$auroc, rep(7 / 9, 4))
  expect_identical(table$n_clusters, rep(5L, 4))
  # DeLong: 4/27/3 + 1/27/3. Obuchowski: deviations of positives 3: -4/9, 4: 2/9, 5: 2/9; of negatives 1: 2/9,
  # 2: -1/9, 5: -1/9; three clusters of each, five in all, and cluster 5 is in both.
  expect_equal(table$std_error[1], sqrt(5 / 81))
  expect_equal(table$std_error[2]^2, 3 / 2 * 24 / 81 / 9 + 3 / 2 * 6 / 81 / 9 + 2 * 5 / 4 * (2 / 9 * -1 / 9) / 9)
})

test_that("intervals match DeLong's by pROC and Obuchowski's by the formula of the paper", {
  rows <- example_predictions()
  table <- clustered_auroc(rows, draws = 200)
  ours <- table[table$method == "delong", ]
  for (finding in ours$finding) {
    of_finding <- rows[rows$finding == finding & rows$split == "test", ]
    by_proc <- pROC::ci.auc(of_finding$truth, of_finding$probability, levels = 0:1, direction = "<", quiet = TRUE)
    own <- ours[ours$finding == finding, c("auroc_lower", "auroc", "auroc_upper")]
    expect_equal(as.double(own), as.double(by_proc), tolerance = 1e-12)
    expected <- obuchowski_by_hand(of_finding$truth, of_finding$probability, of_finding$group_id)
    got <- table$std_error[table$finding == finding & table$method == "obuchowski"]
    expect_equal(got^2, expected, tolerance = 1e-12)
  }
})

test_that("with one image per cluster Obuchowski equals DeLong, and the bootstrap is close", {
  table <- clustered_auroc(sklearn_predictions(), draws = 2000)
  by_method <- split(table, table$method)
  expect_equal(by_method$obuchowski$std_error, by_method$delong$std_error, tolerance = 1e-13)
  expect_equal(by_method$bootstrap$std_error, by_method$delong$std_error, tolerance = 0.08)
})

test_that("repeating each image four times doubles the standard error ratio", {
  rows <- sklearn_predictions()
  copies <- do.call(rbind, lapply(1:4, function(i) transform(rows, image_id = paste(image_id, i))))
  table <- clustered_auroc(copies, draws = 200)
  expect_equal(table$design_effect[table$method == "obuchowski"], c(4, 4), tolerance = 0.03)
  once <- clustered_auroc(rows, draws = 200)
  expect_equal(
    table$std_error[table$method == "bootstrap"], once$std_error[once$method == "bootstrap"], tolerance = 1e-12
  )
})

test_that("a monotonic transform changes nothing, and swapped labels mirror AUROC", {
  rows <- example_predictions()
  table <- clustered_auroc(rows, draws = 300)
  expect_equal(clustered_auroc(transform(rows, probability = probability^3), draws = 300), table)
  expect_warning(
    mirrored <- clustered_auroc(transform(rows, truth = 1L - truth), draws = 300),
    class = "placa_warning_inverted"
  )
  expect_equal(mirrored$auroc, 1 - table$auroc)
  expect_equal(mirrored$auroc_lower, 1 - table$auroc_upper)
  expect_equal(mirrored$std_error, table$std_error)
})

test_that("results do not depend on row order, session seed or other findings", {
  rows <- example_predictions()
  table <- clustered_auroc(rows, draws = 300)
  set.seed(99)
  expect_equal(clustered_auroc(rows[rev(seq_len(nrow(rows))), ], draws = 300)[5:8, -1], table[1:4, -1])
  one <- rows[rows$finding == "Pneumonia", ]
  expect_equal(clustered_auroc(one, draws = 300), table[table$finding == "Pneumonia", ])
  other <- clustered_auroc(one, draws = 300, seed = 2)
  expect_false(other$auroc_lower[3] == table$auroc_lower[3])
})

test_that("AUROC with one class and bounds with one cluster are missing", {
  rows <- rbind(six_rows(), transform(six_rows(), finding = "Effusion", truth = 0L))
  expect_warning(table <- clustered_auroc(rows, draws = 200), class = "placa_warning_one_class")
  expect_true(all(is.na(table$auroc[5:8])))
  rows <- six_rows()
  rows$group_id <- c("a", "b", "p", "p", "c", "p")
  expect_warning(table <- clustered_auroc(rows, draws = 200), class = "placa_warning_interval")
  expect_true(all(is.na(table$auroc_lower[2:4])))
  expect_error(clustered_auroc(rows, draws = 5), class = "placa_error_draws")
})

test_that("published predictions give the known values", {
  rows <- published_predictions("Pneumothorax")
  table <- clustered_auroc(rows)
  expect_identical(table$n_images[1], 22433L)
  expect_identical(table$n_clusters[1], 6187L)
  expect_equal(round(table$auroc[1], 4), 0.8776)
  # Obuchowski's standard error is 1.84 times DeLong's; with 2,000 draws the ratio is within 0.03, with a few hundred it
  # may be 1.77.
  expect_equal(sqrt(table$design_effect), c(1, 1.84, 1.85, 1.84), tolerance = 0.02)
  against_none <- rows[rows$truth == 1 | rows$labels == "No Finding", ]
  expect_equal(round(clustered_auroc(against_none, draws = 100)$auroc[1], 4), 0.9049)
})

test_that("2,000 draws for the official test split take less than 1.5 s", {
  skip_if(identical(Sys.getenv("PLACA_TIMING"), ""), "PLACA_TIMING is not set")
  n <- 25596
  cluster <- with_seed(1, sample.int(2797, n, replace = TRUE))
  truth <- with_seed(2, stats::rbinom(n, 1, 0.05))
  probability <- with_seed(3, stats::plogis(stats::rnorm(n) + truth))
  clear_resample_cache()
  rows <- tibble::tibble(truth, probability)
  taken <- system.time(area_intervals(rows, cluster, "auroc", 0.95, 2000, 1))
  expect_lt(taken[["user.self"]] + taken[["sys.self"]], 1.5)
})

test_that("limits from a standard error match manual calculations", {
  reach <- widened_reach(30, 0.95)
  expect_equal(reach, stats::qt(0.975, 29) * sqrt(30 / 29))
  expect_identical(c(widened_reach(1, 0.95), is.na(widened_reach(2, 0.95))), c(NA, 0))
  # 0.16 is 0.8 * 0.2, the derivative of the inverse logit.
  expect_equal(unlist(logit_interval(0.8, 0.05, reach)), stats::plogis(log(4) + c(-1, 1) * reach * 0.05 / 0.16))
  expect_identical(logit_interval(1, 0.05, reach), list(1, 1))
  wilson <- function(x, n) {
    as.double(stats::prop.test(x, n, conf.level = 2 * stats::pnorm(reach) - 1, correct = FALSE)$conf.int)
  }
  # 0.16 / 0.05^2 trials; at most three for each of the 10 images; without variation, one for each of the 12 clusters.
  expect_equal(wilson_of_draws(0.8, 0.05, 12, 100, 30, 0.95), wilson(51.2, 64))
  expect_equal(wilson_of_draws(0.8, 0.05, 12, 10, 30, 0.95), wilson(24, 30))
  expect_equal(wilson_of_draws(1, 0.05, 12, 10, 30, 0.95), wilson(12, 12))
})

test_that("the limits of a difference of AUROCs are within -1 and 1", {
  truth <- rep(0:1, c(4, 4))
  better <- auroc_of(truth, c(1, 2, 3, 5, 4, 6, 7, 8), 1:8)
  worse <- auroc_of(truth, c(8, 7, 6, 4, 5, 3, 2, 1), 1:8)
  expect_identical(auroc_difference(better, worse)$limits(0.999)[[2]], 1)
  expect_identical(auroc_difference(worse, better)$limits(0.999)[[1]], -1)
})
