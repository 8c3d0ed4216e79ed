.onLoad <- function(libname, pkgname) { # nolint: object_name_linter.
  # A promise: ggplot2 is loaded at the first use.
  delayedAssign("autoplot", ggplot2::autoplot, assign.env = topenv())
}
