# The discrimination section: ROC and precision-recall curves, AUROC and average precision.

# Figures use the evaluation, or the predictions if a table of the evaluation is missing.
figure_source <- function(run) if (inherits(run$evaluation, "placa_evaluation")) run$evaluation else run$predictions

write_discrimination <- function(run) {
  found <- run$evaluation[["discrimination"]]
  if (is.null(found)) return(say("discrimination.missing"))
  names <- capitalise(finding(found$finding))
  n <- nrow(found)
  say("discrimination.prose", n = num(max(found$n_images)), method = word("method", found$method[[1]]))
  if (length(run$info$folds)) say("discrimination.folds", n = num(run$info$folds$count))
  write_design_effect(found)
  if (is.null(run$evaluation[["roc"]])) {
    say("discrimination.roc_missing")
  } else {
    alt <- s("discrimination.roc_alt", values = paste(names, num(found$auroc, 3), collapse = "; "))
    draw_plot("roc", plot_roc(figure_source(run), labels = figure_labels(found$finding)),
              s("discrimination.roc_caption"), alt, inches_of_panels(n, 8, 6), "discrimination.roc_missing")
  }
  if (NROW(run$evaluation[["pr_bands"]]) == 0 || !inherits(run$evaluation, "placa_evaluation")) {
    say("discrimination.pr_missing")
  } else {
    say("discrimination.pr")
    alt <- s("discrimination.pr_alt", values = paste(names, num(found$average_precision, 3), collapse = "; "))
    draw_plot("pr", ggplot2::autoplot(run$evaluation, "pr", labels = figure_labels(found$finding)),
              s("discrimination.pr_caption"), alt, inches_of_panels(n, 1, 5.6), "discrimination.pr_missing")
  }
  write_auroc_table(found, names)
}

# The effect of several images per patient on the interval.
write_design_effect <- function(found) {
  effect <- column(found, "design_effect")
  if (all(is.na(effect)) || identical(found$method[[1]], "delong")) return(invisible())
  widest <- which.max(effect)
  say("discrimination.design_effect", effect = num(effect[[widest]], 2), times = num(sqrt(effect[[widest]]), 2),
      finding = finding(found$finding[[widest]]))
}

write_auroc_table <- function(found, names) {
  table <- data.frame(names, num(found$n_images), num(found$n_positive), num(found$auroc, 3),
                      range_text(found$auroc_lower, found$auroc_upper), num(column(found, "average_precision"), 3),
                      range_text(column(found, "average_precision_lower"), column(found, "average_precision_upper")))
  interval <- s("discrimination.column.interval", confidence = pct(found$confidence[[1]], 0))
  names(table) <- c(words_of("discrimination.column", c("finding", "images", "positive", "auroc")), interval,
                    s("discrimination.column.average_precision"), interval)
  if (all(is.na(column(found, "average_precision")))) table <- table[1:5]
  write_table_block("discrimination", table, s("discrimination.table_caption"))
}
