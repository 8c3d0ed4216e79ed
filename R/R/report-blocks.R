# Blocks of text: the same markdown for Quarto and, through filter.lua, for plain pandoc.

write_div <- function(class, text, fence = ":::") write_markdown(fence, " {.", class, "}\n", text, "\n", fence)

# A figure or a table with its number: the last paragraph is the caption, in Quarto and in filter.lua. The fence is
# longer where it stands in another block, as a tab does.
write_float <- function(id, content, caption, class = "") {
  write_markdown("::: {#", id, class, "}\n\n", content, "\n\n", caption, "\n\n:::")
}

# A table scrolls sideways on a phone, and so must be reachable by the keyboard.
write_table_block <- function(id, rows, caption, align = c("l", rep("r", ncol(rows) - 1))) {
  body <- knitr::kable(rows, format = "pipe", align = align, row.names = FALSE)
  body <- paste(c(":::: {.table-scroll tabindex=0}", "", body, "", "::::"), collapse = "\n")
  write_float(paste0("tbl-", id), body, caption)
}

# A small table under a sentence of its own, without a number: one of many alike.
write_plain_table <- function(rows, align = c("l", rep("r", ncol(rows) - 1))) {
  body <- knitr::kable(rows, format = "pipe", align = align, row.names = FALSE)
  write_markdown(paste(c("::: {.table-scroll tabindex=0}", "", body, "", ":::"), collapse = "\n"))
}

# An image alone in its paragraph would become a figure of its own; the space after it keeps it an image.
# A wide one scrolls sideways on a phone, as a table does, for its letters to stay legible.
write_figure_block <- function(id, file, caption, alt, inches) {
  image <- paste0("![", escape_markdown(alt), "](", file, ")\\ ")
  wide <- inches >= 6
  fence <- sprintf(':::: {.figure-scroll tabindex=0 style="--inches: %g"}', inches)
  if (wide) image <- paste(c(fence, "", image, "", "::::"), collapse = "\n")
  write_float(paste0("fig-", id), image, caption, if (wide) " .plot .wide" else " .plot")
}

# A grid of small images, each with a label and a value under it. `class` says how wide one is: "films", or
# "films .pairs" for images of two.
write_gallery <- function(id, films, caption, class = "films") {
  write_float(paste0("fig-", id), gallery_body(films, class), caption, " .gallery")
}

write_plain_gallery <- function(films, class = "films .pairs") write_markdown(gallery_body(films, class))

gallery_body <- function(films, class) {
  one <- sprintf("[![%s](%s) [%s]{.film-label .%s} [%s]{.film-value}]{.film}", escape_markdown(films$alt), films$file,
                 films$label, films$class, films$value)
  paste(c(paste0(":::: {.", class, "}"), one, "::::"), collapse = "\n")
}

# A tab each for several findings, made by filter.lua; of one finding its content alone. `write_one(name)` writes it.
write_tabs <- function(label, names, write_one) {
  if (length(names) == 1) return(write_one(names))
  write_markdown(":::::: {.tabs label=\"", gsub('"', "\u201d", label), "\"}")
  for (name in names) {
    write_markdown("::::: {.tab title=\"", gsub('"', "\u201d", capitalise(finding(name))), "\"}")
    write_one(name)
    write_markdown(":::::")
  }
  write_markdown("::::::")
}

write_subheading <- function(key, id) write_markdown("### ", s(key), " {#", id, "}")

write_heading <- function(key, id) write_markdown("## ", s(key), " {#", id, "}")

# Where a chunk's figure goes: knitr's own folder, so that the renderer embeds it and clears it away.
figure_file <- function(name) {
  file <- file.path(dirname(knitr::fig_path("x")), name)
  dir.create(dirname(file), recursive = TRUE, showWarnings = FALSE)
  file
}
