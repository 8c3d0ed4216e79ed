#' Read the ratings of readers
#'
#' Reads the ratings of one or more readers, such as radiologists, for
#' [compare_readers()], [compare_modalities()], [reader_agreement()] and
#' [relabel()].
#'
#' A long table has one row per reader, image and finding, with the column `rating`. A
#' wide table has one row per image and one column per finding; its reader is the
#' column `reader`, or the name of the file. Columns are found by their usual names in
#' any case: `image_id`, `image`, `study_id`, `study`, `case_id` or `case`; `reader`;
#' `finding`; `rating`; `modality`, `treatment` or `test`; `patient_id` or `patient`;
#' `truth`. A CSV file may be separated by commas, semicolons or tabs.
#'
#' A rating is 0 or 1 (`FALSE` or `TRUE`), or ordinal, with higher values for higher
#' suspicion. An empty rating is a missing reading and is left out. The values -1, 0
#' and 1 alone are an error, because -1 means "uncertain" in CheXpert labels, which is
#' not below 0.
#'
#' @param x The paths of one or more CSV or parquet files, or a data frame. Names of a
#'   vector of paths, `c(first = "a.csv", second = "b.csv")`, are the readers of tables
#'   without a column `reader`.
#' @return A tibble with one row per reading: `reader`, `image_id`, `finding` (missing
#'   if the table has no findings), `modality` (missing if there is only one; all
#'   character), `rating` (double), and, if the table has them, `patient_id`
#'   (character) and `truth` (integer, 1 with the finding, 0 without).
#' @section Errors:
#' `placa_error_readers` for a table without the needed columns, ratings that are
#' not numbers, or two ratings of the same reading; `placa_error_file` for a file that
#' does not exist or has no rows; `placa_error_truth`, `placa_error_identifiers`.
#' @seealso [compare_readers()], [reader_agreement()], [combine_readers()]
#' @export
#' @examples
#' file <- tempfile(fileext = ".csv")
#' writeLines(c("reader,image_id,finding,rating", "A,1,Effusion,0", "B,1,Effusion,1"), file)
#' read_readers(file)
read_readers <- function(x) {
  if (is.data.frame(x)) {
    return(check_readers(x))
  }
  if (!is.character(x) || length(x) == 0 || anyNA(x)) {
    abort_ratings("{.arg x} must be the paths of files, or a data frame.", "Received {.obj_type_friendly {x}}.", x = x)
  }
  reader <- rlang::names2(x)
  reader[reader == ""] <- sub("[.][^.]*$", "", basename(x[reader == ""]))
  parts <- Map(function(file, reader) check_readers(read_readers_file(file), reader), x, reader)
  columns <- Reduce(union, lapply(parts, names))
  check_readings(do.call(rbind, lapply(unname(parts), fill_columns, columns)))
}

fill_columns <- function(table, columns) {
  for (name in setdiff(columns, names(table))) table[[name]] <- NA
  table[columns]
}

read_readers_file <- function(file, call = rlang::caller_env()) {
  if (!file.exists(file) || dir.exists(file)) {
    abort(
      c("The ratings of readers must be a CSV or parquet file.", x = "{.file {file}} is not a file."),
      class = "placa_error_file", call = call
    )
  }
  if (grepl("[.]parquet$", file, ignore.case = TRUE)) {
    return(read_parquet(normalizePath(file), call = call)$data)
  }
  read_text_table(file, call)
}

reader_aliases <- list(
  reader = "reader", image_id = c("image_id", "image", "study_id", "study", "case_id", "case"), finding = "finding",
  rating = "rating", modality = c("modality", "treatment", "test"), patient_id = c("patient_id", "patient"),
  truth = "truth"
)

# Converts any table of ratings to one row per reading.
check_readers <- function(readers, reader = NULL, call = rlang::caller_env()) {
  if (!is.data.frame(readers)) {
    abort_ratings("{.arg readers} must be a table of ratings, as {.fun read_readers} returns.",
                  "Received {.obj_type_friendly {readers}}.", call = call, readers = readers)
  }
  found <- vapply(reader_aliases, function(names) {
    at <- match(names, tolower(names(readers)))
    c(at[!is.na(at)], NA_integer_)[[1]]
  }, integer(1))
  if (is.na(found[["rating"]])) {
    readers <- long_ratings(readers, found, call)
    found <- vapply(names(reader_aliases), match, integer(1), names(readers))
  }
  column <- function(name) if (!is.na(found[[name]])) readers[[found[[name]]]]
  lacking <- c(if (is.null(column("image_id"))) "image_id", if (is.null(column("reader")) && is.null(reader)) "reader")
  if (length(lacking) > 0) {
    abort_ratings("A table of ratings must have the columns {.field reader}, {.field image_id} and {.field rating}.",
                  "It lacks {.field {lacking}}; it has {.field {names(readers)}}.", call = call, lacking = lacking,
                  readers = readers)
  }
  n <- nrow(readers)
  text <- function(name, default = NA_character_) {
    if (is.null(column(name))) rep(default, n) else as_known_text(column(name), name, call)
  }
  table <- tibble::tibble(
    reader = text("reader", if (is.null(reader)) NA_character_ else reader), image_id = text("image_id"),
    finding = text("finding"), modality = text("modality"), rating = as_ratings(column("rating"), call)
  )
  if (!is.null(column("patient_id"))) table$patient_id <- text("patient_id")
  if (!is.null(column("truth"))) table$truth <- as_truth(column("truth"), call)
  check_readings(table[!is.na(table$rating), ], call)
}

