both <- two_findings()
one <- only(both, "Pneumonia")

test_that("the curve of a single finding has AUROC and all operating points", {
  texts <- texts_of(plot_roc(one))
  row <- one$discrimination
  interval <- paste0(format_number(row$auroc_lower, 3), "-", format_number(row$auroc_upper, 3))
  expect_match(texts, paste0("Pneumonia.*0\\.931.*95.*", interval), all = FALSE)
  expect_match(texts, paste0(plot_labels("en")$operating_points[["youden"]], ".*77\\.4%.*88\\.8%"), all = FALSE)
  expect_match(texts, plot_labels("en")$operating_points[["sensitivity_95"]], all = FALSE)
  expect_true(all(c(plot_labels("en")$sensitivity, plot_labels("en")$false_positive_rate, "0.2") %in% texts))
})

test_that("marks are on the curve, and the default is filled", {
  built <- ggplot2::ggplot_build(plot_roc(one))
  marks <- Filter(function(layer) identical(nrow(layer), 3L) && "shape" %in% names(layer), built$data)[[1]]
  expect_identical(marks$shape, c(16, 24, 25))
  points <- one$operating_points
  expect_equal(marks$y, points$estimate[points$metric == "sensitivity"])
  expect_equal(1 - marks$x, points$estimate[points$metric == "specificity"])
  curve <- roc_points(one$predictions)
  written <- function(x, y) paste(round(x, 9), round(y, 9))
  expect_true(all(written(1 - marks$x, marks$y) %in% written(curve$specificity, curve$sensitivity)))
})

test_that("corners draw the same curve", {
  area <- function(curve) {
    sum(-diff(curve$specificity) * (head(curve$sensitivity, -1) + tail(curve$sensitivity, -1)) / 2)
  }
  kept <- corners(one$roc)
  every <- roc_points(one$predictions)
  expect_lt(nrow(kept), nrow(every))
  expect_equal(area(kept), area(every), tolerance = 1e-12)
  expect_equal(nrow(corners(roc_points(six_rows()))), 5)
})

test_that("several findings have colours, many have panels", {
  built <- ggplot2::ggplot_build(plot_roc(both))
  paths <- Filter(function(layer) nrow(layer) > 20 && length(unique(layer$colour)) == 2, built$data)
  expect_gte(length(paths), 1)
  expect_match(texts_of(plot_roc(both)), "Effusion: 0\\.84 \\(0\\.7\\d.0\\.9\\d\\)", all = FALSE)
  many <- do.call(rbind, lapply(LETTERS[1:9], function(name) transform(six_rows(), finding = name)))
  built <- ggplot2::ggplot_build(plot_roc(many))
  expect_identical(nrow(built$layout$layout), 9L)
})

test_that("calibration shows bins with intervals and a histogram of all images", {
  built <- ggplot2::ggplot_build(plot_calibration(one))
  bins <- merge_bins(one$calibration, 0.95)
  has_bars <- function(layer) all(c("ymin", "ymax", "x") %in% names(layer)) && nrow(layer) == nrow(bins)
  shown <- Filter(has_bars, built$data)
  expect_equal(shown[[1]]$ymin, bins$observed_lower)
  expect_equal(shown[[1]]$x, bins$mean_probability)
  # Pooled bins have the images and the mean probability of all. A bin has 30 images of the rarer class, or there are
  # three.
  expect_identical(sum(bins$n_images), as.double(sum(one$calibration$n_images)))
  mean_of <- function(bins) sum(bins$n_images * bins$mean_probability) / sum(bins$n_images)
  expect_equal(mean_of(bins), mean_of(one$calibration))
  rarer <- min(sum(bins$n_positive), sum(bins$n_images - bins$n_positive))
  expect_identical(nrow(bins), as.integer(max(3, min(10, rarer %/% 30))))
  counts <- probability_counts(one$predictions, "Pneumonia")
  expect_identical(sum(counts$n_images), nrow(one$predictions))
  expect_identical(sum(counts$n_images[counts$height > 0]), sum(one$predictions$truth))
  expect_lte(max(abs(counts$height)), band_reach)
  expect_match(texts_of(plot_calibration(one)), paste(range(bins$n_images), collapse = "."), all = FALSE)
})

test_that("a stored evaluation can be plotted with or without predictions", {
  back <- both
  back$predictions <- NULL
  without <- ggplot2::ggplot_build(plot_calibration(back))
  with <- ggplot2::ggplot_build(plot_calibration(back, example_predictions()))
  expect_gt(length(with$data), length(without$data))
  expect_identical(nrow(with$layout$layout), 2L)
})

test_that("Spanish figures have no English text", {
  plots <- list(plot_roc(one, labels = "es"), plot_calibration(one, labels = "es"), plot_roc(both, labels = "es"))
  for (plot in plots) {
    texts <- texts_of(plot)
    expect_no_match_all(texts, "ensitivity|pecificity|robability|roportion|mages|index|95% CI|Pneumonia|\\d\\.\\d")
    expect_true("0,2" %in% texts)
    expect_match(texts, "Neumon\u00eda", all = FALSE)
  }
})

test_that("labels can be replaced", {
  labels <- plot_labels("en", sensitivity = "True positive rate", findings = c(Pneumonia = "Lung {infection}"))
  texts <- texts_of(plot_roc(one, labels = labels))
  expect_true("True positive rate" %in% texts)
  expect_match(texts, "^Lung \\{infection\\}: AUROC", all = FALSE)
  expect_error(plot_labels("fr"), class = "placa_error_labels")
  expect_error(plot_labels("en", sensitivty = "x"), "sensitivity", class = "placa_error_labels")
  expect_error(plot_roc(one, labels = list()), class = "placa_error_labels")
})

test_that("both languages have the same labels", {
  expect_identical(names(labels_of("en")), names(labels_of("es")))
  for (name in c("operating_points", "metrics", "columns", "groups", "stages", "strategies", "kinds")) {
    expect_identical(names(labels_of("en")[[name]]), names(labels_of("es")[[name]]))
  }
})

test_that("layers can be added, and autoplot() gives the same plot", {
  expect_s3_class(plot_roc(one) + ggplot2::ggtitle("mine") + ggplot2::theme_dark(), "ggplot")
  expect_equal(ggplot2::autoplot(one)$labels, plot_roc(one)$labels)
  expect_equal(ggplot2::autoplot(one, "calibration", labels = "es")$labels, plot_calibration(one, labels = "es")$labels)
})

test_that("a plot without data is an error", {
  expect_error(plot_roc(3), class = "placa_error_plot")
  expect_error(suppressWarnings(plot_roc(transform(six_rows(), truth = 1L))), class = "placa_error_plot")
})
