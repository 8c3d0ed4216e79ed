# The only file that uses reticulate. evaluate() needs it only to read parquet without arrow and nanoparquet.

# The dependencies of placa's Python package, for environments that reticulate creates.
python_packages <- c(
  "keras>=3.10", "msgspec>=0.19", "numpy>=2.0", "onnxruntime>=1.20", "pandas>=2.2,<3", "pillow>=11", "pyarrow>=17",
  "pydicom>=3.0", "imagecodecs>=2026.1.14", "isal>=1.7", "nibabel>=5.3", "rich>=13", "scikit-learn>=1.5", "scipy>=1.13",
  "tensorflow>=2.19", "tifffile>=2026.1.14"
)

# TensorFlow prints many messages unless these are set before the import.
quiet_python <- c(TF_CPP_MIN_LOG_LEVEL = "2", TF_ENABLE_ONEDNN_OPTS = "0", GRPC_VERBOSITY = "ERROR")

# The only Python module that R calls. Tests in both languages check its name.
python_module <- "placa.workflows.r_calls"

# Calls a function of that module. Paths and scalars in, lists out, because every version of reticulate converts these.
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
    abort(
      c("The R package reticulate is required to call Python, but it is not installed.",
        i = "Run {.code install.packages(\"reticulate\")}, or {.code apt install r-cran-reticulate} on Debian."),
      class = "placa_error_reticulate", call = call
    )
  }
  unset <- quiet_python[!nzchar(Sys.getenv(names(quiet_python)))]
  if (length(unset) > 0) {
    do.call(Sys.setenv, as.list(unset))
  }
  if (reticulate::py_available(initialize = FALSE)) {
    check_not_forked(call)
    return(invisible())
  }
  python <- choose_python(near, call)
  if (!is.null(python)) {
    # The variable, not use_python(), because reticulate 1.28 then reads pyproject.toml, assumes Poetry, and warns.
    Sys.setenv(RETICULATE_PYTHON = python)
    on.exit(Sys.unsetenv("RETICULATE_PYTHON"))
  }
  python_process$id <- Sys.getpid()
  tryCatch(
    reticulate::py_config(),
    error = function(error) {
      abort(
        c("Python could not be started.",
          x = "{conditionMessage(error)}",
          i = "Set {.envvar PLACA_PYTHON} to a Python with placa, such as {.file .venv/bin/python} of the project."),
        class = "placa_error_python", call = call
      )
    }
  )
}

# The process in which placa started Python, or in which placa was loaded.
python_process <- new.env(parent = emptyenv())

# A forked process has a copy of Python without its threads: a call would never return.
check_not_forked <- function(call, started = python_process$id) {
  if (!is.null(started) && started != Sys.getpid()) {
    abort(
      c("Python was started before this process was forked, so it cannot be used here.",
        i = "Call {.fun predict} once for all images: it uses several cores.",
        i = "Or use {.code parallel::makeCluster()} or {.code future::plan(\"multisession\")}, and call
          {.fun load_model} in each process."),
      class = "placa_error_fork", call = call
    )
  }
}

# The path of the Python to use, or NULL if reticulate selects it.
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
  abort(
    c("No Python with placa was found.",
      x = "{.file {near}}, {.file {getwd()}} and their parent directories have no {.file .venv}.",
      i = "Run {.code make setup} once in the project's directory.",
      i = "Or set the path: {.code Sys.setenv(PLACA_PYTHON = \"/path/to/.venv/bin/python\")}."),
    class = "placa_error_python", call = call
  )
}

# Search order: PLACA_PYTHON (a Python or a directory), an active environment with placa, the project of the run, the
# working directory.
find_python <- function(
  near, named = Sys.getenv("PLACA_PYTHON"), here = getwd(), active = active_python(), call = rlang::caller_env()
) {
  if (nzchar(named) && !file.exists(named)) {
    abort(
      c("{.envvar PLACA_PYTHON} must be a Python with placa, or the project's directory.",
        x = "{.file {named}} does not exist.", i = "Relative paths start in {.file {here}}."),
      class = "placa_error_python", call = call
    )
  }
  if (nzchar(named) && !dir.exists(named)) {
    return(absolute(named))
  }
  below <- c(".venv/bin/python", ".venv/Scripts/python.exe")
  find_upwards(named[nzchar(named)], below) %||% active %||% find_upwards(c(near, here), below)
}

# The Python of the active environment of venv or conda; NULL without one, or if placa is not installed there.
active_python <- function(active = Sys.getenv(c("VIRTUAL_ENV", "CONDA_PREFIX"))) {
  for (environment in active[nzchar(active)]) {
    folders <- list.files(file.path(environment, "lib"), "^python", full.names = TRUE)
    packages <- file.path(c(folders, file.path(environment, "Lib")), "site-packages")
    python <- file.path(environment, c("bin/python", "Scripts/python.exe", "python.exe"))
    python <- python[file.exists(python)]
    if (length(python) && length(list.files(packages, "^placa-.*[.]dist-info$"))) {
      return(absolute(python[[1]]))
    }
  }
  NULL
}

# The directory with the source of the Python package, for a Python without placa installed.
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

# Absolute path without resolving links, because the target of .venv/bin/python is another Python.
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
  abort(
    c("placa could not be imported in {.file {reticulate::py_config()$python}}.",
      x = "{first_line(conditionMessage(first))}",
      i = "Set {.envvar PLACA_PYTHON} to {.file .venv/bin/python} of the project and restart R."),
    class = "placa_error_python", call = call
  )
}

abort_python <- function(error, call) {
  text <- first_line(conditionMessage(error))
  # The message of an error of placa is complete; other errors are internal faults. Each has a class in a module errors.
  ours <- "^placa[.]([[:alnum:]_]+[.])*errors[.][[:alnum:]_]+: "
  is_ours <- grepl(ours, text)
  text <- sub(ours, "", text)
  message <- if (is_ours) "{text}" else c("Python raised an error.", x = "{text}")
  abort(message, class = "placa_error_python", call = call)
}

first_line <- function(text) {
  lines <- strsplit(text, "\n", fixed = TRUE)[[1]]
  lines <- lines[nzchar(trimws(lines))]
  if (length(lines) == 0) "" else lines[[1]]
}

# If Python runs this R through rpy2, a second Python crashes the process.
check_not_embedded <- function(call) {
  if (is_embedded()) {
    abort(
      c("Python cannot be called from R inside Python (rpy2), because the process would crash.",
        i = "Call placa's Python functions directly, or use a separate R session.",
        i = "To read parquet in this R, install nanoparquet or arrow."),
      class = "placa_error_embedded", call = call
    )
  }
}

# The variable is 1 or the process ID. A child process of the embedded R has another ID.
is_embedded <- function(marker = Sys.getenv("PLACA_EMBEDDED_R"), arguments = commandArgs()) {
  marker %in% c("1", as.character(Sys.getpid())) || identical(arguments[1], "rpy2")
}
