"""A CSV or parquet table with a path and a label per image, and optional columns about patients and images."""

from __future__ import annotations

import argparse
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from placa.core.errors import unknown_name
from placa.core.progress import Progress
from placa.images.read import EXTENSIONS, files_under, looks_like_image
from placa.records.codes import Note
from placa.records.manifest import FIXED
from placa.sources.errors import (
    ImagesNotFoundError,
    MissingColumnError,
    NoUsableRowError,
    ReservedNameError,
    SingleClassError,
)
from placa.sources.source import Source, as_list
from placa.sources.table.labels import Labels, LabelValues, label_columns, read_truth, truth_of_parts
from placa.sources.tables import TextTable, read_text_table
from placa.sources.tables.cells import find_column, find_columns, read_ages, read_sexes, read_splits, read_views
from placa.sources.tables.duplicates import reject_duplicates
from placa.sources.tables.identifiers import join_groups, patients_in_paths, read_patients
from placa.sources.tables.words import UNKNOWN, fold, shown

#: The usual names of each column, in English, Spanish and the public data sets; the first found is used. Case, accents,
#: and all characters but letters and digits are ignored.
COLUMNS = {
    "path": (
        *(
            "path",
            "image_path",
            "file_path",
            "file",
            "file_name",
            "image",
            "image_index",
            "image_file",
            "img",
            "img_path",
        ),
        *("png_path", "jpg_path", "dicom_path", "full_path", "relative_path", "archivo", "nombre_archivo", "fichero"),
        *("nombre_fichero", "ruta", "ruta_imagen", "ruta_archivo", "imagen", "nombre_imagen"),
    ),
    "id": ("image_id", "image_name", "dicom_id", "id_imagen", "imagen_id", "sop_instance_uid"),
    "patient": (
        *("patient_id", "patient", "subject_id", "subject", "patient_number", "patient_code", "patient_key"),
        *("anon_patient_id", "empi", "empi_anon", "mrn", "medical_record_number", "person_id", "participant_id"),
        *("participant", "subject_number", "paciente", "id_paciente", "paciente_id", "codigo_paciente", "cod_paciente"),
        *("num_paciente", "numero_paciente", "nhc", "historia_clinica", "numero_historia", "numero_historia_clinica"),
        *("num_historia", "n_historia", "sujeto", "id_sujeto"),
    ),
    "group": ("group_id",),
    "split": ("split", "subset", "particion", "conjunto", "data_split", "set_type"),
    "sex": ("sex", "gender", "patient_sex", "patient_gender", "sexo", "genero", "sexo_paciente", "patient_sex_dicom"),
    "age": ("age", "patient_age", "age_years", "age_at_study", "edad", "edad_paciente", "edad_anos"),
    "view": (
        *("view", "view_position", "projection", "ap/pa", "frontal/lateral", "patient_view", "proyeccion", "vista"),
        *("view_position_dicom", "view_cat", "view_type"),
    ),
    "site": ("site", "hospital", "institution", "institution_name", "centro", "institucion"),
}
#: Folders that a table's path may begin with and the disk lacks (``CheXpert-v1.0/train/…``).
_DROPPED_FOLDERS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this source's options to ``placa prepare table``."""
    parser.add_argument("table", type=Path, metavar="TABLE", help="CSV, TSV or parquet, one row per image")
    parser.add_argument(
        "--label",
        required=True,
        nargs="+",
        metavar="COLUMN",
        help="label column; several columns are findings of 0 and 1",
    )
    parser.add_argument(
        "--positive", nargs="+", metavar="VALUE", help="positive values of the label (default: 1, yes, true)"
    )
    parser.add_argument("--negative", nargs="+", metavar="VALUE", help="values of the comparison (default: all others)")
    parser.add_argument("--finding", metavar="NAME", help="the name of the finding")
    parser.add_argument(
        "--separator", metavar="TEXT", help="what separates findings in a cell (default: detected; none: nothing)"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="start of relative paths (default: TABLE's directory)")
    for name, usual_names in COLUMNS.items():
        parser.add_argument(
            f"--{name}-column",
            metavar="COLUMN",
            help=f"(default: {usual_names[0]}{' or similar' if len(usual_names) > 1 else ''}; none: ignore the column)",
        )


