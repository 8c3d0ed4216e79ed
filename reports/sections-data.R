# The sections on the data and on single images.

# --- the data -------------------------------------------------------------------------------------------------

write_data <- function(run) {
  data <- run$info$data
  splits <- c("train", "validation", "test")
  # Nothing is said of what did not happen: no image rejected, none missing.
  counted <- function(key) {
    if (isTRUE(data[[key]] > 0)) do.call(s, c(paste0("data.", key), stats::setNames(list(num(data[[key]])), key)))
  }
  split <- s("data.split", kept = num(sum(unlist(data$images[splits]))), method = split_method_text(data$split_method),
             labels = label_source_text(data))
  write_markdown(paste(c(counted("found"), counted("rejected"), counted("missing"), counted("unused"), split), collapse = " "))
  write_comparison(data)
  if (is.null(run$predictions)) return(say("data.predictions_missing"))
  columns <- lapply(splits, describe_split, predictions = run$predictions)
  table <- data.frame(names(columns[[1]]), do.call(cbind, lapply(columns, unname)))
  write_table("data", stats::setNames(table, c(" ", capitalise(word("split", splits)))), s("data.table_caption"))
}

# What is told from what; NIH's "rest" is a comparison of its own in every finding.
write_comparison <- function(data) {
  if (!length(data$comparison)) return(invisible())
  rest <- if (data$comparison == "the rest") "_rest"
  n <- length(data$findings)
  if (n > 1) {
    return(say(paste0("data.compared_many", rest), n = num(n), comparison = finding(data$comparison)))
  }
  if (!length(data$positive)) return(invisible())
  alone <- sub(" only$", "", data$positive)
  positive <- if (alone != data$positive) s("data.only", finding = finding(alone)) else finding(alone)
  say(paste0("data.compared", rest), positive = positive, comparison = finding(data$comparison))
}

label_source_text <- function(data) {
  if (identical(data$kind, "phantom")) return(s("data.labels_phantom"))
  escape_markdown(data$label_source %||% s("number.none"))
}

# run.json says in English how the images were split; here that is told apart, to be said in the report's language.
split_method_text <- function(method) {
  if (!length(method)) return(s("number.none"))
  whole <- if (grepl("patient-wise", method)) "patient" else if (grepl("by group", method)) "group"
  given <- c(official = "official (test )?list", list = "^given test list",
             column = "^(given by|the column|split column)")
  given <- names(given)[vapply(given, grepl, NA, x = method)]
  key <- paste0("method_of_split.", paste(c(given, whole), collapse = "_"))
  if (!has_string(key)) return(escape_markdown(method))
  s(key, seed = sub(".*seed ([0-9]+).*", "\\1", method))
}

# One column of Table 1, named by its rows. What no image of any split has known is left out.
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

# --- single images ----------------------------------------------------------------------------------------------

# Which images of the evaluated split to show: some drawn by lot with the run's own seed, and those it got most wrong.
choose_samples <- function(run, drawn = 4, wrong = 8) {
  facts <- headline_facts(run)
  if (is.null(run$predictions)) return(list(image = list(), rows = NULL, facts = facts))
  known <- run$predictions$split %in% facts$split & !is.na(run$predictions$truth)
  test <- run$predictions[known & run$predictions$finding == facts$primary, ]
  threshold <- default_threshold(run, facts$primary)
  missed <- test[test$truth == 1 & test$probability < threshold & !is.na(threshold), ]
  alarms <- test[test$truth == 0 & test$probability >= threshold & !is.na(threshold), ]
  set.seed(as.integer(run$info$training$seed %||% 0), kind = "Mersenne-Twister", sample.kind = "Rejection")
  by_lot <- function(rows) rows[sample.int(nrow(rows), min(drawn, nrow(rows))), ]
  first <- function(rows, order) rows[order(order), ][seq_len(min(wrong, nrow(rows))), ]
  groups <- list(
    drawn = rbind(by_lot(test[test$truth == 1, ]), by_lot(test[test$truth == 0, ])),
    missed = first(missed, missed$probability),
    alarms = first(alarms, -alarms$probability)
  )
  rows <- do.call(rbind, groups)
  rows$role <- rep(names(groups), vapply(groups, nrow, 1L))
  list(image = as.list(rows$image_id), rows = rows, facts = facts)
}

default_threshold <- function(run, name) {
  stored <- run$thresholds$findings[[name]]
  stored$points[[stored$default %||% ""]] %||% NA_real_
}

# The films of one role, with what is written under each and what it is described as.
films_of <- function(samples, files, role) {
  facts <- samples$facts
  rows <- samples$rows
  rows$file <- as.character(unlist(files))
  rows <- rows[rows$role == role & nzchar(rows$file), ]
  label <- ifelse(rows$truth == 1, facts$positive, facts$comparison)
  probability <- num(rows$probability, 2)
  data.frame(
    file = rows$file,
    label = capitalise(label),
    class = ifelse(rows$truth == 1, "positive", "negative"),
    value = probability,
    alt = s("data.film_alt", image = rows$image_id, label = label, finding = facts$positive, probability = probability)
  )
}

films_there <- function(files) any(nzchar(unlist(files)))

write_samples <- function(samples, files) {
  if (!films_there(files)) return(say("data.samples_missing"))
  say("data.samples")
  caption <- s("data.samples_caption", finding = samples$facts$positive)
  write_gallery("samples", films_of(samples, files, "drawn"), caption)
}

write_errors <- function(samples, files) {
  if (is.null(samples$rows)) return(say("data.predictions_missing"))
  name <- samples$facts$positive
  there <- films_there(files)
  if (!there) say("data.samples_missing")
  for (role in c("missed", "alarms")) {
    if (!any(samples$rows$role == role)) {
      say(paste0("errors.none_", role), finding = name)
    } else if (there) {
      say(paste0("errors.see_", role), finding = name)
      write_gallery(role, films_of(samples, files, role), s(paste0("errors.", role, "_caption"), finding = name))
    }
  }
  if (there) say("errors.look")
}
