evaluation <- two_findings()
one <- only(evaluation, "Pneumonia")
words <- plot_labels("en")

test_that("every type of every evaluation gives a figure in Spanish", {
  # An evaluation without readers has no such figure. Many findings have panels, tested with few types.
  for (type in setdiff(figure_types, "readers")) {
    many <- if (type %in% c("roc", "subgroups", "errors")) list(nine_findings())
    for (of in c(list(one, evaluation), many)) {
      spanish <- ggplot2::autoplot(of, type, labels = "es")
      texts <- c(expect_figure(spanish), ggplot2::get_alt_text(spanish))
      expect_no_match_all(texts[!grepl("png", texts)], english)
    }
  }
})

test_that("layers match the tables: bands", {
  for (name in c("roc_bands", "pr_bands")) {
    table <- evaluation[[name]]
    plot <- ggplot2::autoplot(table)
    expect_figure(plot)
    line <- layer_of(plot, "GeomLine")
    ribbon <- layer_of(plot, "GeomRibbon")
    expect_equal(line$x, table[[if (name == "roc_bands") "fpr" else "recall"]])
    expect_equal(line$y, table[[if (name == "roc_bands") "sensitivity" else "precision"]])
    expect_equal(ribbon$ymin, table$lower)
    expect_equal(ribbon$ymax, table$upper)
    expect_identical(as.integer(line$PANEL), match(table$finding, unique(table$finding)))
  }
})

test_that("precision is drawn as steps between corners, with the prevalence as a line", {
  points <- pr_points(example_predictions())
  plot <- ggplot2::autoplot(points)
  expect_figure(plot)
  expect_equal(layer_of(plot, "GeomStep")$y, pr_corners(points)$precision)
  expect_lt(nrow(pr_corners(points)), nrow(points))
  expect_equal(layer_of(plot, "GeomHline")$yintercept, unique(points$prevalence))
  # Manual calculation: precision falls from 1 to 2/4 at the same recall, so the third of four points is hidden.
  four <- tibble::tibble(finding = "a", recall = c(0.5, 0.5, 0.5, 1), precision = c(1, 1 / 2, 1 / 3, 2 / 4))
  expect_identical(pr_corners(four)$precision, c(1, 1 / 3, 1 / 2))
  expect_match(texts_of(ggplot2::autoplot(evaluation, "pr")), "Pneumonia\n0\\.\\d\\d \\(0", all = FALSE)
  # The title is wrapped.
  expect_match(texts_of(ggplot2::autoplot(one, "pr")), "0\\.\\d{3}.\\(95%.CI.0", all = FALSE)
})

test_that("layers match the tables: calibration, net benefit, predictive values", {
  curve <- evaluation$calibration_curve
  line <- layer_of(ggplot2::autoplot(curve), "GeomLine")
  expect_setequal(round(line$y, 12), round(curve$observed, 12))
  expect_length(unique(line$colour), 2)

  benefit <- one$decision_curve
  plot <- ggplot2::autoplot(benefit)
  shown <- benefit[benefit$own & benefit$threshold <= 0.5, ]
  model <- shown[shown$strategy == "model", ]
  line <- layer_of(plot, "GeomLine")
  # The curves above, the difference below.
  drawn <- stats::na.omit(line$y[line$PANEL == 1])
  expect_true(all(round(drawn, 12) %in% round(shown$net_benefit, 12)))
  expect_true(all(round(model$net_benefit, 12) %in% round(drawn, 12)))
  expect_equal(line$y[line$PANEL == 2], model$advantage)
  expect_setequal(range(line$x), range(model$threshold))
  band <- layer_of(plot, "GeomRibbon")
  lowest <- 4 * max(abs(model$advantage))
  expect_equal(band$ymin[band$PANEL == 2], pmax(model$advantage_lower, -lowest))

  values <- one$predictive_values
  plot <- ggplot2::autoplot(values)
  expect_setequal(round(layer_of(plot, "GeomPoint")$y, 12), round(values$estimate, 12))
  expect_equal(10^layer_of(plot, "GeomPoint")$x, values$prevalence)
  expect_identical(sum(layer_of(plot, "GeomPoint")$shape == 16), sum(values$own))
})

