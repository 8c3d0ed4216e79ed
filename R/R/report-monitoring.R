# The section on the months after deployment. It is omitted where `placa monitor` has not been used.

write_monitoring <- function(run, facts) {
  check_result(file.path(run$path, "monitoring"), "monitoring", run$path, NULL)
  tables <- lapply(c(drift = "drift", performance = "performance"), function(name) {
    file <- file.path(run$path, "monitoring", paste0(name, ".csv"))
    if (file.exists(file)) utils::read.csv(file, colClasses = c(period = "character", finding = "character"))
  })
  if (NROW(tables$drift) == 0) return(invisible())
  write_heading("heading.monitoring", "monitoring")
  say("monitoring.prose")
  write_changes(tables$drift)
  write_periods(tables$performance, facts)
}

# What has changed, one row per period and variable; a period without changes has a row too.
write_changes <- function(drift) {
  shown <- do.call(rbind, lapply(unique(drift$period), function(period) {
    rows <- drift[drift$period == period, ]
    images <- num(max(rows$n_images))
    rows <- rows[rows$changed, ]
    none <- nrow(rows) == 0
    data.frame(
      period = escape_markdown(period), images = images,
      variable = if (none) s("monitoring.unchanged") else name_of_variable(rows),
      reference = if (none) "" else num(rows$reference, 2), current = if (none) "" else num(rows$current, 2),
      difference = if (none) "" else estimate_text(rows$difference, rows$difference_lower, rows$difference_upper)
    )
  }))
  names(shown) <- words_of("monitoring.column", names(shown))
  write_table_block("monitoring", shown, s("monitoring.caption"), c("l", "r", "l", "r", "r", "r"))
}

name_of_variable <- function(rows) {
  name <- words_of("monitoring.variable", rows$variable)
  of_finding <- !is.na(rows$finding) & nzchar(rows$finding)
  name[of_finding] <- paste0(name[of_finding], ": ", finding(rows$finding[of_finding]))
  of_level <- !is.na(rows$level) & nzchar(rows$level)
  level <- unlist(Map(function(column, value) {
    if (value %in% c("unknown", "other")) s(paste0("elsewhere.level.", value)) else word(column, value)
  }, rows$variable[of_level], rows$level[of_level]))
  name[of_level] <- paste0(name[of_level], ": ", level)
  name
}

# Results of the periods with labels, and calibration over time.
write_periods <- function(table, facts) {
  table <- table[table$finding %in% facts$findings, ]
  if (!any(table$period != "reference")) return(say("monitoring.unlabelled"))
  write_period_tables("periods", table, facts, "monitoring.periods_caption")
  rows <- table[table$finding == facts$primary, ]
  draw_plot("monitoring", periods_plot(rows, rows$auroc[[1]]),
            s("monitoring.figure_caption", finding = finding(facts$primary)), s("monitoring.figure_alt"), c(7, 2.8),
            "elsewhere.forest_missing")
}

# A table per finding, one row per period.
write_period_tables <- function(id, table, facts, caption) {
  write_tabs(s("monitoring.tabs"), unique(table$finding), function(name) {
    rows <- table[table$finding == name, ]
    shown <- data.frame(
      period = name_of_period(rows$period), images = num(rows$n_images), positive = num(rows$n_positive),
      auroc = estimate_text(rows$auroc, rows$auroc_lower, rows$auroc_upper),
      observed = estimate_text(rows$observed_expected, rows$observed_expected_lower, rows$observed_expected_upper),
      slope = estimate_text(rows$slope, rows$slope_lower, rows$slope_upper)
    )
    names(shown) <- words_of("monitoring.column", names(shown))
    if (facts$many) return(write_plain_table(shown))
    write_table_block(id, shown, s(caption, finding = finding(name)))
  })
}

name_of_period <- function(period) ifelse(period == "reference", s("elsewhere.here"), escape_markdown(period))

# AUROC and observed to expected positives over the periods, with a line at the AUROC of all images.
periods_plot <- function(rows, auroc) {
  of <- function(metric) {
    data.frame(
      panel = s(paste0("monitoring.panel_", metric)), period = plain(name_of_period(rows$period)),
      estimate = rows[[metric]], lower = rows[[paste0(metric, "_lower")]], upper = rows[[paste0(metric, "_upper")]]
    )
  }
  values <- rbind(of("auroc"), of("observed_expected"))
  values$period <- factor(values$period, unique(values$period))
  values$panel <- factor(values$panel, unique(values$panel))
  ideal <- data.frame(panel = levels(values$panel), ideal = c(auroc, 1))
  ideal$panel <- factor(ideal$panel, levels(values$panel))
  ggplot2::ggplot(values, ggplot2::aes(.data$period, .data$estimate)) +
    ggplot2::geom_hline(ggplot2::aes(yintercept = .data$ideal), ideal, linetype = "22", colour = report_ink,
                        linewidth = 0.4, na.rm = TRUE) +
    ggplot2::geom_linerange(ggplot2::aes(ymin = .data$lower, ymax = .data$upper), colour = accent, linewidth = 1.2,
                            na.rm = TRUE) +
    ggplot2::geom_point(colour = accent, size = 3, na.rm = TRUE) +
    ggplot2::scale_y_continuous(labels = numbers_from(2)) +
    ggplot2::facet_wrap("panel", scales = "free_y") +
    ggplot2::labs(x = NULL, y = NULL) +
    theme_report(11)
}
