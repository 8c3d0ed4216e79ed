# The section on external validations, and their part of the first screen.

# AUROC of each data set for one finding, the run's own first, the summary last.
auroc_by_set <- function(run, name) {
  own <- run$evaluation[["discrimination"]]
  columns <- c("auroc", "auroc_lower", "auroc_upper", "n_images", "n_positive", "confidence")
  of_set <- function(table, label, kind) {
    row <- table[table$finding == name & !is.na(table$auroc), columns]
    if (nrow(row)) data.frame(label = label, kind = kind, row)
  }
  sets <- lapply(names(run$validations), function(set) {
    of_set(run$validations[[set]]$discrimination, escape_markdown(set), "elsewhere")
  })
  do.call(rbind, c(list(of_set(own, s("elsewhere.here"), "here")), sets))
}

pooled_of <- function(run, name) {
  if (length(run$validations) < 2) return(NULL)
  pooled <- pool_validations(run$validations, run$evaluation[["discrimination"]]$confidence[[1]])
  pooled <- pooled[pooled$finding == name, ]
  if (NROW(pooled)) pooled
}

# The external figure of the first screen, beside the internal one.
write_elsewhere_figure <- function(run, facts) {
  found <- if (facts$many) mean_elsewhere(run) else figure_elsewhere(run, facts$primary)
  if (is.null(found)) return(invisible())
  write_markdown("::::: {.card-figure .elsewhere}")
  write_markdown("[", num(found$auroc, 3), "]{.big}")
  write_markdown(found$text)
  write_markdown(":::::")
}

figure_elsewhere <- function(run, name) {
  sets <- auroc_by_set(run, name)
  sets <- sets[sets$kind == "elsewhere", ]
  if (NROW(sets) == 0) return(NULL)
  pooled <- pooled_of(run, name)
  if (!is.null(pooled)) {
    label <- s("elsewhere.auroc_pooled", n = num(pooled$n_sets))
    sets <- pooled
  } else {
    label <- s("elsewhere.auroc_one", set = sets$label[[1]])
  }
  interval <- s("elsewhere.interval", confidence = pct(sets$confidence[[1]], 0),
                range = range_text(sets$auroc_lower[[1]], sets$auroc_upper[[1]]))
  list(auroc = sets$auroc[[1]], text = paste0(label, "\\\n", interval))
}

mean_elsewhere <- function(run) {
  if (!length(run$validations)) return(NULL)
  aurocs <- unlist(lapply(run$validations, function(one) one$discrimination$auroc))
  n <- length(unique(unlist(lapply(run$validations, function(one) one$discrimination$finding))))
  list(auroc = mean(aurocs, na.rm = TRUE),
       text = s("elsewhere.auroc_many", n = num(n), sets = num(length(run$validations))))
}

write_elsewhere_notice <- function(run, facts) {
  if (facts$phantom && !length(run$validations)) return(invisible())
  if (!length(run$validations)) return(write_div("notice .some", s("elsewhere.headline_none")))
  sentences <- lapply(names(run$validations), function(set) {
    row <- comparison_of(run$validations[[set]], facts$primary, "auroc")
    if (NROW(row) == 0) return(NULL)
    s(paste0("elsewhere.headline_", verdict_elsewhere(row)), set = escape_markdown(set), finding = facts$positive,
      external = num(row$external, 3), internal = num(row$internal, 3),
      range = range_text(row$difference_lower, row$difference_upper))
  })
  text <- unlist(sentences)
  if (!length(text)) return(invisible())
  lower <- any(vapply(run$validations, function(one) {
    row <- comparison_of(one, facts$primary, "auroc")
    NROW(row) > 0 && verdict_elsewhere(row) == "lower"
  }, NA))
  write_div(paste0("notice .", if (lower) "bad" else "good"), paste(text, collapse = "\n\n"))
}

verdict_elsewhere <- function(row) {
  if (isTRUE(row$difference_upper < 0)) return("lower")
  if (isTRUE(row$difference_lower > 0)) "higher" else "same"
}

comparison_of <- function(validation, name, metric) {
  table <- validation$comparison
  table[table$finding == name & table$metric == metric, ]
}

# --- the section -----------------------------------------------------------------------------------------------------

write_elsewhere <- function(run, facts) {
  # The first screen says that there are none. Without any evaluated finding, there is nothing to compare with.
  if (facts$nothing || !length(run$validations)) return(invisible())
  write_heading("heading.elsewhere", "elsewhere")
  say("elsewhere.prose")
  sets <- lapply(facts$findings, auroc_by_set, run = run)
  names(sets) <- facts$findings
  sets <- Filter(function(one) any(one$kind == "elsewhere"), sets)
  if (length(sets)) write_forest(run, sets)
  for (set in names(run$validations)) write_validation(run, run$validations[[set]], set, facts)
}

write_forest <- function(run, sets) {
  rows <- do.call(rbind, lapply(names(sets), function(name) {
    pooled <- pooled_of(run, name)
    if (!is.null(pooled)) {
      summary <- data.frame(label = s("elsewhere.pooled"), kind = "pooled",
                            pooled[c("auroc", "auroc_lower", "auroc_upper")], n_images = NA, n_positive = NA,
                            confidence = pooled$confidence)
      sets[[name]] <- rbind(sets[[name]], summary)
      say("elsewhere.pooled_prose", finding = finding(name), n = num(pooled$n_sets),
          estimate = estimate_text(pooled$auroc, pooled$auroc_lower, pooled$auroc_upper, 3),
          prediction = range_text(pooled$prediction_lower, pooled$prediction_upper))
    }
    cbind(finding = name, sets[[name]])
  }))
  values <- s("headline.figure_alt_value", finding = rows$label, auroc = num(rows$auroc, 3),
              range = range_text(rows$auroc_lower, rows$auroc_upper))
  draw_plot("elsewhere", forest_plot(rows), s("elsewhere.forest_caption"),
            s("elsewhere.forest_alt", values = paste(values, collapse = "; ")), c(5.6, 1 + 0.34 * nrow(rows)),
            "elsewhere.forest_missing")
}

