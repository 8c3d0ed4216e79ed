#' Discrimination: AUROC and average precision, with intervals
#'
#' How well the probabilities rank images with a finding above images without
#' it: the area under the receiver operating characteristic curve (AUROC), and
#' average precision. Higher probabilities always mean the finding, so an AUROC
#' below 0.5 stays below 0.5.
#'
#' The same AUROC has three intervals here. DeLong's (1988), as computed by
#' [pROC::ci.auc()], takes images as independent; where patients have several
#' images each it is too narrow. The clustered bootstrap draws whole patients or
#' groups (`group_id`) with replacement, as [clustered_auroc()] describes;
#' Obuchowski's (1997) variance for clustered data is a check of it that needs no
#' draws. `auroc_lower` and `auroc_upper`, which figures, prints and the report
#' show, are the clustered bootstrap's where groups have several images, and
#' DeLong's where every image is a group of its own. A clustered interval that
#' cannot be had is missing: DeLong's does not stand in for it.
#'
#' @param predictions A data frame with one row an image and finding, as
#'   [read_predictions()] returns; see there for the columns.
#' @param split The split to describe: `"test"`, `"validation"` or `"train"`.
#' @param confidence Level of the intervals, between 0 and 1.
#' @param draws How many times clusters are drawn, a whole number from 100.
#' @param seed A whole number: the same seed gives the same interval. The
#'   session's own random numbers are left as they were.
#' @param max_fpr `NULL`, or the largest false positive rate (1 - specificity)
#'   that one would accept, above 0 and at most 1: then the partial AUROC up to
#'   there is given too.
#' @return A tibble with one row a finding:
#'
#'   * `finding`, `split`, `n_images`, `n_patients` (missing where a patient is),
#'     `n_positive`, `prevalence` (0--1);
#'   * `auroc`, `auroc_lower`, `auroc_upper` (0--1), `confidence` and `method`,
#'     whose interval that is: `"clustered bootstrap"` or `"delong"`;
#'   * `n_clusters`, and `design_effect`: the variance of `method` over DeLong's,
#'     1 with `"delong"`; 3 means that a third of the images, one a patient, would
#'     have said as much;
#'   * `delong_std_error`, `delong_lower`, `delong_upper`, and the same of
#'     `clustered_` and `obuchowski_` (all 0--1);
#'   * `average_precision`, `average_precision_lower`, `average_precision_upper`
#'     (0--1, clustered bootstrap; see [average_precision()]);
#'   * with `max_fpr` also `max_fpr`, `partial_auroc` (0--`max_fpr`),
#'     `partial_auroc_standardised` (0.5 for a model that knows nothing, 1 for a
#'     perfect one), `partial_auroc_standardised_lower`,
#'     `partial_auroc_standardised_upper`; see [partial_auroc()].
#'
#'   A finding that is present in all images, or in none, has no AUROC: it is
#'   missing, with a warning of class `placa_warning_one_class`. Bounds that
#'   cannot be estimated (no more than one image, or one group, with or without
#'   the finding) are missing, and an AUROC of exactly 1 or 0 has an interval of no
#'   width; both with a warning of class `placa_warning_interval`.
#' @section Errors:
#' `placa_error_columns`, `placa_error_truth`, `placa_error_probability`,
#' `placa_error_split`, `placa_error_duplicate`, `placa_error_unlabelled`;
#' `placa_error_confidence`, `placa_error_draws` and `placa_error_max_fpr` where
#' these arguments are not as above.
#' @references
#' DeLong ER, DeLong DM, Clarke-Pearson DL (1988). Comparing the areas under two
#' or more correlated receiver operating characteristic curves: a nonparametric
#' approach. *Biometrics* 44(3), 837--845. \doi{10.2307/2531595}
#'
#' Obuchowski NA (1997). Nonparametric analysis of clustered ROC curve data.
#' *Biometrics* 53(2), 567--578. \doi{10.2307/2533958}
#'
#' Field CA, Welsh AH (2007). Bootstrapping clustered data. *Journal of the Royal
#' Statistical Society B* 69(3), 369--390.
#' \doi{10.1111/j.1467-9868.2007.00593.x}
#' @export
#' @examples
#' discrimination(example_predictions(), draws = 500)
#' discrimination(example_predictions(), draws = 500, max_fpr = 0.2)
discrimination <- function(predictions, split = "test", confidence = 0.95, draws = 2000, seed = 1, max_fpr = NULL) {
  check_confidence(confidence)
  check_draws(draws, seed)
  if (!is.null(max_fpr)) {
    check_max_fpr(max_fpr)
  }
  data <- select_split(predictions, split)
  table <- by_finding(data, function(rows, finding) {
    tibble::tibble(
      finding = finding,
      split = split,
      n_images = nrow(rows),
      n_patients = count_patients(rows$patient_id),
      n_positive = sum(rows$truth),
      prevalence = mean(rows$truth),
      discrimination_columns(rows, confidence, draws, seed, max_fpr)
    )
  })
  warn_one_class(table)
  warn_interval(table)
  table
}

count_patients <- function(patient_id) {
  if (anyNA(patient_id)) NA_integer_ else length(unique(patient_id))
}

# Every area of one finding, all from the same draws.
discrimination_columns <- function(rows, confidence, draws, seed, max_fpr) {
  cluster <- cluster_index(rows)
  areas <- c("auroc", "average_precision", if (!is.null(max_fpr)) "partial")
  drawn <- area_intervals(rows, cluster, areas, confidence, draws, seed, if (is.null(max_fpr)) 1 else max_fpr)
  ways <- auroc_three_ways(rows, cluster, drawn["auroc", ], confidence)
  # pROC is what readers know DeLong's interval from; that ours is the same is tested.
  delong <- auroc_delong(rows$truth, rows$probability, confidence)
  shown <- if (max(cluster) < nrow(rows)) "bootstrap" else "delong"
  precision <- drawn["average_precision", ]
  tibble::tibble(
    auroc = delong$auroc,
    auroc_lower = if (shown == "delong") delong$auroc_lower else ways["bootstrap", "auroc_lower"],
    auroc_upper = if (shown == "delong") delong$auroc_upper else ways["bootstrap", "auroc_upper"],
    confidence = confidence,
    method = if (shown == "delong") "delong" else "clustered bootstrap",
    n_clusters = max(cluster),
    design_effect = ways[shown, "design_effect"],
    delong_std_error = ways["delong", "std_error"],
    delong_lower = delong$auroc_lower,
    delong_upper = delong$auroc_upper,
    clustered_std_error = ways["bootstrap", "std_error"],
    clustered_lower = ways["bootstrap", "auroc_lower"],
    clustered_upper = ways["bootstrap", "auroc_upper"],
    obuchowski_std_error = ways["obuchowski", "std_error"],
    obuchowski_lower = ways["obuchowski", "auroc_lower"],
    obuchowski_upper = ways["obuchowski", "auroc_upper"],
    average_precision = precision$estimate,
    average_precision_lower = precision$lower,
    average_precision_upper = precision$upper,
    if (!is.null(max_fpr)) partial_columns(drawn["partial", ], max_fpr)
  )
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
      c("The interval of AUROC says nothing for {.val {table$finding[no_width]}}.",
        i = "One image or patient of a kind gives no interval, a perfect ranking one of no width: more are needed."),
      class = "placa_warning_interval", call = call, findings = table$finding[no_width]
    )
  }
}
