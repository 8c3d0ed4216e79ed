# Eight images of eight patients, one model and two readers.
eight_images <- function() {
  data.frame(
    image_id = letters[1:8], patient_id = letters[1:8], split = "test", finding = "Effusion",
    truth = rep(0:1, each = 4), probability = c(0.1, 0.2, 0.6, 0.3, 0.5, 0.7, 0.4, 0.9)
  )
}

two_readers <- function() {
  data.frame(
    reader = rep(c("A", "B"), each = 8), image_id = letters[1:8], finding = "Effusion",
    rating = c(0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 0)
  )
}

test_that("the model is read from its curve at the point of each reader", {
  compared <- suppressMessages(compare_readers(eight_images(), two_readers(), draws = 200))
  single <- compared[compared$analysis == "single_reader", ]
  # Reader A: sensitivity 3/4, specificity 3/4; reader B: 3/4 and 1/2. Sorted: 0.9+ 0.7+ 0.6- 0.5+ 0.4+ 0.3- 0.2- 0.1-.
  matched <- single[single$metric == "specificity_at_sensitivity", ]
  expect_identical(matched$at, c(0.75, 0.75))
  expect_identical(matched$estimate, c(0.75, 0.75))
  expect_identical(matched$reader_estimate, c(0.75, 0.5))
  reverse <- single[single$metric == "sensitivity_at_specificity", ]
  expect_identical(reverse$estimate, c(1, 1))
  expect_identical(reverse$difference, c(0.25, 0.25))
  expect_identical(attr(compared, "curve")$sensitivity[[1]], 0)
})

test_that("tied probabilities are joined by a line", {
  tied <- eight_images()
  tied$probability <- rep(c(0.4, 0.6), 4)
  compared <- suppressMessages(compare_readers(tied, two_readers(), draws = 200))
  matched <- compared[compared$analysis == "single_reader" & compared$metric == "specificity_at_sensitivity", ]
  # The curve is the diagonal.
  expect_equal(matched$estimate, c(0.25, 0.25))
})

test_that("the draws of matched points are those of repeated images", {
  design <- eight_images()
  calls <- matrix(two_readers()$rating == 1, 8)
  points <- matched_points(design$truth, design$probability, calls, 1:8, 100, 1)
  counts <- resample_once(8, 100, 1)
  checked <- 0
  for (draw in 1:100) {
    rows <- rep(1:8, as.integer(counts[, draw]))
    if (length(unique(design$truth[rows])) < 2) next
    curve <- roc_curve(design$truth[rows], design$probability[rows])
    wanted <- mean(calls[rows, 1][design$truth[rows] == 1])
    expect_equal(points$model_specificity[draw + 1, 1], max(curve$specificity[curve$sensitivity >= wanted - 1e-9]))
    checked <- checked + 1
  }
  expect_gt(checked, 90)
})

test_that("the analysis of a model and a panel is that of RJafroc", {
  # StCadVsRad(), method 1T-RRRC: the mean of differences, its variance, covariance and mean square by hand.
  set.seed(4)
  truth <- rep(0:1, each = 20)
  images <- sprintf("i%02d", 1:40)
  predictions <- data.frame(image_id = images, patient_id = images, split = "test", finding = "x", truth = truth,
                            probability = plogis(truth + rnorm(40)))
  ratings <- replicate(3, round(2 * truth + rnorm(40)))
  readers <- data.frame(reader = rep(c("A", "B", "C"), each = 40), image_id = images, finding = "x")
  readers$rating <- c(ratings)
  compared <- suppressMessages(compare_readers(predictions, readers, draws = 200))
  auroc <- function(rating, keep) {
    as.double(pROC::auc(truth[keep], rating[keep], levels = 0:1, direction = "<", quiet = TRUE))
  }
  psi <- function(keep) apply(ratings, 2, function(rating) auroc(predictions$probability, keep) - auroc(rating, keep))
  pseudo <- t(vapply(1:40, function(i) psi(setdiff(1:40, i)), double(3)))
  covariance <- cov(pseudo) * 39^2 / 40
  random <- var(psi(1:40)) + max(3 * mean(covariance[row(covariance) != col(covariance)]), 0)
  row <- compared[compared$analysis == "random_readers", ]
  expect_equal(row$difference, mean(psi(1:40)))
  expect_equal(row$std_error, sqrt(random / 3))
  expect_equal(row$df, random^2 / (var(psi(1:40))^2 / 2))
  expect_equal(compared$std_error[compared$analysis == "fixed_readers"], sqrt(sum(covariance) / 9))
})

