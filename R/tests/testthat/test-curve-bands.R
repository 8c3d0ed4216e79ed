# The upper of several heights at one point, with linear interpolation to the lower height of the next point.
height_by_hand <- function(points, place) {
  fpr <- 1 - points$specificity
  before <- max(fpr[fpr <= place + 1e-12])
  left <- max(points$sensitivity[fpr == before])
  if (before >= 1 - 1e-12) {
    return(1)
  }
  after <- min(fpr[fpr > place + 1e-12])
  right <- min(points$sensitivity[fpr == after])
  left + (right - left) * max(place - before, 0) / (after - before)
}

test_that("heights of the ROC curve are interpolated linearly, including ties", {
  for (rows in list(example_predictions(), sklearn_predictions())) {
    bands <- roc_bands(rows, draws = 100, places = 21)
    expect_s3_class(bands, "placa_roc_bands")
    points <- roc_points(rows)
    for (finding in unique(bands$finding)) {
      of_finding <- points[points$finding == finding, ]
      expected <- vapply(seq(0, 1, length.out = 21), function(x) height_by_hand(of_finding, x), double(1))
      expect_equal(bands$sensitivity[bands$finding == finding], expected, tolerance = 1e-9)
    }
    expect_true(all(bands$lower <= bands$sensitivity + 1e-12 & bands$sensitivity <= bands$upper + 1e-12))
  }
})

test_that("heights of the precision-recall curve are at the highest threshold that reaches a recall", {
  rows <- sklearn_predictions()
  bands <- pr_bands(rows, draws = 100, places = 11)
  expect_s3_class(bands, "placa_pr_bands")
  points <- pr_points(rows)
  for (finding in unique(bands$finding)) {
    of_finding <- points[points$finding == finding & points$recall > 0, ]
    expected <- vapply(seq(0, 1, length.out = 11), function(recall) {
      of_finding$precision[which(of_finding$recall >= recall - 1e-12)[[1]]]
    }, double(1))
    expect_equal(bands$precision[bands$finding == finding], expected, tolerance = 1e-12)
  }
})

test_that("values for six images match a manual calculation", {
  bands <- roc_bands(six_rows(), draws = 100, places = 4)
  expect_equal(bands$fpr, c(0, 1 / 3, 2 / 3, 1))
  expect_equal(bands$sensitivity, c(2 / 3, 2 / 3, 1, 1))
})

test_that("a finding with one class has no band, and invalid places are an error", {
  expect_identical(nrow(roc_bands(transform(six_rows(), truth = 0L), draws = 100)), 0L)
  expect_identical(nrow(pr_bands(transform(six_rows(), truth = 1L), draws = 100)), 0L)
  expect_error(roc_bands(six_rows(), places = 1), class = "placa_error_places")
})
