# The flow of images from the source to the splits, and the prevalence in each.

splits <- c("train", "validation", "test")

# The splits to describe; with folds, every image is in all three, so one is enough.
splits_of <- function(run) if (is.null(run$info$folds)) splits else "test"

# One box per stage: source, exclusions with reasons, images used, and splits.
write_flow <- function(run, facts) {
  boxes <- flow_boxes(run, facts)
  if (is.null(boxes)) return(say("data.flow_absent"))
  say("data.flow")
  steps <- vapply(boxes, function(box) gsub("\n", ", ", box$text), "")
  draw("flow", flow_plot(boxes), s("data.flow_caption"), s("data.flow_alt", steps = paste(steps, collapse = "; ")),
       c(5.6, 4.3))
}

flow_boxes <- function(run, facts) {
  data <- run$info$data
  parts <- splits_of(run)
  images <- unlist(data$images[parts])
  if (length(images) < length(parts)) return(NULL)
  units <- if (has_inferred_groups(audit_of(run))) "groups" else "patients"
  of_units <- function(n) if (length(n)) s(paste0("data.flow_", units), n = num(n))
  kept <- sum(images)
  left_out <- c(rejected = data$rejected, missing = data$missing, unused = data$unused)
  left_out <- left_out[!is.na(left_out)]
  began <- data$rows %||% (kept + sum(left_out[names(left_out) == "rejected"]))
  several <- facts$many
  folds <- run$info$folds
  of_split <- function(split) {
    positives <- if (!several) data$positives[[facts$primary]][[split]]
    lines <- c(
      if (is.null(folds)) capitalise(word("split", split)) else s("data.flow_folds", n = num(folds$count)),
      s("data.flow_images", n = num(data$images[[split]])),
      of_units(data$patients[[split]]),
      if (length(positives)) s("data.flow_positive", n = count_share(positives, data$images[[split]]),
                               finding = facts$positive)
    )
    paste(lines, collapse = "\n")
  }
  aside <- mapply(s, paste0("data.left_", names(left_out)), n = num(left_out), USE.NAMES = FALSE)
  patients <- unlist(data$patients[parts])
  used <- c(s("data.flow_used", n = num(kept)), if (length(patients) == length(parts)) of_units(sum(patients)))
  c(
    list(list(text = s("data.flow_source", n = num(began)), x = 3.1, y = 8.4, w = 5.6, h = 1.2)),
    if (length(aside)) list(list(text = paste(aside, collapse = "\n"), x = 8, y = 6.5, w = 3.9,
                                 h = 0.5 + 0.62 * length(aside), aside = TRUE)),
    list(list(text = paste(used, collapse = "\n"), x = 3.1, y = 4.7, w = 5.6, h = 1.5)),
    Map(function(split, x) list(text = of_split(split), x = x, y = 1.35, w = 3.15, h = 2.5, end = TRUE), parts,
        if (length(parts) == 3) c(1.65, 5, 8.35) else 3.1)
  )
}

flow_plot <- function(boxes) {
  d <- data.frame(x = vapply(boxes, `[[`, 1, "x"), y = vapply(boxes, `[[`, 1, "y"), w = vapply(boxes, `[[`, 1, "w"),
                  h = vapply(boxes, `[[`, 1, "h"), text = plain(vapply(boxes, `[[`, "", "text")),
                  aside = vapply(boxes, function(box) isTRUE(box$aside), NA))
  main <- d[!d$aside, ]
  ends <- d[vapply(boxes, function(box) isTRUE(box$end), NA), ]
  above <- ends$y[[1]] + ends$h[[1]] / 2 + 0.5
  middle <- main$x[[1]]
  heads <- data.frame(x = c(middle, ends$x), y = c(main$y[[1]] - main$h[[1]] / 2, rep(above, nrow(ends))),
                      xend = c(middle, ends$x), yend = c(main$y[[2]] + main$h[[2]] / 2, ends$y + ends$h / 2))
  if (any(d$aside)) {
    level <- d$y[d$aside]
    heads <- rbind(heads, data.frame(x = middle, y = level, xend = d$x[d$aside] - d$w[d$aside] / 2, yend = level))
  }
  lines <- data.frame(x = c(middle, min(ends$x)), y = c(main$y[[2]] - main$h[[2]] / 2, above),
                      xend = c(middle, max(ends$x)), yend = c(above, above))
  segment <- ggplot2::aes(.data$x, .data$y, xend = .data$xend, yend = .data$yend)
  ggplot2::ggplot(d) +
    ggplot2::geom_segment(segment, data = lines, colour = report_ink, linewidth = 0.5) +
    ggplot2::geom_segment(segment, data = heads, colour = report_ink, linewidth = 0.5,
                          arrow = grid::arrow(length = grid::unit(5, "pt"), type = "closed")) +
    ggplot2::geom_tile(ggplot2::aes(.data$x, .data$y, width = .data$w, height = .data$h, fill = .data$aside),
                       colour = report_ink, linewidth = 0.4) +
    ggplot2::geom_text(ggplot2::aes(.data$x, .data$y, label = .data$text), colour = report_ink, size = 3.3,
                       lineheight = 1.05, family = font_family()) +
    ggplot2::scale_fill_manual(values = c(`FALSE` = "#e7f1f1", `TRUE` = "#f4f1ea"), guide = "none") +
    ggplot2::coord_cartesian(xlim = c(0, 10), ylim = c(0, 9.1), expand = FALSE) +
    ggplot2::theme_void()
}

# --- prevalence -------------------------------------------------------------------------------------------------

write_prevalence <- function(run, facts) {
  shares <- prevalence_of(run$predictions)
  if (is.null(shares)) return(say("data.prevalence_missing"))
  if (facts$many) return(say("data.prevalence_many"))
  at <- function(split) pct(shares$share[shares$split == split])
  if (!is.null(run$info$folds)) return(say("data.prevalence_folds", finding = facts$positive, all = at("test")))
  say("data.prevalence", finding = facts$positive, train = at("train"), test = at("test"))
}

prevalence_of <- function(predictions) {
  known <- predictions[!is.na(predictions$truth) & predictions$split %in% splits, ]
  if (NROW(known) == 0) return(NULL)
  shares <- stats::aggregate(truth ~ finding + split, known, mean)
  stats::setNames(shares, c("finding", "split", "share"))
}
