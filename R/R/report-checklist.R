# The tables that map the items of CLAIM 2024, TRIPOD+AI and STARD-AI, and the questions of PROBAST+AI, to sections of
# the report, filled from the run. Items that only the author knows are marked.

write_checklist <- function(run, facts, maps) {
  has <- run_contents(run, facts, maps)
  # Without any evaluated finding, the report has no sections of results.
  absent <- if (facts$nothing) c("discrimination", "operating-points", "recalibration", "subgroups", "errors")
  write_items("checklist.", c("claim", "tripod", "stard"), has, checklist_texts(run, facts), absent)
  write_items("probast.", c("development", "evaluation"), has, probast_texts(run, facts), absent)
}

# `key` begins the keys of the words, and is the name of the file of items.
write_items <- function(key, lists, has, texts, absent) {
  file <- system.file("report", paste0(key, "csv"), package = "placa")
  items <- utils::read.csv(file, colClasses = "character")
  # "labels partly": partly filled if the run has additional labels, otherwise not filled.
  needed <- sub(" partly$", "", items$filled)
  at_best <- ifelse(grepl(" partly$", items$filled), "partly", "yes")
  filled <- ifelse(needed %in% names(has), ifelse(has[needed], at_best, "author"), items$filled)
  filled[items$section %in% absent] <- "author"
  count <- function(which) num(sum(filled == which))
  say(paste0(key, "prose"), rows = num(nrow(items)), filled = count("yes"), partly = count("partly"),
      open = count("author"))
  todo <- paste0("[", s("checklist.author"), "]{.todo}")
  where <- vapply(seq_along(filled), function(i) {
    if (filled[[i]] == "author") return(todo)
    text <- texts[items$topic[[i]]]
    link <- sprintf("[%s](#%s)", section_name(items$section[[i]]), items$section[[i]])
    paste0(link, if (!is.na(text)) paste0(": ", text), if (filled[[i]] == "partly") paste0(" ", todo))
  }, "")
  numbers <- lapply(items[lists], function(x) ifelse(nzchar(x), x, s("number.none")))
  table <- data.frame(words_of(paste0(key, "topic"), items$topic), numbers, where)
  heads <- c("checklist.column_item", paste0(key, "column_", lists), "checklist.column_where")
  names(table) <- vapply(heads, s, "")
  write_table_block(sub(".", "", key, fixed = TRUE), table, s(paste0(key, "caption")), rep("l", ncol(table)))
}

# TRUE for each part that the run has, by its name in the table.
run_contents <- function(run, facts, maps) {
  audit <- audit_of(run)
  sites <- unique(stats::na.omit(run$predictions$site))
  has_table <- function(name) NROW(run$evaluation[[name]]) > 0
  c(
    site = length(sites) > 0, centres = length(sites) > 1 && has_table("subgroups"),
    labels = !is.null(audit$label_quality),
    leakage = length(audit$leakage) > 0, shortcuts = !is.null(audit$probes),
    intervals = any(!is.na(column(run$evaluation[["discrimination"]], "auroc_lower"))),
    shift = any(vapply(audit$shift, function(part) is.list(part) && length(part$rows) > 0, NA)),
    training = length(run$info$training) > 0, evaluation = has_table("discrimination"),
    points = has_table("operating_points"),
    recalibration = has_table("calibration_measures"), subgroups = has_table("subgroups"), maps = isTRUE(maps$mapped),
    predictions = !is.null(run$predictions), external = length(run$validations) > 0,
    unseen = has_table("discrimination") && facts$split == "test",
    apart = isTRUE(max(audit$leakage$patients_across_splits, audit$leakage$groups_across_splits) == 0)
  )
}

section_name <- function(id) {
  key <- c(title = "checklist.first_screen", data = "heading.data", training = "heading.training",
           reproduce = "part.reproduce", discrimination = "part.discrimination",
           `operating-points` = "heading.points", recalibration = "calibration.heading_before",
           elsewhere = "heading.elsewhere", subgroups = "heading.subgroups", errors = "heading.errors",
           limits = "heading.limits",
           `audit-labels` = "checklist.audit_labels", `audit-leakage` = "checklist.audit_leakage",
           `audit-shortcuts` = "checklist.audit_shortcuts", `audit-shift` = "checklist.audit_shift")
  s(key[[id]])
}

