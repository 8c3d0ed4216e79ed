# Case mix: which patients the internal and the external images show, and how much of the difference of AUROC it
# explains (Debray et al. 2015, <doi:10.1016/j.jclinepi.2014.06.018>).

case_mix_columns <- c("sex", "view")
# Levels beyond these are put together.
case_mix_levels <- 6

compare_case_mix <- function(internal, external) {
  images <- function(rows) rows[!duplicated(rows$image_id), ]
  a <- images(internal)
  b <- images(external)
  row <- function(variable, level, statistic, internal, external, std_difference = NA_real_, finding = NA_character_) {
    tibble::tibble(
      finding = finding, variable = variable, level = level, statistic = statistic, internal = as.double(internal),
      external = as.double(external), std_difference = std_difference
    )
  }
  share <- function(variable, level, x, y, finding = NA_character_) {
    row(variable, level, "share", mean(x), mean(y), share_difference(mean(x), mean(y)), finding)
  }
  count_of <- function(rows) if (anyNA(rows$patient_id)) NA else length(unique(rows$patient_id))
  parts <- list(
    row("images", NA_character_, "count", nrow(a), nrow(b)),
    row("patients", NA_character_, "count", count_of(a), count_of(b))
  )
  for (finding in unique(external$finding)) {
    truth <- function(rows) rows$truth[rows$finding == finding]
    parts <- c(parts, list(share("prevalence", NA_character_, truth(internal), truth(external), finding)))
  }
  if ("age" %in% names(a) && "age" %in% names(b) && any(!is.na(a$age)) && any(!is.na(b$age))) {
    spread <- sqrt((stats::var(a$age, na.rm = TRUE) + stats::var(b$age, na.rm = TRUE)) / 2)
    mean_of <- function(rows) mean(rows$age, na.rm = TRUE)
    parts <- c(parts, list(
      row("age", NA_character_, "mean", mean_of(a), mean_of(b), (mean_of(b) - mean_of(a)) / spread),
      row("age", NA_character_, "sd", stats::sd(a$age, na.rm = TRUE), stats::sd(b$age, na.rm = TRUE))
    ))
  }
  for (column in intersect(case_mix_columns, intersect(names(a), names(b)))) {
    if (all(is.na(a[[column]])) && all(is.na(b[[column]]))) next
    levels <- common_levels(c(a[[column]], b[[column]]))
    of <- function(rows) level_of_mix(rows[[column]], levels)
    for (level in unique(c(of(a), of(b)))) {
      parts <- c(parts, list(share(column, level, of(a) == level, of(b) == level)))
    }
  }
  do.call(rbind, parts)
}

common_levels <- function(x) {
  count <- sort(table(x), decreasing = TRUE)
  names(utils::head(count, case_mix_levels))
}

level_of_mix <- function(x, levels) ifelse(is.na(x), "unknown", ifelse(x %in% levels, x, "other"))

share_difference <- function(p, q) {
  spread <- sqrt((p * (1 - p) + q * (1 - q)) / 2)
  if (spread == 0) (if (p == q) 0 else NA_real_) else (q - p) / spread
}

explain_difference <- function(internal, external, confidence, draws, seed) {
  by_finding(external, function(rows, finding) {
    own <- internal[internal$finding == finding, ]
    tibble::tibble(finding = finding, explain_one(own, rows, confidence, draws, seed), confidence = confidence)
  })
}

explain_one <- function(own, rows, confidence, draws, seed) {
  covariates <- shared_covariates(own, rows)
  # Without covariates only the prevalence differs, on which AUROC does not depend.
  member <- if (length(covariates) > 0) membership(own, rows, covariates)
  weight <- if (is.null(member)) rep(1, nrow(own)) else member$odds
  weighted <- standardised_auroc(own, weight, confidence, draws, seed)
  whole <- if (is.null(member)) weighted else standardised_auroc(own, rep(1, nrow(own)), confidence, draws, seed)
  theirs <- standardised_auroc(rows, rep(1, nrow(rows)), confidence, draws, seed)
  if (is.null(member)) weighted[] <- NA_real_
  remaining <- independent_difference(theirs, weighted)
  z <- lapply(list(own, rows), function(one) safe_logit(one$probability))
  tibble::tibble(
    covariates = paste(covariates, collapse = " "),
    membership_auroc = if (is.null(member)) NA_real_ else member$auroc,
    spread = stats::sd(z[[2]]) / stats::sd(z[[1]]), shift = mean(z[[2]]) - mean(z[[1]]),
    internal = whole$estimate, standardised = weighted$estimate,
    standardised_lower = weighted$lower, standardised_upper = weighted$upper, external = theirs$estimate,
    case_mix_difference = weighted$estimate - whole$estimate,
    model_difference = remaining$estimate, model_difference_lower = remaining$lower,
    model_difference_upper = remaining$upper,
    effective_images = if (is.null(member)) NA_real_ else sum(weight)^2 / sum(weight^2)
  )
}

