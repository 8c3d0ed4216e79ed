# The operating points section: metrics at thresholds, and predictive values at other prevalences.

# One row per finding and operating point, one column per metric.
points_wide <- function(long) {
  id <- function(rows) paste(rows$finding, rows$operating_point)
  wide <- as.data.frame(unique(long[c("finding", "operating_point", "threshold")]))
  for (metric in unique(long$metric)) {
    rows <- long[long$metric == metric, ]
    wide[[metric]] <- rows$estimate[match(id(wide), id(rows))]
  }
  wide
}

write_operating_points <- function(run, facts) {
  long <- run$evaluation[["operating_points"]]
  if (is.null(long)) return(say("points.missing"))
  points <- points_wide(long)
  default <- vapply(points$finding, function(name) run$thresholds$findings[[name]]$default %||% "", "")
  chosen_on <- run$thresholds$chosen_on %||% "validation"
  apart <- s(if (identical(chosen_on, facts$split)) "points.chosen_here" else "points.chosen_apart")
  say("points.prose", chosen_on = word("split", chosen_on), apart = apart)
  at <- points[points$operating_point == default & points$finding == facts$primary, ]
  if (nrow(at) == 1) {
    say("points.in_words", threshold = num(at$threshold, 2), point = word("point", at$operating_point),
        finding = facts$positive, tp = num(at$true_positive), fn = num(at$false_negative),
        positives = num(at$true_positive + at$false_negative), fp = num(at$false_positive),
        negatives = num(at$false_positive + at$true_negative))
  }
  write_targets(long)
  if (facts$many) write_default_points(points[points$operating_point == default, ])
  write_each(s("points.tabs"), "all-points", facts, function(name) {
    write_points(long[long$finding == name, ], facts)
    write_predictive_values(run, name, facts)
  })
  say("points.legend")
}

# Thresholds that miss the sensitivity or specificity that they aim at, and thresholds that decide nothing.
write_targets <- function(long) {
  aimed <- regmatches(long$operating_point, regexec("^(sensitivity|specificity)_([0-9]+)$", long$operating_point))
  of_metric <- vapply(aimed, function(part) if (length(part)) part[[2]] else "", "")
  target <- vapply(aimed, function(part) if (length(part)) as.numeric(part[[3]]) / 100 else NA_real_, 1)
  below <- long$metric == of_metric & !is.na(long$estimate) & long$estimate < target
  missed <- below & !is.na(column(long, "upper")) & column(long, "upper") < target
  targets <- function(rows) {
    s("points.target", finding = finding(long$finding[rows]), metric = word("points.metric_of", of_metric[rows]),
      target = pct(target[rows], 0), reached = pct(long$estimate[rows], 0),
      range = range_text(100 * long$lower[rows], 100 * long$upper[rows], 0))
  }
  points <- points_wide(long)
  thresholds <- function(rows) {
    s("points.threshold_of", finding = finding(points$finding[rows]),
      point = word("point", points$operating_point[rows]), threshold = num(points$threshold[rows], 3))
  }
  say_items("points.missed", targets(which(missed)))
  say_items("points.below", targets(which(below & !missed)))
  say_items("points.unusable_all", thresholds(which(points$true_negative + points$false_negative == 0)))
  say_items("points.unusable_none", thresholds(which(points$true_positive + points$false_positive == 0)))
}

say_items <- function(key, items) if (length(items)) say(key, items = paste(items, collapse = "; "))

# For many findings, the default operating point of each, for comparison.
write_default_points <- function(points) {
  metrics <- c("threshold", "sensitivity", "specificity", "ppv", "npv")
  text <- points[metrics]
  text[] <- lapply(text, num, digits = 2)
  # Thresholds of rare findings are small and need three digits.
  text$threshold <- num(points$threshold, 3)
  table <- data.frame(capitalise(finding(points$finding)), text)
  names(table) <- words_of("points.column", c("finding", metrics))
  write_table_block("points", table, s("points.caption_default"))
}

metrics_shown <- c("sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative")

# One column per operating point, one row per metric with its interval.
write_points <- function(long, facts) {
  points <- unique(long$operating_point)
  metrics <- intersect(metrics_shown, long$metric)
  table <- data.frame(c(s("points.column.threshold"), words_of("points.column", metrics)))
  for (point in points) {
    rows <- long[long$operating_point == point, ]
    at <- rows[match(metrics, rows$metric), ]
    table[[point]] <- c(num(rows$threshold[[1]], if (facts$many) 3 else 2),
                        estimate_text(at$estimate, column(at, "lower"), column(at, "upper")))
  }
  names(table) <- c(s("points.column.metric"), capitalise(word("point", points)))
  if (facts$many) return(write_plain_table(table))
  write_table_block("points", table, s("points.caption"))
}

# A short estimate with its interval, for tables with many columns; a dash if the interval cannot be estimated. The
# separator is a dash, or "; " for negative numbers. Numbers from 10 on have fewer decimals.
estimate_text <- function(estimate, lower, upper, digits = 2) {
  # An interval without width is no interval.
  flat <- which(lower == upper)
  lower[flat] <- upper[flat] <- NA
  between <- if (any(lower < 0, na.rm = TRUE)) "; " else "\u2013"
  digits <- rep_len(digits, length(estimate))
  # A narrow interval has the digits that show its width.
  for (more in 1:3) {
    narrow <- which(num(lower, digits) == num(upper, digits) & is.finite(lower) & is.finite(upper))
    digits[narrow] <- digits[narrow] + 1
  }
  shown <- function(x) {
    places <- ifelse(is.finite(x) & abs(x) >= 10, floor(log10(abs(x))), 0)
    num(x, pmax(digits - places, 0))
  }
  limits <- paste0(" (", shown(lower), between, shown(upper), ")")
  unknown <- paste0(" (", s("number.none"), ")")
  text <- paste0(shown(estimate), ifelse(is.na(lower) | is.na(upper), unknown, limits))
  ifelse(is.na(estimate), s("number.none"), text)
}

# Predictive values at other prevalences, with constant sensitivity and specificity.
write_predictive_values <- function(run, name, facts) {
  values <- run$evaluation[["predictive_values"]]
  values <- values[values$finding == name, ]
  default <- run$thresholds$findings[[name]]$default
  values <- values[values$operating_point %in% default, ]
  if (NROW(values) == 0) return(if (!facts$many) say("points.predictive_missing"))
  if (!facts$many) say("points.predictive")
  shown <- unique(values[order(values$prevalence), c("prevalence", "own")])
  at <- function(metric) {
    rows <- values[values$metric == metric, ]
    rows <- rows[match(shown$prevalence, rows$prevalence), ]
    estimate_text(rows$estimate, rows$lower, rows$upper)
  }
  prevalence <- pct(shown$prevalence)
  own <- as.logical(shown$own) %in% TRUE
  prevalence[own] <- s("points.own_prevalence", prevalence = prevalence[own])
  table <- data.frame(prevalence, at("ppv"), at("npv"))
  names(table) <- words_of("points.column", c("prevalence", "ppv", "npv"))
  if (facts$many) return(write_plain_table(table))
  write_table_block("predictive", table, s("points.predictive_caption", finding = finding(name)))
}
