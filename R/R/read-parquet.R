# Each reader returns list(data = data frame, metadata = JSON under the key "placa", or NULL).
parquet_readers <- function() {
  list(arrow = read_by_arrow, nanoparquet = read_by_nanoparquet, reticulate = read_by_python)
}

read_parquet <- function(file, readers = parquet_readers(), call = rlang::caller_env()) {
  check_magic(file, call)
  installed <- names(readers)[vapply(names(readers), is_package_installed, logical(1))]
  if (length(installed) == 0) {
    cli::cli_abort(
      c("A package that reads parquet is required, but none is installed.",
        i = "Run {.code install.packages(\"nanoparquet\")}, a small package.",
        i = "Or install arrow, or reticulate with the project's Python."),
      class = "placa_error_parquet", call = call
    )
  }
  tryCatch(
    readers[[installed[[1]]]](file, call),
    error = function(error) {
      # Errors of placa, such as a missing Python, are already complete.
      if (any(grepl("^placa_error", class(error)))) rlang::cnd_signal(error)
      cli::cli_abort(
        c("{.file {file}} could not be read as parquet by {installed[[1]]}.",
          x = "{conditionMessage(error)}",
          i = "If it is truncated, copy it again."),
        class = "placa_error_file", call = call
      )
    }
  )
}

# Does not load the package, because R inside Python must not load reticulate.
is_package_installed <- function(package) {
  nzchar(system.file(package = package))
}

# A parquet file starts and ends with the same four bytes; a truncated file does not.
check_magic <- function(file, call) {
  size <- file.size(file)
  connection <- file(file, "rb")
  on.exit(close(connection))
  head <- readBin(connection, "raw", 4)
  complete <- size >= 12 && identical(head, charToRaw("PAR1"))
  if (complete) {
    seek(connection, size - 4)
    complete <- identical(readBin(connection, "raw", 4), charToRaw("PAR1"))
  }
  if (!complete) {
    cli::cli_abort(
      c("{.file {file}} is not a complete parquet file.",
        x = "It has {size} byte{?s}.",
        i = "Copy it again, or create it again with {.code placa predict}."),
      class = "placa_error_file", call = call
    )
  }
}

read_by_arrow <- function(file, call) {
  table <- arrow::read_parquet(file, as_data_frame = FALSE)
  list(data = harmonise_columns(as.data.frame(table)), metadata = table$metadata[["placa"]])
}

read_by_nanoparquet <- function(file, call) {
  pairs <- nanoparquet::read_parquet_metadata(file)$file_meta_data$key_value_metadata[[1]]
  metadata <- pairs$value[pairs$key == "placa"]
  schema <- as.data.frame(nanoparquet::read_parquet_schema(file))
  schema <- schema[!is.na(schema$type), ]
  empty <- vapply(schema$logical_type, function(type) identical(type$type, "UNKNOWN"), logical(1))
  list(
    data = harmonise_columns(
      as.data.frame(nanoparquet::read_parquet(file)),
      integers = schema$name[schema$type %in% "INT64"], empty = schema$name[empty]
    ),
    metadata = if (length(metadata) > 0) metadata[[1]]
  )
}

read_by_python <- function(file, call) {
  read <- call_python("read_as_lists", file, near = file, call = call)
  data <- columns_from_lists(read$columns, read$missing, read$kinds, read$levels)
  list(data = harmonise_columns(data), metadata = if (nzchar(read$metadata)) read$metadata)
}

# The readers differ for 64-bit integers, ordered factors, times without a zone and empty columns. This function returns
# integers if they fit and otherwise doubles, unordered factors (nanoparquet loses the order), times in UTC, and logical
# for empty columns. `integers` and `empty` are columns that a reader returned as doubles and integers.
harmonise_columns <- function(data, integers = character(), empty = character()) {
  data[] <- lapply(stats::setNames(nm = names(data)), function(name) {
    column <- data[[name]]
    if (is.factor(column)) {
      return(factor(column, levels(column), ordered = FALSE))
    }
    if (inherits(column, "POSIXct")) {
      return(.POSIXct(as.double(column), tz = "UTC"))
    }
    if (inherits(column, "Date")) {
      return(.Date(as.double(column)))
    }
    # The method of bit64, which arrow imports, is exact up to 2^53.
    if (inherits(column, "integer64")) {
      return(as.double(column))
    }
    if (name %in% empty || inherits(column, "vctrs_unspecified")) {
      return(rep(NA, length(column)))
    }
    if (name %in% integers && is.double(column) && all(abs(column) < 2^31, na.rm = TRUE)) {
      return(as.integer(column))
    }
    column
  })
  data
}

# Python sends placeholders ("", 0, FALSE) for missing values, with a second list that marks them.
columns_from_lists <- function(columns, missing, kinds = NULL, levels = NULL) {
  columns <- lapply(stats::setNames(nm = names(columns)), function(name) {
    values <- unlist(columns[[name]])
    if (is.null(values)) values <- logical()
    values[as.logical(unlist(missing[[name]]))] <- NA
    switch(if (is.null(kinds[[name]])) "" else kinds[[name]],
      factor = factor(values, seq_along(levels[[name]]), unlist(levels[[name]])),
      date = .Date(as.double(values)),
      time = .POSIXct(as.double(values), tz = "UTC"),
      character = as.character(values),
      integer = as.integer(values),
      double = as.double(values),
      logical = as.logical(values),
      values
    )
  })
  as.data.frame(columns, stringsAsFactors = FALSE, check.names = FALSE)
}
