# The calibration section: calibration, and the effect of recalibration.

write_calibration <- function(run, facts) {
  bins <- run$evaluation[["calibration"]]
  if (is.null(bins)) return(say("calibration.missing"))
  say("calibration.prose")
  main <- merge_bins(bins[bins$finding == facts$primary, ], 0.95)
  findings <- unique(bins$finding)
  percents <- function(x) paste(pct(x, 0), collapse = ", ")
  alt <- s("calibration.alt", n = num(nrow(main)), observed = percents(main$observed),
           predicted = percents(main$mean_probability))
  draw_plot("calibration",
            plot_calibration(figure_source(run), run$predictions, labels = figure_labels(findings)),
            s("calibration.caption"), alt, inches_of_panels(length(findings), 1, 7), "calibration.missing")
  write_brier(run$evaluation, facts)
  measures <- run$evaluation[["calibration_measures"]]
  if (NROW(measures) == 0) return(say("calibration.measures_missing"))
  write_recalibrated(run, measures)
  for (name in unique(measures$finding)) write_recalibrated_folds(run$info$calibration$findings[[name]], name)
  if (facts$many) write_main_measures(measures, facts)
  write_each(s("calibration.tabs"), "all-calibration", facts, function(name) {
    write_measures(measures[measures$finding == name, ], name, facts$many)
  })
  say("calibration.legend")
  write_fold("calibration.heading_before", "recalibration", facts$many, function() {
    write_recalibration(run, facts, measures)
  })
}

# For many findings, the main measures of each after recalibration.
write_main_measures <- function(measures, facts) {
  main <- c("intercept", "slope", "observed_expected", "brier", "ici")
  after <- measures[measures$stage == "after", ]
  texts <- lapply(main, function(measure) {
    rows <- after[after$measure == measure, ]
    rows <- rows[match(facts$findings, rows$finding), ]
    estimate_text(rows$estimate, rows$lower, rows$upper)
  })
  table <- data.frame(capitalise(finding(facts$findings)), stats::setNames(texts, main))
  names(table) <- c(s("points.column.finding"), words_of("calibration.measure", main))
  write_table_block("measures", table, s("calibration.main_caption"))
}

write_brier <- function(evaluation, facts) {
  points <- evaluation[["operating_points"]]
  score <- points$estimate[points$metric == "brier" & points$finding == facts$primary]
  found <- evaluation[["discrimination"]]
  prevalence <- found$prevalence[found$finding == facts$primary]
  if (!length(score) || !length(prevalence)) return(invisible())
  say("calibration.brier", score = num(score[[1]], 3), finding = facts$positive,
      reference = num(prevalence * (1 - prevalence), 3))
}

# --- before and after ---------------------------------------------------------------------------------------------

write_recalibration <- function(run, facts, measures) {
  curve <- run$evaluation[["calibration_curve"]]
  if (!NROW(curve) || all(is.na(curve$observed))) return(say("calibration.curve_missing"))
  findings <- unique(curve$finding)
  draw_plot("recalibration", ggplot2::autoplot(curve, labels = figure_labels(findings)),
            s("calibration.curve_caption"),
            s("calibration.curve_alt", values = stage_text(measures, facts$primary, "ici")),
            inches_of_panels(length(findings), 1, 5.8), "calibration.curve_missing")
}

# Which findings were recalibrated, why others were not, and where recalibration made the slope worse.
write_recalibrated <- function(run, measures) {
  findings <- unique(measures$finding)
  about <- run$info$calibration$findings[findings]
  done <- vapply(about, function(one) isTRUE(one$chosen) && !identical(one$method, "none"), NA)
  if (!any(done) || !"before" %in% measures$stage) return(say("calibration.never"))
  say(if (all(done)) "calibration.before_after" else "calibration.before_after_some", done = num(sum(done)),
      total = num(length(findings)))
  reasons <- vapply(about[!done], function(one) one$reason %||% "not_asked", "")
  for (reason in unique(reasons)) {
    text <- if (reason == "not_asked") s("calibration.not_asked") else word("calibration.fold_reason", reason)
    say("calibration.not_recalibrated", reason = text,
        findings = paste(finding(names(about[!done])[reasons == reason]), collapse = ", "))
  }
  slopes <- measures[measures$measure == "slope", ]
  of_stage <- function(stage) {
    rows <- slopes[slopes$stage == stage, ]
    rows$estimate[match(findings[done], rows$finding)]
  }
  write_worse_slopes(findings[done], of_stage("before"), of_stage("after"))
}

# A slope is worse if it is farther from 1: 0.5 is as far as 2.
write_worse_slopes <- function(findings, before, after) {
  distance <- function(slope) ifelse(slope > 0, abs(log(pmax(slope, 1e-9))), Inf)
  worse <- which(distance(after) > distance(before) + 0.05)
  if (!length(worse)) return(invisible())
  items <- s("calibration.worse_of", finding = finding(findings[worse]), before = num(before[worse], 2),
             after = num(after[worse], 2))
  say("calibration.worse", findings = paste(items, collapse = "; "))
}

# The folds that could not be recalibrated alone.
write_recalibrated_folds <- function(of_finding, name) {
  folds <- of_finding$folds
  if (NROW(folds) == 0) return(invisible())
  if (identical(of_finding$method, "shared")) {
    say("calibration.shared", finding = finding(name), least = num(min(folds$positives)),
        most = num(max(folds$positives)))
    alone <- folds[folds$reason %in% c("no_positive", "no_negative", "not_increasing"), ]
    if (nrow(alone) > 0) {
      write_markdown(paste(s("calibration.fold_alone", finding = finding(name), fold = escape_markdown(alone$fold),
                             reason = word("calibration.fold_reason", alone$reason)), collapse = " "))
    }
  } else if (identical(of_finding$method, "flat")) {
    say("calibration.flat", finding = finding(name))
  } else if (isFALSE(of_finding$chosen)) {
    say("calibration.unrecalibrated", finding = finding(name),
        reason = word("calibration.fold_reason", of_finding$reason))
  }
}

stage_text <- function(measures, name, measure) {
  rows <- measures[measures$finding == name & measures$measure == measure, ]
  paste(word("stage", rows$stage), num(rows$estimate, 3), collapse = "; ")
}

write_measures <- function(measures, name, plain) {
  wanted <- c("intercept", "slope", "observed_expected", "brier", "brier_scaled", "log_loss", "ici", "e90")
  there <- intersect(wanted, measures$measure)
  table <- data.frame(words_of("calibration.measure", there))
  for (stage in intersect(c("before", "after"), measures$stage)) {
    rows <- measures[measures$stage == stage, ]
    rows <- rows[match(there, rows$measure), ]
    table[[stage]] <- estimate_text(rows$estimate, rows$lower, rows$upper, 3)
  }
  depends <- there %in% c("brier", "brier_scaled", "log_loss")
  table$perfect <- ifelse(there %in% c("slope", "observed_expected"), "1", ifelse(depends, s("number.none"), "0"))
  names(table) <- c(s("calibration.column_measure"), capitalise(word("stage", names(table)[-c(1, ncol(table))])),
                    s("calibration.column_perfect"))
  if (plain) return(write_plain_table(table))
  write_table_block("measures", table, s("calibration.measures_caption", finding = finding(name)))
}
