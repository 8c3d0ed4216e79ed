#' Simulated readers for examples
#'
#' Simulates readers of the test images of [example_predictions()]. Readers differ in
#' skill and in their threshold, and their errors on the same image are correlated.
#'
#' @inheritParams example_predictions
#' @param readers Number of readers, an integer of at least 1.
#' @param modalities `NULL`, or the names of modalities, such as `c("alone", "with
#'   model")`. Readers are a little better under each further modality.
#' @param levels Number of levels of the rating: 2 for 0 and 1, 5 for ordinal ratings
#'   from 1 to 5.
#' @return A tibble as [read_readers()] returns.
#' @seealso [read_readers()], [compare_readers()]
#' @export
#' @examples
#' example_readers()
example_readers <- function(readers = 3, modalities = NULL, levels = 2, patients = 500, seed = 1) {
  predictions <- example_predictions(patients, seed)
  images <- predictions[predictions$split == "test", ]
  grid <- expand.grid(
    modality = if (is.null(modalities)) NA_character_ else modalities, reader = LETTERS[seq_len(readers)],
    stringsAsFactors = FALSE
  )
  with_seed(seed + 1, {
    of_image <- stats::rnorm(nrow(images))
    skill <- stats::rnorm(readers, 2, 0.2)
    shift <- stats::rnorm(readers, 0, 0.3)
    parts <- lapply(seq_len(nrow(grid)), function(i) {
      reader <- match(grid$reader[[i]], LETTERS)
      gain <- 0.3 * (match(grid$modality[[i]], modalities, nomatch = 1) - 1)
      suspicion <- (skill[[reader]] + gain) * (images$truth - 0.5) + sqrt(0.4) * of_image +
        sqrt(0.6) * stats::rnorm(nrow(images)) + shift[[reader]]
      cuts <- if (levels == 2) 0.3 else stats::qnorm(seq_len(levels - 1) / levels)
      tibble::tibble(
        reader = grid$reader[[i]], image_id = images$image_id, finding = images$finding, modality = grid$modality[[i]],
        rating = as.double(findInterval(suspicion, cuts) + (levels > 2))
      )
    })
    do.call(rbind, parts)
  })
}
