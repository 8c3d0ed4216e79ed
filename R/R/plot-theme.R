# Okabe and Ito's colours, which people with any colour vision tell apart; black and yellow are left out (paper).
finding_colours <- c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5A5A5A", "#8C510A")
ink <- "#222222"
pale <- "#8A8A8A"

theme_placa <- function(base_size = 11) {
  ggplot2::theme_minimal(base_size = base_size) +
    ggplot2::theme(
      text = ggplot2::element_text(colour = ink),
      axis.text = ggplot2::element_text(colour = "#444444"),
      panel.grid.minor = ggplot2::element_blank(),
      panel.grid.major = ggplot2::element_line(colour = "#ECECEC", linewidth = 0.35),
      panel.border = ggplot2::element_rect(fill = NA, colour = "#BDBDBD", linewidth = 0.4),
      strip.text = ggplot2::element_text(colour = ink, face = "bold", hjust = 0),
      plot.subtitle = ggplot2::element_text(colour = ink, margin = ggplot2::margin(b = 8)),
      plot.background = ggplot2::element_rect(fill = "white", colour = NA),
      legend.position = "bottom",
      legend.direction = "vertical",
      legend.box = "vertical",
      legend.box.just = "left",
      legend.justification = "left",
      legend.title = ggplot2::element_text(size = ggplot2::rel(0.85)),
      legend.spacing.y = grid::unit(0, "pt"),
      legend.margin = ggplot2::margin(0, 0, 2, 0),
      # Wide enough that the last number of one panel's axis stays clear of the next one's first.
      panel.spacing.x = grid::unit(18, "pt"),
      legend.key.size = grid::unit(13, "pt"),
      plot.margin = ggplot2::margin(8, 12, 6, 8)
    )
}

scale_of_shares <- function(scale, labels, ...) {
  scale(
    breaks = seq(0, 1, 0.2),
    labels = function(x) format_number(x, 1, labels$decimal_mark),
    ...
  )
}

# "{level} % CI" and its like, which a user may reword; only these few names may stand in the braces.
fill_in <- function(template, ...) {
  values <- list(...)
  for (name in names(values)) {
    template <- gsub(paste0("{", name, "}"), values[[name]], template, fixed = TRUE)
  }
  template
}

# The tables that a figure shows, from an evaluation, or from predictions on the spot.
as_evaluation <- function(x, thresholds, split, call = rlang::caller_env()) {
  if (inherits(x, "placa_evaluation")) {
    return(x)
  }
  if (!is.data.frame(x)) {
    cli::cli_abort(
      c("{.arg x} must be an evaluation or a data frame of predictions.",
        x = "It is {.obj_type_friendly {x}}.",
        i = "{.fun evaluate} and {.fun read_evaluation} make the one, {.fun read_predictions} the other."),
      class = "placa_error_plot", call = call
    )
  }
  rows <- select_split(x, split, call)
  has_thresholds <- !is.null(thresholds)
  new_evaluation(
    discrimination = discrimination(rows, split),
    operating_points = if (has_thresholds) operating_points(rows, thresholds, split),
    calibration = calibration(rows, split),
    roc = roc_points(rows, split),
    thresholds = if (has_thresholds) check_thresholds(thresholds, unique(rows$finding)),
    predictions = rows[evaluation_columns],
    about = list(split = split, confidence = 0.95)
  )
}
