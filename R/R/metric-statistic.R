# Converts a metric, by name or as a function, to a statistic for bootstrap_clusters(): one value per draw.

ranking_metrics <- c("auroc", "average_precision")
threshold_metrics <- c(
  "sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative", "f1", "mcc", "kappa", "balanced_accuracy"
)
known_metrics <- c(ranking_metrics, "brier", "log_loss", threshold_metrics)

metric_statistic <- function(metric, rows, cluster) {
  truth <- rows$truth
  probability <- rows$probability
  if (is.function(metric)) {
    return(function(counts) {
      vapply(seq_len(ncol(counts)), function(draw) {
        one_number(metric(truth, probability, as.integer(counts[, draw])[cluster]))
      }, double(1))
    })
  }
  if (metric %in% ranking_metrics) {
    ranking <- ranked(truth, probability, cluster, fold_index(rows))
    return(function(counts) areas_of(ranking, counts)[, metric])
  }
  losses <- as_cells(rep(1, length(truth)), 1, cluster, image_losses[[metric]](truth, probability))
  images <- as_cells(rep(1, length(truth)), 1, cluster)
  function(counts) cell_sums(losses, counts)[1, ] / cell_sums(images, counts)[1, ]
}

# Means over images. The log loss of a wrong probability of 0 or 1 is infinite.
image_losses <- list(
  brier = function(truth, probability) (probability - truth)^2,
  log_loss = function(truth, probability) -log(ifelse(truth == 1, probability, 1 - probability))
)

one_number <- function(value, call = rlang::caller_env()) {
  if (!is.numeric(value) && !identical(value, NA) || length(value) != 1) {
    abort(
      c("A metric function must return one number.", x = "It returned {.obj_type_friendly {value}}."),
      class = "placa_error_metrics", call = call
    )
  }
  as.double(value)
}

# Returns a named list of names and functions.
check_metrics <- function(metrics, call = rlang::caller_env()) {
  if (is.function(metrics)) {
    metrics <- list(own = metrics)
  }
  metrics <- as.list(metrics)
  own <- vapply(metrics, is.function, logical(1))
  named <- vapply(metrics, rlang::is_string, logical(1))
  unknown <- setdiff(unlist(metrics[named]), known_metrics)
  has_name <- rlang::have_name(metrics)
  if (length(metrics) == 0 || !all(own | named) || any(own & !has_name) || length(unknown) > 0) {
    abort(
      c("{.arg metrics} must be names of metrics, or a named list of functions.",
        x = if (length(unknown) > 0) "Received {.val {unknown}}." else "Received {.obj_type_friendly {metrics}}.",
        i = "Known metrics: {.val {known_metrics}}. A function takes the vectors truth, probability and weight."),
      class = "placa_error_metrics", call = call
    )
  }
  names(metrics)[named] <- unlist(metrics[named])
  metrics
}
