# All tables and paragraphs of a run for a paper, in files. `placa tables` and `placa figures` call the functions that
# write.

# The tables by name: the images by split and by label, performance, counts at the default threshold, subgroups.
paper_tables <- function(path, evaluation, language) {
  predictions <- read_predictions(path)
  findings <- unique(evaluation$discrimination$finding)
  of_label <- lapply(findings, function(name) table_one(predictions, "truth", name, language))
  names(of_label) <- paste0("images-by-", if (length(findings) == 1) "label" else file_names(findings))
  tables <- list(
    "images-by-split" = table_one(predictions, "split", language = language),
    performance = table_performance(evaluation, language),
    counts = in_language(language, table_counts(evaluation)),
    subgroups = if (NROW(evaluation$subgroups)) in_language(language, table_subgroups(evaluation))
  )
  Filter(Negate(is.null), c(tables[1], of_label, tables[-1]))
}

file_names <- function(findings) tolower(gsub("[^[:alnum:]]+", "-", findings))

# True and false positives and negatives of each finding at its default threshold.
table_counts <- function(evaluation) {
  points <- points_wide(evaluation$operating_points)
  points <- points[is_default(points, evaluation$thresholds), ]
  counts <- c("true_positive", "false_negative", "false_positive", "true_negative")
  table <- data.frame(capitalise(finding(points$finding)), num(points$threshold, 3), lapply(points[counts], num))
  names(table) <- c(words_of("points.column", c("finding", "threshold")), words_of("paper", counts))
  new_paper_table(table, s("paper.counts_caption", split = word("split", evaluation$about$split)))
}

table_subgroups <- function(evaluation) {
  rows <- as.data.frame(evaluation$subgroups)
  groups <- unique(rows[c("finding", "column", "group", "n_images", "n_positive")])
  key <- function(table) paste(table$finding, table$column, table$group)
  at <- function(metric) {
    of <- rows[rows$metric == metric, ]
    of <- of[match(key(groups), key(of)), ]
    estimate_text(of$estimate, of$lower, of$upper)
  }
  metrics <- c("auroc", "under_diagnosis", "calibration_in_the_large")
  table <- data.frame(capitalise(finding(groups$finding)), names_of_groups(groups), num(groups$n_images),
                      num(groups$n_positive), lapply(metrics, at))
  names(table) <- c(s("points.column.finding"), words_of("subgroups.column", c("group", "images", "positive")),
                    words_of("metric", metrics))
  about <- evaluation$about
  caption <- s("paper.subgroups_caption", split = word("split", about$split), level = pct(about$confidence, 0))
  new_paper_table(table, caption)
}

# --- the paragraph of results ----------------------------------------------------------------------------------------

results_paragraph <- function(run, evaluation, language) {
  in_language(language, {
    findings <- evaluation$discrimination$finding
    sentences <- unlist(lapply(findings, function(name) {
      c(auroc_sentence(rows_of(evaluation$discrimination, name)), point_sentence(evaluation, name),
        slope_sentence(rows_of(evaluation$calibration_measures, name)))
    }))
    paste(c(sentences, group_sentence(evaluation), external_sentences(run)), collapse = " ")
  })
}

auroc_sentence <- function(found) {
  if (is.na(found$auroc)) return(s("results.auroc_missing", finding = finding(found$finding)))
  key <- if (is.na(found$auroc_lower)) "results.auroc_no_interval" else "results.auroc"
  s(key, finding = finding(found$finding), images = num(found$n_images), positive = num(found$n_positive),
    auroc = num(found$auroc, 3), level = pct(found$confidence, 0),
    range = range_text(found$auroc_lower, found$auroc_upper))
}

point_sentence <- function(evaluation, name) {
  long <- rows_of(evaluation$operating_points, name)
  long <- long[is_default(long, evaluation$thresholds), ]
  if (!nrow(long)) return(NULL)
  at <- function(metric) long[match(metric, long$metric), ]
  share <- function(metric) estimate_text(at(metric)$estimate, at(metric)$lower, at(metric)$upper)
  count <- function(metric) num(at(metric)$estimate)
  s("results.point", threshold = num(long$threshold[[1]], 3), sensitivity = share("sensitivity"),
    specificity = share("specificity"), tp = count("true_positive"), fn = count("false_negative"),
    fp = count("false_positive"), tn = count("true_negative"))
}

slope_sentence <- function(measures) {
  after <- measures[measures$stage %in% "after", ]
  text <- function(measure) {
    row <- after[match(measure, after$measure), ]
    estimate_text(row$estimate, row$lower, row$upper)
  }
  if (all(c("slope", "intercept") %in% after$measure)) {
    s("results.calibration", slope = text("slope"), intercept = text("intercept"))
  }
}

group_sentence <- function(evaluation) {
  table <- evaluation$subgroups
  if (NROW(table) == 0 || all(is.na(table$p_holm))) return(NULL)
  differing <- which_differ(table)
  if (is.null(differing)) return(s("results.groups_none"))
  groups <- unique(paste0(finding(differing$finding), ", ", names_of_groups(differing)))
  s("results.groups_differ", groups = paste(groups, collapse = "; "))
}

external_sentences <- function(run) {
  validations <- read_validations_or_none(run)
  unlist(lapply(names(validations), function(set) {
    found <- validations[[set]]$discrimination
    found <- found[!is.na(found$auroc), ]
    s("results.external", set = escape_markdown(set), finding = finding(found$finding), auroc = num(found$auroc, 3),
      range = range_text(found$auroc_lower, found$auroc_upper))
  }))
}

# --- files ---------------------------------------------------------------------------------------------------------

# Called by Python, with texts as arguments. A table for a reader in Spain has the semicolon that a spreadsheet expects.
write_paper_tables <- function(run, folder, format, language, split = "test") {
  evaluation <- read_evaluation(run, split)
  tables <- paper_tables(run, evaluation, language)
  dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  ending <- c(latex = "tex")[format]
  files <- file.path(folder, paste0(names(tables), ".", if (is.na(ending)) format else ending))
  for (i in seq_along(tables)) {
    if (format == "csv" && language == "es") write_semicolons(tables[[i]], files[[i]]) else
      save_table(tables[[i]], files[[i]])
  }
  methods <- describe_methods(read_run_to_describe(run, split), language)
  write_text(methods$text, file.path(folder, "methods.md"))
  write_text(paste(methods$bibtex, collapse = "\n\n"), file.path(folder, "references.bib"))
  write_text(results_paragraph(run, evaluation, language), file.path(folder, "results.md"))
  invisible(files)
}

# With a byte order mark, by which Excel recognises UTF-8.
write_semicolons <- function(table, file) {
  quoted <- function(x) paste0("\"", gsub("\"", "\"\"", x, fixed = TRUE), "\"")
  lines <- do.call(paste, c(lapply(as.data.frame(table), quoted), sep = ";"))
  write_text(c(paste0("\ufeff", paste(quoted(names(table)), collapse = ";")), lines), file)
}

# Figures of the same name are replaced, as the other outputs of a run are.
write_paper_figures <- function(run, folder, width, format, language, split = "test") {
  drawn <- tempfile("figures-")
  on.exit(unlink(drawn, recursive = TRUE))
  files <- save_figures(read_evaluation(run, split), drawn, as.numeric(width), "mm", format, language)
  dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  file.copy(files, folder, overwrite = TRUE)
  invisible(file.path(folder, basename(files)))
}
