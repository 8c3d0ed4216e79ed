#' Update a model for other data
#'
#' Fits a new map from the probabilities of a model to probabilities for a local set. `"intercept"` shifts all logits,
#' `"logistic"` also changes their slope (Cox 1958), `"isotonic"` fits a monotone step function, and `"refit"` fits a
#' line to the score before recalibration. No method but `"isotonic"` changes the order of the images, so AUROC stays
#' the same.
#'
#' `proposed` is the simplest method that the data support, by the closed test of Vergouwe et al. (2017): if the
#' logistic update is not better than the model as it is, the model stays as it is; otherwise, if it is not better than
#' the shift of the intercept, the intercept is updated. Likelihood ratios are divided by the design effect of repeated
#' images of a patient (Rao and Scott 1984). With fewer than 20 images or patients in the rarer class only the intercept
#' is proposed, and with fewer than 5 nothing.
#'
#' `gain` compares the updated with the original probabilities. Updated probabilities of a patient come from a fit to
#' the other patients (five folds), so no image is judged by a map that it helped to fit. Intervals of paired
#' differences are from a clustered bootstrap, see [clustered_auroc()].
#'
#' @inheritParams clustered_auroc
#' @param method `"auto"` (the proposed one), `"none"`, `"intercept"`, `"logistic"`, `"isotonic"` or `"refit"`.
#' @param split The split to fit to; `NULL` uses all rows.
#' @param out A directory for the tables as CSV files, or `NULL`; `placa update` uses it.
#' @return An object of class `placa_update`, a list:
#'   * `coefficients`: a tibble with `finding`, `method`, `proposed`, `intercept` and `slope` of the logit (0 and 1 for
#'     `"none"`; missing for `"isotonic"`), `intercept_std_error`, `slope_std_error` (clustered), `n_images`,
#'     `n_positive`.
#'   * `tests`: a tibble with `finding`, `against` (`"none"`, `"intercept"`), `statistic`, `df`, `design_effect`,
#'     `p_value`.
#'   * `gain`: a tibble with `finding`, `metric` (`log_loss`, `brier`, `intercept`, `slope`, `observed_expected`),
#'     `before`, `after`, `difference`, `lower`, `upper` (the last three only for the losses), `confidence`.
#'   * `maps`: for `"isotonic"`, the logits of the steps: `finding`, `logit`, `updated`.
#'   * `predictions`: `predictions` with cross-fitted updated probabilities; `score` is the original probability.
#' @seealso [validate_external()], [calibration_measures()]
#' @section Errors:
#' The errors of [clustered_auroc()]; `placa_error_method`; `placa_error_one_class` if a finding has only one class.
#' @references
#' Cox DR (1958). Two further applications of a model for binary regression. *Biometrika* 45(3/4), 562--565.
#' \doi{10.1093/biomet/45.3-4.562}
#'
#' Rao JNK, Scott AJ (1984). On chi-squared tests for multiway contingency tables with cell proportions estimated from
#' survey data. *Annals of Statistics* 12(1), 46--60. \doi{10.1214/aos/1176346391}
#'
#' Vergouwe Y, Nieboer D, Oostenbrink R, et al. (2017). A closed testing procedure to select an appropriate method for
#' updating prediction models. *Statistics in Medicine* 36(28), 4529--4539. \doi{10.1002/sim.7179}
#' @export
#' @examples
#' predictions <- example_predictions()
#' predictions$probability <- plogis(2 * qlogis(predictions$probability) - 1)
#' update <- update_model(predictions, draws = 200)
#' update$coefficients
#' update$gain
update_model <- function(predictions, method = "auto", split = NULL, confidence = 0.95, draws = 1000, seed = 1,
                         out = NULL) {
  check_confidence(confidence)
  check_draws(draws, seed)
  method <- check_update_method(method)
  predictions <- check_predictions(predictions)
  if (is.null(split)) {
    predictions$split <- "local"
    split <- "local"
  }
  rows <- select_split(predictions, split)
  one_class <- unlist(by_finding_list(rows, function(rows) length(unique(rows$truth)) < 2))
  if (any(one_class)) {
    abort(
      c("An update requires images with and without each finding.",
        x = "{.val {names(one_class)[one_class]}} {?has/have} only one class."),
      class = "placa_error_one_class"
    )
  }
  parts <- by_finding_list(rows, update_finding, method, confidence, draws, seed)
  bind <- function(name) {
    tables <- lapply(names(parts), function(finding) tibble::tibble(finding = finding, parts[[finding]][[name]]))
    do.call(rbind, tables)
  }
  update <- structure(
    list(
      coefficients = bind("coefficients"), tests = bind("tests"),
      gain = as_estimates("gain", tibble::tibble(bind("gain"), confidence = confidence)), maps = bind("maps"),
      predictions = do.call(rbind, unname(lapply(parts, `[[`, "predictions")))
    ),
    class = "placa_update"
  )
  if (!is.null(out)) write_update(update, out)
  update
}

