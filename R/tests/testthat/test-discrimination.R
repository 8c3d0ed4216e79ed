# DeLong, DeLong and Clarke-Pearson 1988, the formula of the paper.
delong_by_hand <- function(truth, probability, confidence = 0.95) {
  cases <- probability[truth == 1]
  controls <- probability[truth == 0]
  wins <- outer(cases, controls, function(x, y) (x > y) + 0.5 * (x == y))
  variance <- stats::var(rowMeans(wins)) / length(cases) + stats::var(colMeans(wins)) / length(controls)
  reach <- stats::qnorm((1 + confidence) / 2) * sqrt(variance)
  c(mean(wins), max(mean(wins) - reach, 0), min(mean(wins) + reach, 1))
}

test_that("values for six images match a manual calculation", {
  table <- discrimination(six_rows(), draws = 200)
  # 7 of 9 pairs are in order; the variance is 4/27/3 + 1/27/3.
  expect_equal(table$auroc, 7 / 9)
  expect_equal(table$delong_std_error, sqrt(5 / 81))
  expect_equal(table$delong_lower, 7 / 9 - qnorm(0.975) * sqrt(5 / 81))
  expect_equal(table$delong_upper, 1)
  # Positives are first, second and fifth from the top.
  expect_equal(table$average_precision, (1 / 1 + 2 / 2 + 3 / 5) / 3)
  expect_identical(table$n_clusters, 5L)
  expect_identical(table$n_images, 6L)
  expect_identical(table$n_patients, 5L)
  expect_identical(table$n_positive, 3L)
  expect_equal(table$prevalence, 0.5)
})

test_that("the interval shown is the score interval, clustered by patient", {
  rows <- example_predictions()
  table <- discrimination(rows, draws = 200)
  expect_identical(table$method, rep("score", 2))
  by_method <- clustered_auroc(rows, draws = 200)
  score <- by_method[by_method$method == "score", ]
  expect_equal(table$auroc_lower, score$auroc_lower)
  expect_equal(table$auroc_upper, score$auroc_upper)
  expect_equal(table$design_effect, (table$obuchowski_std_error / table$delong_std_error)^2)
  # Groups that cut patients, or are images, change nothing: their patients are joined.
  cut <- transform(rows, group_id = image_id)
  expect_equal(discrimination(cut, draws = 200)$auroc_lower, table$auroc_lower)
  # Without a group, the patient is the cluster.
  expect_equal(discrimination(transform(rows, group_id = NA), draws = 200)$n_clusters, table$n_clusters)
})

test_that("groups and patients that overlap are one cluster", {
  rows <- data.frame(
    image_id = letters[1:7], patient_id = c("p", "p", "q", "q", "r", NA, NA),
    group_id = c("1", "2", "2", "3", "4", "4", NA)
  )
  expect_identical(cluster_index(rows), c(1L, 1L, 1L, 1L, 2L, 2L, 3L))
})

test_that("columns match clustered_auroc(), average_precision() and partial_auroc()", {
  rows <- example_predictions()
  table <- discrimination(rows, draws = 200, seed = 3, confidence = 0.9, max_fpr = 0.2)
  long <- clustered_auroc(rows, draws = 200, seed = 3, confidence = 0.9)
  names <- c(delong = "delong", clustered = "bootstrap", obuchowski = "obuchowski")
  for (name in names(names)) {
    of_method <- long[long$method == names[[name]], ]
    for (column in c("std_error", "lower", "upper")) {
      theirs <- of_method[[if (column == "std_error") column else paste0("auroc_", column)]]
      expect_equal(table[[paste0(name, "_", column)]], theirs, tolerance = 1e-12)
    }
  }
  columns <- c("average_precision", "average_precision_lower", "average_precision_upper")
  expect_equal(table[columns], average_precision(rows, draws = 200, seed = 3, confidence = 0.9)[columns])
  partial <- partial_auroc(rows, 0.2, draws = 200, seed = 3, confidence = 0.9)
  columns <- grep("partial|max_fpr", names(table), value = TRUE)
  expect_length(columns, 5)
  expect_equal(table[columns], partial[columns])
  expect_error(discrimination(rows, max_fpr = 2), class = "placa_error_max_fpr")
})

