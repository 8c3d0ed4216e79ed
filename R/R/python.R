# The one file that touches reticulate; nothing that evaluate() needs is in it but the last resort for parquet.

# What placa's Python needs, for a reticulate that builds an environment by itself.
python_packages <- c(
  "keras>=3.10", "numpy>=2.0", "pandas>=2.2,<3", "pillow>=11", "pyarrow>=17", "pydicom>=3.0", "python-gdcm>=3.0.24",
  "rich>=13", "scikit-learn>=1.5", "scipy>=1.13", "simpleitk>=2.4", "tensorflow>=2.19"
)

# TensorFlow greets with a page of remarks unless these are set before it is imported.
quiet_python <- c(TF_CPP_MIN_LOG_LEVEL = "2", TF_ENABLE_ONEDNN_OPTS = "0", GRPC_VERBOSITY = "ERROR")

# The one Python module that R calls. No type checker sees its name; test-python.R and Python's own tests do.
python_module <- "placa.workflows.r_calls"

# Call a function of that module: paths and scalars in, plain lists out, whatever the reticulate.
call_python <- function(name, ..., near, call = rlang::caller_env()) {
  start_python(near, call)
  imported <- import_placa(near, call)
  tryCatch(
    imported[[name]](...),
    error = function(error) abort_python(error, call)
  )
}

start_python <- function(near, call) {
  check_not_embedded(call)
  if (!is_package_installed("reticulate")) {
    cli::cli_abort(
      c("The R package reticulate is needed to call Python, and is not installed.",
        i = "Type {.code install.packages(\"reticulate\")}, or {.code apt install r-cran-reticulate} on Debian."),
      class = "placa_error_reticulate", call = call
    )
  }
  unset <- quiet_python[!nzchar(Sys.getenv(names(quiet_python)))]
  if (length(unset) > 0) {
    do.call(Sys.setenv, as.list(unset))
  }
  if (reticulate::py_available(initialize = FALSE)) {
    return(invisible())
  }
  python <- choose_python(near, call)
  if (!is.null(python)) {
    # Named by the variable and not by use_python(): reticulate 1.28 looks at a project's pyproject.toml before the
    # latter, takes it for Poetry's, and warns.
    Sys.setenv(RETICULATE_PYTHON = python)
    on.exit(Sys.unsetenv("RETICULATE_PYTHON"))
  }
  tryCatch(
    reticulate::py_config(),
    error = function(error) {
      cli::cli_abort(
        c("Python could not be started.",
          x = "{conditionMessage(error)}",
          i = "Set {.envvar PLACA_PYTHON} to the Python that has placa: {.file .venv/bin/python} of the project."),
        class = "placa_error_python", call = call
      )
    }
  )
}

# The Python to name, or NULL where reticulate knows which.
choose_python <- function(near, call) {
  if (nzchar(Sys.getenv("RETICULATE_PYTHON"))) {
    return(NULL)
  }
  python <- find_python(near)
  if (is.null(python)) {
    can_build <- "py_require" %in% getNamespaceExports("reticulate")
    if (!can_build || is.null(find_source(near))) {
      abort_no_python(near, call)
    }
    getExportedValue("reticulate", "py_require")(python_packages, python_version = ">=3.11,<3.14")
  }
  python
}

abort_no_python <- function(near, call) {
  cli::cli_abort(
    c("The Python that has placa was not found.",
      x = "There is no {.file .venv} in {.file {near}}, in {.file {getwd()}} or above them.",
      i = "In the project's directory, type {.code make setup} once.",
      i = "Or name a Python: {.code Sys.setenv(PLACA_PYTHON = \"/path/to/.venv/bin/python\")}."),
    class = "placa_error_python", call = call
  )
}

# PLACA_PYTHON names a Python, or a place to look in; then the run's project, then the one that R stands in.
find_python <- function(near, named = Sys.getenv("PLACA_PYTHON"), here = getwd()) {
  if (nzchar(named) && file.exists(named) && !dir.exists(named)) {
    return(absolute(named))
  }
  places <- c(named[nzchar(named)], near, here)
  find_upwards(places, c(".venv/bin/python", ".venv/Scripts/python.exe"))
}

# The folder that holds the Python package's source, for a Python in which it is not installed.
find_source <- function(near, here = getwd()) {
  found <- find_upwards(c(near, here), "python/placa/__init__.py")
  if (!is.null(found)) dirname(dirname(found))
}

find_upwards <- function(places, names) {
  for (place in places) {
    directory <- absolute(place)
    repeat {
      found <- file.path(directory, names)
      found <- found[file.exists(found)]
      if (length(found) > 0) {
        return(found[[1]])
      }
      if (dirname(directory) == directory) break
      directory <- dirname(directory)
    }
  }
  NULL
}

# Absolute without following links: .venv/bin/python is a link, and its target is another Python.
absolute <- function(path) {
  path <- path.expand(path)
  file.path(normalizePath(dirname(path), mustWork = FALSE), basename(path))
}

import_placa <- function(near, call) {
  first <- tryCatch(reticulate::import(python_module), error = identity)
  if (!inherits(first, "error")) {
    return(first)
  }
  source <- find_source(near)
  if (!is.null(source)) {
    reticulate::import("sys", convert = FALSE)$path$insert(0L, source)
    second <- tryCatch(reticulate::import(python_module), error = identity)
    if (!inherits(second, "error")) {
      return(second)
    }
    first <- second
  }
  cli::cli_abort(
    c("placa's Python package was expected in {.file {reticulate::py_config()$python}}.",
      x = "{first_line(conditionMessage(first))}",
      i = "Set {.envvar PLACA_PYTHON} to the {.file .venv/bin/python} of the project and start R again."),
    class = "placa_error_python", call = call
  )
}

abort_python <- function(error, call) {
  said <- first_line(conditionMessage(error))
  # Python's placa speaks in whole sentences that a user can act on; anything else is a fault, and named as one.
  ours <- grepl("PlacaError: ", said, fixed = TRUE)
  message <- if (ours) c("{sub('^.*?PlacaError: ', '', said, perl = TRUE)}") else c("Python failed.", x = "{said}")
  cli::cli_abort(message, class = "placa_error_python", call = call)
}

first_line <- function(text) {
  lines <- strsplit(text, "\n", fixed = TRUE)[[1]]
  lines <- lines[nzchar(trimws(lines))]
  if (length(lines) == 0) "" else lines[[1]]
}

# Python calls R through rpy2; starting a second Python in that R kills the process without a word.
check_not_embedded <- function(call) {
  if (is_embedded()) {
    cli::cli_abort(
      c("Python cannot be called from an R that runs inside Python (rpy2): the process would crash.",
        i = "Call placa's Python functions directly there, or run this in R by itself.",
        i = "To read parquet in such an R, install nanoparquet or arrow."),
      class = "placa_error_embedded", call = call
    )
  }
}

# The variable holds 1 or the process's number; the number tells the embedded R from an R it started in turn.
is_embedded <- function(said = Sys.getenv("PLACA_EMBEDDED_R"), arguments = commandArgs()) {
  said %in% c("1", as.character(Sys.getpid())) || identical(arguments[1], "rpy2")
}
