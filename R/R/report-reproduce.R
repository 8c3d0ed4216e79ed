# The reproducibility section: commands, versions, seeds, fingerprints.

write_reproduce <- function(run, facts) {
  info <- run$info
  say("reproduce.intro")
  write_spread(run, facts)
  say("reproduce.seeds", split = value_text(info$data$source_options$seed), seed = value_text(info$training$seed),
      draws = value_text(run$summary$seed))
  looks <- read_ledger(run$path, facts$split)
  if (NROW(looks)) say("reproduce.looks", n = num(nrow(looks)))
  say("reproduce.commands")
  write_code(commands_of(run))
  own <- info$training$own
  if (NROW(own)) {
    kinds <- words_of("reproduce.own_part", own$part)
    say("reproduce.own", parts = paste(kinds, code(own$name), collapse = ", "))
  }

  prints <- c(info$data$fingerprint %||% NA, info$model$fingerprint %||% NA)
  prints <- ifelse(is.na(prints), s("number.none"), code(sub("^sha256:", "", prints)))
  table <- data.frame(words_of("reproduce", c("fingerprint_data", "fingerprint_model")), prints)
  names(table) <- words_of("reproduce", c("column_what", "column_fingerprint"))
  write_table_block("fingerprints", table, s("reproduce.fingerprints_caption"), c("l", "l"))

  named <- function(value, key) if (length(value)) stats::setNames(as.character(value), s(key))
  # Decoders of the prepared data set, where they are not those of the training.
  decoders <- unlist(info$data$decoders)
  of_training <- unlist(info$versions)[names(decoders)]
  decoders <- decoders[is.na(of_training) | decoders != of_training]
  labels <- vapply(names(decoders), function(name) s("reproduce.prepared_with", name = name), "")
  versions <- c(
    unlist(info$versions),
    if (length(decoders)) stats::setNames(decoders, labels),
    named(run$summary$r_version, "reproduce.evaluated_with"),
    named(run$summary$engine, "reproduce.engine"),
    named(getRversion(), "reproduce.report_r"),
    named(info$machine$platform, "reproduce.platform")
  )
  table <- data.frame(escape_markdown(names(versions)), escape_markdown(unname(versions)))
  names(table) <- words_of("reproduce", c("column_part", "column_version"))
  write_table_block("versions", table, s("reproduce.versions_caption"), c("l", "l"))
}

# The range of AUROC over runs that differ only in their seed.
write_spread <- function(run, facts) {
  runs <- runs_of_other_seeds(run, facts$primary)
  if (NROW(runs) < 2) return(say("reproduce.spread_unknown"))
  say("reproduce.spread", n = num(nrow(runs)), seeds = paste(sort(runs$seed), collapse = ", "),
      finding = facts$positive, lowest = num(min(runs$auroc), 3), highest = num(max(runs$auroc), 3))
}

# The seed and AUROC of this run and of the runs beside it with the same data and options.
runs_of_other_seeds <- function(run, name) {
  same <- function(info) {
    options <- setdiff(flags_of_train, "seed")
    identical(info$data$fingerprint, run$info$data$fingerprint) &&
      identical(lapply(options, function(one) unlist(info$training[[one]])),
                lapply(options, function(one) unlist(run$info$training[[one]])))
  }
  one <- function(file) {
    summary <- file.path(dirname(file), "evaluation", "summary.json")
    if (!file.exists(summary)) return(NULL)
    info <- tryCatch(simplify_json(read_text(file)), error = function(e) NULL)
    if (is.null(info) || !same(info)) return(NULL)
    auroc <- tryCatch(simplify_json(read_text(summary))$headline[[name]]$auroc, error = function(e) NULL)
    if (length(auroc) == 1 && length(info$training$seed) == 1) data.frame(seed = info$training$seed, auroc = auroc)
  }
  found <- do.call(rbind, lapply(Sys.glob(file.path(dirname(run$path), "*", "run.json")), one))
  found[!duplicated(found$seed), ]
}

# The command-line options of `placa train`, by their names in run.json. Options of the source are stored as typed.
flags_of_train <- c(
  "backbone", "tuning", "input_size", "weights", "hidden", "seed", "folds", "epochs", "head_epochs", "patience",
  "batch_size", "learning_rate",
  "warmup", "weight_decay", "loss", "classes", "focal_gamma", "class_weights", "label_smoothing", "mixup", "ema",
  "mixed_precision", "recalibration", "resist"
)

# Those of them that only a foundation model as backbone has.
flags_of_foundation <- c("tuning", "input_size")

# Those of them that a head on embeddings does not have.
flags_of_pixels <- c("backbone", flags_of_foundation, "weights", "head_epochs", "mixup", "mixed_precision")

# The options with the files of embeddings of a run or a validation.
features_of <- function(facts) {
  unlist(lapply(unlist(facts$embeddings$files), function(file) c("--features", shell_path(file))))
}

