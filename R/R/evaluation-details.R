# The tables that evaluate() adds to its first four, one function each.
detail_files <- c(
  roc_bands = "roc_bands.csv", pr_bands = "pr_bands.csv",
  predictive_values = "predictive_values.csv", calibration_measures = "calibration_measures.csv",
  calibration_curve = "calibration_curve.csv", decision_curve = "decision_curve.csv", subgroups = "subgroups.csv",
  over_time = "over_time.csv", errors = "errors.csv", abstention = "abstention.csv", readers = "readers.csv",
  reader_curve = "reader_curve.csv", reader_agreement = "reader_agreement.csv", modalities = "modalities.csv"
)

# The tables that validate_external() adds.
validation_files <- c(
  measures = "measures.csv", comparison = "comparison.csv", case_mix = "case_mix.csv", explained = "explained.csv"
)

# Column types for read_table(); all other columns are double.
detail_text_fields <- c(
  "interval", "stage", "measure", "strategy", "column", "group", "kind", "image_id", "patient_id", "sex", "view",
  "site", "calibrate", "variable", "level", "statistic", "covariates", "analysis", "reader", "other_reader",
  "modality", "reference", "coefficient", "period"
)
detail_integer_fields <- c("n_clusters", "bins", "rank", "truth", "n_readers", "n_cases", "n_left_out")
detail_logical_fields <- c("own", "too_small", "narrower", "noninferior")

# Tables that share a figure, see plot-estimates.R.
estimate_classes <- list(
  discrimination = "discrimination", operating_points = "operating_points",
  calibration_measures = "calibration_measures", over_time = "performance", reader_agreement = "agreement",
  modalities = "modalities"
)
detail_classes <- c(
  calibration = "placa_calibration_bins", roc = "placa_roc_points",
  roc_bands = "placa_roc_bands", pr_bands = "placa_pr_bands", predictive_values = "placa_predictive_values",
  calibration_curve = "placa_calibration_curve", decision_curve = "placa_decision_curve",
  subgroups = "placa_subgroups", errors = "placa_errors", abstention = "placa_abstention", readers = "placa_readers"
)

# `predictions` contain all splits, `rows` the evaluated split. Abstention requires calibration images. Bands and curves
# use half the draws, because small errors are invisible in a figure.
evaluation_details <- function(predictions, rows, thresholds, split, bins, confidence, draws, seed, prevalence = NULL) {
  fewer <- max(100, draws %/% 2)
  calibrated <- calibrate_all(rows, split, bins, 101, confidence, fewer, seed)
  list(
    roc_bands = roc_bands(rows, split, confidence, fewer, seed),
    pr_bands = pr_bands(rows, split, confidence, fewer, seed),
    predictive_values = for_prevalence(rows, prevalence, function(rows, share) {
      shown <- sort(unique(c(0.01, 0.05, 0.1, 0.2, share)))
      predictive_values(rows, thresholds, shown, split, confidence)
    }),
    calibration_measures = calibrated$measures,
    calibration_curve = calibrated$curve,
    decision_curve = for_prevalence(rows, prevalence, function(rows, share) {
      decision_curve(rows, split, confidence = confidence, prevalence = c(NA, if (is.null(share)) 0.05 else share))
    }),
    subgroups = subgroups(rows, thresholds, split = split, confidence = confidence, draws = fewer, seed = seed),
    over_time = over_time(rows, split, confidence, fewer, seed),
    errors = list_errors(rows, thresholds, split),
    abstention = if (can_calibrate(predictions, rows, split)) {
      abstain(predictions, split = split, confidence = confidence, draws = fewer, seed = seed)
    }
  )
}

# A table per finding, at the prevalence of the study.
for_prevalence <- function(rows, prevalence, make) {
  parts <- lapply(unique(rows$finding), function(finding) {
    make(rows[rows$finding == finding, ], prevalence_for(prevalence, finding))
  })
  do.call(rbind, parts)
}

# TRUE if every finding has labelled validation images and the evaluated split is another one.
can_calibrate <- function(predictions, rows, split) {
  known <- predictions[predictions$split %in% "validation" & !is.na(predictions$truth), ]
  split != "validation" && all(rows$finding %in% known$finding)
}
