# Checks run.json and the other JSON records against their schemas, inst/schemas, which Python writes (tools/formats).
# Only the keywords of JSON Schema that these schemas use are known.

# The version, and the way to create the record again.
record_remedies <- c(source = "Run {.code placa prepare} again.", audit = "Run {.code placa audit} again.",
                     run = "Train the run again.", thresholds = "Train the run again.", model = "Train the run again.",
                     summary = "Run {.code placa evaluate} again.",
                     validation = "Run {.code placa validate} again.",
                     monitoring = "Run {.code placa monitor} again.")

# The digest of a record is computed with this text in its place, as in Python.
no_digest <- paste0("sha256:", strrep("0", 64))

with_digest <- function(text) sub(no_digest, digest_of(text), text, fixed = TRUE)

digest_of <- function(text) paste0("sha256:", cli::hash_sha256(enc2utf8(sub("\n+$", "", text))))

check_digest <- function(stored, text, file, kind, call) {
  received <- if (!is.null(stored)) digest_of(sub(stored, no_digest, text, fixed = TRUE))
  if (!identical(received, stored)) {
    problem <- "{.file {file}} was modified after placa wrote it."
    abort_fingerprint(problem, stored, received, file, call, record_remedies[[kind]])
  }
}

# The content of a record that has the form of its schema. Lists of scalars are vectors, and lists of records are data
# frames with `data_frames`, as for jsonlite::fromJSON().
read_record <- function(file, kind, call = rlang::caller_env(), data_frames = FALSE) {
  text <- read_record_text(file, call)
  # A run is loaded by several functions, and checking its record takes longer than reading it.
  key <- paste(kind, cli::hash_sha256(text))
  if (!identical(checked_records[[kind]], key)) {
    check_record(text, file, kind, call)
    checked_records[[kind]] <- key
  }
  simplify_json(text, data_frames)
}

# By kind, the last record without a problem.
checked_records <- new.env(parent = emptyenv())

check_record <- function(text, file, kind, call) {
  content <- parse_json_text(text, file, call)
  schema <- record_schema(kind)
  wanted <- schema$properties$schema_version$minimum
  version <- if (is.list(content)) content[["schema_version"]]
  if (is.integer(version) && version != wanted) {
    abort(
      c("{.file {file}} must have schema version {wanted}.",
        x = "It has version {version}.",
        i = if (version < wanted) record_remedies[[kind]] else "Update placa."),
      class = "placa_error_schema", call = call
    )
  }
  problem <- find_problem(content, schema, "$") %||% (if (kind == "thresholds") unknown_default(content))
  if (!is.null(problem)) {
    abort(
      c("{.file {file}} must have the form that placa writes.",
        x = "{problem$place}: {problem$text}.",
        i = record_remedies[[kind]]),
      class = "placa_error_record", call = call, place = problem$place
    )
  }
  check_digest(content[["digest"]], text, file, kind, call)
}

# A record can be a directory, or unreadable; R then gives the reason in a warning.
read_record_text <- function(file, call) {
  reason <- NULL
  withCallingHandlers(
    tryCatch(read_text(file), error = function(error) {
      abort(
        c("{.file {file}} cannot be read.", x = "{reason %||% conditionMessage(error)}", i = "Copy the file again."),
        class = "placa_error_file", call = call
      )
    }),
    warning = function(warning) {
      reason <<- conditionMessage(warning)
      invokeRestart("muffleWarning")
    }
  )
}

# Parses text only; jsonlite::fromJSON(text) would read a text that is a path, and fetch one that is an address.
simplify_json <- function(text, data_frames = FALSE) {
  jsonlite::parse_json(text, simplifyVector = TRUE, simplifyDataFrame = data_frames)
}

# An operating point that is the default of a finding and has no threshold.
unknown_default <- function(thresholds) {
  for (finding in names(thresholds$findings)) {
    one <- thresholds$findings[[finding]]
    if (!one$default %in% names(one$points)) {
      return(list(place = paste0("$.findings.", finding, ".default"),
                  text = paste("expected one of", paste(names(one$points), collapse = ", "))))
    }
  }
  NULL
}

parse_json_text <- function(text, file, call) {
  content <- tryCatch(jsonlite::parse_json(text), error = function(error) error)
  problem <- if (inherits(content, "error")) strsplit(conditionMessage(content), "\n")[[1]][[1]]
  problem <- problem %||% odd_text(text) %||% odd_json(content)
  if (length(problem)) {
    abort(
      c("{.file {file}} must be valid JSON.", x = "{problem}", i = "Copy the file again, or train again."),
      class = "placa_error_file", call = call
    )
  }
  content
}

