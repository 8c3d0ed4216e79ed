# What the documents read: where the run is, and what lies in it. Nothing here trains or evaluates.

`%||%` <- function(x, y) if (is.null(x) || length(x) == 0) y else x

# The folders from `from` up to the root of the file system.
parent_folders <- function(from) {
  here <- normalizePath(from)
  found <- here
  while (dirname(here) != here) found <- c(found, here <- dirname(here))
  found
}

# Folders that a relative path may have been written from: where the command was typed comes first.
base_folders <- function() {
  typed_in <- Sys.getenv("PLACA_WORKING_DIRECTORY")
  unique(c(if (nzchar(typed_in)) typed_in, parent_folders(getwd())))
}

first_existing <- function(paths, holding) {
  there <- paths[file.exists(file.path(paths, holding))]
  if (length(there)) normalizePath(there[[1]]) else NULL
}

# The run to report on: the one that is asked for, or else the newest under runs/.
locate_run <- function(run) {
  if (length(run) && nzchar(run)) {
    found <- first_existing(c(run, file.path(base_folders(), run)), "run.json")
    if (is.null(found)) {
      rlang::abort(paste0("There is no run in '", run, "': a run is a folder that holds run.json."),
                   class = "placa_error_run")
    }
    return(found)
  }
  for (base in base_folders()) {
    files <- Sys.glob(file.path(base, "runs", "*", "run.json"))
    if (!length(files)) next
    created <- vapply(files, function(f) jsonlite::read_json(f)$created %||% "", "")
    return(normalizePath(dirname(files[[order(created, decreasing = TRUE)[[1]]]])))
  }
  rlang::abort("There is no run under runs/ to report on: train one with placa train, or name one with -P run:FOLDER.",
               class = "placa_error_run")
}

# The prepared set that the run was trained on, or NULL where it is no longer there.
locate_prepared <- function(run) {
  written <- run$info$data$prepared %||% return(NULL)
  # Above the run first: another project may have a set of the same name.
  first_existing(c(file.path(c(parent_folders(run$path), base_folders()), written), written), "manifest.parquet")
}

# Everything the report reads from the run, in one list; an absent file is an absent element.
read_run <- function(path) {
  at <- function(...) file.path(path, ...)
  json <- function(file) if (file.exists(file)) jsonlite::read_json(file, simplifyVector = TRUE)
  list(
    path = path,
    info = json(at("run.json")),
    thresholds = json(at("thresholds.json")),
    history = if (file.exists(at("history.csv"))) utils::read.csv(at("history.csv")),
    evaluation = read_optional(read_evaluation(path)) %||% read_tables(at("evaluation")),
    summary = json(at("evaluation", "summary.json")),
    predictions = read_optional(read_predictions(path)),
    points = read_optional(read_thresholds(path)),
    other_labels = if (file.exists(at("labels.parquet"))) read_optional(read_labels(path))
  )
}

# What is left of an evaluation that lacks a table, or NULL where there is none.
read_tables <- function(folder) {
  files <- Sys.glob(file.path(folder, "*.csv"))
  if (!length(files)) return(NULL)
  tables <- lapply(stats::setNames(files, sub("[.]csv$", "", basename(files))), function(file) {
    tryCatch(utils::read.csv(file, na.strings = ""), error = function(e) NULL)
  })
  # autoplot() knows a table by its class.
  drawn <- intersect(names(tables), c("decision_curve", "subgroups", "abstention", "calibration_curve", "pr_bands",
                                      "predictive_values", "errors"))
  for (name in drawn) {
    if (!is.null(tables[[name]])) class(tables[[name]]) <- c(paste0("placa_", name), class(tables[[name]]))
  }
  Filter(Negate(is.null), tables)
}

# A piece that the run lacks is NULL, and its section says so; anything else that goes wrong is an error.
read_optional <- function(piece) {
  tryCatch(piece, placa_error_run = function(e) NULL, placa_error_file = function(e) NULL)
}

# The run with some of its findings alone; none named are all.
keep_findings <- function(run, wanted) {
  wanted <- trimws(unlist(strsplit(as.character(unlist(wanted)), ",", fixed = TRUE)))
  wanted <- wanted[nzchar(wanted)]
  if (!length(wanted)) return(run)
  known <- run$info$data$findings
  unknown <- setdiff(wanted, known)
  if (length(unknown)) {
    known <- paste(known, collapse = ", ")
    rlang::abort(paste0("This run knows no finding '", unknown[[1]], "': there are ", known, "."),
                 class = "placa_error_finding")
  }
  of_wanted <- function(table) {
    if (!is.data.frame(table) || !"finding" %in% names(table)) return(table)
    table[is.na(table$finding) | table$finding %in% wanted, ]
  }
  run$info$data$findings <- intersect(known, wanted)
  for (part in c("predictions", "points", "other_labels")) run[[part]] <- of_wanted(run[[part]])
  run$evaluation[] <- lapply(run$evaluation, of_wanted)
  audit <- run$info$data$audit
  audit$shortcuts$probes <- of_wanted(audit$shortcuts$probes)
  for (where in names(audit$shift)) audit$shift[[where]]$rows <- of_wanted(audit$shift[[where]]$rows)
  run$info$data$audit <- audit
  run
}

# --- the Python that the Python chunks run in: the one that placa is installed in ---------------------------------

use_python_of_placa <- function() {
  if (nzchar(Sys.getenv("RETICULATE_PYTHON"))) return(invisible())
  python <- file.path(base_folders(), ".venv", "bin", "python")
  python <- python[file.exists(python)]
  if (length(python)) Sys.setenv(RETICULATE_PYTHON = python[[1]])
}

# Without it the chunks are left out, and the sections say what is not shown; asked once, for Python starts with it.
has_python <- local({
  known <- NULL
  function() {
    if (is.null(known)) {
      known <<- requireNamespace("reticulate", quietly = TRUE) && tryCatch({
        reticulate::py_available(initialize = TRUE) && reticulate::py_module_available("placa")
      }, error = function(e) FALSE)
    }
    known
  }
})

# What a Python chunk left under a name, or NULL where it was not run.
from_python <- function(name) if (has_python()) reticulate::py_to_r(reticulate::py_get_attr(reticulate::py, name))
