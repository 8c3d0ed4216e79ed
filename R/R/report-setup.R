# The state of the current report: texts, run and facts. A process writes one report at a time. Only the functions of
# this file change it.
the_report <- new.env(parent = emptyenv())

#' Write the report of a run, section by section
#'
#' Functions for the documents `reports/evaluation.qmd` and `reports/model-card.qmd`. A document first calls
#' `report_setup()`; each chunk then writes one section. To render a report, use [render_report()].
#'
#' @param params The parameters of the document, a list: `run` (a folder; `""` is the newest run under `runs/`),
#'   `language`, `findings` (comma-separated names; `""` is all), `compare` (another run, or `""`) and `pictures`
#'   (`"no"` leaves out all radiographs), `split` (the evaluated split) and `evaluation` (a folder of
#'   [evaluate()] outside the run, or `""`).
#' @param key The key of a text in `words/en.yml` of the package, such as `"heading.data"`.
#' @param name Name of a section.
#' @return `report_setup()` returns `NULL`. `report_word()` returns the text in the language of the report.
#'   `report_pictures()` returns names of images and files for the Python chunks. `report_section()` writes markdown to
#'   the standard output.
#' @section Errors:
#' `placa_error_run` if the run does not exist, `placa_error_finding` and `placa_error_language` for unknown names.
#' @keywords internal
#' @seealso [render_report()]
#' @export
report_setup <- function(params) {
  knitr::opts_chunk$set(
    echo = FALSE, message = FALSE, warning = FALSE, error = FALSE, results = "asis", dev = "png"
  )
  set_language(params$language)
  asked <- nzchar(trimws(paste(unlist(params$findings), collapse = "")))
  evaluation <- if (nzchar(params$evaluation %||% "")) params$evaluation
  run <- keep_findings(read_run(locate_run(params$run), params$split %||% "test", evaluation), params$findings)
  # A finding that was asked for by name is reported, however rare.
  the_report$run <- if (asked) run else set_aside_rare(run)
  the_report$facts <- headline_facts(the_report$run)
  the_report$split <- the_report$facts$split
  the_report$compare <- params$compare
  the_report$pictures <- !identical(params$pictures, "no")
  invisible()
}

set_language <- function(language) {
  the_report$strings <- read_strings(language)
  the_report$language <- language
}

#' @rdname report_setup
#' @export
report_word <- function(key) s(key)

#' @rdname report_setup
#' @export
report_pictures <- function() {
  use_python_of_placa()
  run <- the_report$run
  the_report$samples <- choose_samples(run, the_report$facts)
  the_report$extremes <- choose_extremes(run, the_report$facts)
  changes <- changes_of(run)
  # Only lists and scalars, because some versions of reticulate cannot convert a data frame.
  list(
    python = draws_pictures(), prepared = locate_prepared(run), run = run$path, folder = figure_file(""),
    samples = the_report$samples$image, uniform = c(uniform_images(run), unusual_images(run)),
    extremes = the_report$extremes[c("image", "finding", "side")],
    training = choose_training_images(run), changes = changes$amounts, seed = changes$seed
  )
}

#' @rdname report_setup
#' @export
report_section <- function(name) {
  sections <- report_sections()
  name <- rlang::arg_match0(name, names(sections))
  sections[[name]](the_report$run, the_report$facts)
  invisible()
}

# The sections by name. A Python chunk has already written samples, augmented images and maps.
report_sections <- function() {
  list(
    head = function(run, facts) {
      write_page_facts(page_title(facts))
      write_headline(run, facts)
    },
    card = function(run, facts) {
      write_page_facts(escape_markdown(run$info$name %||% basename(run$path)), one_page = TRUE)
      write_card(run)
    },
    data = write_data,
    samples = function(run, facts) {
      files <- from_python("films")
      drawn <- seq_along(the_report$samples$image)
      write_samples(the_report$samples, facts, files[drawn])
      others <- if (length(drawn)) files[-drawn] else files
      uniform <- seq_along(uniform_images(run))
      write_uniform(run, others[uniform])
      write_unusual(run, if (length(uniform)) others[-uniform] else others)
    },
    audit = write_audit,
    training = function(run, facts) {
      write_update_part(run)
      write_training(run)
    },
    performance = write_performance,
    operating_points = of_results("points", "operating-points", write_operating_points),
    subgroups = of_results("subgroups", "subgroups", write_subgroups),
    abstention = of_results("abstention", "abstention", write_abstention),
    readers = write_readers,
    comparison = function(run, facts) write_comparisons(run, facts, the_report$compare),
    elsewhere = function(run, facts) {
      write_elsewhere(run, facts)
      write_monitoring(run, facts)
    },
    errors = of_results("errors", "errors", function(run, facts) {
      write_extremes(the_report$extremes, facts, from_python("maps"))
    }),
    limits = write_limits,
    appendix = function(run, facts) {
      write_heading("heading.appendix", "appendix")
      write_training_details(run, from_python("augmented"))
      write_subheading("part.checklist", "checklist")
      write_checklist(run, facts, from_python("maps"))
      write_subheading("part.reproduce", "reproduce")
      write_reproduce(run, facts)
    },
    foot = function(run, facts) write_footer(run)
  )
}

# A section about results, which a report without any evaluated finding omits.
of_results <- function(name, id, write) {
  function(run, facts) {
    if (facts$nothing) return(invisible())
    write_heading(paste0("heading.", name), id)
    write(run, facts)
  }
}
