# The comparison section: another run on the same images, or the same predictions with another label source. It is
# omitted without either.

write_comparisons <- function(run, facts, other) {
  of_run <- length(other) && nzchar(other)
  sources <- label_sources(run, facts)
  if (!of_run && !length(sources)) return(invisible())
  write_heading("heading.comparison", "comparison")
  if (of_run) write_other_run(run, facts, other)
  for (source in sources) write_other_labels(run, facts, source, match(source, sources))
}

# Label sources with labels for a finding of this run.
label_sources <- function(run, facts) {
  labels <- run$other_labels
  unique(labels$label_source[labels$finding %in% facts$findings & labels$image_id %in% run$predictions$image_id])
}

metrics_compared <- c("auroc", "average_precision", "brier", "sensitivity", "specificity")

# Large tables need fewer draws.
n_draws_for <- function(rows) if (NROW(rows) > 20000) 300 else 1000

write_other_run <- function(run, facts, other) {
  path <- locate_run(other)
  theirs <- read_optional(read_predictions(path))
  name <- read_record(file.path(path, "run.json"), "run", NULL)$name
  mine <- run$info$name %||% basename(run$path)
  if (identical(name, mine)) name <- paste(name, "(2)")
  write_subheading("comparison.heading_run", "comparison-run")
  points <- stats::setNames(list(run$points, read_optional(read_thresholds(path))), c(name, mine)[2:1])
  compared <- compare_or_explain(stats::setNames(list(theirs, run$predictions), c(name, mine)), facts, points)
  if (is.character(compared)) return(say("comparison.failed_run", run = escape_markdown(name), reason = compared))
  say("comparison.run", this = escape_markdown(mine), other = escape_markdown(name),
      images = num(max(compared$n_images)), left_out = num(max(compared$n_left_out)))
  looks <- function(path) num(NROW(read_ledger(path, facts$split)))
  if (facts$split == "test") {
    say("comparison.look", this = escape_markdown(mine), other = escape_markdown(name), n = looks(run$path),
        m = looks(path))
  }
  caption <- s("comparison.caption", this = escape_markdown(mine), other = escape_markdown(name))
  draw_comparison("comparison", compared, caption)
  write_comparison_table("comparison", compared, facts, c(mine, name))
}

write_other_labels <- function(run, facts, source, number) {
  id <- paste0("comparison-labels-", number)
  write_markdown("### ", s("comparison.heading_labels", source = escape_markdown(source)), " {#", id, "}")
  own <- run$info$data$label_source %||% s("comparison.own_labels")
  relabelled <- tryCatch(relabel(run$predictions, run$other_labels, source), error = reason_of)
  failed <- function(reason) say("comparison.failed_labels", source = escape_markdown(source), reason = reason)
  if (is.character(relabelled)) return(failed(relabelled))
  tables <- stats::setNames(list(run$predictions, relabelled), c(own, source))
  compared <- compare_or_explain(tables, facts, run$points)
  if (is.character(compared)) return(failed(compared))
  say("comparison.labels", source = escape_markdown(source), own = escape_markdown(own),
      images = num(max(compared$n_images)))
  draw_comparison(id, compared, s("comparison.caption", this = escape_markdown(source), other = escape_markdown(own)))
  write_comparison_table(id, compared, facts, c(source, own))
}

# A failed comparison is a sentence in the report, not an error. R's message is in English.
compare_or_explain <- function(tables, facts, points) {
  if (any(vapply(tables, is.null, NA))) return(s("comparison.no_predictions"))
  metrics <- if (is.null(points) || any(vapply(points, is.null, NA))) metrics_compared[1:3] else metrics_compared
  tables <- lapply(tables, function(rows) rows[rows$finding %in% facts$findings, ])
  points <- if (length(metrics) > 3) points
  compared <- tryCatch(
    suppressWarnings(compare_models(tables, metrics, points, facts$split, draws = n_draws_for(tables[[1]]))),
    error = reason_of
  )
  if (is.data.frame(compared)) compared[is_main_method(compared), ] else compared
}

reason_of <- function(error) {
  text <- strsplit(gsub("\033\\[[0-9;]*m", "", conditionMessage(error)), "\n", fixed = TRUE)[[1]]
  escape_markdown(sub("[.]?$", ".", text[[1]]))
}

draw_comparison <- function(id, compared, caption) {
  if (max(compared$n_clusters) < fewest_groups) return(say("comparison.too_few", least = num(fewest_groups)))
  class(compared) <- unique(c("placa_comparison", class(compared)))
  findings <- unique(compared$finding)
  auroc <- compared[compared$metric == "auroc", ]
  values <- s("comparison.value", finding = finding(auroc$finding), difference = num(auroc$difference, 3))
  alt <- s("comparison.alt", values = paste(values, collapse = "; "))
  draw_plot(id, ggplot2::autoplot(compared, labels = figure_labels(findings)), caption, alt,
            c(max(9, 2.3 * length(unique(compared$metric))), 1.7 + 0.3 * length(findings)), "comparison.nothing")
}

write_comparison_table <- function(id, compared, facts, names) {
  shown <- if (facts$many) compared[compared$metric == "auroc", ] else compared
  signed <- function(x) paste0(ifelse(!is.na(x) & x > 0, "+", ""), num(x, 3))
  table <- data.frame(
    if (facts$many) capitalise(finding(shown$finding)) else words_of("metric", shown$metric),
    num(shown$estimate, 3), num(shown$reference_estimate, 3), signed(shown$difference),
    range_text(shown$lower, shown$upper), num(shown$n_images)
  )
  names(table) <- c(s(if (facts$many) "comparison.column_finding" else "comparison.column_metric"),
                    escape_markdown(names),
                    words_of("comparison", c("column_difference", "column_interval", "column_images")))
  write_table_block(id, table, s(if (facts$many) "comparison.table_caption_auroc" else "comparison.table_caption"))
}
