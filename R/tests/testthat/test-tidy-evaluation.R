test_that("tidy() has the values of yardstick, and rows bind", {
  evaluation <- two_findings()
  metrics <- tidy(evaluation)
  expect_identical(names(metrics)[3:5], c(".metric", ".estimator", ".estimate"))
  rows <- evaluation$predictions[evaluation$predictions$finding == "Effusion", ]
  point <- evaluation$thresholds[evaluation$thresholds$finding == "Effusion" & evaluation$thresholds$default, ]
  ours <- function(name, of = c(NA, point$operating_point)) {
    metrics$.estimate[metrics$finding == "Effusion" & metrics$.metric == name & metrics$operating_point %in% of]
  }
  expect_identical(summary(evaluation)$sens[[2]], ours("sens"))
  expect_identical(nrow(summary(evaluation)), 2L)
  expect_identical(tibble::as_tibble(evaluation), metrics)
  skip_if_not_installed("yardstick")
  truth <- factor(rows$truth, 1:0)
  called <- factor(as.integer(rows$probability >= point$threshold), 1:0)
  expect_equal(ours("roc_auc"), yardstick::roc_auc_vec(truth, rows$probability))
  expect_equal(ours("sens"), yardstick::sens_vec(truth, called))
  expect_equal(ours("ppv"), yardstick::ppv_vec(truth, called))
  expect_equal(ours("kap"), yardstick::kap_vec(truth, called))
  expect_equal(ours("mn_log_loss"), yardstick::mn_log_loss_vec(truth, rows$probability))
  expect_equal(ours("average_precision"), yardstick::average_precision_vec(truth, rows$probability))
})

test_that("a table loses its figure with a column that it needs", {
  table <- two_findings()$subgroups
  expect_s3_class(table[table$finding == "Effusion", ], "placa_subgroups")
  for (changed in list(table["finding"], table[, 1:3], within(table, estimate <- NULL), {
    table$metric <- NULL
    table
  })) {
    expect_no_match_all(class(changed), "^placa_")
  }
  expect_no_match_all(class(tibble::as_tibble(two_findings()$subgroups)), "^placa_")
  skip_if_not_installed("dplyr")
  expect_no_match_all(class(dplyr::select(two_findings()$subgroups, "finding")), "^placa_")
  expect_s3_class(dplyr::filter(two_findings()$subgroups, .data$finding == "Effusion"), "placa_subgroups")
})

test_that("groups of dplyr are respected", {
  skip_if_not_installed("dplyr")
  predictions <- example_predictions()
  grouped <- dplyr::group_by(predictions, .data$view)
  table <- discrimination(grouped, draws = 100)
  expect_identical(table$view, rep(sort(unique(predictions$view)), each = 2))
  first <- discrimination(predictions[predictions$view == table$view[[1]], ], draws = 100)
  expect_equal(table$auroc[1:2], first$auroc)
  evaluations <- evaluate(grouped, 0.5, draws = 100)
  expect_identical(names(evaluations), unique(table$view))
  expect_equal(evaluations[[1]]$discrimination$auroc, first$auroc)
})
