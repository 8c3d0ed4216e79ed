# Rows of extreme data: what placa printed before its intervals were score-type, what it prints now, and what is right.
#
#     R --no-echo --no-save --file=benchmarks/extremes.R
#
# prints a table in Markdown and exits with 1 if a value is not the right one.

library(placa, warn.conflicts = FALSE)
placa <- asNamespace("placa")
wrong <- 0L

shown <- function(x) {
  text <- vapply(x, function(value) {
    if (is.na(value)) "missing" else if (is.infinite(value)) "infinite" else format(signif(value, 4))
  }, "")
  paste(text, collapse = " to ")
}

# `now` are one or more numbers, `right` the same or a function that returns TRUE for right ones.
row <- function(what, before, now, right, tolerance = 6e-4) {
  good <- if (is.function(right)) isTRUE(right(now)) else
    isTRUE(all.equal(as.double(now), as.double(right), tolerance = tolerance, scale = 1))
  wrong <<- wrong + !good
  wanted <- if (is.function(right)) attr(right, "text") else shown(right)
  cat(sprintf("| %s | %s | %s | %s |%s\n", what, before, shown(now), wanted, if (good) "" else " <- WRONG"))
}

must <- function(text, f) structure(f, text = text)

# One image per patient: true and false positives, true and false negatives.
rows_of <- function(tp, fp, tn, fn) {
  n <- tp + fp + tn + fn
  tibble::tibble(
    image_id = paste0("i", seq_len(n)), patient_id = image_id, group_id = image_id, split = "test",
    finding = "Pneumonia", truth = rep(c(1L, 0L, 0L, 1L), c(tp, fp, tn, fn)),
    probability = rep(c(0.9, 0.9, 0.1, 0.1), c(tp, fp, tn, fn))
  )
}

at_half <- tibble::tibble(finding = "Pneumonia", operating_point = "youden", threshold = 0.5, default = TRUE)

of_metric <- function(rows, metric, columns = c("lower", "upper")) {
  table <- operating_points(rows, at_half)
  as.double(table[match(metric, table$metric), columns])
}

at_prevalence <- function(rows, metric, prevalence, columns = c("lower", "upper")) {
  table <- predictive_values(rows, at_half, prevalence)
  as.double(table[!table$own & table$metric == metric, columns])
}

quiet <- function(code) suppressMessages(suppressWarnings(code))

cat("| what | before | now | right |\n|---|---|---|---|\n")

# Coverage of the AUROC's interval, one image per patient.
coverage <- function(positives, images, sets = 1000) {
  separation <- sqrt(2) * qnorm(0.95)
  truth <- rep(1:0, c(positives, images - positives))
  set.seed(7)
  held <- vapply(seq_len(sets), function(i) {
    limits <- placa$auroc_of(truth, rnorm(images, separation * truth), seq_len(images))$limits(0.95)
    limits[[1]] <= 0.95 && limits[[2]] >= 0.95
  }, TRUE)
  100 * mean(held)
}
near <- must("at least 93", function(x) x >= 93)
row("coverage of the AUROC's interval in %, AUROC 0.95, 10 of 30 positive", "76", coverage(10, 30), near)
row("the same, 10 of 200 positive", "78", coverage(10, 200), near)

row("PPV at 1 % prevalence, specificity 30/30, sensitivity 30/30: lower limit", "1.000",
    at_prevalence(rows_of(30, 0, 30, 0), "ppv", 0.01, "lower"),
    must("about 0.05", function(x) x > 0.04 && x < 0.09))

width <- must("a width", function(x) x[[2]] - x[[1]] > 0.05)
perfect <- rows_of(30, 0, 30, 0)
row("LR- where sensitivity is 1 (30/30, 30/30)", "0 to 0", of_metric(perfect, "lr_negative"), width)
for (name in c("f1", "mcc", "kappa", "balanced_accuracy")) {
  row(paste(name, "of 1"), "1 to 1", of_metric(perfect, name), width)
}
found <- quiet(discrimination(perfect))
row("AUROC of 1", "1 to 1", unlist(found[c("auroc_lower", "auroc_upper")]), width)
row("average precision of 1", "1 to 1", unlist(found[c("average_precision_lower", "average_precision_upper")]), width)

one <- rows_of(1, 40, 1959, 0)
row("specificity 1959/1999 with one positive image", "missing", of_metric(one, "specificity"),
    placa$wilson_limits(1959 / 1999, 1999, qnorm(0.975)))
few <- rows_of(5, 40, 1955, 0)
row("specificity with 5 positive images: width over Wilson's", "1.2 to 1.6",
    diff(of_metric(few, "specificity")) / diff(placa$wilson_limits(1955 / 1995, 1995, qnorm(0.975))), 1)

# p-values and intervals: p is below 0.05 exactly if the interval excludes 0.
contradictions <- function(sets = 300) {
  set.seed(3)
  sum(vapply(seq_len(sets), function(i) {
    n <- 40
    truth <- rep(1:0, c(15, 25))
    score <- rnorm(n, truth)
    values <- cbind(placa$placement_values(truth, score), placa$placement_values(truth, score + rnorm(n, 0.6 * truth)))
    of <- lapply(1:2, function(j) placa$auroc_of_placements(truth, values[, j], 1, seq_len(n)))
    ones <- rep(1, n)
    error <- placa$paired_error(truth, list(values[, 1], values[, 2]), list(ones, ones), seq_len(n))
    differs <- placa$auroc_difference(of[[1]], of[[2]], error)
    limits <- differs$limits(0.95)
    (placa$p_of_difference(differs) < 0.05) != (limits[[1]] > 0 || limits[[2]] < 0)
  }, TRUE))
}
row("p < 0.05 where the interval holds 0, of 300 comparisons", "a third of p < 0.05", contradictions(), 0)

