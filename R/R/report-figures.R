# Figures that only the report has, and functions that write figures to the report.

# Saves a plot as SVG and returns its path. The font families are common on readers' machines; svglite sets the width
# of each text, so that a substitute font does not overflow. Word processors require PNG.
save_svg <- function(plot, name, width, height) {
  if (identical(knitr::pandoc_to(), "docx")) {
    file <- figure_file(paste0(name, ".png"))
    grDevices::png(file_of_device(file), width, height, units = "in", res = 300, type = "cairo")
    tryCatch(print(plot), finally = grDevices::dev.off())
    return(file)
  }
  file <- figure_file(paste0(name, ".svg"))
  svglite::svglite(file_of_device(file), width = width, height = height, bg = "transparent")
  tryCatch(print(plot), finally = grDevices::dev.off())
  # Typst uses the fonts of this machine, and only the first family.
  if (identical(knitr::pandoc_to(), "typst")) return(file)
  text <- readLines(file, warn = FALSE, encoding = "UTF-8")
  family <- 'font-family: "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif'
  writeLines(gsub('font-family: "[^"]*"', family, text), file, useBytes = TRUE)
  file
}

draw <- function(id, plot, caption, alt, size = c(5.6, 4.8)) {
  write_figure_block(id, save_svg(plot, id, size[[1]], size[[2]]), caption, alt, size[[1]])
}

# A figure of the R package; without data, the sentence with the key `missing` replaces it.
draw_plot <- function(id, plot, caption, alt, size, missing) {
  drawn <- tryCatch(in_report_style(plot), placa_error_plot = function(e) NULL)
  if (is.null(drawn)) return(say(missing))
  draw(id, drawn, caption, alt, size)
}

# Size in inches of a figure of `n` findings: one panel for up to `together` findings, otherwise one panel per finding.
inches_of_panels <- function(n, together, height) {
  if (n <= together) return(c(5.6, height + if (n > 1) 0.22 * n else 0))
  columns <- panels_across(n)
  c(2.5 * columns, 2.7 * ceiling(n / columns) + 1.2)
}

# The panels of many ROC curves are squares, under a strip of two lines.
inches_of_roc <- function(n) {
  if (n <= 8) return(c(5.6, if (n > 1) 6 + 0.22 * n else 6.4))
  columns <- panels_across(n)
  c(2.5 * columns, 2.95 * ceiling(n / columns) + 1.1)
}

# Uses enough digits to distinguish the ticks of an axis.
numbers_as_needed <- function(x) {
  apart <- min(diff(sort(unique(x[!is.na(x)]))), 0.1)
  num(x, max(2, ceiling(-log10(apart) - 1e-9)))
}

numbers_from <- function(digits) function(x) num(x, digits)

# AUROC with its interval, one row per finding.
headline_plot <- function(discrimination) {
  d <- discrimination[order(discrimination$auroc), ]
  d$name <- factor(plain(capitalise(finding(d$finding))), levels = plain(capitalise(finding(d$finding))))
  lowest <- min(0.5, floor(10 * min(d$auroc_lower, na.rm = TRUE)) / 10)
  ggplot2::ggplot(d, ggplot2::aes(y = .data$name)) +
    ggplot2::geom_segment(ggplot2::aes(x = lowest, xend = 1, yend = .data$name), colour = "#00000018", linewidth = 2.6,
                          lineend = "round") +
    ggplot2::geom_segment(ggplot2::aes(x = .data$auroc_lower, xend = .data$auroc_upper, yend = .data$name),
                          colour = accent, linewidth = 2.6, lineend = "round") +
    ggplot2::geom_point(ggplot2::aes(x = .data$auroc), size = 4.6, colour = "white", fill = warm,
                        shape = 21, stroke = 1.1) +
    ggplot2::scale_x_continuous(limits = c(lowest, 1), breaks = seq(lowest, 1, 0.1), labels = numbers_from(1),
                                expand = ggplot2::expansion(mult = 0.03)) +
    ggplot2::labs(x = NULL, y = NULL) +
    theme_report(11) +
    ggplot2::theme(panel.grid = ggplot2::element_blank(),
                   axis.text.y = if (nrow(d) == 1) ggplot2::element_blank() else ggplot2::element_text())
}

