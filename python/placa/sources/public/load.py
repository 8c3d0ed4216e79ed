"""Turn the records of a public set into a source: findings, policies, views, files, split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from msgspec import convert

from placa.core.errors import require_known
from placa.core.progress import SILENT, Progress
from placa.core.text import as_list
from placa.records.codes import Note
from placa.records.source import LabelPolicy
from placa.sources.errors import ConflictingOptionsError, ImagesNotFoundError, PositiveNegativeOverlapError
from placa.sources.public.boxes import boxes_of
from placa.sources.public.files import match_files
from placa.sources.public.labels import (
    BLANK_POLICIES,
    UNCERTAIN_POLICIES,
    apply_policies,
    combine,
    truth_against,
    written_counts,
)
from placa.sources.public.records import ACQUISITION, POSITIVE, UNCERTAIN, PublicSet, Records
from placa.sources.public.remarks import overlap_notes, policy_notes, require_both
from placa.sources.public.split import choose_split
from placa.sources.recognise import naming_another_source
from placa.sources.source import (
    ALL,
    ANY,
    ANY_FINDING,
    REST_WORD,
    TEMPORAL,
    Source,
    comparison_of,
    keyword_of,
    require_dates,
    require_directory,
)
from placa.sources.tables import follow_link
from placa.sources.views import select_views
from placa.sources.vocabulary import resolve

SPLITS = ("auto", "official", "seeded", TEMPORAL)


@dataclass(frozen=True)
class Selection:
    """What to take from a set; see `read_public`.

    Attributes:
        labels: The findings, and the labels of the set that mean each.
        compared: The labels of the comparison `negative`; none for the rest.
    """

    labels: dict[str, tuple[str, ...]]
    negative: str
    compared: tuple[str, ...]
    only: bool
    views: list[str]
    uncertain: str | None
    blank: str | None
    split: str


def read_public(
    spec: PublicSet,
    root: str | Path,
    positive: str | Sequence[str],
    negative: str | None = None,
    only: bool = False,
    views: str | Sequence[str] | None = None,
    uncertain: str | None = None,
    blank: str | None = None,
    split: str = "auto",
    progress: Progress = SILENT,
    **choices: str,
) -> Source:
    """Read the tables of a public set, and find the existing images.

    Args:
        spec: The set.
        root: Its directory.
        positive: A finding, several, ``"any"`` or ``"all"``.
        negative: The comparison: ``"rest"`` (images labelled without the finding) or a label; by default the set's.
        only: Whether positive images must have no other finding.
        views: ``"frontal"``, ``"PA"``, ``"AP"``, ``"lateral"``, ``"all"``, or several; by default the set's.
        uncertain: ``"negative"``, ``"positive"``, ``"unknown"`` or ``"drop"``; by default the set's.
        blank: ``"negative"`` or ``"unknown"``; by default the set's.
        split: ``"official"``, ``"seeded"`` (random, by patient), ``"temporal"`` (by date), or ``"auto"``: official if
            the set has one.
        progress: Where progress is reported.
        choices: The set's own options.

    Returns:
        The existing images with a truth.

    Raises:
        UnknownNameError: A finding, a view or an option is unknown.
        ViewsUnknownError: `views` selects by view, and no view is known.
        UncleanMappingError: The set has only labels that do not mean the same as a finding.
        DatesUnknownError: `split` is temporal, and the set has no dates.
        MissingDirectoryError: `root` is not a directory.
        MissingFileError: A table is missing.
        WrongSourceError: `root` has another data set.
        ImagesNotFoundError: None of the images exists.
        SingleClassError: All existing images have the same label.
    """
    root = Path(root)
    _check(spec, split, uncertain, blank, choices)
    require_directory(root, spec.layout)
    with naming_another_source(root, spec.kind):
        records = spec.read(root, {**spec.defaults, **choices}, progress)
    if split == TEMPORAL:
        require_dates(records.images, spec.title)
    known = list(map(str, records.labels.columns))
    labels = _findings(spec, as_list(positive), known)
    comparison = negative or spec.negative
    compared: tuple[str, ...] = ()
    if comparison != REST_WORD:
        comparison, compared = resolve(spec.kind, spec.title, comparison, known, (REST_WORD,))
        if comparison in labels:
            raise PositiveNegativeOverlapError(
                f"--positive and --negative are both {comparison!r}. Name two different findings.", name=comparison
            )
    views = as_list(views) or list(spec.views)
    policies = uncertain or spec.uncertain, blank or spec.blank
    return _build(spec, root, records, Selection(labels, comparison, compared, only, views, *policies, split), choices)


def _check(spec: PublicSet, split: str, uncertain: str | None, blank: str | None, choices: dict[str, str]) -> None:
    require_known("split", split, SPLITS)
    for option, value, default, policies in (
        ("--uncertain", uncertain, spec.uncertain, UNCERTAIN_POLICIES),
        ("--blank", blank, spec.blank, BLANK_POLICIES),
    ):
        if value is None:
            continue
        require_known(option, value, policies)
        if default is None:
            raise ConflictingOptionsError(
                f"{spec.title} has no labels for {option}. Omit it.", option=option, names=[spec.kind]
            )
    known = {choice.name: choice.values for choice in spec.choices}
    for name, value in choices.items():
        require_known("option", name, known)
        require_known(f"--{name}", value, known[name])


def _findings(spec: PublicSet, positive: list[str], known: list[str]) -> dict[str, tuple[str, ...]]:
    """Return the findings, and the labels of each."""
    keyword = keyword_of(positive)
    findings = [label for label in known if label not in spec.not_findings]
    if keyword == ANY:
        return {ANY_FINDING: tuple(findings)}
    names = findings if keyword == ALL else positive
    return dict(resolve(spec.kind, spec.title, name, known, (ANY, ALL)) for name in names)


def _build(spec: PublicSet, root: Path, records: Records, chosen: Selection, choices: dict[str, str]) -> Source:
    table, notes, findings = records.images, list(records.notes), list(chosen.labels)
    truth, written = _truth(spec, records, chosen)
    wanted = select_views(table.get("view"), chosen.views, table.index, notes)
    selected = table[truth.notna().any(axis=1) & wanted]
    found = table["path"] if "path" in table else match_files(table["file"], root, records.parts, notes)
    paths = found[selected.index]
    kept = selected[paths.notna()]
    if kept.empty:
        raise ImagesNotFoundError(
            f"None of the {len(selected):,} images selected exists under {root}. Put {spec.layout} there.",
            images=len(selected),
            searched=[str(root)],
        )
    dates = () if chosen.split == TEMPORAL else ("date",)
    images = kept.drop(columns=["file", *dates, *set(ACQUISITION) & set(kept)], errors="ignore")
    images = images.assign(path=paths[kept.index]).join(truth)
    images, given, conflicts = choose_split(images, chosen.split, notes)
    require_both(images, findings, root, notes)
    if "label_source" not in images:
        images["label_source"] = spec.title
    if "site" not in images:
        images["site"] = spec.title
    renamed = [f"{', '.join(map(repr, own))} is {name!r}" for name, own in chosen.labels.items() if own != (name,)]
    if renamed and ANY_FINDING not in findings:
        text = f"names in placa's vocabulary: {'; '.join(renamed[:3])}{'; …' if len(renamed) > 3 else ''}"
        notes.append(Note(text, "finding_names", findings=len(renamed)))
    patients = images["patient_id"].notna().all() if "patient_id" in images else False
    notes += policy_notes(spec, chosen.uncertain, chosen.blank, written) + overlap_notes(spec)
    return Source(
        kind=spec.kind,
        images=images.reset_index(drop=True),
        findings=findings,
        comparison=comparison_of(chosen.negative),
        label_source=spec.title,
        positive_alone=chosen.only,
        unused=len(table) - len(selected) + records.unused,
        missing=int(paths.isna().sum()),
        # Where the files are known already, none is missing.
        missing_files=list(selected[paths.isna()].reindex(columns=["image_id", "file"]).itertuples(False, None)),
        rejected=records.rejected + conflicts,
        grouped=bool(patients),
        given_split=given,
        tables=[str(follow_link(path)) for path in records.tables],
        notes=notes,
        options={
            "root": str(root),
            "positive": findings,
            "negative": chosen.negative,
            "only": chosen.only,
            "views": chosen.views,
            "uncertain": chosen.uncertain,
            "blank": chosen.blank,
            "split": chosen.split,
            **choices,
        },
        boxes=boxes_of(records, images, chosen.labels, notes),
        other_labels=records.other_labels,
        acquisition=_acquisition(kept),
        label_policy=_policy(spec, chosen, written),
        temporal=chosen.split == TEMPORAL,
    )


def _acquisition(kept: pd.DataFrame) -> pd.DataFrame | None:
    """Return what is known about acquisition and reading, as far as the set records it."""
    recorded = [name for name in ACQUISITION if name in kept and kept[name].notna().any()]
    if "site" in kept and kept["site"].nunique() > 1:
        recorded.append("site")
    return kept[["image_id", *recorded]].reset_index(drop=True) if recorded else None


def _policy(spec: PublicSet, chosen: Selection, written: dict[str, dict[str, int]]) -> LabelPolicy | None:
    if spec.uncertain is None and spec.blank is None:
        return None
    labels = [{"finding": name, **counts} for name, counts in written.items()]
    return convert({"uncertain": chosen.uncertain, "blank": chosen.blank, "written": labels}, LabelPolicy)


def _truth(spec: PublicSet, records: Records, chosen: Selection) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Return the truth of each finding, and the counts of its labels as written."""
    labels, truth, written = records.labels, {}, {}
    others = [name for name in labels if name not in spec.not_findings]
    dropped = pd.Series(False, index=labels.index)
    for name, own in chosen.labels.items():
        codes = combine(labels[list(own)])
        written[name] = written_counts(codes)
        values = apply_policies(codes, chosen.uncertain, chosen.blank)
        if spec.normal in labels and name not in spec.not_findings:
            # "No Finding" excludes each finding that the report does not mention.
            values = values.mask((labels[spec.normal] == POSITIVE) & values.isna() & (codes != UNCERTAIN), 0)
        if chosen.compared:
            values = truth_against(codes, values, (combine(labels[list(chosen.compared)]) == POSITIVE))
        if chosen.only:
            alone = ~(labels[[other for other in others if other not in own]] == POSITIVE).any(axis=1)
            values = values.mask((values == 1).fillna(False) & ~alone)
        dropped |= codes == UNCERTAIN
        truth[name] = values
    frame = pd.DataFrame(truth, index=labels.index)
    if chosen.uncertain == "drop":
        frame[dropped] = pd.NA
    return frame, written
