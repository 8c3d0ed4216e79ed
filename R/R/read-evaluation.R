#' Read a stored evaluation
#'
#' @param x The path of a run (a directory with an `evaluation/`), or of a
#'   directory that [evaluate()] wrote.
#' @param split The evaluated split, if `x` is a run.
#' @return An object of class `placa_evaluation`, as [evaluate()] returns it,
#'   without `predictions`. `thresholds` are those of the run, or `NULL` if `x` is
#'   not a run. Evaluations by older versions have fewer tables and columns.
#' @seealso [evaluate()], [read_validations()]
#' @section Errors:
#' `placa_error_run` if there is no evaluation, `placa_error_file` if one of its
#' files is missing or invalid, `placa_error_schema`.
#' @export
#' @examplesIf dir.exists("runs/pneumonia")
#' read_evaluation("runs/pneumonia")
read_evaluation <- function(x, split = "test") {
  check_path(x, rlang::current_env())
  of_run <- evaluation_folder(x, split)
  directory <- if (dir.exists(of_run)) of_run else x
  if (!file.exists(file.path(directory, "summary.json"))) {
    abort(
      c("{.arg x} must be a run with an {.file evaluation}.",
        x = "{.file {x}} has no evaluation.",
        i = "Run {.code evaluate_run({encodeString(x, quote = '\"')})}.",
        i = "Or run {.code placa evaluate {shell_path(x)}} in a shell."),
      class = "placa_error_run"
    )
  }
  summary <- read_json_of_run(directory, "summary.json")
  check_evaluation(directory, summary, if (directory != x) x)
  with_class <- function(name, table) {
    if (name %in% names(estimate_classes)) {
      as_estimates(estimate_classes[[name]], table)
    } else if (name %in% names(detail_classes)) {
      as_subclass(detail_classes[[name]], table)
    } else {
      table
    }
  }
  read_one <- function(name, file) with_class(name, read_table(file.path(directory, file)))
  tables <- Map(read_one, names(table_files), table_files)
  attr(tables$calibration, "confidence") <- tables$discrimination$confidence[[1]]
  # Older evaluations have fewer tables; without a validation split there is no abstention table.
  details <- c(detail_files, validation_files)
  details <- details[details %in% (names(summary$fingerprints) %||% list.files(directory))]
  details <- Map(read_one, names(details), details)
  if (!is.null(details$readers)) attr(details$readers, "curve") <- details$reader_curve
  thresholds <- if (file.exists(file.path(x, "thresholds.json"))) read_thresholds(x)
  new_evaluation(
    !!!tables,
    !!!details,
    thresholds = thresholds,
    predictions = NULL,
    about = list(
      split = summary$split,
      engine = summary$engine,
      confidence = tables$discrimination$confidence[[1]],
      draws = summary$draws,
      seed = summary$seed,
      compared_with = as.character(unlist(summary$compared_with)),
      labels = summary$labels,
      r_version = summary$r_version,
      placa_version = summary$placa_version,
      model_fingerprint = summary$model_fingerprint,
      folds = summary$folds,
      prevalence = unlist(summary$prevalence),
      patients_known = summary$patients_known
    )
  )
}

text_fields <- c("finding", "split", "operating_point", "metric", "method")
integer_fields <- c("n_images", "n_patients", "n_positive", "bin")

read_table <- function(file, call = rlang::caller_env()) {
  table <- tryCatch(
    utils::read.csv(file, colClasses = "character", encoding = "UTF-8", check.names = FALSE, na.strings = ""),
    error = function(error) {
      abort(
        c("{.file {file}} must be a table of an evaluation.",
          x = "{conditionMessage(error)}", i = "Run the evaluation again."),
        class = "placa_error_file", call = call
      )
    },
    warning = function(warning) {
      abort(
        c("{.file {file}} must be a table of an evaluation.",
          x = "{conditionMessage(warning)}", i = "Run the evaluation again."),
        class = "placa_error_file", call = call
      )
    }
  )
  for (name in setdiff(names(table), c(text_fields, detail_text_fields))) {
    is_integer <- name %in% c(integer_fields, detail_integer_fields)
    convert <- if (name %in% detail_logical_fields) as.logical else if (is_integer) as.integer else as.double
    table[[name]] <- convert(table[[name]])
  }
  tibble::as_tibble(table)
}