test_that("decision curves have the same axes for all findings, up to a threshold of a half", {
  built <- ggplot2::ggplot_build(ggplot2::autoplot(evaluation$decision_curve))
  ranges <- lapply(built$layout$panel_params, function(panel) c(panel$x.range, panel$y.range))
  expect_length(unique(ranges), 1)
  expect_identical(ranges[[1]][1:2], c(0, 0.5))
  high <- tibble::tibble(threshold = c(0.6, 0.9))
  expect_identical(clinical_thresholds(high), high)
})

test_that("several findings show predictive values at the default or the selected operating point", {
  evaluation$thresholds$default <- evaluation$thresholds$operating_point == "specificity_95"
  texts <- texts_of(ggplot2::autoplot(evaluation, "predictive_values"))
  expect_match(texts, words$operating_points[["specificity_95"]], all = FALSE)
  values <- evaluation$predictive_values
  expect_match(texts_of(ggplot2::autoplot(values)), words$operating_points[["sensitivity_95"]], all = FALSE)
  plot <- ggplot2::autoplot(values, operating_point = "sensitivity_95")
  expect_identical(
    nrow(layer_of(plot, "GeomPoint")), sum(values$operating_point == "sensitivity_95" & !is.na(values$estimate))
  )
  expect_error(ggplot2::autoplot(values, operating_point = "mine"), "youden", class = "placa_error_plot")
})

test_that("subgroups show every group, the rest, and groups that are too small", {
  groups <- one$subgroups
  plot <- ggplot2::autoplot(groups)
  shown <- groups[groups$metric != "sensitivity", ]
  known <- shown[!is.na(shown$estimate), ]
  expect_equal(layer_of(plot, "GeomLinerange")$x, known$estimate)
  expect_equal(layer_of(plot, "GeomLinerange")$xmin, known$lower)
  expect_equal(layer_of(plot, "GeomPoint")$x, shown$rest[!is.na(shown$rest)])
  expect_identical(nrow(layer_of(plot, "GeomText")), sum(shown$too_small))
  texts <- texts_of(plot)
  expect_match(texts, "^Sex:  F \\(", all = FALSE)
  expect_match(texts, "^18-39 \\(", all = FALSE)
  expect_true(all(words$metrics[c("auroc", "specificity", "under_diagnosis")] %in% texts))
  missed <- ggplot2::autoplot(evaluation$subgroups, metric = "under_diagnosis")
  expect_match(texts_of(missed), words$metrics[["under_diagnosis"]], all = FALSE)
  expect_error(ggplot2::autoplot(evaluation$subgroups, metric = c("auroc", "f1")), class = "placa_error_plot")
  expect_error(ggplot2::autoplot(groups, metric = 3), class = "placa_error_plot")
})

test_that("a group that differs has another colour and shape", {
  groups <- one$subgroups[one$subgroups$metric == "auroc" & one$subgroups$column == "view", ]
  groups$p_holm <- c(0.04, 0.06)
  points <- ggplot2::ggplot_build(ggplot2::autoplot(groups))$data[[3]]
  expect_identical(points$shape, c(18, 16))
  expect_identical(points$colour, finding_colours[2:1])
  expect_match(ggplot2::get_alt_text(ggplot2::autoplot(groups)), "\\b1\\b")
})

