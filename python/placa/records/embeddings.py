"""The origin of embeddings: everything about their maker that changes the numbers, from the metadata of their file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from placa.records.codes import Count, Fingerprint
from placa.records.errors import InvalidProvenanceError, MissingProvenanceError, ProvenanceMismatchError

#: Version of the metadata of a file of embeddings.
EMBEDDINGS_SCHEMA = 1


class Provenance(TypedDict):
    """The maker of embeddings. Every key but the last three changes the numbers."""

    library: Annotated[str, Meta(min_length=1, description="The library that computed them, such as `timm`.")]
    version: Annotated[str, Meta(min_length=1, description="Its version.")]
    checkpoint: Annotated[Fingerprint, Meta(description="SHA-256 of the file of weights, as `sha256:…`.")]
    input_size: Annotated[int, Meta(ge=1, description="Side of the network's input in pixels.")]
    resize: Annotated[str, Meta(min_length=1, description="The rule by which an image becomes that input.")]
    dtype: Annotated[str, Meta(min_length=1, description="Arithmetic of the network, such as `float32`.")]
    backend: Annotated[str, Meta(min_length=1, description="What ran it: `torch`, `tensorflow`, `onnxruntime` …")]
    pooling: NotRequired[
        Annotated[str, Meta(min_length=1, description="The output that was stored, such as `cls` or `mean`.")]
    ]
    model: NotRequired[Annotated[str, Meta(min_length=1, description="Name of the network.")]]
    pretrained_on: NotRequired[
        Annotated[
            list[str],
            Meta(
                description="Data sets on which it was pretrained, by the names of `placa sources` where they have one "
                "(`nih`, `mimic`); absent if unknown."
            ),
        ]
    ]
    licence: NotRequired[Annotated[str, Meta(min_length=1, description="Licence of the weights.")]]


class EmbeddingFacts(TypedDict):
    """The embeddings of a run."""

    length: Annotated[int, Meta(ge=1, description="Numbers per image.")]
    provenance: Annotated[Provenance, Meta(description="Their maker.")]


class JoinedEmbeddings(EmbeddingFacts):
    """How the embeddings of a run were joined to its images."""

    files: Annotated[list[str], Meta(min_length=1, description="Their files.")]
    fingerprint: Annotated[Fingerprint, Meta(description="Fingerprint of the files.")]
    rows: Annotated[Count, Meta(description="Rows of the files: used, unused and empty.")]
    used: Annotated[Count, Meta(description="Rows of images of the data set.")]
    unused: Annotated[Count, Meta(description="Rows of images that the data set does not have.")]
    empty: Annotated[Count, Meta(description="Rows without an embedding.")]
    missing: Annotated[Count, Meta(description="Images of the data set without an embedding; left out.")]


#: Keys that may differ between embeddings that are joined: they do not change the numbers.
_NAMES = frozenset({"model", "pretrained_on", "licence"})
#: Keys that every file needs.
REQUIRED = tuple(name for name in Provenance.__annotations__ if name not in _NAMES | {"pooling"})


def complete_provenance(stored: Mapping[str, Any], given: Mapping[str, str], file: str) -> Provenance:
    """Return the provenance of a file of embeddings.

    Args:
        stored: The metadata of the file.
        given: What the user adds, as text by key; lists are separated by commas.
        file: The file, for messages.

    Raises:
        MissingProvenanceError: A required key is neither stored nor given.
        InvalidProvenanceError: A value has the wrong form, or the user names an unknown key.
        ProvenanceMismatchError: The user gives another value than the one that is stored.
    """
    known = Provenance.__annotations__
    found = {name: stored[name] for name in known if name in stored}
    for name, text in given.items():
        if name not in known:
            raise InvalidProvenanceError(
                f"Unknown key {name!r} of --provenance. Use {', '.join(known)}.", name=name, value=text, file=file
            )
        value = _typed(name, text)
        if name in found and found[name] != value:
            raise _mismatch(file, {name: [found[name], value]}, "--provenance")
        found[name] = value
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        options = " ".join(f"{name}=…" for name in missing)
        raise MissingProvenanceError(
            f"{file} does not state its {', '.join(missing)}, and each of them changes an embedding. Add "
            f"--provenance {options}, or store them in the metadata of the file (docs/foundation-models.md).",
            file=file,
            missing=missing,
        )
    try:
        provenance: Provenance = msgspec.convert(found, Provenance)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`").partition("[")[0]
        raise InvalidProvenanceError(
            f"The provenance of {file} is invalid: {error}. Correct its metadata or --provenance.",
            name=name,
            value=found.get(name),
            file=file,
        ) from error
    return provenance


def require_same(provenance: Provenance, expected: Provenance, file: str, other: str) -> None:
    """Check that embeddings come from the same maker as others.

    Args:
        provenance: The provenance of `file`.
        expected: That of `other`.
        file: A file of embeddings, for messages.
        other: The other file, or a run.

    Raises:
        ProvenanceMismatchError: They differ in a key that changes the numbers.
    """
    one, two = dict(provenance), dict(expected)
    keys = [name for name in Provenance.__annotations__ if name not in _NAMES]
    differ = {name: [two.get(name), one.get(name)] for name in keys if one.get(name) != two.get(name)}
    if differ:
        raise _mismatch(file, differ, other)


def _mismatch(file: str, differ: Mapping[str, Sequence[Any]], other: str) -> ProvenanceMismatchError:
    parts = "; ".join(f"{name} {_shown(one)}, here {_shown(two)}" for name, (one, two) in differ.items())
    return ProvenanceMismatchError(
        f"The embeddings of {file} were made in another way than those of {other}: {parts}. Such numbers cannot be "
        "compared. Make all embeddings in the same way.",
        file=file,
        other=other,
        differ={name: list(pair) for name, pair in differ.items()},
    )


def _shown(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text[:19] if text.startswith("sha256:") else text


def _typed(name: str, text: str) -> Any:
    if name == "pretrained_on":
        return [part.strip() for part in text.split(",") if part.strip()]
    return int(text) if name == "input_size" and text.isdecimal() else text
