# Python calls this in a separate R.
update_run <- function(predictions, method, out) {
  invisible(update_model(read_predictions(predictions), method = method, out = out))
}

write_update <- function(update, out) {
  dir.create(out, showWarnings = FALSE, recursive = TRUE)
  for (name in c("coefficients", "tests", "gain", "maps")) {
    write_table(update[[name]], file.path(out, paste0(name, ".csv")))
  }
  columns <- c("image_id", "finding", "probability")
  write_table(update$predictions[columns], file.path(out, "predictions.csv"))
}
