# The audit section: leakage, shortcuts, label quality, and shift between training and test.

# --- content of the audit ----------------------------------------------------------------------------------------

audit_of <- function(run) {
  audit <- run$info$data$audit
  audit$probes <- as_rows(audit$shortcuts$probes)
  audit$label_quality <- as_rows(audit$label_quality)
  audit
}

# JSON returns a list of records as a data frame, but an empty list is not one.
as_rows <- function(x) if (is.data.frame(x) && nrow(x)) x

column <- function(rows, name) rows[[name]] %||% rep(NA, NROW(rows))

# Probes with the verdict "strong", the strongest first.
strong_probes <- function(audit) {
  probes <- audit$probes
  if (is.null(probes)) return(NULL)
  as_rows(worst_first(probes[column(probes, "verdict") %in% "strong" & !is.na(column(probes, "auroc")), ]))
}

# By verdict and AUROC. With the same verdict, probes that cannot see the lungs are stronger evidence.
worst_first <- function(probes) {
  worst <- match(probes$verdict, c("none", "inconclusive", "some", "strong"))
  probes[order(-worst, sees_lungs(probes$probe), -probes$auroc), ]
}

pairs_across_splits <- function(duplicates) as.numeric(duplicates$across_splits %||% 0)

# Pairs of duplicates in different splits; 0 if the audit found none in the test set.
duplicates_across_splits <- function(audit) {
  if (identical(as.numeric(audit$leakage$test_images_duplicated), 0)) return(0)
  pairs_across_splits(audit$leakage$exact_duplicates) + pairs_across_splits(audit$leakage$near_duplicates)
}

# What the probe sees: the lungs coarsely, or not at all.
sees_lungs <- function(probe) probe %in% c("histogram", "thumbnail")

# TRUE if groups were inferred because patients are unknown.
has_inferred_groups <- function(audit) {
  rule <- audit$leakage$grouping$rule
  length(rule) == 1 && !identical(rule, "patient")
}

# --- the section -------------------------------------------------------------------------------------------------

write_audit <- function(run, facts) {
  audit <- audit_of(run)
  say("audit.intro")
  write_leakage(audit$leakage)
  write_shortcuts(audit, run, facts)
  write_label_quality(audit$label_quality)
  write_shift(audit$shift)
}

verdict_badge <- function(verdicts) {
  ifelse(is.na(verdicts), s("number.none"), sprintf("[%s]{.badge .%s}", word("verdict", verdicts), verdicts))
}

# --- leakage -----------------------------------------------------------------------------------------------------

write_leakage <- function(leakage) {
  if (!length(leakage)) return(invisible())
  write_subheading("audit.heading.leakage", "audit-leakage")
  if (length(leakage$verdict)) say(paste0("audit.leakage.verdict_", leakage$verdict))
  rows <- leakage_rows(leakage)
  if (length(rows)) {
    table <- stats::setNames(data.frame(names(rows), unname(rows)), words_of("audit.column", c("check", "result")))
    write_table_block("audit", table, s("audit.leakage.caption"))
  }
  share <- leakage$image_wise_split_would_leak
  if (isTRUE(share > 0)) say("audit.leakage.would_leak", share = pct(share))
  write_duplicates(leakage)
  write_names(leakage$names)
  write_grouping(leakage$grouping)
}

# One row per check that the audit has.
leakage_rows <- function(leakage) {
  row <- function(key, value, text = num(value)) {
    if (length(value)) stats::setNames(text, s(paste0("audit.row.", key)))
  }
  pairs <- function(key, found) {
    row(key, found$pairs, s("audit.leakage.pairs", pairs = num(found$pairs), across = num(pairs_across_splits(found))))
  }
  grouping <- leakage$grouping
  telling <- NROW(as_rows(leakage$names$telling))
  # Known patients are the groups.
  found <- length(grouping$rule) && !identical(grouping$rule, "patient")
  c(
    if (!found) row("patients_across_splits", leakage$patients_across_splits),
    row("groups_across_splits", leakage$groups_across_splits),
    row("image_wise", leakage$image_wise_split_would_leak, image_wise_text(leakage)),
    pairs("exact", leakage$exact_duplicates),
    pairs("near", leakage$near_duplicates),
    row("duplicated", leakage$test_images_duplicated, pct(leakage$test_images_duplicated)),
    row("names", leakage$names$examined, num(telling)),
    row(if (found) "groups" else "patients", grouping$groups),
    row(if (found) "largest_group" else "largest_patient", grouping$largest, largest_text(grouping))
  )
}

