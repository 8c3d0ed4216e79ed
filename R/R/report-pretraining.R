# The foundation model in the report: its origin, its embeddings, and the images that it may have seen.

# The foundation model of a run: of its embeddings, or its backbone. NULL if there is none.
foundation_model_of <- function(run) (run$info$embeddings %||% run$info$foundation)$provenance

write_foundation_of <- function(run) {
  foundation <- run$info$foundation
  if (!length(foundation)) return(invisible())
  maker <- foundation$provenance
  licence <- foundation$licence
  say(paste0("pretraining.backbone_", run$info$training$tuning), model = escape_markdown(maker$model),
      type = code(foundation$model_type), size = num(maker$input_size), resize = escape_markdown(maker$resize),
      checkpoint = code(substr(sub("^sha256:", "", maker$checkpoint), 1, 12)))
  if (!length(licence)) return(say("pretraining.licence_unknown"))
  say("pretraining.licence", file = code(licence$file), date = escape_markdown(licence$date),
      name = escape_markdown(maker$licence %||% s("number.none")),
      fingerprint = code(substr(sub("^sha256:", "", licence$fingerprint), 1, 12)))
  if (isTRUE(licence$research_only)) say("pretraining.licence_research")
}

write_embeddings_of <- function(run) {
  embeddings <- run$info$embeddings
  if (!length(embeddings)) return(invisible())
  maker <- embeddings$provenance
  # ONNX Runtime is its own backend.
  library <- s(if (identical(maker$library, maker$backend)) "pretraining.library" else "pretraining.library_on",
               library = code(maker$library), version = escape_markdown(maker$version), backend = code(maker$backend))
  say("pretraining.maker", length = num(embeddings$length), library = library, dtype = code(maker$dtype),
      size = num(maker$input_size), resize = escape_markdown(maker$resize),
      checkpoint = code(substr(sub("^sha256:", "", maker$checkpoint), 1, 12)))
  if (length(maker$model)) say("pretraining.model", model = escape_markdown(maker$model))
  say("pretraining.rows", rows = num(embeddings$rows), used = num(embeddings$used), unused = num(embeddings$unused),
      empty = num(embeddings$empty), missing = num(embeddings$missing))
}

# The limitations: whether the images of the data set, and those of the validations, are new to the foundation model.
pretraining_limits <- function(run) {
  maker <- foundation_model_of(run)
  if (!length(maker)) return(NULL)
  known <- maker$pretrained_on
  if (is.null(known)) return(s("pretraining.unknown"))
  known <- as.character(unlist(known))
  sets <- paste(escape_markdown(known), collapse = ", ")
  here <- if (run$info$data$kind %in% known) {
    s("pretraining.same", sets = sets)
  } else if (length(known)) {
    s("pretraining.other", sets = sets)
  } else {
    s("pretraining.none")
  }
  elsewhere <- vapply(names(run$validations), function(name) {
    if (!run$validations[[name]]$facts$kind %in% known) return(NA_character_)
    s("pretraining.elsewhere", set = escape_markdown(name))
  }, "")
  c(here, unname(elsewhere[!is.na(elsewhere)]))
}

# The side of the images that the network receives: that of the foundation model, if there is one.
input_side <- function(run) {
  foundation_model_of(run)$input_size %||% run$info$data$image_size
}
