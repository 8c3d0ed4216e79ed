# The last sections: what the figures cannot carry, and how to get them again.

# --- limits -----------------------------------------------------------------------------------------------------

write_limits <- function(run, facts) {
  data <- run$info$data
  found <- run$evaluation$discrimination
  main <- found[found$finding == facts$primary, ]
  evaluated <- NROW(main) == 1
  kind <- if (has_string(paste0("limits.labels_", data$kind))) data$kind else "other"
  # DeLong's interval knows nothing of patients; one that does needs no such warning.
  repeated <- evaluated && isTRUE(main$n_images > main$n_patients) && main$method == "delong"
  items <- c(
    if (evaluated && !is.na(main$auroc_lower)) {
      s("limits.size", images = num(main$n_images), positives = num(main$n_positive), finding = facts$positive,
        width = num(main$auroc_upper - main$auroc_lower, 3))
    },
    if (repeated) s("limits.patients", images = num(main$n_images), patients = num(main$n_patients)),
    s(paste0("limits.labels_", kind), labels = label_source_text(data)),
    if (identical(data$kind, "folders")) s("limits.folders_patients"),
    if (!facts$phantom) s("limits.one_source"),
    if (evaluated) s("limits.prevalence", prevalence = pct(main$prevalence), finding = facts$positive),
    s("limits.detail", size = num(data$image_size %||% NA)),
    if (length(data$images$validation)) s("limits.thresholds", images = num(data$images$validation)),
    s("limits.reason")
  )
  write_markdown(paste0("- ", items, collapse = "\n"))
}

# --- how to reproduce it ----------------------------------------------------------------------------------------

write_reproduce <- function(run) {
  info <- run$info
  say("reproduce.intro")
  say("reproduce.seed", seed = value_text(info$training$seed))
  say("reproduce.commands")
  write_markdown("```\n", paste(commands_of(run), collapse = "\n"), "\n```")

  prints <- c(info$data$fingerprint %||% NA, info$model$fingerprint %||% NA)
  prints <- ifelse(is.na(prints), s("number.none"), sprintf("`%s`", sub("^sha256:", "", prints)))
  table <- data.frame(words_of("reproduce", c("fingerprint_data", "fingerprint_model")), prints)
  names(table) <- words_of("reproduce", c("column_what", "column_fingerprint"))
  write_table("fingerprints", table, s("reproduce.fingerprints_caption"), c("l", "l"))

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
  write_table("versions", table, s("reproduce.versions_caption"), c("l", "l"))
}

# The options that `placa prepare` and `placa train` take on the command line, by their names in run.json.
flags_of_prepare <- c("images", "positive", "negative", "size", "seed")
flags_of_train <- c("backbone", "seed", "epochs", "patience", "batch_size", "learning_rate")

# The commands that make the run again, with every option written out, whatever today's defaults are.
commands_of <- function(run) {
  data <- run$info$data
  place <- shell_word(path_from(base_folders(), run$path))
  prepared <- shell_word(data$prepared %||% "PREPARED")
  root <- if (length(data$source_options$root)) shell_word(data$source_options$root)
  c(
    paste(c("placa prepare", data$kind, root, flags(data$source_options, flags_of_prepare), "--out", prepared),
          collapse = " "),
    paste(c("placa train", prepared, flags(run$info$training, flags_of_train),
            if (isFALSE(run$info$training$mirror)) "--no-mirror", "--out", place), collapse = " "),
    paste(c("placa evaluate", "placa report"), place)
  )
}

flags <- function(options, known) {
  options <- options[intersect(known, names(options))]
  options <- options[lengths(options) == 1]
  paste0("--", gsub("_", "-", names(options)), " ", vapply(options, shell_word, ""), collapse = " ")
}

shell_word <- function(x) {
  text <- if (is.numeric(x)) format(x, scientific = FALSE, digits = 15) else as.character(x)
  if (grepl("^[A-Za-z0-9_./:=+-]+$", text)) text else shQuote(text)
}

# A path as it is written from the first of some folders that it lies in.
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