# The commands that reproduce the run, with all options, because defaults may change.
commands_of <- function(run) {
  data <- run$info$data
  # A hidden folder is a run that is not yet complete.
  hidden <- startsWith(basename(run$path), ".")
  place <- shell_path(if (hidden) run$info$name else public_path(path_from(base_folders(), run$path)))
  prepared <- shell_path(data$prepared %||% "PREPARED")
  options <- data$source_options
  options <- options[lengths(options) > 0]
  # The positional argument: the table or the folder of the source.
  first <- intersect(if (identical(data$kind, "table")) "table" else "root", names(options))
  training <- run$info$training
  # Computed class weights are a list, not an option. Parts of a script have no name on the command line.
  is_option <- function(value) !is.list(value) && !any(startsWith(as.character(value), "own:"))
  known <- flags_of_train[flags_of_train %in% names(Filter(is_option, training))]
  embedded <- length(run$info$embeddings) > 0
  foundation <- run$info$foundation
  # A head on embeddings has no options of pixels, and a network on pixels has no hidden layer. The weights of a
  # foundation model are those of its folder.
  without <- if (embedded) flags_of_pixels else c("hidden", if (length(foundation)) "weights" else flags_of_foundation)
  options_of_train <- training[setdiff(known, without)]
  seen <- unlist(foundation$provenance$pretrained_on)
  if (length(seen)) {
    options_of_train$provenance <- paste0("pretrained_on=", paste(seen, collapse = ","))
  }
  changes <- if (!embedded) training$augmentation
  c(
    command_lines(c("placa prepare", shell_word(data$kind), vapply(options[first], shell_path, ""),
                    flags(options[setdiff(names(options), first)]), "--out", prepared)),
    command_lines(c("placa train", prepared, features_of(run$info), flags(c(options_of_train, changes)),
                    if (isFALSE(training$mirror) && !embedded) "--no-mirror", "--out", place)),
    paste("placa evaluate", place),
    vapply(names(run$validations), function(name) {
      facts <- run$validations[[name]]$facts
      command_lines(c("placa validate", place, shell_path(facts$prepared %||% "PREPARED"), features_of(facts), "--name",
                      shell_word(name)))
    }, "", USE.NAMES = FALSE),
    paste("placa report", place)
  )
}

# A command that can be copied into a shell, one option per line.
command_lines <- function(words) {
  words <- unlist(words)
  paste0(words[[1]], paste0(ifelse(startsWith(words[-1], "--"), " \\\n  ", " "), words[-1], collapse = ""))
}

# Command-line options: only the name if TRUE, all values of a list, nothing if not set. A value that starts with a
# hyphen is written with an equals sign, because the parser takes it for an option otherwise.
flags <- function(options) {
  given <- options[lengths(options) > 0 & !vapply(options, function(x) isFALSE(x) || all(is.na(x)), NA)]
  unlist(lapply(names(given), function(name) {
    flag <- shell_word(paste0("--", gsub("_", "-", name)))
    if (isTRUE(given[[name]])) return(flag)
    values <- as.list(unlist(given[[name]]))
    words <- vapply(values, shell_word, "")
    if (length(values) == 1 && startsWith(as.character(values[[1]]), "-")) paste0(flag, "=", words) else c(flag, words)
  }))
}

# A path as one word that is no option; the shell replaces a leading ~/.
shell_path <- function(path) {
  if (startsWith(path, "~/") && nchar(path) > 2) return(paste0("~/", shell_word(substring(path, 3))))
  shell_word(if (startsWith(path, "-")) paste0("./", path) else path)
}

# A path for pages that leave this machine: below ~ in the home directory, and without the name of the user, as
# placa.core.places.public_path writes it.
public_path <- function(path, home = path.expand("~"), user = Sys.info()[["user"]]) {
  if (startsWith(path, paste0(home, "/"))) path <- paste0("~", substring(path, nchar(home) + 1))
  for (name in setdiff(c(basename(home), user), c("", "root", "/"))) {
    parts <- strsplit(path, "/", fixed = TRUE)[[1]]
    if (nchar(name) > 3) parts <- gsub(name, "USER", parts, fixed = TRUE)
    parts[parts == name] <- "USER"
    path <- paste(parts, collapse = "/")
  }
  path
}

# A text as one word of bash and zsh; placa.core.text.shell_word does the same. shQuote() writes some texts in double
# quotes, in which an interactive shell still replaces !!.
shell_word <- function(x) {
  text <- if (is.numeric(x)) format(x, scientific = FALSE, digits = 15, decimal.mark = ".") else as.character(x)
  if (grepl("^[A-Za-z0-9_./:+,@%-]+$", text, perl = TRUE)) return(text)
  if (!identical(show_controls(text), enc2utf8(text))) {
    # Escapes as in C, because a control character would change the page or the terminal.
    return(paste0("$'", show_controls(gsub("([\\\\'])", "\\\\\\1", text)), "'"))
  }
  paste0("'", gsub("'", "'\"'\"'", text, fixed = TRUE), "'")
}

# The path relative to the first folder that contains it.
path_from <- function(folders, path) {
  prefixes <- paste0(normalizePath(folders, mustWork = FALSE), "/")
  inside <- prefixes[startsWith(path, prefixes)]
  if (length(inside)) substring(path, nchar(inside[[1]]) + 1) else path
}

write_footer <- function(run) {
  info <- run$info
  write_div("footer", s("page.footer", version = escape_markdown(info$placa_version),
                        date = escape_markdown(substr(info$created, 1, 10)),
                        run = escape_markdown(info$name %||% basename(run$path))))
}
