"""Compute the embeddings of images, resumably and with bounded memory."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from placa.core.errors import OutputExistsError
from placa.core.files import atomic_file, explain_os_error, locked, require_writable
from placa.core.json_files import read_json, write_json
from placa.core.progress import SILENT, Progress
from placa.dataset.errors import MissingPixelsError, VolumeEmbeddingsError
from placa.dataset.pixel_cache import decode, open_pixels
from placa.images.by_rule import list_files, short_names
from placa.inference.predict import no_readable_image
from placa.inference.prepared import find_prepared_set
from placa.models.encoders import Encoder
from placa.models.errors import NonFiniteOutputError
from placa.records.embeddings import EMBEDDINGS_SCHEMA
from placa.records.files import read_record
from placa.records.manifest import read_manifest
from placa.records.reading import STRETCH, Reading
from placa.records.source import SourceFacts

#: Images that are embedded at once; files that are read ahead; rows of a row group; seconds between two saved states.
_BATCH, _AHEAD, _ROWS, _SAVE_SECONDS = 32, 64, 4096, 5.0


def embed(
    encoder: Encoder, places: Sequence[Path], out: Path, overwrite: bool = False, progress: Progress = SILENT
) -> tuple[int, list[tuple[str, str]]]:
    """Write the embeddings of images to a parquet file, or resume an interrupted call.

    After Ctrl-C or a kill, finished embeddings are in ``.OUT.embedding`` beside `out`. A second call with the same
    images and network continues from them. Memory does not grow with the number of images.

    Args:
        encoder: The network.
        places: A prepared data set; or image files, and folders of them.
        out: The parquet file (see ``docs/formats.md``).
        overwrite: Whether to replace an existing file.
        progress: Shows the progress bar.

    Returns:
        The number of embeddings; and path and reason of each image that cannot be read.

    Raises:
        OutputExistsError: `out` exists.
        VolumeEmbeddingsError: The data set has CT volumes.
        NoReadableImageError: No image can be read.
        NonFiniteOutputError: An embedding has a number that is not finite.
        KeyboardInterrupt: Ctrl-C; its message names what is kept.
    """
    if out.exists() and not overwrite:
        raise OutputExistsError(f"{out} already exists. Choose another --out, or add --overwrite.", path=str(out))
    require_writable(out.parent)
    ids, paths, pixels, skipped = _images(encoder, places)
    work = out.absolute().with_name(f".{out.name}.embedding")
    plan = {
        "schema_version": EMBEDDINGS_SCHEMA,
        "provenance": encoder.provenance,
        "images": hashlib.sha256("\0".join([*ids, *paths]).encode("utf-8", "surrogateescape")).hexdigest(),
    }
    try:
        work.mkdir(exist_ok=True)
        with (work / "lock").open("w") as lock, locked(lock, f"Another process writes {out}. Wait until it ends.", out):
            rejected = _fill(encoder, paths, pixels, work, plan, progress)
            if len(rejected) == len(ids):
                raise no_readable_image(len(ids), paths[0], rejected[0])
            _write(work, out, ids, rejected, encoder)
            shutil.rmtree(work)
    except OSError as error:
        raise explain_os_error(error, out) from error
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(
            f"Embeddings are kept in {work}; run the same command again to continue."
        ) from interrupt
    return len(ids) - len(rejected), [(paths[row], reason) for row, reason in rejected.items()] + skipped


def _images(
    encoder: Encoder, places: Sequence[Path]
) -> tuple[list[str], list[str], NDArray[np.uint8] | None, list[tuple[str, str]]]:
    """Return ids and paths of the images, the stored pixels if they have the right size, and skipped files."""
    prepared = find_prepared_set(places)
    if prepared is None:
        listing = list_files(STRETCH, places)
        paths = [str(path) for path in listing]
        return short_names(STRETCH, paths), paths, None, listing.reasons
    reading = Reading.from_record(read_record(prepared / "source.json", SourceFacts)["reading"])
    if reading.squares > 1:
        raise VolumeEmbeddingsError(
            f"{prepared} has CT volumes of {reading.squares} squares each, and a file of embeddings has one row per "
            "image. Embed images.",
            prepared=str(prepared),
            squares=reading.squares,
        )
    manifest = read_manifest(prepared)
    try:
        pixels = open_pixels(prepared, encoder.size)
    except MissingPixelsError:
        pixels = None
    return manifest["image_id"].tolist(), manifest["path"].astype(str).tolist(), pixels, []


def _fill(
    encoder: Encoder,
    paths: Sequence[str],
    pixels: NDArray[np.uint8] | None,
    work: Path,
    plan: dict[str, Any],
    progress: Progress,
) -> dict[int, str]:
    """Compute the embeddings that are still missing; return the reasons of images that cannot be read, by row."""
    done, rejected = _resume(work, plan, encoder.length)
    if done:
        progress.say(f"resuming: {done:,} of {len(paths):,} images are already embedded")
    with (work / "vectors.bin").open("r+b" if done else "wb") as file, progress.bar("embedding", len(paths)) as advance:
        file.truncate(done * encoder.length * 4)
        file.seek(0, 2)
        advance(done)
        saved = time.monotonic()
        try:
            with closing(read_batches(encoder, paths, pixels, done)) as batches:
                for reasons, squares in batches:
                    rejected |= {done + row: reason for row, reason in enumerate(reasons) if reason}
                    values = np.zeros((len(reasons), encoder.length), dtype=np.float32)
                    kept = [row for row, reason in enumerate(reasons) if not reason]
                    if kept:
                        values[kept] = encoder.embed(squares)
                    _require_finite(values, paths[done : done + len(reasons)])
                    file.write(values.tobytes())
                    done += len(reasons)
                    advance(len(reasons))
                    if time.monotonic() - saved > _SAVE_SECONDS:
                        _save(work, plan, file, done, rejected)
                        saved = time.monotonic()
        except KeyboardInterrupt:
            _save(work, plan, file, done, rejected)
            raise
        _save(work, plan, file, done, rejected)
    return rejected


def _resume(work: Path, plan: dict[str, Any], length: int) -> tuple[int, dict[int, str]]:
    """Return how many rows an interrupted call of the same plan has finished, and the images that it rejected."""
    state, vectors = work / "state.json", work / "vectors.bin"
    try:
        found = read_json(state)
        if found["plan"] == plan and vectors.is_file():
            done = min(int(found["done"]), vectors.stat().st_size // (4 * length))
            return done, {int(row): reason for row, reason in found["rejected"].items() if int(row) < done}
    except Exception:
        # A damaged or missing state: start again.
        pass
    # Otherwise, until the first save, a state of other images would count the vectors of this call as its own.
    state.unlink(missing_ok=True)
    return 0, {}


def _save(work: Path, plan: dict[str, Any], file: BinaryIO, done: int, rejected: dict[int, str]) -> None:
    file.flush()
    by_row = {str(row): reason for row, reason in rejected.items()}
    write_json(work / "state.json", {"plan": plan, "done": done, "rejected": by_row})


def read_batches(
    encoder: Encoder, paths: Sequence[str], pixels: NDArray[np.uint8] | None = None, start: int = 0
) -> Generator[tuple[list[str], NDArray[np.uint8]]]:
    """Yield by batch why each image was rejected (``""`` if it was read), and the squares that were read.

    Args:
        encoder: The network that receives the squares.
        paths: The images.
        pixels: Their squares; by default the files are read.
        start: The number of images to skip.
    """
    if pixels is not None:
        for first in range(start, len(paths), _BATCH):
            part = np.asarray(pixels[first : first + _BATCH])
            yield [""] * len(part), part
        return
    decoded = decode(paths[start:], encoder.size, None, STRETCH, None, _AHEAD)
    while batch := list(islice(decoded, _BATCH)):
        squares = [levels for levels, _ in batch if levels is not None]
        yield [reason for _, reason in batch], np.concatenate(squares) if squares else np.empty((0, 0, 0), np.uint8)


def _require_finite(values: NDArray[np.float32], paths: Sequence[str]) -> None:
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        first = paths[int(np.flatnonzero(broken)[0])]
        raise NonFiniteOutputError(
            f"The network gives NaN or an infinite number for {first}. Use another network, or 32-bit arithmetic.",
            images=len(values),
            not_finite=int(broken.sum()),
        )


def _write(work: Path, out: Path, ids: Sequence[str], rejected: dict[int, str], encoder: Encoder) -> None:
    vectors = np.memmap(work / "vectors.bin", np.float32, "r", shape=(len(ids), encoder.length))
    stored = json.dumps({"schema_version": EMBEDDINGS_SCHEMA, **encoder.provenance})
    kind = pa.list_(pa.float32(), encoder.length)
    schema = pa.schema([("image_id", pa.string()), ("embedding", kind)], metadata={"placa": stored})
    with atomic_file(out) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as writer:
        for start in range(0, len(ids), _ROWS):
            rows = [row for row in range(start, min(start + _ROWS, len(ids))) if row not in rejected]
            values = pa.FixedSizeListArray.from_arrays(pa.array(vectors[rows].ravel()), encoder.length)
            writer.write_table(pa.table([pa.array([ids[row] for row in rows]), values], schema=schema))
