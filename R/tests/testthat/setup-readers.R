# One of the standard data sets of readers, from the folder of PLACA_DATA.
standard_readers <- function(name) {
  file <- file.path(shared_data(), "readers-mrmc", paste0(name, ".csv"))
  skip_if_not(file.exists(file), "PLACA_DATA has no readers-mrmc")
  read_readers(utils::read.csv(file)[c("reader", "treatment", "case", "truth", "rating")])
}

# The rows of the mean of all readers that compare modalities.
mean_difference_row <- function(table, analysis) {
  table[table$analysis == analysis & is.na(table$reader) & !is.na(table$reference), ]
}

# Ordinal ratings of six images by two readers under two modalities.
few_ratings <- function() {
  grid <- expand.grid(image_id = letters[1:8], reader = c("A", "B"), modality = c("1", "2"), stringsAsFactors = FALSE)
  truth <- rep(0:1, each = 4)
  grid$rating <- c(1, 2, 1, 3, 2, 3, 4, 4, 1, 1, 2, 4, 3, 3, 2, 4, 1, 1, 1, 2, 3, 2, 4, 4, 2, 1, 3, 3, 3, 4, 2, 4)
  grid$truth <- truth[match(grid$image_id, letters)]
  grid
}
