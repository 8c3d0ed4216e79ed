# What evaluation.qmd is written with: where the run is, its words in one language, its numbers and tables.
# Nothing here trains or evaluates: it reads the files that the run already has.

`%||%` <- function(x, y) if (is.null(x) || length(x) == 0) y else x

# --- where things are -------------------------------------------------------------------------------------

# The folders from `from` up to the root of the file system.
ancestors <- function(from) {
  here <- normalizePath(from)
  found <- here
  while (dirname(here) != here) found <- c(found, here <- dirname(here))
  found
}

# Folders that a relative path may have been written from: where the command was typed comes first.
base_folders <- function() {
  typed_in <- Sys.getenv("PLACA_WORKING_DIRECTORY")
  unique(c(if (nzchar(typed_in)) typed_in, ancestors(getwd())))
}

first_existing <- function(paths, holding) {
  there <- paths[file.exists(file.path(paths, holding))]
  if (length(there)) normalizePath(there[[1]]) else NULL
}

# The run to report on: the one that is asked for, or else the newest under runs/.
locate_run <- function(run) {
  if (length(run) && nzchar(run)) {
    found <- first_existing(c(run, file.path(base_folders(), run)), "run.json")
    if (is.null(found)) rlang::abort(paste0("There is no run in '", run, "': a run is a folder that holds run.json."), class = "placa_error_run")
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
  first_existing(c(file.path(c(ancestors(run$path), base_folders()), written), written), "manifest.parquet")
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
    evaluation = read_what_is_there(placa::read_evaluation(path)) %||% read_tables(at("evaluation")),
    summary = json(at("evaluation", "summary.json")),
    predictions = read_what_is_there(placa::read_predictions(path))
  )
}

# What is left of an evaluation that lacks a table, or NULL where there is none.
read_tables <- function(folder) {
  files <- Sys.glob(file.path(folder, c("discrimination.csv", "operating_points.csv", "calibration.csv", "roc.csv")))
  if (length(files)) lapply(stats::setNames(files, sub("[.]csv$", "", basename(files))), utils::read.csv)
}

# A piece that the run lacks is NULL, and its section says so; anything else that goes wrong is an error.
read_what_is_there <- function(piece) {
  tryCatch(piece, placa_error_run = function(e) NULL, placa_error_file = function(e) NULL)
}

# The Python that the Python chunks run in: the one that placa is installed in.
use_python_of_placa <- function() {
  if (nzchar(Sys.getenv("RETICULATE_PYTHON"))) return(invisible())
  python <- file.path(base_folders(), ".venv", "bin", "python")
  python <- python[file.exists(python)]
  if (length(python)) Sys.setenv(RETICULATE_PYTHON = python[[1]])
}

# --- words ------------------------------------------------------------------------------------------------

read_strings <- function(lang, folder = "strings") {
  known <- sub("[.]yml$", "", list.files(folder, "[.]yml$"))
  if (!lang %in% known) {
    rlang::abort(paste0("The report is written in ", paste(known, collapse = " and "), "; '", lang, "' was asked for."),
                 class = "placa_error_language")
  }
  unlist(yaml::read_yaml(file.path(folder, paste0(lang, ".yml"))))
}

# The sentence under `key`, with each {name} in it replaced by the argument of that name; of vectors, one each.
s <- function(key, ...) {
  text <- strings[[key]]
  values <- list(...)
  for (name in names(values)) {
    put <- function(value, sentence) gsub(paste0("{", name, "}"), value, sentence, fixed = TRUE)
    text <- as.character(unlist(mapply(put, values[[name]], text, USE.NAMES = FALSE)))
  }
  text
}

has_string <- function(key) key %in% names(strings)

say <- function(key, ...) write_markdown(s(key, ...))

# The words under several keys of one kind: the heads of a table's columns.
words_of <- function(kind, names) vapply(paste0(kind, ".", names), s, "", USE.NAMES = FALSE)

write_markdown <- function(...) cat("\n\n", paste0(...), "\n\n", sep = "")

capitalise <- function(x) paste0(toupper(substr(x, 1, 1)), substring(x, 2))

# A finding in the radiologist's words; one that the strings do not know stays as its source writes it.
finding <- function(names) {
  vapply(as.character(names), function(name) {
    key <- paste0("finding.", name)
    if (has_string(key)) s(key) else gsub("_", " ", name, fixed = TRUE)
  }, "", USE.NAMES = FALSE)
}

# A word of a closed list (a split, an operating point, a view), or the word itself where the list lacks it.
word <- function(kind, names) {
  vapply(as.character(names), function(name) {
    key <- paste0(kind, ".", name)
    if (has_string(key)) s(key) else gsub("_", " ", name, fixed = TRUE)
  }, "", USE.NAMES = FALSE)
}

