table_files <- c(
  discrimination = "discrimination.csv", operating_points = "operating_points.csv",
  calibration = "calibration.csv", roc = "roc.csv"
)

# Writes to a temporary directory next to `out` and then renames it, so that `out` is always complete.
write_evaluation <- function(evaluation, out, labels = plot_labels("en"), call = rlang::caller_env()) {
  partial <- make_partial(out, call)
  on.exit(unlink(partial, recursive = TRUE), add = TRUE)
  tryCatch(
    write_evaluation_files(evaluation, partial, labels),
    error = function(error) abort_out(out, conditionMessage(error), call, machine = TRUE)
  )
  # An interrupt between the two renames would leave no evaluation.
  suspendInterrupts(replace_directory(partial, out, call))
  record_evaluation(out, evaluation$about)
  invisible(out)
}

write_evaluation_files <- function(evaluation, directory, labels) {
  tables <- c(table_files, detail_files, validation_files)
  tables <- tables[!vapply(evaluation[names(tables)], is.null, logical(1))]
  for (name in names(tables)) {
    write_table(evaluation[[name]], file.path(directory, tables[[name]]))
  }
  figures <- write_figures(evaluation, directory, labels)
  summary <- summary_of(evaluation, c(unname(tables), figures))
  files <- c(tables, figures)
  hashes <- cli::hash_file_sha256(file.path(directory, files))
  summary$fingerprints <- stats::setNames(as.list(paste0("sha256:", hashes)), files)
  summary <- c(list(digest = no_digest), summary)
  text <- jsonlite::toJSON(summary, auto_unbox = TRUE, digits = NA, na = "null", null = "null", pretty = 2)
  write_text(with_digest(text), file.path(directory, "summary.json"))
}

# Without both classes there is no curve; discrimination() has already given a warning.
write_figures <- function(evaluation, directory, labels) {
  shown <- evaluation_figures(evaluation, labels)
  write_one <- function(name) {
    figure <- shown[[name]]
    write_figure(figure$plot, directory, name, c(figure$width, figure$height))
  }
  unlist(lapply_forked(names(shown), write_one, worth = NROW(evaluation$predictions) >= forked_rows))
}

# Python calls this for a report in another language than the figures of the evaluation.
write_figures_in <- function(language, directory, folder) {
  write_figures(read_evaluation(directory), folder, plot_labels(language))
}

summary_of <- function(evaluation, files) {
  table <- evaluation$discrimination
  columns <- c("auroc", "auroc_lower", "auroc_upper", "method", "confidence", "n_images", "n_patients", "n_positive")
  headline <- lapply(seq_len(nrow(table)), function(i) as.list(table[i, columns]))
  about <- evaluation$about
  # I() keeps a vector of length one as a JSON array.
  rlang::list2(
    schema_version = 1,
    split = about$split,
    engine = about$engine,
    r_version = about$r_version,
    placa_version = about$placa_version,
    draws = as.integer(about$draws),
    seed = as.integer(about$seed),
    compared_with = I(as.character(about$compared_with)),
    labels = summary_of_labels(about$labels),
    !!!list(folds = about$folds)[length(about$folds)],
    !!!list(prevalence = as.list(about$prevalence))[length(about$prevalence) > 0],
    patients_known = about$patients_known,
    headline = stats::setNames(headline, table$finding),
    files = I(c(files, "summary.json")),
    !!!list(model_fingerprint = about$model_fingerprint)[length(about$model_fingerprint)]
  )
}

summary_of_labels <- function(labels) {
  list(
    source = labels$source,
    subset = if (length(labels$subset) > 0) I(labels$subset),
    n_images = labels$n_images,
    n_labelled = labels$n_labelled,
    unlabelled_findings = I(as.character(labels$unlabelled_findings))
  )
}

check_out <- function(out, call = rlang::caller_env()) {
  check_path(out, call)
  if (!file.exists(out)) {
    return(invisible())
  }
  if (!dir.exists(out)) {
    abort_out(out, "It is a file, not a directory.", call)
  }
  ours <- file.exists(file.path(out, "summary.json"))
  if (!ours && length(list.files(out, all.files = TRUE, no.. = TRUE)) > 0) {
    abort_out(out, "It has files that are not an evaluation.", call)
  }
}

make_partial <- function(out, call) {
  check_out(out, call)
  sweep_leftovers(out)
  partial <- hidden_name(out, "partial")
  if (!suppressWarnings(dir.create(partial, recursive = TRUE))) {
    abort_out(out, "The parent directory is not writable.", call)
  }
  partial
}

hidden_name <- function(out, kind) {
  tempfile(paste0(".", basename(out), ".", kind, "-", Sys.getpid(), "-"), tmpdir = dirname(out))
}

