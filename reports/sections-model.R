# The sections on the model: audit, training, how well it does, limits, and how to do it again.

# --- 3. the audit -----------------------------------------------------------------------------------------

write_audit <- function(run) {
  audit <- run$info$data$audit
  # The description of the splits is Table 1's; what remains are single values.
  checks <- audit[vapply(audit, function(x) length(x) == 1 && !is.list(x), NA) & names(audit) != "schema_version"]
  if (!length(checks)) return(say("audit.missing"))
  say("audit.intro")
  leak <- checks$image_wise_split_would_leak
  if (is.numeric(leak) && leak > 0) say("audit.would_leak", share = pct(leak))
  result <- function(name, value) if (grepl("_would_|share|rate", name) && is.numeric(value)) pct(value) else value_text(value)
  table <- data.frame(word("audit", names(checks)), mapply(result, names(checks), checks))
  write_table("audit", stats::setNames(table, c(s("audit.column_check"), s("audit.column_result"))), s("audit.table_caption"))
}

# --- 4. training ------------------------------------------------------------------------------------------

write_training <- function(run) {
  training <- run$info$training
  if (!length(training)) return(say("training.missing"))
  machine <- run$info$machine
  say("training.prose", backbone = training$backbone, parameters = num(training$parameters %||% NA), epochs_run = num(training$epochs_run %||% NA),
      epochs = num(training$epochs %||% NA), best_epoch = num(training$best_epoch %||% NA), auroc = num(training$best_validation_auroc %||% NA, 3),
      time = duration(training$seconds),
      machine = s(if (length(machine$gpu)) "training.gpu" else "training.cores", n = num(machine$cores %||% NA), gpu = paste(machine$gpu, collapse = ", ")))
  h <- run$history
  if (is.null(h) || !nrow(h)) {
    say("training.history_missing")
  } else {
    say("training.history")
    draw("history", history_plot(h, training$best_epoch), s("training.history_caption"),
         s("training.history_alt", n = num(nrow(h)), auroc_first = num(h$validation_auroc[[1]], 2), auroc_best = num(max(h$validation_auroc), 2),
           loss_first = num(h$loss[[1]], 2), loss_last = num(h$loss[[nrow(h)]], 2)), height = 4.8)
  }
  results <- c("epochs_run", "best_epoch", "best_validation_auroc", "parameters", "seconds", "command")
  options <- training[setdiff(names(training), results)]
  table <- data.frame(sprintf("`%s`", names(options)), vapply(options, value_text, ""))
  write_table("options", stats::setNames(table, c(s("training.column_option"), s("training.column_value"))), s("training.options_caption"), c("l", "l"))
}

# --- 5. discrimination, operating points, calibration -----------------------------------------------------

write_discrimination <- function(run) {
  found <- run$evaluation$discrimination
  if (is.null(found)) return(say("discrimination.missing"))
  method <- unique(found$method)[[1]]
  if (is.null(run$evaluation$roc)) {
    say("discrimination.roc_missing")
  } else {
    say("discrimination.prose", n = num(max(found$n_images)), method = word("method", method))
    values <- paste(capitalise(finding(found$finding)), num(found$auroc, 3), collapse = "; ")
    draw("roc", in_report_style(placa::plot_roc(run$evaluation, labels = figure_labels(params$lang, found$finding))), s("discrimination.roc_caption"),
         s("discrimination.roc_alt", values = values), height = 6)
  }
  if (nrow(found) > 1) {
    table <- data.frame(capitalise(finding(found$finding)), num(found$n_images), num(found$n_positive), num(found$auroc, 3),
                        range_text(found$auroc_lower, found$auroc_upper))
    names(table) <- c(vapply(c("finding", "images", "positive", "auroc"), function(c) s(paste0("discrimination.column.", c)), ""),
                      s("discrimination.column.interval", confidence = pct(found$confidence[[1]], 0)))
    write_table("discrimination", table, s("discrimination.table_caption"))
  }
}

