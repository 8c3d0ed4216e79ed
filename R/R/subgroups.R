#' Performance in subgroups, and how each differs from the rest
#'
#' A model that is good on average can be worse for women, for the old or for
#' radiographs taken lying down. For each group: how well images are ranked, how
#' many positives are missed at the stored operating point (the under-diagnosis
#' rate of Seyyed-Kalantari et al. 2021), whether probabilities are too high or
#' too low; and the difference from all other images, whose patients are drawn in
#' the same draws of a clustered bootstrap.
#'
#' Many groups are compared, so some will differ by chance: `p_holm` is
#' corrected for all groups of all columns by Holm (1979), for each finding and
#' metric by itself. A column with two groups is one comparison, and counts as
#' one. Groups of few patients are shown as too small, without numbers.
#'
#' @inheritParams operating_points
#' @param by Names of the columns to group by, or `NULL` for those of `sex`,
#'   `age`, `view` and `site` that are there and hold more than one value.
#'   Missing values are the group `"unknown"`.
#' @param ages Where bands of `age` (years) begin. Other columns of numbers are
#'   taken value by value.
#' @param min_clusters A group must have this many clusters (patients) with the
#'   finding, and as many without, a whole number from 2.
#' @return A tibble of class `placa_subgroups` with one row a finding, group and
#'   metric: `finding`, `split`, `column`, `group`, `n_images`, `n_clusters`,
#'   `n_positive`, `too_small`, `operating_point`, `threshold`, `metric`,
#'   `estimate`, `lower`, `upper`, `rest` (the estimate in all other images),
#'   `difference` (`estimate - rest`), `difference_lower`, `difference_upper`,
#'   `p_value` (two-sided, normal, by the standard error of the bootstrap),
#'   `p_holm`, `confidence`.
#'
#'   | metric | what | range |
#'   |---|---|---|
#'   | `auroc` | ranking within the group | 0--1 |
#'   | `sensitivity`, `specificity` | at the operating point | 0--1 |
#'   | `under_diagnosis` | positives that are called negative: 1 - `sensitivity` | 0--1, less is better |
#'   | `calibration_in_the_large` | share of positives less mean probability; positive: too low | -1--1, 0 is best |
#'
#'   A sensitivity, specificity or under-diagnosis rate of 0 or 1 has Wilson's
#'   interval, as in [operating_points()].
#' @section Errors:
#' Those of [operating_points()]; `placa_error_columns` where a column of `by`
#' is not there; `placa_error_groups` where it has more than 50 values, or `ages`
#' or `min_clusters` is not as above.
#' @references
#' Seyyed-Kalantari L, Zhang H, McDermott MBA, Chen IY, Ghassemi M (2021).
#' Underdiagnosis bias of artificial intelligence algorithms applied to chest
#' radiographs in under-served patient populations. *Nature Medicine* 27,
#' 2176--2182. \doi{10.1038/s41591-021-01595-0}
#'
#' Holm S (1979). A simple sequentially rejective multiple test procedure.
#' *Scandinavian Journal of Statistics* 6(2), 65--70.
#' @export
#' @examples
#' groups <- subgroups(example_predictions(), example_thresholds(), by = "view", draws = 200)
#' groups[groups$metric == "under_diagnosis", c("finding", "group", "estimate", "difference", "p_holm")]
subgroups <- function(predictions, thresholds, by = NULL, split = "test", ages = c(0, 18, 40, 60, 80),
                      min_clusters = 10, confidence = 0.95, draws = 1000, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  check_group_sizes(ages, min_clusters)
  data <- select_split(predictions, split)
  thresholds <- check_thresholds(thresholds, unique(data$finding))
  groups <- group_columns(data, by, ages)
  table <- by_finding(data, function(rows, finding) {
    point <- default_point(thresholds[thresholds$finding == finding, ])
    of_rows <- lapply(groups, function(group) group[data$finding == finding])
    compared <- compare_groups(rows, of_rows, point$threshold, min_clusters, confidence, draws, seed)
    tibble::tibble(
      finding = rep(finding, nrow(compared)), split = rep(split, nrow(compared)),
      compared[group_facts], operating_point = rep(point$operating_point, nrow(compared)),
      threshold = rep(point$threshold, nrow(compared)), compared[setdiff(names(compared), group_facts)],
      confidence = rep(confidence, nrow(compared))
    )
  })
  as_subclass("placa_subgroups", table)
}

group_facts <- c("column", "group", "n_images", "n_clusters", "n_positive", "too_small")

# The operating point that predict() uses, or the first where none is marked.
default_point <- function(points) {
  points[c(which(points$default %in% TRUE), 1)[[1]], ]
}

# A list of factors, one a column, whose levels are the groups in the order in which tables show them.
group_columns <- function(data, by, ages, call = rlang::caller_env()) {
  if (!is.null(by)) {
    check_columns(data, by, "predictions", call)
    return(lapply(stats::setNames(nm = by), function(column) group_of(data[[column]], column, ages, call)))
  }
  there <- intersect(c("sex", "age", "view", "site"), names(data))
  groups <- lapply(stats::setNames(nm = there), function(column) group_of(data[[column]], column, ages, call))
  groups[vapply(groups, function(group) length(unique(group)) > 1, logical(1))]
}

group_of <- function(values, column, ages, call) {
  if (column == "age") {
    below <- ages[-1] - 1
    labels <- c(paste0(ages[-length(ages)], "-", below), paste0(ages[length(ages)], "+"))
    # Ages below the first band are nobody's: unknown, as a missing age is.
    values <- factor(labels[replace(findInterval(values, ages), values < ages[[1]], NA)], labels)
  } else {
    values <- as_text(values)
    values <- factor(values, sort(unique(values), method = "radix"))
  }
  levels <- c(levels(droplevels(values)), if (anyNA(values)) "unknown")
  if (length(levels) > 50) {
    cli::cli_abort(
      c("A column to group by may have 50 values.", x = "{.field {column}} has {length(levels)}.",
        i = "Cut it into bands first, with {.fun cut}."),
      class = "placa_error_groups", call = call
    )
  }
  values <- as.character(values)
  values[is.na(values)] <- "unknown"
  factor(values, levels)
}

check_group_sizes <- function(ages, min_clusters, call = rlang::caller_env()) {
  if (!is.numeric(ages) || length(ages) < 2 || anyNA(ages) || is.unsorted(ages, strictly = TRUE)) {
    cli::cli_abort(
      c("{.arg ages} must be two or more rising numbers.", x = "They are {.val {ages}}."),
      class = "placa_error_groups", call = call
    )
  }
  if (!rlang::is_integerish(min_clusters, n = 1, finite = TRUE) || min_clusters < 2) {
    cli::cli_abort(
      c("{.arg min_clusters} must be a whole number from 2.", x = "It is {.val {min_clusters}}."),
      class = "placa_error_groups", call = call
    )
  }
}
