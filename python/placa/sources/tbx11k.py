"""TBX11K (Liu et al. 2020): healthy, sick without tuberculosis, and tuberculosis with boxes.

The labels of the test images are not public. The folder ``extra`` has other sets, among them Shenzhen and Montgomery.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from placa.core.json_files import parse_json
from placa.core.progress import Progress
from placa.records.codes import Note
from placa.sources.errors import MissingFileError, TableFormatError
from placa.sources.public.arguments import functions_of
from placa.sources.public.files import find_tables, image_files
from placa.sources.public.records import PublicSet, Records
from placa.sources.tables import read_list, read_text_table
from placa.sources.tables.cells import read_splits

FINDING, HEALTHY, SICK = "Tuberculosis", "Healthy", "Sick without tuberculosis"
_FOLDERS = {"health": HEALTHY, "sick": SICK, "tb": FINDING}
#: Categories of the boxes that are findings of their own.
_FORMS = {"ActiveTuberculosis": "Active tuberculosis", "ObsoletePulmonaryTuberculosis": "Latent tuberculosis"}
#: The table of Kaggle's copy, and its words for the classes and the forms of tuberculosis.
_SIMPLIFIED = "data.csv"
_TYPES = {"healthy": HEALTHY, "sick_but_no_tb": SICK, "tb": FINDING}
_FORM_WORDS = {"active_tb": "Active tuberculosis", "latent_tb": "Latent tuberculosis"}
_FOLDER_OF = {name: folder for folder, name in _FOLDERS.items()}
_NO_PATIENTS = "TBX11K names no patients, so groups of similar images are found"
_LISTS = (("TBX11K_train.txt", "train"), ("TBX11K_val.txt", "validation"))


def _read(root: Path, choices: dict[str, str], progress: Progress) -> Records:
    base = next((folder for folder in (root, root / "TBX11K") if (folder / "imgs").is_dir()), None)
    simplified = find_tables(root, _SIMPLIFIED)
    if base is None and simplified:
        return _read_simplified(simplified[0])
    if base is None:
        raise MissingFileError(
            f"{root} has no folder imgs with health, sick and tb. Name the directory TBX11K.",
            directory=str(root),
            file="imgs/tb",
            found=sorted(part.name for part in root.iterdir())[:12],
        )
    files = image_files(base / "imgs")
    names = [Path(os.path.relpath(path, base / "imgs")).as_posix() for path in files]
    table = pd.DataFrame({"image_id": names, "path": files})
    table["class"] = table["image_id"].str.split("/").str[0].map(_FOLDERS)
    images = table[table["class"].notna()].reset_index(drop=True)
    others = table["image_id"][table["class"].isna()].str.split("/").str[0].value_counts()
    notes = []
    if len(others):
        counts = ", ".join(f"{folder} {count:,}" for folder, count in others.items())
        text = f"folders without public labels, or with other sets: {counts}; their images are not used"
        notes.append(Note(text, "folders_not_used", images=int(others.sum())))
    notes.append(Note(_NO_PATIENTS, "patients_unknown_in_set"))
    labels = pd.DataFrame({name: (images["class"] == name).astype("int8") for name in (FINDING, HEALTHY, SICK)})
    boxes, forms, tables = _annotations(base)
    for label, named in forms.items():
        labels[label] = images["image_id"].isin(named).astype("int8")
    images["split"] = pd.NA
    for file, split in _LISTS:
        for path in find_tables(base / "lists", file):
            listed = {name.removeprefix("imgs/") for name in read_list(path)}
            images["split"] = images["split"].mask(images["image_id"].isin(listed), split)
            tables.append(path)
    return Records(
        images.drop(columns="class"),
        labels,
        tables=tables,
        unused=int(others.sum()),
        notes=notes,
        boxes=boxes,
    )


def _read_simplified(path: Path) -> Records:
    """Read Kaggle's copy: one table of all images, with a row per box, and one folder of images."""
    rows = read_text_table(path, ("fname", "source", "bbox", "tb_type", "image_type"))
    frame = rows.frame
    frame["class"] = frame["image_type"].map(_TYPES)
    usable = frame[frame["class"].notna()]
    first = usable.drop_duplicates("fname").reset_index(drop=True)
    images = pd.DataFrame({"image_id": first["class"].map(_FOLDER_OF) + "/" + first["fname"], "file": first["fname"]})
    images["split"] = read_splits(first["source"])
    labels = pd.DataFrame({name: (first["class"] == name).astype("int8") for name in (FINDING, HEALTHY, SICK)})
    for word, name in _FORM_WORDS.items():
        labels[name] = first["fname"].isin(usable["fname"][usable["tb_type"] == word]).astype("int8")
    boxed = usable[usable["bbox"].str.startswith("{")]
    sides = boxed["bbox"].str.extractall(r"(\d+(?:\.\d+)?)")[0].unstack()
    boxes = sides.astype(float).set_axis(["x", "y", "width", "height"], axis=1)
    boxes.insert(0, "image_id", (boxed["class"].map(_FOLDER_OF) + "/" + boxed["fname"]))
    notes = [*rows.notes, Note(_NO_PATIENTS, "patients_unknown_in_set")]
    notes.append(
        Note(f"{len(usable):,} rows are {len(first):,} images: a row per box", "rows_joined", rows=len(usable))
    )
    return Records(
        images,
        labels,
        tables=[path],
        rejected=rows.rejected,
        unused=len(frame) - len(usable),
        notes=notes,
        boxes=boxes.assign(label=FINDING).reset_index(drop=True) if len(boxes) else None,
    )


def _annotations(base: Path) -> tuple[pd.DataFrame | None, dict[str, set[str]], list[Path]]:
    """Read boxes, and the images with active and with latent tuberculosis."""
    # The list of training and validation together repeats the other two.
    paths = [path for path in sorted(base.glob("annotations/json/*.json")) if "trainval" not in path.name]
    paths = [path for path in paths if not path.name.startswith("all_")] or paths
    rows: list[tuple[str, str, float, float, float, float]] = []
    forms: dict[str, set[str]] = {label: set() for label in _FORMS.values()}
    for path in paths:
        try:
            read = parse_json(path.read_text("utf-8"))
            names = {image["id"]: str(image["file_name"]) for image in read["images"]}
            category = {one["id"]: str(one["name"]) for one in read["categories"]}
            for one in read["annotations"]:
                name, x, y, width, height = names[one["image_id"]], *map(float, one["bbox"])
                rows.append((name, FINDING, x, y, width, height))
                form = _FORMS.get(category[one["category_id"]])
                if form:
                    forms[form].add(name)
        except (ValueError, KeyError, TypeError) as error:
            raise TableFormatError(
                f"{path} is not a file of annotations ({type(error).__name__}: {error}). Copy it again.",
                file=str(path),
                format="json",
            ) from error
    boxes = pd.DataFrame(rows, columns=["image_id", "label", "x", "y", "width", "height"]) if rows else None
    return boxes, {label: named for label, named in forms.items() if named}, paths


TBX11K = PublicSet(
    kind="tbx11k",
    title="TBX11K",
    layout="imgs/health, imgs/sick, imgs/tb, lists/ and annotations/json/",
    read=_read,
    not_findings=frozenset({HEALTHY, SICK}),
)
add_arguments, from_options, read_tbx11k = functions_of(TBX11K)
