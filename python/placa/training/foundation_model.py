"""Describe the foundation model of a training for ``run.json``: weights, input, licence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import placa
from placa.core.backend import load_keras
from placa.core.files import explain_os_errors, fingerprint
from placa.core.progress import Progress
from placa.models.backbones import require_size
from placa.models.foundation.folder import FoundationModel, VisionTransformer, is_foundation, read_foundation
from placa.models.foundation.weights import weight_files
from placa.models.weights import weights_fingerprint
from placa.records.embeddings import complete_provenance
from placa.records.reading import RESIZE_RULE
from placa.records.run_facts import FoundationFacts, LicenceFacts
from placa.training.errors import OptionValueError
from placa.training.options import TrainOptions

#: Files that state a licence, the most exact first.
_LICENCES = ("LICENSE*", "LICENCE*", "license*", "licence*", "README.md")
#: The name of the licence in the header of a model card; ``license_name`` is more exact than ``license: other``.
_NAME = re.compile(r"^license(_name)?:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
#: Words by which a licence allows research only.
_RESEARCH = re.compile(
    r"non-?\s?commercial|cc-by-nc|msrla|research[ -](use|purposes)?\s?only|only\s+for\s+(\w+\s+){0,3}research"
    r"|solely\s+for\s+(\w+\s+){0,6}research",
    re.IGNORECASE,
)


def describe_foundation(
    model: FoundationModel, options: TrainOptions, given: Mapping[str, str] | None, size: int, progress: Progress
) -> FoundationFacts:
    """Describe the foundation model in the option ``backbone``.

    Args:
        model: The foundation model, from `require_foundation`.
        options: Training options.
        given: What the user adds to its provenance, by key, such as ``pretrained_on``.
        size: Side of the squares of the data set, in pixels.
        progress: Display for the size of the input.

    Returns:
        Its part of ``run.json``.

    Raises:
        PlacaError: The user gives an unknown key, or another value than that of the folder.
    """
    side, stated = model.side(options.input_size), model.preprocessing.size
    other = f"; its preprocessor_config.json states {stated} (--input-size)" if stated not in (None, side) else ""
    progress.say(f"{model.name} ({model.model_type}): input of {side} x {side} pixels{other}")
    if size < side:
        progress.warn(
            f"the images of {size} x {size} pixels are enlarged to {side} x {side}: prepare them with --size {side}"
        )
    resizing = "" if size == side else f", bicubic from {size}"
    stored = {
        "library": "placa",
        "version": placa.__version__,
        "checkpoint": weights_fingerprint(str(options.backbone)),
        "input_size": side,
        "resize": f"placa {RESIZE_RULE}{resizing}, {model.preprocessing}",
        "dtype": "float32",
        "backend": load_keras().backend.backend(),
        "pooling": "cls, mean of patches" if isinstance(model, VisionTransformer) else "mean of positions",
    }
    licence, name = _licence_of(model.folder)
    # Names, which the user may state otherwise.
    names = {"model": model.name, "licence": name}
    stored |= {key: value for key, value in names.items() if value and key not in (given or {})}
    provenance = complete_provenance(stored, given or {}, str(model.folder))
    return {"model_type": model.model_type, "provenance": provenance, "licence": licence}


def require_foundation(options: TrainOptions) -> FoundationModel | None:
    """Check the folder of a foundation model before anything else is read; None for other backbones.

    Raises:
        PlacaError: The folder has no such network, or an option does not fit it.
    """
    if not is_foundation(options.backbone):
        return None
    model = read_foundation(options.backbone)
    side = model.side(options.input_size)
    if not isinstance(model, VisionTransformer):
        require_size(model.model_type, side)
        if options.tuning == "lora":
            raise OptionValueError(
                f"`tuning` lora adapts the attention of vision transformers, and {model.folder} is a "
                f"{model.model_type}. Use --tuning frozen or full.",
                option="tuning",
                value=options.tuning,
            )
    weight_files(model.folder)
    return model


def _licence_of(folder: Path) -> tuple[LicenceFacts | None, str | None]:
    """Return the licence in a folder and its name, each None if unknown."""
    card = _text(folder / "README.md") if (folder / "README.md").is_file() else ""
    header = card.split("---")[1] if card.startswith("---") and card.count("---") > 1 else ""
    names = {bool(one.group(1)): one.group(2) for one in _NAME.finditer(header)}
    name = names.get(True, names.get(False))
    files = [path for pattern in _LICENCES for path in sorted(folder.glob(pattern)) if path.is_file()]
    if not files or (files[0].name == "README.md" and name is None):
        return None, name
    text = _text(files[0]) if files[0].name != "README.md" else ""
    modified = datetime.fromtimestamp(files[0].stat().st_mtime, UTC)
    return {
        "file": files[0].name,
        "fingerprint": fingerprint(files[0]),
        "date": modified.date().isoformat(),
        "research_only": bool(_RESEARCH.search(f"{name or ''}\n{text}")),
    }, name


def _text(path: Path) -> str:
    with explain_os_errors(path):
        return path.read_text("utf-8", errors="replace")