update_methods <- c("none", "intercept", "logistic", "isotonic", "refit")

check_update_method <- function(method, call = rlang::caller_env()) {
  if (!rlang::is_string(method) || !method %in% c("auto", update_methods)) {
    abort(
      c("{.arg method} must be one of {.val {c('auto', update_methods)}}.", x = "Received {.val {method}}."),
      class = "placa_error_method", call = call
    )
  }
  method
}

by_finding_list <- function(rows, make, ...) {
  findings <- unique(rows$finding)
  lapply(stats::setNames(nm = findings), function(finding) make(rows[rows$finding == finding, ], ...))
}

update_finding <- function(rows, method, confidence, draws, seed) {
  cluster <- cluster_index(rows)
  z <- safe_logit(rows$probability)
  tests <- closed_test(rows$truth, z, cluster)
  proposed <- tests$proposed
  if (method == "auto") method <- proposed
  from <- if (method == "refit" && !is.null(rows$score) && !anyNA(rows$score)) safe_logit(rows$score) else z
  map <- fit_update(method, rows$truth, from)
  errors <- clustered_errors(method, rows$truth, from, cluster)
  updated <- cross_fit(method, rows$truth, from, cluster, seed)
  after <- rows
  after$probability <- updated
  after$score <- rows$probability
  list(
    coefficients = tibble::tibble(
      method = method, proposed = proposed, intercept = map$intercept, slope = map$slope,
      intercept_std_error = errors[[1]], slope_std_error = errors[[2]], n_images = nrow(rows),
      n_positive = sum(rows$truth)
    ),
    tests = tests$table,
    gain = gain_of_update(rows, updated, cluster, confidence, draws, seed),
    maps = tibble::tibble(logit = map$knots$logit, updated = map$knots$updated),
    predictions = after
  )
}

# The map from logits to the logit of the updated probability: `apply`, and its line if it is one.
fit_update <- function(method, truth, z) {
  line <- function(intercept, slope) {
    list(intercept = intercept, slope = slope, apply = function(z) stats::plogis(intercept + slope * z))
  }
  switch(
    method,
    none = line(0, 1),
    intercept = line(unname(stats::coef(fit_logistic(truth, NULL, z))[[1]]), 1),
    logistic = ,
    refit = {
      fitted <- unname(stats::coef(fit_logistic(truth, z)))
      line(fitted[[1]], if (is.na(fitted[[2]])) 0 else fitted[[2]])
    },
    isotonic = {
      order <- order(z)
      steps <- stats::isoreg(z[order], truth[order])$yf
      # As for Platt's targets, no probability is 0 or 1.
      steps <- (steps * length(truth) + 0.5) / (length(truth) + 1)
      apply <- stats::approxfun(z[order], steps, rule = 2, ties = "mean")
      at <- unique(stats::quantile(z, seq(0, 1, length.out = min(most_knots, length(unique(z)))), names = FALSE))
      list(intercept = NA_real_, slope = NA_real_, apply = apply,
           knots = list(logit = at, updated = stats::qlogis(apply(at))))
    }
  )
}

# Knots by which a model file stores an isotonic map.
most_knots <- 64

fit_logistic <- function(truth, z, offset = NULL) {
  data <- data.frame(truth = truth)
  if (!is.null(z)) data$z <- z
  data$shift <- if (is.null(offset)) 0 else offset
  formula <- if (is.null(z)) truth ~ offset(shift) else truth ~ z + offset(shift)
  suppressWarnings(stats::glm(formula, family = stats::binomial(), data = data))
}

