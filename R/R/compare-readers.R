#' Compare a model with readers
#'
#' Compares a model with each reader and with the mean of the readers, on the images
#' that all of them read.
#'
#' The threshold of a model is arbitrary, and a reader has one point of sensitivity and
#' specificity. So the model is compared at the point of each reader:
#' `"specificity_at_sensitivity"` is the specificity of the model where it has the
#' sensitivity of the reader, and `"sensitivity_at_specificity"` the reverse. The ROC
#' curve is linear between its points. With `thresholds`, `"sensitivity"` and
#' `"specificity"` compare the model at its stored default operating point. Ordinal
#' ratings also have `"auroc"`. Ratings of 0 and 1 do not, because the area below a
#' single point is smaller than that of the reader's curve, in favour of the model.
#'
#' The mean of the readers is compared in two ways. `"random_readers"` is the analysis
#' of Obuchowski and Rockette for one algorithm and a panel (Hillis, Obuchowski and
#' Berbaum 2011; Chakraborty 2017): readers and cases are samples, and the result holds
#' for other readers. `"fixed_readers"` holds for these readers and other cases. The
#' interval for random readers may be narrower (see [compare_modalities()]), so both are
#' returned.
#'
#' Covariances come from the jackknife over patients; those of points that are matched to
#' a reader come from a bootstrap of patients, with Student's t. Single readers at a
#' threshold have score intervals, as in [compare_models()]. All are clustered by
#' patient or group.
#'
#' The points of the model are chosen on the same images. Differences at a reader's
#' point describe the ROC curve, not a threshold that was fixed before the study.
#'
#' @inheritParams clustered_auroc
#' @param readers A table of ratings, as [read_readers()] returns, or the path of a file.
#' @param thresholds `NULL`, or the operating points of the model, as [read_thresholds()]
#'   returns. The default operating point is used.
#' @param modality The modality of the readers; required if `readers` has several.
#' @param margin A non-inferiority margin, above 0 and below 1: the model is not inferior if the
#'   lower limit of the difference is above `-margin`.
#' @param positive_from The lowest rating that is called positive; ratings of 0 and 1
#'   need none. Ordinal ratings without it are compared by AUROC only.
#' @return A tibble of class `placa_readers`, one row per finding, metric and reader, and
#'   for the mean: `finding`, `split`, `metric`, `analysis` (`"single_reader"`,
#'   `"fixed_readers"`, `"random_readers"`), `reader` (missing for the mean), `modality`, `at` (the
#'   sensitivity or specificity at which the model is compared), `threshold` (of the model),
#'   `n_readers`, `n_images`, `n_clusters`, `n_positive`, `n_left_out` (images that a reader
#'   lacks), `estimate` (of the model), `reader_estimate`, `reader_lower`, `reader_upper`,
#'   `difference` (`estimate - reader_estimate`), `std_error`, `df`, `lower`, `upper`,
#'   `p_value` (of the difference), `narrower` (an interval for random readers that is
#'   narrower than that for fixed readers), `margin`, `p_noninferiority` (one-sided),
#'   `noninferior`, `confidence`.
#' @section Errors:
#' `placa_error_readers` for several modalities, no common image, or an invalid
#' `margin` or `positive_from`; the errors of [read_readers()] and
#' [clustered_auroc()]; `placa_error_thresholds`.
#' @references
#' Hillis SL, Obuchowski NA, Berbaum KS (2011). Power estimation for multireader ROC
#' methods: an updated and unified approach. *Academic Radiology* 18(2), 129--142.
#' \doi{10.1016/j.acra.2010.09.007}
#'
#' Chakraborty DP (2017). *Observer Performance Methods for Diagnostic Imaging*. CRC
#' Press. \doi{10.1201/9781351228190}
#' @seealso [compare_modalities()], [reader_agreement()], [plan_readers()]
#' @export
#' @examples
#' compared <- compare_readers(example_predictions(), example_readers(), draws = 200)
#' compared[is.na(compared$reader), c("finding", "metric", "analysis", "difference", "lower", "upper")]
compare_readers <- function(predictions, readers, thresholds = NULL, modality = NULL, margin = NULL,
                            positive_from = NULL, split = "test", confidence = 0.95, draws = 2000, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  check_margin(margin)
  readers <- if (is.character(readers)) read_readers(readers) else check_readers(readers)
  readers <- with_truth(one_modality(readers, modality), predictions, split)
  findings <- unique(readers$finding)
  if (!is.null(thresholds)) thresholds <- check_thresholds(thresholds, findings)
  parts <- lapply(findings, function(finding) {
    design <- crossed_design(readers[readers$finding == finding, ])
    if (length(unique(design$truth)) < 2) {
      return(NULL)
    }
    point <- point_of(thresholds, finding)
    found <- reader_rows_of(design, point, positive_from, confidence, draws, seed)
    if (NROW(found$rows) == 0) return(NULL)
    list(
      table = tibble::tibble(finding = finding, split = split, found$rows, confidence = confidence),
      components = tibble::tibble(finding = finding, found$components),
      curve = tibble::tibble(finding = finding, roc_curve(design$truth, design$probability))
    )
  })
  one_class <- findings[vapply(parts, is.null, logical(1))]
  warn_readers_one_class(one_class, findings)
  bound <- function(name) do.call(rbind, lapply(parts, `[[`, name))
  table <- as_subclass("placa_readers", with_margin(bound("table"), margin))
  attr(table, "components") <- bound("components")
  attr(table, "curve") <- bound("curve")
  inform_narrower(table)
  table
}

