# Print the line coverage of each R file of the evaluation by its tests. The report, figures and Python are left out.
others <- "^(report-|plot|autoplot|labels|predict|load-model|python|explain)"
tests <- sub("^test-(.*)[.]R$", "\\1", list.files("R/tests/testthat", "^test-.*[.]R$"))
filter <- paste0("^(", paste(tests[!grepl(others, tests)], collapse = "|"), ")$")
run <- sprintf(
  'testthat::test_dir("%s", filter = "%s", package = "placa", load_package = "installed", reporter = "summary")',
  normalizePath("R/tests/testthat"), filter
)
covered <- covr::package_coverage("R", type = "none", code = run)
by_file <- covr::coverage_to_list(covered)$filecoverage
by_file <- by_file[!grepl(others, basename(names(by_file)))]
cat(sprintf("%5.1f %%  %s", by_file, names(by_file)), sep = "\n")