write_validation <- function(run, validation, set, facts) {
  id <- paste0("elsewhere-", match(set, names(run$validations)))
  write_markdown("### ", s("elsewhere.heading_set", set = escape_markdown(set)), " {#", id, "}")
  write_selection(validation$facts)
  compared <- validation$comparison
  write_tabs(s("elsewhere.tabs"), intersect(facts$findings, compared$finding), function(name) {
    rows <- compared[compared$finding == name, ]
    write_side_by_side(rows, run$thresholds$findings[[name]]$default, name, id, facts)
    write_explained(validation$explained[validation$explained$finding == name, ], name)
  })
  write_side_curves(run, validation, set, facts, id)
  write_case_mix(validation$case_mix, facts, id)
}

# Which images were used, and why others were not.
write_selection <- function(about) {
  if (is.null(about)) return(invisible())
  left_out <- unlist(about$left_out)
  left_out <- left_out[!is.na(left_out) & left_out > 0]
  notes <- column(as.data.frame(about$notes), "code")
  sentences <- c(
    s("elsewhere.selection", used = num(about$used), found = num(about$found)),
    if (length(left_out)) {
      s("elsewhere.left_out", reasons = paste(reasons_text(left_out), collapse = "; "))
    },
    if (about$other_view > 0) s("elsewhere.other_view", n = num(about$other_view)),
    if (length(about$findings_without_labels)) {
      s("elsewhere.unlabelled", findings = paste(finding(about$findings_without_labels), collapse = ", "))
    },
    unlist(lapply(intersect(notes, c("duplicates_not_compared", "overlapping_sources", "other_comparison")),
                  function(note) s(paste0("elsewhere.note.", note))))
  )
  write_markdown(paste(sentences, collapse = " "))
}

reasons_text <- function(counts) {
  unlist(Map(function(name, n) s(paste0("elsewhere.reason.", name), n = num(n)), names(counts), counts),
         use.names = FALSE)
}

metrics_elsewhere <- c("auroc", "average_precision", "sensitivity", "specificity", "intercept", "slope",
                       "observed_expected", "brier", "net_benefit")

write_side_by_side <- function(rows, default, name, id, facts) {
  rows <- rows[rows$metric %in% metrics_elsewhere & (is.na(rows$operating_point) | rows$operating_point %in% default), ]
  rows <- rows[order(match(rows$metric, metrics_elsewhere)), ]
  table <- data.frame(
    words_of("elsewhere.metric", rows$metric),
    estimate_text(rows$internal, rows$internal_lower, rows$internal_upper, 3),
    estimate_text(rows$external, rows$external_lower, rows$external_upper, 3),
    estimate_text(rows$difference, rows$difference_lower, rows$difference_upper, 3)
  )
  names(table) <- words_of("elsewhere.column", c("metric", "here", "elsewhere", "difference"))
  if (facts$many) return(write_plain_table(table))
  write_table_block(id, table, s("elsewhere.table_caption", finding = finding(name)))
}

write_explained <- function(row, name) {
  if (NROW(row) == 0) return(invisible())
  if (is.na(row$standardised)) return(say("elsewhere.explained_none"))
  say("elsewhere.explained", finding = finding(name), membership = num(row$membership_auroc, 2),
      internal = num(row$internal, 3), standardised = num(row$standardised, 3), external = num(row$external, 3),
      case_mix = num(row$case_mix_difference, 3), model = num(row$model_difference, 3),
      range = range_text(row$model_difference_lower, row$model_difference_upper),
      n = num(row$effective_images),
      covariates = paste(small_initial(word("column", strsplit(row$covariates, " ")[[1]])), collapse = ", "))
}

write_case_mix <- function(table, facts, id) {
  if (NROW(table) == 0) return(invisible())
  table <- table[is.na(table$finding) | table$finding %in% facts$findings, ]
  value <- function(x) {
    ifelse(table$statistic == "share", pct(x), ifelse(table$statistic == "count", num(x), num(x, 1)))
  }
  name <- words_of("elsewhere.variable", paste0(table$variable, ifelse(table$statistic == "sd", "_sd", "")))
  of_finding <- !is.na(table$finding)
  name[of_finding] <- paste0(name[of_finding], ": ", finding(table$finding[of_finding]))
  of_level <- !is.na(table$level)
  level <- table$level[of_level]
  text <- unlist(Map(function(column, value) {
    if (value %in% c("unknown", "other")) s(paste0("elsewhere.level.", value)) else word(column, value)
  }, table$variable[of_level], level))
  name[of_level] <- paste0(name[of_level], ": ", text)
  shown <- data.frame(name, value(table$internal), value(table$external), num(table$std_difference, 2))
  names(shown) <- words_of("elsewhere.column", c("characteristic", "here", "elsewhere", "std_difference"))
  write_table_block(paste0(id, "-mix"), shown, s("elsewhere.mix_caption"))
}

write_side_curves <- function(run, validation, set, facts, id) {
  name <- facts$primary
  curves <- side_curves(run$evaluation, validation, name, c(s("elsewhere.here"), set))
  if (NROW(curves) == 0) return(invisible())
  if (facts$many) say("elsewhere.curves_of", finding = finding(name))
  draw_plot(paste0(id, "-curves"), side_curves_plot(curves), s("elsewhere.curves_caption"), s("elsewhere.curves_alt"),
            c(5.6, 3.2), "elsewhere.forest_missing")
}
