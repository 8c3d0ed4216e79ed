metric_names <- c(
  "sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative", "f1", "mcc", "kappa", "balanced_accuracy",
  "brier"
)

# Which package does the metrics: "yardstick" or "pROC" (whose curves are used either way).
metric_engine <- function(call = rlang::caller_env()) {
  asked <- getOption("placa.engine", "auto")
  there <- rlang::is_installed("yardstick")
  if (!rlang::is_string(asked) || !asked %in% c("auto", "yardstick", "pROC")) {
    cli::cli_abort(
      c("The option {.code placa.engine} must be {.val auto}, {.val yardstick} or {.val pROC}.",
        x = "It is {.val {asked}}."),
      class = "placa_error_engine", call = call
    )
  }
  if (asked == "yardstick" && !there) {
    cli::cli_abort(
      c("The option {.code placa.engine} asks for yardstick, which is not installed.",
        i = "Type {.code install.packages(\"yardstick\")}, or {.code options(placa.engine = \"auto\")}."),
      class = "placa_error_engine", call = call
    )
  }
  if (asked == "auto") (if (there) "yardstick" else "pROC") else asked
}

engine_version <- function(engine = metric_engine()) {
  paste(engine, as.character(utils::packageVersion(engine)))
}

metrics_of <- function(engine) {
  if (engine == "yardstick") metrics_by_yardstick else metrics_by_counts
}

confusion_counts <- function(truth, probability, threshold) {
  called <- probability >= threshold
  # Doubles, since products of four counts leave R's integers behind at 216 images of each kind.
  c(
    true_positive = as.double(sum(called & truth == 1)),
    false_positive = as.double(sum(called & truth == 0)),
    true_negative = as.double(sum(!called & truth == 0)),
    false_negative = as.double(sum(!called & truth == 1))
  )
}

metrics_by_counts <- function(truth, probability, threshold) {
  n <- confusion_counts(truth, probability, threshold)
  by_name <- list(
    tp = n[["true_positive"]], fp = n[["false_positive"]], tn = n[["true_negative"]], fn = n[["false_negative"]]
  )
  c(undefined_as_missing(c(unlist(metrics_of_counts(by_name)), brier_score(truth, probability))), n)
}

metrics_by_yardstick <- function(truth, probability, threshold) {
  levels <- c("positive", "negative")
  actual <- factor(ifelse(truth == 1, "positive", "negative"), levels)
  called <- factor(ifelse(probability >= threshold, "positive", "negative"), levels)
  # yardstick warns where a denominator is zero; here the missing value and the help page say it.
  values <- suppressWarnings({
    sensitivity <- yardstick::sens_vec(actual, called)
    specificity <- yardstick::spec_vec(actual, called)
    c(
      sensitivity, specificity,
      # ppv_vec() is missing where there are no positives, although the calls made are plainly wrong.
      yardstick::precision_vec(actual, called),
      yardstick::precision_vec(actual, called, event_level = "second"),
      # It has no likelihood ratios, but what they are made of.
      sensitivity / (1 - specificity), (1 - sensitivity) / specificity,
      yardstick::f_meas_vec(actual, called),
      yardstick::mcc_vec(actual, called),
      yardstick::kap_vec(actual, called),
      yardstick::bal_accuracy_vec(actual, called),
      brier_by_yardstick(actual, truth, probability)
    )
  })
  c(undefined_as_missing(values), confusion_counts(truth, probability, threshold))
}

undefined_as_missing <- function(values) {
  values[!is.finite(values)] <- NA_real_
  stats::setNames(values, metric_names)
}

brier_by_yardstick <- function(actual, truth, probability) {
  if (!"brier_class_vec" %in% getNamespaceExports("yardstick")) {
    return(brier_score(truth, probability))
  }
  getExportedValue("yardstick", "brier_class_vec")(actual, probability)
}

brier_score <- function(truth, probability) {
  mean((probability - truth)^2)
}
