# The sections on use: decision curve, subgroups and abstention.

# --- decision curve ---------------------------------------------------------------------------------------------

write_decision <- function(run, facts) {
  table <- run$evaluation[["decision_curve"]]
  if (NROW(table) == 0) return(say("decision.missing"))
  say("decision.prose")
  say("decision.prevalence")
  formula <- paste0("$$\\text{NB}(t) = \\frac{\\text{", s("decision.tp"), "}}{n} - \\frac{\\text{",
                    s("decision.fp"), "}}{n} \\cdot \\frac{t}{1 - t}$$")
  write_markdown("::: {.formula tabindex=0}\n\n", formula, "\n\n:::")
  # An evaluation of an older version has only the prevalence of the images.
  own <- is.null(table[["own"]]) | as.logical(column(table, "own")) %in% TRUE
  asked <- length(run$evaluation$about$prevalence) > 0
  write_decision_at(table[own, ], facts, "decision", "decision.caption")
  # Many findings have one figure for each prevalence only if it was given.
  if (any(!own) && (asked || !facts$many)) {
    write_decision_at(table[!own, ], facts, "decision-other",
                      if (asked) "decision.caption_study" else "decision.caption_example")
  }
}

write_decision_at <- function(table, facts, id, caption) {
  worth <- useful_thresholds(table, facts$primary)
  findings <- unique(table$finding)
  prevalence <- unique(column(table, "prevalence"))
  prevalence <- if (length(prevalence) == 1) pct(prevalence) else s("decision.by_finding")
  alt <- s("decision.alt", finding = facts$positive, range = worth %||% s("decision.nowhere"))
  draw_plot(id, ggplot2::autoplot(table, labels = figure_labels(findings), own = isTRUE(table[["own"]][[1]])),
            s(caption, prevalence = prevalence), alt, inches_of_panels(length(findings), 1, 6.4), "decision.missing")
  if (facts$many) return(write_useful_thresholds(table, facts, id))
  if (is.null(worth)) say("decision.not_worth", finding = facts$positive, prevalence = prevalence) else
    say("decision.worth", finding = facts$positive, range = worth, prevalence = prevalence)
}

# Ranges of thresholds where the model is better than acting on all or none, with the lower bound above zero.
useful_thresholds <- function(table, name) {
  of_model <- clinical_thresholds(table[table$finding == name & table$strategy == "model", ])
  of_model <- of_model[order(of_model$threshold), ]
  better <- which(column(of_model, "advantage_lower") > 0)
  if (!length(better)) return(NULL)
  stretches <- split(of_model$threshold[better], cumsum(c(TRUE, diff(better) > 1)))
  text <- vapply(stretches, function(one) {
    if (length(one) == 1) num(one, 2) else range_text(min(one), max(one), 2)
  }, "")
  paste(text, collapse = "; ")
}

write_useful_thresholds <- function(table, facts, id) {
  worth <- vapply(facts$findings, function(name) useful_thresholds(table, name) %||% s("decision.nowhere"), "")
  rows <- data.frame(capitalise(finding(facts$findings)), worth)
  names(rows) <- words_of("decision", c("column_finding", "column_range"))
  write_table_block(if (id == "decision") "worth" else "worth-other", rows, s("decision.worth_caption"), c("l", "l"))
}

# --- subgroups --------------------------------------------------------------------------------------------------

write_subgroups <- function(run, facts) {
  table <- run$evaluation[["subgroups"]]
  if (NROW(table) == 0) return(say("subgroups.missing"))
  say("subgroups.prose")
  findings <- unique(table$finding)
  # Only an AUROC or another estimate can differ.
  if (all(is.na(table$estimate))) return(say("subgroups.nothing"))
  rows <- nrow(unique(as.data.frame(table)[c("column", "group")]))
  differing <- which_differ(table)
  alt <- s("subgroups.alt", groups = num(rows), n = num(NROW(differing)))
  size <- if (length(findings) == 1) c(5.6, 2 * (0.24 * rows + 0.6) + 1.4) else
    c(10, ceiling(length(findings) / (if (length(findings) <= 4) 2 else 4)) * (0.19 * rows + 0.6) + 1.4)
  draw_plot("subgroups", ggplot2::autoplot(table, labels = figure_labels(findings)),
            s(if (facts$many) "subgroups.caption_many" else "subgroups.caption"), alt, size, "subgroups.too_small")
  write_differences(differing, table)
  write_each(s("subgroups.tabs"), "all-subgroups", facts, function(name) {
    write_groups(table[table$finding == name, ], name, facts$many)
  })
}

which_differ <- function(table) {
  as_rows(as.data.frame(table)[which(table$p_holm < 1 - table$confidence & table$metric != "sensitivity"), ])
}

write_differences <- function(differing, table) {
  small <- unique(as.data.frame(table)[table$too_small %in% TRUE, c("column", "group")])
  if (NROW(differing)) {
    p <- differing$p_holm
    p <- ifelse(p < 0.001, s("number.less", n = num(0.001, 3)), s("number.equal", n = num(p, 3)))
    items <- s("subgroups.differs", finding = capitalise(finding(differing$finding)),
               group = small_initial(names_of_groups(differing)),
               metric = small_initial(words_of("metric", differing$metric)),
               estimate = num(differing$estimate, 2), rest = num(differing$rest, 2), p = p)
    shown <- utils::head(items[order(differing$p_holm)], 8)
    key <- if (length(shown) < length(items)) "subgroups.first_differ" else "subgroups.some_differ"
    say(key, n = num(length(items)), shown = num(length(shown)))
    write_markdown(paste0("- ", shown, collapse = "\n"))
  } else {
    say(if (any(!is.na(table$p_holm))) "subgroups.none_differ" else "subgroups.nothing")
  }
  # With many findings, the tables show the small groups of each.
  if (nrow(small) && length(unique(table$finding)) == 1) {
    say("subgroups.small", groups = paste(unique(names_of_groups(small)), collapse = "; "))
  }
}

