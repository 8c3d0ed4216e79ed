run_with_card <- function(lines, language, frame = parent.frame()) {
  folder <- tempfile("card-")
  dir.create(folder)
  remove_later(folder, frame)
  file <- if (language == "en") "model_card.md" else paste0("model_card.", language, ".md")
  write_text(lines, file.path(folder, file))
  list(path = folder, info = list(name = "my_run"))
}

test_that("the page is the card without its header", {
  on.exit(rm(list = ls(the_report), envir = the_report))
  set_language("es")
  run <- run_with_card(c("---", "tags:", "- '---'", "---", "", "# ejecuci\u00f3n", "", "Red.", "", "## Datos", "",
                         "| a |", "| --- |", "| 0,5 |", "", "Fin."), "es")
  text <- capture.output(write_card(run))
  expect_false(any(grepl("tags", text, fixed = TRUE)))
  expect_true("# ejecuci\u00f3n {#title .unnumbered .unlisted}" %in% text)
  table <- "::: {.table-scroll tabindex=0}\n\n| a |\n| --- |\n| 0,5 |\n\n:::"
  expect_match(paste(text, collapse = "\n"), table, fixed = TRUE)
  head <- text[seq_len(which(text == "## Datos"))]
  expect_true(all(c("::: {.hero}", "Red.") %in% head))
  expect_false("Fin." %in% head)
})

test_that("a run without a card in the language says what writes it", {
  on.exit(rm(list = ls(the_report), envir = the_report))
  set_language("es")
  run <- run_with_card("# a run", "en")
  text <- capture.output(write_card(run))
  expect_true(s("card.missing") %in% text)
  expect_match(s("card.missing"), "placa evaluate", fixed = TRUE)
  expect_true("# my\\_run {#title .unnumbered .unlisted}" %in% text)
  set_language("en")
  expect_false(s("card.missing") %in% capture.output(write_card(run)))
})
