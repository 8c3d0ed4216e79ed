# Formats numbers for print, axes and the report, with the marks of a language.
format_number <- function(x, digits, decimal_mark = ".", thousands = "", minus = "-", none = "\u2013") {
  x <- as.numeric(x)
  if (length(x) == 0) {
    return(character())
  }
  text <- trimws(formatC(x, digits = digits, format = "f", decimal.mark = decimal_mark, big.mark = thousands))
  text <- sub("Inf", "\u221e", text, fixed = TRUE)
  # Zero after rounding has no sign.
  below <- !is.na(x) & round(x, digits) < 0
  text <- sub("^-", "", text)
  text <- ifelse(below, paste0(minus, text), text)
  ifelse(is.na(x), none, text)
}

format_interval <- function(estimate, lower, upper, decimal_mark = ".", digits = 3) {
  # A dash before a minus cannot be read.
  between <- ifelse(!is.na(lower) & round(lower, digits) < 0, " to ", "\u2013")
  known <- paste0(
    format_number(estimate, digits, decimal_mark), " (", format_number(lower, digits, decimal_mark), between,
    format_number(upper, digits, decimal_mark), ")"
  )
  alone <- paste0(format_number(estimate, digits, decimal_mark), " (interval not estimable)")
  ifelse(is.na(estimate), "cannot be estimated", ifelse(is.na(lower) | is.na(upper), alone, known))
}

# Uses the fewest digits that show the ticks exactly, at least one. The minus of figures is a hyphen, see labels_of().
format_ticks <- function(x, decimal_mark, digits = 1) {
  while (digits < 6 && any(abs(x - round(x, digits)) > 1e-9, na.rm = TRUE)) {
    digits <- digits + 1
  }
  format_number(x, digits, decimal_mark)
}

format_percent <- function(x, labels) {
  digits <- if (any(abs(100 * x - round(100 * x)) > 1e-9, na.rm = TRUE)) 1 else 0
  paste0(format_number(100 * x, digits, labels$decimal_mark), labels$percent_sign)
}
