#' Plan the size of a study of readers
#'
#' Returns the power of a study with given numbers of readers and cases, or the number of
#' cases for a wanted power, from the variance components of a pilot study (Hillis,
#' Obuchowski and Berbaum 2011).
#'
#' The variance between readers does not become smaller with more cases. If it alone
#' prevents the wanted power, the number of cases is missing, and only more readers help.
#' The components of a pilot study are estimates with a large error; plan with several
#' plausible values. New cases are assumed to have the prevalence and difficulty of the
#' pilot study, with one case per patient.
#'
#' @param pilot The result of [compare_modalities()] or [compare_readers()]; or a data
#'   frame of components from the literature, as [variance_components()] returns: `n_cases` with
#'   `var`, `cov1`, `cov2`, `cov3` and `var_modality_reader` for two modalities, or with `var`,
#'   `cov2` and `ms_reader` for a model and a panel.
#' @param difference The true difference to detect, from -1 to 1. 0 only with `margin`.
#' @param readers One or more numbers of readers, each at least 2.
#' @param cases `NULL`, or one or more numbers of cases. `NULL` finds the number of cases for
#'   `power`.
#' @param power The wanted power, above 0 and below 1.
#' @param analysis `"random_readers"` or `"fixed_readers"`.
#' @param margin `NULL` for a two-sided test that there is no difference, or a
#'   non-inferiority margin, above 0 and below 1.
#' @param max_cases The largest number of cases to consider.
#' @inheritParams discrimination
#' @return A tibble with one row per finding, metric, number of readers and of cases:
#'   `finding`, `metric` (missing if unknown), `readers`, `cases`, `power`, `df`, `analysis`,
#'   `difference`, `margin`, `confidence`. If no number of cases up to `max_cases`
#'   reaches the power, `cases` is missing, and `power` is that of `max_cases`.
#' @section Errors:
#' `placa_error_readers` for invalid arguments or components; `placa_error_confidence`.
#' @references
#' Hillis SL, Obuchowski NA, Berbaum KS (2011). Power estimation for multireader ROC
#' methods: an updated and unified approach. *Academic Radiology* 18(2), 129--142.
#' \doi{10.1016/j.acra.2010.09.007}
#' @seealso [compare_modalities()], [compare_readers()]
#' @export
#' @examples
#' readers <- example_readers(5, modalities = c("alone", "with model"), levels = 5)
#' pilot <- compare_modalities(readers, example_predictions())
#' plan_readers(pilot, difference = 0.05, readers = c(4, 6, 8))
plan_readers <- function(pilot, difference, readers, cases = NULL, power = 0.8,
                         analysis = c("random_readers", "fixed_readers"), margin = NULL, max_cases = 10000,
                         confidence = 0.95) {
  check_confidence(confidence)
  analysis <- rlang::arg_match(analysis)
  check_margin(margin)
  check_plan(difference, readers, cases, power, margin, max_cases)
  components <- check_components(pilot)
  parts <- lapply(seq_len(nrow(components)), function(i) {
    of <- as.list(components[i, ])
    at <- function(readers, cases) study_power(of, readers, cases, difference, margin, analysis, confidence)
    rows <- do.call(rbind, lapply(readers, function(j) {
      wanted <- if (is.null(cases)) cases_for(function(n) at(j, n)$power, power, max_cases) else cases
      shown <- ifelse(is.na(wanted), max_cases, wanted)
      found <- lapply(shown, function(n) at(j, n))
      tibble::tibble(readers = j, cases = wanted, power = vapply(found, `[[`, double(1), "power"),
                     df = vapply(found, `[[`, double(1), "df"))
    }))
    tibble::tibble(finding = of$finding %||% NA_character_, metric = of$metric %||% NA_character_, rows)
  })
  as_estimates(if (is.null(cases)) "reader_plan" else "reader_power", tibble::tibble(
    do.call(rbind, parts), analysis = analysis, difference = difference, margin = margin %||% NA_real_,
    confidence = confidence
  ))
}

