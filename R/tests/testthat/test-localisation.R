# A made-up study: 12 images with 1 to 3 lesions, 10 without; scores from 1 to 5.
made_marks <- function() {
  set.seed(4)
  n_lesions <- rep(1:3, 4)
  boxes <- data.frame(image_id = rep(paste0("i", 1:12), n_lesions))
  boxes$lesion <- ave(seq_len(nrow(boxes)), boxes$image_id, FUN = seq_along)
  found <- boxes[runif(nrow(boxes)) < 0.7, ]
  found$score <- sample(2:5, nrow(found), replace = TRUE)
  false <- data.frame(image_id = sample(paste0("i", 1:22), 15, replace = TRUE), lesion = NA)
  false$score <- sample(1:4, 15, replace = TRUE)
  list(marks = rbind(found, false), boxes = boxes, images = data.frame(image_id = paste0("i", 1:22)))
}

test_that("the figures of merit are those of a count over all pairs, and of RJafroc", {
  made <- made_marks()
  result <- localisation(made$marks, made$boxes, made$images, draws = 100)
  score_of <- function(image, lesion) {
    hit <- made$marks$score[made$marks$image_id == image & made$marks$lesion %in% lesion]
    if (length(hit)) max(hit) else -Inf
  }
  lesions <- mapply(score_of, made$boxes$image_id, made$boxes$lesion)
  normal <- vapply(paste0("i", 13:22), function(image) max(-Inf, made$marks$score[made$marks$image_id == image]), 1)
  above <- outer(lesions, normal, function(a, b) (a > b) + (a == b) / 2)
  expect_equal(result$estimate[result$metric == "afroc"], mean(above))
  by_image <- tapply(rowMeans(above), made$boxes$image_id, mean)
  expect_equal(result$estimate[result$metric == "wafroc"], mean(by_image))
  # RJafroc 2.1.3, AFROC() and wAFROC() on these ratings.
  expect_equal(result$estimate[result$metric == "afroc"], 0.454166666666667)
  expect_equal(result$estimate[result$metric == "wafroc"], 0.467361111111111)
})

test_that("a mark hits the box that it is in, and the pointing game takes the highest mark of an image", {
  boxes <- data.frame(image_id = c("a", "b", "b"), x = c(10, 40, 70), y = 10, width = 20, height = 20)
  marks <- data.frame(image_id = c("a", "a", "b", "b", "c"), x = c(30, 15, 45, 5, 9), y = 15,
                      score = c(0.9, 0.8, 0.7, 0.6, 0.95))
  images <- data.frame(image_id = letters[1:5], patient_id = c(1, 2, 3, 3, 4))
  result <- localisation(marks, boxes, images, k = 1:2, false_positives = c(0.1, 0.4), draws = 200)
  value <- function(metric) result$estimate[result$metric == metric]
  # The right edge of a box is outside: the highest mark of image a is a miss.
  expect_equal(value("hit_rate"), c(0.5, 1))
  # No false positive is allowed at 0.1 per image, two of five images at 0.4: the marks of 0.95 and 0.9.
  expect_equal(value("lesion_sensitivity"), c(0, 2 / 3))
  expect_identical(unique(result$n_patients), 4L)
  curve <- froc_points(marks, boxes, images)
  expect_equal(max(curve$lesion_sensitivity), 2 / 3)
  expect_equal(max(curve$false_positives), 3 / 5)
  expect_s3_class(ggplot2::autoplot(curve, labels = "es"), "ggplot")
})

test_that("without an image without a lesion, only the figures of merit are missing", {
  made <- made_marks()
  ill <- made$images[1:12, , drop = FALSE]
  marks <- made$marks[made$marks$image_id %in% ill$image_id, ]
  result <- localisation(marks, made$boxes, ill, draws = 100)
  expect_identical(is.na(result$estimate), result$metric %in% c("afroc", "wafroc"))
})

test_that("marks of unknown images and missing columns are errors", {
  made <- made_marks()
  expect_error(localisation(made$marks, made$boxes, made$images[1:5, , drop = FALSE]), class = "placa_error_marks")
  expect_error(localisation(made$marks[-3], made$boxes, made$images), class = "placa_error_marks")
  expect_error(localisation(made$marks, made$boxes, made$images, k = 0), class = "placa_error_marks")
})

test_that("peaks are apart, highest first, and never below zero", {
  map <- matrix(-1, 20, 20)
  map[5, 3] <- 3
  map[5, 4] <- 2.9
  map[15, 18] <- 1
  peaks <- map_peaks(map)
  expect_equal(peaks$x, c(2.5, 17.5))
  expect_equal(peaks$y, c(4.5, 14.5))
  expect_equal(peaks$score, c(3, 1))
  # The map of a figure: 40 by 80 pixels, from the bottom left.
  figure <- data.frame(x = c(col(map)) * 2 - 1, y = 80 - (c(row(map)) * 4 - 2), evidence = c(map))
  expect_equal(as.data.frame(map_peaks(figure)[c("x", "y")]), as.data.frame(peaks[c("x", "y")]) / 20)
  expect_error(map_peaks(matrix(NA_real_, 2, 2)), class = "placa_error_marks")
})