# One row an operating point of a finding, one column a metric.
points_wide <- function(long) {
  key <- c("finding", "operating_point", "threshold")
  wide <- unique(long[key])
  for (metric in unique(long$metric)) {
    rows <- long[long$metric == metric, ]
    wide[[metric]] <- rows$estimate[match(do.call(paste, wide[c("finding", "operating_point")]), do.call(paste, rows[c("finding", "operating_point")]))]
  }
  as.data.frame(wide)
}

write_operating_points <- function(run) {
  if (is.null(run$evaluation$operating_points)) return(say("points.missing"))
  wide <- points_wide(run$evaluation$operating_points)
  default <- vapply(wide$finding, function(f) run$thresholds$findings[[f]]$default %||% "", "")
  is_default <- wide$operating_point == default
  facts <- headline_facts(run)
  chosen_on <- word("split", run$thresholds$chosen_on %||% "validation")
  few <- length(unique(wide$finding)) <= 3
  say(if (few) "points.prose" else "points.prose_default", chosen_on = chosen_on)
  at <- wide[is_default & wide$finding == facts$primary, ]
  if (nrow(at) == 1) {
    say("points.in_words", threshold = num(at$threshold, 2), finding = facts$positive, tp = num(at$true_positive), fn = num(at$false_negative),
        positives = num(at$true_positive + at$false_negative), fp = num(at$false_positive), negatives = num(at$false_positive + at$true_negative))
  }
  if (!few) wide <- wide[is_default, ]
  metrics <- c("threshold", "sensitivity", "specificity", "ppv", "npv", "f1", "mcc", "balanced_accuracy")
  table <- data.frame(lapply(wide[metrics], num, digits = 2))
  names(table) <- vapply(metrics, function(m) s(paste0("points.column.", m)), "")
  names_of <- data.frame(if (few) capitalise(word("point", wide$operating_point)) else capitalise(finding(wide$finding)))
  names(names_of) <- s(if (few) "points.column.operating_point" else "points.column.finding")
  if (few && facts$many) names_of <- cbind(stats::setNames(data.frame(capitalise(finding(wide$finding))), s("points.column.finding")), names_of)
  write_table("points", cbind(names_of, table), s("points.caption"), c(rep("l", ncol(names_of)), rep("r", length(metrics))))
  say("points.legend")
}

write_calibration <- function(run) {
  bins <- run$evaluation$calibration
  if (is.null(bins)) return(say("calibration.missing"))
  say("calibration.prose")
  facts <- headline_facts(run)
  main <- bins[bins$finding == facts$primary, ]
  draw("calibration", in_report_style(placa::plot_calibration(run$evaluation, run$predictions, labels = figure_labels(params$lang, unique(bins$finding)))), s("calibration.caption"),
       s("calibration.alt", n = num(nrow(main)), observed = paste(pct(main$observed, 0), collapse = ", "),
         predicted = paste(pct(main$mean_probability, 0), collapse = ", ")), height = 7)
  points <- run$evaluation$operating_points
  brier <- points[points$metric == "brier", ]
  brier <- brier[!duplicated(brier$finding), ]
  if (NROW(brier)) {
    prevalence <- run$evaluation$discrimination$prevalence[match(facts$primary, run$evaluation$discrimination$finding)]
    score <- brier$estimate[match(facts$primary, brier$finding)]
    say("calibration.brier", score = num(score, 3), finding = facts$positive, reference = num(prevalence * (1 - prevalence), 3))
  }
}

# --- 7. limits --------------------------------------------------------------------------------------------

write_limits <- function(run, facts) {
  data <- run$info$data
  found <- run$evaluation$discrimination
  main <- found[found$finding == facts$primary, ]
  kind <- if (has_string(paste0("limits.labels_", data$kind))) data$kind else "other"
  repeated <- NROW(main) == 1 && !is.na(main$n_patients) && main$n_images > main$n_patients && identical(main$method, "delong")
  items <- c(
    if (NROW(main) == 1 && !is.na(main$auroc_lower)) {
      s("limits.size", images = num(main$n_images), positives = num(main$n_positive), finding = facts$positive,
        width = num(main$auroc_upper - main$auroc_lower, 3))
    },
    if (repeated) s("limits.patients", images = num(main$n_images), patients = num(main$n_patients)),
    s(paste0("limits.labels_", kind), labels = escape_markdown(data$label_source %||% s("number.none"))),
    if (identical(data$kind, "folders")) s("limits.folders_patients"),
    if (!identical(data$kind, "phantom")) s("limits.one_source"),
    if (NROW(main) == 1) s("limits.prevalence", prevalence = pct(main$prevalence), finding = facts$positive),
    s("limits.detail", size = num(data$image_size %||% NA)),
    if (length(data$images$validation)) s("limits.thresholds", images = num(data$images$validation)),
    s("limits.reason")
  )
  write_markdown(paste0("- ", items, collapse = "\n"))
}

