# Renders a document without Quarto: R Markdown runs the chunks, pandoc writes the page, and filter.lua numbers figures,
# tables and references as Quarto does. placa's Python calls it in the folder of the document. The arguments after
# --args are the document, the format (html, docx, or typst, which Python sets as a PDF), the parameters and the output.
render_without_quarto <- function(arguments = commandArgs(trailingOnly = TRUE)) {
  document <- arguments[[1]]
  to <- arguments[[2]]
  Sys.setenv(PLACA_WITHOUT_QUARTO = "1")
  of_format <- list(
    html = c(
      "--self-contained", "--section-divs", "--no-highlight", "--mathml", "--template=template.html", "--css=theme.css",
      if (document == "evaluation.qmd") c("--toc", "--toc-depth=2")
    ),
    docx = character(),
    typst = c("--metadata-file=paper.yml", "--include-in-header=paper.typ")
  )
  page <- rmarkdown::output_format(
    knitr = rmarkdown::knitr_options(opts_chunk = list(fig.path = "report_files/figure/")),
    pandoc = rmarkdown::pandoc_options(
      to = if (to == "html") "html5" else to, ext = if (to == "typst") ".typ",
      # The page has no markup but that of its own Markdown.
      from = "markdown-raw_html-raw_tex-raw_attribute",
      args = c("--standalone", of_format[[to]], paste0("--lua-filter=", c("own-content.lua", "filter.lua")))
    ),
    # Typst reads the figures after R has ended.
    clean_supporting = to != "typst"
  )
  # Python chunks find R's values in the global environment.
  invisible(rmarkdown::render(
    document,
    output_format = page, output_file = arguments[[4]], quiet = TRUE, envir = globalenv(),
    params = simplify_json(read_text(arguments[[3]]))
  ))
  if (to == "html") name_svg_images(arguments[[4]])
}

# Pandoc 3 embeds an SVG image as <svg alt="...">. Screen readers need a role and a label.
name_svg_images <- function(file) {
  lines <- readLines(file, encoding = "UTF-8", warn = FALSE)
  named <- gsub("(<svg\\b[^>]*?) alt=\"", "\\1 role=\"img\" aria-label=\"", lines, perl = TRUE)
  if (!identical(lines, named)) writeLines(named, file, useBytes = TRUE)
}
