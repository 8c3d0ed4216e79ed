# Errors and warnings in Spanish.
spanish <- jsonlite::read_json(system.file("messages", "es.json", package = "placa"))

# The texts in the calls of abort() and warn() of an expression, without those of other arguments.
texts_of <- function(expression) {
  strings <- function(x) if (is.character(x)) x else if (is.call(x)) unlist(lapply(as.list(x)[-1], strings))
  if (!is.call(expression)) return(NULL)
  arguments <- as.list(expression)
  own <- if (grepl("^(abort|warn)", as.character(arguments[[1]])[[1]])) {
    named <- if (is.null(names(arguments))) "" else names(arguments)
    strings(as.call(c(quote(c), arguments[-1][!named[-1] %in% c("class", "call", ".envir")])))
  }
  of_messages <- c("problem", "advice", "remedy", "reason", "must", "received", "message", "cause", "bullets")
  assigned <- if (identical(arguments[[1]], quote(`<-`)) && as.character(arguments[[2]])[[1]] %in% of_messages) {
    strings(arguments[[3]])
  }
  is_given <- !vapply(arguments, identical, NA, rlang::missing_arg())
  parts <- lapply(arguments[is_given], texts_of)
  unique(c(own, assigned, unlist(parts)))
}

test_that("each message of an error or warning has a Spanish text", {
  functions <- Filter(is.function, mget(ls(asNamespace("placa"), all.names = TRUE), asNamespace("placa")))
  texts <- unlist(lapply(functions, function(one) texts_of(body(one))))
  texts <- unique(gsub("[[:space:]]+", " ", texts[grepl("[a-z]+ [a-z{]|[}] [a-z]", texts)]))
  expect_gt(length(texts), 250)
  expect_identical(setdiff(texts, names(spanish)), character())
  values <- function(text) sort(unique(unlist(regmatches(text, gregexpr("[{][.a-z]+ [{].*?[}]+", text)))))
  for (english in names(spanish)) expect_identical(values(spanish[[english]]), values(english), label = english)
})

test_that("the option and PLACA_LANG choose the language", {
  before <- Sys.getenv("PLACA_LANG")
  kept <- options(placa.language = NULL)
  on.exit({
    Sys.setenv(PLACA_LANG = before)
    options(kept)
  })
  Sys.setenv(PLACA_LANG = "es_ES")
  expect_identical(message_language(), "es")
  Sys.setenv(PLACA_LANG = "en")
  expect_identical(message_language(), "en")
  options(placa.language = "es")
  error <- tryCatch(plan_validation(auroc = 2, prevalence = 0.1), error = identity)
  expect_match(conditionMessage(error), "debe ser un n\u00famero")
  # Plurals follow the number.
  template <- translate_templates("{several} image{?s} {?has/have} several findings.")
  shown <- vapply(1:2, function(several) cli::format_inline(template), "")
  expect_identical(shown, c("1 imagen tiene varios hallazgos.", "2 im\u00e1genes tienen varios hallazgos."))
})