one_modality <- function(readers, modality, call = rlang::caller_env()) {
  known <- unique(readers$modality)
  if (is.null(modality) && length(known) > 1) {
    abort_ratings("{.arg modality} is required, because {.arg readers} has several.", "It has {.val {known}}.",
                  "{.fun compare_modalities} compares the modalities with each other.", call = call, known = known)
  }
  if (is.null(modality)) {
    return(readers)
  }
  if (!rlang::is_string(modality) || !modality %in% known) {
    abort_ratings("{.arg modality} must be one of {.val {known}}.", "Received {.val {modality}}.", call = call,
                  known = known, modality = modality)
  }
  readers[readers$modality %in% modality, ]
}

check_margin <- function(margin, call = rlang::caller_env()) {
  if (!is.null(margin) && (!rlang::is_bare_numeric(margin, n = 1) || !isTRUE(margin > 0 && margin < 1))) {
    abort_ratings("{.arg margin} must be one number above 0 and below 1, such as 0.05.", "Received {.val {margin}}.",
                  call = call, margin = margin)
  }
}

warn_readers_one_class <- function(lacking, findings, call = rlang::caller_env()) {
  if (length(lacking) == length(findings)) {
    abort_ratings("The images that all readers read must have positive and negative ones.",
                  "{.val {show_controls(lacking)}} {?has/have} only one class.", call = call, lacking = lacking)
  }
  if (length(lacking) > 0) {
    warn(
      "Not compared, because the images that all readers read have one class: {.val {show_controls(lacking)}}.",
      class = "placa_warning_one_class", call = call, findings = lacking
    )
  }
}

# All rows of one finding. Ordinal ratings have an AUROC; ratings with a cut have points.
reader_rows_of <- function(design, point, positive_from, confidence, draws, seed) {
  binary <- all(design$ratings %in% c(0, 1))
  cut <- if (binary || !is.null(positive_from)) cut_of_ratings(design$ratings, "sensitivity", positive_from)
  both <- cbind(design$probability, design$ratings)
  parts <- list()
  if (!binary) {
    parts$auroc <- panel_metric_rows(design, both, "auroc", NULL, confidence)
  }
  if (!is.null(cut)) {
    calls <- design$ratings >= cut
    parts$matched <- matched_rows(design, calls, confidence, draws, seed)
    if (!is.null(point)) {
      called <- cbind(design$probability >= point, calls) + 0
      for (metric in c("sensitivity", "specificity")) {
        parts[[metric]] <- panel_metric_rows(design, called, metric, point, confidence)
      }
    }
  }
  rows <- do.call(rbind, lapply(parts, `[[`, "rows"))
  size <- tibble::tibble(
    n_readers = length(design$readers), n_images = length(design$truth), n_clusters = max(design$cluster),
    n_positive = sum(design$truth), n_left_out = design$n_left_out
  )
  rows$modality <- design$modalities
  first <- c("metric", "analysis", "reader", "modality", "at", "threshold")
  list(
    rows = tibble::tibble(rows[first], size, rows[setdiff(names(rows), first)]),
    components = tibble::tibble(size, do.call(rbind, lapply(parts, `[[`, "components")))
  )
}

# AUROC, sensitivity or specificity; the first column of `ratings` is the model.
panel_metric_rows <- function(design, ratings, metric, point, confidence) {
  values <- reader_values(design$truth, ratings, metric, 1)
  performance <- reader_performance(design$truth, values, metric)
  covariance <- jackknife_covariance(design$truth, ratings, values, metric, design$cluster)
  readers <- seq_along(design$readers) + 1
  one <- panel_rows(design$readers, performance[[1]], performance[readers], covariance[readers, readers, drop = FALSE],
                    difference_covariance(covariance), Inf, confidence)
  if (metric != "auroc") one$rows <- score_rows(one$rows, design, ratings, metric, confidence)
  one$rows <- tibble::tibble(metric = metric, at = NA_real_, threshold = point %||% NA_real_, one$rows)
  one$components <- tibble::tibble(metric = metric, one$components)
  one
}

# The covariance of the differences of the first column from each other one.
difference_covariance <- function(covariance) {
  others <- seq_len(ncol(covariance))[-1]
  shared <- covariance[1, others]
  covariance[1, 1] - outer(shared, shared, `+`) + covariance[others, others, drop = FALSE]
}

