# A patient on both sides of a split makes the figures too good, so no table is made from such predictions.
check_leaks <- function(predictions, split, call = rlang::caller_env()) {
  inside <- predictions$split %in% split
  outside <- !inside & !is.na(predictions$split)
  shared <- lapply(c(patient_id = "patient_id", group_id = "group_id"), function(column) {
    ids <- predictions[[column]]
    sort(setdiff(intersect(ids[inside], ids[outside]), NA))
  })
  if (sum(lengths(shared)) > 0) {
    others <- unique(predictions$split[outside])
    cli::cli_abort(
      c("No patient and no group of the {.val {split}} split may be in another split.",
        x = if (length(shared$patient_id) > 0) {
          "{length(shared$patient_id)} patient{?s} {?is/are} also in {.val {others}}: {.val {cli::cli_vec(shared$patient_id, list(\"vec-trunc\" = 5))}}."
        },
        x = if (length(shared$group_id) > 0) {
          "{length(shared$group_id)} group{?s} {?is/are} also in {.val {others}}: {.val {cli::cli_vec(shared$group_id, list(\"vec-trunc\" = 5))}}."
        },
        i = "Split by patient and train again; the figures of these predictions would be too good."),
      class = "placa_error_leak", call = call, patients = shared$patient_id, groups = shared$group_id
    )
  }
  invisible(sort(unique(predictions$split[outside])))
}
