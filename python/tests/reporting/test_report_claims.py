"""The report claims only what the numbers carry: each test finds given numbers in its sentences."""

from __future__ import annotations

from typing import Any

import pytest
from report_fixtures import run_r_script
from report_strings import shows, strings

SCRIPT = """
folder <- commandArgs(TRUE)[[1]]
captured <- function(code) paste(utils::capture.output(force(code)), collapse = "\\n")
found <- function(finding, auroc, lower, upper) {
  data.frame(finding = finding, split = "test", auroc = auroc, auroc_lower = lower, auroc_upper = upper,
             confidence = 0.95, n_images = 60, n_patients = 5, n_positive = 30, prevalence = 0.5, method = "score")
}
facts <- function(many = FALSE, split = "test", patients = 5, total = 5, with = 3, without = 2) {
  groups <- data.frame(finding = c("Mass", "Edema")[seq_len(1 + many)], total = total, with = with, without = without)
  list(many = many, split = split, patients = patients, groups = groups, primary = "Mass", positive = finding("Mass"))
}
audit <- function(across) {
  leakage <- list(patients_across_splits = across, groups_across_splits = 0)
  list(info = list(data = list(audit = list(leakage = leakage))))
}
predictions <- data.frame(
  split = "test", finding = "Mass", patient_id = NA_character_, group_id = rep(c("a", "b", "c", "d", "e"), each = 12),
  image_id = as.character(1:60), truth = rep(c(1, 1, 1, 0, 0), each = 12)
)
points <- data.frame(
  finding = "Mass", operating_point = rep(c("sensitivity_95", "specificity_95", "youden"), each = 6),
  threshold = rep(c(0.0004, 0.7, 0.5), each = 6),
  metric = rep(c("sensitivity", "specificity", "true_positive", "false_positive", "true_negative",
                 "false_negative"), 3),
  estimate = c(0.53, 0, 30, 30, 0, 0, 0.4, 0.91, 12, 3, 27, 18, 0, 1, 0, 0, 30, 30),
  lower = c(0.36, 0, NA, NA, NA, NA, 0.2, 0.75, NA, NA, NA, NA, 0, 0.9, NA, NA, NA, NA),
  upper = c(0.70, 0.1, NA, NA, NA, NA, 0.6, 0.97, NA, NA, NA, NA, 0.1, 1, NA, NA, NA, NA)
)
measures <- data.frame(
  finding = rep(c("Mass", "Edema"), each = 2), stage = c("before", "after"), measure = "slope",
  estimate = c(0.82, 1.76, 0.5, 0.5)
)
fitted <- function(method, reason = NULL) list(method = method, chosen = is.null(reason), reason = reason)
recalibrated <- list(info = list(calibration = list(
  findings = list(Mass = fitted("platt"), Edema = fitted("none", "not_increasing")))))
abstained <- function(deferred, error) {
  data.frame(finding = "Mass", error_rate = 0.05, deferred = deferred, error_decided = error,
             error_decided_lower = 0.02, error_decided_upper = 0.18)
}
texts <- list()
for (lang in c("en", "es")) {
  set_language(lang)
  missing <- found("Mass", 0.88, NA, NA)
  two <- rbind(found("Mass", 0.45, 0.3, 0.6), found("Edema", 0.43, 0.2, 0.48))
  the_report$split <- "train"
  trained <- s("headline.auroc_one")
  the_report$split <- NULL
  texts[[lang]] <- list(
    groups = unlist(groups_by_truth(list(predictions = predictions), missing)[c("total", "with", "without")]),
    no_interval = no_interval_text(facts(patients = NULL)),
    few = captured(write_cautions(missing, facts(patients = NULL))),
    size = size_limit(found("Mass", 0.88, 0.14, 0.99), facts()),
    enough = captured(write_cautions(found("Mass", 0.9, 0.8, 0.95), facts(total = 60, with = 30, without = 30))),
    below = captured(write_cautions(found("Mass", 0.3, 0.2, 0.4), facts(total = 60, with = 30, without = 30))),
    many = captured(write_cautions(two, facts(many = TRUE, with = c(12, 4), without = 40))),
    unseen = seen_text(audit(0), facts()), leaked = seen_text(audit(3), facts()),
    seen_train = seen_text(audit(0), facts(split = "train")), trained = trained,
    seen_other = seen_text(audit(0), facts(split = "hospital")),
    caption = roc_captions(missing, plot_labels(lang)), targets = captured(write_targets(points)),
    recalibrated = captured(write_recalibrated(recalibrated, measures)),
    decided = captured(write_decided(abstained(0.4, 0.07))), nothing = captured(write_decided(abstained(1, NA))),
    flat = estimate_text(c(1, 0.9), c(1, 0.8), c(1, 0.95)),
    large = estimate_text(c(400.116, 14.144, 2.67), c(53.879, 4.11, 0.17), c(2971.32, 20.273, 828.53), 3)
  )
}
writeLines(jsonlite::toJSON(texts, auto_unbox = TRUE), file.path(folder, "texts.json"), useBytes = TRUE)
"""