history_plot <- function(history, best) {
  # Each fold has its own line.
  fold <- column(history, "fold")
  long <- rbind(
    data.frame(epoch = history$epoch, value = history$loss, series = "train", panel = "loss"),
    data.frame(epoch = history$epoch, value = history$validation_loss, series = "validation", panel = "loss"),
    data.frame(epoch = history$epoch, value = history$validation_auroc, series = "validation", panel = "auroc")
  )
  long$line <- paste(long$series, rep(fold, 3))
  long$panel <- factor(long$panel, c("auroc", "loss"), c(s("axis.validation_auroc"), s("axis.loss")))
  long$series <- factor(long$series, c("train", "validation"), word("split", c("train", "validation")))
  plot <- ggplot2::ggplot(long, ggplot2::aes(.data$epoch, .data$value, colour = .data$series, group = .data$line)) +
    ggplot2::geom_line(linewidth = 0.9) +
    ggplot2::facet_wrap("panel", ncol = 1, scales = "free_y") +
    ggplot2::scale_colour_manual(values = c(warm, accent)) +
    ggplot2::scale_x_continuous(breaks = function(x) unique(round(pretty(x))), labels = numbers_from(0)) +
    ggplot2::scale_y_continuous(labels = numbers_as_needed) +
    ggplot2::labs(x = s("axis.epoch"), y = NULL) +
    theme_report()
  if (!length(best)) return(plot)
  plot + ggplot2::geom_vline(xintercept = best, linetype = "22", colour = report_ink, linewidth = 0.4)
}

# --- shortcuts: performance of simple probes that cannot see the lungs --------------------------------------------

# One row per probe, with the model above for comparison.
shortcut_plot <- function(probes, model) {
  d <- data.frame(name = plain(capitalise(probe_names(probes$probe))), auroc = probes$auroc, lower = probes$lower,
                  upper = probes$upper, kind = ifelse(is.na(probes$verdict), "none", probes$verdict))
  d <- d[order(d$auroc), ]
  if (NROW(model)) {
    of_model <- data.frame(name = s("audit.shortcuts.model"), auroc = model$auroc[[1]], lower = model$auroc_lower[[1]],
                           upper = model$auroc_upper[[1]], kind = "model")
    d <- rbind(d, of_model)
  }
  d$name <- wrap_title(d$name, 29)
  d$name <- factor(d$name, levels = d$name)
  lowest <- min(0.5, floor(10 * min(d$auroc, d$lower, na.rm = TRUE)) / 10)
  # The row of the model has its name, so that it needs no key.
  words <- stats::setNames(word("verdict", names(verdict_colours)), names(verdict_colours))
  shown <- intersect(names(words), d$kind)
  ggplot2::ggplot(d, ggplot2::aes(y = .data$name, colour = .data$kind)) +
    ggplot2::geom_vline(xintercept = 0.5, linetype = "22", colour = report_ink, linewidth = 0.4) +
    ggplot2::geom_segment(ggplot2::aes(x = .data$lower, xend = .data$upper, yend = .data$name), linewidth = 1.6,
                          lineend = "round", na.rm = TRUE) +
    ggplot2::geom_point(ggplot2::aes(x = .data$auroc), size = 3.4) +
    ggplot2::scale_colour_manual(values = c(verdict_colours, model = accent), breaks = shown, labels = words[shown]) +
    ggplot2::scale_x_continuous(limits = c(lowest, 1), breaks = seq(lowest, 1, 0.1), labels = numbers_from(1)) +
    ggplot2::labs(x = "AUROC", y = NULL) +
    theme_report(11)
}

# For many findings: one tile per finding and probe, coloured by AUROC; strong probes have a frame.
shortcut_tiles <- function(probes) {
  d <- data.frame(finding = plain(capitalise(finding(probes$finding))),
                  probe = plain(word("probe_short", probes$probe)), auroc = probes$auroc,
                  strong = probes$verdict %in% "strong")
  d$finding <- factor(d$finding, levels = rev(sort(unique(d$finding))))
  d$probe <- factor(d$probe, levels = unique(d$probe))
  ggplot2::ggplot(d, ggplot2::aes(.data$probe, .data$finding)) +
    ggplot2::geom_tile(ggplot2::aes(fill = pmax(.data$auroc, 0.5)), colour = "white", linewidth = 0.8) +
    ggplot2::geom_tile(data = d[d$strong, ], fill = NA, colour = report_ink, linewidth = 0.9, width = 0.94,
                       height = 0.9) +
    ggplot2::geom_text(ggplot2::aes(label = num(.data$auroc, 2), fontface = ifelse(.data$strong, "bold", "plain")),
                       colour = "#22292f", size = 3.6, family = font_family()) +
    ggplot2::scale_fill_gradient(low = "#f4f1ea", high = "#e8906f", limits = c(0.5, 1), guide = "none") +
    ggplot2::scale_x_discrete(position = "top") +
    ggplot2::labs(x = NULL, y = NULL) +
    theme_report(11.5) +
    ggplot2::theme(panel.grid = ggplot2::element_blank(), axis.text.x = ggplot2::element_text(size = 8.4))
}

# Labels for the R package's figures, so that the report uses the same name of a finding everywhere.
figure_labels <- function(findings) {
  names <- stats::setNames(plain(capitalise(finding(findings))), findings)
  groups <- c(F = word("sex", "F"), M = word("sex", "M"))
  plot_labels(
    the_report$language,
    findings = names, groups = groups, interval = s("axis.interval"), bin = s("axis.bin")
  )
}
