two_models <- function() {
  rows <- example_predictions()
  other <- rows
  other$probability <- with_seed(9, stats::plogis(stats::qlogis(rows$probability) + stats::rnorm(nrow(rows))))
  list(mine = rows, theirs = other)
}

test_that("the paired test matches pROC", {
  models <- two_models()
  table <- compare_models(models, "auroc", draws = 100)
  expect_s3_class(table, "placa_comparison")
  for (finding in c("Pneumonia", "Effusion")) {
    curves <- lapply(models, function(rows) {
      rows <- rows[rows$finding == finding & rows$split == "test", ]
      pROC::roc(rows$truth, rows$probability, levels = c(0, 1), direction = "<", quiet = TRUE)
    })
    test <- pROC::roc.test(curves$theirs, curves$mine, method = "delong", paired = TRUE)
    ours <- table[table$finding == finding & table$method == "delong", ]
    # pROC has the normal quantile; the standard error is the same.
    expect_equal(2 * pnorm(-abs(ours$difference / ours$std_error)), test$p.value, tolerance = 1e-9)
    expect_equal(ours$difference + c(-1, 1) * qnorm(0.975) * ours$std_error, as.double(test$conf.int), tolerance = 1e-9)
    expect_equal(c(ours$estimate, ours$reference_estimate), unname(test$estimate), tolerance = 1e-12)
  }
})

test_that("with one image per cluster Obuchowski's test equals DeLong's", {
  rows <- sklearn_predictions()
  other <- transform(rows, probability = round(probability, 1))
  table <- compare_models(list(a = rows, b = other), "auroc", draws = 100)
  expect_equal(table$p_value[table$method == "obuchowski"], table$p_value[table$method == "delong"])
})

test_that("draws are paired: identical ranks have a difference of zero", {
  rows <- example_predictions()
  same <- transform(rows, probability = probability^2)
  table <- compare_models(list(a = rows, b = same), c("auroc", "average_precision", "brier"), draws = 100)
  rank <- table[table$metric != "brier", ]
  expect_equal(rank$difference, rep(0, nrow(rank)))
  expect_equal(c(rank$lower, rank$upper), rep(0, 2 * nrow(rank)))
  expect_equal(rank$p_value, rep(1, nrow(rank)))
  expect_true(all(table$difference[table$metric == "brier"] != 0))
})

test_that("the bootstrap of a difference matches resampled tables, including custom metrics", {
  models <- lapply(two_models(), function(rows) rows[rows$finding == "Pneumonia", ])
  own <- function(truth, probability, weight) stats::weighted.mean((truth - probability)^2, weight)
  points <- one_threshold(0.4)
  table <- compare_models(models, list("brier", "f1", mse = own), points, draws = 200)
  expect_equal(table$lower[table$metric == "mse"], table$lower[table$metric == "brier"])
  test <- lapply(models, function(rows) rows[rows$split == "test", ])
  cluster <- cluster_index(test$mine)
  counts <- resample_once(max(cluster), 200, 1)
  by_hand <- apply(counts, 2, function(draw) {
    again <- rep(seq_along(cluster), as.integer(draw[cluster]))
    brier <- vapply(test, function(rows) brier_score(rows$truth[again], rows$probability[again]), double(1))
    brier[[2]] - brier[[1]]
  })
  brier <- table[table$metric == "brier", ]
  units <- effective_clusters(test$mine$truth, cluster)
  expect_equal(brier$std_error, sd(by_hand) * sqrt(units / (units - 1)))
  expect_equal(c(brier$lower, brier$upper), brier$difference + c(-1, 1) * qt(0.975, units - 1) * brier$std_error)
  expect_equal(brier$p_value, 2 * pt(-abs(brier$difference) / brier$std_error, units - 1), tolerance = 1e-5)
})

test_that("intervals and p-values agree", {
  points <- rbind(one_threshold(0.4), one_threshold(0.4, finding = "Effusion"))
  table <- compare_models(two_models(), known_metrics, points, draws = 100)
  known <- !is.na(table$lower) & !is.na(table$p_value)
  expect_identical((table$p_value < 0.05)[known], (table$lower > 0 | table$upper < 0)[known])
  at_p <- compare_models(two_models(), "sensitivity", points, confidence = 0.9, draws = 100)
  expect_equal(at_p$p_value, table$p_value[table$metric == "sensitivity"])
})

