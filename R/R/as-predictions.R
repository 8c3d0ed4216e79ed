#' Make a table of predictions from a data frame
#'
#' Predictions made anywhere, such as by a model of tidymodels or by a Python
#' program, become the table that all functions of placa use. [evaluate()] does the
#' same with its arguments `truth`, `estimate` and `event_level`.
#'
#' Columns with the names of [read_predictions()] are used as they are; other columns
#' are kept. Several columns in `estimate` are several findings (wide form), with
#' one column of `truth` for all, or one for each, in the same order. The name of a
#' finding is that of the column `finding`, or of its `estimate` without `.pred_`;
#' if this is a level of `truth`, it is the name of the column `truth`.
#'
#' Without `patient_id` and `group_id`, each image is a cluster of its own, so
#' intervals are too narrow if patients have several images. Without `split`, all
#' rows are one set. A message of class `placa_message_defaults` says so.
#'
#' @param data A data frame. One row per image (wide form), or per image and finding.
#' @param truth,estimate Columns with the truth and with the probability (0--1), by
#'   tidy selection: a name, `c(...)`, or a function of tidyselect such as
#'   `starts_with(".pred_")`. The defaults are `truth` and `probability`.
#' @param image_id,patient_id,group_id,finding,split Columns with identifiers, the
#'   finding and the split. The defaults are the columns of these names. Without `image_id`, each
#'   row is an image.
#' @param event_level Which level of a factor or text `truth` is the finding:
#'   `"first"`, `"second"`, or its name. By default the level in the name of
#'   `estimate` (`.pred_yes`); otherwise the meaning of levels such as 0 and 1, no and
#'   yes, negative and positive; otherwise the first level of a factor, as in
#'   yardstick, with a message.
#' @return A tibble with the columns of [read_predictions()], one row per image and
#'   finding.
#'   A patient such as `anonymous` or `desconocido` is unknown, with a warning of class
#'   `placa_warning_patients`.
#' @section Errors:
#' `placa_error_columns` for a missing column, or if `truth` and `estimate` differ in
#' number; `placa_error_truth` if the levels of `truth` are not two, or text has no
#' known meaning; `placa_error_identifiers` for numbers from 2^53 as identifiers;
#' `placa_error_probability` outside 0--1.
#' @seealso [evaluate()], [choose_thresholds()]
#' @export
#' @examples
#' mine <- data.frame(
#'   file = sprintf("%02d.png", 1:6), .pred_yes = c(0.9, 0.2, 0.4, 0.7, 0.1, 0.3),
#'   disease = factor(c("yes", "no", "no", "yes", "no", "yes"), c("yes", "no"))
#' )
#' as_predictions(mine, truth = disease, estimate = .pred_yes, image_id = file)
as_predictions <- function(data, truth = NULL, estimate = NULL, image_id = NULL, patient_id = NULL, group_id = NULL,
                           finding = NULL, event_level = NULL, split = NULL) {
  check_table(data)
  metadata <- attr(data, "placa", exact = TRUE)
  data <- without_groups(data)
  asked <- list(
    truth = pick_columns(rlang::enquo(truth), data), estimate = pick_columns(rlang::enquo(estimate), data),
    image_id = pick_columns(rlang::enquo(image_id), data), patient_id = pick_columns(rlang::enquo(patient_id), data),
    group_id = pick_columns(rlang::enquo(group_id), data), finding = pick_columns(rlang::enquo(finding), data),
    split = pick_columns(rlang::enquo(split), data)
  )
  # A column with the name of another's role would be there twice.
  for (role in c("image_id", "patient_id", "group_id", "finding", "split")) {
    if (length(asked[[role]]) > 0) data[[role]] <- exact_column(data, asked[[role]][[1]])
  }
  data <- tell_defaults(data, unlist(asked))
  if (!"image_id" %in% names(data)) data$image_id <- sprintf("row %d", seq_len(nrow(data)))
  table <- bind_findings(data, asked$truth, asked$estimate, event_level)
  table <- without_placeholders(check_predictions(table))
  attr(table, "placa") <- metadata
  table
}

# What anonymisation leaves in place of a patient, as in placa.sources.tables.identifiers. All its images would be one
# cluster.
placeholder <- paste0(
  "^(anon|anon[iy]m\\w*|an[o\u00f3]nim[oa]|de-?identifi\\w*|desidentificad[oa]|redacted|removed|masked|hidden|",
  "censored|confiden[ct]ial|private|privado|oculto|eliminado|borrado|patient|paciente|subject|test|prueba|",
  "unidentified|no[ _-]?(id|name)|unk|unknown|not (known|available|recorded|reported|specified|stated)|unspecified|",
  "missing|no data|desconocid[oa]|no (disponible|consta|conocido|especificad[oa]|informado|registrado)|ignorado|",
  "se desconoce|pendiente|sin[ _-]?(id|nombre|identificar|datos?|informaci[o\u00f3]n)|none|null|nil|nan|nat|",
  "n[./]?[ad][.]?|s[./]d[.]?|n[.]?n[.]?|x+|0+|-1|[*?.#_-]+)$"
)

