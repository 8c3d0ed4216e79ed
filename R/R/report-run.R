# Finds and reads a run for the documents. Nothing is trained or evaluated here.

`%||%` <- function(x, y) if (is.null(x) || length(x) == 0) y else x

# The folder `from` and its parents, up to the root of the file system.
parent_folders <- function(from) {
  here <- normalizePath(from)
  found <- here
  while (dirname(here) != here) found <- c(found, here <- dirname(here))
  found
}

# Base folders for relative paths; the folder of the command is first.
base_folders <- function() {
  typed_in <- Sys.getenv("PLACA_WORKING_DIRECTORY")
  unique(c(if (nzchar(typed_in)) typed_in, parent_folders(getwd())))
}

first_existing <- function(paths, holding) {
  there <- paths[file.exists(file.path(paths, holding))]
  if (length(there)) normalizePath(there[[1]]) else NULL
}

# The requested run, or the newest under runs/.
locate_run <- function(run) {
  if (length(run) && nzchar(run)) {
    found <- first_existing(c(run, file.path(base_folders(), run)), "run.json")
    if (is.null(found)) {
      # One line, because placa report shows the last line of the log.
      rlang::abort(paste0("'", show_controls(run), "' is not a run: run.json is missing. Create one with placa train."),
                   class = "placa_error_run")
    }
    return(found)
  }
  for (base in base_folders()) {
    files <- Sys.glob(file.path(base, "runs", "*", "run.json"))
    if (!length(files)) next
    created <- vapply(files, function(file) as.character(parse_json_text(read_text(file), file, NULL)$created), "")
    return(normalizePath(dirname(files[[order(created, decreasing = TRUE)[[1]]]])))
  }
  rlang::abort("No run was found in runs/. Create a run with placa train, or set -P run:FOLDER.",
               class = "placa_error_run")
}

# The prepared data set of the run, or NULL if it does not exist.
locate_prepared <- function(run) {
  written <- run$info$data$prepared %||% return(NULL)
  # Parents of the run are first, because another project may have a data set with the same name.
  # placa writes USER for the name of the user.
  written <- unique(c(written, gsub("USER", Sys.info()[["user"]], written, fixed = TRUE)))
  places <- c(outer(c(parent_folders(run$path), base_folders()), written, file.path), written)
  first_existing(places, "manifest.parquet")
}

# All files of the run in one list; a missing file is NULL. `evaluation` is a folder of evaluate() outside the run.
read_run <- function(path, split = "test", evaluation = NULL) {
  at <- function(...) file.path(path, ...)
  record <- function(kind, folder = path) {
    file <- file.path(folder, paste0(kind, ".json"))
    if (file.exists(file)) read_record(file, kind, NULL, data_frames = TRUE)
  }
  list(
    path = path, split = split,
    info = record("run"),
    thresholds = record("thresholds"),
    history = if (file.exists(at("history.csv"))) utils::read.csv(at("history.csv")),
    evaluation = read_optional(read_evaluation(evaluation %||% path, split)) %||%
      read_tables(evaluation %||% evaluation_folder(path, split)),
    summary = record("summary", evaluation %||% evaluation_folder(path, split)),
    validations = read_validations_or_none(path),
    predictions = read_optional(read_predictions(path)),
    points = read_optional(read_thresholds(path)),
    other_labels = if (file.exists(at("labels.parquet"))) read_optional(read_labels(path))
  )
}

# The tables of an incomplete evaluation, or NULL without an evaluation.
read_tables <- function(folder) {
  files <- Sys.glob(file.path(folder, "*.csv"))
  if (!length(files)) return(NULL)
  tables <- lapply(stats::setNames(files, sub("[.]csv$", "", basename(files))), function(file) {
    tryCatch(utils::read.csv(file, na.strings = ""), error = function(e) NULL)
  })
  # autoplot() depends on the class of the table.
  drawn <- intersect(names(tables), c("decision_curve", "subgroups", "abstention", "calibration_curve", "pr_bands",
                                      "predictive_values", "errors"))
  for (name in drawn) {
    if (!is.null(tables[[name]])) class(tables[[name]]) <- c(paste0("placa_", name), class(tables[[name]]))
  }
  Filter(Negate(is.null), tables)
}

# Returns NULL for a missing or invalid file, which the section reports; other errors are not caught.
read_optional <- function(piece) {
  tryCatch(piece, placa_error_run = function(e) NULL, placa_error_file = function(e) NULL)
}

# An incomplete validation is left out of the report, with a warning in the log.
read_validations_or_none <- function(path) {
  tryCatch(read_validations(path), placa_error_file = function(e) list(), placa_error_record = function(e) list())
}

# Keeps the selected findings of the run; an empty selection keeps all.
keep_findings <- function(run, wanted) {
  wanted <- trimws(unlist(strsplit(as.character(unlist(wanted)), ",", fixed = TRUE)))
  wanted <- wanted[nzchar(wanted)]
  if (!length(wanted)) return(run)
  known <- run$info$data$findings
  unknown <- setdiff(wanted, known)
  if (length(unknown)) {
    known <- paste(known, collapse = ", ")
    unknown <- show_controls(unknown[[1]])
    rlang::abort(paste0("'", unknown, "' is not a finding of the run. Its findings are ", known, "."),
                 class = "placa_error_finding")
  }
  run$info$data$findings <- intersect(known, wanted)
  for (part in c("predictions", "points", "other_labels")) run[[part]] <- rows_about(run[[part]], wanted)
  audit <- run$info$data$audit
  audit$shortcuts$probes <- rows_about(audit$shortcuts$probes, wanted)
  for (where in names(audit$shift)) audit$shift[[where]]$rows <- rows_about(audit$shift[[where]]$rows, wanted)
  run$info$data$audit <- audit
  keep_results(run, wanted)
}

# Keeps the results of some findings, here and elsewhere.
keep_results <- function(run, findings) {
  run$evaluation[] <- lapply(run$evaluation, rows_about, findings)
  for (set in names(run$validations)) run$validations[[set]][] <- lapply(run$validations[[set]], rows_about, findings)
  run
}

# The rows of a table that are about some findings; rows about none remain.
rows_about <- function(table, findings) {
  if (!is.data.frame(table) || !"finding" %in% names(table)) return(table)
  table[is.na(table$finding) | table$finding %in% findings, ]
}

# --- Python for the Python chunks: the Python with placa ----------------------------------------------------------

use_python_of_placa <- function() {
  if (nzchar(Sys.getenv("RETICULATE_PYTHON"))) return(invisible())
  python <- c(active_python(), file.path(base_folders(), ".venv", "bin", "python"))
  python <- python[file.exists(python)]
  if (length(python)) Sys.setenv(RETICULATE_PYTHON = python[[1]])
}

# Without Python the chunks are skipped and the sections say so. The result is cached, because the check starts Python.
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

# Whether radiographs are shown: not without Python, and not if the user leaves them out.
draws_pictures <- function() !isFALSE(the_report$pictures) && has_python()

# A variable of a Python chunk, or NULL if radiographs are not shown.
from_python <- function(name) if (draws_pictures()) reticulate::py_to_r(reticulate::py_get_attr(reticulate::py, name))
