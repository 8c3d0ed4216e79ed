"""Audit the images of predictions that were made elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from placa.core.progress import Progress
from placa.core.temporary import temporary_directory
from placa.dataset.splits import SplitPlan
from placa.images.listing import list_folder
from placa.sources.errors import ImageNamesError
from placa.sources.table import read_table
from placa.workflows.prepare import prepare

#: Columns of predictions that the audit uses.
_ABOUT = ("patient_id", "group_id", "split", "sex", "age", "view", "site")


def audit_images(predictions: pd.DataFrame, folder: Path, out: Path, progress: Progress) -> None:
    """Audit the images of a table of predictions, as `prepare` audits a data set, and write ``audit.json``.

    Args:
        predictions: One row per image and finding (see `placa.evaluation.any_predictions.as_predictions`).
        folder: The folder of the images. An id is the path of a file in it, its name, or its name without extension.
        out: The folder for ``audit.json`` and ``rejected.csv``.
        progress: Progress display.

    Raises:
        ImageNamesError: No id names a file, or an id names several.
        PlacaError: The images cannot be prepared, such as of one class only.
    """
    truth = predictions.pivot_table(index="image_id", columns="finding", values="truth", aggfunc="first", observed=True)
    about = [name for name in _ABOUT if name in predictions and predictions[name].notna().any()]
    images = predictions.drop_duplicates("image_id").set_index("image_id")[about].join(truth.astype("Int64"))
    images.insert(0, "path", _paths(images.index.astype(str).tolist(), folder))
    plan = SplitPlan(0)
    if not {"train", "test"} <= set(images.get("split", pd.Series(dtype=str))):
        # Without training images there is no split to audit.
        images, plan = images.drop(columns="split", errors="ignore"), SplitPlan(0, fractions=(0, 0, 1))
    with temporary_directory("placa-audit-") as work:
        images.rename_axis("image_id").reset_index().to_csv(work / "images.csv", index=False)
        columns = {name.removesuffix("_id"): name for name in about if name in images}
        source = read_table(
            work / "images.csv", list(map(str, truth.columns)), root=folder, columns={"path": "path", **columns}
        )
        prepare(source, work / "set", progress=progress, plan=plan)
        for name in ("audit.json", "rejected.csv"):
            shutil.copyfile(work / "set" / name, out / name)


def _paths(ids: list[str], folder: Path) -> list[str]:
    """Return the path of each image, relative to its folder; an id without a file is its own path."""
    named: dict[str, set[str]] = {}
    for file in list_folder(folder).files:
        path = file.relative_to(folder).as_posix()
        for name in {path, file.name, file.stem}:
            named.setdefault(name, set()).add(path)
    several = [one for one in ids if len(named.get(one, ())) > 1 and one not in named[one]]
    none = not any(one in named for one in ids)
    if several or none:
        first = (several or ids)[:3]
        reason = "names several files" if several else "names no file"
        raise ImageNamesError(
            f"{', '.join(first)} {reason} in {folder}. The ids of the images must be paths in this folder, names of "
            "files, or names without extension. Name their column with --image-id.",
            folder=str(folder),
            ids=first,
        )
    return [one if one in named.get(one, ()) else next(iter(named.get(one, {one}))) for one in ids]