# Covariates that both sets know and that vary.
shared_covariates <- function(own, rows) {
  usable <- function(name) {
    both <- c(own[[name]], rows[[name]])
    known <- name %in% names(own) && name %in% names(rows) && any(!is.na(own[[name]])) && any(!is.na(rows[[name]]))
    known && length(unique(both[!is.na(both)])) > 1
  }
  Filter(usable, c("age", case_mix_columns))
}

# The membership model: a logistic regression of the data set on truth and covariates. `odds` of being external are the
# weights of the internal images.
membership <- function(own, rows, covariates) {
  both <- rbind(own[c("truth", covariates)], rows[c("truth", covariates)])
  outside <- rep(0:1, c(nrow(own), nrow(rows)))
  design <- data.frame(truth = both$truth)
  for (name in covariates) {
    if (name == "age") {
      middle <- mean(both$age, na.rm = TRUE)
      design$age <- ifelse(is.na(both$age), 0, both$age - middle)
      design$age_squared <- (design$age / 10)^2
      design$age_unknown <- as.double(is.na(both$age))
    } else {
      levels <- common_levels(both[[name]])
      value <- level_of_mix(both[[name]], levels)
      for (level in unique(value)[-1]) design[[paste(name, level)]] <- as.double(value == level)
    }
  }
  design <- design[vapply(design, function(column) stats::var(column) > 0, NA)]
  fitted <- suppressWarnings(stats::glm.fit(cbind(1, as.matrix(design)), outside, family = stats::binomial()))
  p <- pmin(pmax(fitted$fitted.values, 1e-6), 1 - 1e-6)
  # Extreme weights are cut at the 99th percentile: a few images must not stand for all.
  odds <- (p / (1 - p))[outside == 0]
  odds <- pmin(odds, stats::quantile(odds, 0.99, names = FALSE))
  ranks <- rank(p)
  n <- tabulate(outside + 1)
  auroc <- (sum(ranks[outside == 1]) - n[[2]] * (n[[2]] + 1) / 2) / prod(n)
  list(odds = odds / mean(odds), auroc = auroc)
}

# AUROC of weighted images with the interval of a clustered bootstrap; within folds, as everywhere.
standardised_auroc <- function(rows, weight, confidence, draws, seed) {
  cluster <- cluster_index(rows)
  fold <- fold_index(rows)
  if (!has_pairs(rows$truth, fold)) {
    return(list(estimate = NA_real_, lower = NA_real_, upper = NA_real_))
  }
  if (is.null(fold)) fold <- rep(1L, nrow(rows))
  parts <- lapply(split(seq_len(nrow(rows)), fold), function(at) {
    at <- at[order(rows$probability[at])]
    last <- cumsum(rle(rows$probability[at])$lengths)
    list(at = at, truth = rows$truth[at] == 1, last = last)
  })
  one <- function(weights) {
    areas <- vapply(parts, function(part) {
      w <- weights[part$at]
      diff_at <- function(x) diff(c(0, cumsum(x)[part$last]))
      positive <- diff_at(w * part$truth)
      negative <- diff_at(w * !part$truth)
      below <- cumsum(negative) - negative / 2
      c(sum(positive * below) / sum(negative), sum(positive))
    }, double(2))
    used <- is.finite(areas[1, ])
    sum(areas[1, used]) / sum(areas[2, used])
  }
  statistic <- function(counts) {
    values <- apply(counts, 2, function(count) one(as.integer(count)[cluster] * weight))
    matrix(values, dimnames = list(NULL, "auroc"))
  }
  boot <- bootstrap_clusters(cluster, rows$truth, statistic, draws, seed)
  boot$draws[is.nan(boot$draws)] <- NA_real_
  as.list(bootstrap_intervals(boot, confidence)[c("estimate", "lower", "upper")])
}
