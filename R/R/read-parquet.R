# Each reader returns list(data = a data frame, metadata = the JSON under the key "placa", or NULL).
parquet_readers <- function() {
  list(arrow = read_by_arrow, nanoparquet = read_by_nanoparquet, reticulate = read_by_python)
}

read_parquet <- function(file, readers = parquet_readers(), call = rlang::caller_env()) {
  check_magic(file, call)
  there <- names(readers)[vapply(names(readers), is_package_installed, logical(1))]
  if (length(there) == 0) {
    cli::cli_abort(
      c("A package that reads parquet is needed, and none is installed.",
        i = "Type {.code install.packages(\"nanoparquet\")}, which is small.",
        i = "Or install arrow, or reticulate beside the project's Python."),
      class = "placa_error_parquet", call = call
    )
  }
  tryCatch(
    readers[[there[[1]]]](file, call),
    error = function(error) {
      # What placa says itself (no Python, for one) is already a sentence.
      if (any(grepl("^placa_error", class(error)))) rlang::cnd_signal(error)
      cli::cli_abort(
        c("{.file {file}} could not be read as parquet by {there[[1]]}.",
          x = "{conditionMessage(error)}",
          i = "If it was cut short on its way, copy it again."),
        class = "placa_error_file", call = call
      )
    }
  )
}

# Whether a package is installed, without loading it: an R inside Python must not even load reticulate.
is_package_installed <- function(package) {
  nzchar(system.file(package = package))
}

# A parquet file begins and ends with the same four letters; one that was cut short does not.
check_magic <- function(file, call) {
  size <- file.size(file)
  connection <- file(file, "rb")
  on.exit(close(connection))
  head <- readBin(connection, "raw", 4)
  whole <- size >= 12 && identical(head, charToRaw("PAR1"))
  if (whole) {
    seek(connection, size - 4)
    whole <- identical(readBin(connection, "raw", 4), charToRaw("PAR1"))
  }
  if (!whole) {
    cli::cli_abort(
      c("A parquet file was expected.",
        x = "{.file {file}} is not one, or was cut short ({size} byte{?s}).",
        i = "Copy it again, or make it again with {.code placa predict}."),
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
      whole = schema$name[schema$type %in% "INT64"], empty = schema$name[empty]
    ),
    metadata = if (length(metadata) > 0) metadata[[1]]
  )
}

read_by_python <- function(file, call) {
  read <- call_python("read_as_lists", file, near = file, call = call)
  data <- columns_from_lists(read$columns, read$missing, read$kinds, read$levels)
  list(data = harmonise_columns(data), metadata = if (nzchar(read$metadata)) read$metadata)
}

# The readers differ in what they make of 64-bit integers, ordered factors, times without a zone and columns of nothing.
# Here integers are integer where they fit and double where not, factors have no order (nanoparquet does not know of
# it), times are in UTC, nothing is logical. `whole` and `empty` name the columns that a reader has made doubles and
# integers of.
harmonise_columns <- function(data, whole = character(), empty = character()) {
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
    # bit64, which arrow brings, does this without loss up to 2^53.
    if (inherits(column, "integer64")) {
      return(as.double(column))
    }
    if (name %in% empty || inherits(column, "vctrs_unspecified")) {
      return(rep(NA, length(column)))
    }
    if (name %in% whole && is.double(column) && all(abs(column) < 2^31, na.rm = TRUE)) {
      return(as.integer(column))
    }
    column
  })
  data
}

# Python's placeholders (an empty text, 0, FALSE) become missing values where its second list says so.
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