test_that("unpaired tables are of different patients, and match pROC", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Pneumonia", ]
  other <- example_predictions(seed = 2)
  other <- transform(other[other$finding == "Pneumonia", ], patient_id = paste("b", patient_id), group_id = NA)
  table <- compare_models(
    list(a = rows, b = other), c("auroc", "sensitivity"), one_threshold(0.4),
    draws = 100, paired = FALSE
  )
  curve <- function(rows) {
    rows <- rows[rows$split == "test", ]
    pROC::roc(rows$truth, rows$probability, levels = c(0, 1), direction = "<", quiet = TRUE)
  }
  test <- pROC::roc.test(curve(other), curve(rows), method = "delong", paired = FALSE)
  ours <- table[table$method == "delong", ]
  expect_equal(unname(ours$difference / ours$std_error), unname(test$statistic), tolerance = 1e-9)
  expect_error(compare_models(list(a = rows, b = rows), "auroc", paired = FALSE), class = "placa_error_models")
})

test_that("two label sources are compared on common images", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Effusion", ]
  second <- rows
  second$truth[second$probability > 0.8] <- 1L
  second$truth[1:30] <- NA
  models <- list(reports = rows, radiologists = second)
  table <- compare_models(models, c("auroc", "sensitivity"), example_thresholds(), draws = 100)
  expect_identical(unique(table$method), c("bootstrap", "score"))
  n_test <- sum(rows$split == "test")
  unlabelled <- sum(is.na(second$truth[second$split == "test"]))
  expect_identical(unique(table$n_left_out), unlabelled)
  expect_identical(unique(table$n_images), n_test - unlabelled)
})

test_that("models may be a list or a column, and thresholds may differ", {
  models <- two_models()
  long <- do.call(rbind, lapply(names(models), function(name) tibble::tibble(models[[name]], model = name)))
  expect_equal(compare_models(long, "auroc", draws = 100), compare_models(models, "auroc", draws = 100))
  points <- list(mine = example_thresholds(), theirs = transform(example_thresholds(), threshold = threshold / 2))
  table <- compare_models(models, "sensitivity", points, draws = 100)
  expect_true(all(table$difference > 0))
})

test_that("invalid comparisons are errors", {
  rows <- example_predictions()
  expect_error(compare_models(list(rows, rows)), class = "placa_error_models")
  expect_error(compare_models(list(a = rows)), class = "placa_error_models")
  expect_error(compare_models(rows), class = "placa_error_columns")
  expect_error(compare_models(list(a = rows, b = rows), "accuracy"), "accuracy", class = "placa_error_metrics")
  expect_error(compare_models(list(a = rows, b = rows), "f1"), class = "placa_error_thresholds")
  apart <- transform(rows, image_id = paste("x", image_id))
  expect_error(compare_models(list(a = rows, b = apart)), "Pneumonia", class = "placa_error_models")
  mass <- transform(rows[rows$finding == "Effusion", ], finding = "Mass")
  expect_error(compare_models(list(a = rows, b = mass)), class = "placa_error_models")
})

test_that("the patients of an image come from whichever table knows them", {
  known <- example_predictions()
  known <- known[known$split == "test" & known$finding == "Pneumonia", ]
  unknown <- transform(known, patient_id = NA, group_id = NA)
  clusters <- function(...) unique(compare_models(list(...), metrics = "auroc", draws = 100)$n_clusters)
  expect_identical(clusters(theirs = unknown, mine = known), 147L)
  expect_identical(clusters(mine = known, theirs = unknown), 147L)
})

test_that("a finding that one table lacks is said", {
  both <- example_predictions()
  one <- both[both$finding == "Pneumonia", ]
  expect_warning(
    table <- compare_models(list(both = both, one = one), metrics = "auroc", draws = 100),
    class = "placa_warning_finding"
  )
  expect_identical(unique(table$finding), "Pneumonia")
})

test_that("a printed comparison on the test images says that it is one look more at them", {
  compared <- compare_models(two_models(), "auroc", draws = 100)
  expect_output(print(compared), "look")
  expect_false(any(grepl("look", capture.output(print(compare_models(two_models(), "auroc", split = "validation",
                                                                     draws = 100))))))
})

