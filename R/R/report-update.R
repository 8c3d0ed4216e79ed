# How a run was made from another one by `placa update`, and what the update gained.

write_update_part <- function(run) {
  update <- run$info$update
  if (is.null(update)) return(invisible())
  say("update.lead", run = code(update$run), used = num(update$used), data = code(update$prepared))
  methods <- vapply(names(update$findings), function(name) {
    one <- update$findings[[name]]
    s(paste0("update.method_", one$method), finding = finding(name), intercept = num(one$intercept %||% NA, 2),
      slope = num(one$slope %||% NA, 2), images = num(one$images), positives = num(one$positives))
  }, "")
  write_markdown(paste0("- ", methods, collapse = "\n"))
  rows <- rbind(gain_rows(run, "gain.csv"), gain_rows(run, "operating.csv"))
  if (is.null(rows)) return(invisible())
  say("update.table")
  table <- stats::setNames(rows, words_of("update.column", c("finding", "measure", "before", "after", "difference")))
  write_table_block("update", table, s("update.caption"), align = c("l", "l", "r", "r", "r"))
  say("update.thresholds")
}

gain_rows <- function(run, file) {
  path <- file.path(run$path, "update", file)
  if (!file.exists(path)) return(NULL)
  rows <- utils::read.csv(path, colClasses = c(finding = "character"))
  if (!nrow(rows)) return(NULL)
  measure <- word("update.measure", rows$metric)
  if (!is.null(rows$operating_point)) measure <- paste0(measure, " (", word("point", rows$operating_point), ")")
  interval <- paste0(num(rows$difference, 3), " (", num(rows$lower, 3), s("update.to"), num(rows$upper, 3), ")")
  data.frame(
    finding = finding(rows$finding), measure = measure, before = num(rows$before, 3), after = num(rows$after, 3),
    difference = ifelse(is.na(rows$difference), s("number.none"), interval)
  )
}
