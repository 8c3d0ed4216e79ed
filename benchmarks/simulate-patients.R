# Simulated images for coverage.R and type-one-error.R.

prevalence <- 1 / 3

# A third of the images are positive; the scores of a patient's images have a correlation of 0.5 given the truth. The
# second score is that of another model with the same AUROC.
simulate <- function(patients, separation, design) {
  images <- if (design == "one image") rep(1L, patients) else sample.int(10, patients, TRUE)
  patient <- rep(seq_len(patients), images)
  of_image <- rnorm(length(patient))
  of_patient <- rnorm(patients)[patient]
  liability <- if (design == "varying") (of_patient + of_image) / sqrt(2) else of_patient
  noise <- function() sqrt(0.5) * (rnorm(patients)[patient] + rnorm(length(patient)))
  first <- noise()
  truth <- as.integer(liability > qnorm(1 - prevalence))
  logit <- function(noise) separation * (separation * (truth - 0.5) + noise) + qlogis(prevalence)
  data.frame(
    image_id = paste(seq_along(patient)), patient_id = patient, group_id = patient, truth = truth,
    probability = plogis(logit(first)), other = plogis(logit(sqrt(0.6) * first + sqrt(0.4) * noise())),
    half = patient %% 2 == 0
  )
}

# A data set with fewer than two patients of a class has no interval of the AUROC.
simulate_estimable <- function(patients, separation, design) {
  repeat {
    data <- simulate(patients, separation, design)
    clusters <- tapply(data$patient_id, data$truth, function(x) length(unique(x)))
    if (length(clusters) == 2 && min(clusters) >= 2) {
      return(data)
    }
  }
}
