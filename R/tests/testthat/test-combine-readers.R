test_that("the majority has more than half of the readers, and ties are said", {
  three <- data.frame(reader = rep(c("A", "B", "C"), each = 3), image_id = 1:3, finding = "Edema",
                      rating = c(1, 0, 1, 1, 0, 0, 0, 1, NA))
  expect_warning(labels <- combine_readers(three), "1 label", class = "placa_warning_ties")
  expect_identical(labels$truth, c(1L, 0L, NA))
  expect_identical(labels$n_readers, c(3, 3, 2))
})

test_that("Dawid and Skene's rule maximises the likelihood and finds the poor reader", {
  truth <- with_seed(1, stats::rbinom(400, 1, 0.3))
  accuracy <- c(0.95, 0.9, 0.7)
  calls <- with_seed(2, vapply(accuracy, function(p) ifelse(stats::runif(400) < p, truth, 1 - truth), double(400)))
  readers <- data.frame(reader = rep(c("A", "B", "C"), each = 400), image_id = 1:400, finding = "x", rating = c(calls))
  labels <- combine_readers(readers, "dawid_skene")
  of <- attr(labels, "readers")
  expect_equal(of$specificity, accuracy, tolerance = 0.07)
  likelihood <- function(x) {
    p <- stats::plogis(x)
    positive <- p[[7]] * apply(calls, 1, function(y) prod(ifelse(y == 1, p[1:3], 1 - p[1:3])))
    negative <- (1 - p[[7]]) * apply(calls, 1, function(y) prod(ifelse(y == 0, p[4:6], 1 - p[4:6])))
    sum(log(positive + negative))
  }
  found <- stats::qlogis(c(of$sensitivity, of$specificity, mean(labels$probability)))
  best <- stats::optim(found + 0.1, function(x) -likelihood(x), method = "BFGS")
  expect_equal(likelihood(found), -best$value, tolerance = 1e-7)
  expect_error(combine_readers(readers[readers$reader != "C", ], "dawid_skene"), class = "placa_error_readers")
})

test_that("relabel() takes ratings, and truths are compared on the same images", {
  predictions <- example_predictions()
  readers <- example_readers()
  relabelled <- relabel(predictions, readers)
  labels <- combine_readers(readers)
  expect_identical(attr(relabelled, "placa")$label_source, "majority")
  expect_identical(sum(relabelled$truth, na.rm = TRUE), sum(labels$truth))
  expect_identical(attr(relabel(predictions, readers, rule = "dawid_skene"), "placa")$label_source, "dawid_skene")
  compared <- compare_truths(predictions, readers[-1, ], example_thresholds())
  expect_identical(unique(compared$truth), c("own", "majority", "dawid_skene", "A", "B", "C"))
  expect_identical(unique(compared$n_images[compared$finding == "Pneumonia"]), 252L)
  majority <- compared[compared$truth == "majority" & compared$finding == "Effusion", ]
  direct <- operating_points(relabelled, example_thresholds())
  direct <- direct[direct$finding == "Effusion" & direct$operating_point == "sensitivity_95", ]
  expect_equal(majority$estimate[2:3], direct$estimate[match(c("sensitivity", "specificity"), direct$metric)])
  expect_equal(majority$lower[2:3], direct$lower[match(c("sensitivity", "specificity"), direct$metric)])
  named <- compare_truths(predictions, list(reports = labels))
  expect_identical(unique(named$truth), c("own", "reports"))
  expect_error(compare_truths(predictions, "x"), class = "placa_error_labels")
})
