#' Compare modalities read by the same readers (multi-reader, multi-case)
#'
#' Compares the performance of readers under two or more modalities, such as without
#' and with the help of a model. All readers read all cases under all modalities.
#'
#' The analysis is that of Obuchowski and Rockette (1995) with the degrees of freedom
#' of Hillis (2007). It has three forms. With `"random_readers"` and random cases, the
#' result holds for other readers and other cases. With `"fixed_readers"`, it holds for
#' these readers and other cases. With `"fixed_cases"`, it holds for these cases and
#' other readers. The rows `"single_reader"` compare the modalities for each reader.
#'
#' @section Which interval is wider:
#' The interval for random readers is usually the wider one. It is the narrower one if
#' readers vary little and errors of different readers are correlated less within a
#' modality than between modalities (`cov2 < cov3`). Hillis' test then drops the
#' covariances, its standard error does not depend on the cases, and its degrees of
#' freedom are the number of readers minus one. Such an interval is too optimistic, so
#' the rows are marked in `narrower`, with a message of class
#' `placa_message_narrower`. Report both intervals.
#'
#' For fixed readers, the variance over cases of the mean difference is used as it is;
#' MRMCaov does the same. RJafroc sets `cov2 - cov3` to 0 if it is negative.
#' [variance_components()] returns all components, negative ones as they are.
#'
#' @param readers A table of ratings, as [read_readers()] returns, with the column
#'   `modality`.
#' @param predictions `NULL`, or a data frame with `truth` and, optionally, `patient_id`
#'   and `group_id`, as [read_predictions()] returns. Without it, `readers` must have
#'   the column `truth`.
#' @param reference The modality with which the others are compared; `NULL` uses the
#'   first.
#' @param metric One or more of `"auroc"`, `"sensitivity"` and `"specificity"`. `NULL` uses
#'   AUROC for ordinal ratings, and the other two for ratings of 0 and 1.
#' @param positive_from The lowest rating that is called positive, for sensitivity and
#'   specificity. Ratings of 0 and 1 need none.
#' @param covariance The estimate of the covariances: `"jackknife"`, `"delong"` or
#'   `"unbiased"` (AUROC only). The jackknife leaves out one patient at a time. DeLong's
#'   is extended to clusters by Obuchowski (1997). The unbiased estimate requires one
#'   image per patient.
#' @param method `"or"` uses the normal distribution for fixed readers; `"dbm"` uses
#'   Student's t with the number of patients minus one, as Dorfman, Berbaum and Metz
#'   (1992) do. The rest is the same (Hillis 2005).
#' @inheritParams discrimination
#' @return A tibble of class `placa_modalities`: `finding`, `metric`, `analysis`
#'   (`"random_readers"`, `"fixed_readers"`, `"fixed_cases"`, `"single_reader"`), `reader`
#'   (missing for the mean of all readers), `modality`, `reference` (missing for the
#'   value of one modality), `n_readers`, `n_cases`, `n_clusters`, `n_positive`, `estimate`
#'   (of the modality), `reference_estimate`, `difference` (`estimate -
#'   reference_estimate`), `std_error`, `df`, `lower`, `upper`, `p_value` (of the difference;
#'   of the estimate if `reference` is missing), `narrower`, `confidence`.
#' @section Errors:
#' `placa_error_readers` if there is only one modality, or no case that all readers
#' read under all modalities; `placa_error_confidence`; the errors of
#' [read_readers()] and [discrimination()].
#' @references
#' Obuchowski NA, Rockette HE (1995). Hypothesis testing of diagnostic accuracy for
#' multiple readers and multiple tests: an ANOVA approach with dependent observations.
#' *Communications in Statistics -- Simulation and Computation* 24(2), 285--308.
#' \doi{10.1080/03610919508813243}
#'
#' Hillis SL (2005). A comparison of the Dorfman--Berbaum--Metz and
#' Obuchowski--Rockette methods for receiver operating characteristic (ROC) data.
#' *Statistics in Medicine* 24(10), 1579--1607. \doi{10.1002/sim.2024}
#'
#' Hillis SL (2007). A comparison of denominator degrees of freedom methods for
#' multiple observer ROC analysis. *Statistics in Medicine* 26(3), 596--619.
#' \doi{10.1002/sim.2532}
#' @seealso [compare_readers()], [plan_readers()]
#' @export
#' @examples
#' readers <- example_readers(modalities = c("alone", "with model"))
#' compare_modalities(readers, example_predictions())
compare_modalities <- function(readers, predictions = NULL, reference = NULL, metric = NULL, positive_from = NULL,
                               covariance = c("jackknife", "delong", "unbiased"), method = c("or", "dbm"),
                               split = "test", confidence = 0.95) {
  check_confidence(confidence)
  covariance <- rlang::arg_match(covariance)
  method <- rlang::arg_match(method)
  readers <- with_truth(check_readers(readers), predictions, split)
  modalities <- modalities_of(readers, reference)
  parts <- lapply(unique(readers$finding), function(finding) {
    rows <- readers[readers$finding %in% finding, ]
    design <- crossed_design(rows, modalities)
    metrics <- metrics_of_readers(design$ratings, metric, positive_from)
    positive_from <- cut_of_ratings(design$ratings, metrics, positive_from)
    lapply(metrics, function(metric) {
      modality_tests(design, finding, metric, positive_from, covariance, method, confidence)
    })
  })
  parts <- unlist(parts, recursive = FALSE)
  table <- as_estimates("modalities", do.call(rbind, lapply(parts, `[[`, "table")))
  attr(table, "components") <- do.call(rbind, lapply(parts, `[[`, "components"))
  inform_narrower(table)
  table
}

