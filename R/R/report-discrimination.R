# Discrimination: the ROC curve and the AUROC.

# Figures use the evaluation, or the predictions if a table of the evaluation is missing.
figure_source <- function(run) if (inherits(run$evaluation, "placa_evaluation")) run$evaluation else run$predictions

write_discrimination <- function(run, facts) {
  found <- run$evaluation[["discrimination"]]
  if (is.null(found)) return(say("discrimination.missing"))
  names <- capitalise(finding(found$finding))
  n <- nrow(found)
  say("discrimination.prose", n = num(max(found$n_images)))
  if (all(is.na(found$auroc_lower))) say("discrimination.no_interval") else
    say("discrimination.interval", method = word("method", found$method[[1]]))
  if (length(run$info$folds)) say("discrimination.folds", n = num(run$info$folds$count))
  write_design_effect(found, is.null(facts$patients))
  if (is.null(run$evaluation[["roc"]])) {
    say("discrimination.roc_missing")
  } else {
    alt <- s("discrimination.roc_alt", values = paste(names, num(found$auroc, 3), collapse = "; "))
    draw_plot("roc", plot_roc(figure_source(run), labels = figure_labels(found$finding)),
              s("discrimination.roc_caption"), alt, inches_of_roc(n), "discrimination.roc_missing")
  }
  write_auroc_table(found, names)
}

# The effect of several images per patient on the interval.
write_design_effect <- function(found, groups) {
  effect <- column(found, "design_effect")
  if (all(is.na(effect)) || identical(found$method[[1]], "delong")) return(invisible())
  widest <- which.max(effect)
  say(if (groups) "discrimination.design_effect_groups" else "discrimination.design_effect",
      effect = num(effect[[widest]], 2), times = num(sqrt(effect[[widest]]), 2),
      finding = finding(found$finding[[widest]]))
}

write_auroc_table <- function(found, names) {
  table <- data.frame(names, num(found$n_images), num(found$n_positive), num(found$auroc, 3),
                      range_text(found$auroc_lower, found$auroc_upper))
  names(table) <- c(words_of("discrimination.column", c("finding", "images", "positive", "auroc")),
                    s("discrimination.column.interval", confidence = pct(found$confidence[[1]], 0)))
  write_table_block("discrimination", table, s("discrimination.table_caption"))
}
