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

# For R in a separate process: it calls one of placa's functions with texts. Warnings and errors are printed on stderr,
# one per line, each with a prefix for its kind.
SEPARATE = (
    _PLAIN_MESSAGE
    + """
tryCatch(
  withCallingHandlers(
    invisible(do.call(get(commandArgs(TRUE)[[1]], asNamespace("placa")), as.list(commandArgs(TRUE)[-1]))),
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
