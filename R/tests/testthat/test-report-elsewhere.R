test_that("curves of two data sets have one net benefit per threshold, at the prevalence of their own images", {
  threshold <- rep(c(0.1, 0.5, 0.9), 2)
  own <- rep(c(TRUE, FALSE), each = 3)
  benefit <- ifelse(own, 0.4, 0.01)
  tables <- list(
    calibration_curve = data.frame(finding = "A", stage = "after", probability = 0.5, observed = 0.5, lower = 0.4,
                                   upper = 0.6),
    decision_curve = data.frame(finding = "A", strategy = "model", threshold = threshold, net_benefit = benefit,
                                net_benefit_lower = benefit - 0.1, net_benefit_upper = benefit + 0.1, own = own)
  )
  curves <- side_curves(tables, tables, "A", c("here", "there"))
  decision <- curves[curves$panel == "decision", ]
  expect_identical(decision$x, rep(c(0.1, 0.5), 2))
  expect_true(all(decision$y == 0.4))
})