# Rows of single readers and of their mean. `model` is one number, or one per reader.
panel_rows <- function(readers, model, reader, reader_covariance, covariance, df_cases, confidence) {
  psi <- rep_len(model, length(reader)) - reader
  of <- single_components(psi, covariance)
  rows <- function(analysis, name, of_model, of_reader, reader_error, error) {
    own <- student_test(of_reader, reader_error$std_error, reader_error$df, confidence, c(0, 1))
    test <- student_test(of_model - of_reader, error$std_error, error$df, confidence, c(-1, 1))
    tibble::tibble(
      analysis = analysis, reader = name, estimate = of_model, reader_estimate = of_reader, reader_lower = own$lower,
      reader_upper = own$upper, difference = of_model - of_reader, test
    )
  }
  error_of <- function(matrix) list(std_error = sqrt(pmax(diag(matrix), 0)), df = df_cases)
  single <- rows("single_reader", readers, rep_len(model, length(reader)), reader, error_of(reader_covariance),
                 error_of(covariance))
  means <- if (length(reader) > 1) {
    errors <- single_errors(of, df_cases)
    own <- single_errors(single_components(reader, reader_covariance), df_cases)
    lapply(c("fixed_readers", "random_readers"), function(analysis) {
      rows(analysis, NA_character_, mean(model), mean(reader), own[[analysis]], errors[[analysis]])
    })
  }
  table <- do.call(rbind, c(list(single), means))
  error <- table$std_error[match(c("random_readers", "fixed_readers"), table$analysis)]
  table$narrower <- table$analysis == "random_readers" & isTRUE(error[[1]] < error[[2]])
  list(rows = table, components = tibble::as_tibble(of[c("var", "cov2", "ms_reader")]))
}

# Score intervals for single readers, from the counts of both.
score_rows <- function(rows, design, calls, metric, confidence) {
  quantities <- lapply(seq_len(ncol(calls)), function(column) {
    confusion_metrics(counts_by_cluster(design$truth, calls[, column], design$cluster, 1))[[metric]]
  })
  for (row in which(rows$analysis == "single_reader")) {
    of <- quantities[[row + 1]]
    rows[row, c("reader_lower", "reader_upper")] <- as.list(of$limits(confidence))
    differs <- one_difference(difference(quantities[[1]], of), NA_real_, confidence)
    rows[row, c("lower", "upper", "p_value")] <- differs[c("lower", "upper", "p_value")]
    rows[row, c("std_error", "df")] <- NA_real_
  }
  rows
}

# The model at the point of each reader, with covariances from draws of patients.
matched_rows <- function(design, calls, confidence, draws, seed) {
  points <- matched_points(design$truth, design$probability, calls, design$cluster, draws, seed)
  units <- effective_clusters(design$truth, design$cluster)
  widen <- if (units > 1) units / (units - 1) else NA_real_
  sides <- list(specificity_at_sensitivity = c("specificity", "sensitivity"),
                sensitivity_at_specificity = c("sensitivity", "specificity"))
  parts <- lapply(names(sides), function(metric) {
    own <- sides[[metric]][[1]]
    model <- points[[paste0("model_", own)]]
    reader <- points[[own]]
    spread <- function(values) {
      drawn <- values[-1, , drop = FALSE]
      drawn <- drawn[rowSums(!is.finite(drawn)) == 0, , drop = FALSE]
      if (nrow(drawn) < 0.9 * draws) matrix(NA_real_, ncol(values), ncol(values)) else stats::cov(drawn) * widen
    }
    one <- panel_rows(design$readers, model[1, ], reader[1, ], spread(reader), spread(model - reader), units - 1,
                      confidence)
    one$rows <- wilson_readers(one$rows, design, calls, own, confidence)
    at <- points[[sides[[metric]][[2]]]][1, ]
    at <- c(at, if (length(at) > 1) rep(mean(at), 2))
    one$rows <- tibble::tibble(metric = metric, at = at, threshold = NA_real_, one$rows)
    one$components <- tibble::tibble(metric = metric, one$components)
    one
  })
  bound <- function(name) do.call(rbind, lapply(parts, `[[`, name))
  list(rows = bound("rows"), components = bound("components"))
}

wilson_readers <- function(rows, design, calls, metric, confidence) {
  for (row in which(rows$analysis == "single_reader")) {
    counts <- counts_by_cluster(design$truth, calls[, row] + 0, design$cluster, 1)
    rows[row, c("reader_lower", "reader_upper")] <- as.list(confusion_metrics(counts)[[metric]]$limits(confidence))
  }
  rows
}

with_margin <- function(table, margin) {
  if (is.null(margin)) {
    table$margin <- table$p_noninferiority <- NA_real_
    table$noninferior <- NA
  } else {
    table$margin <- margin
    above <- stats::pt((table$difference + margin) / table$std_error, table$df, lower.tail = FALSE)
    table$p_noninferiority <- ifelse(table$std_error > 1e-12, above, NA_real_)
    table$noninferior <- table$lower > -margin
  }
  last <- c("margin", "p_noninferiority", "noninferior", "confidence")
  table[c(setdiff(names(table), last), last)]
}
