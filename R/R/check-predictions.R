# The columns of all evaluations, of which the first four are required, and those of a run's file.
required_columns <- c("image_id", "finding", "truth", "probability")
evaluation_columns <- c("image_id", "patient_id", "group_id", "split", "finding", "truth", "probability")
run_columns <- c(evaluation_columns, "score", "sex", "age", "view", "site")
text_columns <- c("image_id", "patient_id", "group_id", "split", "finding", "sex", "view", "site", "fold",
                  "period")
id_columns <- c("image_id", "patient_id", "group_id")
real_columns <- c("probability", "score", "age")

# The largest finite number.
largest <- .Machine$double.xmax

# Converts any data frame (from parquet, from Python, entered by hand) to the table that all functions use.
check_predictions <- function(predictions, columns = required_columns, call = rlang::caller_env()) {
  check_table(predictions, call)
  check_columns(predictions, columns, "predictions", call)
  predictions <- without_groups(predictions)
  # The columns that another program may lack; as_predictions() says what follows.
  for (name in setdiff(c("patient_id", "split"), names(predictions))) {
    predictions[[name]] <- rep(NA_character_, nrow(predictions))
  }
  if (!"group_id" %in% names(predictions)) predictions$group_id <- predictions$patient_id
  attributes_kept <- attr(predictions, "placa", exact = TRUE)
  predictions <- tibble::as_tibble(predictions)
  for (name in intersect(text_columns, names(predictions))) {
    predictions[[name]] <- as_known_text(predictions[[name]], name, call)
  }
  for (name in intersect(real_columns, names(predictions))) {
    predictions[[name]] <- if (name == "age") {
      as_age(predictions[[name]])
    } else {
      as_real(predictions[[name]], name, call)
    }
  }
  predictions$truth <- as_truth(predictions$truth, call)
  check_probability(predictions$probability, call)
  if (!is_within(predictions[["score"]], -largest, largest)) {
    abort(
      c("{.field score} must be finite.", x = "{sum(is.infinite(predictions$score))} row{?s} {?is/are} infinite."),
      class = c("placa_error_score", "placa_error_columns"), call = call
    )
  }
  check_present(predictions$finding, "finding", "placa_error_finding", call)
  check_present(predictions$image_id, "image_id", c("placa_error_image_id", "placa_error_columns"), call)
  attr(predictions, "placa") <- attributes_kept
  predictions
}

# Characters that are not shown (Default_Ignorable_Code_Point of Unicode), as in placa.core.text.
invisible <- paste0(
  "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164",
  "\ufe00-\ufe0f\ufeff\uffa0]"
)

# Text in which blank is missing, as an empty cell of a CSV. A space or a zero-width character at an end would make
# another patient of the same identifier, so it is removed, as in placa.records.predictions.
as_known_text <- function(x, name, call = rlang::caller_env()) {
  x <- if (is.character(x) && !is.object(x)) as.vector(x) else as_text(x, name, call)
  # Most texts are plain ASCII without a space at an end; replacements in a million texts take seconds.
  odd <- .Call(placa_odd_text, x)
  if (length(odd) == 0) {
    return(x)
  }
  x[odd] <- enc2utf8(x[odd])
  if (name %in% id_columns) x <- without_decimals(x)
  given <- x[odd]
  values <- unique(given)
  tidy <- trimws(gsub(invisible, "", values), whitespace = "[\\h\\v]")
  tidy[tidy %in% ""] <- NA_character_
  if (!name %in% id_columns) tidy[!is.na(tidy)] <- values[!is.na(tidy)]
  if (!identical(tidy, values)) x[odd] <- tidy[match(given, values)]
  x
}

# 17.0 is another text than 17, but not another patient: a program has made numbers of identifiers.
without_decimals <- function(x) {
  dotted <- which(endsWith(x, ".0"))
  whole <- sub("^([0-9]+)[.]0$", "\\1", x[dotted])
  known <- whole != x[dotted] & whole %in% x
  x[dotted[known]] <- whole[known]
  x
}

check_columns <- function(data, columns, what, call) {
  missing <- setdiff(columns, names(data))
  if (length(missing) > 0) {
    abort(
      c("{.arg {what}} must have the column{cli::qty(missing)}{?s} {.field {missing}}.",
        x = "Received the column{cli::qty(names(data))}{?s} {.field {names(data)}}.",
        i = "See {.help [{.fun read_predictions}](placa::read_predictions)} for all columns.",
        i = if (what == "predictions") {
          "For columns of other names, see {.help [{.fun as_predictions}](placa::as_predictions)}, such as
            {.code truth = label, estimate = .pred_Edema, image_id = file}."
        }),
      class = "placa_error_columns", call = call, columns = missing
    )
  }
}

