# Converts metrics, by name or as functions, to one statistic for bootstrap_clusters(): a matrix, draws by metrics.

ranking_metrics <- c("auroc", "average_precision")
threshold_metrics <- c(
  "sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative", "f1", "mcc", "kappa", "balanced_accuracy"
)
known_metrics <- c(ranking_metrics, "brier", "log_loss", threshold_metrics)

metric_statistics <- function(metrics, rows, cluster) {
  truth <- rows$truth
  probability <- rows$probability
  known <- names(Filter(rlang::is_string, metrics))
  by_rank <- intersect(known, ranking_metrics)
  by_loss <- intersect(known, names(image_losses))
  ranking <- if (length(by_rank) > 0) ranked(truth, probability, cluster, fold_index(rows))
  losses <- if (length(by_loss) > 0) loss_cells(by_loss, truth, probability, cluster)
  own <- Filter(is.function, metrics)
  function(counts) {
    values <- matrix(NA_real_, ncol(counts), length(metrics), dimnames = list(NULL, names(metrics)))
    if (length(by_rank) > 0) values[, by_rank] <- areas_of(ranking, counts)[, by_rank]
    if (length(by_loss) > 0) {
      sums <- cell_sums(losses, counts)
      values[, by_loss] <- t(sums[-1, , drop = FALSE]) / sums[1, ]
    }
    for (name in names(own)) {
      values[, name] <- vapply(seq_len(ncol(counts)), function(draw) {
        one_number(own[[name]](truth, probability, as.integer(counts[, draw])[cluster]))
      }, double(1))
    }
    values
  }
}

# The number of images, and the sum of each loss, of each cluster, see cell_sums().
loss_cells <- function(losses, truth, probability, cluster) {
  clusters <- max(cluster)
  sums <- lapply(losses, function(loss) sums_by(image_losses[[loss]](truth, probability), cluster, clusters))
  values <- do.call(rbind, c(list(tabulate(cluster, clusters)), sums))
  cells <- nrow(values)
  list(
    cell = rep(seq_len(cells) - 1L, clusters), value = as.double(values),
    cluster = rep(seq_len(clusters) - 1L, each = cells), n_cells = cells
  )
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
