#' Labels of the figures
#'
#' Returns all texts of the figures in one language. Single texts can be replaced.
#'
#' @param language `"en"` or `"es"`.
#' @param ... Named texts that replace those of the language; the names are
#'   those of the result. `findings`, `operating_points`, `metrics`, `columns`,
#'   `groups`, `stages`, `strategies` and `kinds` are named character vectors and
#'   are merged: `findings = c(Pneumonia = "Lung infection")`.
#' @return A list of class `placa_labels`: axis titles, legend entries, captions,
#'   alternative texts (such as `alt_roc`), the decimal mark, and the named vectors
#'   above, which translate the names in a table (unknown names are shown
#'   unchanged). Placeholders in braces, such as `{level}`, are replaced.
#' @section Errors:
#' `placa_error_labels` for an unknown language or name.
#' @seealso [autoplot.placa_evaluation()], [save_figures()]
#' @export
#' @examples
#' plot_labels("es")$sensitivity
#' plot_labels("en", observed = "Share with the finding", findings = c(Effusion = "Pleural fluid"))
plot_labels <- function(language = "en", ...) {
  known <- languages()
  if (!rlang::is_string(language) || !language %in% known) {
    abort(
      c("{.arg language} must be one of {.val {known}}.",
        x = "Received {.val {language}}.",
        i = "Replace single texts: {.code plot_labels(\"en\", observed = \"...\")}."),
      class = "placa_error_labels"
    )
  }
  labels <- labels_of(language)
  own <- rlang::list2(...)
  unknown <- setdiff(rlang::names2(own), names(labels))
  if (length(unknown) > 0) {
    abort(
      c("Unknown label{?s} {.val {unknown}}.", i = "Known labels: {.val {names(labels)}}."),
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
    abort(
      c("{.arg labels} must be an object of {.fun plot_labels}, {.val en} or {.val es}.",
        x = "Received {.obj_type_friendly {labels}}."),
      class = "placa_error_labels", call = call
    )
  }
  labels
}

# Translates names; a name without a translation is unchanged.
translate <- function(names, dictionary) {
  names <- as.character(names)
  found <- unname(dictionary[names])
  ifelse(is.na(found), names, found)
}
