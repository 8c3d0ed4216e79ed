"""The R code that Python runs. It only calls the R package and passes its errors and warnings on."""

from __future__ import annotations

# A function that calls one of placa's functions. It returns the classes and the message of an error, and the warnings
# (rpy2 would print them). An interrupt unwinds the stack of R, so that its functions clean up.
CALL = """local({
# Formats the message of a condition as one line, without the call, colours and bullets.
plain_message <- function(condition) {
  options(cli.num_colors = 1L, width = 10000L)
  is_rlang <- inherits(condition, "rlang_error") || inherits(condition, "rlang_warning")
  lines <- if (is_rlang) rlang::cnd_message(condition, prefix = FALSE) else conditionMessage(condition)
  lines <- unlist(strsplit(lines, "\n", fixed = TRUE))
  paste(trimws(gsub("^[[:space:]]*[\u2716\u2139\u2714\u2022!*x] ", "", lines)), collapse = " ")
}

function(.name, ...) {
  # A profile may change how numbers become text.
  before <- options(OutDec = ".", scipen = 0, digits = 7)
  on.exit(options(before))
  warnings <- character()
  failed <- tryCatch(
    withCallingHandlers(
      {
        get(.name, asNamespace("placa"))(...)
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

# For R in a separate process: it calls a function with texts. Warnings and errors are printed on stderr, one per line,
# each with a prefix for its kind.
SEPARATE = (
    "call_placa <- "
    + CALL
    + """
result <- do.call("call_placa", as.list(commandArgs(TRUE)))
for (warning in result[[3]]) message("placa-warning: ", warning)
if ("interrupt" %in% result[[1]]) quit(status = 130)
if ("error" %in% result[[1]]) {
  message("placa-class: ", paste(result[[1]], collapse = " "))
  message("placa-error: ", result[[2]])
  quit(status = 1)
}
"""
)