def from_options(options: argparse.Namespace, progress: Progress) -> Source:
    """Read the source that the command line names."""
    progress.say(f"reading {options.table}")
    given = {name: getattr(options, f"{name}_column") for name in COLUMNS}
    columns = {name: column for name, column in given.items() if column is not None}
    return read_table(
        options.table,
        options.label,
        options.positive,
        options.negative,
        options.finding,
        options.root,
        columns,
        options.separator,
    )


def read_table(
    table: str | Path,
    label: str | Sequence[str],
    positive: str | Sequence[str] | None = None,
    negative: str | Sequence[str] | None = None,
    finding: str | None = None,
    root: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    separator: str | None = None,
) -> Source:
    """Read a table of images and labels.

    With one label column, its value defines whether an image is positive; images without a label are not used. With
    several, each is a finding and an empty cell means unknown; images without any label are not used. The uncertain
    label ``-1`` of CheXpert (Irvin et al. 2019) counts as unknown. A cell may name several findings. Rows of one image
    that differ only in the finding are joined.

    Args:
        table: A CSV, TSV or parquet file, also compressed with gzip, one row per image or per finding.
        label: The label column, or several.
        positive: The values of a positive image; by default 1, yes, true and similar.
        negative: The values of a comparison image; by default all others. Images with neither are not used.
        finding: The name of the finding; by default the positive value, or the column if its values are yes and no.
        root: The start of relative paths; by default the table's own directory.
        columns: The names of the columns ``path``, ``id``, ``patient``, ``group``, ``split``, ``sex``, ``age``,
            ``view`` and ``site``; by default a usual name. ``"none"`` ignores the column. If the patient column is the
            path column, patients are taken from paths such as ``patient00001/study1/view1.jpg``.
        separator: What separates findings in a label cell; ``"none"`` for nothing; by default detected (see
            `placa.sources.tables.label_cells.read_entries`).

    Returns:
        The existing images. If neither patients nor groups are known, `prepare` searches for groups.

    Raises:
        MissingColumnError: The table has no column of paths.
        UnknownNameError: A column or value is unknown.
        LabelValuesError: The labels are words, and `positive` is not given.
        LabelSeparatorError: It is ambiguous whether a label cell has several findings.
        LossyIdentifierError: The patients have lost digits.
        NoUsableRowError: No row can be used.
        ImagesNotFoundError: None of the images exists.
        SingleClassError: All existing images have the same label.
    """
    table, root = Path(table), Path(root) if root else None
    given = dict(columns or {})
    unknown_kinds = sorted(set(given) - set(COLUMNS))
    if unknown_kinds:
        raise unknown_name("kind of column", unknown_kinds[0], COLUMNS)
    rows = read_text_table(table)
    table = rows.path
    base = root if root is not None else table.parent
    columns_of_labels = label_columns(rows, as_list(label))
    named = {kind: find_column(rows, given.get(kind), usual_names) for kind, usual_names in COLUMNS.items()}
    _name_path_column(rows, named, base)
    notes = list(rows.notes)
    notes.append(_columns_note(named))
    options = LabelValues(as_list(positive), as_list(negative), finding, separator)
    truth = read_truth(rows, columns_of_labels, options, notes)
    reserved = sorted(set(truth.findings) & set(FIXED))
    if reserved:
        raise ReservedNameError(
            f"The name {reserved[0]!r} is reserved for a column of the manifest. Choose another with --finding.",
            name=reserved[0],
        )
    cells = _cells(rows, named, given, notes)
    files = _paths(cells["path"], base, notes)
    joined = _join_rows(rows, cells, truth, files)
    kept, rejected = _usable(rows, cells, named, truth, files, joined.index)
    kept &= ~joined.merged
    if joined.merged.any():
        count, images_joined = int(joined.merged.sum()), int(joined.first.sum())
        text = f"{count + images_joined:,} rows name findings of {images_joined:,} images, and were joined"
        notes.append(Note(text, "rows_joined", rows=count + images_joined, images=images_joined))
    if not kept.any():
        first = f" (first: {rejected[0][0]}: {rejected[0][1]})" if rejected else ""
        raise NoUsableRowError(
            f"None of the {len(rows):,} rows of {table} can be used{first}. Correct the table.",
            file=str(table),
            rows=len(rows),
            row=rejected[0][0] if rejected else None,
            reason=rejected[0][1] if rejected else None,
        )
    labelled = joined.values[kept & joined.values.notna().any(axis=1)]
    paths = files[labelled.index]
    existing = paths.map(os.path.isfile).astype(bool)
    if not existing.any():
        searched = f" (first: {paths.iloc[0]}). Check --root." if len(paths) else "."
        raise ImagesNotFoundError(
            f"None of the {len(paths):,} labelled images of {table} exists{searched}",
            images=len(paths),
            searched=paths.iloc[:1].tolist(),
        )
    labelled, findings = _require_both(labelled, existing, truth, table, rejected, notes)
    existing = existing[labelled.index]
    paths = paths[labelled.index]
    images = _images(labelled[existing], paths[existing], cells, notes)
    _warn_of_patients(rows, named, given, images, notes)
    images["label_source"] = table.name
    return Source(
        kind="table",
        images=images.reset_index(drop=True),
        findings=findings,
        comparison=truth.comparison,
        label_source=table.name,
        rows=len(rows) - int(joined.merged.sum()),
        unused=int(kept.sum()) - len(labelled),
        missing=int((~existing).sum()),
        rejected=rejected,
        grouped="patient_id" in images or "group_id" in images,
        given_split={"by": "column", "name": named["split"]},
        tables=[str(table)],
        notes=notes,
        options={
            "table": str(table),
            "label": columns_of_labels,
            "positive": as_list(positive),
            "negative": as_list(negative),
            "finding": finding,
            "root": str(root) if root is not None else None,
            "separator": separator,
            "columns": {kind: column for kind, column in named.items() if column is not None},
        },
    )