# --- numbers ----------------------------------------------------------------------------------------------

num <- function(x, digits = 0) {
  x <- as.numeric(x)
  if (length(digits) > 1) return(unlist(mapply(num, x, digits)))
  text <- formatC(x, format = "f", digits = digits, big.mark = s("number.thousands"),
                  decimal.mark = s("number.decimal"))
  ifelse(is.na(x), s("number.none"), sub("^-", "\u2212", trimws(text)))
}

pct <- function(x, digits = 1) ifelse(is.na(x), s("number.none"), s("number.percent", n = num(100 * x, digits)))

range_text <- function(lower, upper, digits = 3) {
  text <- s("number.range", lower = num(lower, digits), upper = num(upper, digits))
  ifelse(is.na(lower) | is.na(upper), s("number.none"), text)
}

count_share <- function(n, of) {
  of <- rep_len(of, length(n))
  ifelse(of == 0, num(n), s("number.count_share", n = num(n), share = pct(n / of)))
}

duration <- function(seconds) {
  if (is.null(seconds) || is.na(seconds)) return(s("number.none"))
  if (seconds < 100) return(s("number.seconds", n = num(seconds)))
  if (seconds < 6000) return(s("number.minutes", n = num(seconds / 60, 1)))
  s("number.hours", n = num(seconds / 3600, 1))
}

# One value of run.json as a reader wants to see it: numbers short, lists spelt out, nothing for null.
value_text <- function(x) {
  if (is.null(x) || length(x) == 0) return(s("number.none"))
  if (is.list(x) || (length(x) > 1 && !is.null(names(x)))) {
    text <- vapply(x, value_text, "")
    nested <- lengths(x) > 1
    text <- ifelse(nested, paste0(names(x), " (", text, ")"), paste0(names(x), " = ", text))
    return(paste(text, collapse = if (any(nested)) "; " else ", "))
  }
  if (length(x) > 1) return(paste(vapply(x, value_text, ""), collapse = ", "))
  if (is.na(x)) return(s("number.none"))
  if (is.logical(x)) return(s(if (x) "number.true" else "number.false"))
  if (is.numeric(x)) {
    if (x == round(x) && abs(x) < 1e9) return(num(x))
    return(sub(".", s("number.decimal"), format(signif(x, 3), scientific = abs(x) < 1e-4), fixed = TRUE))
  }
  escape_markdown(as.character(x))
}

escape_markdown <- function(text) gsub("([\\\\`*_{}\\[\\]<>#|@$~^])", "\\\\\\1", text, perl = TRUE)

# --- blocks: the same markdown for Quarto and, through filter.lua, for plain pandoc --------------------------

write_div <- function(class, text, fence = ":::") write_markdown(fence, " {.", class, "}\n", text, "\n", fence)

# A figure or a table with its number: the last paragraph is the caption, in Quarto and in filter.lua.
write_float <- function(id, content, caption, class = "") {
  write_markdown("::: {#", id, class, "}\n\n", content, "\n\n", caption, "\n\n:::")
}

# A table scrolls sideways on a phone, and so must be reachable by the keyboard.
write_table <- function(id, rows, caption, align = c("l", rep("r", ncol(rows) - 1))) {
  body <- knitr::kable(rows, format = "pipe", align = align, row.names = FALSE)
  body <- paste(c(":::: {.table-scroll tabindex=0}", "", body, "", "::::"), collapse = "\n")
  write_float(paste0("tbl-", id), body, caption)
}

# An image alone in its paragraph would become a figure of its own; the space after it keeps it an image.
write_figure <- function(id, file, caption, alt, class = "plot") {
  write_float(paste0("fig-", id), paste0("![", escape_markdown(alt), "](", file, ")\\ "), caption, paste0(" .", class))
}

# A grid of small images, each with a label and a value under it.
write_gallery <- function(id, films, caption) {
  one <- sprintf("[![%s](%s) [%s]{.film-label .%s} [%s]{.film-value}]{.film}", escape_markdown(films$alt), films$file,
                 films$label, films$class, films$value)
  body <- paste(c(":::: {.films}", one, "::::"), collapse = "\n")
  write_float(paste0("fig-", id), body, caption, " .gallery")
}

# Where a chunk's figure goes: knitr's own folder, so that the renderer embeds it and clears it away.
figure_file <- function(name) {
  file <- file.path(dirname(knitr::fig_path("x")), name)
  dir.create(dirname(file), recursive = TRUE, showWarnings = FALSE)
  file
}
