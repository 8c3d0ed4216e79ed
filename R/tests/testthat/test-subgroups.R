group_rows <- function(table, finding, column, group) {
  table[table$finding == finding & table$column == column & table$group == group, ]
}

test_that("values of a group match those of a separate table", {
  rows <- example_predictions()
  table <- subgroups(rows, example_thresholds(), draws = 100)
  expect_s3_class(table, "placa_subgroups")
  expect_identical(unique(table$column), c("sex", "age", "view"))
  women <- rows[rows$sex == "F" & rows$split == "test", ]
  alone <- operating_points(women, example_thresholds(), draws = 100)
  for (finding in c("Pneumonia", "Effusion")) {
    group <- group_rows(table, finding, "sex", "F")
    value <- function(name) group$estimate[group$metric == name]
    at <- alone[alone$finding == finding & alone$operating_point == "sensitivity_95", ]
    expect_equal(value("sensitivity"), metric(at, "sensitivity"))
    expect_equal(value("specificity"), metric(at, "specificity"))
    expect_equal(value("under_diagnosis"), 1 - metric(at, "sensitivity"))
    of_finding <- women[women$finding == finding, ]
    expect_equal(value("auroc"), discrimination(of_finding)$auroc)
    expect_equal(value("calibration_in_the_large"), mean(of_finding$truth - of_finding$probability))
    expect_identical(group$n_images[1], nrow(of_finding))
    expect_identical(group$n_clusters[1], length(unique(of_finding$patient_id)))
  }
})

test_that("differences use all other images, and p-values agree with intervals", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Pneumonia", ]
  table <- subgroups(rows, example_thresholds(), by = "age")
  group <- group_rows(table, "Pneumonia", "age", "40-59")
  expect_equal(group$difference, group$estimate - group$rest)
  test <- rows[rows$split == "test", ]
  inside <- test$age >= 40 & test$age < 60
  # Age does not cut a patient, so the two AUROCs are independent.
  variance <- function(member) {
    values <- placement_values(test$truth[member], test$probability[member])
    auroc_covariance(test$truth[member], values, cluster_index(test[member, ]))[1, 1]
  }
  half <- (group$difference_upper[1] - group$difference_lower[1]) / 2
  expect_equal(half / sqrt(variance(inside) + variance(!inside)), 2.02, tolerance = 0.05)
  known <- !is.na(table$p_value)
  excluded <- table$difference_lower > 0 | table$difference_upper < 0
  expect_identical((table$p_value < 0.05)[known], excluded[known])
})

test_that("Holm's correction matches p.adjust(), with two groups as one comparison", {
  rows <- example_predictions(patients = 1500)
  table <- subgroups(rows, example_thresholds(), draws = 100)
  of <- table[table$finding == "Pneumonia" & table$metric == "auroc" & !table$too_small, ]
  two <- of$column %in% c("sex", "view")
  first <- !two | !duplicated(of$column)
  expect_equal(of$p_holm[first], p.adjust(of$p_value[first], "holm"))
  expect_equal(of$p_holm[of$column == "sex"][1], of$p_holm[of$column == "sex"][2])
  expect_equal(of$difference[of$column == "sex"][1], -of$difference[of$column == "sex"][2])
})

test_that("small groups have no estimates and are not in the correction", {
  rows <- example_predictions()
  table <- subgroups(rows, example_thresholds(), by = "age", min_clusters = 15, draws = 100)
  young <- group_rows(table, "Effusion", "age", "0-17")
  expect_true(all(young$too_small))
  expect_true(all(is.na(young$estimate) & is.na(young$p_holm)))
  expect_gt(young$n_images[1], 0)
})

test_that("any column can be used, missing values form a group, and age bands can be set", {
  rows <- example_predictions()
  rows$scanner <- rep(c("old", NA, "new"), length.out = nrow(rows))
  table <- subgroups(rows, example_thresholds(), by = "scanner", draws = 100)
  expect_identical(unique(table$group), c("new", "old", "unknown"))
  rows$age[1:40] <- NA
  ages <- unique(subgroups(rows, example_thresholds(), by = "age", ages = c(0, 65), draws = 100)$group)
  expect_identical(setdiff(ages, "unknown"), c("0-64", "65+"))
  expect_error(subgroups(rows, example_thresholds(), by = "ward"), class = "placa_error_columns")
  expect_error(subgroups(rows, example_thresholds(), by = "image_id"), class = "placa_error_groups")
  expect_error(subgroups(rows, example_thresholds(), ages = 5), class = "placa_error_groups")
  expect_error(subgroups(rows, example_thresholds(), min_clusters = 1), class = "placa_error_groups")
})

test_that("predictions without groups give an empty table with the same columns", {
  table <- subgroups(six_rows(), one_threshold(), draws = 100)
  expect_identical(nrow(table), 0L)
  expect_true(all(c("group", "metric", "p_holm", "too_small") %in% names(table)))
})

test_that("a group without missed positives has Wilson's interval", {
  rows <- example_predictions()
  rows <- rows[rows$finding == "Pneumonia", ]
  table <- subgroups(rows, one_threshold(0), by = "sex", draws = 100)
  missed <- table[table$metric == "under_diagnosis", ]
  expect_equal(missed$estimate, c(0, 0))
  expect_true(all(missed$lower == 0 & missed$upper > 0.02))
  expect_equal(missed$p_value, c(1, 1))
})

test_that("the word unknown and missing values are one group", {
  rows <- example_predictions()
  rows$sex[seq(1, nrow(rows), 3)] <- "unknown"
  rows$sex[seq(2, nrow(rows), 3)] <- NA
  groups <- subgroups(rows, example_thresholds(), by = "sex", draws = 100)
  expect_setequal(groups$group, c("F", "M", "unknown"))
})

test_that("a column with many values is left out unless it is requested", {
  rows <- example_predictions()
  rows$site <- paste("hospital", match(rows$patient_id, unique(rows$patient_id)) %% 60)
  expect_warning(
    groups <- subgroups(rows, example_thresholds(), draws = 100), "site", class = "placa_warning_groups"
  )
  expect_false("site" %in% groups$column)
  expect_error(subgroups(rows, example_thresholds(), by = "site", draws = 100), class = "placa_error_groups")
})
