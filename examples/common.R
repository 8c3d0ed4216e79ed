# Shared code of both examples: paths of the data and of Python, numbers and words in the language of the page.

# The R package finds the Python in which placa is installed.
base_folders <- placa:::base_folders
has_python <- placa:::has_python
placa:::use_python_of_placa()

language <- params$language
write_language <- function() cat(sprintf("\n::: {.page-language language=\"%s\"}\n:::\n\n", language))

say <- function(en, es) if (identical(language, "es")) es else en
mark <- function(point, comma) say(point, comma)

num <- function(x, digits = 0) {
  formatC(x, digits = digits, format = "f", big.mark = mark(",", "\u00a0"), decimal.mark = mark(".", ","))
}
pct <- function(x, digits = 1) paste0(num(100 * x, digits), say("%", "\u00a0%"))
auroc_text <- function(row) {
  sprintf("%s (%s\u2013%s)", num(row$auroc, 2), num(row$auroc_lower, 2), num(row$auroc_upper, 2))
}
on_axis <- function(x) num(x, 1)

# The folder of a parameter, relative to the working directory or one of its parents; otherwise the folder in
# PLACA_DATA; otherwise "".
find_data <- function(named, in_placa_data, holding) {
  known <- Sys.getenv("PLACA_DATA")
  places <- c(named, file.path(base_folders(), named), if (nzchar(known)) file.path(known, in_placa_data))
  there <- places[vapply(places, function(place) length(Sys.glob(file.path(place, holding))) > 0, NA)]
  if (length(there)) normalizePath(there[[1]]) else ""
}

# The folder for the prepared data set and the run: that of the parameter, or a temporary one.
work_folder <- function(named) {
  folder <- if (nzchar(named)) named else tempfile("placa-example-")
  dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  normalizePath(folder)
}

# A value of the page's Python, by its name.
from_python <- function(name) reticulate::py_to_r(reticulate::py_get_attr(reticulate::py, name))

# The path of an image that Python writes, in the folder of the R figures.
picture <- function(name) {
  file <- file.path(dirname(knitr::fig_path("x")), name)
  dir.create(dirname(file), recursive = TRUE, showWarnings = FALSE)
  file
}

stop_without_python <- function() {
  if (has_python()) return(invisible())
  cat(say("**No Python with placa was found, so the page ends here. Run `make setup` in the folder of placa to install it.**\n",
          "**No se ha encontrado un Python con placa, as\u00ed que la p\u00e1gina termina aqu\u00ed. Ejecute `make setup` en la carpeta de placa para instalarlo.**\n"))
  knitr::knit_exit()
}

knitr::opts_chunk$set(message = FALSE, warning = FALSE, comment = "", fig.width = 7, fig.height = 3.4, dpi = 110,
                      dev = "png", fig.path = paste0(tools::file_path_sans_ext(knitr::current_input()), "_files/figure/"))
Sys.setenv(COLUMNS = "100")
options(cli.width = 90, width = 90)

ink <- c(honest = "#0b6e75", wrong = "#b4472a", pale = "#b8c2c6")
theme_example <- function() {
  ggplot2::theme_minimal(base_size = 12) +
    ggplot2::theme(panel.grid.minor = ggplot2::element_blank(), legend.position = "bottom",
                   plot.title.position = "plot")
}

# Estimates with their intervals, one per line, the first at the top; `wrong` marks invalid estimates.
plot_scores <- function(labels, estimates, lower = NA_real_, upper = NA_real_, wrong, x, chance = 0.5) {
  scores <- data.frame(label = factor(labels, rev(labels)), estimate = estimates, lower = lower, upper = upper,
                       kind = ifelse(wrong, "wrong", "honest"))
  ggplot2::ggplot(scores, ggplot2::aes(estimate, label, colour = kind)) +
    ggplot2::geom_vline(xintercept = chance, linetype = "dashed", colour = ink[["pale"]]) +
    ggplot2::geom_segment(ggplot2::aes(x = lower, xend = upper, yend = label), linewidth = 1, na.rm = TRUE) +
    ggplot2::geom_point(size = 4) +
    ggplot2::geom_text(ggplot2::aes(label = num(estimate, 2)), vjust = -1.1, show.legend = FALSE) +
    ggplot2::scale_colour_manual(values = ink, guide = "none") +
    ggplot2::scale_x_continuous(labels = on_axis, limits = c(min(0.4, lower, estimates, na.rm = TRUE), 1)) +
    ggplot2::scale_y_discrete(expand = ggplot2::expansion(add = c(0.4, 0.7))) +
    ggplot2::labs(x = x, y = NULL) +
    theme_example()
}