without_placeholders <- function(table) {
  ids <- unique(table$patient_id)
  if (!identical(table$group_id, table$patient_id)) ids <- unique(c(ids, table$group_id))
  found <- grep(placeholder, ids, value = TRUE, ignore.case = TRUE, perl = TRUE)
  # A zero may count patients from 0.
  if (any(c("1", "01", "001") %in% ids)) found <- grep("^0+$", found, value = TRUE, invert = TRUE)
  if (length(found) > 0) {
    for (column in c("patient_id", "group_id")) table[[column]][table[[column]] %in% found] <- NA_character_
    warn(
      c("{.field patient_id} is {.val {found}} for {sum(is.na(table$patient_id))} of {nrow(table)} row{?s}, so the
          patient is unknown.",
        i = "Each of these images is a cluster of its own. If patients have several images, intervals are too narrow."),
      class = "placa_warning_patients", patients = found
    )
  }
  table
}

# Usual names of a column of patients, in English and Spanish.
patient_names <- paste0(
  "^(id|num|numero|anon)?[_ .]?(patient|paciente|subject|sujeto|person|participant|mrn|empi|nhc|historia)",
  "([_ .]?(id|code|key|number|clinica))?$"
)

# Numbers as text, so that an error has the name of the column.
exact_column <- function(data, name, call = rlang::caller_env()) {
  if (is.double(data[[name]])) as_text(data[[name]], name, call) else data[[name]]
}

# `Sex` and `Age` of a table made elsewhere are `sex` and `age`. A column that an argument has named has that role only:
# its usual name is missing, so that later verbs do not use it either.
with_usual_names <- function(data, named = character()) {
  of_images <- c("sex", "age", "view", "site")
  data[setdiff(intersect(of_images, tolower(named)), names(data))] <- NA
  usual <- setdiff(c(id_columns, "split", of_images), names(data))
  lower <- tolower(names(data))
  lower[names(data) %in% named | lower %in% lower[duplicated(lower)]] <- ""
  found <- usual[usual %in% lower]
  if (length(found) > 0) {
    places <- match(found, lower)
    cli::cli_inform(
      c(i = "Used as {.field {found}}: the column{cli::qty(found)}{?s} {.field {names(data)[places]}}."),
      class = "placa_message_defaults"
    )
    names(data)[places] <- found
  }
  data
}

# Also for verbs that get a data frame with the usual names.
tell_defaults <- function(table, named = character()) {
  table <- with_usual_names(table, named)
  absent <- setdiff(c("patient_id", "group_id"), names(table))
  if (length(absent) == 2) {
    likely <- grep(patient_names, names(table), value = TRUE, ignore.case = TRUE)
    cli::cli_inform(
      c(i = "No column {.field patient_id}: each image is a cluster of its own. If patients have several images,
        intervals are too narrow.",
        i = if (length(likely) > 0) "Perhaps {.code patient_id = {likely[[1]]}}?"),
      class = "placa_message_defaults"
    )
  }
  table
}

check_table <- function(data, call = rlang::caller_env()) {
  if (!is.data.frame(data)) {
    abort(
      c("{.arg predictions} must be a data frame with one row per image, or per image and finding.",
        x = "Received {.obj_type_friendly {data}}.",
        i = "{.fun read_predictions} reads the predictions of a run."),
      class = "placa_error_predictions", call = call
    )
  }
}

without_groups <- function(data) {
  if (inherits(data, c("grouped_df", "rowwise_df"))) {
    attr(data, "groups") <- NULL
    class(data) <- setdiff(class(data), c("grouped_df", "rowwise_df"))
  }
  data
}

# The names of the columns that an argument selects; character() for NULL.
pick_columns <- function(quo, data, call = rlang::caller_env()) {
  if (rlang::quo_is_null(quo) || rlang::quo_is_missing(quo)) {
    return(character())
  }
  expression <- rlang::quo_get_expr(quo)
  parts <- if (rlang::is_call(expression, "c")) as.list(expression)[-1] else list(expression)
  simple <- vapply(parts, function(part) rlang::is_symbol(part) || rlang::is_string(part), logical(1))
  if (all(simple)) {
    names <- vapply(parts, rlang::as_string, "")
    check_columns(data, names, "data", call)
    return(names)
  }
  rlang::check_installed("tidyselect", "to select columns by functions.")
  names(data)[getExportedValue("tidyselect", "eval_select")(quo, data)]
}

