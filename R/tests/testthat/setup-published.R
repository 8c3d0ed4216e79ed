# Published predictions for 22,433 images of ChestX-ray14, joined with its labels; not part of the package.
published_predictions <- function(findings) {
  data <- Sys.getenv("PLACA_DATA", file.path(test_path(), "..", "..", "..", "..", "shared", "data"))
  files <- file.path(data, c("predictions/densenet121_zech_2018.csv", "nih/Data_Entry_2017_v2020.csv"))
  skip_if_not(all(file.exists(files)), "PLACA_DATA has no published predictions")
  predicted <- utils::read.csv(files[[1]], check.names = FALSE)
  entries <- utils::read.csv(files[[2]], check.names = FALSE)
  entries <- entries[match(predicted[["Image Index"]], entries[["Image Index"]]), ]
  tables <- lapply(findings, function(name) {
    tibble::tibble(
      image_id = predicted[["Image Index"]],
      patient_id = as.character(entries[["Patient ID"]]),
      group_id = patient_id,
      split = "test",
      finding = name,
      labels = entries[["Finding Labels"]],
      truth = as.integer(grepl(name, labels, fixed = TRUE)),
      probability = predicted[[paste0("prob_", name)]],
      sex = entries[["Patient Gender"]],
      age = as.double(entries[["Patient Age"]]),
      view = entries[["View Position"]]
    )
  })
  do.call(rbind, tables)
}