# One row per image and one column per finding becomes one row per finding. Text columns are no findings.
long_ratings <- function(readers, found, call) {
  keys <- found[!is.na(found) & names(found) != "finding"]
  others <- setdiff(seq_along(readers), keys)
  rates <- vapply(readers[others], function(column) {
    values <- as.character(column)
    values <- values[!is.na(values) & values != ""]
    length(values) > 0 && all(values %in% c("0", "1", "-1", "0.0", "1.0", "-1.0", "TRUE", "FALSE"))
  }, logical(1))
  findings <- names(readers)[others[rates]]
  if (length(findings) == 0) {
    abort_ratings("A table of ratings must have the column {.field rating}, or one column of 0 and 1 per finding.",
                  "Received the columns {.field {names(readers)}}.", call = call, readers = readers)
  }
  parts <- lapply(findings, function(name) {
    part <- as.data.frame(lapply(keys, function(key) readers[[key]]), stringsAsFactors = FALSE)
    part$finding <- rep(name, nrow(readers))
    part$rating <- as.character(readers[[name]])
    part
  })
  do.call(rbind, parts)
}

as_ratings <- function(x, call) {
  if (is.ordered(x)) {
    return(as.double(as.integer(x)))
  }
  text <- trimws(as.character(x))
  text[text %in% c("", "NA", "NaN")] <- NA_character_
  text[toupper(text) %in% "TRUE"] <- "1"
  text[toupper(text) %in% "FALSE"] <- "0"
  rating <- if (is.numeric(x)) as.double(x) else suppressWarnings(as.double(sub(",", ".", text, fixed = TRUE)))
  wrong <- !is.na(text) & !is.finite(rating)
  if (any(wrong)) {
    abort_ratings("{.field rating} must be 0 or 1, or an ordinal number.",
                  "{sum(wrong)} row{?s} {?has/have} another value. The first is {.val {text[wrong][[1]]}}.",
                  call = call, wrong = wrong, text = text)
  }
  if (any(rating %in% -1) && all(rating %in% c(-1, 0, 1, NA))) {
    abort_ratings("{.field rating} must not be -1 beside 0 and 1.",
                  "{sum(rating %in% -1)} row{?s} {?is/are} -1, which means uncertain in CheXpert labels.",
                  "Make them 0, 1 or missing first.", call = call, rating = rating)
  }
  rating
}

check_readings <- function(table, call = rlang::caller_env()) {
  if (nrow(table) == 0) {
    abort("The table of ratings has no rating.", class = c("placa_error_file", "placa_error_readers"),
          call = call)
  }
  if (anyNA(table$reader) || anyNA(table$image_id)) {
    abort_ratings("Every rating must have a reader and an image.",
                  "{sum(is.na(table$reader) | is.na(table$image_id))} row{?s} {?lacks/lack} one.", call = call,
                  table = table)
  }
  key <- paste(table$reader, table$image_id, table$finding, table$modality, sep = "\r")
  twice <- duplicated(key)
  if (any(twice)) {
    abort_ratings("Each reader must have one rating per image, finding and modality.",
                  "{sum(twice)} rating{?s} {?is/are} repeated. The first is of reader
                   {.val {table$reader[twice][[1]]}}, image {.val {table$image_id[twice][[1]]}}.",
                  "Name repeated readings in the column {.field modality}.", call = call, table = table, twice = twice)
  }
  table
}

# `must`, `received` and `remedy` are templates, and `...` are the values that they name.
abort_ratings <- function(must, received, remedy = NULL, call = rlang::caller_env(), ...) {
  abort(c(must, x = received, i = remedy), class = "placa_error_readers", call = call,
        .envir = list2env(list(...), parent = environment()))
}