bind_findings <- function(data, truth, estimate, event_level, call = rlang::caller_env()) {
  if (length(estimate) == 0 && length(truth) == 0 && is.null(event_level) && "finding" %in% names(data)) {
    check_columns(data, c("truth", "probability"), "predictions", call)
    data$truth <- truth_by_level(data$truth, NULL, "truth", call)
    return(data)
  }
  if (length(estimate) == 0) {
    estimate <- "probability"
    check_columns(data, c(if (length(truth) == 0) "truth", estimate), "predictions", call)
  }
  # `starts_with(".pred_")` also selects the class.
  estimate <- estimate[!(startsWith(estimate, ".pred_class") & !vapply(data[estimate], is.numeric, logical(1)))]
  names <- sub("^[.]pred_", "", estimate)
  if (length(truth) == 0) truth <- if (length(estimate) > 1 && all(names %in% names(data))) names else "truth"
  check_columns(data, c(truth, estimate), "predictions", call)
  if (length(truth) != 1 && length(truth) != length(estimate)) {
    abort(
      c("{.arg truth} must be one column, or one for each of {.arg estimate}.",
        x = "Received {length(truth)} and {length(estimate)}: {.field {truth}}; {.field {estimate}}."),
      class = "placa_error_columns", call = call
    )
  }
  parts <- Map(function(truth, estimate, name) {
    level <- if (is.null(event_level) && name %in% levels_of(data[[truth]]) && name != estimate) name else event_level
    rows <- data
    rows$truth <- truth_by_level(data[[truth]], level, truth, call)
    rows$probability <- data[[estimate]]
    if (!"finding" %in% names(data)) {
      rows$finding <- rep(name_of_finding(truth, estimate, name, level), nrow(data))
    }
    rows
  }, truth, estimate, names, USE.NAMES = FALSE)
  do.call(rbind, parts)
}

name_of_finding <- function(truth, estimate, name, level) {
  if (name != estimate && !identical(name, level)) {
    return(name)
  }
  if (truth != "truth") truth else if (estimate != "probability") name else "Finding"
}

levels_of <- function(x) if (is.factor(x)) levels(x) else if (is.character(x)) sort(unique(x[!is.na(x)])) else NULL

# Levels with a known meaning; the second of each pair is the finding.
known_levels <- list(
  c("0", "1"), c("false", "true"), c("no", "yes"), c("no", "s\u00ed"), c("no", "si"), c("negative", "positive"),
  c("negativo", "positivo"), c("absent", "present"), c("ausente", "presente"), c("control", "case"), c("n", "y")
)

# 1 for the level of the finding, 0 for the other; numbers and logicals are left as they are.
truth_by_level <- function(x, event_level, name, call) {
  levels <- levels_of(x)
  blank <- trimws(levels) == ""
  if (is.null(levels) || (is.null(event_level) && all(levels[!blank] %in% c("0", "1")))) {
    return(if (is.null(levels)) x else suppressWarnings(as.double(as.character(x))))
  }
  levels <- levels[!blank]
  event <- event_of(levels, event_level, is.factor(x), name, call)
  value <- as.character(x)
  value[trimws(value) %in% ""] <- NA
  as.integer(value == event)
}

event_of <- function(levels, event_level, ordered, name, call) {
  if (length(levels) > 2 || length(levels) == 0) {
    abort_levels(levels, name, call)
  }
  if (!is.null(event_level)) {
    place <- match(event_level, c("first", "second"))
    event <- if (is.na(place)) event_level else levels[place]
    if (!rlang::is_string(event) || !event %in% levels) abort_levels(levels, name, call)
    return(event)
  }
  lower <- tolower(levels)
  for (pair in known_levels) {
    if (all(lower %in% pair)) {
      found <- levels[lower == pair[[2]]]
      # Without any row of the finding, no value equals its name.
      return(if (length(found) == 1) found else pair[[2]])
    }
  }
  if (!ordered || length(levels) != 2) abort_levels(levels, name, call)
  cli::cli_inform(
    c(i = "The finding is {.val {levels[[1]]}}, the first level of {.field {name}}. Set {.arg event_level} to change
        it."),
    class = "placa_message_event_level"
  )
  levels[[1]]
}

abort_levels <- function(levels, name, call) {
  first <- rlang::expr_text(levels[1])
  abort(
    c("{.field {name}} must have two levels, one of which is the finding.",
      x = "It has {.val {first_few(levels)}}.",
      i = "Name the level of the finding, such as {.code event_level = {first}}, or use 0 and 1."),
    class = "placa_error_truth", call = call
  )
}
