metric_names <- c(
  "sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative", "f1", "mcc", "kappa", "balanced_accuracy",
  "brier"
)

# The package for the metrics: "yardstick" or "pROC" (pROC always computes the ROC curve).
metric_engine <- function(call = rlang::caller_env()) {
  engine <- getOption("placa.engine", "auto")
  installed <- rlang::is_installed("yardstick")
  if (!rlang::is_string(engine) || !engine %in% c("auto", "yardstick", "pROC")) {
    abort(
      c("The option {.code placa.engine} must be {.val auto}, {.val yardstick} or {.val pROC}.",
        x = "Received {.val {engine}}."),
      class = "placa_error_engine", call = call
    )
  }
  if (engine == "yardstick" && !installed) {
    abort(
      c("The option {.code placa.engine} is {.val yardstick}, but yardstick is not installed.",
        i = "Run {.code install.packages(\"yardstick\")} or {.code options(placa.engine = \"auto\")}."),
      class = "placa_error_engine", call = call
    )
  }
  if (engine == "auto") (if (installed) "yardstick" else "pROC") else engine
}

engine_version <- function(engine = metric_engine()) {
  paste(engine, as.character(utils::packageVersion(engine)))
}

metrics_of <- function(engine) {
  if (engine == "yardstick") metrics_by_yardstick else metrics_by_counts
}

confusion_counts <- function(truth, probability, threshold) {
  called <- probability >= threshold
  # Doubles, because the product of four counts overflows R's integers from 216 images per class.
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
  # yardstick warns about a zero denominator; the value is missing, as documented.
  values <- suppressWarnings({
    sensitivity <- yardstick::sens_vec(actual, called)
    specificity <- yardstick::spec_vec(actual, called)
    c(
      sensitivity, specificity,
      # ppv_vec() is missing without positives; precision_vec() is 0.
      yardstick::precision_vec(actual, called),
      yardstick::precision_vec(actual, called, event_level = "second"),
      # yardstick has no likelihood ratios, so they are computed from its values.
      sensitivity / (1 - specificity), (1 - sensitivity) / specificity,
      # f_meas_vec() is missing if no positive image is found; F1 is then 0.
      f1_or_zero(yardstick::f_meas_vec(actual, called), truth, called),
      yardstick::mcc_vec(actual, called),
      yardstick::kap_vec(actual, called),
      yardstick::bal_accuracy_vec(actual, called),
      brier_by_yardstick(actual, truth, probability)
    )
  })
  c(undefined_as_missing(values), confusion_counts(truth, probability, threshold))
}

f1_or_zero <- function(f1, truth, called) {
  if (is.na(f1) && any(truth == 1 | called == "positive")) 0 else f1
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
