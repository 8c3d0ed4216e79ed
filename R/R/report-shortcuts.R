# The shortcuts part of the audit: prediction of a finding from simple properties, and its meaning for the model.

write_shortcuts <- function(audit, run, facts) {
  if (is.null(audit$probes)) return(invisible())
  write_subheading("audit.heading.shortcuts", "audit-shortcuts")
  about <- audit$shortcuts
  say("audit.shortcuts.prose")
  if (length(about$folds) && length(about$images)) {
    some <- isTRUE(about$images < about$sampled_from)
    say(if (some) "audit.shortcuts.sampled" else "audit.shortcuts.measured", rules = s("audit.shortcuts.rules"),
        folds = num(about$folds), images = num(about$images), all = num(about$sampled_from %||% NA))
  }
  measured <- as_rows(audit$probes[!is.na(column(audit$probes, "auroc")), ])
  many <- length(unique(audit$probes$finding)) > 1
  found <- run$evaluation[["discrimination"]]
  if (!is.null(measured)) {
    (if (many) draw_shortcut_tiles else draw_shortcuts)(measured, found)
    (if (many) write_strong_table else write_probe_table)(audit$probes)
    (if (many) write_probe_meanings else write_probe_meaning)(measured, found)
  } else {
    say("audit.shortcuts.nothing")
  }
  write_unmeasured(audit$probes)
}

probe_names <- function(probes) word("probe", probes)

# AUROC of the probes and of the model, for comparison.
draw_shortcuts <- function(probes, found) {
  model <- found[found$finding %in% probes$finding & !is.na(found$auroc), ]
  values <- s("headline.figure_alt_value", finding = probe_names(probes$probe), auroc = num(probes$auroc, 2),
              range = range_text(probes$lower, probes$upper, 2))
  of_model <- if (NROW(model)) s("audit.shortcuts.alt_model", auroc = num(model$auroc[[1]], 2))
  alt <- s("audit.shortcuts.alt", values = paste(values, collapse = "; "))
  caption <- s(if (NROW(model)) "audit.shortcuts.figure_caption_model" else "audit.shortcuts.figure_caption",
               finding = finding(probes$finding[[1]]))
  draw("shortcuts", shortcut_plot(probes, model), caption, paste(c(alt, of_model), collapse = " "),
       c(5.6, 1.1 + 0.42 * (nrow(probes) + NROW(model))))
}

draw_shortcut_tiles <- function(probes, found) {
  strongest <- probes[order(-probes$auroc), ][seq_len(min(3, nrow(probes))), ]
  values <- s("audit.shortcuts.alt_tile", finding = finding(strongest$finding), probe = probe_names(strongest$probe),
              auroc = num(strongest$auroc, 2))
  findings <- unique(probes$finding)
  alt <- s("audit.shortcuts.alt_tiles", n = num(length(findings)), values = paste(values, collapse = "; "))
  draw("shortcuts", shortcut_tiles(probes), s("audit.shortcuts.tiles_caption"), alt,
       c(5.6, 1.2 + 0.29 * length(findings)))
}

probe_table <- function(probes, named_by) {
  named <- list(probe = capitalise(probe_names(probes$probe)), finding = capitalise(finding(probes$finding)),
                sees = word("probe_sees", probes$probe))
  table <- data.frame(named[named_by], num(column(probes, "auroc"), 3),
                      range_text(column(probes, "lower"), column(probes, "upper"), 3),
                      verdict_badge(ifelse(is.na(column(probes, "auroc")), NA, probes$verdict)),
                      num(column(probes, "images")))
  stats::setNames(table, words_of("audit.column", c(named_by, "auroc", "interval", "verdict", "images")))
}

write_probe_table <- function(probes) {
  caption <- s("audit.shortcuts.caption", finding = finding(probes$finding[[1]]))
  write_table_block("shortcuts", probe_table(probes, c("probe", "sees")), caption,
                    c("l", "l", "r", "r", "l", "r"))
}

# For many findings, the tiles show all probes; the table has the strongest.
write_strong_table <- function(probes, shown = 12) {
  strong <- strong_probes(list(probes = probes))
  if (is.null(strong)) return(invisible())
  more <- max(nrow(strong) - shown, 0)
  caption <- s(if (more) "audit.shortcuts.caption_first" else "audit.shortcuts.caption_strong", shown = num(shown),
               n = num(nrow(strong)))
  strong <- strong[order(-strong$auroc), ]
  table <- probe_table(utils::head(strong, shown), c("finding", "probe"))
  write_table_block("shortcuts", table, caption, c("l", "l", "r", "r", "l", "r"))
}

