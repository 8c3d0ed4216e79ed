#' Simulated predictions for examples
#'
#' Simulates predictions for two findings. The same seed gives the same table on
#' every machine, and the random number state of the session does not change.
#' Each patient has one to four images, all in the same split.
#'
#' @param patients Number of patients, an integer of at least 20.
#' @param seed An integer.
#' @return `example_predictions()`: a tibble with the columns that
#'   [read_predictions()] returns. `example_thresholds()`: a tibble as
#'   [read_thresholds()] returns, with three thresholds from the validation split
#'   of `example_predictions()`: sensitivity of at least 0.95 (the default),
#'   specificity of at least 0.95, and maximum Youden index.
#' @seealso [read_predictions()], [as_predictions()]
#' @export
#' @examples
#' example_predictions()
#' example_thresholds()
example_predictions <- function(patients = 500, seed = 1) {
  with_seed(seed, {
    images <- simulate_images(patients)
    do.call(rbind, list(
      simulate_finding(images, "Pneumonia", prevalence = 0.3, separation = 2.1),
      simulate_finding(images, "Effusion", prevalence = 0.15, separation = 1.6)
    ))
  })
}

#' @rdname example_predictions
#' @export
example_thresholds <- function(patients = 500, seed = 1) {
  predictions <- example_predictions(patients, seed)
  by_finding(predictions[predictions$split == "validation", ], function(rows, finding) {
    curve <- roc_curve(rows$truth, rows$probability)[-1, ]
    youden <- curve$sensitivity + curve$specificity
    tibble::tibble(
      finding = finding,
      operating_point = c("sensitivity_95", "specificity_95", "youden"),
      threshold = c(
        max(curve$threshold[curve$sensitivity >= 0.95]),
        min(curve$threshold[curve$specificity >= 0.95]),
        curve$threshold[which.max(youden)]
      ),
      default = c(TRUE, FALSE, FALSE)
    )
  })
}

simulate_images <- function(patients) {
  per_patient <- sample(1:4, patients, replace = TRUE, prob = c(0.55, 0.25, 0.12, 0.08))
  split <- sample(c("train", "validation", "test"), patients, replace = TRUE, prob = c(0.5, 0.2, 0.3))
  patient <- rep(seq_len(patients), per_patient)
  tibble::tibble(
    image_id = sprintf("%05d_%03d.png", patient, sequence(per_patient) - 1L),
    patient_id = sprintf("%05d", patient),
    group_id = sprintf("%05d", patient),
    split = split[patient],
    sex = sample(c("F", "M"), patients, replace = TRUE)[patient],
    age = round(pmin(pmax(stats::rnorm(patients, 52, 17), 1), 95))[patient],
    view = sample(c("PA", "AP"), length(patient), replace = TRUE, prob = c(0.6, 0.4)),
    site = "simulated"
  )
}

# Truth and score share a random effect per patient, so that images of one patient are correlated.
simulate_finding <- function(images, finding, prevalence, separation) {
  patients <- unique(images$patient_id)
  of_patient <- match(images$patient_id, patients)
  liability <- sqrt(0.6) * stats::rnorm(length(patients))[of_patient] + sqrt(0.4) * stats::rnorm(nrow(images))
  truth <- as.integer(liability > stats::qnorm(1 - prevalence))
  logit <- separation * (truth - 0.5) + sqrt(0.3) * stats::rnorm(length(patients))[of_patient] +
    sqrt(0.7) * stats::rnorm(nrow(images))
  # With unit variance in both classes, this is the logit by Bayes' rule, so it is calibrated.
  calibrated <- separation * logit + stats::qlogis(prevalence)
  tibble::tibble(
    images[c("image_id", "patient_id", "group_id", "split")],
    finding = finding,
    truth = truth,
    probability = stats::plogis(calibrated),
    score = stats::plogis(1.6 * calibrated + 0.5),
    images[c("sex", "age", "view", "site")]
  )
}

with_seed <- function(seed, code) {
  old <- globalenv()$.Random.seed
  on.exit(
    if (is.null(old)) rm(".Random.seed", envir = globalenv()) else list2env(list(.Random.seed = old), globalenv())
  )
  set.seed(seed, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
  force(code)
}
