# A patient on both sides of a split makes the figures too good, so no table is made from such predictions.
check_leaks <- function(predictions, split, call = rlang::caller_env()) {
  inside <- predictions$split %in% split
  outside <- !inside & !is.na(predictions$split)
  # The image too: where neither patient nor group is known, it is all there is to tell by.
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
    # An image's patient says it already.
    images_alone <- length(patients) == 0 && length(groups) == 0
    also <- "{?s} {?is/are} also in {.val {others}}: {.val {patients}}."
    cli::cli_abort(
      c("No patient, group or image of the {.val {split}} split may be in another split.",
        x = if (length(patients) > 0) paste0("{length(patients)} patient", also),
        x = if (length(groups) > 0) paste0("{length(groups)} group", sub("patients", "groups", also)),
        x = if (images_alone) paste0("{length(images)} image", sub("patients", "images", also)),
        i = "Split by patient and train again; the figures of these predictions would be too good."),
      class = "placa_error_leak", call = call, patients = shared$patient_id, groups = shared$group_id,
      images = shared$image_id
    )
  }
  invisible(sort(unique(predictions$split[outside])))
}

# A list that cli cuts short in print.
first_few <- function(x) {
  cli::cli_vec(x, list("vec-trunc" = 5))
}
