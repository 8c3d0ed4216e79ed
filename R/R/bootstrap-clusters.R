# The clustered bootstrap behind all intervals: patients (or groups) are drawn with replacement, and a metric is
# computed from the count of each. Field and Welsh 2007, <doi:10.1111/j.1467-9868.2007.00593.x>.

#' @useDynLib placa, .registration = TRUE
NULL

# Maximum size of a block of draws, in bytes and in draws. It bounds the memory for any number of patients and draws.
block_bytes <- 64e6
block_draws <- 5000

# A cache of the last draws if they fit in one block, because the functions of one evaluation use the same draws.
resample_cache <- new.env(parent = emptyenv())

# `statistic` takes a raw matrix of counts (clusters by draws) and returns a named numeric matrix with one row per draw.
# The estimate is the statistic of the original data, each cluster counted once. `units` is the effective number of
# clusters.
bootstrap_clusters <- function(cluster, truth, statistic, draws, seed) {
  n_clusters <- max(cluster)
  once <- matrix(as.raw(1), n_clusters, 1)
  parts <- lapply(resample_blocks(n_clusters, draws, seed), function(block) statistic(block()))
  list(
    estimate = statistic(once)[1, ], draws = do.call(rbind, parts),
    units = effective_clusters(truth, cluster)
  )
}

# Blocks are functions, so that only the current block is in memory.
resample_blocks <- function(n_clusters, draws, seed, bytes = block_bytes) {
  per_block <- min(max(1, floor(bytes / n_clusters)), block_draws)
  if (draws <= per_block) {
    return(list(function() resample_once(n_clusters, draws, seed)))
  }
  sizes <- diff(unique(c(seq(0, draws, by = per_block), draws)))
  # One seed per block: a statistic that uses random numbers must not change the draws of patients.
  seeds <- with_seed(seed, sample.int(.Machine$integer.max, length(sizes)))
  lapply(seq_along(sizes), function(i) {
    function() .Call(placa_resample, n_clusters, sizes[[i]], generator_state(seeds[[i]]))
  })
}

resample_once <- function(n_clusters, draws, seed) {
  key <- paste(n_clusters, draws, seed)
  if (!identical(resample_cache$key, key)) {
    resample_cache$counts <- .Call(placa_resample, n_clusters, as.integer(draws), generator_state(seed))
    resample_cache$key <- key
  }
  resample_cache$counts
}

generator_state <- function(seed) with_seed(seed, globalenv()$.Random.seed)

clear_resample_cache <- function() {
  rm(list = ls(resample_cache), envir = resample_cache)
}

# The cluster: the group, joined with others of the same patient; if it is unknown, the patient; if that is unknown too,
# the image.
cluster_names <- function(rows) {
  name <- rows$group_id
  for (other in c("patient_id", "image_id")) {
    open <- is.na(name) & !is.na(rows[[other]])
    name[open] <- paste(other, rows[[other]][open])
  }
  if (is.null(rows$patient_id)) name else join_patients(name, rows$patient_id)
}

# Groups that share a patient are one cluster: a group may be a study or an image. The name is that of the first group.
join_patients <- function(name, patient_id) {
  if (identical(name, patient_id)) {
    return(name)
  }
  names <- sort(unique(name), method = "radix")
  group <- match(name, names)
  known <- !is.na(patient_id)
  patient <- match(patient_id[known], unique(patient_id[known]))
  cluster <- group
  repeat {
    of_patients <- smallest_of(cluster[known], patient)
    of_groups <- smallest_of(replace(cluster, known, of_patients), group)
    if (identical(of_groups, cluster)) {
      return(names[cluster])
    }
    cluster <- of_groups
  }
}

# The smallest value of each set, at each of its members.
smallest_of <- function(values, set) {
  order <- order(set, values, method = "radix")
  first <- order[!duplicated(set[order])]
  values[first][match(set, set[first])]
}

# Numbered by name, so that the draws do not depend on the order of the rows.
cluster_index <- function(rows) {
  name <- cluster_names(rows)
  match(name, sort(unique(name), method = "radix"))
}

# Images from the highest probability to the lowest, in segments for the C routines. Images with equal probabilities
# share a segment. Adjacent images without a positive share one too, because their order has no effect. With folds, see
# fold_index(), images are sorted by fold first, and `fold_end` is the number of segments up to the end of each fold.
ranked <- function(truth, probability, cluster, fold = NULL) {
  of_fold <- if (is.null(fold)) rep(1L, length(truth)) else fold
  order <- order(of_fold, -probability, truth, method = "radix")
  probability <- probability[order]
  truth <- truth[order] == 1
  of_fold <- of_fold[order]
  changes <- function(x) c(TRUE, x[-1] != x[-length(x)])
  same <- cumsum(changes(probability) | changes(of_fold))
  has_positive <- tabulate(same[truth], same[length(same)]) > 0
  # Group g starts a segment unless neither it nor the previous group, of the same fold, has a positive.
  starts <- c(TRUE, has_positive[-1] | has_positive[-length(has_positive)]) | changes(of_fold[!duplicated(same)])
  segment <- cumsum(starts)[same]
  size <- tabulate(segment)
  positives <- tabulate(segment[truth], length(size))
  end <- cumsum(size)
  list(
    cluster = cluster[order] - 1L, positive_at = end - positives, end = end,
    fold_end = if (!is.null(fold)) segment[!duplicated(of_fold, fromLast = TRUE)]
  )
}

# A draws by three matrix: `auroc`, `average_precision`, `partial` (the area up to `max_fpr`).
areas_of <- function(ranking, counts, max_fpr = 1) {
  areas <- if (is.null(ranking$fold_end)) {
    .Call(placa_areas, ranking$cluster, ranking$positive_at, ranking$end, counts, max_fpr)
  } else {
    .Call(placa_areas_within, ranking$cluster, ranking$positive_at, ranking$end, ranking$fold_end, counts, max_fpr)
  }
  colnames(areas) <- c("auroc", "average_precision", "partial")
  areas
}

# Weighted sums by cell (from 1), with one row per cell and one column per draw.
cell_sums <- function(cells, counts) {
  .Call(placa_cell_sums, cells$cell, cells$value, cells$cluster, counts, cells$n_cells)
}

# Images of one cluster and cell are summed first, because every draw contains them together.
as_cells <- function(cell, n_cells, cluster, value = rep(1, length(cell))) {
  key <- (cluster - 1) * n_cells + cell
  pair <- sort(unique(key), method = "radix")
  list(
    cell = as.integer((pair - 1) %% n_cells),
    value = as.double(rowsum(as.double(value), match(key, pair))),
    cluster = as.integer((pair - 1) %/% n_cells),
    n_cells = as.integer(n_cells)
  )
}

check_draws <- function(draws, seed, call = rlang::caller_env()) {
  if (!rlang::is_integerish(draws, n = 1, finite = TRUE) || draws < 100) {
    abort(
      c("{.arg draws} must be an integer of at least 100.", x = "Received {.val {draws}}.",
        i = "Use 2000 for bounds that are stable to about the third decimal."),
      class = "placa_error_draws", call = call
    )
  }
  if (!rlang::is_integerish(seed, n = 1, finite = TRUE)) {
    abort(
      c("{.arg seed} must be an integer.", x = "Received {.val {seed}}."),
      class = "placa_error_draws", call = call
    )
  }
}