def _name_path_column(rows: TextTable, named: dict[str, str | None], base: Path) -> None:
    """Use the column of image ids, or of patients, if the table has no column of paths and its cells name files."""
    if named["path"] is None and named["id"] is not None:
        named["path"] = named["id"]
    patient = named["patient"]
    if named["path"] is None and patient is not None:
        files = _paths(rows.frame[patient].drop_duplicates().head(1000), base, [])
        if files.map(os.path.isfile).any():
            named["path"] = patient
    if named["path"] is None:
        raise MissingColumnError(
            f"No column 'path' in {rows.path} (columns: {', '.join(map(str, rows.frame.columns[:12]))}). Name the "
            "image column with --path-column.",
            file=str(rows.path),
            column="path",
            accepted=list(COLUMNS["path"]),
            columns=list(map(str, rows.frame.columns)),
        )


def _columns_note(named: Mapping[str, str | None]) -> Note:
    used = {kind: column for kind, column in named.items() if column is not None}
    unused = [kind for kind in COLUMNS if kind not in used]
    text = "columns: " + ", ".join(f"{kind} from {shown(column)}" for kind, column in used.items())
    text += f"; not found: {', '.join(unused)}" if unused else ""
    return Note(text, "columns_used", **used)


def _cells(
    rows: TextTable, named: dict[str, str | None], given: Mapping[str, str], notes: list[Note]
) -> dict[str, pd.Series]:
    """Return the cells of each kind; those of an unknown patient, group, split or site are ``""``."""
    cells = {kind: rows.frame[column] for kind, column in named.items() if column is not None}
    for kind in set(cells) & {"group", "split", "site"}:
        cells[kind] = cells[kind].mask(cells[kind].map(fold).isin(UNKNOWN), "")
    patient = named["patient"]
    if patient is not None and patient == named["path"] and given.get("patient") is not None:
        cells["patient"] = patients_in_paths(cells["path"])
    elif patient is not None:
        cells["patient"] = read_patients(cells["patient"], patient, rows.path, notes)
    if "view" in cells and "view" not in given:
        # CheXpert has the direction of frontal images in one column, and laterals in another.
        views = cells["view"].map(fold)
        for column in find_columns(rows, COLUMNS["view"])[1:]:
            other = rows.frame[column]
            cells["view"] = cells["view"].mask(views.isin(UNKNOWN), other)
            views = cells["view"].map(fold)
    return cells


