# The report's sections: each writes its markdown from the run, or a sentence where a piece of the run is missing.

# --- 1. the first screen ----------------------------------------------------------------------------------

headline_facts <- function(run) {
  data <- run$info$data
  found <- run$evaluation$discrimination
  findings <- data$findings %||% unique(found$finding)
  primary <- intersect(as.character(data$positive), findings)
  if (length(primary) != 1) primary <- findings[[which.max(found$n_positive[match(findings, found$finding)] %||% 1)]]
  comparison <- if (length(findings) == 1) data$comparison
  list(
    findings = findings,
    primary = primary,
    positive = finding(primary),
    comparison = if (length(comparison)) finding(comparison) else s("errors.without", finding = finding(primary)),
    many = length(findings) > 1,
    split = if (length(found)) found$split[[1]] else "test",
    kind = word("kind", if (has_string(paste0("kind.", data$kind))) data$kind else "other"),
    images = if (length(found)) max(found$n_images) else data$images$test,
    patients = if (length(found) && !anyNA(found$n_patients)) max(found$n_patients)
  )
}

# What filter.lua needs for the page itself: title, language, and the words that number figures and tables.
write_page_facts <- function(run, facts, lang) {
  cat("\n\n::: {.page-facts lang=\"", lang, "\" title=\"", page_title(facts), "\" figure=\"", s("crossref.figure"),
      "\" table=\"", s("crossref.table"), "\" contents=\"", s("page.contents"), "\" skip=\"", s("page.skip"),
      "\"}\n:::\n\n", sep = "")
}

page_title <- function(facts) {
  if (facts$many) return(s("page.title_many", n = num(length(facts$findings))))
  s("page.title_one", positive = capitalise(facts$positive), comparison = facts$comparison)
}

write_headline <- function(run, facts) {
  if (nzchar(Sys.getenv("PLACA_WITHOUT_QUARTO"))) cat("\n\n::: {.renderer}\n", s("page.without_quarto"), "\n:::\n\n")
  cat("\n\n::: {.hero}\n\n[", s("page.eyebrow"), "]{.eyebrow}\n\n# ", page_title(facts), " {#title .unnumbered .unlisted}\n\n", sep = "")
  found <- run$evaluation$discrimination
  if (is.null(found)) {
    cat("[", s("page.subtitle_none"), "]{.subtitle}\n\n:::\n\n", s("headline.missing"), "\n\n", sep = "")
  } else {
    cat("[", s(subtitle_key(facts), images = num(facts$images), kind = facts$kind, patients = num(facts$patients %||% NA)),
        "]{.subtitle}\n\n", sep = "")
    write_headline_card(found, facts)
    cat("\n\n:::\n\n")
  }
  if (!is.null(found) && facts$split != "test") {
    cat("\n\n::: {.notice .bad}\n", s("headline.not_test", split = word("split", facts$split)), "\n:::\n\n", sep = "")
  }
  write_verdict(run)
  phantom <- identical(run$info$data$kind, "phantom")
  cat("\n\n::: {.notice .use}\n", s(if (phantom) "headline.use_phantom" else "headline.use"), "\n:::\n\n", sep = "")
}

subtitle_key <- function(facts) if (is.null(facts$patients)) "page.subtitle_images" else "page.subtitle"

