# Returns the labelled rows of one split.
select_split <- function(predictions, split, call = rlang::caller_env()) {
  if (identical(predictions, selected_rows$table) && identical(split, selected_rows$split)) return(predictions)
  predictions <- check_predictions(tell_defaults(predictions), call = call)
  predictions <- fill_split(predictions, split)
  check_split(predictions, split, call)
  chosen <- predictions$split %in% split
  labelled <- chosen_rows(predictions, chosen & !is.na(predictions$truth))
  if (nrow(labelled) == 0) {
    abort(
      c("The {.val {split}} split must have labelled images.",
        x = "{.field truth} is missing in all {sum(chosen)} row{?s}."),
      class = "placa_error_unlabelled", call = call
    )
  }
  check_unique(labelled, call)
  unpredicted <- is.na(labelled$probability)
  if (all(unpredicted)) {
    abort(
      c("The labelled images of the {.val {split}} split must have probabilities.",
        x = "{.field probability} is missing in all {nrow(labelled)} row{?s}."),
      class = c("placa_error_unpredicted", "placa_error_probability"), call = call
    )
  }
  if (any(unpredicted)) {
    warn(
      c("{sum(unpredicted)} labelled row{?s} without a probability {?is/are} excluded from the {.val {split}} split.",
        i = "Report this, because these images may be difficult cases."),
      class = "placa_warning_unpredicted", call = call
    )
    labelled <- labelled[!unpredicted, ]
  }
  labelled
}

# The rows that evaluate() has selected: each of its tables would check them again, which takes a second in all.
selected_rows <- new.env(parent = emptyenv())

forget_selected <- function() rm(list = ls(selected_rows), envir = selected_rows)

# All rows are returned as they are, because a copy of a million rows takes a second.
chosen_rows <- function(data, chosen) if (all(chosen)) data else data[chosen, ]

# Predictions of new images have no split; all of them are the test set.
fill_split <- function(predictions, split) {
  if (nrow(predictions) > 0 && all(is.na(predictions$split)) && identical(split, "test")) {
    cli::cli_inform(
      "No row has a {.field split}, so all rows are the test set.",
      class = "placa_message_one_set", .frequency = "once", .frequency_id = "placa_one_set"
    )
    predictions$split <- "test"
  }
  predictions
}

check_split <- function(predictions, split, call) {
  if (!rlang::is_string(split)) {
    abort(
      c("{.arg split} must be a single string.", x = "Received {.obj_type_friendly {split}}."),
      class = "placa_error_split", call = call
    )
  }
  known <- unique(predictions$split[!is.na(predictions$split)])
  if (!split %in% known) {
    abort(
      c("The predictions have no rows of the {.val {split}} split.",
        i = if (length(known) > 0) {
          "They have {.val {known}}."
        } else {
          "{.field split} is missing in all rows. Name its column, such as {.code as_predictions(split = part)}."
        }),
      class = "placa_error_split", call = call
    )
  }
}

# Duplicated images make intervals too narrow.
check_unique <- function(data, call) {
  # One number per pair, because duplicated() of a data frame is thirty times slower.
  image <- match(data$image_id, unique(data$image_id))
  twice <- duplicated(image + max(image, 0) * as.double(match(data$finding, unique(data$finding))))
  if (any(twice)) {
    abort(
      c("Each image must have one row per finding.",
        x = "{sum(twice)} row{?s} {?is/are} duplicated. The first is image {.val {data$image_id[twice][[1]]}}.",
        i = "Average duplicated predictions, or use unique values of {.field image_id}."),
      class = "placa_error_duplicate", call = call
    )
  }
}

# Calls `make` per finding, in the order of appearance, and binds the rows.
by_finding <- function(data, make) {
  findings <- unique(data$finding)
  of_finding <- function(finding) make(chosen_rows(data, data$finding == finding), finding)
  do.call(rbind, lapply_forked(findings, of_finding, worth = nrow(data) >= forked_rows))
}

check_confidence <- function(confidence, call = rlang::caller_env()) {
  if (!rlang::is_double(confidence, n = 1) || is.na(confidence) || confidence <= 0 || confidence >= 1) {
    abort(
      c("{.arg confidence} must be one number between 0 and 1, such as 0.95.", x = "Received {.val {confidence}}."),
      class = "placa_error_confidence", call = call
    )
  }
}
