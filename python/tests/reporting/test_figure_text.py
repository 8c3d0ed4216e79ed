"""No text of a figure ends outside its picture, for the longest names of findings in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_fixtures import run_r_script
from report_pages import texts_outside
from report_strings import strings

SCRIPT = """
arguments <- commandArgs(TRUE)
folder <- arguments[[1]]
one <- example_predictions()
one <- one[one$finding == one$finding[[1]], ]
points <- example_thresholds()
evaluation <- suppressWarnings(evaluate.data.frame(one, points[points$finding == one$finding[[1]], ], draws = 100))
for (lang in c("en", "es")) {
  set_language(lang)
  names <- strsplit(arguments[[match(lang, c("en", "es")) + 1]], "|", fixed = TRUE)[[1]]
  for (i in seq_along(names)) {
    labels <- plot_labels(lang, findings = stats::setNames(names[[i]], one$finding[[1]]))
    figures <- list(
      roc = list(plot_roc(evaluation, labels = labels), inches_of_panels(1, 8, 6)),
      pr = list(ggplot2::autoplot(evaluation, "pr", labels = labels), inches_of_panels(1, 1, 5.6)),
      calibration = list(plot_calibration(evaluation, one, labels = labels), inches_of_panels(1, 1, 7)),
      decision = list(ggplot2::autoplot(evaluation$decision_curve, labels = labels), inches_of_panels(1, 1, 5)),
      subgroups = list(ggplot2::autoplot(evaluation$subgroups, labels = labels), c(8, 5))
    )
    for (name in names(figures)) {
      svglite::svglite(file.path(folder, paste(lang, i, name, "svg", sep = ".")), figures[[name]][[2]][[1]],
                       figures[[name]][[2]][[2]])
      suppressWarnings(print(in_report_style(figures[[name]][[1]])))
      grDevices::dev.off()
    }
  }
}
writeLines("{}", file.path(folder, "texts.json"))
"""


def longest_names(lang: str, count: int = 4) -> list[str]:
    names = [text[0].upper() + text[1:] for key, text in strings(lang).items() if key.startswith("finding.")]
    return sorted(set(names), key=len)[-count:]


@pytest.fixture(scope="module")
def pictures(r: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    run_r_script(r, SCRIPT, folder, *("|".join(longest_names(lang)) for lang in ("en", "es")))
    return folder


@pytest.mark.slow
def test_all_text_is_inside_the_picture(pictures: Path) -> None:
    files = sorted(pictures.glob("*.svg"))
    assert len(files) == 2 * 4 * 5
    outside = {file.name: texts_outside(file.read_text(encoding="utf-8")) for file in files}
    assert {name: texts for name, texts in outside.items() if texts} == {}
