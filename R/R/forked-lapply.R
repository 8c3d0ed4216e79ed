# Elements are shared out to forked processes where that is safe and worth it; the result is that of lapply().

# Rows of predictions from which two processes are faster.
forked_rows <- 50000

# `worth`: the work takes much longer than a fork, which takes some 20 ms.
lapply_forked <- function(x, make, worth, cores = getOption("mc.cores", 2L)) {
  if (!worth || length(x) < 2 || cores < 2 || !is_safe_to_fork()) {
    return(lapply(x, make))
  }
  # A child that was killed returns no list, which mclapply() reports by a warning. Its elements are computed here.
  replies <- suppressWarnings(
    parallel::mclapply(x, function(one) keep_conditions(make(one)), mc.cores = cores, mc.set.seed = FALSE)
  )
  lapply(seq_along(x), function(i) {
    reply <- replies[[i]]
    if (!is.list(reply)) return(make(x[[i]]))
    # The handlers of the caller see the conditions, as without a fork.
    for (condition in reply$conditions) rlang::cnd_signal(condition)
    if (inherits(reply$value, "error")) rlang::cnd_signal(reply$value)
    reply$value
  })
}

# Forks are safe in a plain R on Linux: not in Python (rpy2), in an editor with threads of its own, or on macOS, whose
# graphics do not work in a fork.
is_safe_to_fork <- function() {
  Sys.info()[["sysname"]] == "Linux" && !interactive() && basename(commandArgs()[[1]]) == "R"
}

# Evaluates `code` in a child: warnings and messages are kept for the parent, and an error is returned.
keep_conditions <- function(code) {
  conditions <- list()
  keep <- function(condition) {
    conditions <<- c(conditions, list(condition))
    rlang::cnd_muffle(condition)
  }
  value <- tryCatch(withCallingHandlers(code, warning = keep, message = keep), error = identity)
  list(value = value, conditions = conditions)
}