slope_coverage <- function(patients, sets = 400) {
  separation <- sqrt(2) * qnorm(0.95)
  set.seed(11)
  held <- vapply(seq_len(sets), function(i) {
    truth <- rep(1:0, c(patients %/% 3, patients - patients %/% 3))
    z <- separation * rnorm(patients, separation * (truth - 0.5)) + qlogis(1 / 3)
    abs(placa$slope_score(1, truth, z, seq_len(patients))) <= qnorm(0.975)
  }, TRUE)
  100 * mean(held)
}
row("coverage of the calibration slope in %, AUROC 0.95, 30 patients", "87 to 92", slope_coverage(30), near)

measures <- quiet(calibration_measures(example_predictions()))
row("intervals of ICI, E50, E90, ECE", "lower limit at the estimate",
    sum(!is.na(measures$lower[measures$measure %in% c("ici", "e50", "e90", "ece")])), 0)

many <- 1e5
truth <- rep(1:0, c(many / 2, many / 2))
values <- placa$placement_values(truth, rep(c(0.1, 0.4, 0.6, 0.9), length.out = many))
row("variance of an AUROC of 2.5 * 10^9 pairs", "missing",
    placa$auroc_covariance(truth, values, seq_len(many))[1, 1], must("a number", function(x) isTRUE(x > 0)))

alike <- rows_of(10, 0, 20, 0)
alike$probability <- 0.3
row("AUROC of one distinct probability", "an error", quiet(discrimination(alike))$auroc, 0.5)
both <- rbind(example_predictions(), transform(example_predictions()[example_predictions()$finding == "Effusion", ],
                                               finding = "Alike", probability = 0.5))
points <- rbind(example_thresholds()[c("finding", "operating_point", "threshold", "default")],
                data.frame(finding = "Alike", operating_point = "youden", threshold = 0.5, default = TRUE))
evaluation <- quiet(evaluate(both, points, draws = 100))
row("the same beside good findings: AUROC of each", "an error", evaluation$discrimination$auroc,
    must("0.5 and the others", function(x) length(x) == 3 && sum(x == 0.5) == 1))

# Probabilities with two decimals: at 0.70, 0.7 must count as called.
two <- tibble::tibble(
  image_id = paste0("i", 1:80), patient_id = image_id, group_id = image_id, split = "test", finding = "Pneumonia",
  truth = rep(1:0, c(24, 56)), probability = rep(c(0.7, 0.2, 0.7, 0.1), c(10, 14, 3, 53))
)
curve <- quiet(decision_curve(two))
own <- curve[abs(curve$threshold - 0.7) < 1e-9, ]
benefit <- if ("strategy" %in% names(own)) own$net_benefit[own$strategy == "model"] else own$net_benefit
row("net benefit at 0.70 of probabilities of 0.70 (10 true, 3 false of 80)", "as if none were called",
    benefit[[1]], 10 / 80 - 3 / 80 * 0.7 / 0.3)
row("thresholds of the default grid that are not n/100", "23 of 99",
    sum(!unique(curve$threshold) %in% ((0:100) / 100)), 0)

enriched <- rows_of(47, 2, 46, 5)
benefit_of <- function(...) {
  table <- quiet(decision_curve(enriched, thresholds = 0.5, ...))
  (if ("strategy" %in% names(table)) table$net_benefit[table$strategy == "model"] else table$net_benefit)[[1]]
}
row("net benefit at 0.5 of an enriched sample, at its own prevalence and at 5 %", "only its own",
    c(benefit_of(), benefit_of(prevalence = 0.05)),
    c(45 / 100, 0.05 * 47 / 52 - 0.95 * 2 / 48))

row("sensitivity 3/8", "0 to 1", of_metric(rows_of(3, 0, 22, 5), "sensitivity"), c(0.137, 0.694))
row("sensitivity 19/20: lower limit", "0.800", of_metric(rows_of(19, 0, 20, 1), "sensitivity", "lower"), 0.764)
row("kappa with 3 of 8 found", "0 to 1", of_metric(rows_of(3, 0, 22, 5), "kappa"),
    must("inside -1 to 1, not 0 to 1", function(x) x[[1]] > 0 && x[[2]] < 0.9))

row("NPV at 20 %, 100/100 found, 60/100 cleared: lower limit", "1", at_prevalence(rows_of(100, 40, 60, 0), "npv", 0.2,
                                                                           "lower"), 0.969)
row("PPV at 20 %, 60/100 found, 100/100 cleared: lower limit", "1", at_prevalence(rows_of(60, 0, 100, 40), "ppv", 0.2,
                                                                           "lower"), 0.663)
row("errors among the decided, 0 of 60", "0 to 0", placa$proportion(rep(0, 60), rep(1, 60))$limits(0.95), c(0, 0.060))
f1 <- of_metric(rows_of(3, 0, 30, 12), "f1")
share <- placa$wilson_limits(3 / 15, 15, qnorm(0.975))
row("F1 with 3 of 15 found", "0.067 to 0.451", f1, 2 * share / (1 + share))
row("F1 with none found: lower limit", "missing", of_metric(rows_of(0, 0, 30, 14), "f1", "lower"), 0)

if (wrong > 0) quit(status = 1)
