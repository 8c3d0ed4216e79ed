# One figure for all tables of estimates with limits: a row per finding, a panel per metric.

# Column of the estimate, the panels and the parts of a row's name. The limits of `value` are in `lower` and `upper`, or
# in VALUE_lower and VALUE_upper.
estimate_tables <- list(
  placa_discrimination = list(value = "auroc"),
  placa_clustered_auroc = list(value = "auroc", row = "method"),
  placa_average_precision = list(value = "average_precision"),
  placa_partial_auroc = list(value = "partial_auroc_standardised"),
  placa_multiclass_auroc = list(value = "auroc", row = c("class_1", "class_2")),
  placa_operating_points = list(value = "estimate", panel = "metric", row = "operating_point"),
  placa_calibration_measures = list(value = "estimate", panel = "measure", row = "stage"),
  placa_thresholds = list(value = "threshold", row = "operating_point"),
  placa_modalities = list(value = "difference", panel = "metric", row = c("analysis", "modality", "reader")),
  placa_agreement = list(value = "estimate", panel = "coefficient", row = c("modality", "reader", "other_reader")),
  placa_truths = list(value = "estimate", panel = "metric", row = "truth"),
  placa_localisation = list(value = "estimate", panel = "metric", row = "at"),
  placa_performance = list(value = "auroc", row = "period"),
  placa_drift = list(value = "std_difference", row = c("variable", "level", "period")),
  placa_gain = list(value = "difference", panel = "metric"),
  placa_confusion = list(value = "share", row = c("truth", "predicted")),
  placa_pooled = list(value = "auroc"),
  placa_plan = list(value = "images_needed", row = "measure"),
  placa_reader_plan = list(value = "cases", panel = "metric", row = "readers"),
  placa_reader_power = list(value = "power", panel = "metric", row = c("readers", "cases")),
  placa_component_values = list(value = "estimate", panel = "metric", row = "component")
)

# A perfect model, or no difference.
ideal_values <- c(intercept = 0, slope = 1, observed_expected = 1, difference = 0)

# NULL, where there is nothing to estimate, stays NULL.
as_estimates <- function(name, table) {
  if (!is.null(table)) as_subclass(c(paste0("placa_", name), "placa_estimates"), table)
}

# The components of variance_components() below one another.
#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_components <- function(object, metric = NULL, labels = plot_labels("en"), ...) { # nolint
  names <- intersect(c("var", "cov1", "cov2", "cov3", "var_reader", "var_modality_reader", "ms_reader"), names(object))
  parts <- lapply(names, function(name) {
    tibble::tibble(object[c("finding", "metric")], component = name, estimate = object[[name]])
  })
  ggplot2::autoplot(as_estimates("component_values", do.call(rbind, parts)), metric = metric, labels = labels)
}

#' @rdname autoplot.placa_evaluation
#' @exportS3Method ggplot2::autoplot
autoplot.placa_estimates <- function(object, metric = NULL, labels = plot_labels("en"), ...) { # nolint
  labels <- as_labels(labels)
  about <- estimate_tables[[class(object)[[1]]]]
  table <- estimates_shown(object, about, metric, labels)
  several <- length(unique(table[["finding"]])) > 1
  table$row <- names_of_rows(table, about$row, several, labels)
  finding <- unique(table[["finding"]])
  ideal <- unique(table[!is.na(table$ideal), c("panel", "ideal")])
  ggplot2::ggplot(table, ggplot2::aes(.data$value, .data$row)) +
    ggplot2::geom_vline(ggplot2::aes(xintercept = .data$ideal), data = ideal, colour = pale, linewidth = 0.4) +
    ggplot2::geom_linerange(
      ggplot2::aes(xmin = .data$lower, xmax = .data$upper), colour = finding_colours[[1]], linewidth = 0.6, na.rm = TRUE
    ) +
    ggplot2::geom_point(colour = finding_colours[[1]], size = 2.1) +
    ggplot2::scale_x_continuous(labels = function(x) ticks_of_estimates(x, labels), n.breaks = 4) +
    ggplot2::labs(
      x = axis_of_estimates(object, about$value, table$panel, labels), y = NULL,
      subtitle = if (!several && !anyNA(finding)) translate(finding, labels$findings),
      caption = if (nrow(bounded(table)) > 0 && "confidence" %in% names(table)) {
        fill_in(labels$bars, level = level_of(table))
      }
    ) +
    theme_placa() +
    (if (nlevels(table$panel) > 1) ggplot2::facet_wrap(ggplot2::vars(.data$panel), ncol = 2, scales = "free_x")) +
    alt_text(
      labels$alt_estimates, if (is.null(finding) || anyNA(finding)) table$row else finding, labels,
      metrics = paste(levels(table$panel), collapse = ", ")
    )
}

