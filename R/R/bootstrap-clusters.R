# The clustered bootstrap that every interval comes from: whole patients (or groups) are drawn with replacement, and a
# metric is computed from how often each was drawn. Field and Welsh 2007, <doi:10.1111/j.1467-9868.2007.00593.x>.

#' @useDynLib placa, .registration = TRUE
NULL

# One block of draws, in bytes and in draws; what keeps memory bounded however many patients or draws there are.
block_bytes <- 64e6
block_draws <- 5000

# The last draws, if they fit in one block: the verbs of one evaluation ask for the same ones many times.
resample_cache <- new.env(parent = emptyenv())

# `statistic` takes a raw matrix of counts (clusters by draws) and gives a named numeric matrix, a row a draw. The
# estimate is the statistic of the data themselves, that is, of each cluster once. `units` is what intervals know of the
# sample: how many clusters it is worth.
bootstrap_clusters <- function(cluster, truth, statistic, draws, seed) {
  n_clusters <- max(cluster)
  once <- matrix(as.raw(1), n_clusters, 1)
  parts <- lapply(resample_blocks(n_clusters, draws, seed), function(block) statistic(block()))
  list(
    estimate = statistic(once)[1, ], draws = do.call(rbind, parts),
    units = effective_clusters(truth, cluster)
  )
}

# Blocks come as functions, so that only the one in use is in memory.
resample_blocks <- function(n_clusters, draws, seed, bytes = block_bytes) {
  per_block <- min(max(1, floor(bytes / n_clusters)), block_draws)
  if (draws <= per_block) {
    return(list(function() resample_once(n_clusters, draws, seed)))
  }
  sizes <- diff(unique(c(seq(0, draws, by = per_block), draws)))
  # A seed a block: a statistic that uses random numbers itself must not change which patients are drawn.
  seeds <- with_seed(seed, sample.int(.Machine$integer.max, length(sizes)))
  lapply(seq_along(sizes), function(i) {
    function() with_seed(seeds[[i]], .Call(placa_resample, n_clusters, sizes[[i]]))
  })
}

resample_once <- function(n_clusters, draws, seed) {
  key <- paste(n_clusters, draws, seed)
  if (!identical(resample_cache$key, key)) {
    resample_cache$counts <- with_seed(seed, .Call(placa_resample, n_clusters, as.integer(draws)))
    resample_cache$key <- key
  }
  resample_cache$counts
}

clear_resample_cache <- function() {
  rm(list = ls(resample_cache), envir = resample_cache)
}

# What one resamples: the group that a split may not cut; where that is unknown the patient, then the image.
cluster_names <- function(rows) {
  name <- rows$group_id
  for (other in c("patient_id", "image_id")) {
    open <- is.na(name) & !is.na(rows[[other]])
    name[open] <- paste(other, rows[[other]][open])
  }
  name
}

# Numbered by name, not by place, so that the order of the rows has no say in the draws.
cluster_index <- function(rows) {
  name <- cluster_names(rows)
  match(name, sort(unique(name), method = "radix"))
}

# Images from the highest probability to the lowest, in segments, as the routines in C want them: those that share a
# probability are one, and neighbours without a positive among them are one, since their order makes no difference.
ranked <- function(truth, probability, cluster) {
  order <- order(-probability, truth, method = "radix")
  probability <- probability[order]
  truth <- truth[order] == 1
  first <- c(TRUE, probability[-1] != probability[-length(probability)])
  same <- cumsum(first)
  has_positive <- tabulate(same[truth], same[length(same)]) > 0
  # Group g starts a segment, unless neither it nor the one before has a positive.
  starts <- c(TRUE, has_positive[-1] | has_positive[-length(has_positive)])
  segment <- cumsum(starts)[same]
  size <- tabulate(segment)
  positives <- tabulate(segment[truth], length(size))
  end <- cumsum(size)
  list(cluster = cluster[order] - 1L, positive_at = end - positives, end = end)
}

# A draws by three matrix: `auroc`, `average_precision`, `partial` (the area up to `max_fpr`).
areas_of <- function(ranking, counts, max_fpr = 1) {
  areas <- .Call(placa_areas, ranking$cluster, ranking$positive_at, ranking$end, counts, max_fpr)
  colnames(areas) <- c("auroc", "average_precision", "partial")
  areas
}

# Weighted sums by cell (from 1), a row a cell and a column a draw.
cell_sums <- function(cells, counts) {
  .Call(placa_cell_sums, cells$cell, cells$value, cells$cluster, counts, cells$n_cells)
}

# Images of one cluster and cell are added up beforehand, for no draw parts them.
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
    cli::cli_abort(
      c("{.arg draws} must be a whole number from 100.", x = "It is {.val {draws}}.",
        i = "With 2000 the bounds hardly move in the third decimal."),
      class = "placa_error_draws", call = call
    )
  }
  if (!rlang::is_integerish(seed, n = 1, finite = TRUE)) {
    cli::cli_abort(
      c("{.arg seed} must be a whole number.", x = "It is {.val {seed}}."),
      class = "placa_error_draws", call = call
    )
  }
}
