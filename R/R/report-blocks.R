# Markdown blocks for Quarto and, with filter.lua, for plain pandoc.

write_div <- function(class, text, fence = ":::") write_markdown(fence, " {.", class, "}\n", text, "\n", fence)

# Code in a fence that is longer than any fence in it. Quarto would replace shortcodes in it.
write_code <- function(lines) {
  text <- paste(lines, collapse = "\n")
  fence <- strrep("`", max(3, nchar(unlist(regmatches(text, gregexpr("`+", text)))) + 1))
  write_markdown(fence, " {shortcodes=false}\n", text, "\n", fence)
}

# A numbered figure or table; the last paragraph is the caption, in Quarto and in filter.lua.
write_float <- function(id, content, caption, class = "") {
  write_markdown("::: {#", id, class, "}\n\n", content, "\n\n", caption, "\n\n:::")
}

# A table scrolls horizontally on a phone, so it must be accessible by keyboard (tabindex).
write_table_block <- function(id, rows, caption, align = c("l", rep("r", ncol(rows) - 1))) {
  body <- knitr::kable(rows, format = "pipe", align = align, row.names = FALSE)
  body <- paste(c(":::: {.table-scroll tabindex=0}", "", body, "", "::::"), collapse = "\n")
  write_float(paste0("tbl-", id), body, caption)
}

# A table without number and caption, for one of many similar tables.
write_plain_table <- function(rows, align = c("l", rep("r", ncol(rows) - 1))) {
  body <- knitr::kable(rows, format = "pipe", align = align, row.names = FALSE)
  write_markdown(paste(c("::: {.table-scroll tabindex=0}", "", body, "", ":::"), collapse = "\n"))
}

# The space after the image prevents pandoc from making it a separate figure.
# A wide image scrolls horizontally on a phone, so that its text stays legible.
write_figure_block <- function(id, file, caption, alt, inches) {
  wide <- inches >= 6
  # On paper, two figures fit on a page.
  width <- if (!wide) switch(knitr::pandoc_to() %||% "html", docx = "{width=60%}", typst = "{width=60%}")
  image <- paste0("![", alt, "](", file, ")", width, "\\ ")
  fence <- sprintf(':::: {.figure-scroll tabindex=0 style="--inches: %g"}', inches)
  if (wide) image <- paste(c(fence, "", image, "", "::::"), collapse = "\n")
  write_float(paste0("fig-", id), image, caption, if (wide) " .plot .wide" else " .plot")
}

# A grid of small images, each with a label and a value. `class` sets the width: "films", or "films .pairs" for pairs of
# images.
write_gallery <- function(id, images, caption, class = "films") {
  write_float(paste0("fig-", id), gallery_body(images, class), caption, " .gallery")
}

write_plain_gallery <- function(images, class = "films .pairs") write_markdown(gallery_body(images, class))

gallery_body <- function(images, class) {
  # A label may be the name of the image already.
  name <- if (length(images$name)) sprintf(" [%s]{.film-name}", images$name) else ""
  one <- sprintf("[![%s](%s) [%s]{.film-label .%s} [%s]{.film-value}%s]{.film}", images$alt, images$file,
                 images$label, images$class, images$value, name)
  paste(c(paste0(":::: {.", class, "}"), one, "::::"), collapse = "\n")
}

# One tab per finding, made by filter.lua; without tabs for a single finding. `write_one(name)` writes the content.
write_tabs <- function(label, names, write_one) {
  if (length(names) == 1) return(write_one(names))
  write_markdown(":::::: {.tabs ", attribute("label", label), "}")
  for (name in names) {
    write_markdown("::::: {.tab ", attribute("title", capitalise(finding(name))), "}")
    write_one(name)
    write_markdown(":::::")
  }
  write_markdown("::::::")
}

# A part of the page that a reader opens. Without `many`, it is printed as well.
write_fold <- function(key, id, many, write) {
  write_markdown("::::::: {#", id, " .fold", if (many) " .screen", " ", attribute("summary", s(key)), "}")
  write()
  write_markdown(":::::::")
}

# The tables of each finding: for many findings, in tabs of a part of the page that a reader opens.
write_each <- function(label, id, facts, write_one) {
  if (!facts$many) return(write_one(facts$primary))
  write_markdown("::::::: {#", id, " .fold .screen ", attribute("summary", label), "}")
  write_tabs(label, facts$findings, write_one)
  write_markdown(":::::::")
}

write_subheading <- function(key, id) write_markdown("### ", s(key), " {#", id, "}")

write_heading <- function(key, id) write_markdown("## ", s(key), " {#", id, "}")

# The path of a figure in knitr's folder, which the renderer embeds and removes.
figure_file <- function(name) {
  file <- file.path(dirname(knitr::fig_path("x")), name)
  dir.create(dirname(file), recursive = TRUE, showWarnings = FALSE)
  file
}