test_that("the score test has the variance of exchanged models, in each patient", {
  set.seed(5)
  truth <- rep(c(1, 0), c(4, 8))
  cluster <- c(1, 1, 2, 3, 4:8, 1, 2, 3)
  probabilities <- list(round(runif(12), 1), round(runif(12), 1))
  ranks <- lapply(probabilities, rank)
  difference <- function(swapped) {
    of <- lapply(1:2, function(i) ifelse(swapped[cluster], ranks[[3 - i]], ranks[[i]]))
    auroc <- vapply(of, function(x) mean_of_placements(truth, placement_values(truth, x)), double(1))
    auroc[[1]] - auroc[[2]]
  }
  all <- apply(expand.grid(rep(list(c(FALSE, TRUE)), 8)), 1, difference)
  exchanged <- exchange_models(truth, probabilities, NULL, cluster)
  expect_equal(exchanged$std_error, sqrt(mean(all^2)))
  # Half of the probability of the observed difference counts.
  observed <- abs(difference(rep(FALSE, 8)))
  mid_p <- mean(abs(all) > observed + 1e-9) + mean(abs(abs(all) - observed) < 1e-9) / 2
  expect_equal(exchanged$quantile(1 - mid_p) * exchanged$std_error, observed)
  table <- compare_models(two_models(), "auroc", draws = 100)
  expect_identical(table$method, rep(c("delong", "obuchowski", "score", "bootstrap"), 2))
  score <- table[table$method == "score", ]
  reach <- (score$upper - score$difference) / score$std_error
  expect_equal(reach, rep(qnorm(0.975), 2), tolerance = 0.02)
})

test_that("the law of exchanges is that of all signs, with few parts and with many", {
  parts <- c(1, 1, 2, 5, 6, 0) / 20
  all <- abs(as.matrix(expand.grid(rep(list(c(-1, 1)), 6))) %*% parts)
  scale <- sqrt(sum(parts^2))
  for (size in setdiff(unique(round(all, 9)), 0)) {
    mid_p <- mean(all > size + 1e-9) + mean(abs(all - size) < 1e-9) / 2
    expect_equal(exchange_quantile(parts, 1 / 20)(1 - mid_p) * scale, size)
  }
  # Beyond the largest sum, no p-value is below its own.
  expect_gt(exchange_quantile(parts[1:3], 1 / 20)(0.95) * sqrt(6 / 400), 4 / 20)
  many <- with_seed(1, runif(400))
  reaches <- vapply(c(0.5, 0.9, 0.99), exchange_quantile(many, 0), double(1))
  expect_equal(reaches, qnorm(c(0.75, 0.95, 0.995)), tolerance = 0.01)
})

test_that("in large samples the variance of exchanged models passes over into Obuchowski's", {
  set.seed(6)
  truth <- rep(0:1, 10000)
  # Curves of different shapes with the same AUROC.
  first <- rnorm(20000) + truth
  second <- rnorm(20000, sd = 1 + 2 * truth) + sqrt(5) * truth
  values <- lapply(list(first, second), function(x) placement_values(truth, x))
  ones <- rep(1, 20000)
  theirs <- paired_error(truth, values, list(ones, ones), seq_along(truth))
  exchanged <- exchange_models(truth, list(first, second), NULL, seq_along(truth))
  expect_equal(exchanged$std_error, theirs, tolerance = 0.001)
  expect_equal(exchanged$quantile(0.95), qnorm(0.975))
})

test_that("models of different folds have no score test", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Effusion" & rows$split == "test", ]
  folded <- transform(rows, fold = as.integer(factor(patient_id)) %% 3)
  blurred <- transform(folded, probability = round(probability, 1))
  same <- compare_models(list(a = folded, b = blurred), "auroc", draws = 100)
  expect_true("score" %in% same$method)
  expect_false("score" %in% compare_models(list(a = folded, b = rows), "auroc", draws = 100)$method)
})

test_that("a comparison of runs is recorded in both, once for each other model", {
  models <- two_models()
  runs <- tempfile()
  on.exit(unlink(runs, recursive = TRUE))
  prints <- paste0("sha256:", strrep(c("a", "b"), 64))
  for (i in 1:2) {
    run <- file.path(runs, names(models)[[i]])
    dir.create(run, recursive = TRUE)
    attr(models[[i]], "placa") <- list(run = run, model_fingerprint = prints[[i]])
  }
  # The row of an older version.
  writeLines(c("evaluated,split,placa_version,engine", "2026-01-01T00:00:00Z,test,1.0,pROC"),
             file.path(runs, "mine", "evaluations.csv"))
  for (split in c("test", "test", "validation")) compare_models(models, "auroc", split = split, draws = 100)
  compare_models(list(a = models$mine, b = models$mine), "auroc", draws = 100)
  expect_identical(read_ledger(file.path(runs, "mine"))$other_model, c("", prints[[2]], prints[[2]]))
  expect_identical(read_ledger(file.path(runs, "theirs"), "test")$other_model, prints[[1]])
})
