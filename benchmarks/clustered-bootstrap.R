# 2,000 draws of whole patients for the interval of AUROC, as clustered_auroc() does it, against pROC's bootstrap, which
# draws images. Both 2,000 draws, in turns in one process, the median of five pairs.

pairs <- 5
draws <- 2000
n_images <- 25596
n_patients <- 2797

# As many images and patients as the official test split of ChestX-ray14, invented ones: images of a patient are alike.
set.seed(1)
more <- sample(n_patients, n_images - n_patients, replace = TRUE, prob = rexp(n_patients))
patient <- sample(c(seq_len(n_patients), more))
truth <- rbinom(n_images, 1, plogis(rnorm(n_patients) - 2.5)[patient])
probability <- plogis(truth + rnorm(n_patients)[patient] + rnorm(n_images) - 2)
predictions <- data.frame(
  image_id = paste0(seq_len(n_images), ".png"), patient_id = paste(patient), group_id = paste(patient),
  split = "test", finding = "Pneumonia", truth = truth, probability = probability
)

seconds <- function(code) system.time(code)[["elapsed"]]

# A seed a pair: placa keeps the last draws, and would not have to draw again.
times <- vapply(seq_len(pairs), function(pair) {
  c(
    placa = seconds(placa::clustered_auroc(predictions, draws = draws, seed = pair)),
    proc = seconds(pROC::ci.auc(
      pROC::roc(truth, probability, levels = c(0, 1), direction = "<"),
      method = "bootstrap", boot.n = draws, progress = "none"
    ))
  )
}, c(placa = 0, proc = 0))

ratio <- times["proc", ] / times["placa", ]
count <- function(x) format(x, big.mark = ",")
cat(
  sprintf(
    "| AUROC's interval, %s images of %s patients, %s draws ", count(n_images), count(n_patients), count(draws)
  ),
  sprintf("| %.2f s, of patients ", median(times["placa", ])),
  sprintf("| %.1f s, of images (pROC %s) ", median(times["proc", ]), packageVersion("pROC")),
  sprintf("| %.0f (%.0f to %.0f) |\n", median(ratio), min(ratio), max(ratio)),
  sep = ""
)
