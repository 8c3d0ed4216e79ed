#' Read the operating points of a run
#'
#' Thresholds are chosen on the validation split while a model is trained, so
#' that the test split has no say in them.
#'
#' @param x The path of a run (a directory with a `thresholds.json`), or of such
#'   a file.
#' @return A tibble with one row a finding and operating point: `finding`,
#'   `operating_point` (`"youden"`, the largest sum of sensitivity and
#'   specificity; `"sensitivity_95"` and `"specificity_95"`, the best partner of
#'   a sensitivity or specificity of at least 0.95), `threshold` (probability, 0--1) and
#'   `default` (`TRUE` at the one that [`predict()`][predict.placa_model] uses) and
#'   `chosen` (`FALSE` where validation had images of one class only, and the
#'   threshold is 0.5 for want of a better one).
#' @section Errors:
#' `placa_error_run`, `placa_error_file`, `placa_error_schema`.
#' @references
#' Youden WJ (1950). Index for rating diagnostic tests. *Cancer* 3(1), 32--35.
#' \doi{10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3}
#' @export
#' @examples
#' file <- tempfile(fileext = ".json")
#' writeLines('{"schema_version": 1, "chosen_on": "validation", "findings":
#'   {"Pneumonia": {"default": "youden", "points": {"youden": 0.43}}}}', file)
#' read_thresholds(file)
read_thresholds <- function(x) {
  check_path(x, rlang::current_env())
  content <- read_json_of_run(x, "thresholds.json")
  parts <- lapply(names(content$findings), function(finding) {
    entry <- content$findings[[finding]]
    tibble::tibble(
      finding = finding,
      operating_point = names(entry$points),
      threshold = as.double(unlist(entry$points)),
      default = names(entry$points) == entry$default,
      # Runs of before do not say so.
      chosen = !isFALSE(entry$chosen)
    )
  })
  do.call(rbind, parts)
}

# A JSON file of a run, given by the run's path or its own.
read_json_of_run <- function(x, name, call = rlang::caller_env()) {
  file <- if (dir.exists(x)) file.path(x, name) else x
  if (!file.exists(file)) {
    cli::cli_abort(
      c("A run with a {.file {name}} was expected.",
        x = "{.file {file}} does not exist.",
        i = "{.code placa train} makes a run."),
      class = "placa_error_run", call = call
    )
  }
  content <- tryCatch(
    jsonlite::fromJSON(read_text(file), simplifyDataFrame = FALSE),
    error = function(error) {
      cli::cli_abort(
        c("{.file {file}} must hold JSON.",
          x = "{conditionMessage(error)}",
          i = "Train again, or copy the file again."),
        class = "placa_error_file", call = call
      )
    }
  )
  check_schema(content, file, call)
  content
}

read_text <- function(file) {
  paste(readLines(file, warn = FALSE, encoding = "UTF-8"), collapse = "\n")
}
