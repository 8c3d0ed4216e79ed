#' Describe the statistical methods of an evaluation, for a paper
#'
#' Writes the statistical methods that an evaluation really used as plain sentences with
#' citations, and the works cited as BibTeX.
#'
#' @param x The path of a run with an evaluation, or an evaluation by [evaluate()] or
#'   [read_evaluation()]. Training and recalibration are described only for a run.
#' @param language `"en"` or `"es"`.
#' @return A list of class `placa_methods`: `text`, one paragraph of Markdown with
#'   citations such as `[@delong1988]`, and `bibtex`, the entries of the works cited, one
#'   string each. `print()` shows both; `writeLines(methods$bibtex, "methods.bib")` writes
#'   the bibliography of a Quarto document.
#' @seealso [table_performance()]
#' @section Errors:
#' `placa_error_run` and the other errors of [read_evaluation()]; `placa_error_language`.
#' @export
#' @examples
#' methods_paragraph(evaluate(example_predictions(), example_thresholds(), draws = 100))
methods_paragraph <- function(x, language = "en") {
  run <- if (rlang::is_string(x)) read_run_to_describe(x) else list(evaluation = x)
  if (!inherits(run$evaluation, "placa_evaluation")) {
    abort(
      c("{.arg x} must be an evaluation or the path of a run with one.", x = "Received {.obj_type_friendly {x}}."),
      class = "placa_error_run"
    )
  }
  describe_methods(run, language)
}

describe_methods <- function(run, language) {
  text <- in_language(language, paste(methods_sentences(run), collapse = " "))
  structure(list(text = text, bibtex = bibtex_of(text)), class = "placa_methods")
}

read_run_to_describe <- function(path, split = "test") {
  evaluation <- read_evaluation(path, split)
  if (!file.exists(file.path(path, "run.json"))) {
    return(list(evaluation = evaluation))
  }
  run <- read_run(path)
  run$evaluation <- evaluation
  run
}

methods_sentences <- function(run) {
  c(
    sample_sentence(run$evaluation),
    if (length(run$info$data$image_size)) s("methods.preprocessing", size = num(run$info$data$image_size)),
    fold_sentence(run$evaluation$about),
    interval_sentences(run$evaluation),
    threshold_sentence(run),
    recalibration_sentence(run),
    calibration_sentence(run$evaluation),
    s("methods.net_benefit"),
    software_sentence(run$evaluation$about)
  )
}

sample_sentence <- function(evaluation) {
  found <- evaluation$discrimination
  widest <- which.max(found$n_images)
  patients <- found$n_patients[[widest]]
  c(
    s(if (is.na(patients)) "methods.sample_images" else "methods.sample", images = num(found$n_images[[widest]]),
      patients = num(patients), split = word("split", evaluation$about$split),
      findings = small_list(finding(found$finding))),
    s(paste0("methods.", separation_of(evaluation, is.na(patients))))
  )
}

# How the evaluated images are separate from those of the model.
separation_of <- function(evaluation, groups) {
  if (evaluation$about$split %in% c("train", "validation")) return("seen")
  if (!length(evaluation$about$compared_with)) return("apart_unknown")
  if (groups) "apart_groups" else "apart"
}

small_list <- function(names) {
  if (length(names) < 2) return(names)
  paste(paste(names[-length(names)], collapse = ", "), names[[length(names)]], sep = s("methods.and"))
}

fold_sentence <- function(about) if (length(about$folds)) s("methods.folds", folds = num(about$folds))

# Describes the methods named in the tables of this evaluation.
interval_sentences <- function(evaluation) {
  about <- evaluation$about
  methods <- unique(evaluation$discrimination$method)
  c(
    s("methods.intervals", level = pct(about$confidence, 0), auroc = small_list(word("method", methods))),
    # Three independent patients or groups are too few for an interval.
    if (anyNA(evaluation$discrimination$auroc_lower)) s("methods.intervals_missing"),
    if (any(evaluation$operating_points$interval %in% "wilson")) s("methods.wilson"),
    if (NROW(evaluation$roc_bands)) s("methods.bootstrap", draws = num(about$draws))
  )
}

threshold_sentence <- function(run) {
  points <- unique(point_texts(run$evaluation))
  if (!length(points)) return(s("methods.thresholds_given"))
  chosen_on <- run$thresholds$chosen_on
  if (!length(chosen_on)) return(s("methods.default_point", points = small_list(points)))
  s("methods.thresholds", points = small_list(points), chosen_on = word("split", chosen_on))
}

recalibration_sentence <- function(run) {
  if (is.null(run$info)) return(NULL)
  methods <- intersect(recalibrations_of(run), c("platt", "isotonic", "temperature", "shared"))
  if (!length(methods)) return(s("methods.recalibration_none"))
  each <- run$info$calibration$findings
  done <- vapply(each, function(one) !is.list(one) || !identical(one$method, "none"), NA)
  s(if (all(done)) "methods.recalibration" else "methods.recalibration_some", done = num(sum(done)),
    total = num(length(done)), methods = small_list(words_of("methods.recalibrated_by", methods)))
}

calibration_sentence <- function(evaluation) {
  if (NROW(evaluation$calibration_measures)) s("methods.calibration")
}

software_sentence <- function(about) {
  s("methods.software", r = about$r_version, placa = about$placa_version)
}

# The entries of the works that a text cites.
bibtex_of <- function(text) {
  cited <- unique(regmatches(text, gregexpr("(?<=@)[a-z]+[0-9]{4}", text, perl = TRUE))[[1]])
  file <- system.file("report", "references.bib", package = "placa", mustWork = TRUE)
  lines <- readLines(file, encoding = "UTF-8")
  entry <- cumsum(startsWith(lines, "@"))
  entries <- vapply(split(lines, entry), function(one) paste(one[nzchar(one)], collapse = "\n"), "")
  keys <- sub("^@[a-z]+[{]([^,]+),.*", "\\1", entries)
  unname(entries[match(cited, keys)])
}

#' @export
print.placa_methods <- function(x, ...) {
  cat(strwrap(x$text, 80), "", x$bibtex, sep = "\n")
  invisible(x)
}