names_of_groups <- function(rows) {
  group <- sub("^(\\d+)-(\\d+)$", "\\1\u2013\\2", rows$group)
  known <- vapply(seq_along(group), function(i) word(rows$column[[i]], group[[i]]), "")
  known <- ifelse(group == "unknown", s("subgroups.unknown"), known)
  s("subgroups.group", column = word("column", rows$column), group = known)
}

write_groups <- function(table, name, plain) {
  table <- as.data.frame(table)
  groups <- unique(table[c("column", "group", "n_images", "n_positive")])
  at <- function(metric) {
    rows <- table[table$metric == metric, ]
    rows <- rows[match(paste(groups$column, groups$group), paste(rows$column, rows$group)), ]
    estimate_text(rows$estimate, rows$lower, rows$upper)
  }
  rows <- data.frame(names_of_groups(groups), num(groups$n_images), num(groups$n_positive), at("auroc"),
                     at("under_diagnosis"), at("calibration_in_the_large"))
  names(rows) <- c(words_of("subgroups.column", c("group", "images", "positive")),
                   words_of("metric", c("auroc", "under_diagnosis", "calibration_in_the_large")))
  if (plain) return(write_plain_table(rows))
  write_table_block("subgroups", rows, s("subgroups.table_caption", finding = finding(name)))
}

# --- abstention ---------------------------------------------------------------------------------------------------

write_abstention <- function(run, facts) {
  table <- run$evaluation[["abstention"]]
  table <- table[is.na(table$column), ]
  if (NROW(table) == 0) return(say("abstention.missing"))
  say("abstention.prose")
  findings <- unique(table$finding)
  main <- table[table$finding == facts$primary, ]
  write_decided(main[which.min(abs(main$error_rate - 0.05)), ])
  values <- s("abstention.value", wanted = pct(main$error_rate, 0), share = pct(main$deferred, 0))
  if (facts$many) write_shares_decided(table, facts) else
    draw_plot("abstention", ggplot2::autoplot(table, labels = figure_labels(findings)), s("abstention.caption"),
              s("abstention.alt", finding = facts$positive, values = paste(values, collapse = "; ")), c(5.6, 4.6),
              "abstention.missing")
  write_each(s("abstention.tabs"), "all-abstention", facts, function(name) {
    rows <- table[table$finding == name, ]
    # The error rate is 1 - coverage.
    missed <- lapply(c("coverage_positive", "coverage_positive_upper", "coverage_positive_lower"),
                     function(n) 100 * (1 - column(rows, n)))
    alarms <- lapply(c("coverage_negative", "coverage_negative_upper", "coverage_negative_lower"),
                     function(n) 100 * (1 - column(rows, n)))
    shown <- data.frame(shares_decided(rows),
                        estimate_text(missed[[1]], missed[[2]], missed[[3]], 0),
                        estimate_text(alarms[[1]], alarms[[2]], alarms[[3]], 0))
    names(shown) <- words_of("abstention.column", c("wanted", "deferred", "decided", "missed", "alarms"))
    if (facts$many) return(write_plain_table(shown, rep("r", 5)))
    write_table_block("abstention", shown, s("abstention.table_caption", finding = finding(name)), rep("r", 5))
  })
}

# The error rate among the images that the model decides, beside the share that it leaves.
write_decided <- function(row) {
  if (NROW(row) == 0) return(invisible())
  if (row$deferred %in% 1) {
    return(say("abstention.nothing", finding = finding(row$finding), wanted = pct(row$error_rate, 0)))
  }
  say("abstention.decided", finding = finding(row$finding), wanted = pct(row$error_rate, 0),
      share = pct(row$deferred, 0), error = pct(column(row, "error_decided"), 0),
      range = range_text(100 * column(row, "error_decided_lower"), 100 * column(row, "error_decided_upper"), 0))
}

# For many findings, one row each at a target error rate of 5 %.
write_shares_decided <- function(table, facts) {
  rows <- do.call(rbind, lapply(facts$findings, function(name) {
    of_finding <- as.data.frame(table[table$finding == name, ])
    of_finding[which.min(abs(of_finding$error_rate - 0.05)), ]
  }))
  shown <- data.frame(capitalise(finding(rows$finding)), shares_decided(rows))
  names(shown) <- c(s("points.column.finding"), words_of("abstention.column", c("wanted", "deferred", "decided")))
  write_table_block("abstention", shown, s("abstention.main_caption"))
}

# The target, the share deferred and the error among the decided, in per cent.
shares_decided <- function(rows) {
  percent <- function(what) {
    values <- lapply(paste0(what, c("", "_lower", "_upper")), function(n) 100 * column(rows, n))
    estimate_text(values[[1]], values[[2]], values[[3]], 0)
  }
  decided <- percent("error_decided")
  decided[column(rows, "deferred") %in% 1] <- s("number.none")
  data.frame(pct(rows$error_rate, 0), percent("deferred"), decided)
}
