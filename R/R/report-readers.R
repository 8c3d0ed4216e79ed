# The section that compares the model with readers. It is omitted without an evaluation with readers.

write_readers <- function(run, facts) {
  table <- run$evaluation[["readers"]]
  table <- table[table$finding %in% facts$findings, ]
  if (NROW(table) == 0) return(invisible())
  attr(table, "curve") <- run$evaluation[["reader_curve"]]
  write_heading("heading.readers", "readers")
  findings <- unique(table$finding)
  say("readers.prose", readers = num(max(table$n_readers)), images = num(max(table$n_images)),
      left_out = num(max(table$n_left_out)))
  if (any(!is.na(table$modality))) {
    say("readers.modality", modality = escape_markdown(stats::na.omit(table$modality)[[1]]))
  }
  points <- table[table$analysis == "single_reader" & table$metric == "specificity_at_sensitivity", ]
  if (NROW(points) > 0) {
    values <- s("readers.value", reader = escape_markdown(points$reader), finding = finding(points$finding),
                sensitivity = num(points$at, 2), specificity = num(points$reader_estimate, 2))
    draw_plot("readers", ggplot2::autoplot(table, labels = figure_labels(findings)), s("readers.caption"),
              s("readers.alt", values = paste(values, collapse = "; ")),
              size_of_readers(list(readers = table)), "readers.nothing")
  }
  write_tabs(s("readers.tabs"), findings, function(name) write_readers_of(table[table$finding == name, ], name, facts))
  write_reader_means(table)
  write_reader_agreement(run$evaluation[["reader_agreement"]], facts)
  write_modalities(run$evaluation[["modalities"]], facts)
}

# One row per reader and metric.
write_readers_of <- function(rows, name, facts) {
  rows <- rows[rows$analysis == "single_reader", ]
  shown <- data.frame(
    escape_markdown(rows$reader), words_of("readers.metric", rows$metric), num(rows$at, 2),
    estimate_text(rows$reader_estimate, rows$reader_lower, rows$reader_upper), num(rows$estimate, 2),
    estimate_text(rows$difference, rows$lower, rows$upper)
  )
  names(shown) <- words_of("readers.column", c("reader", "metric", "at", "value", "model", "difference"))
  if (facts$many) return(write_plain_table(shown, c("l", "l", rep("r", 4))))
  write_table_block("readers", shown, s("readers.table_caption", finding = finding(name)), c("l", "l", rep("r", 4)))
}

# The mean of the readers by both analyses.
write_reader_means <- function(table) {
  fixed <- table[table$analysis == "fixed_readers", ]
  random <- table[table$analysis == "random_readers", ]
  if (NROW(fixed) == 0) return(say("readers.one"))
  shown <- data.frame(
    capitalise(finding(fixed$finding)), words_of("readers.metric", fixed$metric), num(fixed$reader_estimate, 2),
    num(fixed$estimate, 2), estimate_text(random$difference, random$lower, random$upper),
    estimate_text(fixed$difference, fixed$lower, fixed$upper)
  )
  names(shown) <- words_of("readers.column", c("finding", "metric", "mean", "model", "random", "fixed"))
  say("readers.means")
  if (any(random$narrower %in% TRUE)) say("readers.narrower")
  write_table_block("reader-means", shown, s("readers.means_caption"), c("l", "l", rep("r", 4)))
}

write_reader_agreement <- function(table, facts) {
  table <- table[is.na(table$reader) | table$n_readers == 2 & table$coefficient == "cohen", ]
  table <- table[table$finding %in% facts$findings, ]
  if (NROW(table) == 0) return(invisible())
  of_pair <- !is.na(table$reader)
  whom <- ifelse(of_pair, s("readers.pair", first = escape_markdown(table$reader),
                            second = escape_markdown(table$other_reader)), s("readers.all"))
  shown <- data.frame(
    capitalise(finding(table$finding)), whom, words_of("readers.coefficient", table$coefficient),
    estimate_text(table$estimate, table$lower, table$upper), num(table$n_images)
  )
  names(shown) <- words_of("readers.column", c("finding", "who", "coefficient", "value", "images"))
  if (any(!is.na(table$modality))) {
    shown <- cbind(stats::setNames(data.frame(escape_markdown(table$modality)), s("readers.column.modality")), shown)
  }
  say("readers.agreement")
  write_table_block("reader-agreement", shown, s("readers.agreement_caption"))
}

# Readers without and with a model.
write_modalities <- function(table, facts) {
  table <- table[is.na(table$reader) & !is.na(table$reference) & table$finding %in% facts$findings, ]
  fixed <- table[table$analysis == "fixed_readers", ]
  if (NROW(fixed) == 0) return(invisible())
  random <- table[table$analysis == "random_readers", ]
  random <- if (NROW(random) > 0) estimate_text(random$difference, random$lower, random$upper) else s("number.none")
  shown <- data.frame(
    capitalise(finding(fixed$finding)), words_of("readers.metric", fixed$metric), escape_markdown(fixed$reference),
    num(fixed$reference_estimate, 3), escape_markdown(fixed$modality), num(fixed$estimate, 3), random,
    estimate_text(fixed$difference, fixed$lower, fixed$upper), check.names = FALSE
  )
  names(shown) <- words_of("readers.column", c("finding", "metric", "modality", "value", "modality", "value", "random",
                                               "fixed"))
  say("readers.modalities")
  if (any(table$narrower %in% TRUE)) say("readers.narrower")
  write_table_block("modalities", shown, s("readers.modalities_caption"), c("l", "l", "l", "r", "l", "r", "r", "r"))
}
