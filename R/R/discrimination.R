#' Discrimination: AUROC and average precision, with intervals
#'
#' Returns the area under the receiver operating characteristic curve (AUROC) and
#' average precision. Both measure how well the probabilities rank images with a
#' finding above images without it. A higher probability always means the finding,
#' so an AUROC below 0.5 stays below 0.5.
#'
#' `auroc_lower` and `auroc_upper`, which figures, print methods and the report show,
#' are a score interval (Newcombe 2006, method 5): the variance is a function of the
#' true AUROC (Hanley and McNeil 1982) and equals Obuchowski's (1997) variance for
#' clustered data at the estimate. The quantile is that of Student's t with Welch's
#' degrees of freedom, for the effective numbers of positive and negative clusters.
#' The interval does not collapse if the AUROC is 1. If it cannot be estimated it is
#' missing.
#'
#' Three other intervals are returned for comparison. DeLong's (1988), equal to that of
#' [pROC::ci.auc()], assumes independent images and is too narrow for small samples
#' and for AUROCs near 1. Obuchowski's is the same for clustered data. The clustered
#' bootstrap draws patients or groups (`group_id`) with replacement, see
#' [clustered_auroc()]. Average precision and partial AUROC have Wilson's interval
#' with the standard error of the bootstrap.
#'
#' @section Folds:
#' In a cross-validation, each fold has its own network, and the probabilities of
#' different networks may differ in scale. With a column `fold`, images are compared
#' within folds only (Forman and Scholz 2010, LeDell et al. 2015). ROC curves and
#' their areas are means over the folds, weighted by positives: the
#' covariate-adjusted ROC curve of Janes and Pepe (2009), with the fold as covariate.
#' Average precision and the precision-recall curve follow from the false positive
#' rates within folds and the prevalence of all images. With few positives per fold,
#' they are too high. Folds without a positive or without a negative image are not
#' in the means. The bootstrap draws patients or groups with their images and folds.
#' Images without a fold form one fold of their own. [evaluate()] rejects patients and groups in several folds.
#'
#' @param predictions A data frame with one row per image and finding, as
#'   [read_predictions()] returns; see there for the columns.
#' @param split The split to describe: `"test"`, `"validation"` or `"train"`.
#' @param confidence Level of the intervals, between 0 and 1.
#' @param draws Number of bootstrap draws, an integer of at least 100.
#' @param seed An integer: the same seed gives the same interval. The random
#'   number state of the session does not change.
#' @param max_fpr `NULL`, or the upper limit of the false positive rate
#'   (1 - specificity), above 0 and at most 1, for a partial AUROC.
#' @return A tibble with one row per finding:
#'
#'   * `finding`, `split`, `n_images`, `n_patients` (missing if a patient is unknown),
#'     `n_positive`, `prevalence` (0--1);
#'   * `auroc`, `auroc_lower`, `auroc_upper` (0--1), `confidence` and `method`
#'     of the interval: `"score"`;
#'   * `n_clusters`, and `design_effect`: Obuchowski's variance over DeLong's; 3 means
#'     that a third as many images, one per patient, would be equally precise;
#'   * `delong_std_error`, `delong_lower`, `delong_upper`, and the same of
#'     `clustered_` and `obuchowski_` (all 0--1);
#'   * `average_precision`, `average_precision_lower`, `average_precision_upper`
#'     (0--1; see [average_precision()]);
#'   * with `max_fpr` also `max_fpr`, `partial_auroc` (0--`max_fpr`),
#'     `partial_auroc_standardised` (0.5 for a random classifier, 1 for a
#'     perfect one), `partial_auroc_standardised_lower`,
#'     `partial_auroc_standardised_upper`; see [partial_auroc()].
#'
#'   If a finding is present in all images or in none, AUROC is missing, with a
#'   warning of class `placa_warning_one_class`. Bounds are missing if fewer than
#'   two images or groups are positive, or negative, with a warning of class
#'   `placa_warning_interval`. If the whole interval is below 0.5, a warning has the class
#'   `placa_warning_inverted`.
#' @seealso [clustered_auroc()], [roc_bands()], [compare_models()]
#' @section Errors:
#' `placa_error_columns`, `placa_error_truth`, `placa_error_probability`,
#' `placa_error_split`, `placa_error_duplicate`, `placa_error_unlabelled`;
#' `placa_error_unpredicted` if no labelled image has a probability;
#' `placa_error_confidence`, `placa_error_draws` and `placa_error_max_fpr` for
#' invalid arguments.
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
#'
#' Forman G, Scholz M (2010). Apples-to-apples in cross-validation studies: pitfalls
#' in classifier performance measurement. *ACM SIGKDD Explorations* 12(1), 49--57.
#' \doi{10.1145/1882471.1882479}
#'
#' Janes H, Pepe MS (2009). Adjusting for covariate effects on classification
#' accuracy using the covariate-adjusted receiver operating characteristic curve.
#' *Biometrika* 96(2), 371--382. \doi{10.1093/biomet/asp002}
#'
#' LeDell E, Petersen M, van der Laan M (2015). Computationally efficient confidence
#' intervals for cross-validated area under the ROC curve estimates. *Electronic
#' Journal of Statistics* 9(1), 1583--1607. \doi{10.1214/15-EJS1035}
#'
#' Newcombe RG (2006). Confidence intervals for an effect size measure based on the
#' Mann-Whitney statistic. Part 2: asymptotic methods and evaluation. *Statistics in
#' Medicine* 25(4), 559--573. \doi{10.1002/sim.2324}
#' @export
#' @examples
#' discrimination(example_predictions(), draws = 500)
#' discrimination(example_predictions(), draws = 500, max_fpr = 0.2)
discrimination <- function(predictions, split = "test", confidence = 0.95, draws = 2000, seed = 1, max_fpr = NULL) {
  if (is_grouped(predictions)) return(each_group(discrimination))
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
  warn_one_class(table, fold_index(data))
  warn_interval(table)
  as_estimates("discrimination", table)
}

