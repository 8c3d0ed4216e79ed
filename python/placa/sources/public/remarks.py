"""Remarks on the labels and images of a public set."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from placa.records.codes import Note
from placa.sources.errors import SingleClassError
from placa.sources.overlaps import overlapping, shared_images
from placa.sources.public.records import PublicSet


def policy_notes(
    spec: PublicSet, uncertain: str | None, blank: str | None, written: dict[str, dict[str, int]]
) -> list[Note]:
    """Return the labels of each finding as written, and what the policies make of them."""
    if spec.uncertain is None and spec.blank is None:
        return []
    notes = []
    for name, counts in written.items():
        parts = [f"{counts['positive']:,} positive, {counts['negative']:,} negative"]
        if spec.uncertain is not None:
            parts.append(f"{counts['uncertain']:,} uncertain (used as {uncertain})")
        if spec.blank is not None:
            parts.append(f"{counts['blank']:,} not mentioned (used as {blank})")
        notes.append(
            Note(f"labels of {name} in the tables: {', '.join(parts)}", "label_policy", finding=name, **counts)
        )
    return notes if len(notes) <= 3 else [*notes[:3], Note(f"… and of {len(notes) - 3} other findings", "label_policy")]


def overlap_notes(spec: PublicSet) -> list[Note]:
    """Return a remark for each set that is known to have the same images."""
    return [
        Note(f"{shared_images(spec.kind, other)}: never train on one and test on the other", "overlap", other=other)
        for other in overlapping(spec.kind)
    ]


def require_both(images: pd.DataFrame, findings: Sequence[str], where: object, notes: list[Note]) -> None:
    """Require positive and negative images of the only finding; of several, one may lack them.

    Args:
        images: The existing images.
        findings: Columns of `images`.
        where: Where the images were searched, for the message.
        notes: Receives a remark for each of several findings that lacks them.

    Raises:
        SingleClassError: All images have the same label.
    """
    for finding in findings:
        for value, word in ((1, "positive"), (0, "negative")):
            if (images[finding] == value).any():
                continue
            if len(findings) == 1:
                raise SingleClassError(
                    f"No existing image under {where} is {word} for {finding}. Add images, or change --negative, "
                    "--views or the label policy.",
                    finding=finding,
                    missing=value,
                )
            text = f"no existing image is {word} for {finding}, so this finding cannot be learned"
            notes.append(Note(text, "no_positive" if value else "no_negative", finding=finding))
