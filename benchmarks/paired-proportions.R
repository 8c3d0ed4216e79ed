# Type I error of the difference of two models' sensitivities (or specificities) on the same images, one per patient, and
# of Tango's (1998) score test <doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B>.
#
#     R --no-echo --no-save --file=benchmarks/paired-proportions.R
#
# prints one row per sensitivity and number of positive images, from 20,000 data sets. The scores of both models have a
# correlation of 0.77.

placa <- asNamespace("placa")

# The images that both models, only the first, only the second and no model calls.
reaches_placa <- function(n) {
  first <- rep(c(1, 1, 0, 0), n)
  second <- rep(c(1, 0, 1, 0), n)
  ones <- rep(1, sum(n))
  limits <- placa$difference(placa$proportion(first, ones), placa$proportion(second, ones))$limits(0.95)
  isTRUE(limits[[1]] > 0 || limits[[2]] < 0)
}

# Without a difference, Tango's test is McNemar's without a correction.
reaches_tango <- function(n) isTRUE((n[[2]] - n[[3]])^2 > qnorm(0.975)^2 * (n[[2]] + n[[3]]))

set.seed(1)
cat("sensitivity,images,placa,tango\n")
first <- rnorm(1e5)
second <- sqrt(0.6) * first + sqrt(0.4) * rnorm(1e5)
for (sensitivity in c(0.705, 0.8165)) {
  threshold <- qnorm(sensitivity)
  once <- mean((first < threshold) != (second < threshold)) / 2
  for (images in c(5, 10, 20, 40, 67, 133)) {
    sets <- rmultinom(20000, images, c(sensitivity - once, once, once, 1 - sensitivity - once))
    counted <- table(apply(sets, 2, paste, collapse = " "))
    tables <- lapply(strsplit(names(counted), " "), as.integer)
    level <- function(reaches) sum(counted[vapply(tables, reaches, logical(1))]) / sum(counted)
    cat(sprintf("%g,%d,%.4f,%.4f\n", sensitivity, images, level(reaches_placa), level(reaches_tango)))
  }
}
