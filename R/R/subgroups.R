#' Performance in subgroups, and the difference from all other images
#'
#' A model with good average performance can be worse for women, for older patients
#' or for supine radiographs. For each group, returns AUROC, sensitivity,
#' specificity and the under-diagnosis rate (Seyyed-Kalantari et al. 2021) at the
#' stored operating point, and calibration in the large. Each is compared with all
#' other images. Intervals are clustered by patient, see [operating_points()] and
#' [discrimination()]; a patient may have images in a group and in the rest.
#'
#' With many groups, some differ by chance. `p_holm` is corrected for all groups of
#' all columns by the method of Holm (1979), separately for each finding and metric.
#' A column with two groups counts as one comparison. Groups with few patients are
#' marked as too small and have no estimates.
#'
#' @inheritParams operating_points
#' @param by Names of the columns to group by, or `NULL` for those of `sex`,
#'   `age`, `view` and `site` that have more than one value. Missing values form the
#'   group `"unknown"`.
#' @param ages Lower limits of the age bands, in years. Other numeric columns are
#'   grouped by value.
#' @param min_clusters Minimum number of clusters (patients) with the finding, and
#'   without it, an integer of at least 2.
#' @param draws,seed Not used: the intervals have a closed form.
#' @return A tibble of class `placa_subgroups` with one row per finding, group and
#'   metric: `finding`, `split`, `column`, `group`, `n_images`, `n_clusters`,
#'   `n_positive`, `too_small`, `operating_point`, `threshold`, `metric`,
#'   `estimate`, `lower`, `upper`, `rest` (the estimate in all other images),
#'   `difference` (`estimate - rest`), `difference_lower`, `difference_upper`,
#'   `p_value` (two-sided: 1 minus the confidence level at which the interval of the
#'   difference reaches 0), `p_holm`, `confidence`.
#'
#'   | metric | description | range |
#'   |---|---|---|
#'   | `auroc` | AUROC within the group | 0--1 |
#'   | `sensitivity`, `specificity` | at the operating point | 0--1 |
#'   | `under_diagnosis` | positives that are predicted negative: 1 - `sensitivity` | 0--1, lower is better |
#'   | `calibration_in_the_large` | share of positives minus mean probability; above 0: too low | -1--1, 0 is best |
#'
#'   Differences of proportions combine the distances of both limits (Newcombe 1998;
#'   Zou and Donner 2008). Differences of AUROC have limits at the same distance, with
#'   Welch's degrees of freedom.
#' @seealso [compare_models()], [table_one()]
#' @section Errors:
#' The errors of [operating_points()]; `placa_error_columns` if a column of `by` is
#' missing; `placa_error_groups` if it has more than 50 values, or for invalid
#' `ages` or `min_clusters`.
#' @references
#' Seyyed-Kalantari L, Zhang H, McDermott MBA, Chen IY, Ghassemi M (2021).
#' Underdiagnosis bias of artificial intelligence algorithms applied to chest
#' radiographs in under-served patient populations. *Nature Medicine* 27,
#' 2176--2182. \doi{10.1038/s41591-021-01595-0}
#'
#' Newcombe RG (1998). Interval estimation for the difference between independent
#' proportions: comparison of eleven methods. *Statistics in Medicine* 17(8),
#' 873--890.
#'
#' Zou GY, Donner A (2008). Construction of confidence limits about effect
#' measures: a general approach. *Statistics in Medicine* 27(10), 1693--1702.
#' \doi{10.1002/sim.3095}
#'
#' Holm S (1979). A simple sequentially rejective multiple test procedure.
#' *Scandinavian Journal of Statistics* 6(2), 65--70.
#' @export
#' @examples
#' groups <- subgroups(example_predictions(), example_thresholds(), by = "view", draws = 200)
#' missed <- groups[groups$metric == "under_diagnosis", ]
#' missed[c("finding", "group", "estimate", "difference", "p_holm")]
subgroups <- function(predictions, thresholds, by = NULL, split = "test", ages = c(0, 18, 40, 60, 80),
                      min_clusters = 10, confidence = 0.95, draws = 1000, seed = 1) {
  if (is_grouped(predictions)) return(each_group(subgroups))
  check_confidence(confidence)
  check_draws(draws, seed)
  check_group_sizes(ages, min_clusters)
  data <- select_split(predictions, split)
  thresholds <- check_thresholds(thresholds, unique(data$finding))
  groups <- group_columns(data, by, ages)
  table <- by_finding(data, function(rows, finding) {
    point <- default_point(thresholds[thresholds$finding == finding, ])
    of_rows <- lapply(groups, function(group) group[data$finding == finding])
    compared <- compare_groups(rows, of_rows, point$threshold, min_clusters, confidence)
    tibble::tibble(
      finding = rep(finding, nrow(compared)), split = rep(split, nrow(compared)),
      compared[group_facts], operating_point = rep(point$operating_point, nrow(compared)),
      threshold = rep(point$threshold, nrow(compared)), compared[setdiff(names(compared), group_facts)],
      confidence = rep(confidence, nrow(compared))
    )
  })
  as_subclass("placa_subgroups", table)
}

