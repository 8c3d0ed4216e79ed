# The performance section, in the order of the STRATOS initiative: discrimination, calibration with the distribution of
# the probabilities, and net benefit. Other measures are folded away, with the reason.

write_performance <- function(run, facts) {
  write_heading("heading.performance", "performance")
  write_not_evaluated(run$not_evaluated)
  if (facts$nothing) return(invisible())
  say("performance.prose")
  if (facts$many) say("performance.many", command = code("placa report RUN --findings NAME"))
  write_subheading("part.discrimination", "discrimination")
  write_discrimination(run, facts)
  write_subheading("part.calibration", "calibration")
  write_calibration(run, facts)
  write_subheading("part.decision", "decision")
  write_decision(run, facts)
  write_over_time(run, facts)
  if (NROW(run$evaluation[["discrimination"]])) {
    write_fold("performance.other", "other-measures", facts$many, function() write_other_measures(run, facts))
  }
}

# Results of the periods of the evaluated images; omitted where they have none.
write_over_time <- function(run, facts) {
  table <- run$evaluation[["over_time"]]
  table <- table[table$finding %in% facts$findings, ]
  if (NROW(table) == 0) return(invisible())
  write_subheading("part.over_time", "over-time")
  n <- num(length(unique(table$period)))
  say(if (isTRUE(run$info$data$split$temporal)) "over_time.prose" else "over_time.given", n = n)
  found <- run$evaluation[["discrimination"]]
  write_period_tables("over-time", table, facts, "over_time.caption")
  draw_plot("over-time", periods_plot(table[table$finding == facts$primary, ],
                                      found$auroc[match(facts$primary, found$finding)]),
            s("over_time.figure_caption", finding = finding(facts$primary)), s("monitoring.figure_alt"), c(7, 2.8),
            "elsewhere.forest_missing")
}

# The findings with too few patients or groups, in one table.
write_not_evaluated <- function(left) {
  if (NROW(left) == 0) return(invisible())
  say("performance.not_evaluated", least = num(fewest_groups))
  table <- data.frame(capitalise(finding(left$finding)), num(left$n_images), num(left$n_positive), num(left$with),
                      num(left$without))
  names(table) <- words_of("performance.column", c("finding", "images", "positive", "with", "without"))
  write_table_block("not-evaluated", table, s("performance.not_evaluated_caption"))
}

# Measures that STRATOS does not recommend, because papers and reviewers ask for them.
write_other_measures <- function(run, facts) {
  evaluation <- run$evaluation
  found <- evaluation[["discrimination"]]
  say("performance.why")
  if (NROW(evaluation[["pr_bands"]]) == 0 || !inherits(evaluation, "placa_evaluation")) {
    say("discrimination.pr_missing")
  } else {
    names <- capitalise(finding(found$finding))
    alt <- s("discrimination.pr_alt", values = paste(names, num(found$average_precision, 3), collapse = "; "))
    draw_plot("pr", ggplot2::autoplot(evaluation, "pr", labels = figure_labels(found$finding)),
              s("discrimination.pr_caption"), alt, inches_of_panels(nrow(found), 1, 5.6), "discrimination.pr_missing")
  }
  table <- other_measures(evaluation, run$thresholds)
  names(table) <- c(s("points.column.finding"), s("discrimination.column.average_precision"),
                    words_of("points.column", other_metrics), s("calibration.measure.ece"))
  write_table_block("other", table[!vapply(table, function(column) all(column == s("number.none")), NA)],
                    s("performance.other_caption"))
}

other_metrics <- c("f1", "mcc", "kappa", "balanced_accuracy")

# One row per finding, at the default operating point.
other_measures <- function(evaluation, thresholds) {
  found <- evaluation[["discrimination"]]
  default <- vapply(found$finding, function(name) thresholds$findings[[name]]$default %||% "", "")
  points <- evaluation[["operating_points"]]
  at <- lapply(other_metrics, function(metric) {
    if (is.null(points)) {
      return(rep(s("number.none"), nrow(found)))
    }
    rows <- points[points$metric %in% metric, ]
    rows <- rows[match(paste(found$finding, default), paste(rows$finding, rows$operating_point)), ]
    estimate_text(column(rows, "estimate"), column(rows, "lower"), column(rows, "upper"))
  })
  measures <- evaluation[["calibration_measures"]]
  errors <- measures[measures$measure %in% "ece" & measures$stage %in% "after", ]
  data.frame(
    capitalise(finding(found$finding)),
    estimate_text(column(found, "average_precision"), column(found, "average_precision_lower"),
                  column(found, "average_precision_upper"), 3),
    stats::setNames(at, other_metrics), ece = num(column(errors, "estimate")[match(found$finding, errors$finding)], 3)
  )
}