test_that("comparisons have one dot per model and metric", {
  predictions <- example_predictions()
  blurred <- transform(predictions, probability = round(probability, 1))
  worse <- transform(predictions, probability = round(probability))
  compared <- compare_models(list(mine = predictions, blurred = blurred, worse = worse), draws = 100)
  by_bootstrap <- compared[is_main_method(compared), ]
  for (table in list(compared, compared[compared$model == "worse", ], compared[compared$finding == "Effusion", ])) {
    expect_figure(ggplot2::autoplot(table))
    expect_figure(ggplot2::autoplot(table, labels = "es"))
  }
  shown <- layer_of(ggplot2::autoplot(compared), "GeomPoint")
  expect_equal(sort(shown$x), sort(by_bootstrap$difference))
  axis <- fill_in(words$difference_from, reference = "mine")
  expect_match(texts_of(ggplot2::autoplot(compared)), axis, all = FALSE)
  expect_match(texts_of(ggplot2::autoplot(compared[compared$model == "worse", ])), "worse.*mine", all = FALSE)
  delong <- layer_of(ggplot2::autoplot(compared, method = "delong"), "GeomLinerange")
  expect_equal(sort(delong$xmin), sort(compared$lower[compared$method == "delong"]))
  expect_error(ggplot2::autoplot(by_bootstrap, method = "delong"), class = "placa_error_plot")
})

test_that("errors have image names if there is space, the most confident on top", {
  table <- one$errors
  plot <- ggplot2::autoplot(table)
  expect_equal(stats::plogis(layer_of(plot, "GeomSegment")$xend), table$probability, tolerance = 1e-6)
  expect_equal(stats::plogis(layer_of(plot, "GeomSegment")$x), table$threshold, tolerance = 1e-6)
  texts <- texts_of(plot)
  expect_true(all(vapply(table$image_id, function(id) any(grepl(id, texts, fixed = TRUE)), logical(1))))
  many <- nine_findings()$errors
  dots <- ggplot2::autoplot(many)
  expect_identical(nrow(ggplot2::ggplot_build(dots)$data[[2]]), nrow(many))
  expect_no_match_all(texts_of(dots), "png")
  bare <- table[!names(table) %in% c("sex", "age", "view", "site")]
  expect_figure(ggplot2::autoplot(as_subclass("placa_errors", tibble::as_tibble(bare))))
})

test_that("abstention shows deferred images or measured errors, by group if given", {
  table <- evaluation$abstention
  plot <- ggplot2::autoplot(table)
  expect_equal(layer_of(plot, "GeomPoint")$y, table$deferred)
  expect_equal(layer_of(plot, "GeomLinerange")$ymin, table$deferred_lower)
  error <- ggplot2::autoplot(table, show = "error")
  expect_figure(error)
  expect_setequal(layer_of(error, "GeomPoint")$y, 1 - c(table$coverage_positive, table$coverage_negative))
  by_view <- abstain(example_predictions(), by = "view", draws = 100)
  grouped <- ggplot2::autoplot(by_view)
  expect_figure(grouped)
  expect_true(all(c(words$all_images, "View: AP", "View: PA") %in% texts_of(grouped)))
})

test_that("a table without data is an error", {
  for (name in c("roc_bands", "pr_bands", "calibration_curve", "decision_curve", "predictive_values", "subgroups",
                 "errors", "abstention")) {
    expect_error(ggplot2::autoplot(evaluation[[name]][0, ]), class = "placa_error_plot")
    lacking <- evaluation
    lacking[[name]] <- NULL
    type <- c(roc_bands = "roc", calibration_curve = "recalibration", decision_curve = "decision", pr_bands = "pr")
    type <- if (name %in% names(type)) type[[name]] else name
    if (type != "roc") expect_error(ggplot2::autoplot(lacking, type), class = "placa_error_plot")
  }
  small <- evaluation$subgroups
  small[c("estimate", "rest")] <- NA_real_
  expect_error(ggplot2::autoplot(small), class = "placa_error_plot")
  expect_error(ggplot2::autoplot(evaluation, "pie"), "pie", class = "rlang_error")
  expect_error(ggplot2::autoplot(evaluation, "pr", labels = "fr"), class = "placa_error_labels")
})

test_that("a finding with missing bounds has a curve without a band", {
  for (name in c("roc_bands", "pr_bands", "calibration_curve")) {
    table <- evaluation[[name]]
    table[table$finding == "Effusion", c("lower", "upper")] <- NA_real_
    expect_figure(ggplot2::autoplot(table))
    evaluation[[name]] <- table
  }
  benefit <- evaluation$decision_curve
  benefit[benefit$finding == "Effusion", c("net_benefit_lower", "net_benefit_upper")] <- NA_real_
  expect_figure(ggplot2::autoplot(benefit))
  for (type in c("roc", "pr", "calibration")) expect_figure(ggplot2::autoplot(evaluation, type))
})

