# The section on training: what was trained how, for how long, on what, and what the network was shown.

write_training <- function(run) {
  training <- run$info$training
  if (!length(training)) return(say("training.missing"))
  n <- function(name, digits = 0) num(training[[name]] %||% NA, digits)
  machine <- run$info$machine
  gpu <- length(machine$gpu) && !is.na(machine$gpu[[1]])
  say(
    "training.prose",
    backbone = training$backbone, parameters = n("parameters"), epochs_run = n("epochs_run"), epochs = n("epochs"),
    best_epoch = n("best_epoch"), auroc = n("best_validation_auroc", 3), time = duration(training$seconds),
    machine = s(if (gpu) "training.gpu" else "training.cores", n = num(machine$cores %||% NA),
                gpu = paste(machine$gpu, collapse = ", "))
  )
  write_methods_of_training(run)
  write_history(run$history, training$best_epoch)
}

# The methods that this run used, with whom to credit; what it did not use is not said.
write_methods_of_training <- function(run) {
  training <- run$info$training
  some <- function(name) isTRUE(as.numeric(training[[name]] %||% 0) > 0)
  used <- c(
    "training.with_adamw", if (weighs_classes(training$class_weights)) "training.with_weights",
    if (identical(training$loss, "focal")) "training.with_focal",
    if (some("label_smoothing")) "training.with_smoothing", if (some("mixup")) "training.with_mixup",
    if (isTRUE(training$mirror)) "training.with_mirror",
    if (isTRUE(run$info$data$reading$squares > 1)) "training.with_squares",
    if (length(run$info$calibration$method) == 1) paste0("training.recalibrated_", run$info$calibration$method)
  )
  used <- used[vapply(used, has_string, NA)]
  say("training.methods", methods = paste(vapply(used, s, ""), collapse = "; "))
}

# Whether rare classes counted for more: run.json has the weights, or the name of the rule.
weighs_classes <- function(weights) {
  if (is.character(weights)) return(identical(weights, "balanced"))
  any(vapply(weights, function(one) isTRUE(one$negative != one$positive), NA))
}

# What came out of training is said in the text; what went into it is in the table.
write_options <- function(run) {
  training <- run$info$training
  results <- c("epochs_run", "best_epoch", "best_validation_auroc", "parameters", "seconds", "loss_weights")
  options <- training[setdiff(names(training), results)]
  if (!length(options)) return(invisible())
  # Of many findings a list of weights would fill the page, and run.json has it.
  long <- vapply(options, function(value) is.list(value) && length(value) > 3 && any(lengths(value) > 1), NA)
  text <- vapply(options, value_text, "")
  text[long] <- s("training.of_each", n = num(lengths(options[long])))
  table <- data.frame(sprintf("`%s`", names(options)), text)
  names(table) <- c(s("training.column_option"), s("training.column_value"))
  write_table("options", table, s("training.options_caption"), c("l", "l"))
}

write_history <- function(history, best) {
  wanted <- c("epoch", "loss", "validation_loss", "validation_auroc")
  if (NROW(history) == 0 || !all(wanted %in% names(history))) return(say("training.history_missing"))
  say("training.history")
  ends <- num(c(history$loss[[1]], history$loss[[nrow(history)]]), 2)
  auroc <- num(c(history$validation_auroc[[1]], max(history$validation_auroc, na.rm = TRUE)), 2)
  alt <- s("training.history_alt", n = num(nrow(history)), auroc_first = auroc[[1]], auroc_best = auroc[[2]],
           loss_first = ends[[1]], loss_last = ends[[2]])
  draw("history", history_plot(history, best), s("training.history_caption"), alt)
}
