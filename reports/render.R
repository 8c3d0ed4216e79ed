# Renders a document where the Quarto command is not there: R Markdown runs the chunks, pandoc writes the page, and
# filter.lua does what Quarto would do with figures, tables and references to them.
#
#     Rscript render.R DOCUMENT.qmd FORMAT PARAMETERS.json OUTPUT     (in this folder; FORMAT is html or docx)

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 4) {
  rlang::abort("Four arguments were expected: Rscript render.R DOCUMENT.qmd FORMAT PARAMETERS.json OUTPUT")
}
to <- arguments[[2]]

Sys.setenv(PLACA_WITHOUT_QUARTO = "1")

of_format <- list(
  html = c("--self-contained", "--section-divs", "--no-highlight", "--mathml", "--template=template.html",
           "--css=theme.css", if (arguments[[1]] == "evaluation.qmd") c("--toc", "--toc-depth=2")),
  docx = character()
)

page <- rmarkdown::output_format(
  knitr = rmarkdown::knitr_options(opts_chunk = list(fig.path = "report_files/figure/")),
  pandoc = rmarkdown::pandoc_options(
    to = if (to == "html") "html5" else to,
    from = "markdown",
    args = c("--standalone", of_format[[to]], "--lua-filter=filter.lua")
  ),
  clean_supporting = TRUE
)

invisible(rmarkdown::render(
  arguments[[1]],
  output_format = page, output_file = arguments[[4]], quiet = TRUE, envir = globalenv(),
  params = jsonlite::read_json(arguments[[3]], simplifyVector = TRUE)
))