# Numbers of images have no decimals.
ticks_of_estimates <- function(x, labels) {
  format_ticks(x, labels$decimal_mark, if (any(abs(x) >= 10, na.rm = TRUE)) 0 else 1)
}

# Rows with an estimate, as the columns value, lower, upper, panel and ideal.
estimates_shown <- function(object, about, metric, labels, call = rlang::caller_env()) {
  kind <- if (is.null(about$panel)) about$value else object[[about$panel]]
  if (is.null(metric)) {
    # The metrics of the first screen, if the table has them.
    clinical <- c("auroc", "sensitivity", "specificity", "ppv", "npv")
    first <- if ("sensitivity" %in% kind) clinical else names(ideal_values)
    metric <- if (any(first %in% kind)) intersect(first, kind) else unique(kind)
  }
  check_metric_shown(metric, FALSE, kind, call)
  limits <- paste0(about$value, c("_lower", "_upper"))
  if (!all(limits %in% names(object))) limits <- c("lower", "upper")
  # Drift has none.
  limit <- function(name) if (name %in% names(object)) object[[name]] else NA_real_
  table <- tibble::tibble(
    tibble::as_tibble(object)[c(intersect(c("finding", "confidence"), names(object)), about$row)],
    value = object[[about$value]], lower = limit(limits[[1]]), upper = limit(limits[[2]]),
    panel = as_panel_of_metrics(rep_len(kind, nrow(object)), metric, labels),
    ideal = unname(ideal_values[rep_len(if (about$value == "estimate") kind else about$value, nrow(object))])
  )
  drawable(table[!is.na(table$panel), ], "value", call)
}

# The title of the axis. Several panels have the names of their metrics above them, so only a single panel's metric is
# in the title. The title of a difference names the two models or modalities that are compared.
axis_of_estimates <- function(object, value, panel, labels) {
  one <- if (nlevels(panel) == 1) levels(panel)
  if (value != "difference") {
    return(one)
  }
  between <- unique(object[intersect(c("modality", "reference"), names(object))])
  difference <- if (nrow(between) == 1 && ncol(between) == 2) {
    fill_in(labels$difference, model = between$modality, reference = between$reference)
  } else {
    translate("difference", labels$metrics)
  }
  paste(c(one, difference), collapse = ": ")
}

# A factor in the order of the table from top to bottom.
names_of_rows <- function(table, columns, several, labels) {
  words <- c(labels$operating_points, labels$stages, labels$analyses, labels$findings, labels$metrics)
  parts <- lapply(c(if (several) "finding", columns), function(column) {
    text <- as.character(table[[column]])
    if (length(unique(text)) > 1) ifelse(is.na(text), "", translate(text, words))
  })
  parts <- Filter(Negate(is.null), parts)
  if (length(parts) == 0) {
    return(factor(rep("", nrow(table))))
  }
  joined <- do.call(paste, c(parts, sep = ", "))
  names <- gsub("(, )+$|^(, )+", "", gsub("(, )+", ", ", joined))
  names[names == ""] <- labels$together
  in_order <- order(match(table[["finding"]], unique(table[["finding"]])))
  factor(names, rev(unique(names[if (several) in_order else seq_along(names)])))
}