# Interprets the strongest probe with respect to the model.
write_probe_meaning <- function(probes, found) {
  top <- worst_first(probes)[1, ]
  model <- found[found$finding %in% top$finding & !is.na(found$auroc), ]
  verdict <- as.character(top$verdict)
  if (!verdict %in% c("some", "strong")) {
    unclear <- as_rows(probes[probes$verdict == "inconclusive", ])
    if (is.null(unclear)) return(say("audit.shortcuts.means_none", finding = finding(top$finding)))
    widest <- unclear[which.max(unclear$auroc), ]
    return(say("audit.shortcuts.means_unclear", finding = finding(widest$finding), probe = probe_names(widest$probe),
               auroc = num(widest$auroc, 2), lower = num(widest$lower, 2), upper = num(widest$upper, 2)))
  }
  say(paste0("audit.shortcuts.means_", verdict), finding = finding(top$finding), probe = probe_names(top$probe),
      auroc = num(top$auroc, 2), range = range_text(top$lower, top$upper, 2))
  if (sees_lungs(top$probe)) say("audit.shortcuts.means_coarse")
  if (verdict == "some" || !NROW(model)) return(invisible())
  # If the interval of the model includes the AUROC of the probe, the model may use only the shortcut.
  lower <- model$auroc_lower[[1]]
  above <- if (is.na(lower)) "no_interval" else if (lower > top$auroc) "above" else "within"
  say(paste0("audit.shortcuts.model_", above), auroc = num(top$auroc, 2), model = num(model$auroc[[1]], 2),
      model_range = range_text(lower, model$auroc_upper[[1]], 2))
}

write_probe_meanings <- function(probes, found) {
  strong <- strong_probes(list(probes = probes))
  total <- length(unique(probes$finding))
  if (is.null(strong)) {
    say("audit.shortcuts.many_none", total = num(total))
    return(write_undecided(probes))
  }
  worst <- strong[!duplicated(strong$finding), ]
  model <- found$auroc[match(worst$finding, found$finding)] %||% rep(NA, nrow(worst))
  items <- s("audit.shortcuts.many_item", finding = capitalise(finding(worst$finding)),
             probe = probe_names(worst$probe), auroc = num(worst$auroc, 2))
  against <- s("audit.shortcuts.many_model", model = num(model, 2))
  say("audit.shortcuts.many_strong", n = num(nrow(worst)), total = num(total))
  write_markdown(paste0("- ", items, ifelse(is.na(model), "", against), collapse = "\n"))
  write_undecided(probes)
}

# Findings without a strong shortcut: the verdict is inconclusive, or a strong one is ruled out.
write_undecided <- function(probes) {
  worst <- worst_first(probes)
  worst <- worst[!duplicated(worst$finding), ]
  keys <- c(inconclusive = "audit.shortcuts.many_unclear", none = "audit.shortcuts.many_ruled_out")
  for (verdict in names(keys)) {
    of <- worst$finding[worst$verdict == verdict]
    if (length(of)) say(keys[[verdict]], n = num(length(of)), findings = paste(finding(of), collapse = ", "))
  }
}

# Reasons for probes without AUROC, each once with its probes.
write_unmeasured <- function(probes) {
  without <- as_rows(probes[is.na(column(probes, "auroc")), ])
  if (is.null(without)) return(invisible())
  groups <- split(unmeasured_names(without, probes), reason_text(without$reason))
  items <- vapply(groups, function(names) paste(utils::head(unique(names), 8), collapse = "; "), "")
  write_markdown(paste(s("audit.shortcuts.unmeasured", probes = items, reason = names(items)), collapse = " "))
}

# If all probes of a finding lack AUROC, only the finding is named; likewise a probe that lacks it for all other
# findings.
unmeasured_names <- function(without, probes) {
  named <- probe_names(without$probe)
  if (length(unique(probes$finding)) == 1) return(named)
  count <- function(of, among) as.vector(table(factor(among, unique(of)))[of])
  no_probe <- count(without$finding, without$finding) == count(without$finding, probes$finding)
  left <- without[!no_probe, ]
  findings_left <- length(setdiff(unique(probes$finding), without$finding[no_probe]))
  no_finding <- !no_probe & count(without$probe, left$probe) %in% findings_left
  of_finding <- s("audit.shortcuts.probe_of", probe = named, finding = finding(without$finding))
  ifelse(no_probe, finding(without$finding), ifelse(no_finding, named, of_finding))
}

# `reasons` is a data frame of codes and values.
reason_text <- function(reasons) code_text("reason", reasons$code, reasons$values)
