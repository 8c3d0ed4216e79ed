#' Tables for a paper
#'
#' `table_one()` describes the images of each split, or the images with and without a
#' finding. `table_performance()` shows the measures of an evaluation: discrimination,
#' calibration, the default operating point and net benefit (Van Calster et al. 2025).
#' `save_table()` writes a table for a word processor, LaTeX, a web page or a
#' spreadsheet.
#'
#' Missing values are counted in a row of their own. They are not part of a percentage,
#' a median or a quartile. There are no p-values between the columns, because the splits
#' are samples of the same source (STROBE, item 14).
#'
#' @param x For `table_one()`: predictions with all splits, as [read_predictions()]
#'   returns, or the path of a run. For `table_performance()`: an evaluation, by
#'   [evaluate()] or [read_evaluation()], or the path of a run.
#' @param by `"split"`, or `"truth"` for the images with and without a finding.
#' @param finding Name of the finding for `by = "truth"`. May be omitted if there is only
#'   one.
#' @param language `"en"` or `"es"`.
#' @return `table_one()` and `table_performance()`: a tibble of class `placa_table` whose
#'   columns are text in the language, ready to print, with the attributes `caption` and
#'   `note`. With more than three findings, `table_performance()` has one row for each
#'   finding, otherwise one column. It can be passed to `gt::gt()`, `knitr::kable()` or
#'   `flextable::flextable()`.
#' @seealso [table_performance()], [save_table()]
#' @section Errors:
#' `placa_error_finding` if `finding` is unknown, or omitted with several findings;
#' `placa_error_language`; `placa_error_table` for a file name with another ending, or if
#' a package that the format needs is missing; the errors of [read_predictions()] and
#' [read_evaluation()].
#' @references
#' Van Calster B, Collins GS, Vickers AJ, et al. (2025). Evaluation of performance
#' measures in predictive artificial intelligence models to support medical decisions:
#' overview and guidance. *The Lancet Digital Health* 7(12), 100916.
#' \doi{10.1016/j.landig.2025.100916}
#'
#' von Elm E, Altman DG, Egger M, et al. (2007). The Strengthening the Reporting of
#' Observational Studies in Epidemiology (STROBE) statement. *PLoS Medicine* 4(10), e296.
#' \doi{10.1371/journal.pmed.0040296}
#' @export
#' @examples
#' table_one(example_predictions())
#' table_one(example_predictions(), by = "truth", finding = "Pneumonia", language = "es")
table_one <- function(x, by = c("split", "truth"), finding = NULL, language = "en") {
  by <- rlang::arg_match(by)
  predictions <- if (rlang::is_string(x)) read_predictions(x) else check_predictions(x)
  in_language(language, {
    if (by == "split") {
      names <- if ("fold" %in% names(predictions)) unique(predictions$split) else order_splits(predictions$split)
      parts <- lapply(names, function(name) predictions[predictions$split == name, ])
      heads <- capitalise(word("split", names))
      caption <- s("data.table_caption")
    } else {
      name <- choose_finding(finding, unique(predictions$finding))
      labelled <- predictions[predictions$finding == name & !is.na(predictions$truth), ]
      parts <- lapply(1:0, function(truth) labelled[labelled$truth == truth, ])
      heads <- c(s("data.with", finding = finding(name)), s("data.without", finding = finding(name)))
      caption <- s("data.truth_caption", finding = finding(name))
    }
    if (length(parts) > 1) {
      parts <- c(parts, list(do.call(rbind, parts)))
      heads <- c(heads, s("data.column_all"))
    }
    new_paper_table(describe_columns(parts, heads, positives = by == "split"), caption)
  })
}

order_splits <- function(split) {
  there <- unique(split)
  c(intersect(splits, there), setdiff(there, splits))
}

choose_finding <- function(finding, known, call = rlang::caller_env()) {
  if (is.null(finding) && length(known) == 1) {
    return(known)
  }
  if (!rlang::is_string(finding) || !finding %in% known) {
    abort(
      c("{.arg finding} must be one of {.val {show_controls(known)}}.",
        x = if (is.null(finding)) "It was omitted." else "Received {.val {show_controls(as.character(finding))}}."),
      class = "placa_error_finding", call = call
    )
  }
  finding
}

# Table 1 as Markdown: one row per variable or value, one column per part of the predictions. Variables without values
# in any part are omitted.
describe_columns <- function(parts, heads, positives = TRUE) {
  all <- do.call(rbind, parts)
  columns <- lapply(parts, describe_images, all = all, positives = positives)
  table <- data.frame(names(columns[[1]]), do.call(cbind, lapply(columns, unname)))
  stats::setNames(table, c(s("data.column_what"), heads))
}

# One column, a named vector.
describe_images <- function(long, all, positives) {
  images <- long[!duplicated(long$image_id), ]
  row <- function(key, text) stats::setNames(text, s(paste0("data.row.", key)))
  c(
    row("images", num(nrow(images))),
    if (!all(is.na(all$patient_id))) row("patients", num(length(unique(stats::na.omit(images$patient_id))))),
    if (positives) describe_positives(long, unique(all$finding)),
    describe_age(images$age, all$age),
    describe_values("sex", images, all),
    describe_values("view", images, all)
  )
}

describe_positives <- function(long, findings) {
  truth <- lapply(findings, function(name) stats::na.omit(long$truth[long$finding == name]))
  positives <- count_share(vapply(truth, sum, 1), lengths(truth))
  stats::setNames(positives, s("data.row.positives", finding = finding(findings)))
}

describe_age <- function(age, all) {
  if (all(is.na(all))) return(NULL)
  at <- num(stats::quantile(age, c(0.5, 0.25, 0.75), na.rm = TRUE, names = FALSE))
  text <- s("data.age_value", median = at[[1]], lower = at[[2]], upper = at[[3]])
  c(
    stats::setNames(if (all(is.na(age))) s("number.none") else text, s("data.row.age")),
    if (anyNA(all)) stats::setNames(num(sum(is.na(age))), s("data.row.age_unknown"))
  )
}

# One row per known value, with the share of the images with a known value, and one for the others.
describe_values <- function(column, images, all) {
  values <- sort(unique(stats::na.omit(all[[column]])))
  if (!length(values)) return(NULL)
  n <- vapply(values, function(value) sum(images[[column]] == value, na.rm = TRUE), 1)
  key <- paste0("data.row.", column)
  c(
    stats::setNames(count_share(n, sum(!is.na(images[[column]]))), s(key, value = word(column, values))),
    if (anyNA(all[[column]])) stats::setNames(num(sum(is.na(images[[column]]))), s(key, value = s("data.unknown")))
  )
}

# The columns and names as text: a table for a paper is not Markdown.
new_paper_table <- function(table, caption, note = NULL) {
  names(table) <- plain(names(table))
  table[] <- lapply(table, plain)
  tibble::new_tibble(
    as.list(table), nrow = nrow(table), class = "placa_table", caption = plain(caption), note = plain(note)
  )
}
