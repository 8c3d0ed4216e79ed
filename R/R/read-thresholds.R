#' Read the operating points of a run
#'
#' `placa train` chooses the thresholds on the validation split. The test split is
#' not used.
#'
#' @param x The path of a run (a directory with a `thresholds.json`), or of such
#'   a file.
#' @return A tibble with one row per finding and operating point: `finding`,
#'   `operating_point` (`"sensitivity_95"`: maximum specificity with a sensitivity of
#'   at least 0.95; `"specificity_95"`: maximum sensitivity with a specificity of at
#'   least 0.95; `"youden"`: maximum of sensitivity + specificity),
#'   `threshold` (probability, 0--1), `default` (`TRUE` for the operating point that
#'   [`predict()`][predict.placa_model] uses) and `chosen` (`FALSE` if the
#'   validation split has only one class; the threshold is then 0.5).
#' @seealso [choose_thresholds()], [operating_points()]
#' @section Errors:
#' `placa_error_run`, `placa_error_file` (invalid JSON), `placa_error_schema`
#' (another schema version), `placa_error_record` (damaged or edited).
#' @references
#' Youden WJ (1950). Index for rating diagnostic tests. *Cancer* 3(1), 32--35.
#' \doi{10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3}
#' @export
#' @examples
#' file <- tempfile(fileext = ".json")
#' writeLines('{"schema_version": 2, "chosen_on": "validation", "findings": {"Pneumonia":
#'   {"default": "sensitivity_95", "points": {"sensitivity_95": 0.43},
#'   "chosen": true, "reason": null}}}', file)
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
      chosen = entry$chosen
    )
  })
  do.call(rbind, parts)
}

# Reads a JSON file by its path or by the path of its run.
read_json_of_run <- function(x, name, call = rlang::caller_env()) {
  file <- if (dir.exists(x)) file.path(x, name) else x
  if (!file.exists(file)) {
    abort(
      c("A run must have a {.file {name}}.",
        x = "{.file {file}} does not exist.",
        i = "Create a run with {.code placa train}."),
      class = "placa_error_run", call = call
    )
  }
  read_record(file, sub("[.]json$", "", name), call)
}

read_text <- function(file) {
  # Windows editors write a byte order mark.
  sub("^\ufeff", "", paste(readLines(file, warn = FALSE, encoding = "UTF-8"), collapse = "\n"))
}
