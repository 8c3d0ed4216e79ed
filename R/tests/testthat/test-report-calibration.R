test_that("folds without a recalibration of their own are named", {
  on.exit(rm(list = ls(the_report), envir = the_report))
  folds <- data.frame(
    fold = c("1", "2", "3"), reason = c("too_few", "no_positive", "not_increasing"), positives = c(3L, 0L, 1L),
    negatives = c(40L, 43L, 42L)
  )
  shown <- function(...) paste(utils::capture.output(write_recalibrated_folds(list(...), "Effusion")), collapse = " ")
  for (language in c("en", "es")) {
    set_language(language)
    shared <- shown(method = "shared", chosen = TRUE, folds = folds)
    expect_match(shared, s("calibration.shared", finding = finding("Effusion"), least = "0", most = "3"), fixed = TRUE)
    for (row in 2:3) {
      alone <- s("calibration.fold_alone", finding = finding("Effusion"), fold = folds$fold[[row]],
                 reason = s(paste0("calibration.fold_reason.", folds$reason[[row]])))
      expect_match(shared, alone, fixed = TRUE)
    }
    expect_no_match(shared, paste0(s("calibration.fold_reason.no_negative"), "|too_few|[{}]"))
    flat <- shown(method = "flat", chosen = FALSE, reason = "not_increasing", folds = folds)
    expect_match(flat, s("calibration.flat", finding = finding("Effusion")), fixed = TRUE)
    none <- shown(method = "none", chosen = FALSE, reason = "equal_scores", folds = folds)
    expect_match(none, s("calibration.fold_reason.equal_scores"), fixed = TRUE)
    expect_identical(shown(method = "own", chosen = TRUE, folds = transform(folds, reason = NA)), "")
    # A run without folds, and a run of an older version.
    expect_identical(shown(method = "platt", slope = 1, chosen = TRUE), "")
    expect_identical(shown(chosen = "by each fold"), "")
  }
})
