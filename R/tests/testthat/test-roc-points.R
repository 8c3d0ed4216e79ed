test_that("the curve of six images matches a manual calculation", {
  points <- roc_points(six_rows())
  expect_equal(points$threshold, c(Inf, 0.9, 0.8, 0.6, 0.4, 0.35, 0.1))
  expect_equal(points$sensitivity, c(0, 1, 2, 2, 2, 3, 3) / 3)
  expect_equal(points$specificity, c(3, 3, 3, 2, 1, 1, 0) / 3)
})

test_that("points match pROC", {
  rows <- sklearn_predictions()
  for (finding in unique(rows$finding)) {
    of_finding <- rows[rows$finding == finding, ]
    curve <- pROC::roc(of_finding$truth, of_finding$probability, levels = c(0, 1), direction = "<", quiet = TRUE)
    points <- roc_points(of_finding)
    expect_equal(points$sensitivity, rev(curve$sensitivities), tolerance = 1e-12)
    expect_equal(points$specificity, rev(curve$specificities), tolerance = 1e-12)
  }
})

test_that("every point matches its threshold", {
  rows <- sklearn_predictions()[241:480, ]
  points <- roc_points(rows)
  for (i in seq_len(nrow(points))) {
    called <- rows$probability >= points$threshold[i]
    expect_equal(points$sensitivity[i], mean(called[rows$truth == 1]))
    expect_equal(points$specificity[i], mean(!called[rows$truth == 0]))
  }
})

test_that("the area under the points is the AUROC", {
  points <- roc_points(example_predictions())
  table <- discrimination(example_predictions())
  for (finding in table$finding) {
    curve <- points[points$finding == finding, ]
    area <- sum(-diff(curve$specificity) * (head(curve$sensitivity, -1) + tail(curve$sensitivity, -1)) / 2)
    expect_equal(area, table$auroc[table$finding == finding], tolerance = 1e-12)
  }
})

test_that("corners draw the same curve", {
  rows <- sklearn_predictions()
  all <- roc_points(rows)
  kept <- roc_points(rows, corners = TRUE)
  expect_lt(nrow(kept), nrow(all))
  expect_identical(names(kept), names(all))
  for (finding in unique(rows$finding)) {
    some <- kept[kept$finding == finding, ]
    every <- all[all$finding == finding, ]
    # Every omitted point is on the line through its neighbours.
    ends <- c(1, nrow(every))
    expect_identical(some[c(1, nrow(some)), ], every[ends, ])
    on_line <- vapply(seq_len(nrow(every)), function(i) {
      x <- every$specificity[[i]]
      y <- every$sensitivity[[i]]
      any(utils::head(some$specificity, -1) >= x & utils::tail(some$specificity, -1) <= x &
            utils::head(some$sensitivity, -1) <= y & utils::tail(some$sensitivity, -1) >= y)
    }, logical(1))
    expect_true(all(on_line))
  }
  expect_equal(roc_points(six_rows(), corners = TRUE)$threshold, c(Inf, 0.8, 0.4, 0.35, 0.1))
  expect_identical(nrow(roc_points(transform(six_rows(), truth = 1L), corners = TRUE)), 0L)
  expect_error(roc_points(rows, corners = NA), class = "placa_error_corners")
})

test_that("a finding with one class has no points", {
  rows <- rbind(six_rows(), transform(six_rows(), finding = "Effusion", truth = 1L))
  expect_identical(unique(roc_points(rows)$finding), "Pneumonia")
})
