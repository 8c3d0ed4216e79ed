# The templates of errors and warnings in the language of messages; a template without a translation is unchanged.
translate_templates <- function(message, language = message_language()) {
  file <- system.file("messages", paste0(language, ".json"), package = "placa")
  if (!nzchar(file)) return(message)
  if (is.null(message_templates[[language]])) message_templates[[language]] <- jsonlite::read_json(file)
  found <- match(gsub("[[:space:]]+", " ", message), names(message_templates[[language]]))
  message[!is.na(found)] <- unlist(message_templates[[language]][found[!is.na(found)]])
  message
}

message_templates <- new.env(parent = emptyenv())

# The language of errors and warnings: of the option `placa.language`, of PLACA_LANG or of the locale, as in Python.
message_language <- function() {
  stated <- c(getOption("placa.language"), Sys.getenv(c("PLACA_LANG", "LC_ALL", "LC_MESSAGES", "LANG")))
  tolower(sub("[-_.@].*", "", c(stated[nzchar(stated)], "en")[[1]]))
}
