#' Words of the figures
#'
#' Every word in a figure is here, so that a report in another language hands in
#' its own.
#'
#' @param language `"en"` or `"es"`, the language to start from.
#' @param ... Named texts to put in place of the language's own; the names are
#'   those of the result. `findings`, `operating_points`, `metrics`, `columns`,
#'   `groups`, `stages`, `strategies` and `kinds` are named character vectors that
#'   are merged: `findings = c(Pneumonia = "Lung infection")`.
#' @return A list of class `placa_labels`: axis titles, legend entries, captions,
#'   alternative texts (`alt_roc` and its like), the decimal mark, and the named
#'   vectors above, which say what a name of a table is called in a figure (names
#'   that are not in them are shown as they are). Words in braces, such as
#'   `{level}`, are filled in.
#' @section Errors:
#' `placa_error_labels` for an unknown language or name.
#' @export
#' @examples
#' plot_labels("es")$sensitivity
#' plot_labels("en", observed = "Share with the finding", findings = c(Effusion = "Pleural fluid"))
plot_labels <- function(language = "en", ...) {
  known <- languages()
  if (!rlang::is_string(language) || !language %in% known) {
    cli::cli_abort(
      c("{.arg language} must be one of {.val {known}}.",
        x = "It is {.val {language}}.",
        i = "Start from one of them and name what differs: {.code plot_labels(\"en\", observed = \"...\")}."),
      class = "placa_error_labels"
    )
  }
  labels <- labels_of(language)
  own <- rlang::list2(...)
  unknown <- setdiff(rlang::names2(own), names(labels))
  if (length(unknown) > 0) {
    cli::cli_abort(
      c("There {?is/are} no label{?s} {.val {unknown}}.", i = "There are {.val {names(labels)}}."),
      class = "placa_error_labels"
    )
  }
  for (name in names(own)) {
    merged <- !is.null(names(labels[[name]]))
    labels[[name]] <- if (merged) c(own[[name]], labels[[name]]) else own[[name]]
  }
  structure(labels, class = "placa_labels")
}

as_labels <- function(labels, call = rlang::caller_env()) {
  if (rlang::is_string(labels)) {
    labels <- plot_labels(labels)
  }
  if (!inherits(labels, "placa_labels")) {
    cli::cli_abort(
      c("{.arg labels} must come from {.fun plot_labels}, or be {.val en} or {.val es}.",
        x = "It is {.obj_type_friendly {labels}}."),
      class = "placa_error_labels", call = call
    )
  }
  labels
}

# What a name is called in the figure; a name without a translation stands for itself.
translate <- function(names, dictionary) {
  names <- as.character(names)
  found <- unname(dictionary[names])
  ifelse(is.na(found), names, found)
}
