#' Summarise several external validations
#'
#' A random-effects meta-analysis of AUROC on the logit scale (Debray et al. 2017), fitted by restricted maximum
#' likelihood, with the interval of Hartung, Knapp, Sidik and Jonkman. The prediction interval contains the AUROC of a
#' further data set, such as that of the next hospital. metafor is used if it is installed; otherwise the same model is
#' fitted here.
#'
#' @param validations A list of validations by name, as [read_validations()] returns; or a data frame with the columns
#'   `finding`, `auroc`, `auroc_lower`, `auroc_upper` and `confidence`, one row per data set.
#' @param confidence Level of the intervals, between 0 and 1.
#' @return A tibble with one row per finding with at least two data sets: `finding`, `n_sets`, `auroc`, `auroc_lower`,
#'   `auroc_upper`, `prediction_lower`, `prediction_upper` (missing for two data sets), `tau` (standard deviation
#'   between data sets, on the logit scale), `i_squared` (0--1), `confidence`, `engine`.
#' @seealso [read_validations()]
#' @references
#' Debray TPA, Damen JAAG, Snell KIE, et al. (2017). A guide to systematic review and meta-analysis of prediction model
#' performance. *BMJ* 356, i6460. \doi{10.1136/bmj.i6460}
#'
#' Viechtbauer W (2010). Conducting meta-analyses in R with the metafor package. *Journal of Statistical Software*
#' 36(3). \doi{10.18637/jss.v036.i03}
#' @export
#' @examples
#' sets <- data.frame(
#'   finding = "Effusion", auroc = c(0.80, 0.86, 0.74), auroc_lower = c(0.75, 0.82, 0.66),
#'   auroc_upper = c(0.84, 0.89, 0.81), confidence = 0.95
#' )
#' pool_validations(sets)
pool_validations <- function(validations, confidence = 0.95) {
  check_confidence(confidence)
  if (!is.data.frame(validations)) {
    validations <- do.call(rbind, lapply(validations, function(one) {
      one$discrimination[c("finding", "auroc", "auroc_lower", "auroc_upper", "confidence")]
    }))
  }
  check_columns(validations, c("finding", "auroc", "auroc_lower", "auroc_upper", "confidence"), "validations",
                rlang::current_env())
  usable <- with(validations, !is.na(auroc_lower) & !is.na(auroc_upper) & auroc_lower > 0 & auroc_upper < 1 &
                   auroc_lower < auroc_upper)
  validations <- validations[usable, ]
  parts <- lapply(unique(validations$finding), function(finding) {
    sets <- validations[validations$finding == finding, ]
    if (nrow(sets) < 2) {
      return(NULL)
    }
    y <- stats::qlogis(sets$auroc)
    width <- stats::qlogis(sets$auroc_upper) - stats::qlogis(sets$auroc_lower)
    v <- (width / (2 * stats::qnorm((1 + sets$confidence) / 2)))^2
    tibble::tibble(finding = finding, n_sets = nrow(sets), pooled_auroc(y, v, confidence), confidence = confidence)
  })
  as_estimates("pooled", do.call(rbind, parts))
}

pooled_auroc <- function(y, v, confidence, metafor = rlang::is_installed("metafor")) {
  fit <- if (metafor) fit_metafor(y, v) else fit_reml(y, v)
  k <- length(y)
  reach <- stats::qt((1 + confidence) / 2, k - 1)
  spread <- sqrt(fit$se^2 + fit$tau2)
  typical <- (k - 1) * sum(1 / v) / (sum(1 / v)^2 - sum(1 / v^2))
  bounds <- stats::plogis(fit$mu + c(0, -1, 1) * reach * fit$se)
  further <- if (k > 2) stats::plogis(fit$mu + c(-1, 1) * reach * spread) else c(NA_real_, NA_real_)
  tibble::tibble(
    auroc = bounds[[1]], auroc_lower = bounds[[2]], auroc_upper = bounds[[3]],
    prediction_lower = further[[1]], prediction_upper = further[[2]],
    tau = sqrt(fit$tau2), i_squared = fit$tau2 / (fit$tau2 + typical), engine = if (metafor) "metafor" else "placa"
  )
}

fit_metafor <- function(y, v) {
  fit <- metafor::rma(yi = y, vi = v, method = "REML", test = "knha")
  list(mu = as.double(fit$beta), se = fit$se, tau2 = fit$tau2)
}

fit_reml <- function(y, v) {
  centre <- function(tau2) stats::weighted.mean(y, 1 / (v + tau2))
  criterion <- function(tau2) {
    w <- 1 / (v + tau2)
    sum(log(v + tau2)) + log(sum(w)) + sum(w * (y - centre(tau2))^2)
  }
  most <- 10 * stats::var(y) + max(v)
  tau2 <- stats::optimize(criterion, c(0, most), tol = 1e-10)$minimum
  if (criterion(0) <= criterion(tau2)) tau2 <- 0
  w <- 1 / (v + tau2)
  mu <- centre(tau2)
  list(mu = mu, se = sqrt(sum(w * (y - mu)^2) / ((length(y) - 1) * sum(w))), tau2 = tau2)
}
