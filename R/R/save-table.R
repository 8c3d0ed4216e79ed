#' @rdname table_one
#' @param table A table by `table_one()` or `table_performance()`, or any data frame.
#' @param file Path of the file to write. Its ending is the format: `.docx` (needs
#'   knitr, rmarkdown and pandoc), `.xlsx` (openxlsx), `.html`, `.tex` or `.md` (knitr), or `.csv`.
#' @return `save_table()`: `file`, invisibly.
#' @seealso [save_figures()], [table_performance()]
#' @export
#' @examples
#' evaluation <- evaluate(example_predictions(), example_thresholds(), draws = 100)
#' save_table(table_performance(evaluation), file.path(tempdir(), "performance.csv"))
save_table <- function(table, file) {
  check_path(file, rlang::current_env())
  write <- table_writers[[tolower(tools::file_ext(file))]]
  if (!is.data.frame(table) || is.null(write)) {
    abort(
      c("{.arg file} must end in {.or {.val {paste0('.', names(table_writers))}}}, and {.arg table} must be a data
          frame.",
        x = "Received {.file {file}} and {.obj_type_friendly {table}}."),
      class = "placa_error_table"
    )
  }
  write(table, file)
  invisible(file)
}

table_writers <- list(
  docx = function(table, file) convert_table(table, file),
  html = function(table, file) {
    body <- c(as_kable(table, "html", file), html_note(table))
    write_text(c("<!DOCTYPE html>", "<meta charset=\"utf-8\">", body), file)
  },
  tex = function(table, file) write_text(as_kable(table, "latex", file, booktabs = TRUE), file),
  md = function(table, file) write_text(as_kable(table, "pipe", file), file),
  xlsx = function(table, file) write_sheet(table, file),
  csv = function(table, file) write_table(table, file)
)

# Word: pandoc makes the file from the table in Markdown.
convert_table <- function(table, file) {
  lines <- c(as_kable(table, "pipe", file), "", in_markdown(attr(table, "note")))
  need_package("rmarkdown", file)
  if (!rmarkdown::pandoc_available()) {
    abort(
      c("A {.val .docx} file needs pandoc, which was not found.",
        i = "Install pandoc or Quarto, or write a {.val .html} or {.val .csv} file."),
      class = "placa_error_table", call = rlang::caller_env()
    )
  }
  written <- tempfile(fileext = ".md")
  on.exit(unlink(written))
  write_text(lines, written)
  # pandoc runs in the folder of its input. Lines shorter than its columns let Word choose the widths.
  output <- file.path(normalizePath(dirname(file)), basename(file))
  rmarkdown::pandoc_convert(written, to = "docx", from = "markdown", output = output, options = "--columns=1000")
}

# A sheet with the caption above the table and the note below it. Cells are text, as printed.
write_sheet <- function(table, file) {
  need_package("openxlsx", file)
  book <- openxlsx::createWorkbook()
  openxlsx::addWorksheet(book, "placa")
  caption <- attr(table, "caption")
  first <- if (length(caption)) 3 else 1
  if (first > 1) openxlsx::writeData(book, 1, caption)
  bold <- openxlsx::createStyle(textDecoration = "bold")
  openxlsx::writeData(book, 1, as.data.frame(table), startRow = first, headerStyle = bold)
  if (length(attr(table, "note"))) openxlsx::writeData(book, 1, attr(table, "note"), startRow = first + nrow(table) + 2)
  openxlsx::setColWidths(book, 1, seq_along(table), widths = pmax(10, vapply(table, function(x) max(nchar(x)), 1L) + 2))
  openxlsx::saveWorkbook(book, file, overwrite = TRUE)
}

as_kable <- function(table, format, file, ...) {
  need_package("knitr", file)
  is_text <- vapply(table, function(x) all(grepl("^[[:alpha:]]", x)), NA)
  align <- ifelse(is_text | seq_along(table) == 1, "l", "r")
  caption <- attr(table, "caption")
  table <- as.data.frame(table)
  # For HTML and LaTeX, knitr escapes cells and headers; names in captions, and all names in Markdown, are still live.
  if (format == "pipe") {
    table[] <- lapply(table, in_markdown)
    names(table) <- in_markdown(names(table))
  }
  escape <- list(pipe = in_markdown, html = escape_html, latex = escape_latex)[[format]]
  as.character(knitr::kable(table, format, align = align, caption = if (length(caption)) escape(caption), ...))
}

# Numbers stay readable.
in_markdown <- function(text) ifelse(grepl("[[:alpha:]]", text), escape_markdown(text), text)

escape_html <- function(text) gsub("<", "&lt;", gsub("&", "&amp;", text, fixed = TRUE), fixed = TRUE)

latex_marks <- c("\\" = "\\textbackslash{}", "~" = "\\textasciitilde{}", "^" = "\\textasciicircum{}",
                 vapply(c("#", "$", "%", "&", "_", "{", "}"), function(mark) paste0("\\", mark), ""))

escape_latex <- function(text) {
  marks <- strsplit(text, "")[[1]]
  known <- marks %in% names(latex_marks)
  marks[known] <- latex_marks[marks[known]]
  paste(marks, collapse = "")
}

html_note <- function(table) {
  note <- attr(table, "note")
  if (length(note)) paste0("<p>", escape_html(note), "</p>")
}

need_package <- function(package, file, call = rlang::caller_env()) {
  if (!rlang::is_installed(package)) {
    abort(
      c("The format of {.file {file}} needs the package {.pkg {package}}, which is not installed.",
        i = "Install it, or write a {.val .csv} file."),
      class = "placa_error_table", call = call
    )
  }
}