#' Variance components of a study of readers
#'
#' Returns the components of the analysis of Obuchowski and Rockette, for reports and
#' for [plan_readers()].
#'
#' @param x The result of [compare_modalities()] or [compare_readers()].
#' @return A tibble with one row per finding and metric. For modalities: `var`, `cov1`
#'   (same reader, different modality), `cov2` (different reader, same modality), `cov3`
#'   (both different), the mean squares `ms_modality`, `ms_reader`,
#'   `ms_modality_reader`, the components `var_reader` and `var_modality_reader`, which
#'   may be negative, and `f`, `df1`, `df2`, `p_value` of the test that all modalities are
#'   equal (random readers and cases). For a model and readers: `var`, `cov2` and
#'   `ms_reader` of the differences.
#' @seealso [plan_readers()], [compare_modalities()]
#' @export
#' @examples
#' readers <- example_readers(modalities = c("alone", "with model"))
#' compared <- compare_modalities(readers, example_predictions())
#' variance_components(compared)
variance_components <- function(x) {
  components <- attr(x, "components", exact = TRUE)
  if (is.null(components)) {
    abort_ratings("{.arg x} must be the result of {.fun compare_modalities} or {.fun compare_readers}.",
                  "Received {.obj_type_friendly {x}}.", x = x)
  }
  as_subclass("placa_components", components)
}

modalities_of <- function(readers, reference, call = rlang::caller_env()) {
  modalities <- unique(readers$modality)
  if (length(modalities) < 2) {
    abort_ratings("{.arg readers} must have two or more values of {.field modality}.",
                  "It has {length(modalities)}.", "{.fun compare_readers} compares readers with a model.",
                  call = call, modalities = modalities)
  }
  if (is.null(reference)) reference <- modalities[[1]]
  if (!rlang::is_string(reference) || !reference %in% modalities) {
    abort_ratings("{.arg reference} must be one of {.val {modalities}}.", "Received {.val {reference}}.",
                  call = call, modalities = modalities, reference = reference)
  }
  c(reference, setdiff(modalities, reference))
}

inform_narrower <- function(table) {
  narrow <- unique(table$finding[table$narrower %in% TRUE])
  if (length(narrow) > 0) {
    cli::cli_inform(
      c("!" = "The interval for random readers is narrower than that for fixed readers.",
        i = "See {.field narrower} and {.help [{.fun compare_modalities}](placa::compare_modalities)}. Report both."),
      class = "placa_message_narrower"
    )
  }
}

