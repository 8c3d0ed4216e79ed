"""Convert the lesion boxes of a public set to fractions of the image."""

from __future__ import annotations

import pandas as pd

from placa.images.headers import read_headers
from placa.records.codes import Note
from placa.sources.public.records import Records

#: The share of boxes outside their image from which the images must have been resized.
_MOST_OUTSIDE = 0.02
_SIDES = ["x", "y", "width", "height"]


def boxes_of(
    records: Records, images: pd.DataFrame, labels: dict[str, tuple[str, ...]], notes: list[Note]
) -> pd.DataFrame | None:
    """Return the boxes of the existing images and chosen findings: ``image_id``, ``finding``, and fractions.

    Args:
        records: The records of the set.
        images: The existing images, with ``path``.
        labels: The labels of each finding.
        notes: Receives a remark if boxes do not fit their image.
    """
    if records.boxes is None:
        return None
    finding = {label: name for name, own in labels.items() for label in own}
    boxes = records.boxes.assign(finding=records.boxes["label"].map(finding)).drop(columns="label")
    boxes = boxes[boxes["finding"].notna() & boxes["image_id"].isin(images["image_id"])].reset_index(drop=True)
    if boxes.empty:
        return None
    if records.box_side is not None:
        width = height = pd.Series(records.box_side, index=boxes.index)
    elif {"image_width", "image_height"} <= set(boxes):
        width, height = boxes["image_width"], boxes["image_height"]
    else:
        boxed = images[images["image_id"].isin(boxes["image_id"])].reset_index(drop=True)
        headers = read_headers(boxed["path"].tolist()).set_index(boxed["image_id"])
        width, height = boxes["image_id"].map(headers["width"]), boxes["image_id"].map(headers["height"])
    for side, size in zip(_SIDES, (width, height, width, height), strict=True):
        boxes[side] = boxes[side].astype(float) / size
    inside = (boxes["x"] + boxes["width"] <= 1.001) & (boxes["y"] + boxes["height"] <= 1.001) & (boxes["x"] >= 0)
    inside &= (boxes["y"] >= 0) & (boxes["width"] > 0) & (boxes["height"] > 0)
    outside = int((~inside).sum())
    if outside > _MOST_OUTSIDE * len(boxes):
        # The others would fit at the wrong place.
        text = f"boxes outside their image: {outside:,} of {len(boxes):,}; the images were resized, so no box is used"
        notes.append(Note(text, "images_resized", boxes=len(boxes), outside=outside))
        return None
    if outside:
        text = f"boxes that do not fit their image: {outside:,}; they are left out"
        notes.append(Note(text, "boxes_left_out", boxes=outside))
    return boxes[inside].reset_index(drop=True)[["image_id", "finding", *_SIDES]]
