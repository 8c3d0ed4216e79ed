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
  write_audit_limits(audit_of(run))
  items <- c(
    if (evaluated && !is.na(main$auroc_lower)) {
      s("limits.size", images = num(main$n_images), positives = num(main$n_positive), finding = facts$positive,
        width = num(main$auroc_upper - main$auroc_lower, 3))
    },
    if (repeated) s("limits.patients", images = num(main$n_images), patients = num(main$n_patients)),
    s(paste0("limits.labels_", kind), labels = label_source_text(data)),
    if (!facts$phantom) s("limits.one_source"),
    if (evaluated) s("limits.prevalence", prevalence = pct(main$prevalence), finding = facts$positive),
    s("limits.detail", size = num(data$image_size %||% NA)),
    if (length(data$images$validation)) s("limits.thresholds", images = num(data$images$validation)),
    s("limits.reason")
  )
  write_markdown(paste0("- ", items, collapse = "\n"))
}

# What the audit found limits the figures before all else; what it could not find out does so too.
write_audit_limits <- function(audit) {
  strong <- strong_probes(audit)
  labels <- audit$label_quality
  labels <- if (!is.null(labels)) as_rows(labels[is.na(column(labels, "subset")) & !is.na(column(labels, "ppv")), ])
  worst <- if (!is.null(labels)) labels[which.min(labels$ppv), ]
  shift <- c(audit$shift$here$verdict, audit$shift$table$verdict)
  items <- c(
    if (isTRUE(audit$leakage$patients_across_splits > 0)) s("limits.leak"),
    if (!is.null(audit) && twins_across(audit) > 0) s("limits.twins", n = num(twins_across(audit))),
    if (!is.null(strong)) s("limits.shortcut", probe = word("probe", strong$probe[[1]]),
                            finding = finding(strong$finding[[1]]), auroc = num(strong$auroc[[1]], 2)),
    if (NROW(worst)) s("limits.label_quality", ppv = pct(worst$ppv, 0), finding = finding(worst$finding),
                       reference = escape_markdown(worst$reference)),
    if (any(c("some", "strong") %in% shift)) s("limits.shift"),
    if (groups_were_found(audit)) s("limits.groups_found")
  )
  if (!length(items)) return(invisible())
  say("limits.from_audit")
  write_markdown(paste0("- ", items, collapse = "\n"))
  say("limits.always")
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

# The options that `placa train` takes on the command line, by their names in run.json; the source's options are stored
# as they are typed.
flags_of_train <- c("backbone", "seed", "epochs", "patience", "batch_size", "learning_rate")

# The commands that make the run again, with every option written out, whatever today's defaults are.
commands_of <- function(run) {
  data <- run$info$data
  place <- shell_word(path_from(base_folders(), run$path))
  prepared <- shell_word(data$prepared %||% "PREPARED")
  options <- data$source_options
  # What comes first without a flag: the folder of the source, or its table.
  first <- intersect(c("root", if (identical(data$kind, "table")) "table"), names(options))
  training <- run$info$training[intersect(flags_of_train, names(run$info$training))]
  c(
    paste(c("placa prepare", data$kind, vapply(options[first], shell_word, ""),
            flags(options[setdiff(names(options), first)]), "--out", prepared), collapse = " "),
    paste(c("placa train", prepared, flags(training), if (isFALSE(run$info$training$mirror)) "--no-mirror", "--out",
            place), collapse = " "),
    paste(c("placa evaluate", "placa report"), place)
  )
}

# Options as they are typed: of one that is simply on the name alone, of a list all values, of one not given nothing.
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
