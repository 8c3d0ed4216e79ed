# The limitations section.

write_limits <- function(run, facts) {
  data <- run$info$data
  found <- run$evaluation[["discrimination"]]
  main <- found[found$finding == facts$primary, ]
  evaluated <- NROW(main) == 1
  kind <- if (has_string(paste0("limits.labels_", data$kind))) data$kind else "other"
  # DeLong's interval, of older evaluations, ignores that patients have several images.
  repeated <- evaluated && isTRUE(main$n_images > main$n_patients) && main$method == "delong"
  write_audit_limits(audit_of(run), notes_of(run))
  items <- c(
    if (evaluated) size_limit(main, facts),
    if (evaluated) looks_limit(run, facts),
    if (repeated) s("limits.patients", images = num(main$n_images), patients = num(main$n_patients)),
    pretraining_limits(run),
    s(paste0("limits.labels_", kind), labels = label_source_text(data)),
    if (!facts$phantom && !length(run$validations)) s("limits.one_source"),
    if (evaluated) s("limits.prevalence", prevalence = pct(main$prevalence), finding = facts$positive),
    s("limits.detail", size = num(input_side(run) %||% NA)),
    if (length(data$images$validation)) s("limits.thresholds", images = num(data$images$validation)),
    s("limits.reason")
  )
  write_markdown(paste0("- ", items, collapse = "\n"))
}

# What the number of test images allows to conclude.
size_limit <- function(main, facts) {
  own <- facts$groups[facts$groups$finding == main$finding, ]
  groups <- num(own$total)
  if (is.na(main$auroc_lower)) return(s("limits.size_unknown", images = num(main$n_images), groups = groups))
  width <- num(main$auroc_upper - main$auroc_lower, 3)
  if (isTRUE(pmin(own$with, own$without) < fewest_groups)) {
    return(s("limits.size_few", images = num(main$n_images), groups = groups, width = width))
  }
  s("limits.size", images = num(main$n_images), positives = num(main$n_positive), finding = finding(main$finding),
    width = width)
}

# The sentence on a warning of `placa prepare`, or NULL.
note_limit <- function(note) {
  key <- paste0("limits.note_", note$code)
  if (!has_string(key)) return(NULL)
  values <- lapply(note$values, value_text)
  do.call(s, c(key, values[intersect(names(values), c("images", "files", "searched", "groups", "column", "labels"))]))
}

# The remarks of `placa prepare`: a list of `code` and `values`.
notes_of <- function(run) {
  notes <- run$info$data$notes
  if (!is.data.frame(notes)) return(list())
  lapply(seq_len(nrow(notes)), function(i) {
    values <- as.list(as.data.frame(notes$values)[i, , drop = FALSE])
    list(code = notes$code[[i]], values = values[!vapply(values, function(x) all(is.na(x)), NA)])
  })
}

shift_limit <- function(verdicts) {
  if (any(c("some", "strong") %in% verdicts)) return(s("limits.shift"))
  if ("inconclusive" %in% verdicts) s("limits.shift_unclear")
}

# Limitations from the audit and from warnings of `placa prepare`, which are listed first.
write_audit_limits <- function(audit, notes = list()) {
  strong <- strong_probes(audit)
  labels <- audit$label_quality
  labels <- if (!is.null(labels)) as_rows(labels[is.na(column(labels, "subset")) & !is.na(column(labels, "ppv")), ])
  worst <- if (!is.null(labels)) labels[which.min(labels$ppv), ]
  shift <- c(audit$shift$here$verdict, audit$shift$table$verdict)
  duplicates <- if (is.null(audit)) 0 else duplicates_across_splits(audit)
  items <- c(
    unlist(lapply(notes, note_limit)),
    if (isTRUE(audit$leakage$patients_across_splits > 0)) s("limits.leak"),
    if (duplicates > 0) s("limits.twins", n = num(duplicates)),
    if (!is.null(strong)) s("limits.shortcut", probe = word("probe", strong$probe[[1]]),
                            finding = finding(strong$finding[[1]]), auroc = num(strong$auroc[[1]], 2)),
    if (NROW(worst)) s("limits.label_quality", ppv = pct(worst$ppv, 0), finding = finding(worst$finding),
                       reference = escape_markdown(worst$reference)),
    if (is.null(strong) && identical(audit$shortcuts$verdict, "inconclusive")) s("limits.shortcut_unclear"),
    shift_limit(shift),
    if (has_inferred_groups(audit)) s("limits.groups_found")
  )
  if (!length(items)) return(invisible())
  say("limits.from_audit")
  write_markdown(paste0("- ", items, collapse = "\n"))
  say("limits.always")
}
