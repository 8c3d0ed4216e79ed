# One theme, with two backgrounds: white for single figures, transparent for the report, whose page may be dark.

# The Okabe-Ito palette for all types of colour vision, without black and yellow (low contrast on paper).
finding_colours <- c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5A5A5A", "#8C510A")
finding_lines <- c("solid", "42", "11", "6222", "8212", "22", "93", "1141")
ink <- "#222222"
pale <- "#8A8A8A"
band_alpha <- 0.2

# The colours of the report's page (theme.css), for figures that only the report has.
report_ink <- "#3a444e"
accent <- "#0b6e75"
warm <- "#c2502e"
verdict_colours <- c(none = "#5b5f66", inconclusive = "#4f7f9f", some = "#b8860b", strong = warm)

theme_placa <- function(base_size = 11) {
  theme_of_both(base_size, "", ink, "#444444", "#ECECEC", 0.35) +
    ggplot2::theme(
      panel.border = ggplot2::element_rect(fill = NA, colour = "#BDBDBD", linewidth = 0.4),
      plot.subtitle = ggplot2::element_text(colour = ink, margin = ggplot2::margin(b = 8)),
      plot.caption = ggplot2::element_text(colour = "#666666", hjust = 0, size = ggplot2::rel(0.75)),
      plot.caption.position = "plot",
      plot.background = ggplot2::element_rect(fill = "white", colour = NA),
      legend.position = "bottom",
      legend.direction = "vertical",
      legend.box = "vertical",
      legend.box.just = "left",
      legend.justification = "left",
      legend.title = ggplot2::element_text(size = ggplot2::rel(0.85)),
      legend.spacing.y = grid::unit(0, "pt"),
      legend.margin = ggplot2::margin(0, 0, 2, 0),
      # Prevents overlap of axis labels of adjacent panels.
      panel.spacing.x = grid::unit(18, "pt"),
      legend.key.size = grid::unit(13, "pt"),
      plot.margin = ggplot2::margin(8, 12, 6, 8)
    )
}

theme_report <- function(base_size = 12) {
  theme_of_both(base_size, font_family(), report_ink, report_ink, "#00000014", 0.4) +
    ggplot2::theme(
      plot.background = ggplot2::element_blank(),
      panel.background = ggplot2::element_blank(),
      legend.position = "top",
      legend.justification = "left",
      legend.title = ggplot2::element_blank(),
      legend.margin = ggplot2::margin(0, 0, 0, 0),
      legend.box.spacing = grid::unit(4, "pt"),
      plot.margin = ggplot2::margin(6, 10, 6, 6)
    )
}

theme_of_both <- function(base_size, family, colour, axis_colour, grid_colour, grid_width) {
  ggplot2::theme_minimal(base_size = base_size, base_family = family) +
    ggplot2::theme(
      text = ggplot2::element_text(colour = colour),
      axis.text = ggplot2::element_text(colour = axis_colour),
      panel.grid.minor = ggplot2::element_blank(),
      panel.grid.major = ggplot2::element_line(colour = grid_colour, linewidth = grid_width),
      strip.text = ggplot2::element_text(colour = colour, face = "bold", hjust = 0),
      strip.clip = "off"
    )
}

# Changes a figure to the background and font of the report.
in_report_style <- function(plot) {
  text <- ggplot2::element_text(family = font_family())
  plot + ggplot2::theme(text = text, plot.background = ggplot2::element_blank())
}

# Has the same widths as Helvetica and Arial, which replace it on other machines.
font_family <- function() {
  wanted <- "Liberation Sans"
  there <- requireNamespace("systemfonts", quietly = TRUE) && wanted %in% systemfonts::system_fonts()$family
  if (there) wanted else "sans"
}

# An axis from 0 to at most 1, without ticks below 0, where the histogram is.
scale_of_shares <- function(scale, labels, ...) {
  scale(breaks = share_breaks, labels = function(x) format_ticks(x, labels$decimal_mark), ...)
}

share_breaks <- function(limits) {
  if (diff(limits) > 0.8) seq(0, 1, 0.2) else round(pretty(c(max(limits[[1]], 0), limits[[2]]), 3), 9)
}

