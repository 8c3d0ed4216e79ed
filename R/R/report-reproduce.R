# The reproducibility section: commands, versions, seeds, fingerprints.

write_reproduce <- function(run) {
  info <- run$info
  say("reproduce.intro")
  say("reproduce.seeds", split = value_text(info$data$source_options$seed), seed = value_text(info$training$seed),
      draws = value_text(run$summary$seed))
  say("reproduce.commands")
  write_markdown("```\n", paste(commands_of(run), collapse = "\n"), "\n```")

  prints <- c(info$data$fingerprint %||% NA, info$model$fingerprint %||% NA)
  prints <- ifelse(is.na(prints), s("number.none"), sprintf("`%s`", sub("^sha256:", "", prints)))
  table <- data.frame(words_of("reproduce", c("fingerprint_data", "fingerprint_model")), prints)
  names(table) <- words_of("reproduce", c("column_what", "column_fingerprint"))
  write_table_block("fingerprints", table, s("reproduce.fingerprints_caption"), c("l", "l"))

  named <- function(value, key) if (length(value)) stats::setNames(as.character(value), s(key))
  versions <- c(
    unlist(info$versions),
    named(run$summary$r_version, "reproduce.evaluated_with"),
    named(run$summary$engine, "reproduce.engine"),
    named(getRversion(), "reproduce.report_r"),
    named(info$machine$platform, "reproduce.platform")
  )
  table <- data.frame(names(versions), escape_markdown(unname(versions)))
  names(table) <- words_of("reproduce", c("column_part", "column_version"))
  write_table_block("versions", table, s("reproduce.versions_caption"), c("l", "l"))
}

# The command-line options of `placa train`, by their names in run.json. Options of the source are stored as typed.
flags_of_train <- c(
  "backbone", "weights", "seed", "folds", "epochs", "head_epochs", "patience", "batch_size", "learning_rate", "warmup",
  "weight_decay", "loss", "focal_gamma", "class_weights", "label_smoothing", "mixup", "ema", "mixed_precision",
  "recalibration"
)

# The commands that reproduce the run, with all options, because defaults may change.
commands_of <- function(run) {
  data <- run$info$data
  place <- shell_word(path_from(base_folders(), run$path))
  prepared <- shell_word(data$prepared %||% "PREPARED")
  options <- data$source_options
  # Positional arguments: the folder or the table of the source.
  first <- intersect(c("root", if (identical(data$kind, "table")) "table"), names(options))
  training <- run$info$training
  # Computed class weights are a list, not an option.
  options_of_train <- training[flags_of_train[flags_of_train %in% names(Filter(Negate(is.list), training))]]
  c(
    paste(c("placa prepare", data$kind, vapply(options[first], shell_word, ""),
            flags(options[setdiff(names(options), first)]), "--out", prepared), collapse = " "),
    paste(c("placa train", prepared, flags(c(options_of_train, training$augmentation)),
            if (isFALSE(training$mirror)) "--no-mirror", "--out",
            place), collapse = " "),
    paste(c("placa evaluate", "placa report"), place)
  )
}

# Command-line options: only the name if TRUE, all values of a list, nothing if not set.
flags <- function(options) {
  given <- options[lengths(options) > 0 & !vapply(options, function(x) isFALSE(x) || all(is.na(x)), NA)]
  unlist(lapply(names(given), function(name) {
    value <- given[[name]]
    c(paste0("--", gsub("_", "-", name)), if (!isTRUE(value)) vapply(as.list(unlist(value)), shell_word, ""))
  }))
}

shell_word <- function(x) {
  text <- if (is.numeric(x)) format(x, scientific = FALSE, digits = 15) else as.character(x)
  if (grepl("^[A-Za-z0-9_./:=+-]+$", text)) text else shQuote(text)
}

# The path relative to the first folder that contains it.
path_from <- function(folders, path) {
  prefixes <- paste0(normalizePath(folders, mustWork = FALSE), "/")
  inside <- prefixes[startsWith(path, prefixes)]
  if (length(inside)) substring(path, nchar(inside[[1]]) + 1) else path
}

write_footer <- function(run) {
  info <- run$info
  write_div("footer", s("page.footer", version = info$placa_version %||% "", date = substr(info$created %||% "", 1, 10),
                        run = escape_markdown(info$name %||% basename(run$path))))
}
