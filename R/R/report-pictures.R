# Single images: random samples, augmented images, the most confident errors, and typical images.

# Random sample of the evaluated split, drawn with the seed of the run, half of it positive.
choose_samples <- function(run, facts, drawn = 4) {
  known <- run$predictions[run$predictions$split %in% facts$split & !is.na(run$predictions$truth), ]
  known <- known[known$finding == facts$primary, ]
  if (NROW(known) == 0) return(list(image = list(), rows = NULL))
  set.seed(as.integer(run$info$training$seed %||% 0), kind = "Mersenne-Twister", sample.kind = "Rejection")
  sample_rows <- function(rows) rows[sample.int(nrow(rows), min(drawn, nrow(rows))), ]
  rows <- rbind(sample_rows(known[known$truth == 1, ]), sample_rows(known[known$truth == 0, ]))
  list(image = as.list(rows$image_id), rows = rows)
}

# The most confident errors and the most confident correct predictions of each finding, one image per patient.
choose_extremes <- function(run, facts) {
  each <- if (facts$many) 2 else 4
  known <- run$predictions[run$predictions$split %in% facts$split & !is.na(run$predictions$truth), ]
  if (NROW(known) == 0 || facts$nothing) return(list(image = list(), finding = list(), rows = NULL, side = 224))
  rows <- do.call(rbind, lapply(facts$findings, function(name) {
    of_finding <- known[known$finding == name, ]
    threshold <- default_threshold(run, name)
    called <- of_finding$probability >= threshold & !is.na(threshold)
    groups <- list(
      missed = of_finding[of_finding$truth == 1 & !called, ], alarms = of_finding[of_finding$truth == 0 & called, ],
      typical_with = of_finding[of_finding$truth == 1 & called, ],
      typical_without = of_finding[of_finding$truth == 0 & !called, ]
    )
    if (is.na(threshold)) groups$missed <- groups$typical_without <- of_finding[0, ]
    high <- c("alarms", "typical_with")
    do.call(rbind, lapply(names(groups), function(role) {
      first <- most_extreme(groups[[role]], each, role %in% high)
      if (nrow(first)) cbind(as.data.frame(first), role = role)
    }))
  }))
  side <- if (facts$many) 144 else 224
  list(image = as.list(rows$image_id), finding = as.list(rows$finding), rows = rows, side = side)
}

most_extreme <- function(rows, n, high) {
  # Ties are sorted by name, so that the choice does not depend on the order of the rows.
  rows <- rows[order(if (high) -rows$probability else rows$probability, rows$image_id, method = "radix"), ]
  group <- ifelse(is.na(rows$patient_id), rows$group_id, rows$patient_id)
  rows <- rows[!duplicated(ifelse(is.na(group), rows$image_id, group)), ]
  rows[seq_len(min(n, nrow(rows))), ]
}

default_threshold <- function(run, name) {
  stored <- run$thresholds$findings[[name]]
  stored$points[[stored$default %||% ""]] %||% NA_real_
}

# Captions and alternative texts of the images; `alt` is the key of the alternative text.
captions_of <- function(rows, files, alt, facts) {
  rows$file <- as.character(unlist(files))
  rows <- rows[nzchar(rows$file), ]
  if (!nrow(rows)) return(NULL)
  name <- finding(rows$finding)
  without <- if (facts$many) s("errors.without", finding = name) else facts$comparison
  label <- ifelse(rows$truth == 1, name, without)
  probability <- num(rows$probability, 2)
  images <- data.frame(
    file = rows$file, label = capitalise(label), class = ifelse(rows$truth == 1, "positive", "negative"),
    value = probability, finding = rows$finding, name = escape_markdown(rows$image_id),
    alt = s(alt, image = escape_markdown(rows$image_id), label = label, finding = name, probability = probability)
  )
  images$role <- rows$role
  images
}

write_samples <- function(samples, facts, files) {
  images <- if (length(files)) captions_of(samples$rows, files, "data.film_alt", facts)
  if (is.null(images)) return(say(missing_pictures()))
  say("data.samples")
  say("data.burnt_in")
  write_gallery("samples", images, s("data.samples_caption", finding = facts$positive))
}

# The images that `placa prepare` names as nearly black or white.
uniform_images <- function(run) {
  values <- uniform_note(run)$values
  unname(as.list(values[grepl("^image_", names(values))]))
}

uniform_note <- function(run) {
  notes <- Filter(function(note) identical(note$code, "images_uniform"), notes_of(run))
  if (length(notes)) notes[[1]]
}

write_uniform <- function(run, files) {
  note <- uniform_note(run)
  if (is.null(note)) return(invisible())
  say("data.uniform", images = num(note$values$images), files = num(note$values$files))
  names <- escape_markdown(unlist(uniform_images(run)))
  files <- as.character(unlist(files))
  if (length(files) != length(names) || !any(nzchar(files))) return(invisible())
  alt <- s("data.uniform_alt", image = names)
  images <- data.frame(file = files, label = names, class = "plain", value = "", alt = alt)
  write_gallery("uniform", images[nzchar(files), ], s("data.uniform_caption"))
}

