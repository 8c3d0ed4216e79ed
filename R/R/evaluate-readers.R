# The tables of an evaluation that compare the model with readers. With several modalities, the model is compared with
# the first one, and the modalities with each other.
add_readers <- function(evaluation, readers, rows, thresholds, split, confidence, draws, seed) {
  if (is.null(readers)) {
    return(evaluation)
  }
  modalities <- unique(readers$modality)
  several <- length(modalities) > 1
  first <- if (several) modalities[[1]]
  # A narrower interval is a column of the table and a sentence of the report.
  quietly <- function(code) suppressMessages(code, classes = "placa_message_narrower")
  compared <- quietly(compare_readers(
    rows, readers, thresholds, modality = first, split = split, confidence = confidence, draws = draws, seed = seed
  ))
  # Findings without a prediction have been named in a warning.
  known <- readers[readers$finding %in% c(compared$finding, NA), ]
  evaluation$readers <- compared
  evaluation$reader_curve <- attr(compared, "curve")
  evaluation$reader_agreement <- if (length(unique(known$reader)) > 1) {
    suppressWarnings(reader_agreement(known, rows, split = split, confidence = confidence),
                     classes = "placa_warning_readings")
  }
  evaluation$modalities <- if (several) {
    suppressWarnings(quietly(compare_modalities(known, rows, split = split, confidence = confidence)),
                     classes = "placa_warning_readings")
  }
  evaluation
}