MASS = {"en": "mass", "es": "masa"}


@pytest.fixture(scope="module")
def both(r: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run_r_script(r, SCRIPT, tmp_path_factory.mktemp("claims"))


@pytest.fixture(params=["en", "es"])
def lang(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_few_groups_have_no_interval_and_no_conclusion(both: dict[str, Any], lang: str) -> None:
    texts = both[lang]
    assert texts["groups"] == [5, 3, 2]
    assert shows(texts["no_interval"], lang, "headline.no_interval_groups", n="5")
    assert shows(texts["few"], lang, "headline.few_groups", **{"with": "3", "without": "2", "finding": MASS[lang]})
    assert texts["enough"] == ""
    width = "0.850" if lang == "en" else "0,850"
    assert shows(texts["size"], lang, "limits.size_few", images="60", groups="5", width=width)
    # The title of the curve has words in place of the missing limits.
    caption = texts["caption"].replace("\u00a0", " ")
    assert strings(lang)["figure.no_interval"] in caption and "––" not in caption


def test_results_below_chance_are_said(both: dict[str, Any], lang: str) -> None:
    texts, mark = both[lang], "." if lang == "en" else ","
    assert strings(lang)["headline.below_chance"] in texts["below"]
    assert shows(texts["many"], lang, "headline.below_chance_mean", auroc=f"0{mark}440")
    assert shows(texts["many"], lang, "headline.coin_toss_many", n="2", total="2")
    assert shows(texts["many"], lang, "headline.few_many", n="1", total="2", least="10")


def test_only_test_images_are_called_unseen(both: dict[str, Any], lang: str) -> None:
    texts, words = both[lang], strings(lang)
    assert texts["unseen"] == words["page.unseen_patients"]
    assert texts["leaked"] == words["page.unseen_leak"]
    assert texts["seen_train"] == words["page.seen_train"] and texts["seen_other"] == words["page.seen_other"]
    assert words["set_of.train"] in texts["trained"] and words["set_of.test"] not in texts["trained"]


def test_missed_targets_and_unusable_thresholds_are_said(both: dict[str, Any], lang: str) -> None:
    targets, names = both[lang]["targets"], strings(lang)
    missed, below = (targets[targets.index(names[f"points.{key}"].split("{")[0]) :] for key in ("missed", "below"))
    mark, percent = (".", "{n}%") if lang == "en" else (",", "{n}\u00a0%")
    reached = {"finding": MASS[lang], "target": percent.format(n=95)}
    sensitivity = {**reached, "metric": names["points.metric_of.sensitivity"], "reached": percent.format(n=53)}
    assert shows(missed, lang, "points.target", **sensitivity)
    specificity = {**reached, "metric": names["points.metric_of.specificity"], "reached": percent.format(n=91)}
    assert shows(below, lang, "points.target", **specificity)
    every = {"point": names["point.sensitivity_95"], "threshold": f"0{mark}000", "finding": MASS[lang]}
    assert shows(targets, lang, "points.unusable_all") and shows(targets, lang, "points.threshold_of", **every)
    none = {"point": names["point.youden"], "threshold": f"0{mark}500", "finding": MASS[lang]}
    assert shows(targets, lang, "points.unusable_none") and shows(targets, lang, "points.threshold_of", **none)


def test_recalibration_is_described_for_each_finding(both: dict[str, Any], lang: str) -> None:
    text, mark = both[lang]["recalibrated"], "." if lang == "en" else ","
    assert shows(text, lang, "calibration.before_after_some", done="1", total="2")
    reason = strings(lang)["calibration.fold_reason.not_increasing"]
    assert shows(text, lang, "calibration.not_recalibrated", reason=reason)
    assert shows(text, lang, "calibration.worse")
    worse = {"finding": MASS[lang], "before": f"0{mark}82", "after": f"1{mark}76"}
    assert shows(text, lang, "calibration.worse_of", **worse)


def test_the_error_among_the_decided_is_beside_the_share_deferred(both: dict[str, Any], lang: str) -> None:
    percent = "{n}%" if lang == "en" else "{n}\u00a0%"
    numbers = {"share": percent.format(n=40), "error": percent.format(n=7), "wanted": percent.format(n=5)}
    assert shows(both[lang]["decided"], lang, "abstention.decided", **numbers)
    assert shows(both[lang]["nothing"], lang, "abstention.nothing", wanted=numbers["wanted"])


def test_an_interval_without_width_is_not_printed(both: dict[str, Any], lang: str) -> None:
    certain, other = both[lang]["flat"]
    assert certain.endswith("(–)") and "–)" not in other


def test_large_numbers_have_fewer_decimals(both: dict[str, Any]) -> None:
    texts = both["en"]["large"]
    assert texts == ["400.1 (53.88–2,971)", "14.14 (4.110–20.27)", "2.670 (0.170–828.5)"]
