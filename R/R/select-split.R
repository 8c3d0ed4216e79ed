# The labelled rows of one split, which is all that a table is made of.
select_split <- function(predictions, split, call = rlang::caller_env()) {
  predictions <- check_predictions(predictions, call = call)
  check_split(predictions, split, call)
  chosen <- predictions[predictions$split %in% split, ]
  labelled <- chosen[!is.na(chosen$truth), ]
  if (nrow(labelled) == 0) {
    cli::cli_abort(
      c("The {.val {split}} split must hold labelled images.",
        x = "{.field truth} is missing in all of its {nrow(chosen)} row{?s}."),
      class = "placa_error_unlabelled", call = call
    )
  }
  check_unique(labelled, call)
  unpredicted <- is.na(labelled$probability)
  if (any(unpredicted)) {
    cli::cli_warn(
      c("{sum(unpredicted)} labelled row{?s} of the {.val {split}} split {?is/are} left out: no probability.",
        i = "These images may be the hard ones: say so beside the figures."),
      class = "placa_warning_unpredicted", call = call
    )
    labelled <- labelled[!unpredicted, ]
  }
  labelled
}

check_split <- function(predictions, split, call) {
  if (!rlang::is_string(split)) {
    cli::cli_abort(
      c("{.arg split} must be the name of one split.", x = "It is {.obj_type_friendly {split}}."),
      class = "placa_error_split", call = call
    )
  }
  known <- unique(predictions$split[!is.na(predictions$split)])
  if (!split %in% known) {
    cli::cli_abort(
      c("There are no rows of the {.val {split}} split.",
        i = if (length(known) > 0) "There are: {.val {known}}." else "{.field split} is missing in every row."),
      class = "placa_error_split", call = call
    )
  }
}

# One image counted twice narrows every interval without cause.
check_unique <- function(data, call) {
  # One number a pair: duplicated() of a data frame takes thirty times as long.
  image <- match(data$image_id, unique(data$image_id))
  twice <- duplicated(image + max(image, 0) * as.double(match(data$finding, unique(data$finding))))
  if (any(twice)) {
    cli::cli_abort(
      c("An image may have one row a finding.",
        x = "{sum(twice)} row{?s} repeat{?s/} an image: the first is {.val {data$image_id[twice][[1]]}}.",
        i = "Average repeated predictions, or give each image a name of its own."),
      class = "placa_error_duplicate", call = call
    )
  }
}

# One tibble a finding, in the order in which the findings first appear, bound into one.
by_finding <- function(data, make) {
  findings <- unique(data$finding)
  parts <- lapply(findings, function(finding) make(data[data$finding == finding, ], finding))
  do.call(rbind, parts)
}

check_confidence <- function(confidence, call = rlang::caller_env()) {
  if (!rlang::is_double(confidence, n = 1) || is.na(confidence) || confidence <= 0 || confidence >= 1) {
    cli::cli_abort(
      c("{.arg confidence} must be one number between 0 and 1, such as 0.95.", x = "It is {.val {confidence}}."),
      class = "placa_error_confidence", call = call
    )
  }
}