# Most groups of one column.
most_groups <- 50

group_facts <- c("column", "group", "n_images", "n_clusters", "n_positive", "too_small")

# The operating point that predict() uses, or the first if none is the default.
default_point <- function(points) {
  points[c(which(points$default %in% TRUE), 1)[[1]], ]
}

# A list of factors, one per column, whose levels are the groups in the order of the tables.
group_columns <- function(data, by, ages, call = rlang::caller_env()) {
  if (!is.null(by)) {
    check_columns(data, by, "predictions", call)
    return(lapply(stats::setNames(nm = by), function(column) group_of(data[[column]], column, ages, call)))
  }
  there <- intersect(c("sex", "age", "view", "site"), names(data))
  # A column that was not requested does not stop the evaluation.
  many <- vapply(there, function(column) column != "age" && length(unique(data[[column]])) > most_groups, logical(1))
  if (any(many)) {
    warn(
      "There are no subgroups by {.field {there[many]}}, because the column has more than {most_groups} values.",
      class = "placa_warning_groups", call = call
    )
  }
  there <- there[!many]
  groups <- lapply(stats::setNames(nm = there), function(column) group_of(data[[column]], column, ages, call))
  groups[vapply(groups, function(group) length(unique(group)) > 1, logical(1))]
}

group_of <- function(values, column, ages, call) {
  if (column == "age") {
    below <- ages[-1] - 1
    labels <- c(paste0(ages[-length(ages)], "-", below), paste0(ages[length(ages)], "+"))
    # Ages below the first band are unknown, like missing ages.
    values <- factor(labels[replace(findInterval(values, ages), values < ages[[1]], NA)], labels)
  } else {
    values <- as_text(values)
    values <- factor(values, sort(unique(values), method = "radix"))
  }
  levels <- c(setdiff(levels(droplevels(values)), "unknown"), if (anyNA(values) || "unknown" %in% values) "unknown")
  if (length(levels) > most_groups) {
    abort(
      c("A grouping column must have at most {most_groups} values.",
        x = "{.field {column}} has {length(levels)} values.",
        i = "Group the values first, for example with {.fun cut}."),
      class = "placa_error_groups", call = call
    )
  }
  values <- as.character(values)
  values[is.na(values)] <- "unknown"
  factor(values, levels)
}

check_group_sizes <- function(ages, min_clusters, call = rlang::caller_env()) {
  if (!is.numeric(ages) || length(ages) < 2 || anyNA(ages) || is.unsorted(ages, strictly = TRUE)) {
    abort(
      c("{.arg ages} must be two or more increasing numbers.", x = "Received {.val {ages}}."),
      class = "placa_error_groups", call = call
    )
  }
  if (!rlang::is_integerish(min_clusters, n = 1, finite = TRUE) || min_clusters < 2) {
    abort(
      c("{.arg min_clusters} must be an integer of at least 2.", x = "Received {.val {min_clusters}}."),
      class = "placa_error_groups", call = call
    )
  }
}
