# The texts of the figures in one language for plot_labels(), from the same file as those of the report.

# Dashes and minus signs are hyphens, because the fonts of pdf() have no others and it prints dots.
labels_of <- function(language) {
  words <- read_words(language)
  plain <- function(text) gsub("\u2212", "-", gsub("\u2013", "-", text, fixed = TRUE), fixed = TRUE)
  of_figures <- c("figure", "metric")
  words[of_figures] <- rapply(words[of_figures], plain, "character", how = "list")
  labels <- lapply(words$figure, unlist)
  labels$decimal_mark <- words$number$decimal
  labels$percent_sign <- sub("{n}", "", words$number$percent, fixed = TRUE)
  measures <- lapply(c(words$calibration$measure, words$readers$coefficient), capitalise)
  labels$metrics <- unlist(utils::modifyList(utils::modifyList(measures, words$metric), words$figure$metrics))
  labels$columns <- unlist(words$column)
  labels$stages <- capitalise(unlist(words$stage))
  findings <- capitalise(unlist(words$finding))
  # Names of findings are English already, except for underscores.
  labels$findings <- if (language == "en") findings[grepl("_", names(findings), fixed = TRUE)] else findings
  labels
}

# All texts of the package in one language, as nested lists.
read_words <- function(language, folder = words_folder()) {
  lines <- readLines(file.path(folder, paste0(language, ".yml")), encoding = "UTF-8", warn = FALSE)
  yaml::yaml.load(paste(lines, collapse = "\n"))
}

languages <- function(folder = words_folder()) sub("[.]yml$", "", list.files(folder, "[.]yml$"))

words_folder <- function() system.file("words", package = "placa")

# Changes the first letter of each text to upper case and keeps the names.
capitalise <- function(x) stats::setNames(paste0(toupper(substr(x, 1, 1)), substring(x, 2)), names(x))