count_patients <- function(patient_id) {
  if (anyNA(patient_id)) NA_integer_ else length(unique(patient_id))
}

# All areas of one finding come from the same draws.
discrimination_columns <- function(rows, confidence, draws, seed, max_fpr) {
  cluster <- cluster_index(rows)
  areas <- c("auroc", "average_precision", if (!is.null(max_fpr)) "partial")
  drawn <- area_intervals(rows, cluster, areas, confidence, draws, seed, if (is.null(max_fpr)) 1 else max_fpr)
  ways <- auroc_three_ways(rows, cluster, drawn["auroc", ], confidence)
  delong <- ways["delong", ]
  precision <- drawn["average_precision", ]
  tibble::tibble(
    auroc = delong$auroc,
    auroc_lower = ways["score", "auroc_lower"],
    auroc_upper = ways["score", "auroc_upper"],
    confidence = confidence,
    method = "score",
    n_clusters = max(cluster),
    design_effect = ways["obuchowski", "design_effect"],
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
  # Levels and direction are fixed; otherwise pROC inverts an AUROC below 0.5.
  curve <- pROC::roc(response = truth, predictor = probability, levels = c(0, 1), direction = "<", quiet = TRUE)
  if (min(table(truth)) < 2) {
    return(tibble::tibble(auroc = as.double(pROC::auc(curve)), auroc_lower = NA_real_, auroc_upper = NA_real_))
  }
  # pROC warns about a perfect curve, whose DeLong interval has zero width.
  bounds <- as.double(suppressWarnings(pROC::ci.auc(curve, conf.level = confidence, method = "delong")))
  tibble::tibble(auroc = bounds[[2]], auroc_lower = bounds[[1]], auroc_upper = bounds[[3]])
}

warn_one_class <- function(table, fold = NULL, call = rlang::caller_env()) {
  lacking <- table$finding[is.na(table$auroc)]
  where <- if (is.null(fold)) "split" else "split, or in each of its folds"
  if (length(lacking) > 0) {
    warn(
      c("AUROC requires images with and without the finding{if (!is.null(fold)) ', in one fold'}.",
        x = "{.val {lacking}} {?has/have} only one class in the {.val {table$split[[1]]}} {where}. AUROC is missing."),
      class = "placa_warning_one_class", call = call, findings = lacking
    )
  }
}

warn_interval <- function(table, call = rlang::caller_env()) {
  known <- !is.na(table$auroc)
  unknown <- known & is.na(table$auroc_lower)
  if (any(unknown)) {
    warn(
      c("The interval of AUROC cannot be estimated for {.val {table$finding[unknown]}}.",
        i = "At least two positive and two negative patients and two distinct probabilities are needed."),
      class = "placa_warning_interval", call = call, findings = table$finding[unknown]
    )
  }
  inverted <- (table$auroc_upper < 0.5) %in% TRUE
  if (any(inverted)) {
    warn(
      c("The AUROC of {.val {table$finding[inverted]}} is below 0.5 with its whole interval: images without the finding
          have the higher probabilities.",
        i = "Perhaps the probability is that of the other class, or {.arg truth} has the other level as the finding."),
      class = "placa_warning_inverted", call = call, findings = table$finding[inverted]
    )
  }
}
