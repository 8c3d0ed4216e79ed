#' Load a trained model
#'
#' Reads the metadata of a run. Python starts in the background, if it is found, so
#' that the first [`predict()`][predict.placa_model] does not wait for it.
#'
#' @param run The path of a run that `placa train` wrote: a directory with
#'   `run.json`, `model.keras` and `thresholds.json`.
#' @return An object of class `placa_model`, a list: `path` (absolute),
#'   `findings`, `facts` (the content of `run.json`), `thresholds` (see
#'   [read_thresholds()]) and `headline` (AUROC with interval per finding, or
#'   `NULL` before [evaluate_run()]).
#' @seealso [`predict()`][predict.placa_model], [explain()]
#' @section Errors:
#' `placa_error_run` if the directory is not a complete run (the message names the
#' missing files), `placa_error_fingerprint` if `model.keras` does not match
#' `run.json`, `placa_error_schema` if another version of placa wrote the run,
#' `placa_error_record` if `run.json` or `thresholds.json` is damaged or was edited.
#' @export
#' @examplesIf dir.exists("runs/pneumonia")
#' model <- load_model("runs/pneumonia")
#' model
load_model <- function(run) {
  check_run(run)
  check_model_file(run)
  start_python_early(run)
  facts <- read_json_of_run(run, "run.json")
  findings <- as.character(unlist(facts$data$findings))
  thresholds <- check_findings(read_thresholds(run), findings, run)
  check_files(run, "thresholds.json")
  structure(
    list(
      path = normalizePath(run),
      findings = findings,
      facts = facts,
      thresholds = thresholds,
      headline = read_headline(run)
    ),
    class = "placa_model"
  )
}

check_findings <- function(thresholds, findings, run, call = rlang::caller_env()) {
  missing <- setdiff(findings, thresholds$finding)
  if (length(missing) > 0) {
    abort(
      c("{.file {file.path(run, 'thresholds.json')}} must have thresholds of every finding of the model.",
        x = "It has none of {.val {missing}}.",
        i = "Copy the complete run again, or train it again."),
      class = "placa_error_record", call = call
    )
  }
  thresholds
}

check_run <- function(run, call = rlang::caller_env()) {
  check_path(run, call)
  if (!dir.exists(run)) {
    abort(
      c("{.arg run} must be the directory of a run.",
        x = if (file.exists(run)) "{.file {run}} is a file." else "{.file {run}} does not exist.",
        i = "Create a run with {.code placa train}."),
      class = "placa_error_run", call = call
    )
  }
  parts <- c("run.json", "model.keras", "thresholds.json")
  missing <- parts[!file.exists(file.path(run, parts))]
  if (length(missing) > 0) {
    abort(
      c("{.file {run}} is not a complete run.",
        x = "{.file {missing}} {?is/are} missing.",
        i = "Use a directory that {.code placa train} wrote, or copy all of its files."),
      class = "placa_error_run", call = call
    )
  }
}

read_headline <- function(run) {
  if (!file.exists(file.path(run, "evaluation", "summary.json"))) {
    return(NULL)
  }
  read_json_of_run(file.path(run, "evaluation"), "summary.json")$headline
}

# What the model takes: pixels, or embeddings and their maker.
input_of_model <- function(facts) {
  embeddings <- facts$embeddings
  if (!length(embeddings)) return(paste(facts$data$image_size, "\u00d7", facts$data$image_size, "pixels"))
  show_controls(paste0("embeddings of ", embeddings$length, " numbers (", embeddings$provenance$library, " ",
                       embeddings$provenance$version, ")"))
}

#' @export
format.placa_model <- function(x, ...) {
  data <- x$facts$data
  # Names are values of the templates, never a part of them: cli evaluates what a template has in braces.
  cli::cli_fmt({
    against <- comparison_label(data$comparison)
    cli::cli_text("{.strong Model} {.val {x$facts$name}}: {.val {x$findings}} against {against}")
    cli::cli_text(
      "Trained on {data$images$train} images ({show_controls(data$label_source)}), ",
      "{show_controls(x$facts$training$backbone)}, {input_of_model(x$facts)}"
    )
    for (finding in x$findings) {
      cli::cli_text("")
      format_headline(finding, x$headline[[finding]])
      points <- x$thresholds[x$thresholds$finding == finding, ]
      if (!all(points$chosen)) {
        cli::cli_text("The thresholds are 0.5: the validation split has only one class.")
      }
      for (i in seq_len(nrow(points))) {
        default <- if (points$default[[i]]) " (default)" else ""
        name <- show_controls(points$operating_point[[i]])
        cli::cli_bullets(c("*" = "{name}: positive from {format_number(points$threshold[[i]], 3)}{default}"))
      }
    }
    cli::cli_text("")
    cli::cli_text("Not a medical device. Do not use it for decisions about patients.")
  })
}

#' @export
print.placa_model <- function(x, ...) {
  cat(format(x, ...), sep = "\n")
  invisible(x)
}

# The comparison in English, for printing.
comparison_label <- function(comparison) {
  switch(comparison$kind, rest = "all other images", absent = "images without the finding",
         paste0("\"", show_controls(comparison$classes), "\"", collapse = " or "))
}

format_headline <- function(finding, row) {
  if (is.null(row)) {
    return(cli::cli_text("{.strong {show_controls(finding)}}: not evaluated; run {.code evaluate_run()}"))
  }
  number <- function(x) if (is.null(x)) NA_real_ else x
  auroc <- format_interval(number(row$auroc), number(row$auroc_lower), number(row$auroc_upper))
  cli::cli_text(
    "{.strong {show_controls(finding)}}: AUROC {auroc} on {row$n_images} images, {row$n_positive} positive"
  )
}
