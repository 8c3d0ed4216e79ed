explanation <- list(
  finding = "Pneumonia", probability = 0.75, class = "positive", square = 1L, squares = 1L,
  size = 2L, map = list(0, 0.5, 0.25, 0), width = 6L, height = 4L, pixels = as.list(0:23)
)

test_that("the map has the orientation of Python", {
  map <- evidence_table(explanation)
  expect_identical(map$x, c(1.5, 4.5, 1.5, 4.5))
  expect_identical(map$y, c(3, 3, 1, 1))
  expect_identical(map$evidence, c(0, 0.5, 0.25, 0))
})

test_that("the figure has the image, the map and labels in both languages", {
  plot <- draw_explanation(explanation, "a.png", plot_labels("en"))
  expect_s3_class(plot, "ggplot")
  expect_identical(plot$labels$title, "Pneumonia")
  expect_identical(plot$labels$subtitle, paste0(plot_labels("en")$probability, ": 0.750"))
  expect_match(plot$labels$caption, paste0("a.png\n", plot_labels("en")$evidence_note), fixed = TRUE)
  expect_match(plot$labels$alt, "75.*25")
  image <- plot$layers[[1]]$geom_params$raster
  expect_equal(grDevices::col2rgb(image[1, 6])[1, 1], c(5), ignore_attr = TRUE)
  expect_equal(grDevices::col2rgb(image[4, 1])[1, 1], c(18), ignore_attr = TRUE)
  spanish <- draw_explanation(explanation, NULL, plot_labels("es"))
  expect_identical(spanish$labels$title, "Neumon\u00eda")
  expect_match(spanish$labels$subtitle, "0,750")
})

test_that("a map without evidence is transparent", {
  nothing <- explanation
  nothing$map <- list(0, 0, 0, 0)
  built <- ggplot2::ggplot_build(draw_explanation(nothing, NULL, plot_labels("en")))
  expect_identical(unique(grDevices::col2rgb(built$data[[2]]$fill, alpha = TRUE)["alpha", ]), 0L)
})

test_that("invalid arguments are errors before Python starts", {
  model <- load_model(local_run(findings = c("Pneumonia", "Effusion")))
  folder <- local_images(c(`a.png` = 2, `b.png` = 2))
  files <- file.path(folder, c("a.png", "b.png"))
  expect_error(explain(model, files), "\\b2\\b", class = "placa_error_image")
  expect_error(explain(model, folder), basename(folder), class = "placa_error_image")
  expect_error(explain(model, "nowhere.png"), "nowhere.png", class = "placa_error_image")
  expect_error(explain(model, files[[1]], "Mass"), "Effusion", class = "placa_error_finding")
  expect_error(explain(model, files[[1]], labels = "fr"), class = "placa_error_labels")
  expect_error(explain(model, files[[1]], findings = "Pneumonia"), class = "rlib_error_dots_nonempty")
  moved <- model
  moved$path <- file.path(tempdir(), "gone")
  expect_error(explain(moved, files[[1]]), "gone", class = "placa_error_run")
})

test_that("explain() returns a figure or an error", {
  env <- stand_in()
  run <- local_run(findings = c("Pneumonia", "Effusion"))
  folder <- local_images(c(`a.png` = 4, `empty.png` = 0))
  there <- call_there(run, env = env, c(
    sprintf("explain(model, %s)", deparse(file.path(folder, "a.png"))),
    sprintf("explain(model, %s, 'Pneumonia', labels = 'es')", deparse(file.path(folder, "a.png"))),
    "explain(model, matrix(0:3, 2))",
    sprintf("explain(model, %s)", deparse(file.path(folder, "empty.png")))
  ))
  expect_identical(there$results[[1]]$labels$title, "Effusion")
  expect_match(there$results[[2]]$labels$subtitle, "3.*16")
  expect_match(there$results[[3]]$labels$caption, plot_labels("en")$evidence_note, fixed = TRUE)
  expect_true("placa_error_image" %in% there$results[[4]]$class)
  expect_match(there$results[[4]]$message, "empty.png.*the file is empty \\{really\\}")
})

test_that("dplyr::explain() finds the method", {
  skip_if_not_installed("dplyr")
  lines <- in_own_r("cat('found:', !is.null(getS3method('explain', 'placa_model', envir = asNamespace('dplyr'))))")
  expect_match(lines, "found: TRUE", all = FALSE)
})

test_that("explain() works with a trained model", {
  trained <- trained_run()
  image <- list.files(trained$images, "[.]png$", full.names = TRUE)[[1]]
  there <- call_there(trained$run, env = trained$env, sprintf(
    "list(explain(model, %s), predict(model, %s, type = \"long\"))", deparse(image), deparse(image)
  ))
  expect_null(there$results[[1]]$message)
  plot <- there$results[[1]][[1]]
  map <- plot$data
  expect_equal(nrow(map), there$size^2)
  expect_true(all(map$evidence >= 0))
  shown <- format_number(there$results[[1]][[2]]$probability[[1]], 3)
  expect_match(plot$labels$subtitle, shown, fixed = TRUE)
})