# The images that the audit lists as most unusual; those of `uniform_images` are shown already.
unusual_rows <- function(run) {
  listed <- as_rows(run$info$data$audit$unusual$listed)
  if (is.null(listed)) NULL else as_rows(listed[!listed$image_id %in% unlist(uniform_images(run)), ])
}

unusual_images <- function(run) as.list(unusual_rows(run)$image_id)

write_unusual <- function(run, files) {
  rows <- unusual_rows(run)
  if (is.null(rows)) return(invisible())
  files <- as.character(unlist(files))
  if (length(files) != nrow(rows) || !any(nzchar(files))) return(invisible())
  found <- run$info$data$audit$unusual
  say("data.unusual", outside = num(found$outside), images = num(found$images))
  names <- escape_markdown(rows$image_id)
  images <- data.frame(
    file = files, label = names, class = "plain", value = num(rows$distance, 1),
    alt = s("data.unusual_alt", image = names)
  )
  write_gallery("unusual", images[nzchar(files), ], s("data.unusual_caption"))
}

# The key of the sentence for missing images: left out, no images, or no Python.
missing_pictures <- function() {
  if (isFALSE(the_report$pictures)) return("data.pictures_left_out")
  if (has_python()) "data.samples_missing" else "data.python_missing"
}

# The first training images, one with and one without the finding if known.
choose_training_images <- function(run, n = 2) {
  # With folds, every image is a training image of some networks.
  learnt_from <- if (is.null(run$info$folds)) "train" else splits
  known <- run$predictions[run$predictions$split %in% learnt_from, ]
  known <- known[!duplicated(known$image_id), ]
  first <- c(which(known$truth %in% 1)[1], which(known$truth %in% 0)[1], seq_len(nrow(known)))
  as.list(known$image_id[utils::head(unique(stats::na.omit(first)), n)])
}

changes_of <- function(run) {
  list(amounts = as.list(run$info$training$augmentation), seed = run$info$training$seed %||% 0)
}

write_augmented <- function(run, files, times = 3) {
  changes <- run$info$training$augmentation
  if (!length(changes) || all(unlist(changes) == 0)) return(say("training.augmentation_none"))
  files <- as.character(unlist(files))
  if (!length(files)) return(say(if (draws_pictures()) "training.augmented_missing" else missing_pictures()))
  done <- names(changes)[vapply(changes, function(amount) isTRUE(amount > 0), NA)]
  say("training.augmented", changes = paste(word("training.change", done), collapse = ", "))
  original <- seq_along(files) %% (times + 1) == 1
  number <- (seq_along(files) - 1) %% (times + 1)
  images <- data.frame(
    file = files, class = "plain", value = "",
    label = ifelse(original, s("training.as_it_is"), s("training.as_changed", n = num(number)))
  )
  which <- (seq_along(files) - 1) %/% (times + 1) + 1
  images$alt <- paste0(images$label, ": ", s("training.augmented_alt", n = num(which)))
  write_gallery("augmented", images, s("training.augmented_caption"))
}

# --- errors and typical images ------------------------------------------------------------------------------------

roles <- c("missed", "alarms", "typical_with", "typical_without")

write_extremes <- function(extremes, facts, maps) {
  if (is.null(extremes$rows)) return(say("data.predictions_missing"))
  described <- if (isTRUE(maps$mapped)) "errors.map_alt" else "data.film_alt"
  images <- if (length(maps$files)) captions_of(extremes$rows, maps$files, described, facts)
  if (is.null(images)) say(missing_pictures()) else say("errors.intro")
  if (!is.null(images)) {
    if (isTRUE(maps$mapped) && length(facts$folds)) say("errors.maps_folds", n = num(facts$folds))
    if (isTRUE(maps$mapped)) {
      highest <- value_text(as.numeric(maps$highest))
      say("errors.maps", highest = highest)
      write_markdown("[0 ![", s("errors.scale_alt", highest = highest), "](", maps$scale, ") ", highest, "]{.scale}")
    } else if (isTRUE(facts$embeddings)) {
      say("errors.maps_embeddings")
    } else {
      say("errors.maps_missing", reason = escape_markdown(maps$reason))
    }
  }
  wide <- if (isTRUE(maps$mapped)) "films .pairs" else "films"
  if (facts$many && is.null(images)) return(invisible())
  if (facts$many) {
    write_tabs(s("errors.tabs"), facts$findings, function(name) {
      write_roles(images[images$finding == name, ], extremes$rows[extremes$rows$finding == name, ], name, wide)
    })
  } else {
    write_roles(images, extremes$rows, facts$primary, wide, numbered = TRUE)
  }
  if (!is.null(images)) say("errors.look")
}

write_roles <- function(images, rows, name, wide, numbered = FALSE) {
  for (role in roles) {
    shown <- images[images$role %in% role, ]
    caption <- s(paste0("errors.", role, "_caption"), finding = finding(name))
    if (!any(rows$role %in% role)) {
      say(paste0("errors.none_", role), finding = finding(name))
    } else if (NROW(shown) && numbered) {
      write_gallery(gsub("_", "-", role), shown, caption, wide)
    } else if (NROW(shown)) {
      write_markdown("**", sub("[.:]$", "", caption), "**")
      write_plain_gallery(shown, wide)
    }
  }
}
