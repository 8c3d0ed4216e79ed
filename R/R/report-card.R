# The model card: what Python wrote beside the model (placa.reporting.model_card), as a page.

write_card <- function(run) {
  title <- escape_markdown(run$info$name %||% basename(run$path))
  lines <- read_card(run$path, the_report$language) %||% c(paste("#", title), "", s("card.missing"))
  # Up to the first section there are the title and a sentence, which are the head of the page.
  begins <- which(startsWith(lines, "## "))
  head <- seq_along(lines) < min(begins, length(lines) + 1)
  lines <- without_directives(lines)
  lines <- sub("^(# .*)$", "\\1 {#title .unnumbered .unlisted}", lines)
  if (nzchar(Sys.getenv("PLACA_WITHOUT_QUARTO"))) write_div("renderer", s("page.without_quarto"))
  write_div("hero", paste(c(paste0("[", s("page.eyebrow_card"), "]{.eyebrow}"), "", lines[head]), collapse = "\n"))
  write_markdown(paste(fence_tables(lines[!head]), collapse = "\n"))
}

# The lines of the card in a language without its YAML header, or NULL where the run has none in that language.
read_card <- function(path, language) {
  file <- file.path(path, if (language == "en") "model_card.md" else paste0("model_card.", language, ".md"))
  if (!file.exists(file)) return(NULL)
  lines <- readLines(file, encoding = "UTF-8", warn = FALSE)
  marks <- which(lines == "---")
  if (length(marks) >= 2 && marks[[1]] == 1) lines[-seq_len(marks[[2]])] else lines
}

# The author may edit the card, which is Markdown. Only its text is used: a line of three hyphens would start metadata
# of the document, and Quarto would replace shortcodes. own-content.lua removes raw HTML and foreign files.
without_directives <- function(lines) {
  lines <- sub("^([-]{3}|[.]{3})\\s*$", "* * *", lines)
  fence <- grepl("^`{3,}", lines)
  lines[fence] <- sub("^(`+)([a-z]+)$", "\\1{.\\2 shortcodes=false}", lines[fence])
  inside <- cumsum(fence) %% 2 == 1
  lines[!inside] <- gsub("{{<", "\\{\\{<", lines[!inside], fixed = TRUE)
  lines
}

# A table scrolls sideways on a phone, as the tables of the report do.
fence_tables <- function(lines) {
  row <- startsWith(lines, "|")
  first <- row & !c(FALSE, utils::head(row, -1))
  last <- row & !c(row[-1], FALSE)
  lines[first] <- paste0("::: {.table-scroll tabindex=0}\n\n", lines[first])
  lines[last] <- paste0(lines[last], "\n\n:::")
  lines
}
