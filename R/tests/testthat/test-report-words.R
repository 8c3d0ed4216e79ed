test_that("numbers have the format of the language", {
  on.exit(rm(list = ls(the_report), envir = the_report))
  set_language("es")
  expect_identical(num(c(1234.5, -0.04, -1.26, NA, Inf), 1), c("1\u00a0234,5", "0,0", "\u22121,3", "\u2013", "\u221e"))
  expect_identical(pct(0.123), "12,3\u00a0%")
  expect_identical(finding(c("Effusion", "A_new one")), c("derrame pleural", "A new one"))
  set_language("en")
  expect_identical(num(c(1234.56, 0.5), c(0, 2)), c("1,235", "0.50"))
  expect_identical(num(numeric()), character())
})

test_that("numbers in figures have no thousands separator, and ticks have a minus sign", {
  expect_identical(format_number(c(1234.56, -0.001, NA), 2), c("1234.56", "0.00", "\u2013"))
  expect_identical(format_ticks(c(-0.25, 0.5), ","), c("-0,25", "0,50"))
})

test_that("both languages have the same keys", {
  expect_identical(languages(), c("en", "es"))
  expect_setequal(names(read_strings("en")), names(read_strings("es")))
  expect_error(read_strings("fr"), class = "placa_error_language")
})

test_that("unknown sections and runs are errors", {
  expect_error(report_section("poster"), "poster", class = "rlang_error")
  expect_error(report_setup(list(run = tempdir(), language = "en")), class = "placa_error_run")
})

test_that("a name in a text is not replaced again, and a figure shows it as it is", {
  on.exit(rm(list = ls(the_report), envir = the_report))
  set_language("en")
  the_report$strings[["test.key"]] <- "{one} and {two}"
  expect_identical(s("test.key", one = c("{two}", NA), two = "x"), c("{two} and x", NA))
  expect_identical(s("test.key", one = character(), two = "x"), character())
  names <- c("<b id=\"x\">", "a|b", "![](x.png)", "{{< meta x >}}", "$x$ @y ^2^ ~z~ *a* _b_ `c`",
             "x -- y... 1. z", "\\|")
  expect_identical(plain(escape_markdown(names)), names)
  expect_identical(escape_markdown(c("COVID-19 0.1.0", NA, "a\n b", "a\033")),
                   c("COVID-19 0.1.0", NA, "a b", "a\\\\u001b"))
  expect_identical(attribute("title", "a \\\"b\\\" \"c\""), "title=\"a \\\"b\\\" \u201dc\u201d\"")
})
