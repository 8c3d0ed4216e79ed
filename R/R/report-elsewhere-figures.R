# Figures of the section on external validations.

# AUROC with its interval, one row per data set and one panel per finding.
forest_plot <- function(rows) {
  rows$row <- factor(plain(rows$label), levels = rev(unique(plain(rows$label))))
  rows$panel <- factor(plain(capitalise(finding(rows$finding))), unique(plain(capitalise(finding(rows$finding)))))
  colours <- c(here = accent, elsewhere = warm, pooled = report_ink)
  lowest <- min(0.5, floor(10 * min(rows$auroc_lower, rows$auroc, na.rm = TRUE)) / 10)
  plot <- ggplot2::ggplot(rows, ggplot2::aes(y = .data$row, colour = .data$kind)) +
    ggplot2::geom_vline(xintercept = 0.5, linetype = "22", colour = report_ink, linewidth = 0.4) +
    ggplot2::geom_segment(ggplot2::aes(x = .data$auroc_lower, xend = .data$auroc_upper, yend = .data$row),
                          linewidth = 1.4, lineend = "round", na.rm = TRUE) +
    ggplot2::geom_point(ggplot2::aes(x = .data$auroc, shape = .data$kind == "pooled"), size = 3.4) +
    ggplot2::scale_colour_manual(values = colours, guide = "none") +
    ggplot2::scale_shape_manual(values = c(`FALSE` = 15, `TRUE` = 18), guide = "none") +
    ggplot2::scale_x_continuous(limits = c(lowest, 1), breaks = seq(lowest, 1, 0.1), labels = numbers_from(1)) +
    ggplot2::labs(x = "AUROC", y = NULL) +
    theme_report(11)
  if (nlevels(rows$panel) > 1) plot + ggplot2::facet_wrap("panel", ncol = 1, scales = "free_y") else plot
}

# Calibration curve and net benefit, here and elsewhere.
side_curves <- function(evaluation, validation, name, labels) {
  of <- function(tables, label) {
    calibration <- tables$calibration_curve
    decision <- tables$decision_curve
    if (NROW(calibration) == 0 || NROW(decision) == 0) return(NULL)
    calibration <- calibration[calibration$finding == name & calibration$stage == "after", ]
    # Each data set at its own prevalence, up to the largest threshold that a clinic would use.
    own <- is.null(decision[["own"]]) | as.logical(column(decision, "own")) %in% TRUE
    decision <- clinical_thresholds(decision[own & decision$finding == name & decision$strategy == "model", ])
    rbind(
      data.frame(panel = "calibration", x = calibration$probability, y = calibration$observed,
                 lower = calibration$lower, upper = calibration$upper, set = rep(label, nrow(calibration))),
      data.frame(panel = "decision", x = decision$threshold, y = decision$net_benefit,
                 lower = decision$net_benefit_lower, upper = decision$net_benefit_upper,
                 set = rep(label, nrow(decision)))
    )
  }
  both <- rbind(of(evaluation, labels[[1]]), of(validation, labels[[2]]))
  if (NROW(both) == 0) return(NULL)
  both$set <- factor(both$set, labels)
  both[!is.na(both$y), ]
}

side_curves_plot <- function(curves) {
  panels <- c(calibration = s("elsewhere.panel_calibration"), decision = s("elsewhere.panel_decision"))
  curves$name <- factor(panels[curves$panel], panels)
  # Net benefit has no lower limit; below -0.1 the curve is cut.
  curves <- curves[curves$panel == "calibration" | curves$y > -0.1, ]
  curves$lower <- pmax(curves$lower, -0.1)
  reference <- data.frame(name = factor(panels, panels), slope = c(1, 0))
  ggplot2::ggplot(curves, ggplot2::aes(.data$x, .data$y, colour = .data$set, fill = .data$set)) +
    ggplot2::geom_abline(ggplot2::aes(slope = .data$slope, intercept = 0), reference, linetype = "22",
                         colour = report_ink, linewidth = 0.4) +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = .data$lower, ymax = .data$upper), alpha = 0.15, colour = NA,
                         na.rm = TRUE) +
    ggplot2::geom_line(linewidth = 0.9) +
    ggplot2::scale_colour_manual(values = c(accent, warm), aesthetics = c("colour", "fill")) +
    ggplot2::scale_x_continuous(labels = numbers_as_needed) +
    ggplot2::scale_y_continuous(labels = numbers_as_needed) +
    ggplot2::facet_wrap("name", scales = "free") +
    ggplot2::labs(x = s("elsewhere.axis"), y = NULL, colour = NULL, fill = NULL) +
    theme_report()
}