# The mean and the range of many random splits; an older audit drew one.
image_wise_text <- function(leakage) {
  mean <- pct(leakage$image_wise_split_would_leak)
  if (is.null(leakage$image_wise_lowest)) return(mean)
  s("audit.leakage.image_wise", mean = mean, lowest = pct(leakage$image_wise_lowest),
    highest = pct(leakage$image_wise_highest), draws = num(leakage$image_wise_draws))
}

largest_text <- function(grouping) {
  if (is.null(grouping$largest_share)) return(num(grouping$largest))
  s("number.count_share", n = num(grouping$largest), share = pct(grouping$largest_share))
}

# Examples of pairs of exact and near duplicates, by name.
write_duplicates <- function(leakage, shown = 3) {
  for (kind in c("exact", "near")) {
    found <- leakage[[paste0(kind, "_duplicates")]]
    examples <- found$examples
    if (!is.matrix(examples) || !nrow(examples)) next
    examples <- examples[seq_len(min(shown, nrow(examples))), , drop = FALSE]
    pairs <- s("audit.leakage.pair", one = code(examples[, 1]), other = code(examples[, 2]))
    if (ncol(examples) > 2) pairs <- paste0(pairs, " (", num(examples[, 3], 3), ")")
    say(paste0("audit.leakage.", kind), pairs = paste(pairs, collapse = "; "))
  }
}

write_names <- function(names) {
  telling <- as_rows(names$telling)
  if (is.null(telling)) return(invisible())
  # The shape of a name is the pattern of letters and digits, not a word.
  shape <- telling$kind == "shape"
  token <- code(telling$token)
  token[shape] <- s("audit.leakage.shape", token = token[shape])
  items <- s("audit.leakage.name", token = token, where = word("where", telling$where),
             finding = finding(telling$finding), images = num(telling$images),
             positive_with = pct(telling$positive_with), positive_without = pct(telling$positive_without))
  say("audit.leakage.names")
  write_markdown(paste0("- ", utils::head(items, 5), collapse = "\n"))
  say(if (isTRUE(names$by_construction)) "audit.leakage.names_expected" else "audit.leakage.names_unexpected")
}

write_grouping <- function(grouping) {
  if (!length(grouping$rule) || identical(grouping$rule, "patient")) return(invisible())
  say("audit.leakage.grouping")
  joined <- as_rows(grouping$joined_by)
  if (!is.null(joined)) {
    items <- s("audit.leakage.joined", rule = code_text("rule", joined$rule, joined$values), pairs = num(joined$pairs))
    write_markdown(paste0("- ", items, collapse = "\n"))
  }
  if (length(grouping$cap)) say("audit.leakage.cap", cap = num(grouping$cap), refused = num(grouping$refused %||% 0))
  say("audit.leakage.unseen")
}

# The text of a code of the audit with its numbers, for each row; `values` is a data frame, with NA where a code has no
# such number.
code_text <- function(kind, codes, values) {
  vapply(seq_along(codes), function(i) {
    given <- Filter(function(value) !is.na(value), if (NCOL(values)) as.list(values[i, , drop = FALSE]) else list())
    key <- paste0(kind, ".", codes[[i]], if (isTRUE(given$excluded > 0)) "_excluded")
    # Correlations that were measured have more digits than a reader needs.
    text <- lapply(given, function(value) {
      if (is.numeric(value)) num(value, if (value == round(value)) 0 else 2) else escape_markdown(value)
    })
    do.call(s, c(key, text))
  }, "", USE.NAMES = FALSE)
}

# --- label quality -----------------------------------------------------------------------------------------------