write_headline_card <- function(found, facts) {
  confidence <- pct(found$confidence[[1]], 0)
  range <- range_text(found$auroc_lower, found$auroc_upper)
  first <- match(facts$primary, found$finding)
  cat("\n\n:::: {.card}\n\n::::: {.card-figure}\n\n")
  if (facts$many) {
    cat("[", num(mean(found$auroc, na.rm = TRUE), 3), "]{.big}\n\n", s("headline.auroc_many", n = num(nrow(found))), "\n\n", sep = "")
  } else {
    cat("[", num(found$auroc, 3), "]{.big}\n\n", s("headline.auroc_one"), "\\\n",
        s("headline.interval", confidence = confidence, range = range), "\n\n", sep = "")
  }
  cat(":::::\n\n::::: {.card-plot}\n\n")
  values <- mapply(function(f, a, r) s("headline.figure_alt_value", finding = f, auroc = a, range = r),
                   capitalise(finding(found$finding)), num(found$auroc, 3), range)
  file <- save_svg(headline_plot(found), "headline", if (facts$many) 5.4 else 4, 0.5 + 0.26 * nrow(found))
  cat("![", escape_markdown(s("headline.figure_alt", values = paste(values, collapse = "; "))), "](", file, ")\\ \n\n",
      "[", s(if (facts$many) "headline.figure_caption_many" else "headline.figure_caption"), "]{.small}\n\n", sep = "")
  cat(":::::\n\n::::: {.card-facts}\n\n")
  chips <- c(s("headline.images", n = num(facts$images)),
             if (!is.null(facts$patients)) s("headline.patients", n = num(facts$patients)),
             s("headline.positive", n = count_share(found$n_positive[[first]], found$n_images[[first]]), finding = facts$positive))
  cat(paste0("[", chips, "]{.chip}", collapse = "\n"), "\n\n:::::\n\n", sep = "")
  if (!is.na(found$auroc[[first]])) {
    cat("[", s("headline.in_words", positive = facts$positive, comparison = facts$comparison,
               n = num(100 * found$auroc[[first]])), "]{.in-words}\n\n", sep = "")
  }
  cat("::::\n\n")
}

# The audit's verdict. Patients that nobody knows cannot have been kept apart, and the verdict must not say they were.
write_verdict <- function(run) {
  audit <- run$info$data$audit
  across <- max(audit$patients_across_splits %||% NA, audit$groups_across_splits %||% 0)
  unknown <- !is.null(run$predictions) && all(is.na(run$predictions$patient_id))
  verdict <- if (is.na(across)) c("none", "warn") else if (across > 0) c("bad", "bad") else if (unknown) c("groups", "warn") else c("good", "good")
  cat("\n\n::: {.notice .verdict .", verdict[[2]], "}\n", s(paste0("headline.verdict_", verdict[[1]]), n = num(across)),
      "\n:::\n\n", sep = "")
}

# --- 2. the data ------------------------------------------------------------------------------------------

write_data <- function(run) {
  data <- run$info$data
  splits <- c("train", "validation", "test")
  kept <- sum(unlist(data$images[splits]))
  counted <- function(key) if (isTRUE(data[[key]] > 0)) do.call(s, c(paste0("data.", key), stats::setNames(list(num(data[[key]])), key)))
  write_markdown(paste(c(
    counted("found"), counted("rejected"), counted("missing"),
    s("data.split", kept = num(kept), method = split_method_text(data$split_method),
      labels = escape_markdown(data$label_source %||% s("number.none")))
  ), collapse = " "))
  if (length(data$positive) == 1 && length(data$comparison) == 1) {
    say("data.compared", positive = finding(data$positive), comparison = finding(data$comparison))
  }
  if (is.null(run$predictions)) return(say("data.predictions_missing"))
  write_table("data", data_table(run, splits), s("data.table_caption"))
}

# run.json says in English how the images were split; what it says is told apart here, to be said in the report's language.
split_method_text <- function(method) {
  if (!length(method)) return(s("number.none"))
  unit <- if (grepl("patient-wise", method)) "patient" else if (grepl("by group", method)) "group"
  if (is.null(unit)) return(escape_markdown(method))
  official <- if (startsWith(method, "official")) "official_"
  s(paste0("method_of_split.", official, unit), seed = sub(".*seed ([0-9]+).*", "\\1", method))
}