# All tests of one finding and metric.
modality_tests <- function(design, finding, metric, positive_from, covariance, method, confidence) {
  values <- reader_values(design$truth, design$ratings, metric, positive_from)
  performance <- reader_performance(design$truth, values, metric)
  matrix_of <- reader_covariance(design$truth, design$ratings, values, metric, covariance, design$cluster)
  theta <- matrix(performance, length(design$modalities), dimnames = list(design$modalities, design$readers))
  of <- or_components(theta, matrix_of)
  df_cases <- if (method == "dbm") max(design$cluster) - 1 else Inf
  denominators <- or_denominators(of, df_cases)
  about <- tibble::tibble(
    finding = finding, metric = metric, n_readers = ncol(theta), n_cases = length(design$truth),
    n_clusters = max(design$cluster), n_positive = sum(design$truth)
  )
  rows <- rbind(
    mean_rows(theta, denominators, matrix_of, df_cases, confidence),
    if (ncol(theta) > 1) reader_rows(theta, matrix_of, df_cases, confidence)
  )
  table <- tibble::tibble(
    about[c("finding", "metric")], rows[c("analysis", "reader", "modality", "reference")],
    about[c("n_readers", "n_cases", "n_clusters", "n_positive")],
    rows[setdiff(names(rows), c("analysis", "reader", "modality", "reference"))], confidence = confidence
  )
  random <- denominators$random_readers
  f <- if (is.null(random)) NA_real_ else of$ms_modality / random$value
  df2 <- if (is.null(random)) NA_real_ else random$df
  components <- tibble::tibble(
    about, n_modalities = of$n_modalities, covariance = covariance,
    tibble::as_tibble(of[setdiff(names(of), c("n_modalities", "n_readers"))]), f = f, df1 = of$n_modalities - 1,
    df2 = df2, p_value = stats::pf(f, of$n_modalities - 1, df2, lower.tail = FALSE)
  )
  list(table = table, components = components)
}

# Means over readers: each modality, and each difference from the first.
mean_rows <- function(theta, denominators, covariance, df_cases, confidence) {
  means <- rowMeans(theta)
  others <- seq_along(means)[-1]
  of_modality <- rep(seq_len(nrow(theta)), ncol(theta))
  by_analysis <- lapply(names(denominators), function(analysis) {
    single <- lapply(seq_along(means), function(i) {
      cells <- of_modality == i
      errors <- single_errors(single_components(theta[i, ], covariance[cells, cells, drop = FALSE]), df_cases)
      row_of(analysis, NA_character_, rownames(theta)[[i]], NA_character_, means[[i]], NA_real_,
             errors[[analysis]]$std_error, errors[[analysis]]$df, confidence)
    })
    one <- denominators[[analysis]]
    std_error <- sqrt(2 / ncol(theta) * one$value)
    pairs <- lapply(others, function(i) {
      row_of(analysis, NA_character_, rownames(theta)[[i]], rownames(theta)[[1]], means[[i]], means[[1]], std_error,
             one$df, confidence)
    })
    do.call(rbind, c(pairs, single))
  })
  table <- do.call(rbind, by_analysis)
  error_of <- function(analysis) if (is.null(denominators[[analysis]])) NA else denominators[[analysis]]$value
  narrow <- isTRUE(error_of("random_readers") < error_of("fixed_readers"))
  table$narrower <- table$analysis == "random_readers" & !is.na(table$reference) & narrow
  table
}

# Each reader alone, by the covariances of this reader.
reader_rows <- function(theta, covariance, df_cases, confidence) {
  i <- nrow(theta)
  rows <- lapply(seq_len(ncol(theta)), function(j) {
    own <- covariance[(j - 1) * i + seq_len(i), (j - 1) * i + seq_len(i)]
    reader <- colnames(theta)[[j]]
    single <- lapply(seq_len(i), function(k) {
      row_of("single_reader", reader, rownames(theta)[[k]], NA_character_, theta[k, j], NA_real_, sqrt(own[k, k]),
             df_cases, confidence)
    })
    pairs <- lapply(seq_len(i)[-1], function(k) {
      std_error <- sqrt(max(own[1, 1] + own[k, k] - 2 * own[1, k], 0))
      row_of("single_reader", reader, rownames(theta)[[k]], rownames(theta)[[1]], theta[k, j], theta[1, j], std_error,
             df_cases, confidence)
    })
    do.call(rbind, c(pairs, single))
  })
  table <- do.call(rbind, rows)
  table$narrower <- FALSE
  table
}

row_of <- function(analysis, reader, modality, reference, estimate, reference_estimate, std_error, df, confidence) {
  alone <- is.na(reference)
  difference <- estimate - reference_estimate
  test <- student_test(if (alone) estimate else difference, std_error, df, confidence,
                       if (alone) c(0, 1) else c(-1, 1))
  if (alone) test$p_value <- NA_real_
  tibble::tibble(
    analysis = analysis, reader = reader, modality = modality, reference = reference, estimate = estimate,
    reference_estimate = reference_estimate, difference = difference, test
  )
}
