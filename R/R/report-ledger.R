# The ledger of a run: every evaluation and comparison of it, so that readers see how often its test set was looked at.

ledger_columns <- c("evaluated", "split", "placa_version", "engine")

# Adds one row to `evaluations.csv` beside an evaluation in a run. Other folders have no ledger.
record_evaluation <- function(out, about) {
  run <- dirname(out)
  if (!file.exists(file.path(run, "run.json")) || basename(out) != basename(evaluation_folder(run, about$split))) {
    return(invisible())
  }
  add_to_ledger(run, about$split, about$placa_version, about$engine)
}

# A comparison is one look more at the images of each run, counted once for each set of other models. Tables that are of
# no run, or of the same run with other labels, do not count. A folder that cannot be written to is left as it is.
record_comparison <- function(models, split) {
  about <- lapply(models, attr, "placa")
  runs <- vapply(about, function(of) of$run %||% NA_character_, "")
  prints <- mapply(function(of, name) fingerprint_of(of) %||% name, about, names(models))
  for (run in unique(runs[!is.na(runs)])) {
    others <- paste(unique(prints[!runs %in% run]), collapse = " ")
    if (nzchar(others) && !others %in% read_ledger(run, split)$other_model) {
      version <- as.character(utils::packageVersion("placa"))
      suppressWarnings(try(add_to_ledger(run, split, version, engine_version(), others), silent = TRUE))
    }
  }
}

# Rows of older versions have no `other_model`.
add_to_ledger <- function(run, split, version, engine, other_model = "") {
  row <- data.frame(
    evaluated = format(Sys.time(), "%Y-%m-%dT%H:%M:%SZ", tz = "UTC"), split = split, placa_version = version,
    engine = engine, other_model = other_model
  )
  rows <- read_ledger(run)
  if (!is.null(rows)) rows$other_model <- rows$other_model %||% ""
  file <- file.path(run, "evaluations.csv")
  partial <- paste0(file, ".part")
  on.exit(unlink(partial))
  utils::write.table(rbind(rows, row), partial, sep = ",", row.names = FALSE, fileEncoding = "UTF-8")
  file.rename(partial, file)
}

# The rows of one split or of all, or NULL without a ledger.
read_ledger <- function(run, split = NULL) {
  file <- file.path(run, "evaluations.csv")
  if (!file.exists(file)) return(NULL)
  rows <- tryCatch(utils::read.csv(file, colClasses = "character"), error = function(e) NULL)
  if (!all(ledger_columns %in% names(rows))) return(NULL)
  if (is.null(split)) rows else rows[rows$split == split, ]
}

# A limitation after several looks.
looks_limit <- function(run, facts) {
  rows <- read_ledger(run$path, facts$split)
  if (NROW(rows) < 2) return(NULL)
  days <- substr(range(rows$evaluated), 1, 10)
  key <- if (days[[1]] == days[[2]]) "limits.looks_day" else "limits.looks"
  s(key, n = num(nrow(rows)), first = days[[1]], last = days[[2]])
}
