local_images <- function(sizes, frame = parent.frame()) {
  folder <- tempfile("images-")
  dir.create(folder)
  remove_later(folder, frame)
  for (name in names(sizes)) writeBin(raw(sizes[[name]]), file.path(folder, name))
  normalizePath(folder)
}

# Runs calls in a separate R process; returns the value or error of each, and all warnings.
call_there <- function(run, calls, env) {
  result <- tempfile()
  on.exit(unlink(result))
  lines <- in_own_r(c(
    sprintf("model <- load_model(%s)", deparse(run)),
    "early <- !is.null(placa:::python_process$worker)",
    "caught <- list()",
    "try_call <- function(call) tryCatch(withCallingHandlers(call,",
    "  warning = function(w) {",
    "    caught[[length(caught) + 1]] <<- list(class(w), conditionMessage(w))",
    "    tryInvokeRestart('muffleWarning')",
    "  }",
    "), error = function(e) list(class = class(e), message = conditionMessage(e)))",
    sprintf("results <- list(%s)", paste0("try_call({", calls, "})", collapse = ", ")),
    "size <- model$facts$data$image_size",
    sprintf("saveRDS(list(results = results, caught = caught, size = size), %s)", deparse(result))
  ), env)
  if (!file.exists(result)) rlang::abort(paste(lines, collapse = "\n"))
  readRDS(result)
}

# A trained run, its images, and the Python with placa.
trained_run <- function() {
  run <- Sys.getenv("PLACA_TEST_RUN")
  skip_if(!nzchar(run), "PLACA_TEST_RUN names no run")
  skip_if_not_installed("processx")
  images <- Sys.getenv("PLACA_TEST_IMAGES")
  skip_if(!nzchar(images), "PLACA_TEST_IMAGES names no folder with the run's images")
  python <- find_python(run)
  skip_if(is.null(python), "the project's Python is not there")
  list(run = normalizePath(run), images = images, env = paste0("PLACA_PYTHON=", python))
}
