test_that("anything but embeddings of the right length is an error before Python starts", {
  model <- load_model(local_run())
  model$facts$embeddings <- list(length = 3L)
  numbers <- matrix(as.double(1:6), 2)
  for (wrong in list(numbers[, 1:2], list(1, 2), data.frame(image_id = "a", x = "b", y = 1, z = 2), numbers[0, ], 3)) {
    expect_error(predict(model, wrong), class = "placa_error_embedding")
  }
  numbers[2, 3] <- NA
  expect_error(predict(model, numbers), "missing or infinite", class = "placa_error_embedding")
  folder <- local_images(c(`a.png` = 2))
  expect_error(predict(model, file.path(folder, "a.png")), "a.png", class = "placa_error_embedding")
  expect_error(predict(model, "nowhere.parquet"), class = "placa_error_image")
})

test_that("matrices, data frames and columns of lists are the same embeddings", {
  numbers <- matrix(as.double(1:6), 2, dimnames = list(c("a", "b"), NULL))
  wide <- data.frame(image_id = c("a", "b"), numbers)
  long <- tibble::tibble(image_id = c("a", "b"), embedding = list(c(1, 3, 5), c(2, 4, 6)))
  for (one in list(numbers, wide, long)) {
    expect_message(found <- as_vectors(one, 3), class = "placa_message_provenance")
    expect_identical(found$images, c("a", "b"))
    expect_equal(found$numbers, unname(numbers))
  }
})

test_that("the report says what the foundation model may have seen", {
  run <- function(known) {
    list(info = list(data = list(kind = "nih"), embeddings = list(provenance = list(pretrained_on = known))),
         validations = list(there = list(facts = list(kind = "mimic"))))
  }
  for (language in c("en", "es")) {
    expect_says <- function(known, key) {
      in_language(language, {
        wanted <- s(paste0("pretraining.", key), sets = paste(known, collapse = ", "))
        expect_identical(pretraining_limits(run(known)), wanted)
      })
    }
    expect_says(NULL, "unknown")
    expect_says(list(), "none")
    expect_says("padchest", "other")
    expect_says("nih", "same")
    expect_length(in_language(language, pretraining_limits(run(c("nih", "mimic")))), 2)
    expect_match(in_language(language, pretraining_limits(run(c("nih", "mimic"))))[[1]], "nih, mimic")
    expect_match(in_language(language, pretraining_limits(run("mimic")))[[2]], "there")
  }
  expect_null(pretraining_limits(list(info = list())))
})

test_that("the commands of a run on embeddings have its files and no option of pixels", {
  info <- list(
    name = "runs/head", data = list(kind = "nih", prepared = "data/nih", source_options = list(root = "NIH")),
    training = list(backbone = "linear", weights = "none", hidden = 0L, seed = 1L, mixup = 0, mirror = FALSE,
                    augmentation = list(flip = 0)),
    embeddings = list(files = "e.parquet")
  )
  facts <- list(prepared = "data/there", embeddings = list(files = c("a.parquet", "b.parquet")))
  run <- list(path = "/x/.runs", info = info, validations = list(there = list(facts = facts)))
  # One option per line.
  joined <- function(run) gsub(" \\\n  ", " ", commands_of(run), fixed = TRUE)
  commands <- joined(run)
  expect_identical(commands[[2]], "placa train data/nih --features e.parquet --hidden 0 --seed 1 --out runs/head")
  expect_identical(
    commands[[4]],
    "placa validate runs/head data/there --features a.parquet --features b.parquet --name there"
  )
  run$info$embeddings <- NULL
  expect_match(joined(run)[[2]], "--backbone linear .*--mixup 0 --flip 0 --no-mirror")
  expect_no_match(joined(run)[[2]], "hidden")
})
