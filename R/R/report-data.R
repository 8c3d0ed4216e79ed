# The data section: source, splits, table 1.

write_data <- function(run, facts) {
  data <- run$info$data
  # Counts of zero are omitted.
  counted <- function(key) {
    if (isTRUE(data[[key]] > 0)) do.call(s, c(paste0("data.", key), stats::setNames(list(num(data[[key]])), key)))
  }
  split <- split_text(run)
  counts <- c(counted("found"), counted("rejected"), counted("missing"), counted("unused"))
  write_markdown(paste(c(counts, split), collapse = " "))
  write_comparison(data)
  if (length(data$image_size)) say("data.pixels", size = num(data$image_size))
  write_flow(run, facts)
  if (is.null(run$predictions)) return(say("data.predictions_missing"))
  columns <- lapply(splits_of(run), describe_split, predictions = run$predictions)
  table <- data.frame(names(columns[[1]]), do.call(cbind, lapply(columns, unname)))
  heads <- if (is.null(run$info$folds)) capitalise(word("split", splits)) else s("data.column_all")
  write_table_block("data", stats::setNames(table, c(s("data.column_what"), heads)), s("data.table_caption"))
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
  s(paste0("method_of_split.", paste(c(split$given$by, split$unit), collapse = "_")), seed = split$seed)
}

# One column of table 1, a named vector. Variables without values in any split are omitted.
describe_split <- function(split, predictions) {
  long <- predictions[predictions$split %in% split, ]
  images <- long[!duplicated(long$image_id), ]
  known <- function(column) sort(unique(stats::na.omit(predictions[[column]])))
  shares <- function(column) {
    values <- known(column)
    if (!length(values)) return(NULL)
    n <- vapply(values, function(value) sum(images[[column]] == value, na.rm = TRUE), 1)
    label <- s(paste0("data.row.", column), value = word(column, values))
    stats::setNames(count_share(n, sum(!is.na(images[[column]]))), label)
  }
  findings <- unique(predictions$finding)
  truth <- lapply(findings, function(name) stats::na.omit(long$truth[long$finding == name]))
  positives <- count_share(vapply(truth, sum, 1), lengths(truth))
  age <- num(stats::quantile(images$age, c(0.5, 0.25, 0.75), na.rm = TRUE, names = FALSE))
  row <- function(key, text) stats::setNames(text, s(paste0("data.row.", key)))
  c(
    row("images", num(nrow(images))),
    if (length(known("patient_id"))) row("patients", num(length(unique(images$patient_id)))),
    stats::setNames(positives, s("data.row.positives", finding = finding(findings))),
    if (length(known("age"))) row("age", s("data.age_value", median = age[[1]], lower = age[[2]], upper = age[[3]])),
    shares("sex"),
    shares("view")
  )
}
