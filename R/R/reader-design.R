# The design of a study of readers: which case was read by whom, with its truth and patient.

# Adds truth and cluster to ratings; both come from the predictions if they are given.
with_truth <- function(readers, predictions, split, call = rlang::caller_env()) {
  if (is.null(predictions)) {
    if (!"truth" %in% names(readers)) {
      abort_ratings("{.arg predictions} is required, because {.arg readers} has no column {.field truth}.",
                    "It has {.field {names(readers)}}.", call = call, readers = readers)
    }
    readers <- readers[!is.na(readers$truth), ]
    clusters <- data.frame(
      image_id = readers$image_id, group_id = NA_character_,
      patient_id = if ("patient_id" %in% names(readers)) readers$patient_id else NA_character_
    )
    readers$cluster <- cluster_names(clusters)
    return(readers)
  }
  rows <- select_split(predictions, split, call)
  if (all(is.na(readers$finding))) {
    findings <- unique(rows$finding)
    if (length(findings) > 1) {
      abort_ratings("{.arg readers} must have the column {.field finding}.",
                    "The predictions have {length(findings)} findings.", call = call, findings = findings)
    }
    readers$finding <- findings
  }
  # A reader reads a study; predictions may name it beside the image.
  key <- label_key(readers)
  row <- match(key, label_key(rows))
  if (all(is.na(row)) && "study_id" %in% names(rows)) row <- match_studies(readers, rows, call)
  if (all(is.na(row))) {
    abort_ratings("At least one rating must be of an image of the predictions.",
                  "No {.field image_id} and {.field finding} of the ratings is in the {.val {split}} split.",
                  "The ratings have images such as {.val {readers$image_id[[1]]}} and the findings
                   {.val {first_few(unique(readers$finding))}}; the predictions have images such as
                   {.val {rows$image_id[[1]]}} and the findings {.val {first_few(unique(rows$finding))}}.",
                  call = call, readers = readers, rows = rows, split = split)
  }
  readers$truth <- rows$truth[row]
  readers$probability <- rows$probability[row]
  readers$cluster <- cluster_names(rows)[row]
  warn_unmatched(readers, row, call)
  readers[!is.na(row), ]
}

warn_unmatched <- function(readers, row, call) {
  if (!anyNA(row)) {
    return(invisible())
  }
  findings <- setdiff(readers$finding, readers$finding[!is.na(row)])
  images <- setdiff(readers$image_id, readers$image_id[!is.na(row)])
  warn(
    c("{sum(is.na(row))} rating{?s} {?is/are} of images or findings without a labelled prediction, and left out.",
      i = if (length(findings) > 0) "Findings: {.val {show_controls(findings)}}.",
      i = if (length(images) > 0) "Images: {length(images)}, such as {.val {show_controls(images[[1]])}}."),
    class = "placa_warning_readings", call = call
  )
}

match_studies <- function(readers, rows, call) {
  studies <- rows
  studies$image_id <- as_known_text(rows$study_id, "study_id", call)
  key <- label_key(studies)
  if (anyDuplicated(key[key %in% label_key(readers)]) > 0) {
    abort_ratings("Each study that a reader read must have one prediction per finding.",
                  "Several images have the same {.field study_id}.",
                  "Combine the images of a study first, such as by the highest probability.", call = call)
  }
  match(label_key(readers), key)
}

# Cases that all readers read under all modalities, as a matrix of ratings with modalities within readers.
crossed_design <- function(rows, modalities = unique(rows$modality), call = rlang::caller_env()) {
  readers <- unique(rows$reader)
  complete <- vapply(readers, function(reader) all(modalities %in% rows$modality[rows$reader == reader]), logical(1))
  readers <- readers[complete]
  columns <- expand.grid(modality = modalities, reader = readers, stringsAsFactors = FALSE)
  images <- unique(rows$image_id)
  ratings <- matrix(NA_real_, length(images), nrow(columns))
  at <- match(paste(rows$modality, rows$reader, sep = "\r"), paste(columns$modality, columns$reader, sep = "\r"))
  known <- !is.na(at)
  ratings[cbind(match(rows$image_id, images), at)[known, , drop = FALSE]] <- rows$rating[known]
  read <- rowSums(is.na(ratings)) == 0
  first <- match(images, rows$image_id)[read]
  if (length(readers) == 0 || !any(read)) {
    abort_ratings("The readers must have read the same cases{if (length(modalities) > 1) ' under all modalities'}.",
                  "No case was read by all {length(unique(rows$reader))} reader{?s}.", call = call, rows = rows,
                  modalities = modalities)
  }
  inform_left_out(sum(!read), sum(!complete), call)
  name <- rows$cluster[first]
  list(
    readers = readers, modalities = modalities, images = images[read], ratings = ratings[read, , drop = FALSE],
    truth = rows$truth[first], probability = rows[["probability"]][first],
    cluster = match(name, sort(unique(name), method = "radix")), n_left_out = sum(!read)
  )
}

inform_left_out <- function(cases, readers, call) {
  if (cases + readers == 0) {
    return(invisible())
  }
  warn(
    c("Only cases that all readers read are compared.",
      x = if (cases > 0) "{cases} case{?s} {?is/are} left out.",
      x = if (readers > 0) "{readers} reader{?s} without all modalities {?is/are} left out."),
    class = "placa_warning_readings", call = call
  )
}

# AUROC for ordinal ratings. The area under a single point is not that of a curve, so it is not a default for 0 and 1.
metrics_of_readers <- function(ratings, metric, positive_from, call = rlang::caller_env()) {
  known <- c("auroc", "sensitivity", "specificity")
  if (is.null(metric)) {
    if (all(ratings %in% c(0, 1))) {
      return(known[-1])
    }
    return(if (is.null(positive_from)) known[[1]] else known)
  }
  if (!is.character(metric) || length(metric) == 0 || !all(metric %in% known)) {
    abort_ratings("{.arg metric} must be one or more of {.val {known}}.", "Received {.val {metric}}.", call = call,
                  known = known, metric = metric)
  }
  metric
}

# The lowest rating that is called positive.
cut_of_ratings <- function(ratings, metrics, positive_from, call = rlang::caller_env()) {
  if (is.null(positive_from)) {
    if (all(ratings %in% c(0, 1))) {
      return(1)
    }
    if (!any(metrics != "auroc")) {
      return(NULL)
    }
  }
  if (!rlang::is_bare_numeric(positive_from, n = 1) || !is.finite(positive_from)) {
    values <- sort(unique(as.double(ratings)))
    abort_ratings("{.arg positive_from} must be the lowest rating that is called positive.",
                  "Received {.obj_type_friendly {positive_from}}; the ratings are {.val {first_few(values)}}.",
                  call = call, positive_from = positive_from, values = values)
  }
  positive_from
}
