"""The R code that Python runs. It only calls the R package and passes its errors and warnings on."""

from __future__ import annotations

# A function that formats a condition's message as one line, without the call, colours and bullets.
_PLAIN_MESSAGE = """
plain_message <- function(condition) {
  options(cli.num_colors = 1L, width = 10000L)
  is_rlang <- inherits(condition, "rlang_error") || inherits(condition, "rlang_warning")
  lines <- if (is_rlang) rlang::cnd_message(condition, prefix = FALSE) else conditionMessage(condition)
  lines <- unlist(strsplit(lines, "\n", fixed = TRUE))
  paste(trimws(gsub("^[[:space:]]*[\u2716\u2139\u2714\u2022!*x] ", "", lines)), collapse = " ")
}
"""

# For R inside this process: a function that calls one of placa's functions. It returns the classes and the message of
# an error, and the warnings (rpy2 would print them). An interrupt unwinds the stack of R, so that its functions clean
# up.
CALL = (
    "local({"
    + _PLAIN_MESSAGE
    + """
function(.name, ...) {
  # A profile may change how numbers become text.
  before <- options(OutDec = ".", scipen = 0, digits = 7)
  on.exit(options(before))
  warnings <- character()
  failed <- tryCatch(
    withCallingHandlers(
      {
        getExportedValue("placa", .name)(...)
        NULL
      },
      warning = function(w) {
        warnings <<- c(warnings, plain_message(w))
        invokeRestart("muffleWarning")
      }
    ),
    error = identity,
    interrupt = identity
  )
  list(class(failed), if (inherits(failed, "error")) plain_message(failed) else "", unique(warnings))
}
})"""
)

# For R in a separate process: it prints warnings and errors on stderr, one per line, each with a prefix for its kind.
_SEPARATE = (
    _PLAIN_MESSAGE
    + """
tryCatch(
  withCallingHandlers(
    %s,
    warning = function(w) {
      message("placa-warning: ", plain_message(w))
      invokeRestart("muffleWarning")
    }
  ),
  error = function(e) {
    message("placa-class: ", paste(class(e), collapse = " "))
    message("placa-error: ", plain_message(e))
    quit(status = 1)
  },
  interrupt = function(i) quit(status = 130)
)
"""
)

EVALUATE_RUN = (
    _SEPARATE
    % """{
      given <- function(i) if (nzchar(commandArgs(TRUE)[[i]])) commandArgs(TRUE)[[i]]
      placa::evaluate_run(
        commandArgs(TRUE)[[1]],
        split = commandArgs(TRUE)[[2]], prevalence = if (length(given(3))) as.numeric(given(3)),
        readers = given(4), out = commandArgs(TRUE)[[5]]
      )
    }"""
)
UPDATE_RUN = _SEPARATE % "do.call(placa:::update_run, as.list(commandArgs(TRUE)))"
VALIDATE_RUN = _SEPARATE % "do.call(placa:::validate_run, as.list(commandArgs(TRUE)))"
MONITOR_RUN = _SEPARATE % "do.call(placa::monitor_run, as.list(commandArgs(TRUE)))"
FIGURES_IN = _SEPARATE % "invisible(do.call(placa:::write_figures_in, as.list(commandArgs(TRUE))))"
PAPER_TABLES = _SEPARATE % "do.call(placa:::write_paper_tables, as.list(commandArgs(TRUE)))"
PAPER_FIGURES = _SEPARATE % "do.call(placa:::write_paper_figures, as.list(commandArgs(TRUE)))"
