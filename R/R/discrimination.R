#' Discrimination: AUROC with its interval
#'
#' How well the probabilities rank images with a finding above images without
#' it: the area under the receiver operating characteristic curve, with the
#' interval of DeLong et al. (1988) as computed by [pROC::ci.auc()]. Higher
#' probabilities always mean the finding, so an AUROC below 0.5 stays below 0.5.
#'
#' DeLong's interval takes images as independent. Where patients have several
#' images each it is too narrow.
#'
#' @param predictions A data frame with one row an image and finding, as
#'   [read_predictions()] returns; see there for the columns.
#' @param split The split to describe: `"test"`, `"validation"` or `"train"`.
#' @param confidence Level of the interval, between 0 and 1.
#' @return A tibble with one row a finding: `finding`, `split`, `n_images`,
#'   `n_patients` (missing where a patient is), `n_positive`, `prevalence`
#'   (0--1), `auroc`, `auroc_lower`, `auroc_upper` (0--1), `confidence` and
#'   `method` (`"delong"`).
#'
#'   A finding that is present in all images, or in none, has no AUROC: it is
#'   missing, with a warning of class `placa_warning_one_class`. Bounds that
#'   cannot be estimated (one image only with or without the finding) are
#'   missing, and an AUROC of exactly 1 or 0 has an interval of no width; both with
#'   a warning of class `placa_warning_interval`.
#' @section Errors:
#' `placa_error_columns`, `placa_error_truth`, `placa_error_probability`,
#' `placa_error_split`, `placa_error_duplicate`, `placa_error_unlabelled`.
#' @references
#' DeLong ER, DeLong DM, Clarke-Pearson DL (1988). Comparing the areas under two
#' or more correlated receiver operating characteristic curves: a nonparametric
#' approach. *Biometrics* 44(3), 837--845. \doi{10.2307/2531595}
#' @export
#' @examples
#' discrimination(example_predictions())
discrimination <- function(predictions, split = "test", confidence = 0.95) {
  check_confidence(confidence)
  data <- select_split(predictions, split)
  table <- by_finding(data, function(rows, finding) {
    tibble::tibble(
      finding = finding,
      split = split,
      n_images = nrow(rows),
      n_patients = count_patients(rows$patient_id),
      n_positive = sum(rows$truth),
      prevalence = mean(rows$truth),
      auroc_delong(rows$truth, rows$probability, confidence),
      confidence = confidence,
      method = "delong"
    )
  })
  warn_one_class(table)
  warn_interval(table)
  table
}

count_patients <- function(patient_id) {
  if (anyNA(patient_id)) NA_integer_ else length(unique(patient_id))
}

auroc_delong <- function(truth, probability, confidence) {
  if (length(unique(truth)) < 2) {
    return(tibble::tibble(auroc = NA_real_, auroc_lower = NA_real_, auroc_upper = NA_real_))
  }
  # Levels and direction are fixed: pROC would otherwise turn a model that ranks backwards around.
  curve <- pROC::roc(response = truth, predictor = probability, levels = c(0, 1), direction = "<", quiet = TRUE)
  if (min(table(truth)) < 2) {
    return(tibble::tibble(auroc = as.double(pROC::auc(curve)), auroc_lower = NA_real_, auroc_upper = NA_real_))
  }
  # pROC warns about a perfect curve in its own words; warn_interval() does in ours.
  bounds <- as.double(suppressWarnings(pROC::ci.auc(curve, conf.level = confidence, method = "delong")))
  tibble::tibble(auroc = bounds[[2]], auroc_lower = bounds[[1]], auroc_upper = bounds[[3]])
}

warn_one_class <- function(table, call = rlang::caller_env()) {
  lacking <- table$finding[is.na(table$auroc)]
  if (length(lacking) > 0) {
    cli::cli_warn(
      c("AUROC needs images with and without the finding.",
        x = "{.val {lacking}} {?has/have} one kind only in the {.val {table$split[[1]]}} split: no AUROC."),
      class = "placa_warning_one_class", call = call, findings = lacking
    )
  }
}

warn_interval <- function(table, call = rlang::caller_env()) {
  known <- !is.na(table$auroc)
  no_width <- known & (is.na(table$auroc_lower) | table$auroc_lower == table$auroc_upper)
  if (any(no_width)) {
    cli::cli_warn(
      c("DeLong's interval says nothing for {.val {table$finding[no_width]}}.",
        i = "A single image of a kind gives no interval, a perfect ranking one of no width: more images are needed."),
      class = "placa_warning_interval", call = call, findings = table$finding[no_width]
    )
  }
}