# The closed test of Vergouwe et al. 2017 for the model as it is, the intercept and the logistic update.
closed_test <- function(truth, z, cluster, level = 0.05) {
  deviances <- c(
    none = -2 * sum(stats::dbinom(truth, 1, stats::plogis(z), log = TRUE)),
    intercept = stats::deviance(fit_logistic(truth, NULL, z)), logistic = stats::deviance(fit_logistic(truth, z))
  )
  effect <- design_effects(truth, z, cluster)
  statistic <- c(deviances[["none"]], deviances[["intercept"]]) - deviances[["logistic"]]
  effects <- c(mean(effect), effect[[2]])
  df <- 2:1
  p <- stats::pchisq(pmax(statistic, 0) / effects, df, lower.tail = FALSE)
  table <- tibble::tibble(against = c("none", "intercept"), statistic = pmax(statistic, 0), df = df,
                          design_effect = effects, p_value = p)
  fewest <- min(vapply(0:1, function(class) length(unique(cluster[truth == class])), 1))
  proposed <- "logistic"
  if (fewest < 20 || p[[2]] > level) proposed <- "intercept"
  if (fewest < 5 || p[[1]] > level) proposed <- "none"
  list(table = table, proposed = proposed)
}

# Variance of intercept and slope with clusters over that without, at least 1.
design_effects <- function(truth, z, cluster) {
  if (max(cluster) == length(cluster) || stats::sd(z) == 0) {
    return(c(1, 1))
  }
  parts <- sandwich_parts(truth, z, cluster)
  pmax(diag(parts$clustered) / diag(parts$naive), 1)
}

sandwich_parts <- function(truth, z, cluster) {
  fitted <- fit_logistic(truth, z)
  x <- cbind(1, z)
  p <- stats::fitted(fitted)
  bread <- solve(crossprod(x, x * (p * (1 - p))))
  scores <- rowsum(x * (truth - p), cluster)
  n <- nrow(scores)
  list(naive = bread, clustered = bread %*% crossprod(scores) %*% bread * n / (n - 1))
}

clustered_errors <- function(method, truth, z, cluster) {
  if (method %in% c("logistic", "refit") && stats::sd(z) > 0) {
    return(sqrt(diag(sandwich_parts(truth, z, cluster)$clustered)))
  }
  if (method == "intercept") {
    p <- stats::fitted(fit_logistic(truth, NULL, z))
    scores <- rowsum(truth - p, cluster)
    n <- nrow(scores)
    return(c(sqrt(sum(scores^2) * n / (n - 1)) / sum(p * (1 - p)), NA_real_))
  }
  c(NA_real_, NA_real_)
}

# Five folds of clusters, dealt at random; a fold whose rest has one class keeps the map of all images.
cross_fit <- function(method, truth, z, cluster, seed, folds = 5) {
  n <- max(cluster)
  fold <- with_seed(seed, sample(rep_len(seq_len(min(folds, n)), n)))[cluster]
  updated <- double(length(truth))
  for (k in unique(fold)) {
    rest <- fold != k
    usable <- length(unique(truth[rest])) == 2
    map <- fit_update(method, if (usable) truth[rest] else truth, if (usable) z[rest] else z)
    updated[!rest] <- map$apply(z[!rest])
  }
  pmin(pmax(updated, 1e-7), 1 - 1e-7)
}

gain_of_update <- function(rows, updated, cluster, confidence, draws, seed) {
  truth <- rows$truth
  before <- pmin(pmax(rows$probability, 1e-7), 1 - 1e-7)
  losses <- list(
    log_loss = function(p) -stats::dbinom(truth, 1, p, log = TRUE), brier = function(p) (p - truth)^2
  )
  paired <- lapply(names(losses), function(name) {
    of <- losses[[name]]
    change <- as_cells(rep(1, length(truth)), 1, cluster, of(updated) - of(before))
    images <- as_cells(rep(1, length(truth)), 1, cluster)
    statistic <- function(counts) {
      matrix(cell_sums(change, counts)[1, ] / cell_sums(images, counts)[1, ], dimnames = list(NULL, name))
    }
    found <- bootstrap_intervals(bootstrap_clusters(cluster, truth, statistic, draws, seed), confidence)
    tibble::tibble(metric = name, before = mean(of(before)), after = mean(of(updated)),
                   difference = found$estimate, lower = found$lower, upper = found$upper)
  })
  described <- lapply(list(before, updated), function(p) {
    rows$probability <- p
    found <- validation_measures(rows, confidence)
    stats::setNames(found$estimate, found$measure)
  })
  named <- c(intercept = "CalInt", slope = "CalSlope", observed_expected = "OE_ratio")
  rbind(
    do.call(rbind, paired),
    tibble::tibble(metric = names(named), before = unname(described[[1]][named]),
                   after = unname(described[[2]][named]), difference = NA_real_, lower = NA_real_, upper = NA_real_)
  )
}
