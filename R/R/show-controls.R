# Converts names to one line of text for the terminal. Control characters and characters that change the direction of
# text become escapes such as \n and \u001b.
show_controls <- function(text) {
  text <- enc2utf8(as.character(text))
  pattern <- "[\u0001-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
  found <- gregexpr(pattern, text, perl = TRUE)
  short <- c("\t" = "\\t", "\n" = "\\n", "\r" = "\\r")
  regmatches(text, found) <- lapply(regmatches(text, found), function(controls) {
    if (!length(controls)) return(controls)
    code <- vapply(controls, utf8ToInt, 1L, USE.NAMES = FALSE)
    ifelse(controls %in% names(short), unname(short[controls]), sprintf("\\u%04x", code))
  })
  text
}

# cli::cli_abort() and cli::cli_warn() whose texts have no control characters. A name of a file, of a column or of a
# finding can contain an escape sequence, which would change the terminal; of the values in a message, cli escapes those
# of {.val} only.
abort <- function(message, ..., call = .envir, .envir = rlang::caller_env()) {
  rlang::abort(without_controls(message, .envir), ..., call = call, use_cli_format = TRUE, .frame = .envir)
}

warn <- function(message, ..., call = .envir, .envir = rlang::caller_env()) {
  rlang::warn(without_controls(message, .envir), ..., call = call, use_cli_format = TRUE)
}

without_controls <- function(message, envir) {
  # Colours and links are control characters too.
  before <- options(cli.num_colors = 1L, cli.hyperlink = FALSE)
  on.exit(options(before))
  texts <- translate_templates(message)
  message[] <- show_controls(vapply(texts, cli::format_inline, "", .envir = envir, keep_whitespace = FALSE))
  message
}
