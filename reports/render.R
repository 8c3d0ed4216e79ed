# Renders evaluation.qmd where the Quarto command is not there: R Markdown runs the chunks, pandoc writes the page, and
# filter.lua does what Quarto would do with figures, tables and references to them.
#
#     Rscript render.R RUN LANGUAGE OUTPUT.html     (in this folder)

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 3) rlang::abort("Three arguments were expected: Rscript render.R RUN LANGUAGE OUTPUT.html")

Sys.setenv(PLACA_WITHOUT_QUARTO = "1")

page <- rmarkdown::output_format(
  knitr = rmarkdown::knitr_options(opts_chunk = list(fig.path = "evaluation_files/figure-html/")),
  pandoc = rmarkdown::pandoc_options(
    to = "html5",
    from = "markdown",
    args = c("--standalone", "--self-contained", "--section-divs", "--toc", "--toc-depth=2", "--no-highlight",
             "--template=template.html", "--css=theme.css", "--lua-filter=filter.lua")
  ),
  clean_supporting = TRUE
)

invisible(rmarkdown::render(
  "evaluation.qmd",
  output_format = page, output_file = arguments[[3]], quiet = TRUE, envir = globalenv(),
  params = list(run = arguments[[1]], lang = arguments[[2]])
))
