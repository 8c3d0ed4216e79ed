"""Adapt the training options to a head on embeddings."""

from __future__ import annotations

from dataclasses import replace

from placa.training.augment import NONE
from placa.training.measures import measures_of
from placa.training.option import unsuited
from placa.training.options import TrainOptions

#: Smallest and largest number of images per batch, and batches per epoch between the two.
_LEAST_BATCH, _MOST_BATCH, _BATCHES = 32, 512, 300
#: Options of networks that read pixels: with embeddings they must have the default.
_OF_PIXELS = ("backbone", "weights", "head_epochs", "mixup")
_NEEDS_PIXELS = "changes pixels or a network that reads them, but --features trains a head on embeddings"
#: Measures against shortcuts that need no pixels.
_MEASURES = frozenset({"weights", "views"})


def suited_to_embeddings(options: TrainOptions, images: int) -> TrainOptions:
    """Return the options for a head on embeddings.

    Args:
        options: The options of the user.
        images: Number of training images.

    Returns:
        The options with `epochs`, `batch_size` and the name of the head in `backbone`; without augmentation.

    Raises:
        OptionValueError: An option needs pixels.
    """
    default = TrainOptions()
    for name in _OF_PIXELS:
        if getattr(options, name) != getattr(default, name):
            raise unsuited(name, getattr(options, name), _NEEDS_PIXELS)
    if options.augmentation:
        raise unsuited("augmentation", options.augmentation, _NEEDS_PIXELS)
    for measure in measures_of(options.resist):
        if measure not in _MEASURES:
            raise unsuited("resist", measure, _NEEDS_PIXELS)
    batch = options.batch_size or min(_MOST_BATCH, max(_LEAST_BATCH, images // _BATCHES))
    return replace(
        options,
        backbone="hidden" if options.hidden else "linear",
        epochs=options.most_epochs,
        batch_size=batch,
        augmentation=NONE,
        mirror=False,
        mixed_precision="off",
    )


def applicable(measures: tuple[str, ...]) -> tuple[str, ...]:
    """Return the measures against shortcuts that can be taken with embeddings."""
    return tuple(measure for measure in measures if measure in _MEASURES)
