# Obuchowski and Rockette's analysis with Hillis' degrees of freedom. `theta` is a matrix of modalities by readers, and
# the columns of `covariance` are modalities within readers.

# Mean squares and covariance components.
or_components <- function(theta, covariance) {
  i <- nrow(theta)
  j <- ncol(theta)
  of_modality <- rep(seq_len(i), j)
  of_reader <- rep(seq_len(j), each = i)
  same_modality <- outer(of_modality, of_modality, `==`)
  same_reader <- outer(of_reader, of_reader, `==`)
  mean_of <- function(cells) if (any(cells)) mean(covariance[cells]) else NA_real_
  modality <- rowMeans(theta)
  reader <- colMeans(theta)
  rest <- sweep(sweep(theta, 1, modality), 2, reader) + mean(theta)
  of <- list(
    n_modalities = i, n_readers = j, var = mean(diag(covariance)), cov1 = mean_of(!same_modality & same_reader),
    cov2 = mean_of(same_modality & !same_reader), cov3 = mean_of(!same_modality & !same_reader),
    ms_modality = j * sum((modality - mean(theta))^2) / (i - 1),
    ms_reader = if (j > 1) i * sum((reader - mean(theta))^2) / (j - 1) else NA_real_,
    ms_modality_reader = if (j > 1) sum(rest^2) / ((i - 1) * (j - 1)) else NA_real_
  )
  of$var_reader <- (of$ms_reader - of$ms_modality_reader) / i - of$cov1 + of$cov3
  of$var_modality_reader <- of$ms_modality_reader - of$var + of$cov1 + of$cov2 - of$cov3
  of
}

# The denominators of the tests of modalities, each with its degrees of freedom: the standard error of a difference is
# sqrt(2 / readers * denominator).
or_denominators <- function(of, df_cases) {
  j <- of$n_readers
  df_interaction <- (of$n_modalities - 1) * (j - 1)
  if (j == 1) {
    return(list(fixed_readers = list(value = of$var - of$cov1, df = df_cases)))
  }
  # Hillis 2007; a negative difference of covariances is dropped, and the degrees of freedom are then those of readers.
  random <- of$ms_modality_reader + max(j * (of$cov2 - of$cov3), 0)
  list(
    random_readers = list(value = random, df = random^2 / (of$ms_modality_reader^2 / df_interaction)),
    # The variance over cases of the mean difference of these readers, so nothing is dropped.
    fixed_readers = list(value = of$var - of$cov1 + (j - 1) * (of$cov2 - of$cov3), df = df_cases),
    fixed_cases = list(value = of$ms_modality_reader, df = df_interaction)
  )
}

# One modality, or the differences of readers from one algorithm: `theta` is a vector over readers.
single_components <- function(theta, covariance) {
  j <- length(theta)
  list(
    n_readers = j, var = mean(diag(covariance)),
    cov2 = if (j > 1) mean(covariance[row(covariance) != col(covariance)]) else NA_real_,
    ms_reader = if (j > 1) stats::var(theta) else NA_real_
  )
}

single_errors <- function(of, df_cases = Inf) {
  j <- of$n_readers
  if (j == 1) {
    return(list(fixed_readers = list(std_error = sqrt(of$var), df = df_cases)))
  }
  random <- of$ms_reader + max(j * of$cov2, 0)
  list(
    random_readers = list(std_error = sqrt(random / j), df = random^2 / (of$ms_reader^2 / (j - 1))),
    fixed_readers = list(std_error = sqrt((of$var + (j - 1) * of$cov2) / j), df = df_cases),
    fixed_cases = list(std_error = sqrt(of$ms_reader / j), df = j - 1)
  )
}

# An estimate with limits and p-value by Student's t. Without any variance these are missing.
student_test <- function(estimate, std_error, df, confidence, ends = c(-Inf, Inf)) {
  flat <- is.na(std_error) | std_error < 1e-12
  df <- ifelse(is.nan(df), NA_real_, df)
  reach <- ifelse(flat | is.na(df), NA_real_, stats::qt((1 + confidence) / 2, df) * std_error)
  p_value <- 2 * stats::pt(-abs(estimate / std_error), df)
  tibble::tibble(
    std_error = std_error, df = df,
    lower = pmax(estimate - reach, ends[[1]]), upper = pmin(estimate + reach, ends[[2]]),
    p_value = ifelse(flat, NA_real_, p_value)
  )
}