def _warn_of_patients(
    rows: TextTable, named: Mapping[str, str | None], given: Mapping[str, str], images: pd.DataFrame, notes: list[Note]
) -> None:
    """Add a remark with the number of patients, or a warning if they are unknown."""
    if "patient_id" in images:
        count = int(images["patient_id"].nunique())
        notes.append(Note(f"patients: {count:,}, in {len(images):,} images", "patients_found", patients=count))
        return
    if given.get("patient", "").lower() == "none" or "group_id" in images:
        return
    columns = ", ".join(map(str, rows.frame.columns[:12]))
    consequence = (
        "PATIENTS ARE UNKNOWN: images of one patient may be in training and test, and results may be too optimistic. "
        "Related images are searched by similarity"
    )
    remedy = "Name the column of patients with --patient-column, or pass --patient-column none"
    if named["patient"] is None:
        if (patients_in_paths(images["path"]) != "").all():
            remedy = f"The paths name patients: pass --patient-column {named['path']!r} to use them"
        text = f"no column of patients was recognised (columns: {columns}). {consequence}. {remedy}"
        notes.append(Note(text, "no_patient_column", columns=columns))
    else:
        text = f"column {named['patient']!r} names no patient. {consequence}. {remedy}"
        notes.append(Note(text, "patients_unknown", column=str(named["patient"])))


