# The data section: source, splits, table 1.

write_data <- function(run, facts) {
  data <- run$info$data
  # Counts of zero are omitted.
  counted <- function(key) {
    if (isTRUE(data[[key]] > 0)) do.call(s, c(paste0("data.", key), stats::setNames(list(num(data[[key]])), key)))
  }
  split <- split_text(run)
  # The rows of a table are counted as in the figure of the flow.
  began <- if (length(data$rows)) counted("rows") else counted("found")
  counts <- c(began, counted("missing"), counted("unused"), counted("rejected"))
  write_markdown(paste(c(counts, split), collapse = " "))
  write_comparison(data)
  write_label_facts(data)
  if (length(data$image_size) && !length(run$info$embeddings)) say("data.pixels", size = num(data$image_size))
  write_flow(run, facts)
  if (is.null(run$predictions)) return(say("data.predictions_missing"))
  parts <- lapply(splits_of(run), function(split) run$predictions[run$predictions$split %in% split, ])
  heads <- if (is.null(run$info$folds)) capitalise(word("split", splits)) else s("data.column_all")
  write_table_block("data", describe_columns(parts, heads), s("data.table_caption"))
  write_prevalence(run, facts)
}

# The split method; with folds, every image was predicted by a network that was not trained on it.
split_text <- function(run) {
  data <- run$info$data
  kept <- num(sum(unlist(data$images[splits_of(run)])))
  folds <- run$info$folds$count
  if (length(folds)) return(s("data.split_folds", kept = kept, folds = num(folds), labels = label_source_text(data)))
  s("data.split", kept = kept, method = split_method_text(data$split), labels = label_source_text(data))
}

# The compared classes; the rest of the images differs between findings.
write_comparison <- function(data) {
  kind <- data$comparison$kind
  suffix <- if (kind != "classes") paste0("_", kind)
  many <- length(data$findings) > 1
  positive <- if (!many) finding(data$findings)
  if (isTRUE(data$positive_alone) && !many) positive <- s("data.only", finding = positive)
  say(paste0("data.compared", if (many) "_many", suffix), n = num(length(data$findings)),
      positive = positive %||% "", comparison = comparison_text(data$comparison))
}

# What uncertain and blank labels mean, and what is known about the labels of the source.
write_label_facts <- function(data) {
  policy <- data$label_policy
  keys <- c(
    if (!is.null(policy$uncertain)) paste0("data.uncertain_", policy$uncertain),
    if (!is.null(policy$blank)) paste0("data.blank_", policy$blank),
    # Notes are a data frame; without any they are an empty list.
    if (NROW(data$notes)) paste0("data.note_", data$notes$code)
  )
  sentences <- vapply(Filter(has_string, keys), s, "")
  if (length(sentences)) write_markdown(paste(sentences, collapse = " "))
}

# What a finding is compared with, as a part of a sentence.
comparison_text <- function(comparison) {
  if (comparison$kind != "classes") return(s(paste0("compared_with.", comparison$kind)))
  paste(finding(comparison$classes), collapse = s("compared_with.or"))
}

# The origin of labels: a code with a text, or the name of a table or data set.
label_source_text <- function(data) {
  key <- paste0("data.labels_", data$label_source)
  if (has_string(key)) s(key) else escape_markdown(data$label_source)
}

# How images were split, from the codes in run.json.
split_method_text <- function(split) {
  method <- c(if (isTRUE(split$temporal)) "temporal", split$given$by, split$unit) %||% "all_test"
  s(paste0("method_of_split.", paste(method, collapse = "_")), seed = split$seed)
}
