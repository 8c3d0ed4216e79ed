# All texts of a figure.
texts_of <- function(plot) {
  # The default device is a PDF, whose fonts have no en dash.
  file <- tempfile(fileext = ".png")
  grDevices::png(file)
  on.exit({
    grDevices::dev.off()
    unlink(file)
  })
  built <- ggplot2::ggplot_gtable(ggplot2::ggplot_build(plot))
  found <- character()
  walk <- function(grob) {
    if (!is.null(grob$label)) found <<- c(found, as.character(grob$label))
    for (child in c(grob$children, grob$grobs)) walk(child)
  }
  walk(built)
  found
}

# The data of the first layer with this geom.
layer_of <- function(plot, geom) {
  is_it <- vapply(plot$layers, function(layer) inherits(layer$geom, geom), logical(1))
  ggplot2::ggplot_build(plot)$data[[which(is_it)[[1]]]]
}

# A figure accepts layers, is drawn without messages, and has an alternative text. Returns the texts of the figure.
expect_figure <- function(plot) {
  expect_s3_class(plot, "ggplot")
  expect_gt(nchar(ggplot2::get_alt_text(plot)), 20)
  expect_no_match_all(ggplot2::get_alt_text(plot), "[{}]")
  changed <- plot + ggplot2::ggtitle("mine") + ggplot2::theme_dark()
  expect_s3_class(changed, "ggplot")
  expect_silent(texts <- texts_of(changed))
  invisible(texts)
}

# English words that a Spanish figure must not have; terms such as AUROC are the same.
english <- paste(
  "ensitivity|pecificity|robability|roportion|mages|index|95% CI|Pneumonia|Effusion|Threshold|enefit|Prevalence",
  "Precision|Recall|alse pos|All |patients|rate|\\d\\.\\d", sep = "|"
)

# Two findings, all tables: evaluated once for all tests of figures.
two_findings <- local({
  evaluation <- NULL
  function() {
    if (is.null(evaluation)) {
      evaluation <<- evaluate(example_predictions(), example_thresholds(), draws = 200)
    }
    evaluation
  }
})

# The rows of an evaluation for some findings.
only <- function(evaluation, findings) {
  evaluation[] <- lapply(evaluation, function(table) {
    if (is.data.frame(table)) table[table$finding %in% findings, ] else table
  })
  evaluation
}

# One finding more than there are colours, with the tables of the example.
nine_findings <- function() {
  evaluation <- only(two_findings(), "Effusion")
  evaluation[] <- lapply(evaluation, function(table) {
    if (!is.data.frame(table)) {
      return(table)
    }
    nine <- table[rep(seq_len(nrow(table)), 9), ]
    nine$finding <- rep(sprintf("Finding %02d", 1:9), each = nrow(table))
    nine
  })
  evaluation
}