# Identifiers may be numbers; 100000 must not become "1e+05".
as_text <- function(x, name = "identifiers", call = rlang::caller_env()) {
  if (is.list(x) && all(lengths(x) <= 1)) {
    x <- unlist(lapply(x, function(value) if (length(value) == 0) NA else value))
  }
  if (is.list(x)) {
    abort(
      c("{.field {name}} must have one value per row.", x = "Received {.obj_type_friendly {x}}."),
      class = "placa_error_columns", call = call
    )
  }
  if (inherits(x, "integer64")) {
    # Without the methods of bit64, the bits would be read as doubles.
    rlang::check_installed("bit64", "to read 64-bit integers.")
    return(as.character(x))
  }
  if (is.double(x)) {
    if (any(abs(x) >= 2^53, na.rm = TRUE)) {
      abort(
        c("{.field {name}} must be text, because its numbers have more digits than R's numbers.",
          x = "Different identifiers may have become the same number.",
          i = "Read the column as text, such as with {.code read.csv(colClasses = c({name} = \"character\"))}."),
        class = "placa_error_identifiers", call = call
      )
    }
    text <- format(x, digits = 15, trim = TRUE, scientific = FALSE, drop0trailing = TRUE, decimal.mark = ".")
    text[is.na(x)] <- NA_character_
    return(text)
  }
  enc2utf8(as.character(x))
}

# Without a temporary vector: of a million rows, each costs a garbage collection. Missing values are within.
is_within <- function(x, low, high) {
  suppressWarnings(min(x, na.rm = TRUE) >= low && max(x, na.rm = TRUE) <= high)
}

as_real <- function(x, name, call) {
  if (is.double(x) && is.null(attributes(x)) && !anyNA(x)) {
    return(x)
  }
  if (!is.numeric(x) && !all(is.na(x))) {
    with_comma <- is.character(x) && any(grepl("^[+-]?[0-9]*,[0-9]+$", trimws(x)))
    abort(
      c("{.field {name}} must be numeric.", x = "Received {.obj_type_friendly {x}}.",
        i = if (with_comma) "It has decimal commas. Read the file with {.fun read_predictions} or {.fun read.csv2}."),
      class = "placa_error_columns", call = call
    )
  }
  x <- as.double(x)
  absent <- is.nan(x)
  if (any(absent)) x[absent] <- NA_real_
  x
}

as_truth <- function(x, call) {
  if (is.integer(x) && is.null(attributes(x)) && is_within(x, 0L, 1L)) {
    return(x)
  }
  given <- x
  if (is.factor(x)) {
    x <- as.character(x)
  }
  if (is.list(x)) {
    x <- unlist(lapply(x, function(value) if (length(value) == 0) NA else value))
  }
  number <- suppressWarnings(as.double(x))
  wrong <- (is.na(number) & !is.na(x)) | (!is.na(number) & number != 0 & number != 1)
  if (any(wrong)) {
    abort(
      c("{.field truth} must be 0, 1 or missing.",
        x = "{sum(wrong)} row{?s} {?has/have} another value. The first is {.val {as.character(given[wrong])[[1]]}}."),
      class = "placa_error_truth", call = call
    )
  }
  as.integer(number)
}

check_present <- function(x, name, class, call) {
  if (anyNA(x)) {
    abort(
      c("{.field {name}} must not be missing.", x = "It is missing in {sum(is.na(x))} row{?s}."),
      class = class, call = call
    )
  }
}

# Age is a column that nobody may have asked for, so a wrong value is missing, with a warning.
as_age <- function(x) {
  if (is.double(x) && !is.object(x) && is_within(x, 0, 150)) {
    return(x)
  }
  age <- suppressWarnings(as.double(if (is.numeric(x) || is.logical(x)) x else as.character(x)))
  outside <- !is.na(age) & (age < 0 | age > 150)
  if (any(outside)) age[outside] <- NA_real_
  wrong <- is.na(age) & !is.na(x)
  if (any(wrong)) wrong[wrong] <- trimws(as.character(x[wrong])) != ""
  if (any(wrong)) {
    warn(
      c("{.field age} must be a number of years from 0 to 150.",
        x = "{sum(wrong)} row{?s} {?has/have} another value, which {?is/are} treated as missing. The first is
          {.val {as.character(x[wrong])[[1]]}}."),
      class = "placa_warning_age"
    )
  }
  age
}

check_probability <- function(probability, call) {
  if (is_within(probability, 0, 1)) {
    return(invisible())
  }
  wrong <- !is.na(probability) & (probability < 0 | probability > 1)
  if (any(wrong)) {
    abort(
      c("{.field probability} must be between 0 and 1.",
        x = "{sum(wrong)} row{?s} {?has/have} another value. The first is {probability[wrong][[1]]}.",
        i = "Convert scores on another scale, such as logits, to probabilities first."),
      class = "placa_error_probability", call = call
    )
  }
}