# A factor of panel names, in the order of the table.
as_panel <- function(finding, labels, findings = unique(finding)) {
  factor(translate(finding, labels$findings), unique(translate(findings, labels$findings)))
}

# Breaks a title that is wider than a figure of one panel. An interval stays on one line.
wrap_title <- function(text, width = 48) {
  joined <- gsub(" (?=[^()]*\\))", "\u00a0", text, perl = TRUE)
  vapply(joined, function(one) paste(strwrap(one, width + 1), collapse = "\n"), "", USE.NAMES = FALSE)
}

# With several findings, each has a panel; a single finding is the subtitle.
by_panel <- function(panel, scales = "fixed") {
  if (nlevels(panel) == 1) {
    return(ggplot2::labs(subtitle = wrap_title(levels(panel))))
  }
  ggplot2::facet_wrap(ggplot2::vars(.data$panel), ncol = panels_across(nlevels(panel)), scales = scales)
}

# Fourteen findings fill three rows of five.
panels_across <- function(n) if (n <= 1) 1 else if (n <= 4) 2 else if (n <= 9) 3 else if (n <= 12) 4 else 5

# Size in inches of `n` panels of a width and height, with `more` for the legend.
size_of_panels <- function(n, alone, width, height, more) {
  if (n <= 1) {
    return(alone)
  }
  across <- panels_across(n)
  wider <- if (n <= 4) 1.5 else 1
  c(across * width * wider, ceiling(n / across) * height * wider + more)
}

# Rows with data; a figure without data is an error.
drawable <- function(table, columns, call = rlang::caller_env()) {
  kept <- table[stats::complete.cases(table[columns]), ]
  if (nrow(kept) == 0) {
    abort(
      c("The table has no data to plot.",
        x = if (nrow(table) == 0) "It has no rows." else "{.field {columns[[1]]}} is missing in all rows.",
        i = if (nrow(table) == 0 && inherits(table, "placa_subgroups")) {
          "Subgroups are those of the columns {.field {c('sex', 'age', 'view', 'site')}}, or of {.arg by} in
            {.fun subgroups}."
        } else {
          "A finding with only one class has no curve, and a small group has no estimates."
        }),
      class = "placa_error_plot", call = call
    )
  }
  kept
}

# Rows with both bounds, because a ribbon fails in a panel without bounds.
bounded <- function(table, columns = c("lower", "upper")) {
  table[stats::complete.cases(table[columns]), ]
}

# What the band is, if there is one.
band_caption <- function(table, labels, columns = c("lower", "upper")) {
  if (nrow(bounded(table, columns)) > 0) fill_in(labels$band, level = level_of(table))
}

# The alternative text for screen readers: one sentence with the names of the findings.
alt_text <- function(template, finding, labels, ...) {
  names <- unique(translate(finding, labels$findings))
  ggplot2::labs(alt = fill_in(template, findings = paste(names, collapse = ", "), ...))
}

level_of <- function(table) format(100 * table$confidence[[1]])

# Replaces known placeholders, such as {level}; a user may change the texts, so no code in them is run.
fill_in <- function(template, ...) {
  values <- list(...)
  for (name in names(values)) {
    template <- gsub(paste0("{", name, "}"), values[[name]], template, fixed = TRUE)
  }
  template
}

# The tables of a figure, from an evaluation or computed from predictions.
as_evaluation <- function(x, thresholds, split, call = rlang::caller_env()) {
  if (inherits(x, "placa_evaluation")) {
    return(x)
  }
  if (!is.data.frame(x)) {
    abort(
      c("{.arg x} must be an evaluation or a data frame of predictions.",
        x = "Received {.obj_type_friendly {x}}.",
        i = "Use {.fun evaluate}, {.fun read_evaluation} or {.fun read_predictions}."),
      class = "placa_error_plot", call = call
    )
  }
  rows <- select_split(x, split, call)
  has_thresholds <- !is.null(thresholds)
  new_evaluation(
    discrimination = discrimination(rows, split),
    operating_points = if (has_thresholds) operating_points(rows, thresholds, split),
    calibration = calibration_bins(rows, split),
    roc = roc_points(rows, split),
    thresholds = if (has_thresholds) check_thresholds(thresholds, unique(rows$finding)),
    predictions = rows[evaluation_columns],
    about = list(split = split, confidence = 0.95)
  )
}
