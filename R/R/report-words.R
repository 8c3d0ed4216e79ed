# Texts of one language, and its number formats.

read_strings <- function(lang) {
  known <- languages()
  if (!lang %in% known) {
    received <- show_controls(lang)
    rlang::abort(paste0("`language` must be one of ", paste(known, collapse = ", "), ", not '", received, "'."),
                 class = "placa_error_language")
  }
  unlist(read_words(lang))
}

# Evaluates `code` with the texts of one language, for tables and texts outside of a report.
in_language <- function(language, code) {
  before <- the_report$strings
  on.exit(the_report$strings <- before)
  the_report$strings <- read_strings(language)
  force(code)
}

# The text with this key, with each {name} replaced by the argument of that name; vectors give one text per element.
# {split_set} and {split_images} name the evaluated split.
# Text and arguments are Markdown: names go through finding(), word() or escape_markdown(). A brace in an argument is
# not replaced again.
s <- function(key, ...) {
  text <- the_report$strings[[key]]
  values <- list(...)
  if (length(text) && grepl("{split_", text, fixed = TRUE)) {
    values$split_set <- name_of_split("set_of.")
    values$split_images <- name_of_split("images_of.")
  }
  if (!length(values)) return(text)
  if (is.null(text) || any(lengths(values) == 0)) return(character())
  pieces <- regmatches(text, gregexpr("[{][a-z_]+[}]", text), invert = NA)[[1]]
  names <- substr(pieces, 2, nchar(pieces) - 1)
  gaps <- startsWith(pieces, "{") & names %in% names(values)
  pieces <- as.list(pieces)
  pieces[gaps] <- lapply(values[names[gaps]], as.character)
  filled <- do.call(paste0, unname(pieces))
  for (value in pieces[gaps]) filled[rep_len(is.na(value), length(filled))] <- NA
  filled
}

# "test set" or "test images": the words for the split that the report is about.
name_of_split <- function(kind) {
  split <- the_report$split %||% "test"
  key <- paste0(kind, split)
  if (has_string(key)) s(key) else s(paste0(kind, "other"), name = escape_markdown(split))
}

has_string <- function(key) key %in% names(the_report$strings)

say <- function(key, ...) write_markdown(s(key, ...))

# The texts of several keys of one kind, such as column names.
words_of <- function(kind, names) vapply(paste0(kind, ".", names), s, "", USE.NAMES = FALSE)

write_markdown <- function(...) cat("\n\n", paste0(...), "\n\n", sep = "")

# For use within a sentence; abbreviations are unchanged.
small_initial <- function(x) {
  name <- grepl("^[[:upper:]][[:lower:]]", x)
  ifelse(name, paste0(tolower(substr(x, 1, 1)), substring(x, 2)), x)
}

# Translates a finding; without a translation, the name of the source is used. The result is Markdown.
finding <- function(names) {
  vapply(as.character(names), function(name) {
    key <- paste0("finding.", name)
    if (has_string(key)) s(key) else escape_markdown(gsub("_", " ", name, fixed = TRUE))
  }, "", USE.NAMES = FALSE)
}

# Translates a value (a split, an operating point, a view); an unknown value is escaped. The result is Markdown.
word <- function(kind, names) {
  vapply(as.character(names), function(name) {
    key <- paste0(kind, ".", name)
    if (has_string(key)) s(key) else escape_markdown(gsub("_", " ", name, fixed = TRUE))
  }, "", USE.NAMES = FALSE)
}

# --- numbers ----------------------------------------------------------------------------------------------

num <- function(x, digits = 0) {
  if (length(digits) > 1) return(unlist(mapply(num, x, digits)))
  format_number(x, digits, s("number.decimal"), s("number.thousands"), minus = "\u2212", none = s("number.none"))
}

pct <- function(x, digits = 1) ifelse(is.na(x), s("number.none"), s("number.percent", n = num(100 * x, digits)))

range_text <- function(lower, upper, digits = 3) {
  text <- s("number.range", lower = num(lower, digits), upper = num(upper, digits))
  ifelse(is.na(lower) | is.na(upper), s("number.none"), text)
}

count_share <- function(n, of) {
  of <- rep_len(of, length(n))
  ifelse(of == 0, num(n), s("number.count_share", n = num(n), share = pct(n / of)))
}

duration <- function(seconds) {
  if (is.null(seconds) || is.na(seconds)) return(s("number.none"))
  if (seconds < 100) return(s("number.seconds", n = num(seconds)))
  if (seconds < 6000) return(s("number.minutes", n = num(seconds / 60, 1)))
  s("number.hours", n = num(seconds / 3600, 1))
}

# Formats one value of run.json: short numbers, complete lists, a dash for null.
value_text <- function(x) {
  if (is.null(x) || length(x) == 0) return(s("number.none"))
  if (is.list(x) || (length(x) > 1 && !is.null(names(x)))) return(named_values_text(x))
  if (length(x) > 1) return(paste(vapply(x, value_text, ""), collapse = ", "))
  single_value_text(x)
}

named_values_text <- function(x) {
  text <- vapply(x, value_text, "")
  nested <- lengths(x) > 1
  names <- escape_markdown(names(x))
  text <- ifelse(nested, paste0(names, " (", text, ")"), paste0(names, " = ", text))
  paste(text, collapse = if (any(nested)) "; " else ", ")
}

single_value_text <- function(x) {
  if (is.na(x)) return(s("number.none"))
  if (is.logical(x)) return(s(if (x) "number.true" else "number.false"))
  if (is.numeric(x)) {
    if (x == round(x) && abs(x) < 1e9) return(num(x))
    text <- format(signif(x, 3), scientific = abs(x) < 1e-4, decimal.mark = ".")
    return(sub(".", s("number.decimal"), text, fixed = TRUE))
  }
  escape_markdown(as.character(x))
}
