local_csv <- function(lines, name = "readers.csv") {
  folder <- tempfile()
  dir.create(folder)
  file <- file.path(folder, name)
  writeLines(lines, file, useBytes = TRUE)
  file
}

test_that("a long table is read with any separator, alias and identifier", {
  lines <- c("Reader,study,finding,rating", "A,0012345678901234567,Effusion,1", "B,007,Effusion,")
  comma <- read_readers(local_csv(lines))
  expect_identical(comma$image_id, "0012345678901234567")
  expect_identical(comma$rating, 1)
  semicolon <- read_readers(local_csv(c("\ufeffreader;case;treatment;rating", "A;1;1;2,5", "B;1;2;3")))
  expect_identical(semicolon$rating, c(2.5, 3))
  expect_identical(semicolon$modality, c("1", "2"))
  expect_true(all(is.na(semicolon$finding)))
})

test_that("wide tables take their reader from the name of the file", {
  lines <- c("Study,Cardiomegaly,Pleural Effusion,comment", "a/1,0,1,seen", "a/2,1,0,x")
  files <- c(local_csv(lines, "first.csv"), second = local_csv(lines))
  table <- read_readers(files)
  expect_identical(unique(table$reader), c("first", "second"))
  expect_identical(unique(table$finding), c("Cardiomegaly", "Pleural Effusion"))
  expect_identical(table$rating[table$reader == "second" & table$image_id == "a/2"], c(1, 0))
})

test_that("ratings of any class are numbers", {
  base <- data.frame(reader = "A", image_id = c("1", "2"))
  expect_identical(read_readers(transform(base, rating = c(TRUE, FALSE)))$rating, c(1, 0))
  grades <- factor(c("likely", "no"), c("no", "possible", "likely"), ordered = TRUE)
  expect_identical(read_readers(transform(base, rating = grades))$rating, c(3, 1))
  expect_error(read_readers(transform(base, rating = c("yes", "0"))), "yes", class = "placa_error_readers")
  expect_error(read_readers(transform(base, rating = c(-1, 1))), "uncertain", class = "placa_error_readers")
  expect_identical(read_readers(transform(base, rating = c(-2, 1)))$rating, c(-2, 1))
})

test_that("tables that are no readings are errors", {
  base <- data.frame(reader = "A", image_id = c("1", "1"), rating = 0:1)
  expect_error(read_readers(base), class = "placa_error_readers")
  expect_error(read_readers(base[2:3]), "reader", class = "placa_error_readers")
  expect_error(read_readers(base[1:2]), class = "placa_error_readers")
  expect_error(read_readers(transform(base, rating = NA)), class = "placa_error_file")
  expect_error(read_readers("nowhere.csv"), class = "placa_error_file")
  expect_error(read_readers(local_csv(character())), class = "placa_error_file")
  expect_error(read_readers(transform(base, image_id = 2^60)), class = "placa_error_identifiers")
})
