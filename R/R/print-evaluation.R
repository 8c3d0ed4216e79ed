#' @export
format.placa_evaluation <- function(x, ...) {
  about <- x$about
  cli::cli_fmt({
    cli::cli_text("{.strong Evaluation} of the {.val {about$split}} split, {nrow(x$discrimination)} finding{?s}")
    for (i in seq_len(nrow(x$discrimination))) {
      format_finding(x, x$discrimination[i, ])
    }
    cli::cli_text("")
    cli::cli_text(leak_sentence(about))
    if (length(about$folds) > 0) {
      cli::cli_text("AUROC, average precision and curves compare images within {about$folds} folds.")
    }
    for (sentence in label_sentences(about$labels)) cli::cli_text(sentence)
    cli::cli_text("{interval_sentence(x)}. Metrics: {about$engine}.")
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
  cli::cli_text("{.strong {row$finding}}: AUROC {format_interval(row$auroc, row$auroc_lower, row$auroc_upper)}")
  effect <- if (row$method != "delong" && !is.na(row$design_effect)) {
    paste0(", design effect ", format_number(row$design_effect, 1))
  }
  cli::cli_text(
    "{.emph {row$n_images} images{patients}, {row$n_positive} positive ",
    "({format_number(100 * row$prevalence, 1)}%){effect}}"
  )
  points <- x$operating_points[x$operating_points$finding == row$finding, ]
  for (name in unique(points$operating_point)) {
    of_point <- points[points$operating_point == name, ]
    value <- function(metric) format_number(of_point$estimate[of_point$metric == metric], 3)
    cli::cli_bullets(c("*" = paste0(
      "{name} (threshold {format_number(of_point$threshold[[1]], 3)}): sensitivity {value('sensitivity')}, ",
      "specificity {value('specificity')}, PPV {value('ppv')}, NPV {value('npv')}"
    )))
  }
}

# The method of the AUROC intervals, which may differ between findings.
interval_sentence <- function(x) {
  table <- x$discrimination
  clustered <- table$method != "delong"
  level <- paste0(format(100 * x$about$confidence), "% intervals of AUROC: ")
  if (!any(clustered)) {
    return(paste0(level, "DeLong, which assumes independent images"))
  }
  paste0(
    level, x$about$draws, " draws of patients or groups (clustered bootstrap)",
    if (!all(clustered)) {
      paste0("; DeLong for ", paste(table$finding[!clustered], collapse = ", "), ", with one image per group")
    }
  )
}

leak_sentence <- function(about) {
  if (length(about$compared_with) == 0) {
    return("The predictions have only one split, so leaks could not be checked.")
  }
  "No patient or group is shared with {about$compared_with}."
}

# A source name may contain braces, which are escaped for cli.
label_sentences <- function(labels) {
  literal <- function(text) gsub("}", "}}", gsub("{", "{{", text, fixed = TRUE), fixed = TRUE)
  of_subset <- if (length(labels$subset) > 0) paste0(" (", paste(literal(labels$subset), collapse = ", "), ")")
  some <- isTRUE(labels$n_labelled < labels$n_images)
  left_out <- paste(literal(labels$unlabelled_findings), collapse = ", ")
  c(
    if (length(labels$source) > 0) paste0("Labels: ", literal(labels$source), of_subset, "."),
    if (some) {
      paste0(labels$n_labelled, " of ", labels$n_images, " images of the split have a label. The others are excluded.")
    },
    if (nzchar(left_out)) paste0("Excluded because no image has a label: ", left_out, ".")
  )
}
