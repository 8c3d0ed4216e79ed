# Coverage of the interval of the difference of two AUROCs if the curves have different shapes, see exchange_models().
# One image per patient; a third of the images are positive; the scores of both models have a correlation of 0.6.
#
#     R --no-echo --no-save --file=benchmarks/paired-aurocs.R
#
# prints one row per setting: the standard deviation of the second model's positive scores, both AUROCs, and the coverage
# of 2,000 intervals with Obuchowski's variance, with that of exchanged models, and with that of placa.

placa <- asNamespace("placa")

simulate_shapes <- function(images, spread, aurocs) {
  truth <- rep(1:0, c(images %/% 3, images - images %/% 3))
  first <- rnorm(images)
  second <- 0.6 * first + 0.8 * rnorm(images)
  list(
    truth = truth, first = sqrt(2) * qnorm(aurocs[[1]]) * truth + first,
    second = sqrt(1 + spread^2) * qnorm(aurocs[[2]]) * truth + ifelse(truth == 1, spread, 1) * second
  )
}

covered <- function(images, spread, aurocs) {
  data <- simulate_shapes(images, spread, aurocs)
  scores <- data[c("first", "second")]
  values <- lapply(scores, function(score) placa$placement_values(data$truth, score))
  ones <- rep(1, images)
  reach_of <- function(least) {
    exchanged <- placa$exchange_models(data$truth, scores, NULL, seq_len(images), least)
    exchanged$quantile(0.95) * exchanged$std_error
  }
  reaches <- c(
    qnorm(0.975) * placa$paired_error(data$truth, values, list(ones, ones), seq_len(images)), reach_of(Inf), reach_of(30)
  )
  found <- vapply(values, function(of_model) mean(of_model[data$truth == 1]), double(1))
  abs(found[[1]] - found[[2]] - diff(rev(aurocs))) <= reaches
}

set.seed(4)
cat("images,spread,first,second,obuchowski,exchanged,placa\n")
settings <- list(
  list(30, 3, c(0.75, 0.75)), list(60, 3, c(0.75, 0.75)), list(200, 3, c(0.75, 0.75)), list(1000, 3, c(0.75, 0.75)),
  list(200, 0.3, c(0.9, 0.9)), list(30, 1, c(0.75, 0.9)), list(60, 1, c(0.75, 0.9)), list(200, 1, c(0.75, 0.9))
)
for (setting in settings) {
  held <- rowMeans(replicate(2000, do.call(covered, setting)))
  cat(sprintf("%d,%g,%g,%g,%.3f,%.3f,%.3f\n", setting[[1]], setting[[2]], setting[[3]][[1]], setting[[3]][[2]],
              held[[1]], held[[2]], held[[3]]))
}