test_that("thresholds, a margin and ordinal ratings", {
  thresholds <- data.frame(finding = "Effusion", operating_point = "half", threshold = 0.45, default = TRUE)
  compared <- suppressMessages(compare_readers(eight_images(), two_readers(), thresholds, margin = 0.2, draws = 200))
  at_threshold <- compared[compared$metric == "sensitivity", ]
  expect_identical(at_threshold$estimate, rep(0.75, 4))
  expect_identical(unique(at_threshold$threshold), 0.45)
  known <- !is.na(compared$lower)
  expect_identical(compared$noninferior[known], compared$lower[known] > -0.2)
  ordinal <- transform(two_readers(), rating = rating + rep(c(1, 2), 8))
  expect_identical(unique(suppressMessages(compare_readers(eight_images(), ordinal, draws = 200))$metric), "auroc")
  cut <- suppressMessages(compare_readers(eight_images(), ordinal, positive_from = 2, draws = 200))
  expect_setequal(unique(cut$metric), c("auroc", "specificity_at_sensitivity", "sensitivity_at_specificity"))
  expect_error(compare_readers(eight_images(), two_readers(), margin = 5), class = "placa_error_readers")
})

test_that("images and findings without a partner are said", {
  more <- rbind(two_readers(), data.frame(reader = "A", image_id = "z", finding = c("Effusion", "Hernia"), rating = 1))
  expect_warning(suppressMessages(compare_readers(eight_images(), more, draws = 200)), "Hernia",
                 class = "placa_warning_readings")
  others <- transform(two_readers(), image_id = 1:16)
  expect_error(compare_readers(eight_images(), others), class = "placa_error_readers")
  two <- rbind(transform(two_readers(), modality = "1"), transform(two_readers(), modality = "2"))
  expect_error(compare_readers(eight_images(), two), "modality", class = "placa_error_readers")
  expect_identical(
    suppressMessages(compare_readers(eight_images(), two, modality = "2", draws = 200))$difference,
    suppressMessages(compare_readers(eight_images(), two_readers(), draws = 200))$difference
  )
  positives <- eight_images()
  positives$truth <- 1
  expect_error(compare_readers(positives, two_readers(), draws = 200), class = "placa_error_readers")
})

test_that("a study of one image is found by its study_id", {
  rows <- transform(eight_images(), study_id = image_id, image_id = paste0(image_id, ".png"))
  expect_identical(suppressMessages(compare_readers(rows, two_readers(), draws = 200))$n_images[[1]], 8L)
  twice <- rbind(rows, transform(rows[1, ], image_id = "other.png"))
  expect_error(compare_readers(twice, two_readers()), "study_id", class = "placa_error_readers")
})

test_that("the CheXpert readers have their published operating points", {
  folder <- file.path(shared_data(), "chexpert-readers")
  skip_if_not(dir.exists(folder), "PLACA_DATA has no chexpert-readers")
  table <- function(name) utils::read.csv(file.path(folder, paste0(name, ".csv")), check.names = FALSE)
  truth <- table("groundtruth")
  findings <- c("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
  readers <- read_readers(file.path(folder, paste0("reader-bc", c(4, 6, 8), ".csv")))
  readers <- readers[readers$finding %in% findings, ]
  rows_of <- function(model) {
    scores <- table(paste0("model-", model))
    do.call(rbind, lapply(findings, function(finding) {
      data.frame(image_id = truth$Study, split = "test", finding = finding, truth = truth[[finding]],
                 patient_id = sub(".*(patient[0-9]+).*", "\\1", truth$Study),
                 probability = scores[[finding]][match(truth$Study, scores$Study)])
    }))
  }
  compared <- suppressMessages(compare_readers(rows_of("hieupham"), readers, draws = 200))
  points <- compared[compared$analysis == "single_reader" & compared$metric == "specificity_at_sensitivity", ]
  of <- function(finding) round(unlist(points[points$finding == finding, c("at", "reader_estimate")], FALSE, FALSE), 2)
  expect_identical(of("Pleural Effusion"), c(0.82, 0.83, 0.89, 0.95, 0.83, 0.86))
  expect_identical(of("Cardiomegaly"), c(0.48, 0.85, 0.70, 0.95, 0.77, 0.89))
  # The mean of the five findings, as scikit-learn computes it.
  published <- c(hieupham = 0.9243, jfaboy = 0.9256, ngango3 = 0.9277, drnet = 0.9255)
  for (model in names(published)) {
    rows <- rows_of(model)
    aurocs <- vapply(findings, function(finding) {
      of_finding <- rows[rows$finding == finding, ]
      auroc_of(of_finding$truth, of_finding$probability, seq_len(nrow(of_finding)))$estimate
    }, double(1))
    expect_equal(mean(aurocs), published[[model]], tolerance = 6e-5)
  }
})

test_that("the figure has the curve, the readers and their mean", {
  compared <- suppressMessages(compare_readers(example_predictions(), example_readers(), draws = 200))
  texts <- expect_figure(ggplot2::autoplot(compared))
  expect_true(all(c("A", "B", "C") %in% texts))
  spanish <- expect_figure(ggplot2::autoplot(compared, labels = "es"))
  expect_no_match_all(spanish, "Mean|Reader|Model\\b")
  expect_equal(nrow(layer_of(ggplot2::autoplot(compared), "GeomPoint")), 8)
  expect_error(ggplot2::autoplot(compared[0, ]), class = "placa_error_plot")
})
