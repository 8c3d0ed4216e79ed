# discrimination(), subgroups() and compare_models() on a million images of 200,000 patients: seconds, and the
# peak memory of a process that runs only this one. An argument is one of the three; without, all run.

images <- 1e6
patients <- 2e5
argument <- commandArgs(trailingOnly = TRUE)
verbs <- c("discrimination", "subgroups", "compare_models")

if (length(argument) == 0) {
  for (verb in verbs) {
    system2(file.path(R.home("bin"), "R"), c("--no-echo", "--no-save", "--no-restore",
                                             "--file=benchmarks/million-rows.R", "--args", verb))
  }
  quit(status = 0)
}

set.seed(1)
patient <- sample.int(patients, images, TRUE)
truth <- rbinom(images, 1, plogis(rnorm(patients) - 2.5)[patient])
score <- truth + rnorm(patients)[patient] - 2
predictions <- data.frame(
  image_id = sprintf("%07d.png", seq_len(images)), patient_id = sprintf("%06d", patient),
  group_id = sprintf("%06d", patient), split = "test", finding = "Pneumonia", truth = truth,
  probability = plogis(score + rnorm(images)), sex = c("F", "M")[1 + patient %% 2],
  age = patient %% 90, view = sample(c("PA", "AP"), images, TRUE)
)
invisible(loadNamespace("placa"))
run <- switch(argument,
  discrimination = function() placa::discrimination(predictions),
  subgroups = function() placa::subgroups(predictions, data.frame(
    finding = "Pneumonia", operating_point = "half", threshold = 0.2
  )),
  compare_models = function() {
    other <- replace(predictions, "probability", list(plogis(score + rnorm(images))))
    placa::compare_models(list(first = predictions, second = other))
  }
)
seconds <- system.time(run())[["elapsed"]]
status <- if (file.exists("/proc/self/status")) readLines("/proc/self/status") else character()
peak <- as.double(gsub("[^0-9]", "", grep("^VmHWM", status, value = TRUE))) / 1024
cat(sprintf(
  "| %s() of %s images of %s patients | %.1f s%s | | |\n", argument, format(images, big.mark = ","),
  format(patients, big.mark = ","), seconds, if (length(peak) == 1) sprintf(", at most %.0f MB", peak) else ""
))
