three_classes <- function(n = 90) {
  set.seed(8)
  truth <- rep(c("Bacterial", "Viral", "none"), length.out = n)
  score <- matrix(rnorm(3 * n), n) + 1.2 * outer(truth, c("Bacterial", "Viral", "none"), "==")
  probability <- exp(score) / rowSums(exp(score))
  colnames(probability) <- c("Bacterial", "Viral", "none")
  data <- data.frame(
    image_id = rep(seq_len(n), 2), patient_id = rep(ceiling(seq_len(n) / 2), 2), group_id = NA, split = "test",
    finding = rep(c("Bacterial", "Viral"), each = n), truth = c(truth == "Bacterial", truth == "Viral") + 0,
    probability = c(probability[, 1:2])
  )
  list(data = data, truth = truth, probability = probability)
}

test_that("the mean over pairs is Hand and Till's, as in pROC", {
  made <- three_classes()
  result <- multiclass_auroc(made$data, draws = 200)
  reference <- suppressMessages(pROC::multiclass.roc(made$truth, made$probability))
  expect_equal(result$auroc[is.na(result$class_1)], as.double(reference$auc))
  expect_identical(nrow(result), 4L)
  expect_true(all(result$auroc_lower < result$auroc & result$auroc < result$auroc_upper))
})

test_that("the confusion matrix counts the most probable class", {
  made <- three_classes()
  result <- confusion_matrix(made$data, draws = 200)
  predicted <- colnames(made$probability)[max.col(made$probability)]
  counted <- as.data.frame(table(truth = made$truth, predicted = predicted), stringsAsFactors = FALSE)
  both <- merge(result, counted)
  expect_identical(both$n, both$Freq)
  expect_equal(unname(tapply(result$share, result$truth, sum)), rep(1, 3), ignore_attr = TRUE)
  expect_true(all(result$share_lower <= result$share & result$share <= result$share_upper))
})

test_that("shares of one image per patient have Wilson's interval", {
  made <- three_classes()
  made$data$patient_id <- made$data$image_id
  result <- confusion_matrix(made$data)
  expect_equal(rbind(result$share_lower, result$share_upper), mapply(function(n) {
    wilson_limits(n / 30, 30, qnorm(0.975))
  }, result$n))
})

test_that("a class without errors has an interval, and probabilities above 1 are scaled", {
  data <- three_classes()$data
  data$probability <- ifelse(data$truth == 1, 0.9, 0.02)
  result <- confusion_matrix(data, draws = 100)
  sure <- result[result$truth == "Viral" & result$predicted == "Viral", ]
  expect_equal(sure$share, 1)
  expect_lt(sure$share_lower, 0.95)
  data$probability <- 0.9
  all_high <- confusion_matrix(data, draws = 100)
  expect_identical(unique(all_high$n[all_high$predicted == "none"]), 0L)
})

test_that("findings that do not exclude each other are an error", {
  data <- three_classes()$data
  expect_error(multiclass_auroc(data[data$finding == "Viral", ]), class = "placa_error_classes")
  expect_error(confusion_matrix(data, none = "Viral"), class = "placa_error_classes")
  data$truth[data$image_id == 1] <- 1
  expect_error(multiclass_auroc(data), class = "placa_error_classes")
})
