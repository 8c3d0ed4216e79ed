# Names in the report. A name enters Markdown through escape_markdown(), which finding() and word() call; pandoc and
# Quarto then escape the text for HTML, Typst and Word. Figures show text, not Markdown: plain() is the inverse.

# `text` in one line, with every character escaped that can begin markup in pandoc's Markdown. A hyphen between letters
# and a point between digits stay as they are.
escape_markdown <- function(text) {
  text <- as.character(text)
  known <- !is.na(text)
  one_line <- show_controls(trimws(gsub("[ \t\r\n]+", " ", text[known])))
  special <- paste0("[!\"#$&'()*:<=>@\\[\\]\\\\^_`{}~]",
                    "|(?<![A-Za-z0-9])[-+]|[-+](?![A-Za-z0-9])|(?<![0-9])[.]|[.](?![0-9])")
  escaped <- gsub(paste0("(", special, ")"), "\\\\\\1", one_line, perl = TRUE)
  # knitr replaces a vertical bar in a table by this entity, also after a backslash.
  text[known] <- gsub("|", "&#124;", escaped, fixed = TRUE)
  text
}

# The text that escaped Markdown shows.
plain <- function(markdown) gsub("\\\\([[:punct:]])", "\\1", gsub("&#124;", "|", markdown, fixed = TRUE))

# A name as code: own-content.lua makes code of this class, because Quarto replaces shortcodes in inline code.
code <- function(text) sprintf("[%s]{.literal}", escape_markdown(text))

# An attribute of a div; its value is Markdown, in which pandoc understands a backslash before a quotation mark.
attribute <- function(name, markdown) {
  sprintf('%s="%s"', name, gsub('(?<!\\\\)"', "\u201d", markdown, perl = TRUE))
}
