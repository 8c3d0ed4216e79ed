# Reads a CSV file with commas, semicolons or tabs. All columns are text, because identifiers must not become numbers.
read_text_table <- function(file, call = rlang::caller_env()) {
  head <- readLines(file, 1, warn = FALSE, encoding = "UTF-8")
  has_mark <- any(startsWith(head, "\ufeff"))
  if (length(head) == 0) {
    abort("{.file {file}} is empty.", class = "placa_error_file", call = call)
  }
  marks <- c(",", ";", "\t")
  counts <- vapply(marks, function(mark) lengths(regmatches(head, gregexpr(mark, head, fixed = TRUE))), integer(1))
  # Not `fileEncoding`, which converts the text to the locale: a C locale has no other characters than ASCII.
  connection <- gzfile(file, "rt")
  on.exit(close(connection))
  # The byte order mark.
  if (has_mark) suppressWarnings(readChar(connection, 3, useBytes = TRUE))
  tryCatch(
    utils::read.csv(connection, sep = marks[[which.max(counts)]], colClasses = "character", check.names = FALSE,
                    na.strings = c("", "NA"), strip.white = TRUE, encoding = "UTF-8"),
    error = function(error) {
      abort(c("{.file {file}} could not be read as CSV.", x = "{conditionMessage(error)}"),
            class = "placa_error_file", call = call)
    }
  )
}

is_text_table <- function(file) grepl("[.](csv|tsv|txt)([.]gz)?$", file, ignore.case = TRUE)

# The columns of `names` as numbers, with a decimal point or comma. A column with other text is left as it is.
with_numbers <- function(table, names) {
  for (name in intersect(names, names(table))) {
    text <- table[[name]]
    number <- suppressWarnings(as.double(sub(",", ".", text, fixed = TRUE)))
    if (!any(is.na(number) & !is.na(text))) table[[name]] <- number
  }
  table
}
