# Verbs that return a table respect dplyr::group_by(): the columns of the groups come first.
is_grouped <- function(data) inherits(data, "grouped_df")

# Calls the verb that called this function, with its arguments, for each group.
each_group <- function(verb, frame = rlang::caller_env()) {
  arguments <- mget(names(formals(verb)), frame)
  groups <- split_groups(arguments$predictions)
  parts <- lapply(seq_along(groups$data), function(i) {
    arguments$predictions <- groups$data[[i]]
    part <- do.call(verb, arguments)
    keys <- groups$keys[rep(i, nrow(part)), ]
    tibble::tibble(keys, as.data.frame(part)[setdiff(names(part), names(keys))])
  })
  do.call(rbind, parts)
}

split_groups <- function(data) {
  groups <- attr(data, "groups")
  plain <- without_groups(data)
  list(
    keys = tibble::as_tibble(groups[setdiff(names(groups), ".rows")]),
    data = lapply(groups$.rows, function(rows) plain[rows, ])
  )
}

# A list of evaluations with the names of the groups.
evaluate_groups <- function(data, ..., out, call = rlang::caller_env()) {
  if (!is.null(out)) {
    abort(
      c("A grouped data frame cannot be written to one {.arg out}.",
        i = "Evaluate without {.arg out}, or ungroup the data frame with {.fun dplyr::ungroup}."),
      class = "placa_error_out", call = call
    )
  }
  groups <- split_groups(data)
  names <- do.call(paste, c(lapply(groups$keys, as.character), sep = ", "))
  stats::setNames(lapply(groups$data, function(rows) evaluate(rows, ...)), names)
}
