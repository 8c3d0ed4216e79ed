# The whole evaluate(), with files, of the predictions published for 22,433 images of ChestX-ray14 and 14 findings: time
# and the process's peak memory, the median of three runs. Nothing else does as much, so there is nothing beside it.

runs <- 3
folder <- Sys.getenv("PLACA_DATA", "../shared/data")
files <- file.path(folder, c("predictions/densenet121_zech_2018.csv", "nih/Data_Entry_2017_v2020.csv"))
if (!all(file.exists(files))) {
  names <- paste(basename(files), collapse = " and ")
  message("evaluate-published was skipped: PLACA_DATA names no folder with ", names)
  quit(status = 0)
}

predicted <- read.csv(files[[1]], check.names = FALSE)
entries <- read.csv(files[[2]], check.names = FALSE)
entries <- entries[match(predicted[["Image Index"]], entries[["Image Index"]]), ]
findings <- sub("^prob_", "", grep("^prob_", names(predicted), value = TRUE))
predictions <- do.call(rbind, lapply(findings, function(finding) {
  data.frame(
    image_id = predicted[["Image Index"]],
    patient_id = as.character(entries[["Patient ID"]]),
    group_id = as.character(entries[["Patient ID"]]),
    split = "test",
    finding = finding,
    truth = as.integer(grepl(finding, entries[["Finding Labels"]], fixed = TRUE)),
    probability = predicted[[paste0("prob_", finding)]],
    sex = entries[["Patient Gender"]],
    age = as.double(entries[["Patient Age"]]),
    view = entries[["View Position"]]
  )
}))
# No threshold was published: each finding's prevalence is as good for measuring time.
thresholds <- data.frame(
  finding = findings, operating_point = "prevalence", default = TRUE,
  threshold = vapply(findings, function(finding) mean(predictions$truth[predictions$finding == finding]), double(1))
)

out <- file.path(tempdir(), "evaluation")
times <- vapply(seq_len(runs), function(run) {
  system.time(placa::evaluate(predictions, thresholds, out = out, seed = run))[["elapsed"]]
}, double(1))

status <- if (file.exists("/proc/self/status")) readLines("/proc/self/status") else character()
peak <- as.double(gsub("[^0-9]", "", grep("^VmHWM", status, value = TRUE))) / 1024
cat(sprintf(
  "| evaluate() of %s images and %d findings, with figures | %.0f s (%.0f to %.0f)%s | | |\n",
  format(nrow(predicted), big.mark = ","), length(findings), median(times), min(times), max(times),
  if (length(peak) == 1) sprintf(", at most %.0f MB", peak) else ""
))