test_that("AUROC and interval match ranks and DeLong's formula, including ties", {
  rows <- sklearn_predictions()
  for (confidence in c(0.9, 0.95)) {
    table <- discrimination(rows, confidence = confidence, draws = 200)
    for (finding in table$finding) {
      of_finding <- rows[rows$finding == finding, ]
      expected <- delong_by_hand(of_finding$truth, of_finding$probability, confidence)
      row <- table[table$finding == finding, ]
      expect_equal(c(row$auroc, row$delong_lower, row$delong_upper), expected, tolerance = 1e-12)
      positives <- sum(of_finding$truth)
      ranks <- sum(rank(of_finding$probability)[of_finding$truth == 1])
      by_rank <- (ranks - positives * (positives + 1) / 2) / (positives * (nrow(of_finding) - positives))
      expect_equal(row$auroc, by_rank, tolerance = 1e-12)
    }
  }
})

test_that("AUROC matches scikit-learn", {
  results <- sklearn_values()
  table <- discrimination(sklearn_predictions())
  expected <- results$estimate[results$metric == "auroc" & results$threshold == 0.5]
  expect_equal(table$auroc, expected, tolerance = 1e-12)
})

test_that("an AUROC below 0.5 is not inverted", {
  rows <- six_rows()
  rows$probability <- 1 - rows$probability
  expect_equal(discrimination(rows)$auroc, 2 / 9)
})

test_that("a monotonic transform does not change AUROC and interval", {
  rows <- example_predictions()
  other <- rows
  other$probability <- rows$probability^3
  expect_equal(discrimination(rows, draws = 200), discrimination(other, draws = 200))
})

test_that("AUROC of a finding with one class is missing with a warning", {
  rows <- rbind(six_rows(), transform(six_rows(), finding = "Effusion", truth = 0L))
  expect_warning(table <- discrimination(rows), class = "placa_warning_one_class")
  expect_identical(is.na(table$auroc), c(FALSE, TRUE))
  expect_identical(is.na(table$auroc_lower), c(FALSE, TRUE))
  expect_identical(table$n_positive, c(3L, 0L))
})

test_that("an interval that cannot be estimated is missing with a warning", {
  # An AUROC of 1 has an interval: Newcombe's method 5, with the quantile of Student's t.
  perfect <- six_rows()
  perfect$patient_id <- perfect$group_id <- letters[1:6]
  perfect$probability <- c(0.1, 0.2, 0.7, 0.8, 0.3, 0.9)
  table <- discrimination(perfect, draws = 200)
  expect_equal(c(table$auroc, table$auroc_upper), c(1, 1))
  bound <- table$auroc_lower
  expect_equal((1 - bound)^2, qt(0.975, 2)^2 * hanley_variance(bound, 3, 3), tolerance = 1e-6)
  expect_true(is.na(table$clustered_lower))
  single <- six_rows()[c(1, 2, 3), ]
  expect_warning(table <- discrimination(single), class = "placa_warning_interval")
  expect_equal(table$auroc, 0.5)
  expect_true(is.na(table$auroc_lower))
  # Positives of only one patient: DeLong's interval does not replace the clustered one.
  one_patient <- transform(six_rows(), group_id = c("a", "b", "p", "p", "c", "p"))
  expect_warning(table <- discrimination(one_patient, draws = 200), class = "placa_warning_interval")
  expect_true(is.na(table$auroc_lower))
  expect_false(is.na(table$delong_lower))
})

test_that("unlabelled images and other splits have no effect", {
  rows <- six_rows()
  more <- rbind(rows, transform(rows, image_id = LETTERS[1:6], truth = NA_integer_, probability = 0.99))
  more <- rbind(more, transform(rows, split = "train", probability = 0))
  expect_equal(discrimination(more), discrimination(rows))
})

test_that("the number of patients is missing if a patient is unknown", {
  rows <- six_rows()
  rows$patient_id[2] <- NA
  expect_identical(discrimination(rows)$n_patients, NA_integer_)
})

test_that("an invalid confidence is an error", {
  expect_error(discrimination(six_rows(), confidence = 95), class = "placa_error_confidence")
  expect_error(discrimination(six_rows(), draws = 5), class = "placa_error_draws")
})
