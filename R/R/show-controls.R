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