def _require_both(
    labelled: pd.DataFrame,
    existing: pd.Series,
    truth: Labels,
    table: Path,
    rejected: list[tuple[str, str]],
    notes: list[Note],
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out the findings that all existing images have, or that none has; require that one remains.

    Returns:
        The labels of the images that have a label of a remaining finding, and the remaining findings.
    """
    values, findings = labelled[existing], []
    for finding in truth.findings:
        lacking = [value for value in (1, 0) if not (values[finding] == value).any()]
        if not lacking:
            findings.append(finding)
            continue
        words = f"no existing image is {'positive' if lacking[0] else 'negative'} for {finding}"
        if len(truth.findings) > 1:
            text = f"{words}, so this finding is left out"
            notes.append(Note(text, "no_positive" if lacking[0] else "no_negative", finding=finding))
        if len(truth.findings) == 1 or (finding == truth.findings[-1] and not findings):
            read = next((f" {note[0].upper()}{note[1:]}." for note in notes if note.code == "labels_read"), "")
            reason = f" {len(rejected):,} rows were rejected (first: {rejected[0][1]})." if rejected else ""
            raise SingleClassError(
                f"In {table}, {words}.{read}{reason} Check --label, --positive and --negative.",
                finding=finding,
                missing=lacking[0],
            )
    remaining = labelled[findings]
    return remaining[remaining.notna().any(axis=1)], findings


@dataclass(frozen=True)
class JoinedRows:
    """Hold the rows of a table, in which those of one image are joined.

    Attributes:
        values: The labels; those of a first row include those of the rows that were joined with it.
        merged: Whether a row was joined with an earlier one.
        first: Whether other rows were joined with a row.
    """

    values: pd.DataFrame
    merged: pd.Series
    first: pd.Series

    @property
    def index(self) -> pd.Index:
        """Return the rows that were not joined with an earlier one."""
        return self.merged.index[~self.merged]


def _join_rows(rows: TextTable, cells: Mapping[str, pd.Series], truth: Labels, files: pd.Series) -> JoinedRows:
    """Join the rows of one image that agree in all but the finding, such as one row per lesion or per reader.

    Rows are not joined, and are rejected later, if they contradict each other: in a fact about the image, in a label of
    0 and 1, or if one is positive and another belongs to the comparison that was named or is normal. Rows that are
    equal in all columns are repetitions, and not joined.
    """
    index = rows.frame.index
    merged = pd.Series(False, index=index)
    first = merged.copy()
    values = truth.values.copy()
    unchanged = JoinedRows(values, merged, first)
    keys = cells.get("id", cells["path"])
    candidates = (keys != "") & (truth.reasons == "") & keys.duplicated(keep=False)
    if not candidates.any():
        return unchanged
    facts = pd.concat([files.rename("file"), *(cells[kind].rename(kind) for kind in cells if kind != "path")], axis=1)
    used = facts[candidates].assign(key=keys[candidates])
    whole = rows.frame[candidates].assign(**{"": keys[candidates]})
    repeated = whole.duplicated(keep=False).groupby(used["key"]).transform("all")
    agree = (used.groupby("key").transform("nunique") == 1).all(axis=1) & ~repeated
    if truth.parts is None:
        same = truth.values[candidates].astype("string").fillna("").agg("|".join, axis=1)
        agree &= same.groupby(used["key"]).transform("nunique") == 1
        parts = None
    else:
        parts = truth.parts[candidates].groupby(used["key"]).transform("any")
        agree &= ~(parts["positive"] & parts["normal"]) | (
            truth.parts.loc[candidates, ["positive", "normal"]].all(axis=1).groupby(used["key"]).transform("any")
        )
    chosen = used.index[agree]
    if not len(chosen):
        return unchanged
    later = used.loc[chosen, "key"].duplicated(keep="first")
    merged[chosen] = later
    first[chosen] = ~later
    if parts is not None:
        values.loc[chosen, truth.findings[0]] = truth_of_parts(parts.loc[chosen])
    return JoinedRows(values, merged, first)


def _usable(
    rows: TextTable,
    cells: dict[str, pd.Series],
    named: dict[str, str | None],
    truth: Labels,
    files: pd.Series,
    images: pd.Index,
) -> tuple[pd.Series, list[tuple[str, str]]]:
    """Select the usable rows among `images`; list the others of them with the reasons."""
    reasons = truth.reasons.copy()

    def reject(bad: pd.Series, reason: str | pd.Series) -> None:
        reasons.update(pd.Series(reason, index=reasons.index, dtype=object)[bad & (reasons == "")])

    reject(cells["path"] == "", f"its column {named['path']!r} is empty")
    if "id" in cells:
        reject(cells["id"] == "", f"its column {named['id']!r} is empty")
    units = [kind for kind in ("patient", "group") if kind in cells and (cells[kind] != "").any()]
    if units:
        # An image of an unknown patient may leak into another split.
        known = pd.concat([cells[kind] != "" for kind in units], axis=1).any(axis=1)
        advice = f"fill it in, or use --{units[0]}-column none to search for groups"
        reject(~known, f"its {units[0]} is unknown (column {named[units[0]]!r}): {advice}")
    if "split" in cells:
        reject(
            (cells["split"] != "") & read_splits(cells["split"]).isna(),
            "its split "
            + cells["split"].map(shown)
            + " is not train, validation or test: correct it, or use --split-column none",
        )
    keys = cells.get("id", cells["path"])
    left_out = (reasons != "") & (truth.reasons == "") & (keys != "")
    for finding in truth.findings:
        # A negative row must not hide the label of a rejected row of the same image.
        negative = (truth.values[finding] == 0).fillna(False).astype(bool)
        hidden = negative & keys.isin(keys[left_out & ~negative])
        reject(hidden, "another row of its image is rejected and has another label: correct both rows")
    is_image = pd.Series(reasons.index.isin(images), index=reasons.index)
    reasons = reasons.where(is_image, "")
    rejected = rows.reject(reasons)
    keep = (reasons == "") & is_image
    compared = pd.concat([truth.values.astype("string"), *(cells[kind].rename(named[kind]) for kind in cells)], axis=1)
    compared = compared.loc[:, ~compared.columns.duplicated()]
    for keys, noun in ((cells.get("id", cells["path"]), "the image"), (files, "the file")):
        index = keep.index[keep]
        # Two names for one file do not contradict each other; two labels do.
        own = [named["path"], named["id"]] if noun == "the file" else [named["id"]]
        unique, repeats = reject_duplicates(
            rows, keys[index], compared.loc[index].drop(columns=own, errors="ignore"), noun
        )
        keep[index] = unique
        rejected += repeats
    return keep, rows.rejected + rejected


def _paths(text: pd.Series, root: Path, notes: list[Note]) -> pd.Series:
    """Return the file of each path, or of each name without folders or ending; a path as given if no file exists."""
    base = os.path.abspath(root)

    def resolve(name: str) -> str:
        path = os.path.normpath(os.path.join(base, name))
        if "\\" in name and not os.path.exists(path):
            # The table has Windows paths.
            return os.path.normpath(os.path.join(base, name.replace("\\", "/")))
        return path

    paths = text.map(resolve)
    lost = paths[(text != "") & ~paths.map(os.path.isfile).astype(bool)]
    if not len(lost) or not os.path.isdir(base):
        return paths
    found = _search(sorted(lost.unique()), base)
    if found:
        text_of_note = f"{len(found):,} images are not at their path in the table, and were found by name under {base}"
        notes.append(Note(text_of_note, "images_found_by_name", images=len(found)))
    return paths.map(lambda path: found.get(path, path))


def _search(lost: list[str], base: str) -> dict[str, str]:
    """Find files by the end of their path, without the ending of the name, in Unicode normal form.

    A file is used if only one fits.
    """
    by_end: dict[str, set[str]] = {}
    try:
        files = [file for file in files_under(base) if looks_like_image(file)]
    except OSError:
        return {}
    for file in files:
        relative = os.path.relpath(file, base)
        for end in (relative, os.path.basename(relative)):
            for key in (_searched(end), _searched(os.path.splitext(end)[0])):
                by_end.setdefault(key, set()).add(os.path.abspath(file))
    found: dict[str, str] = {}
    for path in lost:
        relative = os.path.relpath(path, base)
        if relative.startswith(".."):
            continue
        parts = relative.split(os.sep)
        # The table may have a folder in front that the disk lacks.
        ends = ["/".join(parts[start:]) for start in range(min(len(parts) - 1, _DROPPED_FOLDERS) + 1)]
        for end in ends:
            stem, ending = os.path.splitext(end)
            names = [_searched(end)] + ([_searched(stem)] if ending.lower() in EXTENSIONS else [])
            matches = next((by_end[name] for name in names if name in by_end), set())
            if len(matches) == 1:
                found[path] = next(iter(matches))
            if matches:
                break
    return found


def _searched(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace(os.sep, "/")).casefold()


def _images(labelled: pd.DataFrame, paths: pd.Series, cells: dict[str, pd.Series], notes: list[Note]) -> pd.DataFrame:
    index = labelled.index
    out = pd.DataFrame({"image_id": cells.get("id", cells["path"])[index], "path": paths})
    for kind, column in (("patient", "patient_id"), ("group", "group_id"), ("site", "site")):
        text = cells[kind][index] if kind in cells else None
        if text is not None and (text != "").any():
            out[column] = text.where(text != "")
    if "group_id" in out and "patient_id" in out:
        out["group_id"] = join_groups(out["group_id"].fillna(out["patient_id"]), out["patient_id"])
    if "sex" in cells:
        out["sex"] = read_sexes(cells["sex"][index], notes, column=cells["sex"])
    if "age" in cells:
        out["age"] = read_ages(cells["age"][index], notes)
    if "view" in cells:
        out["view"] = read_views(cells["view"][index])
    if "split" in cells:
        out["split"] = read_splits(cells["split"][index])
        unit = out.get("group_id", out.get("patient_id"))
        if unit is not None:
            # An image without a split is assigned to the split of its patient.
            out["split"] = out["split"].fillna(out["split"].groupby(unit).transform("first"))
    return out.join(labelled)
