# A patient in two splits makes the results too optimistic, so such predictions are an error.
check_leaks <- function(predictions, split, call = rlang::caller_env()) {
  inside <- predictions$split %in% split
  outside <- !inside & !is.na(predictions$split)
  # The image identifier is checked too, because patient and group may be unknown.
  columns <- c(patient_id = "patient_id", group_id = "group_id", image_id = "image_id")
  shared <- lapply(columns, function(column) {
    ids <- predictions[[column]]
    sort(setdiff(intersect(ids[inside], ids[outside]), NA))
  })
  if (sum(lengths(shared)) > 0) {
    others <- unique(predictions$split[outside])
    patients <- first_few(shared$patient_id)
    groups <- first_few(shared$group_id)
    images <- first_few(shared$image_id)
    # A shared patient or group implies its shared images.
    images_alone <- length(patients) == 0 && length(groups) == 0
    shared_with <- "{?s} {?is/are} also in {.val {others}}: {.val {patients}}."
    abort(
      c("The {.val {split}} split must not share patients, groups or images with another split.",
        x = if (length(patients) > 0) paste0("{length(patients)} patient", shared_with),
        x = if (length(groups) > 0) paste0("{length(groups)} group", sub("patients", "groups", shared_with)),
        x = if (images_alone) paste0("{length(images)} image", sub("patients", "images", shared_with)),
        i = "Split by patient and train again. These predictions would give results that are too optimistic."),
      class = "placa_error_leak", call = call, patients = shared$patient_id, groups = shared$group_id,
      images = shared$image_id
    )
  }
  invisible(sort(unique(predictions$split[outside])))
}

# cli prints only the first values of this vector.
first_few <- function(x) {
  cli::cli_vec(x, list("vec-trunc" = 5))
}