# Short texts for the items, from the run.
checklist_texts <- function(run, facts) {
  texts <- c(texts_of_data(run), texts_of_training(run), texts_of_evaluation(run, facts))
  unlist(Filter(function(text) length(text) == 1 && !is.na(text), texts))
}

texts_of_data <- function(run) {
  data <- run$info$data
  sites <- unique(stats::na.omit(run$predictions$site))
  folds <- run$info$folds$count
  list(
    title = s("checklist.deep_learning"), sources = label_source_text(data),
    setting = if (length(sites)) escape_markdown(paste(sites, collapse = ", ")),
    reference = label_source_text(data), annotators = label_source_text(data),
    partitions = if (length(folds)) s("checklist.folds", n = num(folds)) else split_method_text(data$split),
    preprocessing = if (length(data$image_size)) s("checklist.pixels", size = num(input_side(run))),
    predictors = s("checklist.pixels_alone"), output = s("checklist.output"),
    explainability = if (!length(run$info$embeddings)) "Grad-CAM"
  )
}

texts_of_training <- function(run) {
  training <- run$info$training
  versions <- run$info$versions
  named <- intersect(c("keras", "tensorflow"), names(versions))
  frameworks <- if (length(named)) paste(named, unlist(versions[named]), collapse = ", ")
  recalibrated <- recalibrations_of(run)
  always <- list(
    software = escape_markdown(frameworks %||% NA),
    updating = if (length(recalibrated)) paste(word("recalibration", recalibrated), collapse = ", ")
  )
  if (!length(training)) return(always)
  folds <- run$info$folds$count
  initial <- if ((training$weights %||% "none") == "none") s("checklist.random") else escape_markdown(training$weights)
  ensembled <- c(
    if (length(folds)) s("checklist.ensemble", n = num(folds)),
    if (isTRUE(training$mirror)) s("checklist.mirror")
  )
  if (!length(ensembled)) ensembled <- s("checklist.no_ensemble")
  c(always, list(
    model = s("checklist.model", backbone = code(training$backbone), n = num(training$parameters %||% NA)),
    initialisation = if (length(training$seed)) s("checklist.seed", weights = initial, seed = num(training$seed)),
    training = s("checklist.epochs", n = num(training$epochs_run %||% NA)),
    ensembling = paste(ensembled, collapse = "; "),
    imbalance = s(if (weighs_classes(training$class_weights)) "checklist.balanced" else "checklist.unbalanced"),
    selection = s("checklist.selection")
  ))
}

auroc_text <- function(found) {
  range <- range_text(found$auroc_lower, found$auroc_upper)
  s("headline.figure_alt_value", finding = "AUROC", auroc = num(found$auroc, 3), range = range)
}

texts_of_evaluation <- function(run, facts) {
  found <- run$evaluation[["discrimination"]]
  list(
    metrics = s("checklist.metrics"),
    uncertainty = if (length(found) && any(!is.na(found$auroc_lower))) word("method_short", short_method(found, facts)),
    performance = if (length(found) && !facts$many) auroc_text(found),
    internal = if (length(found)) s("headline.images", n = num(facts$images)),
    external = if (length(run$validations)) escape_markdown(paste(names(run$validations), collapse = ", "))
  )
}

short_method <- function(found, facts) {
  if (found$method[[1]] == "delong") "delong" else if (is.null(facts$patients)) "group" else "patient"
}

# Short answers to the questions of PROBAST+AI, from the run.
probast_texts <- function(run, facts) {
  training <- run$info$training
  weighted <- weighs_classes(training$class_weights)
  recalibrated <- setdiff(recalibrations_of(run), "none")
  answer <- function(...) s(paste0("probast.answer.", ...))
  methods <- if (length(recalibrated)) paste(word("recalibration", recalibrated), collapse = ", ")
  c(
    preprocessing_alike = answer("one_reader"), predictors_blind = answer("no_labels"),
    predictors_available = s("checklist.pixels_alone"), predictor_types = answer("pixels_alone"),
    missing_data = answer("listed"), not_apparent = answer("unseen"), measures = answer("measures"),
    imbalance_recalibrated = if (weighted) methods %||% answer("no") else answer("unweighted"),
    imbalance_uncorrected = answer(if (weighted) "loss_alone" else "unweighted"),
    overfitting = answer("selected"), no_leakage = answer("apart"),
    resampling = answer(if (length(facts$folds)) "each_fold" else "no_folds"),
    evaluation_size = if (length(facts$images)) s("headline.images", n = num(facts$images))
  )
}