# Table 1: one row a property, one column a split. An image of several findings counts once.
data_table <- function(run, splits) {
  predictions <- run$predictions
  columns <- lapply(splits, function(split) {
    long <- predictions[predictions$split %in% split, ]
    images <- long[!duplicated(long$image_id), ]
    share_of <- function(column, value) count_share(sum(images[[column]] == value, na.rm = TRUE), sum(!is.na(images[[column]])))
    positives <- vapply(unique(predictions$finding), function(f) {
      truth <- long$truth[long$finding == f]
      count_share(sum(truth, na.rm = TRUE), sum(!is.na(truth)))
    }, "")
    age <- stats::quantile(images$age, c(0.5, 0.25, 0.75), na.rm = TRUE, names = FALSE)
    known <- function(column) if (all(is.na(predictions[[column]]))) character() else sort(unique(stats::na.omit(predictions[[column]])))
    c(
      stats::setNames(num(nrow(images)), s("data.row.images")),
      if (!all(is.na(predictions$patient_id))) stats::setNames(num(length(unique(images$patient_id))), s("data.row.patients")),
      stats::setNames(positives, vapply(finding(names(positives)), function(f) s("data.row.positives", finding = f), "")),
      if (!all(is.na(predictions$age))) stats::setNames(s("data.age_value", median = num(age[[1]]), lower = num(age[[2]]), upper = num(age[[3]])), s("data.row.age")),
      stats::setNames(vapply(known("sex"), share_of, "", column = "sex"), vapply(word("sex", known("sex")), function(v) s("data.row.sex", value = v), "")),
      stats::setNames(vapply(known("view"), share_of, "", column = "view"), vapply(word("view", known("view")), function(v) s("data.row.view", value = v), ""))
    )
  })
  table <- data.frame(names(columns[[1]]), do.call(cbind, lapply(columns, unname)), check.names = FALSE)
  stats::setNames(table, c(" ", capitalise(word("split", splits))))
}

# --- images -----------------------------------------------------------------------------------------------

default_threshold <- function(run, name) {
  stored <- run$thresholds$findings[[name]]
  value <- stored$points[[stored$default %||% ""]]
  if (is.null(value)) NA_real_ else value
}

# Which test images to show: a few drawn by lot with the run's own seed, and those that the model got most wrong.
choose_samples <- function(run, drawn = 4, wrong = 8) {
  facts <- headline_facts(run)
  test <- run$predictions[run$predictions$split %in% facts$split & run$predictions$finding == facts$primary & !is.na(run$predictions$truth), ]
  if (is.null(run$predictions) || !nrow(test)) return(list(image = list(), rows = NULL, facts = facts))
  set.seed(as.integer(run$info$training$seed %||% 0), kind = "Mersenne-Twister", sample.kind = "Rejection")
  some <- function(rows) rows[sample.int(nrow(rows), min(drawn, nrow(rows))), ]
  threshold <- default_threshold(run, facts$primary)
  missed <- test[test$truth == 1 & test$probability < threshold & !is.na(threshold), ]
  alarms <- test[test$truth == 0 & test$probability >= threshold & !is.na(threshold), ]
  first <- function(rows, by) rows[order(by), ][seq_len(min(wrong, nrow(rows))), ]
  groups <- list(drawn = rbind(some(test[test$truth == 1, ]), some(test[test$truth == 0, ])),
                 missed = first(missed, missed$probability), alarms = first(alarms, -alarms$probability))
  rows <- do.call(rbind, Map(function(group, role) cbind(group, role = rep(role, nrow(group))), groups, names(groups)))
  list(image = as.list(rows$image_id), rows = rows, facts = facts)
}

films_of <- function(samples, files, role) {
  rows <- samples$rows
  rows$file <- as.character(unlist(files))
  rows <- rows[rows$role == role & nzchar(rows$file), ]
  label <- ifelse(rows$truth == 1, samples$facts$positive, samples$facts$comparison)
  data.frame(
    file = rows$file,
    label = capitalise(label),
    class = ifelse(rows$truth == 1, "positive", "negative"),
    value = num(rows$probability, 2),
    alt = s_each("data.film_alt", image = rows$image_id, label = label, finding = rep(samples$facts$positive, nrow(rows)),
                 probability = num(rows$probability, 2))
  )
}

s_each <- function(key, ...) as.character(unlist(mapply(function(...) s(key, ...), ..., USE.NAMES = FALSE)))

films_there <- function(samples, files) length(samples$image) > 0 && any(nzchar(unlist(files)))

write_samples <- function(run, samples, files) {
  if (!films_there(samples, files)) return(say("data.samples_missing"))
  say("data.samples")
  write_gallery("samples", films_of(samples, files, "drawn"), s("data.samples_caption", finding = samples$facts$positive))
}

write_errors <- function(run, samples, files) {
  name <- samples$facts$positive
  if (is.null(samples$rows)) return(say("data.predictions_missing"))
  there <- films_there(samples, files)
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
