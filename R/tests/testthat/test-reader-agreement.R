# Ten images, three readers, some unread.
ten_images <- function() {
  rating <- c(1, 2, 1, 3, 2, 3, 4, 4, 1, 2, 1, 1, 2, 4, 3, 3, 2, 4, NA, 2, 2, 1, 2, 3, NA, 3, 4, NA, NA, 2)
  data.frame(reader = rep(c("A", "B", "C"), each = 10), image_id = 1:10, rating = rating)
}

test_that("Fleiss' and Gwet's coefficients are those of irrCAC", {
  # irrCAC 0.4.4 (Python).
  all_readers <- function(weights) {
    table <- reader_agreement(ten_images(), weights = weights)
    table <- table[is.na(table$reader), ]
    stats::setNames(table$estimate, table$coefficient)
  }
  expect_equal(all_readers("none"), c(agreement = 0.518518518519, fleiss = 0.350811485643, gwet = 0.360393603936),
               tolerance = 1e-9)
  expect_equal(all_readers("quadratic"), c(agreement = 0.921810699588, fleiss = 0.696897184334, gwet = 0.726421886249),
               tolerance = 1e-9)
})

test_that("Cohen's kappa of a pair is that of the table", {
  pair <- ten_images()[1:16, ]
  pair <- pair[!is.na(pair$rating) & pair$image_id %in% 1:6, ]
  kappa <- reader_agreement(pair)
  kappa <- kappa[kappa$coefficient == "cohen", ]
  counts <- table(factor(pair$rating[1:6], 1:4), factor(pair$rating[7:12], 1:4)) / 6
  chance <- sum(rowSums(counts) * colSums(counts))
  expect_equal(kappa$estimate, (sum(diag(counts)) - chance) / (1 - chance))
  expect_identical(kappa$n_images, 6L)
})

test_that("the standard error is that of leaving out a patient", {
  rows <- ten_images()
  rows$patient_id <- c(1, 1, 2, 3, 3, 4, 5, 6, 7, 7)[rows$image_id]
  coefficient <- function(rows) {
    table <- reader_agreement(rows, categories = 1:4)
    table$estimate[is.na(table$reader) & table$coefficient == "gwet"]
  }
  without <- vapply(1:7, function(patient) coefficient(rows[rows$patient_id != patient, ]), double(1))
  table <- reader_agreement(rows, categories = 1:4)
  expect_equal(table$std_error[is.na(table$reader) & table$coefficient == "gwet"],
               sqrt(sum((without - mean(without))^2) * 6 / 7))
  expect_identical(unique(table$n_clusters[is.na(table$reader)]), 7L)
})

test_that("readers without a disagreement, an unused category, and a single reader", {
  same <- data.frame(reader = rep(c("A", "B"), each = 4), image_id = 1:4, rating = 0)
  table <- reader_agreement(same)
  values <- stats::setNames(table$estimate, table$coefficient)
  expect_identical(values[["agreement"]], 1)
  expect_identical(values[["gwet"]], 1)
  expect_true(is.na(values[["cohen"]]))
  expect_error(reader_agreement(same, categories = 1:2), class = "placa_error_readers")
  expect_error(reader_agreement(same[1:4, ]), class = "placa_error_readers")
})