test_that("figures of an evaluation have sizes, and figures without data are omitted", {
  figures <- evaluation_figures(evaluation, plot_labels("es"))
  expect_named(figures, c("roc", "pr", "calibration", "decision_curve", "subgroups", "abstention"))
  for (figure in figures) {
    expect_figure(figure$plot)
    expect_true(all(c(figure$width, figure$height) > 3 & c(figure$width, figure$height) < 16))
  }
  one_class <- example_predictions()
  one_class <- one_class[one_class$split == "test" & one_class$truth == 0, ]
  lone <- suppressWarnings(evaluate(one_class, example_thresholds(), draws = 100))
  expect_named(evaluation_figures(lone), c("calibration", "decision_curve"))
  few <- example_predictions(patients = 20)
  few <- suppressWarnings(evaluate(few[few$split == "test", ], example_thresholds(), draws = 100))
  for (figure in evaluation_figures(few)) expect_silent(texts_of(figure$plot))
})

test_that("each table of estimates has a figure with its values, in both languages", {
  readers <- example_readers()
  tables <- list(
    evaluation$discrimination, evaluation$calibration_measures, reader_agreement(readers),
    choose_thresholds(example_predictions(), draws = 100),
    compare_modalities(example_readers(3, modalities = c("alone", "with model")), example_predictions()),
    pool_validations(data.frame(
      finding = "Effusion", auroc = c(0.8, 0.9), auroc_lower = c(0.7, 0.8), auroc_upper = c(0.85, 0.95),
      confidence = 0.95
    ))
  )
  for (table in tables) expect_figure(ggplot2::autoplot(table, labels = "es"))
  drawn <- layer_of(ggplot2::autoplot(evaluation$discrimination), "GeomLinerange")
  expect_setequal(drawn$xmin, evaluation$discrimination$auroc_lower)
  points <- evaluation$operating_points
  drawn <- layer_of(ggplot2::autoplot(points, metric = "kappa"), "GeomPoint")
  expect_setequal(drawn$x, points$estimate[points$metric == "kappa"])
  expect_error(ggplot2::autoplot(points, metric = "ppp"), class = "placa_error_plot")
  slopes <- ggplot2::autoplot(evaluation$calibration_measures, metric = "slope")
  expect_identical(unique(layer_of(slopes, "GeomVline")$xintercept), 1)
  # A table without a column of the figure is a plain table.
  expect_s3_class(points["finding"], c("tbl_df", "tbl", "data.frame"), exact = TRUE)
})

test_that("bins, ROC points, components of variance and plans have a figure with their values", {
  bins <- calibration_bins(example_predictions(), bins = 3)
  shown <- layer_of(ggplot2::autoplot(bins), "GeomPoint")
  expect_setequal(shown$y, bins$observed)
  points <- roc_points(example_predictions())
  shown <- layer_of(ggplot2::autoplot(points), "GeomPath")
  expect_true(all(shown$y %in% points$sensitivity))
  compared <- compare_modalities(example_readers(3, modalities = c("alone", "with model")), example_predictions())
  components <- variance_components(compared)
  shown <- layer_of(ggplot2::autoplot(components), "GeomPoint")
  expect_setequal(shown$x, unlist(components[c("var", "cov1", "cov2", "cov3", "var_reader", "var_modality_reader",
                                               "ms_reader")]))
  plan <- plan_validation(0.85, 0.1)
  expect_setequal(layer_of(ggplot2::autoplot(plan), "GeomPoint")$x, plan$images_needed)
  power <- plan_readers(compared, 0.05, readers = c(3, 6), cases = c(100, 400))
  expect_setequal(layer_of(ggplot2::autoplot(power), "GeomPoint")$x, power$power)
  for (table in list(bins, points, components, plan, power)) expect_figure(ggplot2::autoplot(table, labels = "es"))
})