# Removes what killed processes left beside `out`; an older evaluation that had lost its name gets it again.
sweep_leftovers <- function(out) {
  found <- list.files(dirname(out), all.files = TRUE, no.. = TRUE)
  beginning <- paste0(".", basename(out), ".")
  found <- found[startsWith(found, beginning)]
  parts <- regmatches(found, regexec("[.](partial|old)-([0-9]+)-[0-9a-f]+$", found))
  for (i in which(lengths(parts) == 3)) {
    if (suppressWarnings(tools::pskill(as.integer(parts[[i]][[3]]), 0))) next
    place <- file.path(dirname(out), found[[i]])
    if (parts[[i]][[2]] == "old" && !file.exists(out)) file.rename(place, out) else unlink(place, recursive = TRUE)
  }
}

# In one step where the system can do that. Otherwise in two renames: the older evaluation is restored if the second
# fails, or by the next call if this process is killed between them.
replace_directory <- function(partial, out, call) {
  old <- hidden_name(out, "old")
  had_old <- file.exists(out)
  if (had_old && .Call(placa_exchange, normalizePath(partial), normalizePath(out))) {
    unlink(partial, recursive = TRUE)
    return(invisible())
  }
  if (had_old && !suppressWarnings(file.rename(out, old))) {
    abort_out(out, "The older evaluation could not be moved.", call, machine = TRUE)
  }
  if (!suppressWarnings(file.rename(partial, out))) {
    if (had_old) file.rename(old, out)
    abort_out(out, "The new evaluation could not be renamed.", call, machine = TRUE)
  }
  unlink(old, recursive = TRUE)
}

# `machine`: the system failed, such as a full disk, so that Python ends with exit code 1.
abort_out <- function(out, reason, call, machine = FALSE) {
  abort(
    c("{.arg out} must be a writable directory, not {.file {out}}.",
      x = "{reason}",
      i = "Use another directory, or check its permissions and free space."),
    class = c(if (machine) "placa_error_write", "placa_error_out"), call = call
  )
}

write_figure <- function(plot, directory, name, size) {
  files <- paste0(name, c(".png", ".svg"))
  devices <- list(png_device(), svg_device())
  # Arranged once, for the first device: ggsave() evaluates its argument after it has opened the device.
  arranged <- NULL
  arrange <- function() arranged <<- arranged %||% ggplot2::ggplotGrob(plot)
  for (i in 1:2) {
    save_plot(
      file.path(directory, files[[i]]), arrange(), device = devices[[i]],
      width = size[[1]], height = size[[2]], units = "in", dpi = 200, bg = "white"
    )
  }
  files
}

# Devices do not open every path in a C locale, so they draw to a temporary file.
save_plot <- function(path, ...) {
  drawn <- tempfile(fileext = paste0(".", tools::file_ext(path)))
  on.exit(unlink(drawn))
  ggplot2::ggsave(drawn, ...)
  if (!suppressWarnings(file.copy(drawn, path, overwrite = TRUE))) {
    abort("The figure {.file {basename(path)}} could not be written.",
          class = c("placa_error_write", "placa_error_out"), call = NULL)
  }
}

png_device <- function(ragg = rlang::is_installed("ragg")) {
  if (ragg) {
    # ggsave() gives units and resolution only to a function that names them.
    return(function(filename, width, height, units, res, ...) {
      ragg::agg_png(file_of_device(filename), width = width, height = height, units = units, res = res, ...)
    })
  }
  function(filename, width, height, units, res, ...) {
    grDevices::png(file_of_device(filename), width = width, height = height, units = units, res = res, ...)
  }
}

svg_device <- function(svglite = rlang::is_installed("svglite")) {
  device <- if (svglite) svglite::svglite else grDevices::svg
  function(filename, ...) device(file_of_device(filename), ...)
}

# Devices read %d in a path as the number of the page.
file_of_device <- function(path) gsub("%", "%%", path, fixed = TRUE)

# Always UTF-8; write.csv() writes <U+00F1> in a locale without the character.
write_table <- function(table, file) {
  columns <- lapply(table, function(column) {
    text <- if (is.double(column)) format_exactly(column) else enc2utf8(as.character(column))
    if (is.character(column)) text <- paste0("\"", gsub("\"", "\"\"", text, fixed = TRUE), "\"")
    text[is.na(column)] <- ""
    text
  })
  lines <- if (nrow(table) > 0) do.call(paste, c(unname(columns), sep = ","))
  write_text(c(paste(names(table), collapse = ","), lines), file)
}

# 15 digits if they are exact, otherwise 17.
format_exactly <- function(x) {
  text <- sprintf("%.15g", x)
  longer <- !is.na(x) & suppressWarnings(as.double(text)) != x
  text[longer] <- sprintf("%.17g", x[longer])
  text
}

write_text <- function(lines, file) {
  connection <- file(file, "wb")
  on.exit(close(connection))
  writeLines(enc2utf8(lines), connection, useBytes = TRUE)
}
