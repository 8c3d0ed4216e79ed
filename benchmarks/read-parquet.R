# read_predictions() of a parquet file with a million rows, beside arrow::read_parquet(). It needs the R package arrow.
# arrow makes R's texts at their first use; read_predictions() uses each in its checks, so both are compared as plain
# vectors. Times are CPU seconds, because other processes may run. The memory is that of a process that only reads.

argument <- commandArgs(TRUE)
rows <- 1e6
pairs <- 7

peak <- function() {
  status <- if (file.exists("/proc/self/status")) readLines("/proc/self/status") else character()
  as.double(gsub("[^0-9]", "", grep("^VmHWM", status, value = TRUE))) / 1024
}

read <- list(
  placa = function(file) placa::read_predictions(file),
  arrow = function(file) {
    options(arrow.use_altrep = FALSE)
    on.exit(options(arrow.use_altrep = NULL))
    arrow::read_parquet(file)
  }
)

if (length(argument) == 2) {
  invisible(lapply(c("placa", "arrow"), loadNamespace))
  invisible(read[[argument[[1]]]](argument[[2]]))
  cat(peak())
  quit(status = 0)
}
if (!requireNamespace("arrow", quietly = TRUE)) {
  message("benchmarks/read-parquet.R was skipped: the R package arrow is not installed")
  quit(status = 0)
}

set.seed(1)
patient <- sample.int(rows / 5, rows, TRUE)
file <- tempfile(fileext = ".parquet")
arrow::write_parquet(data.frame(
  image_id = sprintf("%08d.png", seq_len(rows)), patient_id = sprintf("%07d", patient),
  group_id = sprintf("%07d", patient), split = "test", finding = "Pneumonia", truth = rbinom(rows, 1, 0.2),
  probability = runif(rows), score = runif(rows), sex = c("F", "M")[1 + patient %% 2], age = patient %% 90 + 0.5,
  view = sample(c("PA", "AP"), rows, TRUE), site = "A"
), file)

cpu <- function(how) {
  invisible(gc(FALSE))
  sum(system.time(how(file))[c("user.self", "sys.self")])
}
invisible(lapply(read, function(how) how(file)))
times <- vapply(seq_len(pairs), function(pair) {
  order <- if (pair %% 2 == 0) c("placa", "arrow") else c("arrow", "placa")
  vapply(order, function(name) cpu(read[[name]]), 0)[names(read)]
}, numeric(2))
ratio <- times["placa", ] / times["arrow", ]

memory <- vapply(names(read), function(name) {
  as.double(system2(file.path(R.home("bin"), "R"), c(
    "--no-echo", "--no-save", "--no-restore", "--file=benchmarks/read-parquet.R", "--args", name, shQuote(file)
  ), stdout = TRUE))
}, 0)
cat(sprintf(
  "| read %s rows of parquet in R | %.2f s of CPU, at most %.0f MB | %.2f s, %.0f MB (`arrow::read_parquet()`) | %s |\n",
  format(rows, big.mark = ","), stats::median(times["placa", ]), memory[["placa"]],
  stats::median(times["arrow", ]), memory[["arrow"]],
  sprintf("%.2f (%.2f to %.2f)", stats::median(ratio), min(ratio), max(ratio))
))
