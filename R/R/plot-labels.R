#' Words of the figures
#'
#' Every word in a figure is here, so that a report in another language hands in
#' its own.
#'
#' @param language `"en"` or `"es"`, the language to start from.
#' @param ... Named texts to put in place of the language's own; the names are
#'   those of the result. `findings` and `operating_points` are named character
#'   vectors that are merged: `findings = c(Pneumonia = "Lung infection")`.
#' @return A list of class `placa_labels`: axis titles, legend entries, the
#'   decimal mark, the names of `findings` and of `operating_points` (names that
#'   are not in it are shown as they are).
#' @section Errors:
#' `placa_error_labels` for an unknown language or name.
#' @export
#' @examples
#' plot_labels("es")$sensitivity
#' plot_labels("en", observed = "Share with the finding", findings = c(Effusion = "Pleural fluid"))
plot_labels <- function(language = "en", ...) {
  known <- list(en = labels_en, es = labels_es)
  if (!rlang::is_string(language) || !language %in% names(known)) {
    cli::cli_abort(
      c("{.arg language} must be one of {.val {names(known)}}.",
        x = "It is {.val {language}}.",
        i = "Start from one of them and name what differs: {.code plot_labels(\"en\", observed = \"...\")}."),
      class = "placa_error_labels"
    )
  }
  labels <- known[[language]]()
  own <- rlang::list2(...)
  unknown <- setdiff(rlang::names2(own), names(labels))
  if (length(unknown) > 0) {
    cli::cli_abort(
      c("There {?is/are} no label{?s} {.val {unknown}}.", i = "There are {.val {names(labels)}}."),
      class = "placa_error_labels"
    )
  }
  for (name in names(own)) {
    merged <- name %in% c("findings", "operating_points")
    labels[[name]] <- if (merged) c(own[[name]], labels[[name]]) else own[[name]]
  }
  structure(labels, class = "placa_labels")
}

as_labels <- function(labels, call = rlang::caller_env()) {
  if (rlang::is_string(labels)) {
    labels <- plot_labels(labels)
  }
  if (!inherits(labels, "placa_labels")) {
    cli::cli_abort(
      c("{.arg labels} must come from {.fun plot_labels}, or be {.val en} or {.val es}.",
        x = "It is {.obj_type_friendly {labels}}."),
      class = "placa_error_labels", call = call
    )
  }
  labels
}

# What a name is called in the figure; a name without a translation stands for itself.
translate <- function(names, dictionary) {
  names <- as.character(names)
  found <- unname(dictionary[names])
  ifelse(is.na(found), names, found)
}

labels_en <- function() {
  list(
    decimal_mark = ".",
    percent_sign = "%",
    false_positive_rate = "1 \u2212 specificity",
    sensitivity = "Sensitivity",
    specificity = "Specificity",
    auroc = "AUROC",
    interval = "{level}% CI",
    operating_point = "Operating point",
    probability = "Predicted probability",
    observed = "Observed proportion",
    ideal = "Perfect calibration",
    bin = "Bin of {n} images (observed, {level}% CI)",
    with_finding = "Images with the finding",
    without_finding = "Images without it",
    operating_points = c(
      youden = "Youden index", sensitivity_95 = "For 95% sensitivity", specificity_95 = "For 95% specificity"
    ),
    findings = c(Pleural_Thickening = "Pleural thickening")
  )
}

labels_es <- function() {
  list(
    decimal_mark = ",",
    percent_sign = " %",
    false_positive_rate = "1 \u2212 especificidad",
    sensitivity = "Sensibilidad",
    specificity = "Especificidad",
    auroc = "AUROC",
    interval = "IC del {level} %",
    operating_point = "Punto de corte",
    probability = "Probabilidad predicha",
    observed = "Proporci\u00f3n observada",
    ideal = "Calibraci\u00f3n perfecta",
    bin = "Grupo de {n} im\u00e1genes (observado, IC del {level} %)",
    with_finding = "Im\u00e1genes con el hallazgo",
    without_finding = "Im\u00e1genes sin \u00e9l",
    operating_points = c(
      youden = "\u00cdndice de Youden", sensitivity_95 = "Para sensibilidad del 95 %",
      specificity_95 = "Para especificidad del 95 %"
    ),
    findings = c(
      Atelectasis = "Atelectasia", Cardiomegaly = "Cardiomegalia", Consolidation = "Consolidaci\u00f3n",
      Edema = "Edema", Effusion = "Derrame pleural", Emphysema = "Enfisema", Fibrosis = "Fibrosis",
      Hernia = "Hernia", Infiltration = "Infiltrado", Mass = "Masa", Nodule = "N\u00f3dulo",
      Pleural_Thickening = "Engrosamiento pleural", Pneumonia = "Neumon\u00eda", Pneumothorax = "Neumot\u00f3rax",
      `No Finding` = "Sin hallazgos", Opacity = "Opacidad"
    )
  )
}
