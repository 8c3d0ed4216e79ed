#' @export
format.placa_evaluation <- function(x, ...) {
  about <- x$about
  cli::cli_fmt({
    cli::cli_text("{.strong Evaluation} of the {.val {about$split}} split, {nrow(x$discrimination)} finding{?s}")
    for (i in seq_len(nrow(x$discrimination))) {
      format_finding(x, x$discrimination[i, ])
    }
    cli::cli_text("")
    # Names are values of the templates, never a part of them: cli evaluates what a template has in braces.
    cli::cli_text("{leak_sentence(about)}")
    if (length(about$folds) > 0) {
      cli::cli_text("AUROC, average precision and curves compare images within {about$folds} folds.")
    }
    for (sentence in label_sentences(about$labels)) cli::cli_text("{sentence}")
    cli::cli_text("{interval_sentence(x)}. Metrics: {show_controls(about$engine)}.")
  })
}

#' @export
print.placa_evaluation <- function(x, ...) {
  cat(format(x, ...), sep = "\n")
  invisible(x)
}

format_finding <- function(x, row) {
  patients <- if (is.na(row$n_patients)) "" else paste0(" of ", row$n_patients, " patients")
  cli::cli_text("")
  auroc <- format_interval(row$auroc, row$auroc_lower, row$auroc_upper)
  if (isTRUE(single_probability(x, row$finding))) auroc <- paste0(
    format_number(row$auroc, 3), " (not estimable: all probabilities are equal)"
  )
  cli::cli_text("{.strong {show_controls(row$finding)}}: AUROC {auroc}")
  effect <- if (isTRUE(!is.na(row[["design_effect"]]))) {
    paste0(", design effect ", format_number(row$design_effect, 1))
  }
  cli::cli_text(
    "{.emph {row$n_images} images{patients}, {row$n_positive} positive ",
    "({format_number(100 * row$prevalence, 1)}%){effect}}"
  )
  points <- x$operating_points[x$operating_points$finding == row$finding, ]
  for (name in unique(points$operating_point)) {
    of_point <- points[points$operating_point == name, ]
    value <- function(metric) {
      one <- of_point[of_point$metric == metric, ]
      # Evaluations of older versions have no intervals here.
      if (is.null(one[["lower"]])) return(format_number(one$estimate, 3))
      format_interval(one$estimate, one$lower, one$upper)
    }
    cli::cli_bullets(c("*" = paste0(
      "{show_controls(name)} (threshold {format_number(of_point$threshold[[1]], 3)}): ",
      "sensitivity {value('sensitivity')}, specificity {value('specificity')}, PPV {value('ppv')}, NPV {value('npv')}",
      "{predictive_words(x, row$finding, name)}"
    )))
  }
  format_calibration(x, row$finding)
  format_benefit(x, row, points)
}

format_calibration <- function(x, finding) {
  measures <- x$calibration_measures
  measures <- measures[measures$finding == finding & measures$stage == "after", ]
  if (NROW(measures) == 0) {
    return(invisible())
  }
  value <- function(name) {
    one <- measures[measures$measure == name, ]
    format_interval(one$estimate, one$lower, one$upper)
  }
  cli::cli_bullets(c("*" = paste0(
    "Calibration: slope {value('slope')}, intercept {value('intercept')}, observed/expected ",
    "{value('observed_expected')}"
  )))
}

# At the threshold of the default operating point, and if all images are called positive.
format_benefit <- function(x, row, points) {
  if (nrow(points) == 0) {
    return(invisible())
  }
  point <- main_point(x, row$finding)
  at <- points[points$operating_point == point$operating_point, ]
  value <- function(metric) at$estimate[at$metric == metric]
  odds <- point$threshold / (1 - point$threshold)
  costs <- (1 - row$prevalence) * odds
  benefit <- value("sensitivity") * row$prevalence - (1 - value("specificity")) * costs
  cli::cli_bullets(c("*" = paste0(
    "Net benefit at {format_number(point$threshold, 3)}: {format_number(benefit, 3)}, ",
    "of calling all images positive {format_number(row$prevalence - costs, 3)}"
  )))
}

# Predictive values at the prevalence of the study, if it is known.
predictive_words <- function(x, finding, point) {
  asked <- prevalence_for(x$about$prevalence, finding)
  if (is.null(asked)) {
    return(" at this prevalence")
  }
  values <- x$predictive_values
  here <- values$finding == finding & values$operating_point == point & values$prevalence == asked & !values$own
  here <- values[here, ]
  value <- function(metric) format_number(here$estimate[here$metric == metric], 3)
  paste0(" at this prevalence; PPV ", value("ppv"), ", NPV ", value("npv"), " at ", format_number(100 * asked, 1), "%")
}

# TRUE if a finding has one distinct probability, so that its AUROC of 0.5 has no meaning.
single_probability <- function(x, finding) {
  probability <- x$predictions$probability[x$predictions$finding == finding]
  length(probability) > 0 && length(unique(probability)) == 1
}

interval_sentence <- function(x) {
  # Evaluations of older versions have another interval.
  older <- setdiff(x$discrimination$method, "score")
  if (length(older) > 0) {
    return(paste0(format(100 * x$about$confidence), "% intervals of AUROC: ", paste(older, collapse = ", ")))
  }
  paste0(
    format(100 * x$about$confidence), "% intervals of AUROC: score interval, clustered by patient or group ",
    "(Newcombe 2006)"
  )
}

leak_sentence <- function(about) {
  if (isFALSE(about$patients_known)) {
    return("Patients and groups are unknown, so it cannot be known whether splits share patients.")
  }
  if (length(about$compared_with) == 0) {
    return("The predictions have only one split, so leaks could not be checked.")
  }
  paste0("No patient or group is shared with ", in_words(show_controls(about$compared_with)), ".")
}

in_words <- function(x) cli::format_inline("{x}")

label_sentences <- function(labels) {
  names <- function(text) paste(show_controls(text), collapse = ", ")
  of_subset <- if (length(labels$subset) > 0) paste0(" (", names(labels$subset), ")")
  c(
    if (length(labels$source) > 0) paste0("Labels: ", names(labels$source), of_subset, "."),
    if (isTRUE(labels$n_labelled < labels$n_images)) {
      paste0(labels$n_labelled, " of ", labels$n_images, " images of the split have a label. The others are excluded.")
    },
    if (length(labels$unlabelled_findings) > 0) {
      paste0("Excluded because no image has a label: ", names(labels$unlabelled_findings), ".")
    }
  )
}
