# Tables with a figure: a class for autoplot(), which is dropped when a column that the figure needs is removed.

# Adds the classes of a table with a figure to a tibble.
as_subclass <- function(class, table) {
  class(table) <- c(class, "placa_table", setdiff(class(table), c(class, "placa_table")))
  attr(table, "columns") <- names(table)
  table
}

drop_subclass <- function(table) {
  if (all(attr(table, "columns") %in% names(table))) {
    return(table)
  }
  attr(table, "columns") <- NULL
  class(table) <- class(table)[!startsWith(class(table), "placa_")]
  table
}

#' @export
`[.placa_table` <- function(x, ...) {
  part <- NextMethod()
  if (is.data.frame(part)) drop_subclass(part) else part
}

#' @export
`names<-.placa_table` <- function(x, value) drop_subclass(NextMethod())

#' @export
`$<-.placa_table` <- function(x, name, value) drop_subclass(NextMethod()) # nolint: object_name_linter.

#' @export
`[<-.placa_table` <- function(x, i, j, ..., value) drop_subclass(NextMethod())

#' @export
`[[<-.placa_table` <- function(x, i, ..., value) drop_subclass(NextMethod())

#' @export
plot.placa_table <- function(x, ...) {
  print(ggplot2::autoplot(x, ...))
  invisible(x)
}

#' @exportS3Method tibble::as_tibble
as_tibble.placa_table <- function(x, ...) { # nolint: object_name_linter.
  attr(x, "columns") <- NULL
  class(x) <- class(x)[!startsWith(class(x), "placa_")]
  tibble::as_tibble(x, ...)
}
