# Columns of any program to the types of docs/formats.md, the same by every reader.

# In arrow, columns are cast before they become R's, which has no half floats, decimals or 64-bit integers.
read_by_arrow <- function(file, call) {
  opened <- arrow::ParquetFileReader$create(file)
  check_values(opened$num_rows, opened$num_columns, call)
  table <- arrow::read_parquet(file, as_data_frame = FALSE)
  # The text of a field, because arrow 25 cannot make an R object of some extension types.
  types <- vapply(table$schema$fields, function(field) field$ToString(), "")
  types <- stats::setNames(substring(types, nchar(names(table)) + 3), names(table))
  nested <- grepl("^(list|large_list|fixed_size_list|struct|map|dense_union|sparse_union|extension)", types)
  if (any(names(types)[grepl("^extension", types)] %in% run_columns)) {
    abort("It has no type for {.field {names(types)[grepl('^extension', types)]}}.")
  }
  columns <- lapply(which(!nested), function(place) cast_in_arrow(table$column(place - 1L), types[[place]]))
  data <- lapply(columns, vector_of_arrow)
  names(data) <- names(types)[!nested]
  harmonised <- harmonise_columns(list_to_frame(data, table$num_rows))
  left_out <- union(names(types)[nested], attr(harmonised, "left_out"))
  list(data = without_note(harmonised), metadata = table$metadata[["placa"]], left_out = left_out)
}

# Text is read at once: the checks need it, and a text that arrow makes at each use is made several times. A text with
# few values, such as a split, is made once per value.
vector_of_arrow <- function(column) {
  if (!column$type$ToString() %in% c("string", "large_string")) {
    return(column$as_vector())
  }
  rlang::local_options(arrow.use_altrep = FALSE)
  some <- column$Slice(0L, min(1000L, column$length()))$as_vector()
  if (length(unique(some)) > length(some) / 10) {
    return(column$as_vector())
  }
  arrow::call_function("dictionary_encode", column)$as_vector()
}

cast_in_arrow <- function(column, type) {
  if (grepl("^dictionary<", type)) {
    inner <- column$type$value_type
    return(cast_in_arrow(column$cast(inner), inner$ToString()))
  }
  if (grepl("^decimal.*, 0\\)$|^uint64$", type)) {
    return(column$cast(arrow::utf8()))
  }
  if (grepl("^decimal", type)) {
    return(column$cast(arrow::float64()))
  }
  if (grepl("^half", type)) {
    return(column$cast(arrow::float32()))
  }
  if (type == "string_view") column$cast(arrow::utf8()) else column
}

# nanoparquet has the logical types in its schema. Whole numbers from 2^53, which it would round, are an error here,
# so that the next reader is tried.
read_by_nanoparquet <- function(file, call) {
  about <- nanoparquet::read_parquet_metadata(file)
  check_values(about$file_meta_data$num_rows[[1]], sum(!is.na(about$schema$type)), call)
  pairs <- about$file_meta_data$key_value_metadata[[1]]
  metadata <- pairs$value[pairs$key == "placa"]
  schema <- as.data.frame(nanoparquet::read_parquet_schema(file))
  schema <- schema[!is.na(schema$type), ]
  logical_type <- function(name) vapply(schema$logical_type, function(type) list(type[[name]]), list(NULL))
  kind <- vapply(logical_type("type"), function(type) if (is.null(type)) "" else type, "")
  unsigned <- schema$converted_type %in% c("UINT_32", "UINT_64") |
    vapply(logical_type("is_signed"), isFALSE, logical(1))
  decimal <- kind == "DECIMAL" | schema$converted_type %in% "DECIMAL"
  whole <- schema$type %in% "INT64" & !decimal & kind %in% c("", "INT") & !grepl("TIME", schema$converted_type)
  data <- as.data.frame(nanoparquet::read_parquet(file))
  places <- vapply(logical_type("scale"), function(scale) if (is.null(scale)) NA_integer_ else as.integer(scale), 1L)
  places[is.na(places) & decimal] <- schema$scale[is.na(places) & decimal]
  for (name in schema$name[unsigned & schema$type %in% "INT32"]) {
    data[[name]] <- ifelse(data[[name]] < 0, data[[name]] + 2^32, data[[name]])
  }
  for (name in intersect(schema$name[whole | decimal & places %in% 0L], names(data))) {
    # Negative numbers of an unsigned type are beyond 2^63.
    beyond <- abs(data[[name]]) >= 2^53 | (data[[name]] < 0 & name %in% schema$name[unsigned])
    if (any(beyond, na.rm = TRUE)) {
      abort("It has no exact type for the whole numbers of {.field {name}}, which are 2^53 or more.")
    }
  }
  whole_numbers <- whole | decimal & places %in% 0L | unsigned
  harmonised <- harmonise_columns(data, integers = schema$name[whole_numbers], empty = schema$name[kind == "UNKNOWN"])
  list(
    data = without_note(harmonised), metadata = if (length(metadata) > 0) metadata[[1]],
    left_out = attr(harmonised, "left_out")
  )
}

