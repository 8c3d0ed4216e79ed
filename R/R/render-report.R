#' Render the report of a run
#'
#' Runs `placa report` in a separate Python process. Python is found as for [`predict()`][predict.placa_model]. A run
#' without an evaluation is evaluated first.
#'
#' @param run Path of a run.
#' @param language `"en"` or `"es"`.
#' @param to `"html"`, a self-contained file; `"docx"`; or `"pdf"`, which requires Quarto.
#' @param document `"evaluation"`, the report, or `"model-card"`, one page.
#' @param findings Names of the findings in the report, or `NULL` for all.
#' @param compare Path of another run to compare with on the common test images, or `NULL`.
#' @param out Path of the output file; `NULL` is `report/evaluation.html` in the run, or `report/evaluation.es.html` for
#'   Spanish.
#' @param pictures Whether radiographs are shown. Text that is burnt into their pixels is visible.
#' @return The path of the report.
#' @seealso [evaluate_run()]
#' @section Errors:
#' `placa_error_report`, with the message of Python, if rendering fails; `placa_error_python` if no Python with placa is
#' found; `placa_error_file` if `run` is not a path.
#' @export
#' @examplesIf dir.exists("runs/pneumonia")
#' render_report("runs/pneumonia")
#' render_report("runs/pneumonia", language = "es", document = "model-card")
render_report <- function(run, language = "en", to = "html", document = "evaluation", findings = NULL,
                          compare = NULL, out = NULL, pictures = TRUE) {
  check_path(run, rlang::current_env())
  given <- list(lang = language, to = to, document = document, findings = findings, compare = compare, out = out)
  options <- unlist(lapply(names(given), function(name) {
    if (length(given[[name]]) > 0) c(paste0("--", name), as.character(given[[name]]))
  }))
  if (!isTRUE(pictures)) options <- c(options, "--no-pictures")
  printed <- run_placa(c("report", run, options), near = run)
  printed[[length(printed)]]
}

# Runs a placa command in a separate process and returns the lines of its standard output.
run_placa <- function(arguments, near, call = rlang::caller_env()) {
  python <- python_command(near, call)
  messages <- tempfile("placa-", fileext = ".log")
  on.exit(unlink(messages))
  # The R process that Python starts must use the same library paths.
  libraries <- paste(.libPaths(), collapse = .Platform$path.sep)
  environment <- paste0(c("LD_LIBRARY_PATH=", "R_LIBS="), shQuote(c(libraries_before_r(), libraries)))
  printed <- suppressWarnings(system2(
    python, c("-m", "placa", shQuote(arguments)),
    stdout = TRUE, stderr = messages, env = environment
  ))
  if (!is.null(attr(printed, "status"))) {
    abort_placa(readLines(messages, warn = FALSE, encoding = "UTF-8"), python, call)
  }
  printed
}

abort_placa <- function(lines, python, call) {
  lines <- lines[nzchar(trimws(lines))]
  if (any(grepl("No module named placa", lines, fixed = TRUE))) {
    abort(
      c("placa is not installed in {.file {python}}.",
        i = "Set {.envvar PLACA_PYTHON} to {.file .venv/bin/python} of the project."),
      class = "placa_error_python", call = call
    )
  }
  # The error message starts with "placa"; earlier lines are progress or usage.
  begins <- grep("^placa( [a-z]+: error)?: ", lines)
  text <- if (length(begins)) lines[seq(max(begins), length(lines))] else utils::tail(lines, 1)
  text <- sub("^placa( [a-z]+: error)?: ", "", paste(text, collapse = " "))
  abort(
    c("The report could not be rendered.", x = "{text}"),
    class = "placa_error_report", call = call
  )
}

# The Python command, found in the same order as for reticulate.
python_command <- function(near, call = rlang::caller_env()) {
  named <- Sys.getenv("RETICULATE_PYTHON")
  if (nzchar(named) && file.exists(named) && !dir.exists(named)) {
    return(absolute(named))
  }
  python <- find_python(near)
  if (is.null(python)) {
    abort_no_python(near, call)
  }
  python
}

# The start script of R adds directories to LD_LIBRARY_PATH, from which Python could load the shared library of another
# Python. The script is run again to find the added directories.
libraries_before_r <- function(now = Sys.getenv("LD_LIBRARY_PATH")) {
  script <- file.path(R.home("etc"), "ldpaths")
  if (!nzchar(now) || !file.exists(script)) {
    return(now)
  }
  code <- sprintf("unset LD_LIBRARY_PATH; . %s; echo \"$LD_LIBRARY_PATH\"", shQuote(script))
  added <- system2("sh", c("-c", shQuote(code)), stdout = TRUE)
  folders <- function(path) strsplit(path, ":", fixed = TRUE)[[1]]
  paste(setdiff(folders(now), folders(added)), collapse = ":")
}
