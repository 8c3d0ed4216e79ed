test_that("Van Dyke's and Franken's data give the published analyses", {
  # MRMCaov 0.3.0 and RJafroc 2.1.2: components, then the mean difference (first minus second).
  vandyke <- standard_readers("vandyke")
  published <- list(
    jackknife = c(0.0008022882656, 0.0003466137094, 0.0003440748289, 0.0002390283709, 4.456318693, 15.25967459,
                  0.02074861838, 0.05166568582, 0.01871748261, 0.01927984307),
    delong = c(0.0007921324531, 0.0003420089577, 0.0003395265310, 0.0002358496532, 4.484854322, 15.06610794,
               0.02068250479, 0.05123303082, 0.01859925812, 0.01852520044),
    unbiased = c(0.0007883925117, 0.0003416705566, 0.0003390649796, 0.0002356148455, 4.489613895, 15.03418081,
                 0.02067153881, 0.05116180235, 0.0185528703, 0.01823369162)
  )
  for (method in names(published)) {
    compared <- compare_modalities(vandyke, covariance = method, reference = "2")
    of <- variance_components(compared)
    random <- mean_difference_row(compared, "random_readers")
    fixed <- mean_difference_row(compared, "fixed_readers")
    values <- c(of$var, of$cov1, of$cov2, of$cov3, of$f, of$df2, random$std_error, random$p_value, fixed$std_error,
                fixed$p_value)
    expect_equal(values, published[[method]], tolerance = 1e-8)
    expect_equal(random$difference, -0.04380032206, tolerance = 1e-8)
  }
})

test_that("Van Dyke's fixed cases, single readers and operating point are as published", {
  vandyke <- standard_readers("vandyke")
  compared <- compare_modalities(vandyke, reference = "2")
  fixed <- mean_difference_row(compared, "fixed_cases")
  expect_equal(c(fixed$std_error, fixed$df, fixed$p_value, fixed$lower, fixed$upper),
               c(0.01484628737, 4, 0.04195875249, -0.08502022396, -0.00258042016), tolerance = 1e-8)
  first <- compared[compared$reader %in% "1" & !is.na(compared$reference), ]
  expect_equal(c(first$difference, first$std_error, first$p_value), c(-0.02818035427, 0.02551213258, 0.2693388539),
               tolerance = 1e-8)
  alone <- compared[compared$reader %in% "1" & compared$modality == "1" & is.na(compared$reference), ]
  expect_equal(c(alone$std_error, alone$lower, alone$upper), c(0.03012551637, 0.86060080559, 0.97869065979),
               tolerance = 1e-8)
  each <- compared[compared$analysis == "random_readers" & is.na(compared$reference), ]
  each <- each[order(each$modality), ]
  expect_equal(c(each$std_error, each$df), c(0.03317359696, 0.02156636837, 12.74464760, 12.71018964), tolerance = 1e-8)
  called <- compare_modalities(vandyke, reference = "2", metric = c("sensitivity", "specificity"), positive_from = 3)
  random <- mean_difference_row(called, "random_readers")
  expect_equal(random$difference, c(-0.09777777778, 0.01449275362), tolerance = 1e-8)
  expect_equal(random$std_error, c(0.03780450609, 0.03226828092), tolerance = 1e-8)
  expect_equal(random$df, c(15.71732443, 5.572641311), tolerance = 1e-8)
  dbm <- mean_difference_row(compare_modalities(vandyke, reference = "2", method = "dbm"), "fixed_readers")
  expect_equal(c(dbm$df, dbm$p_value, dbm$lower, dbm$upper), c(113, 0.021034969, -0.080883031, -0.0067176131),
               tolerance = 1e-7)
})

test_that("Franken's random-reader interval is the narrower one, and that is said", {
  franken <- standard_readers("franken")
  fixed_errors <- c(jackknife = 0.01799277186, delong = 0.0178917444, unbiased = 0.01776534894)
  for (method in names(fixed_errors)) {
    expect_message(compared <- compare_modalities(franken, covariance = method, reference = "2"),
                   class = "placa_message_narrower")
    random <- mean_difference_row(compared, "random_readers")
    expect_equal(c(random$std_error, random$df, random$p_value), c(0.005010121824, 3, 0.1188378575), tolerance = 1e-8)
    expect_true(random$narrower)
    expect_equal(mean_difference_row(compared, "fixed_readers")$std_error, fixed_errors[[method]], tolerance = 1e-8)
  }
  of <- variance_components(suppressMessages(compare_modalities(franken)))
  expect_equal(of$var_modality_reader, -0.0007, tolerance = 0.03)
  # RJafroc drops the negative difference of covariances for fixed readers too.
  expect_equal(sqrt(2 / of$n_readers * (of$var - of$cov1)), 0.019158472, tolerance = 1e-7)
})

test_that("the jackknife over patients is that of leaving out one patient at a time", {
  rows <- few_ratings()
  patients <- c("p", "q", "r", "s", "s", "q", "t", "u")
  rows$patient_id <- patients[match(rows$image_id, letters)]
  of <- variance_components(suppressMessages(compare_modalities(rows)))
  auroc <- function(rows) as.double(pROC::auc(rows$truth, rows$rating, levels = 0:1, direction = "<", quiet = TRUE))
  without <- vapply(unique(patients), function(patient) {
    kept <- rows[rows$patient_id != patient, ]
    vapply(split(kept, list(kept$modality, kept$reader)), auroc, double(1))
  }, double(4))
  covariance <- stats::cov(t(without)) * (ncol(without) - 1)^2 / ncol(without)
  expect_equal(of$var, mean(diag(covariance)))
  expect_equal(of$cov1, mean(c(covariance[1, 2], covariance[3, 4])))
  expect_equal(of$cov2, mean(c(covariance[1, 3], covariance[2, 4])))
  expect_equal(of$cov3, mean(c(covariance[1, 4], covariance[2, 3])))
  expect_error(compare_modalities(rows, covariance = "unbiased"), class = "placa_error_readers")
})

test_that("three modalities, one reader, and missing readings", {
  third <- rbind(few_ratings(), transform(few_ratings()[1:16, ], modality = "3"))
  compared <- suppressMessages(compare_modalities(third))
  random <- mean_difference_row(compared, "random_readers")
  expect_identical(random$modality, c("2", "3"))
  expect_equal(random$difference[[2]], 0)
  expect_identical(variance_components(compared)$df1, 2)
  one <- compare_modalities(few_ratings()[few_ratings()$reader == "A", ])
  expect_identical(unique(one$analysis), "fixed_readers")
  lacking <- few_ratings()
  lacking$rating[[1]] <- NA
  expect_warning(compared <- compare_modalities(lacking), "1 case", class = "placa_warning_readings")
  expect_identical(unique(compared$n_cases), 7L)
  expect_error(compare_modalities(few_ratings()[few_ratings()$modality == "1", ]), class = "placa_error_readers")
})

test_that("a difference without any variance has no interval", {
  same <- rbind(few_ratings()[1:16, ], transform(few_ratings()[1:16, ], modality = "2"))
  fixed <- mean_difference_row(compare_modalities(same), "fixed_readers")
  expect_equal(fixed$difference, 0)
  expect_true(is.na(fixed$lower))
})
