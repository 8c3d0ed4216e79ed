.onLoad <- function(libname, pkgname) { # nolint: object_name_linter.
  python_process$id <- Sys.getpid()
}
