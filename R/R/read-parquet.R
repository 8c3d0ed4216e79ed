# Each reader returns list(data = data frame, metadata = JSON under the key "placa", or NULL, left_out = the names of
# columns without a type in R). docs/formats.md has the contract of the types.
parquet_readers <- function() {
  list(arrow = read_by_arrow, nanoparquet = read_by_nanoparquet, processx = read_by_python)
}

# A file that one reader cannot read is passed to the next.
read_parquet <- function(file, readers = parquet_readers(), call = rlang::caller_env()) {
  check_magic(file, call)
  installed <- names(readers)[vapply(names(readers), is_package_installed, logical(1))]
  if (length(installed) == 0) {
    abort(
      c("A package that reads parquet is required, but none is installed.",
        i = "Run {.code install.packages(\"nanoparquet\")}, a small package.",
        i = "Or install arrow, or processx with the project's Python."),
      class = "placa_error_parquet", call = call
    )
  }
  failed <- list()
  for (reader in installed) {
    read <- tryCatch(readers[[reader]](file, call), error = identity)
    if (!inherits(read, "error")) {
      check_names_once(names(read$data), file, call)
      tell_left_out(read[["left_out"]], file)
      return(read)
    }
    failed[[reader]] <- read
  }
  abort_unread(file, failed, call)
}

check_names_once <- function(names, file, call) {
  twice <- unique(names[duplicated(names)])
  if (length(twice) > 0) {
    abort(c("{.file {file}} must have one column of each name.", x = "{.field {twice}} {?occurs/occur} twice."),
          class = "placa_error_file", call = call)
  }
}

abort_unread <- function(file, failed, call) {
  # Errors of placa, such as a missing Python, are already complete.
  if (length(failed) == 1 && any(grepl("^placa_error", class(failed[[1]])))) rlang::cnd_signal(failed[[1]])
  reasons <- vapply(failed, function(error) first_line(conditionMessage(error)), "")
  bullets <- sprintf("{names(failed)[[%d]]}: {reasons[[%d]]}", seq_along(failed), seq_along(failed))
  abort(
    c("{.file {file}} could not be read as parquet.",
      stats::setNames(bullets, rep("x", length(bullets))),
      i = "Install the package arrow, which reads most types and codecs.",
      i = "Or write the file again with numbers as DOUBLE, identifiers as text, and the codec snappy or zstd."),
    class = c("placa_error_reader", "placa_error_file"), call = call
  )
}

tell_left_out <- function(columns, file) {
  if (length(columns) > 0) {
    cli::cli_inform(
      c(i = "Left out of {.file {basename(file)}}, because {cli::qty(columns)}{?it is/they are} not text, numbers,
        dates or times: {.field {columns}}."),
      class = "placa_message_columns"
    )
  }
}

# Does not load the package.
is_package_installed <- function(package) {
  nzchar(system.file(package = package))
}

# A parquet file starts and ends with the same four bytes; a truncated file does not.
check_magic <- function(file, call) {
  size <- file.size(file)
  connection <- file(file, "rb")
  on.exit(close(connection))
  head <- readBin(connection, "raw", 4)
  tail <- raw()
  if (size >= 12) {
    seek(connection, size - 4)
    tail <- readBin(connection, "raw", 4)
  }
  magic <- charToRaw("PAR1")
  if (identical(head, magic) && identical(tail, magic)) {
    return(invisible())
  }
  encrypted <- identical(tail, charToRaw("PARE"))
  advice <- if (encrypted) {
    "The file is encrypted. Write it again without encryption."
  } else if (identical(head, magic)) {
    "The end of the file is missing. Copy it again, or create it again with {.code placa predict}."
  } else {
    "Its first bytes are not those of parquet. The name of a text file must end in {.val .csv}."
  }
  problem <- if (encrypted || !identical(head, magic)) {
    "{.file {file}} is not a readable parquet file."
  } else {
    "{.file {file}} is not a complete parquet file."
  }
  abort(
    c(problem, x = "It has {size} byte{?s}.", i = advice),
    class = "placa_error_file", call = call
  )
}

# A parquet file can hold many equal values in a few bytes. Python has the same limit (placa.core.limits).
max_values <- 5e8

check_values <- function(rows, columns, call) {
  if (as.numeric(rows) * columns > max_values) {
    abort("It has {format(as.numeric(rows) * columns, big.mark = ',')} values, and the limit is
          {format(max_values, big.mark = ',')}.", class = "placa_error_file", call = call)
  }
}

read_by_python <- function(file, call) {
  read <- call_python("read_as_lists", file, near = file, call = call)
  data <- columns_from_lists(read$columns, read$missing, read$kinds)
  list(
    data = harmonise_columns(data), metadata = if (nzchar(read$metadata)) read$metadata,
    left_out = as.character(unlist(read$left_out))
  )
}

# Python sends placeholders ("", 0, FALSE) for missing values, with a second list that marks them.
columns_from_lists <- function(columns, missing, kinds = NULL) {
  columns <- lapply(stats::setNames(nm = names(columns)), function(name) {
    values <- unlist(columns[[name]])
    if (is.null(values)) values <- logical()
    values[as.logical(unlist(missing[[name]]))] <- NA
    switch(if (is.null(kinds[[name]])) "" else kinds[[name]],
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
