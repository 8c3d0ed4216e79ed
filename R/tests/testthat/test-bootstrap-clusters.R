# AUROC and average precision of a resampled table, by counting pairs and steps.
areas_by_hand <- function(truth, probability) {
  cases <- probability[truth == 1]
  controls <- probability[truth == 0]
  wins <- outer(cases, controls, function(x, y) (x > y) + 0.5 * (x == y))
  thresholds <- sort(unique(probability), decreasing = TRUE)
  precision <- vapply(thresholds, function(t) mean(truth[probability >= t]), double(1))
  recall <- vapply(thresholds, function(t) mean(cases >= t), double(1))
  c(auroc = mean(wins), average_precision = sum(diff(c(0, recall)) * precision))
}

test_that("draws of clusters match sample.int()", {
  # 2^16 and more clusters need two numbers of 16 bits per index.
  for (clusters in c(1, 37, 2^15, 70000)) {
    draws <- if (clusters > 100) 2 else 100
    counts <- resample_once(clusters, draws, 5)
    set.seed(5, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
    by_base <- vapply(seq_len(draws), function(draw) tabulate(sample.int(clusters, replace = TRUE), clusters),
                      integer(clusters))
    expect_identical(as.integer(counts), as.integer(by_base))
  }
})

test_that("areas of a draw match those of the resampled table, including ties", {
  rows <- sklearn_predictions()
  rows$group_id <- as.character((seq_len(nrow(rows)) - 1) %/% 3)
  for (finding in unique(rows$finding)) {
    of_finding <- rows[rows$finding == finding, ]
    cluster <- cluster_index(of_finding)
    counts <- resample_once(max(cluster), 100, 1)
    areas <- areas_of(ranked(of_finding$truth, of_finding$probability, cluster), counts)
    for (draw in 1:3) {
      row <- rep(seq_along(cluster), as.integer(counts[cluster, draw]))
      expected <- areas_by_hand(of_finding$truth[row], of_finding$probability[row])
      expect_equal(areas[draw, names(expected)], expected, tolerance = 1e-12)
    }
  }
})

test_that("sums by cell match those of the resampled table", {
  cluster <- c(2L, 1L, 2L, 3L)
  counts <- matrix(as.raw(c(1, 2, 0, 0, 0, 3)), 3)
  cells <- as_cells(c(1, 2, 1, 3), 3, cluster)
  expect_equal(cell_sums(cells, counts), cbind(c(4, 1, 0), c(0, 0, 3)))
  valued <- as_cells(c(1, 2, 1, 3), 3, cluster, c(0.5, 1, 0.25, 4))
  expect_equal(cell_sums(valued, counts), cbind(c(1.5, 1, 0), c(0, 0, 12)))
})

test_that("blocks contain all draws, are reproducible, and keep the random number state", {
  set.seed(3)
  before <- .Random.seed
  blocks <- resample_blocks(30, 100, 1, bytes = 1000)
  expect_length(blocks, 4)
  counts <- do.call(cbind, lapply(blocks, function(block) block()))
  expect_identical(dim(counts), c(30L, 100L))
  expect_true(all(colSums(matrix(as.integer(counts), 30)) == 30))
  again <- function(seed) {
    do.call(cbind, lapply(resample_blocks(30, 100, seed, bytes = 1000), function(block) block()))
  }
  expect_identical(counts, again(1))
  expect_false(identical(counts, again(2)))
  expect_identical(.Random.seed, before)
})

test_that("a session without a random number state has none afterwards", {
  set.seed(1)
  rm(".Random.seed", envir = globalenv())
  clear_resample_cache()
  resample_once(10, 100, 1)
  expect_false(exists(".Random.seed", globalenv(), inherits = FALSE))
})

test_that("percentiles match quantile(), and are missing if draws are missing", {
  draws <- matrix(with_seed(1, stats::rnorm(1000)), 500, dimnames = list(NULL, c("a", "b")))
  boot <- list(estimate = c(a = 0.05, b = 0), draws = draws, units = 1e9)
  intervals <- bootstrap_intervals(boot, 0.9, correct = FALSE)
  expect_equal(intervals$lower, unname(apply(draws, 2, quantile, 0.05)), tolerance = 1e-6)
  expect_equal(intervals$upper, unname(apply(draws, 2, quantile, 0.95)), tolerance = 1e-6)
  expect_equal(intervals$std_error, unname(apply(draws, 2, sd)))
  draws[1:20, "a"] <- NA
  draws[1:60, "b"] <- NA
  boot$draws <- draws
  intervals <- bootstrap_intervals(boot, 0.9, correct = FALSE)
  expect_equal(intervals$lower[1], unname(quantile(draws[-(1:20), "a"], 0.05)), tolerance = 1e-6)
  expect_true(is.na(intervals$lower[2]))
  boot$units <- 1
  expect_true(all(is.na(bootstrap_intervals(boot, 0.9)$lower)))
})

test_that("bounds are bias-corrected and widened for few clusters", {
  draws <- matrix(with_seed(1, stats::rexp(2000)), 1000, dimnames = list(NULL, c("a", "b")))
  truth <- c(1, 1, 1, 1, 0, 0, 0, 0, 0, 0)
  cluster <- c(1, 1, 2, 3, 1, 2, 3, 4, 5, 6)
  boot <- list(estimate = c(a = 0.8, b = 5), draws = draws, units = effective_clusters(truth, cluster))
  # Positives: sizes 2, 1, 1.
  expect_equal(boot$units, 16 / 6)
  intervals <- bootstrap_intervals(boot, 0.9)
  for (j in 1:2) {
    expected <- bounds_by_hand(draws[, j], boot$estimate[[j]], truth, cluster, 0.9)
    expect_equal(c(intervals$lower[j], intervals$upper[j]), expected)
  }
})

test_that("the cluster is the group, then the patient, then the image", {
  rows <- six_rows()
  rows$group_id <- c("x", NA, NA, NA, NA, NA)
  rows$patient_id <- c("1", "2", "2", NA, NA, "x")
  names <- cluster_names(rows)
  expect_identical(match(names, names), c(1L, 2L, 2L, 4L, 5L, 6L))
  expect_identical(max(cluster_index(rows)), 5L)
  expect_error(check_draws(10, 1), class = "placa_error_draws")
  expect_error(check_draws(200, "a"), class = "placa_error_draws")
})

test_that("stored simulation: clustered intervals have correct coverage, naive intervals do not", {
  table <- utils::read.csv(test_path("..", "simulation", "coverage.csv"))
  clustered <- grepl("^clustered", table$method)
  expect_true(all(table$coverage[clustered] >= 0.93 & table$coverage[clustered] <= 0.97))
  expect_true(all(table$coverage[!clustered] < 0.9))
  expect_true(all(table$data_sets == 1000))
})
