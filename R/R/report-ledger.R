# The ledger of a run: every evaluation of it, so that readers see how often its test set was looked at.

ledger_columns <- c("evaluated", "split", "placa_version", "engine")

# Adds one row to `evaluations.csv` beside an evaluation in a run. Other folders have no ledger.
record_evaluation <- function(out, about) {
  run <- dirname(out)
  if (!file.exists(file.path(run, "run.json")) || basename(out) != basename(evaluation_folder(run, about$split))) {
    return(invisible())
  }
  file <- file.path(run, "evaluations.csv")
  row <- data.frame(
    evaluated = format(Sys.time(), "%Y-%m-%dT%H:%M:%SZ", tz = "UTC"), split = about$split,
    placa_version = about$placa_version, engine = about$engine
  )
  utils::write.table(
    row, file,
    sep = ",", row.names = FALSE, col.names = !file.exists(file), append = file.exists(file), fileEncoding = "UTF-8"
  )
}

# The rows of one split, or NULL without a ledger.
read_ledger <- function(run, split) {
  file <- file.path(run, "evaluations.csv")
  if (!file.exists(file)) return(NULL)
  rows <- tryCatch(utils::read.csv(file, colClasses = "character"), error = function(e) NULL)
  if (!all(ledger_columns %in% names(rows))) return(NULL)
  rows[rows$split == split, ]
}

# A limitation after several looks.
looks_limit <- function(run, facts) {
  rows <- read_ledger(run$path, facts$split)
  if (NROW(rows) < 2) return(NULL)
  days <- substr(range(rows$evaluated), 1, 10)
  s("limits.looks", n = num(nrow(rows)), first = days[[1]], last = days[[2]])
}