# Describes what jsonlite accepts or changes, and Python refuses (placa.records.files): comments, characters that R
# cannot store, and integers that R cannot store exactly.
odd_text <- function(text) {
  escapes <- gsub("\\\\", "", text, fixed = TRUE)
  if (grepl("\\u0000", escapes, fixed = TRUE)) return("A text contains the character NUL.")
  escapes <- gsub("(?i)\\\\ud[89ab]..\\\\ud[c-f]..", "", escapes, perl = TRUE, useBytes = TRUE)
  if (grepl("(?i)\\\\ud[89a-f]", escapes, perl = TRUE, useBytes = TRUE)) return("A text is not valid Unicode.")
  outside <- gsub("\"[^\"]*+\"", "", gsub("\\\"", "", escapes, fixed = TRUE), perl = TRUE, useBytes = TRUE)
  if (grepl("[/\f\v]", outside, perl = TRUE)) return("It contains a comment or another character outside texts.")
  if (grepl("(?<![0-9.eE+])[0-9]{16,}(?![0-9.eE])", outside, perl = TRUE)) return("An integer has more than 15 digits.")
  NULL
}

# Describes duplicate keys and infinite numbers, both of which jsonlite accepts.
odd_json <- function(x) {
  if (is.numeric(x) && any(!is.finite(x))) return("A number is not finite.")
  if (!is.list(x)) return(NULL)
  if (anyDuplicated(names(x))) return(sprintf("The key '%s' occurs twice.", names(x)[[anyDuplicated(names(x))]]))
  for (part in x) if (!is.null(problem <- odd_json(part))) return(problem)
  NULL
}

# The schema of one kind of record, with the definitions of its parts; each file is read once.
record_schema <- local({
  known <- list()
  function(kind) {
    if (is.null(known[[kind]])) {
      file <- system.file("schemas", paste0(kind, ".json"), package = "placa", mustWork = TRUE)
      schema <- jsonlite::parse_json(read_text(file))
      known[[kind]] <<- c(resolve(schema, schema[["$defs"]]), list(defs = schema[["$defs"]]))
    }
    known[[kind]]
  }
})

resolve <- function(schema, defs) {
  reference <- schema[["$ref"]]
  if (is.null(reference)) schema else defs[[substring(reference, nchar("#/$defs/") + 1)]]
}

# The first difference from the schema, as its place (such as $.data.images) and a text; NULL if there is none.
find_problem <- function(x, schema, place, defs = schema$defs) {
  schema <- resolve(schema, defs)
  if (!is.null(schema$anyOf)) return(problem_of_any(x, schema$anyOf, place, defs))
  problem <- function(text) list(place = place, text = text)
  if (!is.null(schema$enum)) {
    allowed <- unlist(schema$enum)
    valid <- length(x) == 1 && is.atomic(x) && x %in% allowed
    return(if (!valid) problem(paste("expected one of", paste(allowed, collapse = ", "))))
  }
  if (is.null(schema$type)) return(NULL)
  if (!has_type(x, schema$type)) return(problem(paste("expected", schema$type)))
  switch(
    schema$type,
    object = problem_of_object(x, schema, place, defs),
    array = problem_of_array(x, schema, place, defs),
    string = if (!fits_text(x, schema)) problem("expected another text"),
    integer = ,
    number = if (!fits_range(x, schema)) problem("the number is out of range")
  )
}

# Integers beyond R's range are doubles; 1.0 is no integer, as in Python.
has_type <- function(x, type) {
  switch(
    type,
    object = is.list(x) && !is.null(names(x)),
    array = is.list(x) && is.null(names(x)),
    string = is.character(x),
    integer = is.integer(x) || (is.double(x) && abs(x) > .Machine$integer.max && abs(x) < 1e15 && x == round(x)),
    number = is.numeric(x),
    boolean = is.logical(x),
    null = is.null(x)
  )
}

problem_of_any <- function(x, schemas, place, defs) {
  problems <- lapply(schemas, find_problem, x = x, place = place, defs = defs)
  if (any(vapply(problems, is.null, NA))) return(NULL)
  # The deepest problem is that of the alternative with the right type.
  problems[[which.max(nchar(vapply(problems, function(one) one$place, "")))]]
}

problem_of_object <- function(x, schema, place, defs) {
  missing <- setdiff(unlist(schema$required), names(x))
  if (length(missing)) return(list(place = place, text = paste("the key", missing[[1]], "is missing")))
  if (length(x) < (schema$minProperties %||% 0)) return(list(place = place, text = "it has too few keys"))
  for (i in seq_along(x)) {
    name <- names(x)[[i]]
    part <- schema$properties[[name]] %||% (if (is.list(schema$additionalProperties)) schema$additionalProperties)
    if (is.null(part)) next
    found <- find_problem(x[[i]], part, paste0(place, ".", name), defs)
    if (!is.null(found)) return(found)
  }
  NULL
}

problem_of_array <- function(x, schema, place, defs) {
  if (length(x) < (schema$minItems %||% 0) || length(x) > (schema$maxItems %||% Inf)) {
    return(list(place = place, text = "it has another number of items"))
  }
  for (i in seq_along(x)) {
    found <- find_problem(x[[i]], schema$items, sprintf("%s[%d]", place, i - 1), defs)
    if (!is.null(found)) return(found)
  }
  NULL
}

fits_text <- function(x, schema) {
  nchar(x) >= (schema$minLength %||% 0) && (is.null(schema$pattern) || grepl(schema$pattern, x))
}

fits_range <- function(x, schema) x >= (schema$minimum %||% -Inf) && x <= (schema$maximum %||% Inf)
