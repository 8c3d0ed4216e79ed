# Names of findings, runs, sources and operating points are values: nothing that they contain is evaluated.

hostile <- c("{6 * 7}", "{.emph a}", "a}b {", "red \033[31m", "two\nlines")

local_hostile_run <- function(frame = parent.frame()) {
  run <- local_run(frame = frame)
  facts <- good_record("run")
  facts$name <- hostile[[1]]
  facts$data$findings <- as.list(hostile)
  facts$data$comparison <- list(kind = "classes", classes = as.list(hostile))
  facts$data$label_source <- hostile[[1]]
  facts$training$backbone <- hostile[[2]]
  facts$model$fingerprint <- paste0("sha256:", cli::hash_file_sha256(file.path(run, "model.keras")))
  write_record(facts, file.path(run, "run.json"))
  thresholds <- good_record("thresholds")
  points <- list(default = "{6 * 7}", points = list("{6 * 7}" = 0.5, youden = 0.25), chosen = TRUE, reason = NULL)
  thresholds$findings <- stats::setNames(rep(list(points), length(hostile)), hostile)
  write_record(thresholds, file.path(run, "thresholds.json"))
  run
}

hostile_rows <- function() {
  do.call(rbind, lapply(hostile, function(name) transform(six_rows(), finding = name)))
}

# The printed lines without the styles of cli.
printed <- function(x) paste(cli::ansi_strip(format(x)), collapse = " ")

expect_names_as_text <- function(text) {
  expect_no_match(text, "42", fixed = TRUE)
  for (name in c(hostile[1:3], "red \\u001b[31m", "two\\nlines")) expect_match(text, name, fixed = TRUE)
  expect_no_match(text, "\033[31m", fixed = TRUE)
}

test_that("a model and an evaluation print names as text", {
  run <- local_hostile_run()
  expect_names_as_text(printed(load_model(run)))
  rows <- hostile_rows()
  attr(rows, "placa") <- list(label_source = hostile[[1]], label_subset = hostile[[2]])
  evaluate_tables(rows, run, out = file.path(run, "evaluation"), draws = 200)
  expect_names_as_text(printed(load_model(run)))
  expect_names_as_text(printed(read_evaluation(run)))
})

test_that("a summary with a text in place of a number is refused", {
  run <- local_hostile_run()
  folder <- file.path(run, "evaluation")
  evaluate_tables(hostile_rows(), run, out = folder, draws = 200)
  summary <- jsonlite::read_json(file.path(folder, "summary.json"))
  summary$headline[[1]]$n_images <- "{6 * 7}"
  write_record(summary, file.path(folder, "summary.json"))
  for (read in list(load_model, read_evaluation)) {
    error <- expect_error(read(run), class = "placa_error_record")
    expect_match(error$place, "n_images", fixed = TRUE)
  }
})

test_that("a table of an evaluation has the names unchanged", {
  run <- local_run()
  names <- paste0(c("=6*7", "+1", "-1", "@a", "\"q\", x", "two\nlines"), "_")
  rows <- six_rows()
  rows$image_id <- names[match(rows$image_id, unique(rows$image_id))]
  evaluation <- evaluate_tables(rows, run, out = file.path(run, "evaluation"), draws = 200)
  expect_identical(read_evaluation(run)$errors$image_id, evaluation$errors$image_id)
})

test_that("a comparison without common images names the finding as text", {
  other <- transform(six_rows(), finding = hostile[[1]], image_id = paste0("x", image_id))
  models <- list(a = transform(six_rows(), finding = hostile[[1]]), b = other)
  error <- expect_error(compare_models(models), class = "placa_error_models")
  expect_match(conditionMessage(error), "{6 * 7}", fixed = TRUE)
  expect_no_match(conditionMessage(error), "42", fixed = TRUE)
})

test_that("text that is a path or an address is not read", {
  file <- tempfile(fileext = ".json")
  writeLines('{"schema_version": 2}', file)
  remove_later(file, environment())
  expect_null(parse_metadata(file, "predictions.parquet"))
  expect_null(parse_metadata(jsonlite::toJSON(file, auto_unbox = TRUE), "predictions.parquet"))
  expect_null(parse_metadata(paste0("file://", file), "predictions.parquet"))
  path <- tempfile(fileext = ".json")
  remove_later(path, environment())
  writeLines(file, path)
  expect_error(read_thresholds(path), class = "placa_error_file")
})

test_that("control characters of names are escapes in errors and warnings", {
  odd <- "no \033[31mred\nfile"
  found <- list(
    tryCatch(read_predictions(odd), error = identity),
    tryCatch(load_model(odd), error = identity),
    tryCatch(read_evaluation(odd), error = identity),
    tryCatch(read_readers(paste0(odd, ".csv")), error = identity),
    tryCatch(evaluate(stats::setNames(data.frame(x = 1), odd)), error = identity),
    tryCatch(warn("{.file {odd}} and {odd}"), warning = identity)
  )
  for (condition in found) {
    expect_match(class(condition), "^rlang_(error|warning)$", all = FALSE)
    expect_no_match(conditionMessage(condition), "\033", fixed = TRUE)
  }
  for (condition in found) expect_match(conditionMessage(condition), "\\\\u001b\\[31mred")
})
