# The model card (Mitchell et al. 2019): one page on what the model is, what it is not for, and how well it does.

write_card <- function(run, facts) {
  write_headline(run, facts, "page.eyebrow_card")
  rows <- card_rows(run, facts)
  table <- data.frame(names(rows), unname(rows))
  names(table) <- words_of("card", c("column_what", "column_answer"))
  write_div("card-table", paste(knitr::kable(table, format = "pipe", align = c("l", "l"), row.names = FALSE),
                                collapse = "\n"))
  write_markdown("## ", s("card.use"), " {#use}")
  name <- shell_word(path_from(base_folders(), run$path))
  write_markdown("```\nplaca predict ", name, " ", s("card.your_images"), "\n```")
  say("card.source")
}

card_rows <- function(run, facts) {
  data <- run$info$data
  training <- run$info$training
  size <- num(data$image_size %||% NA)
  rows <- c(
    task = s("card.task", findings = paste(finding(facts$findings), collapse = ", "), kind = facts$kind),
    data = card_data(data),
    training = if (length(training)) s("card.trained", backbone = training$backbone,
                                       parameters = num(training$parameters %||% NA), size = size,
                                       epochs = num(training$epochs_run %||% NA), time = duration(training$seconds)),
    point = card_point(run, facts),
    calibration = card_calibration(run, facts),
    subgroups = card_subgroups(run),
    limits = card_limits(run, facts),
    fingerprint = if (length(run$info$model$fingerprint)) {
      s("card.prints", model = code(substr(sub("^sha256:", "", run$info$model$fingerprint), 1, 12)),
        data = code(substr(sub("^sha256:", "", data$fingerprint %||% ""), 1, 12)))
    },
    author = paste0("[", s("card.author"), "]{.todo}")
  )
  stats::setNames(rows, words_of("card.row", names(rows)))
}

card_data <- function(data) {
  images <- vapply(splits, function(split) num(data$images[[split]] %||% NA), "")
  s("card.data", labels = label_source_text(data), train = images[[1]], validation = images[[2]], test = images[[3]],
    method = split_method_text(data$split_method))
}

card_point <- function(run, facts) {
  long <- run$evaluation[["operating_points"]]
  default <- run$thresholds$findings[[facts$primary]]$default
  at <- long[long$finding == facts$primary & long$operating_point %in% default, ]
  if (NROW(at) == 0) return(NULL)
  value <- function(metric) {
    row <- at[at$metric == metric, ]
    estimate_text(row$estimate, column(row, "lower"), column(row, "upper"))
  }
  s("card.point", finding = capitalise(facts$positive), threshold = num(at$threshold[[1]], 2),
    sensitivity = value("sensitivity"), specificity = value("specificity"))
}

card_calibration <- function(run, facts) {
  measures <- run$evaluation[["calibration_measures"]]
  at <- measures[measures$finding == facts$primary & measures$stage == "after", ]
  at <- at[at$measure %in% c("slope", "ici"), ]
  if (NROW(at) != 2) return(NULL)
  value <- function(measure) {
    row <- at[at$measure == measure, ]
    estimate_text(row$estimate, row$lower, row$upper)
  }
  s("card.calibration", finding = capitalise(facts$positive), slope = value("slope"), ici = value("ici"))
}

card_subgroups <- function(run) {
  table <- run$evaluation[["subgroups"]]
  if (NROW(table) == 0) return(NULL)
  differing <- which_differ(table)
  if (is.null(differing)) return(s("subgroups.none_differ"))
  s("card.subgroups", groups = paste(unique(names_of_groups(differing)), collapse = "; "))
}

card_limits <- function(run, facts) {
  found <- run$evaluation[["discrimination"]]
  main <- found[found$finding == facts$primary, ]
  paste(c(
    if (facts$phantom) s("limits.labels_phantom") else s("limits.one_source"),
    if (NROW(main) == 1) s("limits.prevalence", prevalence = pct(main$prevalence), finding = facts$positive)
  ), collapse = " ")
}
