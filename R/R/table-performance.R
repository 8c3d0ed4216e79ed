#' @seealso [table_one()], [save_table()]
#' @rdname table_one
#' @export
#' @examples
#'
#' table_performance(evaluation)
table_performance <- function(x, language = "en") {
  evaluation <- if (rlang::is_string(x)) read_evaluation(x) else x
  if (!inherits(evaluation, "placa_evaluation")) {
    abort(
      c("{.arg x} must be an evaluation or the path of a run.", x = "Received {.obj_type_friendly {x}}."),
      class = "placa_error_table"
    )
  }
  in_language(language, {
    findings <- evaluation$discrimination$finding
    columns <- lapply(findings, describe_performance, evaluation = evaluation)
    rows <- names(columns[[which.max(lengths(columns))]])
    table <- as.data.frame(lapply(columns, function(column) {
      ifelse(is.na(column[rows]), s("number.none"), column[rows])
    }), row.names = NULL)
    heads <- capitalise(finding(findings))
    if (length(findings) > 3) {
      table <- stats::setNames(data.frame(heads, t(table), row.names = NULL), c(s("points.column.finding"), rows))
    } else {
      table <- stats::setNames(data.frame(rows, table), c(s("points.column.metric"), heads))
    }
    about <- evaluation$about
    note <- s("paper.note", level = pct(about$confidence, 0),
              points = paste(unique(point_texts(evaluation)), collapse = "; "))
    new_paper_table(table, s("paper.performance_caption", split = word("split", about$split)), note)
  })
}

# One finding as a named vector: name of the measure, estimate with its interval.
describe_performance <- function(finding, evaluation) {
  found <- rows_of(evaluation$discrimination, finding)
  row <- function(key, text) stats::setNames(text, s(key))
  interval <- function(rows, digits = 2) estimate_text(rows$estimate, rows$lower, rows$upper, digits)
  c(
    row("data.row.images", num(found$n_images)),
    row("paper.positives", count_share(found$n_positive, found$n_images)),
    row("metric.auroc", estimate_text(found$auroc, found$auroc_lower, found$auroc_upper, 3)),
    describe_calibration(rows_of(evaluation$calibration_measures, finding), interval),
    describe_default_point(rows_of(evaluation$operating_points, finding), evaluation, interval),
    describe_benefit(rows_of(evaluation$decision_curve, finding))
  )
}

rows_of <- function(table, finding) table[table$finding %in% finding, ]

describe_calibration <- function(measures, interval) {
  after <- measures[measures$stage %in% "after", ]
  shown <- intersect(c("intercept", "slope", "observed_expected", "ici"), after$measure)
  if (!length(shown)) return(NULL)
  rows <- after[match(shown, after$measure), ]
  stats::setNames(interval(rows), words_of("calibration.measure", shown))
}

describe_default_point <- function(points, evaluation, interval) {
  points <- points[is_default(points, evaluation$thresholds), ]
  shown <- intersect(c("sensitivity", "specificity", "ppv", "npv"), points$metric)
  if (!length(shown)) return(NULL)
  rows <- points[match(shown, points$metric), ]
  c(
    stats::setNames(num(rows$threshold[[1]], 3), s("points.column.threshold")),
    stats::setNames(interval(rows), words_of("points.column", shown))
  )
}

# Net benefit at thresholds that clinicians act on; the curve shows all.
describe_benefit <- function(curve) {
  # At the prevalence of these images; evaluations by older versions have no other.
  if ("own" %in% names(curve)) curve <- curve[curve$own %in% TRUE, ]
  shown <- vapply(c(0.1, 0.2), function(threshold) {
    near <- which(curve$strategy == "model" & abs(curve$threshold - threshold) < 1e-9)
    if (length(near)) near[[1]] else NA_integer_
  }, 1L)
  rows <- curve[stats::na.omit(shown), ]
  if (!nrow(rows)) return(NULL)
  names <- s("paper.net_benefit", threshold = pct(rows$threshold, 0))
  stats::setNames(estimate_text(rows$net_benefit, rows$net_benefit_lower, rows$net_benefit_upper, 3), names)
}

# The default operating point of each finding in words.
point_texts <- function(evaluation) {
  default <- evaluation$thresholds$operating_point[evaluation$thresholds$default %in% TRUE]
  word("point", default)
}
