"""The types of the part ``unusual`` of ``audit.json``."""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta

from placa.records.codes import Count


class UnusualImage(TypedDict):
    """An image that differs from the others."""

    image_id: Annotated[str, Meta(description="The image.")]
    distance: Annotated[float, Meta(description="Its distance from the other images, in standard deviations.")]
    outside: Annotated[bool, Meta(description="Whether the distance is beyond the limit.")]


class Unusual(TypedDict):
    """The images that differ most from the others."""

    images: Annotated[Count, Meta(description="Images compared.")]
    outside: Annotated[Count, Meta(description="Images beyond the limit.")]
    limit: Annotated[float, Meta(description="The limit, in standard deviations.")]
    listed: Annotated[list[UnusualImage], Meta(description="The most unusual images, the farthest first.")]
