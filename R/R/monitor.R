#' Monitor a model after its deployment
#'
#' Compares periods, such as months, with the model's own test images. Without labels: the mean probability, the share
#' of flagged images, typicality and case mix. With labels, as far as a period has them: discrimination and calibration.
#' For a run, `placa monitor` predicts the periods and calls `monitor_run()`; a scheduler of the hospital calls
#' `placa monitor` once per period.
#'
#' The variance of a mean or share is that between patients (Liang and Zeger 1986). The intervals of the differences in
#' a period hold together: the error is divided by their number (Bonferroni). A variable has changed if its interval
#' excludes 0 and its standardised difference (Austin 2009) is at least 0.2, so that a period with many images does not
#' report differences without importance. Typicality is the share of training images that are less typical; for the
#' training images its mean is 0.5, which is the reference if the reference predictions have none.
#'
#' @param reference Predictions with the model's own test images, a data frame as [read_predictions()] returns.
#' @param periods Predictions of each period, a named list of data frames, in the order of time. A missing `truth` is a
#'   missing label.
#' @param thresholds The operating points of the model, as [read_thresholds()] returns. Images are flagged at the
#'   default one.
#' @param split The split of `reference` with its test images.
#' @param draws,seed,confidence As for [evaluate()].
#' @return A named list of two tibbles:
#'
#'   * `drift`: `period`, `finding` (missing for typicality and case mix), `variable` (`probability`, `flagged`,
#'     `prevalence`, `typicality`, `outside`, `age`, `sex`, `view`), `level`, `n_images`, `reference`, `current`,
#'     `difference` (current minus reference, with `_lower` and `_upper`), `std_difference`, `changed`, `confidence`.
#'   * `performance`: `period` (the first is `"reference"`), `finding`, `n_images`, `n_positive`, and `auroc`,
#'     `observed_expected`, `intercept`, `slope` with bounds `_lower` and `_upper`; `confidence`. Only labelled images.
#' @section Errors:
#' The errors of [evaluate()]; `placa_error_periods` if `periods` is not a named list of data frames;
#' `placa_error_finding` if a period has no finding of the model.
#' @references
#' Austin PC (2009). Balance diagnostics for comparing the distribution of baseline covariates between treatment groups.
#' *Statistics in Medicine* 28(25), 3083--3107. \doi{10.1002/sim.3697}
#'
#' Davis SE, Greevy RA, Lasko TA, Walsh CG, Matheny ME (2020). Detection of calibration drift in clinical prediction
#' models to inform model updating. *Journal of Biomedical Informatics* 112, 103611. \doi{10.1016/j.jbi.2020.103611}
#'
#' Liang KY, Zeger SL (1986). Longitudinal data analysis using generalized linear models. *Biometrika* 73(1), 13--22.
#' \doi{10.1093/biomet/73.1.13}
#' @seealso [validate_external()], [update_model()]
#' @export
#' @examples
#' here <- example_predictions()
#' march <- here[here$split == "test", ]
#' april <- march
#' april$probability <- plogis(qlogis(april$probability) + 0.8)
#' monitored <- monitor(here, list(march = march, april = april), example_thresholds(), draws = 200)
#' monitored$drift[monitored$drift$changed, ]
#' monitored$performance
monitor <- function(reference, periods, thresholds, split = "test", confidence = 0.95, draws = 500, seed = 1) {
  check_confidence(confidence)
  check_draws(draws, seed)
  reference <- check_predictions(reference)
  check_split(reference, split, rlang::current_env())
  periods <- check_periods(periods, reference, rlang::current_env())
  own <- reference[reference$split %in% split, ]
  drift <- lapply(names(periods), function(name) {
    tibble::tibble(period = name, drift_of(own, periods[[name]], thresholds, confidence))
  })
  performance <- lapply(c("reference", names(periods)), function(name) {
    rows <- if (name == "reference") own else periods[[name]]
    performance_of(name, rows, confidence, draws, seed)
  })
  list(
    drift = as_estimates("drift", do.call(rbind, drift)),
    performance = as_estimates("performance", do.call(rbind, performance))
  )
}

#' @rdname monitor
#' @param run The path of a run.
#' @param folder A folder with the predictions of the periods, `PERIOD.parquet`, in which `drift.csv` and
#'   `performance.csv` are written.
#' @export
monitor_run <- function(run, folder, draws = 500) {
  files <- sort(list.files(folder, "[.]parquet$", full.names = TRUE), method = "radix")
  periods <- stats::setNames(lapply(files, read_predictions), tools::file_path_sans_ext(basename(files)))
  monitored <- monitor(read_predictions(run), periods, read_thresholds(run), draws = draws)
  for (name in names(monitored)) write_table(monitored[[name]], file.path(folder, paste0(name, ".csv")))
  invisible(monitored)
}

check_periods <- function(periods, reference, call) {
  if (!is.list(periods) || is.data.frame(periods) || !rlang::is_named(periods) || length(periods) == 0) {
    abort(
      c("{.arg periods} must be a named list of data frames.", x = "Received {.obj_type_friendly {periods}}."),
      class = "placa_error_periods", call = call
    )
  }
  lapply(periods, function(rows) {
    rows <- check_predictions(rows, call = call)
    rows <- rows[rows$finding %in% reference$finding, ]
    if (nrow(rows) == 0) {
      abort(
        c("Each period must have a finding of the model.",
          i = "The model predicts {.val {unique(reference$finding)}}."),
        class = "placa_error_finding", call = call
      )
    }
    rows
  })
}