# `integers` and `empty` are columns that a reader returned as doubles and integers. The attribute "left_out" has the
# names of columns that have no type in R.
harmonise_columns <- function(data, integers = character(), empty = character()) {
  columns <- lapply(stats::setNames(nm = names(data)), function(name) {
    harmonise_column(data[[name]], name %in% integers, name %in% empty)
  })
  unknown <- vapply(columns, is.null, logical(1))
  structure(list_to_frame(columns[!unknown], nrow(data)), left_out = names(data)[unknown])
}

# Integers if they fit, otherwise doubles, otherwise text; text for categories, and for bytes that are text or a UUID;
# times in UTC; durations in seconds; logical for empty columns. NULL for all other types.
harmonise_column <- function(column, whole = FALSE, empty = FALSE) {
  if (empty || inherits(column, "vctrs_unspecified")) {
    return(rep(NA, length(column)))
  }
  if (is.factor(column)) {
    return(as.character(column))
  }
  if (inherits(column, "POSIXct")) {
    return(.POSIXct(as.double(column), tz = "UTC"))
  }
  if (inherits(column, "Date")) {
    return(.Date(as.double(column)))
  }
  if (inherits(column, "difftime")) {
    return(as.double(column, units = "secs"))
  }
  if (inherits(column, "integer64")) {
    # The method of bit64, which arrow imports.
    return(fit_whole(as.character(column)))
  }
  if (is.list(column)) {
    return(text_of_bytes(column))
  }
  if (whole) fit_whole(column) else column
}

# Whole numbers as integer, double or text, the first that holds all of them exactly.
fit_whole <- function(x) {
  number <- suppressWarnings(as.double(x))
  if (any(abs(number) >= 2^53, na.rm = TRUE)) {
    return(as.character(x))
  }
  if (all(abs(number) < 2^31, na.rm = TRUE)) as.integer(number) else number
}

# Some programs write text as bytes without a mark. Sixteen bytes that are no text are a UUID.
text_of_bytes <- function(column) {
  column <- unclass(column)
  missing <- vapply(column, is.null, logical(1))
  if (!all(missing | vapply(column, is.raw, logical(1)))) {
    return(NULL)
  }
  text <- rep(NA_character_, length(column))
  known <- column[!missing]
  if (length(known) > 0 && all(lengths(known) == 16)) {
    digits <- vapply(known, function(bytes) paste(bytes, collapse = ""), "")
    text[!missing] <- sub("^(.{8})(.{4})(.{4})(.{4})", "\\1-\\2-\\3-\\4-", digits)
    return(text)
  }
  if (any(vapply(known, function(bytes) any(bytes == 0), logical(1)))) {
    return(NULL)
  }
  text[!missing] <- vapply(known, rawToChar, "")
  Encoding(text) <- "UTF-8"
  if (all(validUTF8(text[!missing]))) text
}

list_to_frame <- function(columns, rows) {
  structure(columns, row.names = .set_row_names(rows), class = "data.frame")
}

without_note <- function(data) {
  attr(data, "left_out") <- NULL
  data
}
