"""The R code that Python holds: little, for what R does belongs into the R package."""

from __future__ import annotations

from placa.evaluation.r_frames import R_FRAMES

# A condition's message as one line: no call in front, no colours, no bullets.
_PLAIN_MESSAGE = """
plain_message <- function(condition) {
  options(cli.num_colors = 1L, width = 10000L)
  ours <- inherits(condition, "rlang_error") || inherits(condition, "rlang_warning")
  lines <- if (ours) rlang::cnd_message(condition, prefix = FALSE) else conditionMessage(condition)
  lines <- unlist(strsplit(lines, "\n", fixed = TRUE))
  paste(trimws(gsub("^[[:space:]]*[\u2716\u2139\u2714\u2022!*x] ", "", lines)), collapse = " ")
}
"""

# For the R inside this process: a function that calls one of placa's. R's error comes back as data, its classes and its
# message; warnings are collected, for rpy2 would print them itself; a data frame comes back too, where that is what the
# function returns. An interrupt unwinds R, so that its functions tidy up.
CALL = (
    "local({"
    + _PLAIN_MESSAGE
    + R_FRAMES
    + """
function(name, frames, scalars) {
  warnings <- character()
  value <- NULL
  failed <- tryCatch(
    withCallingHandlers(
      {
        value <- do.call(getExportedValue("placa", name), c(lapply(frames, unpack_frame), scalars))
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
  list(
    class = class(failed),
    message = if (inherits(failed, "error")) plain_message(failed) else "",
    warnings = unique(warnings),
    value = if (is.data.frame(value)) pack_frame(value)
  )
}
})"""
)

# For an R in a process of its own: it says on stderr what the other gets as values, a line each, and of what kind.
EVALUATE_RUN = (
    _PLAIN_MESSAGE
    + """
tryCatch(
  withCallingHandlers(
    placa::evaluate_run(commandArgs(TRUE)[[1]], split = commandArgs(TRUE)[[2]]),
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
