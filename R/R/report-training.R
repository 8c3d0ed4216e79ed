# The training section: method, time, machine and history.

write_training <- function(run) {
  training <- run$info$training
  if (!length(training)) return(say("training.missing"))
  n <- function(name, digits = 0) num(training[[name]] %||% NA, digits)
  machine <- run$info$machine
  gpu <- has_gpu(run)
  folds <- run$info$folds$count
  say(
    if (length(folds)) "training.prose_folds" else "training.prose",
    backbone = code(training$backbone), parameters = n("parameters"), epochs_run = n("epochs_run"),
    epochs = n("epochs"), best_epoch = n("best_epoch"), auroc = n("best_validation_auroc", 3),
    time = duration(training$seconds),
    machine = s(if (gpu) "training.gpu" else "training.cores", n = num(machine$cores %||% NA),
                gpu = escape_markdown(paste(machine$gpu, collapse = ", "))),
    folds = num(folds %||% NA)
  )
  write_embeddings_of(run)
  write_foundation_of(run)
  write_methods_of_training(run)
  write_shortcut_measures(training$resist)
}

# Of the appendix: history, augmented images and options.
write_training_details <- function(run, augmented) {
  training <- run$info$training
  if (!length(training)) return(invisible())
  write_subheading("part.training", "training-details")
  write_history(run$history, run$info$folds$each$best_epoch %||% training$best_epoch)
  write_augmented(run, augmented)
  # The command of the appendix has the same options, which is enough on paper.
  write_fold("training.options", "options", TRUE, function() write_options(run))
}

# The methods that this run used, with references.
write_methods_of_training <- function(run) {
  used <- methods_of_training(run)
  text <- vapply(used, s, "", n = num(run$info$folds$count %||% NA))
  say("training.methods", methods = paste(text, collapse = "; "))
}

# One sentence per measure (placa.training.measures), and why a lower internal AUROC is no loss.
write_shortcut_measures <- function(resist) {
  measures <- setdiff(strsplit(resist %||% "none", "[, ]+")[[1]], c("none", "auto", ""))
  if (!length(measures)) return(invisible())
  write_markdown("**", s("training.resist.lead"), "** ",
                 paste(words_of("training.resist", measures), collapse = "; "), ". ", s("training.resist.why"))
}

# Keys of the methods that have a text.
methods_of_training <- function(run) {
  training <- run$info$training
  some <- function(name) isTRUE(as.numeric(training[[name]] %||% 0) > 0)
  weights <- training$weights %||% "none"
  learnt <- weights != "none"
  head_first <- if (is.null(training$head_epochs) || is.na(training$head_epochs)) learnt else training$head_epochs > 0
  tuning <- if (length(run$info$foundation)) training$tuning
  # A family of networks, such as densenet, is one method.
  family <- sub("[^a-z].*", "", training$backbone %||% "")
  texture <- family == "small" && isTRUE(as.numeric(run$info$data$image_size) >= side_with_texture)
  half <- identical(training$mixed_precision, "on") || identical(training$mixed_precision, "auto") && has_gpu(run)
  used <- c(
    paste0("training.backbone_", family), if (texture) "training.with_texture",
    if (weights == "imagenet") "training.with_imagenet" else if (learnt) "training.with_learnt",
    if (length(tuning) && tuning != "full") paste0("training.with_", tuning)
    else if (head_first) "training.with_head_first",
    "training.with_adamw", if (weighs_classes(training$class_weights)) "training.with_weights",
    if (identical(training$loss, "focal")) "training.with_focal",
    if (identical(training$classes, "exclusive")) "training.with_exclusive",
    if (some("label_smoothing")) "training.with_smoothing", if (some("mixup")) "training.with_mixup",
    if (some("ema")) "training.with_ema", if (half) "training.with_half_precision",
    if (isTRUE(training$mirror) && !identical(as.numeric(training$augmentation$flip), 0)) "training.with_mirror",
    if (isTRUE(run$info$data$reading$squares > 1)) "training.with_squares",
    if (length(run$info$folds)) "training.with_folds",
    if (length(recalibrations_of(run))) paste0("training.recalibrated_", recalibrations_of(run))
  )
  used[vapply(used, has_string, NA)]
}

# From this image size on, `small` has a texture branch (placa.models.small: twice the size of its trunk).
side_with_texture <- 192

has_gpu <- function(run) {
  gpu <- run$info$machine$gpu
  length(gpu) > 0 && !is.na(gpu[[1]])
}

# The recalibration methods of the findings, or of the folds: the option may have selected the best of several.
recalibrations_of <- function(run) {
  calibration <- run$info$calibration
  of_folds <- run$info$folds$each$calibration
  each <- if (length(of_folds)) as.list(of_folds) else calibration$findings
  named <- unlist(lapply(each, function(one) if (is.list(one)) one$method))
  unique(named[!is.na(named)]) %||% calibration$method
}

# TRUE if class weights were used: run.json has the weights, or the name of the rule.
weighs_classes <- function(weights) {
  if (is.character(weights)) return(identical(weights, "balanced"))
  any(vapply(weights, function(one) isTRUE(one$negative != one$positive), NA))
}

# The table of options; results of training are in the text.
write_options <- function(run) {
  training <- run$info$training
  results <- c("epochs_run", "best_epoch", "best_validation_auroc", "parameters", "seconds", "loss_weights")
  options <- training[setdiff(names(training), results)]
  if (!length(options)) return(invisible())
  # Long lists of weights are shortened; run.json has them.
  long <- vapply(options, function(value) is.list(value) && length(value) > 3 && any(lengths(value) > 1), NA)
  text <- vapply(options, value_text, "")
  text[long] <- s("training.of_each", n = num(lengths(options[long])))
  table <- data.frame(code(names(options)), text)
  names(table) <- c(s("training.column_option"), s("training.column_value"))
  write_table_block("options", table, s("training.options_caption"), c("l", "l"))
}

# `best` is the epoch with the final weights, one per fold.
write_history <- function(history, best) {
  wanted <- c("epoch", "loss", "validation_loss", "validation_auroc")
  if (NROW(history) == 0 || !all(wanted %in% names(history))) return(say("training.history_missing"))
  say("training.history")
  by_fold <- split(history, history$fold %||% rep(1, nrow(history)))
  over_folds <- function(value) mean(vapply(by_fold, value, 0))
  alt <- s(
    if (length(by_fold) > 1) "training.history_alt_folds" else "training.history_alt", n = num(max(history$epoch)),
    auroc_first = num(over_folds(function(one) one$validation_auroc[[1]]), 2),
    auroc_best = num(over_folds(function(one) max(one$validation_auroc, na.rm = TRUE)), 2),
    loss_first = num(over_folds(function(one) one$loss[[1]]), 2),
    loss_last = num(over_folds(function(one) one$loss[[nrow(one)]]), 2)
  )
  caption <- s(if (length(by_fold) > 1) "training.history_caption_folds" else "training.history_caption")
  draw("history", history_plot(history, unique(best)), caption, alt)
}
