# The sections on the model: its training, and how well it does.

# --- training ---------------------------------------------------------------------------------------------------

write_training <- function(run) {
  training <- run$info$training
  if (!length(training)) return(say("training.missing"))
  n <- function(name, digits = 0) num(training[[name]] %||% NA, digits)
  machine <- run$info$machine
  say(
    "training.prose",
    backbone = training$backbone, parameters = n("parameters"), epochs_run = n("epochs_run"), epochs = n("epochs"),
    best_epoch = n("best_epoch"), auroc = n("best_validation_auroc", 3), time = duration(training$seconds),
    machine = s(if (length(machine$gpu)) "training.gpu" else "training.cores", n = num(machine$cores %||% NA),
                gpu = paste(machine$gpu, collapse = ", "))
  )
  write_history(run$history, training$best_epoch)
  # What came out of training is in the sentence above; what went into it is in the table.
  results <- c("epochs_run", "best_epoch", "best_validation_auroc", "parameters", "seconds")
  options <- training[setdiff(names(training), results)]
  table <- data.frame(sprintf("`%s`", names(options)), vapply(options, value_text, ""))
  names(table) <- c(s("training.column_option"), s("training.column_value"))
  write_table("options", table, s("training.options_caption"), c("l", "l"))
}

write_history <- function(history, best) {
  if (is.null(history) || !nrow(history)) return(say("training.history_missing"))
  say("training.history")
  ends <- num(c(history$loss[[1]], history$loss[[nrow(history)]]), 2)
  auroc <- num(c(history$validation_auroc[[1]], max(history$validation_auroc)), 2)
  alt <- s("training.history_alt", n = num(nrow(history)), auroc_first = auroc[[1]], auroc_best = auroc[[2]],
           loss_first = ends[[1]], loss_last = ends[[2]])
  draw("history", history_plot(history, best), s("training.history_caption"), alt)
}

# --- discrimination ---------------------------------------------------------------------------------------------

# The figures are drawn from the evaluation, or, where a table of it is missing, from the predictions again.
drawn_from <- function(run) if (inherits(run$evaluation, "placa_evaluation")) run$evaluation else run$predictions

write_discrimination <- function(run, lang) {
  found <- run$evaluation$discrimination
  if (is.null(found)) return(say("discrimination.missing"))
  names <- capitalise(finding(found$finding))
  if (is.null(run$evaluation$roc)) {
    say("discrimination.roc_missing")
  } else {
    say("discrimination.prose", n = num(max(found$n_images)), method = word("method", found$method[[1]]))
    alt <- s("discrimination.roc_alt", values = paste(names, num(found$auroc, 3), collapse = "; "))
    plot <- placa::plot_roc(drawn_from(run), labels = figure_labels(lang, found$finding))
    draw("roc", in_report_style(plot), s("discrimination.roc_caption"), alt, size_of_panels(nrow(found), 8, 6))
  }
  if (nrow(found) == 1) return(invisible())
  table <- data.frame(names, num(found$n_images), num(found$n_positive), num(found$auroc, 3),
                      range_text(found$auroc_lower, found$auroc_upper))
  names(table) <- c(words_of("discrimination.column", c("finding", "images", "positive", "auroc")),
                    s("discrimination.column.interval", confidence = pct(found$confidence[[1]], 0)))
  write_table("discrimination", table, s("discrimination.table_caption"))
}

# --- operating points -------------------------------------------------------------------------------------------

# One row an operating point of a finding, one column a metric.
points_wide <- function(long) {
  id <- function(rows) paste(rows$finding, rows$operating_point)
  wide <- as.data.frame(unique(long[c("finding", "operating_point", "threshold")]))
  for (metric in unique(long$metric)) {
    rows <- long[long$metric == metric, ]
    wide[[metric]] <- rows$estimate[match(id(wide), id(rows))]
  }
  wide
}

write_operating_points <- function(run, facts) {
  if (is.null(run$evaluation$operating_points)) return(say("points.missing"))
  points <- points_wide(run$evaluation$operating_points)
  default <- vapply(points$finding, function(name) run$thresholds$findings[[name]]$default %||% "", "")
  is_default <- points$operating_point == default
  # Three findings with all their points fit a page; of more, each has its default point alone.
  few <- length(unique(points$finding)) <= 3
  say(if (few) "points.prose" else "points.prose_default",
      chosen_on = word("split", run$thresholds$chosen_on %||% "validation"))
  at <- points[is_default & points$finding == facts$primary, ]
  if (nrow(at) == 1) {
    say("points.in_words", threshold = num(at$threshold, 2), finding = facts$positive, tp = num(at$true_positive),
        fn = num(at$false_negative), positives = num(at$true_positive + at$false_negative),
        fp = num(at$false_positive), negatives = num(at$false_positive + at$true_negative))
  }
  write_points_table(if (few) points else points[is_default, ], by_point = few, by_finding = facts$many)
  say("points.legend")
}

write_points_table <- function(points, by_point, by_finding) {
  metrics <- c("threshold", "sensitivity", "specificity", "ppv", "npv", "f1", "mcc", "balanced_accuracy")
  shown <- c(if (by_finding) "finding", if (by_point) "operating_point", metrics)
  text <- points[metrics]
  text[] <- lapply(text, num, digits = 2)
  text$finding <- capitalise(finding(points$finding))
  text$operating_point <- capitalise(word("point", points$operating_point))
  left <- length(shown) - length(metrics)
  table <- stats::setNames(text[shown], words_of("points.column", shown))
  write_table("points", table, s("points.caption"), c(rep("l", left), rep("r", length(metrics))))
}

# --- calibration ------------------------------------------------------------------------------------------------

write_calibration <- function(run, facts, lang) {
  bins <- run$evaluation$calibration
  if (is.null(bins)) return(say("calibration.missing"))
  say("calibration.prose")
  main <- bins[bins$finding == facts$primary, ]
  findings <- unique(bins$finding)
  percents <- function(x) paste(pct(x, 0), collapse = ", ")
  alt <- s("calibration.alt", n = num(nrow(main)), observed = percents(main$observed),
           predicted = percents(main$mean_probability))
  plot <- placa::plot_calibration(drawn_from(run), run$predictions, labels = figure_labels(lang, findings))
  draw("calibration", in_report_style(plot), s("calibration.caption"), alt, size_of_panels(length(findings), 1, 7))
  write_brier(run$evaluation, facts)
}

write_brier <- function(evaluation, facts) {
  points <- evaluation$operating_points
  score <- points$estimate[points$metric == "brier" & points$finding == facts$primary]
  found <- evaluation$discrimination
  prevalence <- found$prevalence[found$finding == facts$primary]
  if (!length(score) || !length(prevalence)) return(invisible())
  say("calibration.brier", score = num(score[[1]], 3), finding = facts$positive,
      reference = num(prevalence * (1 - prevalence), 3))
}
