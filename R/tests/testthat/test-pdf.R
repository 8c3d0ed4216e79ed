test_that("figures draw on a PDF device in both languages without a lost character", {
  evaluation <- two_findings()
  file <- tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  on.exit({
    grDevices::dev.off()
    unlink(file)
  })
  for (language in c("en", "es")) {
    figures <- list(
      autoplot(evaluation$roc_bands, language = language), autoplot(evaluation$subgroups, language = language),
      autoplot(evaluation$decision_curve, language = language),
      plot_roc(evaluation, labels = plot_labels(language)), plot_calibration(evaluation, labels = plot_labels(language))
    )
    for (figure in figures) expect_no_warning(print(figure))
  }
})