# --- 8. how to reproduce it -------------------------------------------------------------------------------

# The options that `placa prepare` and `placa train` take on the command line, by their names in run.json.
flags_of_prepare <- c("images", "positive", "negative", "size", "seed")
flags_of_train <- c("backbone", "seed", "epochs", "patience", "batch_size", "learning_rate")

commands_of <- function(run) {
  info <- run$info
  place <- first_under(base_folders(), run$path)
  flags <- function(options, known) {
    options <- options[intersect(known, names(options))]
    options <- options[lengths(options) == 1]
    paste0("--", gsub("_", "-", names(options)), " ", vapply(options, shell_word, ""), collapse = " ")
  }
  source <- info$data$source_options
  root <- if (length(source$root)) shell_word(source$root)
  c(
    paste(c("placa prepare", info$data$kind, root, flags(source, flags_of_prepare), "--out", shell_word(info$data$prepared)), collapse = " "),
    paste("placa train", shell_word(info$data$prepared), flags(info$training, flags_of_train), "--out", shell_word(place)),
    paste(c("placa evaluate", "placa report"), shell_word(place))
  )
}

shell_word <- function(x) {
  text <- if (is.numeric(x)) format(x, scientific = FALSE, digits = 15) else as.character(x)
  if (grepl("^[A-Za-z0-9_./:=+-]+$", text)) text else shQuote(text)
}

# A path as it is written from the first of some folders that it lies in.
first_under <- function(folders, path) {
  prefixes <- paste0(normalizePath(folders, mustWork = FALSE), "/")
  inside <- prefixes[startsWith(path, prefixes)]
  if (length(inside)) substring(path, nchar(inside[[1]]) + 1) else path
}

write_reproduce <- function(run) {
  info <- run$info
  say("reproduce.intro")
  say("reproduce.seed", seed = value_text(info$training$seed))
  say("reproduce.commands")
  cat("\n\n```\n", paste(commands_of(run), collapse = "\n"), "\n```\n\n", sep = "")
  prints <- c(info$data$fingerprint %||% NA, info$model$fingerprint %||% NA)
  table <- data.frame(c(s("reproduce.fingerprint_data"), s("reproduce.fingerprint_model")),
                      ifelse(is.na(prints), s("number.none"), sprintf("`%s`", sub("^sha256:", "", prints))))
  write_table("fingerprints", stats::setNames(table, c(s("reproduce.column_what"), s("reproduce.column_fingerprint"))),
              s("reproduce.fingerprints_caption"), c("l", "l"))
  versions <- c(
    unlist(info$versions),
    stats::setNames(run$summary$r_version, if (length(run$summary$r_version)) s("reproduce.evaluated_with")),
    stats::setNames(run$summary$engine, if (length(run$summary$engine)) s("reproduce.engine")),
    stats::setNames(as.character(getRversion()), s("reproduce.report_r")),
    stats::setNames(info$machine$platform, if (length(info$machine$platform)) s("reproduce.platform"))
  )
  table <- data.frame(names(versions), escape_markdown(unname(versions)))
  write_table("versions", stats::setNames(table, c(s("reproduce.column_part"), s("reproduce.column_version"))),
              s("reproduce.versions_caption"), c("l", "l"))
}

write_footer <- function(run) {
  cat("\n\n::: {.footer}\n", s("page.footer", version = run$info$placa_version %||% "", run = escape_markdown(run$info$name %||% basename(run$path)),
      date = substr(run$info$created %||% "", 1, 10)), "\n:::\n\n", sep = "")
}