# The smallest standardised difference that counts as a change (a small effect, Cohen 1988).
least_change <- 0.2

drift_of <- function(own, rows, thresholds, confidence) {
  images <- list(own[!duplicated(own$image_id), ], rows[!duplicated(rows$image_id), ])
  parts <- c(drift_of_findings(own, rows, thresholds), drift_of_images(images[[1]], images[[2]]))
  drift <- do.call(rbind, parts)
  reach <- stats::qnorm(1 - (1 - confidence) / (2 * nrow(drift)))
  drift$difference_lower <- drift$difference - reach * drift$error
  drift$difference_upper <- drift$difference + reach * drift$error
  excludes_0 <- drift$difference_lower > 0 | drift$difference_upper < 0
  # Without any spread in both, a difference is as large as can be.
  large <- is.na(drift$std_difference) | abs(drift$std_difference) >= least_change
  drift$changed <- !is.na(excludes_0) & excludes_0 & large
  drift$confidence <- confidence
  columns <- c("finding", "variable", "level", "n_images", "reference", "current", "difference", "difference_lower",
               "difference_upper", "std_difference", "changed", "confidence")
  drift[columns]
}

drift_of_findings <- function(own, rows, thresholds) {
  parts <- lapply(unique(rows$finding), function(finding) {
    a <- own[own$finding == finding, ]
    b <- rows[rows$finding == finding, ]
    threshold <- point_of(thresholds, finding)
    of <- function(variable, x, y) compare_means(variable, x, y, a, b, finding = finding)
    list(
      of("probability", a$probability, b$probability),
      of("flagged", a$probability >= threshold, b$probability >= threshold),
      if (any(!is.na(b$truth))) of("prevalence", a$truth, b$truth)
    )
  })
  unlist(parts, recursive = FALSE)
}

drift_of_images <- function(a, b) {
  numbers <- Filter(function(name) any(!is.na(b[[name]])), intersect(c("typicality", "outside", "age"), names(b)))
  parts <- lapply(numbers, function(name) {
    x <- a[[name]]
    # By its definition, typicality is uniform on the training images, and hardly any radiograph is outside.
    if (name == "typicality" && !any(!is.na(x))) x <- rep(0.5, nrow(a))
    if (name == "outside" && !any(!is.na(x))) x <- rep(0, nrow(a))
    if (any(!is.na(x))) compare_means(name, x, b[[name]], a, b)
  })
  levels <- lapply(intersect(case_mix_columns, intersect(names(a), names(b))), function(name) {
    if (all(is.na(a[[name]])) || all(is.na(b[[name]]))) return(NULL)
    common <- common_levels(c(a[[name]], b[[name]]))
    x <- level_of_mix(a[[name]], common)
    y <- level_of_mix(b[[name]], common)
    found <- sort(unique(c(x, y)), method = "radix")
    # The shares of two levels add up to 1, so the first of them is enough.
    if (length(found) == 2) found <- found[[1]]
    lapply(found, function(level) compare_means(name, x == level, y == level, a, b, level = level))
  })
  c(parts, unlist(levels, recursive = FALSE))
}

compare_means <- function(variable, x, y, a, b, finding = NA_character_, level = NA_character_) {
  own <- mean_of_clusters(as.double(x), cluster_names(a))
  new <- mean_of_clusters(as.double(y), cluster_names(b))
  spread <- sqrt((own$spread^2 + new$spread^2) / 2)
  difference <- new$mean - own$mean
  tibble::tibble(
    finding = finding, variable = variable, level = level, n_images = sum(!is.na(y)), reference = own$mean,
    current = new$mean, difference = difference, error = sqrt(own$variance + new$variance),
    std_difference = if (spread > 0) difference / spread else if (difference == 0) 0 else NA_real_
  )
}

# The mean, its variance between clusters, and the standard deviation of the images.
mean_of_clusters <- function(x, cluster) {
  known <- !is.na(x)
  x <- x[known]
  centre <- mean(x)
  sums <- rowsum(x - centre, cluster[known])[, 1]
  n <- length(sums)
  variance <- if (n > 1) sum(sums^2) * n / (n - 1) / length(x)^2 else NA_real_
  if (length(x) > 0 && all(x %in% 0:1)) {
    # A share of 0 among few images is not known exactly (Agresti and Coull 1998, <doi:10.1080/00031305.1998.10480550>).
    near <- (n * centre + 1) / (n + 2)
    variance <- max(variance, near * (1 - near) / n)
  }
  list(
    mean = centre, variance = variance,
    spread = sqrt(mean((x - centre)^2))
  )
}

performance_of <- function(period, rows, confidence, draws, seed) {
  if (all(is.na(rows$truth))) return(NULL)
  rows$split <- "period"
  # A month may have one class only; its values are missing then.
  area <- suppressWarnings(discrimination(rows, "period", confidence, draws, seed))
  measures <- suppressWarnings(calibration_measures(rows, "period", confidence = confidence))
  out <- area[c("finding", "n_images", "n_positive", "auroc", "auroc_lower", "auroc_upper")]
  for (name in c("observed_expected", "intercept", "slope")) {
    one <- measures[measures$stage == "after" & measures$measure == name, ]
    one <- one[match(out$finding, one$finding), ]
    out[[name]] <- one$estimate
    out[[paste0(name, "_lower")]] <- one$lower
    out[[paste0(name, "_upper")]] <- one$upper
  }
  tibble::tibble(period = period, out, confidence = confidence)
}
