model_of_images <- function(rule = "stretch") {
  list(facts = list(data = list(reading = list(rule = rule))))
}

bytes_of <- function(images) {
  written <- write_pixels(images, model_of_images())
  on.exit(unlink(written$folder, recursive = TRUE))
  lapply(written$files, function(file) readBin(file, "raw", 1000))
}

test_that("a matrix is written in row order", {
  picture <- matrix(c(0L, 10L, 20L, 255L, 1L, 2L), nrow = 2)
  expect_identical(bytes_of(picture)[[1]], c(charToRaw("P5\n3 2\n255\n"), as.raw(c(0, 20, 1, 10, 255, 2))))
})

test_that("shares and grey levels are distinguished", {
  levels <- matrix(0:255, 16)
  expect_identical(bytes_of(levels / 255), bytes_of(levels))
  expect_identical(bytes_of(levels + 0), bytes_of(levels))
  # Integers are grey levels, even if all are dark.
  dark <- matrix(c(0L, 1L), 1)
  expect_identical(as_grey(dark), matrix(c(0, 1), 1))
  expect_identical(as_grey(dark + 0), matrix(c(0, 255), 1))
  expect_identical(as_grey(matrix(c(0.4, 200.5), 1)), matrix(c(0, 201), 1))
})

test_that("colour and alpha are converted to grey as in Pillow", {
  # Image.new("RGB", (1, 1), ...).convert("L")
  primaries <- array(c(255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255), c(1, 4, 3))
  expect_identical(as_grey(primaries), matrix(c(76, 150, 29, 255), 1))
  expect_identical(as_grey(array(c(200, 100, 128, 0), c(1, 2, 2))), matrix(c(100, 0), 1))
  opaque <- array(c(primaries, rep(255, 4)), c(1, 4, 4))
  expect_identical(as_grey(opaque), as_grey(primaries))
  expect_identical(as_grey(array(7, c(2, 3, 1))), matrix(7, 2, 3))
})

test_that("several images are a list or a four-dimensional array", {
  one <- matrix(1:6, 2)
  other <- matrix(11:16, 2)
  stack <- array(0L, c(2, 2, 3, 1))
  stack[1, , , 1] <- one
  stack[2, , , 1] <- other
  expect_identical(bytes_of(stack), bytes_of(list(one, other)))
  expect_identical(names_of_pictures(list(a = one, other), 2), c("a", "2"))
  expect_identical(names_of_pictures(one, 1), "1")
})

test_that("invalid pixels are errors", {
  refused <- function(images, pattern = NULL) {
    expect_error(write_pixels(images, model_of_images()), pattern, class = "placa_error_image")
  }
  refused(matrix(c(-1, 5), 1), "-1.*5")
  refused(matrix(c(NA, 5), 1))
  refused(matrix(c(1, 256), 1), "1.*256")
  refused(1:5, "integer vector")
  refused(array(0, c(2, 2, 7)), "double array")
  refused(matrix(numeric(), 0, 0), "double matrix")
  refused(list())
  refused(list(matrix(1:4, 2), "a.png"), "string")
  expect_error(write_pixels(matrix(1:4, 2), model_of_images("ct-slabs")), "\\.nrrd", class = "placa_error_image")
})
