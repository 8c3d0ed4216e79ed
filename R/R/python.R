# The only file that starts Python: as a process of its own, which answers all calls of this R.

# The dependencies of placa's Python package, for environments that reticulate creates.
python_packages <- c(
  "keras>=3.10", "msgspec>=0.19", "numpy>=2.0", "onnxruntime>=1.20", "pandas>=2.2,<3", "pillow>=11", "pyarrow>=17",
  "pydicom>=3.0", "imagecodecs>=2026.1.14", "isal>=1.7", "nibabel>=5.3", "rich>=13", "scikit-learn>=1.5", "scipy>=1.13",
  "tensorflow>=2.19", "tifffile>=2026.1.14"
)

# TensorFlow prints many messages unless these are set before the import.
quiet_python <- c(TF_CPP_MIN_LOG_LEVEL = "2", TF_ENABLE_ONEDNN_OPTS = "0", GRPC_VERBOSITY = "ERROR")

# The module of that process. Tests in both languages check its name.
python_module <- "placa.workflows.r_worker"

# The process (`worker`), its program (`python`) and the R that started it (`of`): a forked R starts its own.
python_process <- new.env(parent = emptyenv())

# Calls a function of placa.workflows.r_calls. Paths and scalars in, lists and vectors out.
call_python <- function(name, ..., near, call = rlang::caller_env()) {
  worker <- start_python(near, call)
  file <- tempfile("placa-call-", fileext = ".json")
  answered <- FALSE
  # An interrupted call leaves an answer to come, so the next call needs another process.
  on.exit({
    unlink(file)
    if (!answered) stop_python()
  })
  asked <- list(`function` = name, arguments = list(...))
  write_text(jsonlite::toJSON(asked, auto_unbox = TRUE, null = "null", digits = NA), file)
  # A Python that ended at once no longer reads.
  tryCatch(worker$write_input(paste0(enc2utf8(file), "\n")), error = function(error) abort_ended(worker, call))
  while (length(worker$read_output_lines(n = 1)) == 0) {
    if (!worker$is_alive()) abort_ended(worker, call)
    worker$poll_io(-1)
  }
  answered <- TRUE
  reply <- jsonlite::fromJSON(file, simplifyDataFrame = FALSE, simplifyMatrix = FALSE)
  if (!is.null(reply$error)) abort_python(reply, call)
  reply$value
}

# Returns the process that answers; the first call starts it.
start_python <- function(near, call) {
  if (identical(python_process$of, Sys.getpid()) && python_process$worker$is_alive()) {
    return(python_process$worker)
  }
  if (!is_package_installed("processx")) {
    abort(
      c("The R package processx is required to start Python, but it is not installed.",
        i = "Run {.code install.packages(\"processx\")}, or {.code apt install r-cran-processx} on Debian."),
      class = "placa_error_processx", call = call
    )
  }
  unset <- quiet_python[!nzchar(Sys.getenv(names(quiet_python)))]
  # What is installed comes before the source. -P: a file in the working directory cannot shadow a module.
  code <- sprintf("import sys; sys.path += sys.argv[1:]; from %s import main; main()", python_module)
  python <- choose_python(near, call)
  worker <- tryCatch(
    processx::process$new(
      python, c("-P", "-c", code, find_source(near)), stdin = "|", stdout = "|", stderr = tempfile("placa-python-"),
      env = c("current", unset), encoding = "UTF-8", cleanup = TRUE
    ),
    error = function(error) abort_start(python, conditionMessage(error), call)
  )
  # That of the R before a fork is kept, because processx ends a process that nothing refers to.
  if (!is.null(python_process$of)) python_process$before <- c(python_process$before, python_process$worker)
  python_process$of <- Sys.getpid()
  python_process$python <- python
  python_process$worker <- worker
}

# Python imports its modules while R reads a run. A failure is reported by the call that needs Python.
start_python_early <- function(near) {
  tryCatch(if (!is.null(find_python(near))) start_python(near, NULL), error = function(error) NULL)
  invisible()
}

stop_python <- function() {
  python_process$worker$kill()
  python_process$of <- NULL
}

# The path of the Python to use.
choose_python <- function(near, call) {
  python <- Sys.getenv("RETICULATE_PYTHON")
  if (!nzchar(python)) python <- find_python(near)
  if (!is.null(python)) {
    return(path.expand(python))
  }
  can_build <- is_package_installed("reticulate") && "py_require" %in% getNamespaceExports("reticulate")
  if (!can_build || is.null(find_source(near))) {
    abort_no_python(near, call)
  }
  getExportedValue("reticulate", "py_require")(python_packages, python_version = ">=3.11,<3.14")
  getExportedValue("reticulate", "py_exe")()
}

abort_start <- function(python, reason, call) {
  abort(
    c("Python could not be started.",
      x = "{.file {python}}: {first_line(reason)}",
      i = "Set {.envvar PLACA_PYTHON} to a Python with placa, such as {.file .venv/bin/python} of the project."),
    class = "placa_error_python", call = call
  )
}

# The last line on stderr is the exception.
abort_ended <- function(worker, call) {
  worker$wait(2000)
  lines <- readLines(worker$get_error_file(), warn = FALSE, encoding = "UTF-8")
  abort_start(python_process$python, if (length(lines)) lines[[length(lines)]] else "it ended", call)
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

abort_python <- function(reply, call) {
  # The message of an error of placa is complete; other errors are internal faults. Each has a class in a module errors.
  is_ours <- grepl("^placa[.]([[:alnum:]_]+[.])*errors[.]", reply$error)
  text <- first_line(reply$message)
  kind <- sub(".*[.]", "", reply$error)
  message <- if (is_ours) "{text}" else c("Python raised an error.", x = "{kind}: {text}")
  abort(message, class = "placa_error_python", call = call)
}

first_line <- function(text) {
  lines <- strsplit(text, "\n", fixed = TRUE)[[1]]
  lines <- lines[nzchar(trimws(lines))]
  if (length(lines) == 0) "" else lines[[1]]
}