# The power of one study: `of` are the components of a pilot study.
study_power <- function(of, readers, cases, difference, margin, analysis, confidence) {
  shrink <- of$n_cases / cases
  fixed <- analysis == "fixed_readers"
  if (is.null(of$cov3) || is.na(of$cov3)) {
    shared <- if (fixed) of$cov2 else max(of$cov2, 0)
    between <- max(of$ms_reader - of$var + max(of$cov2, 0), 0)
    own <- of$var
    times <- 1
  } else {
    shared <- if (fixed) of$cov2 - of$cov3 else max(of$cov2 - of$cov3, 0)
    # Where the covariances are dropped, the component is estimated without them too (Hillis et al. 2011, equation 9).
    between <- max(of$var_modality_reader - (of$cov2 - of$cov3) + max(of$cov2 - of$cov3, 0), 0)
    own <- of$var - of$cov1
    times <- 2
  }
  if (fixed) between <- 0
  denominator <- between + shrink * (own + (readers - 1) * shared)
  df <- if (fixed) Inf else denominator^2 / ((between + shrink * (own - shared))^2 / (readers - 1))
  std_error <- sqrt(times * denominator / readers)
  reach <- stats::qt((1 + confidence) / 2, df)
  power <- if (is.null(margin)) {
    upper_tail(reach, df, abs(difference) / std_error) + upper_tail(reach, df, -abs(difference) / std_error)
  } else {
    upper_tail(reach, df, (difference + margin) / std_error)
  }
  list(power = power, df = df)
}

# R's noncentral t is imprecise for large noncentrality; the normal distribution is then enough.
upper_tail <- function(reach, df, noncentrality) {
  if (is.infinite(df) || abs(noncentrality) > 37) {
    return(stats::pnorm(reach - noncentrality, lower.tail = FALSE))
  }
  stats::pt(reach, df, noncentrality, lower.tail = FALSE)
}

# The smallest number of cases with the power, by bisection.
cases_for <- function(power_at, power, max_cases) {
  least <- 10
  if (is.na(power_at(max_cases)) || power_at(max_cases) < power) {
    return(NA_real_)
  }
  most <- max_cases
  while (most - least > 1) {
    middle <- floor((least + most) / 2)
    if (power_at(middle) >= power) most <- middle else least <- middle
  }
  if (power_at(least) >= power) least else most
}

check_components <- function(pilot, call = rlang::caller_env()) {
  components <- if (is.data.frame(pilot) && is.null(attr(pilot, "components", exact = TRUE))) {
    pilot
  } else {
    variance_components(pilot)
  }
  if ("n_images" %in% names(components)) components$n_cases <- components$n_images
  panel <- c("n_cases", "var", "cov2", "ms_reader")
  two <- c("n_cases", "var", "cov1", "cov2", "cov3", "var_modality_reader")
  if (!all(panel %in% names(components)) && !all(two %in% names(components))) {
    abort_ratings("{.arg pilot} must have the components {.field {two}}, or {.field {panel}}.",
                  "It has {.field {names(components)}}.", call = call, two = two, panel = panel,
                  components = components)
  }
  of <- if (all(two %in% names(components))) two else panel
  unknown <- !stats::complete.cases(components[of]) | components$var <= 0
  if (any(unknown)) {
    abort_ratings("The pilot study must have two or more readers whose errors vary.",
                  "{sum(unknown)} of {nrow(components)} row{?s} of components {?is/are} missing or 0.", call = call,
                  unknown = unknown, components = components)
  }
  components
}

check_plan <- function(difference, readers, cases, power, margin, max_cases, call = rlang::caller_env()) {
  number <- function(x, from, to, n = length(x)) {
    is.numeric(x) && length(x) > 0 && length(x) == n && !anyNA(x) && all(x >= from & x <= to)
  }
  fault <- if (!number(difference, -1, 1, 1) || (is.null(margin) && difference == 0)) {
    "{.arg difference} must be one number from -1 to 1, and not 0 without a margin."
  } else if (!is.null(margin) && difference + margin <= 0) {
    "{.arg difference} must be above {.code -margin}; otherwise the model is inferior."
  } else if (!number(readers, 2, 1e4) || any(readers %% 1 != 0)) {
    "{.arg readers} must be integers of at least 2."
  } else if (!is.null(cases) && !number(cases, 2, 1e9)) {
    "{.arg cases} must be numbers of at least 2, or NULL."
  } else if (!number(power, 0.01, 0.9999, 1)) {
    "{.arg power} must be one number above 0 and below 1, such as 0.8."
  } else if (!number(max_cases, 10, 1e9, 1)) {
    "{.arg max_cases} must be one number of at least 10."
  }
  if (!is.null(fault)) {
    abort_ratings(fault, "Received {.code difference = {difference}}, {.code readers = {readers}},
                  {.code power = {power}}.", call = call, difference = difference, readers = readers, power = power)
  }
}
