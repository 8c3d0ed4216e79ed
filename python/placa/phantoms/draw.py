"""Phantoms, the embedded data source: synthetic frontal chest radiographs drawn from physics and anatomy.

Nothing is downloaded and nothing is copied from a real image. Each patient is a body in millimetres
(`placa.phantoms`) with one to six images; the beam is attenuated by the Beer-Lambert law, scattered, detected and
displayed. The findings are `Opacity` (nodules, masses and consolidations, from obvious to barely visible) and
`Pneumothorax` (a pleural line without lung markings beyond it). Sex, age, view, exposure, markers and borders are
independent of the findings, so a model can predict the findings only from their appearance.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import starmap
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placa.core.errors import require_range
from placa.core.files import explain_os_errors
from placa.core.processes import end_with_parent, main_hidden, process_killed
from placa.core.system import cores
from placa.phantoms.anatomy import Anatomy
from placa.phantoms.hospital import hospital_named
from placa.phantoms.lesions import Box, Disease
from placa.phantoms.plan import FINDINGS, LABEL_NOISE, PREVALENCE, Plan, images_of, plan_patient
from placa.phantoms.scene import Scene, draw_scene

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FINDINGS", "LABEL_NOISE", "PREVALENCE", "PhantomImage", "draw_patient", "draw_phantoms", "render"]

MAX_IMAGES = 1_000_000
MIN_SIZE = 32
MIN_PARALLEL = 48
"""For fewer images, one process is faster than several."""


@dataclass(frozen=True)
class PhantomImage:
    """One phantom radiograph with its labels and masks.

    `labels` are the recorded findings and `truth` the drawn ones; 3 % of them differ (`LABEL_NOISE`). `lesions` are in
    pixels of this image. The masks are boolean and have the size of the image.
    """

    pixels: NDArray[np.uint8]
    labels: dict[str, int]
    truth: dict[str, int]
    patient_id: str
    sex: str
    age: float
    view: str
    image_id: str
    lesions: list[Box]
    lung_mask: NDArray[np.bool_]
    heart_mask: NDArray[np.bool_]
    thorax_mask: NDArray[np.bool_]


def render(
    seed: int, patient: int, image: int, body: Anatomy, plan: Plan, size: int, *, findings: bool = True
) -> Scene:
    """Draw one planned image (numbered from 1); with `findings=False`, the same image without its findings."""
    return draw_scene(body, plan.pose, plan.disease if findings else Disease(), size, [seed, patient, image])


@lru_cache(maxsize=1)
def _keep_memory() -> None:
    """Make the C library keep freed memory, because returning each array of 256 KiB costs a fifth of the time.

    Freeing one large block raises the threshold of glibc (`mallopt(3)`, M_MMAP_THRESHOLD); elsewhere it has no effect.
    """
    np.empty(24 << 20, dtype=np.uint8)


def draw_patient(
    seed: int, patient: int, size: int = 256, images: int | None = None, hospital: str = "none"
) -> list[PhantomImage]:
    """Draw the images of one phantom patient.

    Args:
        seed: Seed of the set, ≥ 0; the same seed gives the same pixels.
        patient: Number of the patient in the set, ≥ 0.
        size: Width and height in pixels, ≥ 32.
        images: Draw only this many images, from the first; by default all 1 to 6.
        hospital: One of `placa.phantoms.hospital.HOSPITALS`.

    Returns:
        One `PhantomImage` per image; `pixels` are uint8, shape (size, size), with white bones.

    Raises:
        OutOfRangeError: The seed is negative, or the size is below 32.
    """
    require_range("seed", seed, 0)
    require_range("size", size, MIN_SIZE)
    _keep_memory()
    place = hospital_named(hospital)
    body, plans = plan_patient(seed, patient, images, PREVALENCE | place.prevalence if place else PREVALENCE)
    drawn = []
    for number, plan in enumerate(plans, start=1):
        scene = render(seed, patient, number, body, plan, size)
        pixels = scene.pixels
        if place:
            random = np.random.default_rng(np.random.SeedSequence([seed, patient, number, 4]))
            pixels = place.unit(any(plan.truth.values()), random).finish(pixels, random)
        drawn.append(
            PhantomImage(
                pixels=pixels,
                labels=plan.labels,
                truth=plan.truth,
                patient_id=f"phantom-{patient:05d}",
                sex=body.sex,
                age=plan.age,
                view=plan.pose.view,
                image_id=f"phantom-{patient:05d}-{number}",
                lesions=list(scene.boxes),
                lung_mask=scene.lung,
                heart_mask=scene.heart,
                thorax_mask=scene.thorax,
            )
        )
    return drawn


Record = dict[str, str | float | int]


def _write_patient(
    root: str, seed: int, size: int, hospital: str, patient: int, count: int
) -> tuple[list[Record], list[Record]]:
    rows: list[Record] = []
    boxes: list[Record] = []
    for image in draw_patient(seed, patient, size, count, hospital):
        path = Path(root) / f"{image.image_id}.png"
        Image.fromarray(image.pixels).save(path, compress_level=3)
        row: Record = {
            "image_id": image.image_id,
            "path": str(path),
            "patient_id": image.patient_id,
            "sex": image.sex,
            "age": image.age,
            "view": image.view,
            **image.labels,
            **{f"true_{finding}": state for finding, state in image.truth.items()},
        }
        rows.append(row)
        boxes += [{"image_id": image.image_id, **vars(box)} for box in image.lesions]
    return rows, boxes


def _patients(seed: int, images: int) -> Iterator[tuple[int, int]]:
    """Yield patients and their numbers of images, until the total is `images`."""
    patient = 0
    while images > 0:
        count = min(images_of(seed, patient), images)
        yield patient, count
        images -= count
        patient += 1


def draw_phantoms(
    root: Path,
    images: int = 800,
    size: int = 256,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
    hospital: str = "none",
) -> pd.DataFrame:
    """Draw a set of phantom patients into a folder.

    The same seed gives the same bytes, PNG files included, whatever the number of workers.

    Args:
        root: Folder for `<image_id>.png` and `lesions.csv`; it is created if missing.
        images: Number of images, from 1 to 1,000,000.
        size: Width and height in pixels, ≥ 32.
        seed: Seed of the set, ≥ 0.
        workers: Number of processes; by default one per core, or one for few images.
        progress: Called after each patient with the number of finished images.
        hospital: One of `placa.phantoms.hospital.HOSPITALS`.

    Returns:
        One row per image, in the order of `image_id`: `image_id`, `path` (absolute), `patient_id`, `sex` (F, M), `age`
        (years), `view` (PA, AP), `Opacity` and `Pneumothorax` (recorded, 0 or 1), `true_Opacity` and
        `true_Pneumothorax` (as drawn).

    Raises:
        OutOfRangeError: `images`, `size` or `seed` is out of range.
        PlacaError: The folder is not writable (see `placa.core.files.explain_os_error`).
    """
    require_range("seed", seed, 0)
    require_range("size", size, MIN_SIZE)
    require_range("images", images, 1, MAX_IMAGES)
    hospital_named(hospital)
    root = Path(root).absolute()
    with explain_os_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    tasks = list(_patients(seed, images))
    if workers is None:
        workers = 1 if images < MIN_PARALLEL else cores()
    work = partial(_write_patient, str(root), seed, size, hospital)
    rows: list[Record] = []
    boxes: list[Record] = []

    def collect(results: Iterator[tuple[list[Record], list[Record]]]) -> None:
        for some_rows, some_boxes in results:
            rows.extend(some_rows)
            boxes.extend(some_boxes)
            if progress is not None:
                progress(len(rows))

    if workers <= 1:
        collect(starmap(work, tasks))
    else:
        # The workers would otherwise outlive a killed parent.
        with ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=end_with_parent, initargs=(os.getpid(),)
        ) as pool:
            try:
                with main_hidden():
                    # `map` starts all processes.
                    drawn = pool.map(work, *zip(*tasks, strict=True), chunksize=8)
                collect(drawn)
            except BrokenProcessPool as error:
                raise process_killed("A process that draws phantoms", 0) from error
    # Each process imports this module, and pandas takes most of the time of its start.
    import pandas as pd

    columns = ["image_id", "finding", "x", "y", "width", "height"]
    pd.DataFrame(boxes, columns=columns).to_csv(root / "lesions.csv", index=False, lineterminator="\n")
    return pd.DataFrame(rows)