write_label_quality <- function(rows) {
  if (is.null(rows)) return(invisible())
  write_subheading("audit.heading.labels", "audit-labels")
  say("audit.labels.prose")
  for (i in utils::head(which(is.na(column(rows, "subset"))), 3)) write_label_summary(rows[i, ])
  # Short format, because the table has ten columns: percent, with a dash between the bounds.
  interval <- function(name) {
    percent <- function(suffix, digits) num(100 * column(rows, paste0(name, suffix)), digits)
    text <- sprintf("%s (%s\u2013%s)", percent("", 1), percent("_lower", 0), percent("_upper", 0))
    ifelse(is.na(column(rows, name)), s("number.none"), text)
  }
  # A subset with all images repeats the row of all images.
  is_complete <- is.na(column(rows, "subset"))
  what <- paste(rows$finding, rows$reference, rows$images, sep = "\r")
  rows <- rows[is_complete | !what %in% what[is_complete], ]
  subset <- column(rows, "subset")
  with_subset <- any(!is.na(subset))
  table <- data.frame(capitalise(finding(rows$finding)), word("subset", ifelse(is.na(subset), "all", subset)),
                      num(rows$images), num(rows$both), num(rows$labels_only), num(rows$reference_only),
                      interval("ppv"), interval("sensitivity"), interval("agreement"), num(column(rows, "kappa"), 2))
  columns <- c("finding", "subset", "images", "both", "labels_only", "reference_only", "ppv", "sensitivity",
               "agreement", "kappa")
  names(table) <- words_of("audit.labels_column", columns)
  if (!with_subset) table <- table[-2]
  left <- if (with_subset) 2 else 1
  sources <- unique(rows[c("labels", "reference")])
  named <- s("audit.labels.sources", labels = escape_markdown(sources$labels),
             reference = escape_markdown(sources$reference))
  caption <- s("audit.labels.caption", sources = paste(named, collapse = "; "))
  write_table_block("labels", table, caption, c(rep("l", left), rep("r", ncol(table) - left)))
}

write_label_summary <- function(row) {
  labelled <- row$both + row$labels_only
  true <- row$both + row$reference_only
  if (!isTRUE(labelled > 0 && true > 0)) return(invisible())
  say("audit.labels.in_words", finding = finding(row$finding), labels = escape_markdown(row$labels),
      reference = escape_markdown(row$reference), labelled = num(labelled), both = num(row$both), true = num(true),
      ppv = pct(row$both / labelled, 0), sensitivity = pct(row$both / true, 0))
}

# --- shift between training and test -----------------------------------------------------------------------------

write_shift <- function(shift) {
  parts <- Filter(function(part) !is.null(as_rows(part$rows)), list(here = shift$here, table = shift$table))
  if (!length(parts)) return(invisible())
  write_subheading("audit.heading.shift", "audit-shift")
  say("audit.shift.prose")
  for (name in names(parts)) {
    part <- parts[[name]]
    if (length(part$verdict)) say(paste0("audit.shift.", name, "_", part$verdict))
    caption <- s(paste0("audit.shift.caption_", name))
    write_table_block(paste0("shift-", name), shift_table(part$rows, name), caption,
                      c("l", "r", "r", "r", "r", "r", "l"))
  }
}

shift_table <- function(rows, where) {
  is_share <- rows$what %in% c("prevalence", "ap", "female")
  scale <- ifelse(is_share, 100, 1)
  # A small prevalence needs more digits than other shares.
  digits <- ifelse(rows$what == "prevalence", 2, 1)
  value <- function(x, signed = FALSE, unit = "number.percent") {
    text <- mapply(num, x * scale, digits)
    text <- ifelse(is_share & !is.na(x), s(unit, n = text), text)
    if (signed) paste0(ifelse(!is.na(x) & x > 0, "+", ""), text) else text
  }
  names <- s("audit.shift.of_finding", finding = finding(ifelse(is.na(column(rows, "finding")), "", rows$finding)))
  other <- rows$what != "prevalence"
  names[other] <- word("audit.shift_of", rows$what[other])
  lower <- mapply(num, column(rows, "lower") * scale, digits)
  upper <- mapply(num, column(rows, "upper") * scale, digits)
  known <- !is.na(column(rows, "lower")) & !is.na(column(rows, "upper"))
  interval <- ifelse(known, s("number.range", lower = lower, upper = upper), s("number.none"))
  size <- estimate_text(column(rows, "size"), column(rows, "size_lower"), column(rows, "size_upper"))
  table <- data.frame(names, value(rows$train), value(rows$test),
                      value(rows$difference, signed = TRUE, unit = "number.points"), interval, size,
                      verdict_badge(column(rows, "verdict")))
  stats::setNames(table, c(s("audit.column.what"), s(paste0("audit.shift.train_", where)), s("audit.shift.test"),
                           words_of("audit.column", c("difference", "interval", "size", "verdict"))))
}
