"""Readers of changed files: every one is read or refused; none crashes, hangs or raises another error."""

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzzing import run_campaign
from made_dicom import write_dicom
from made_volume_files import body, meta_image, nifti, nrrd
from PIL import Image
from record_fixtures import good_record

from placa.core.errors import PlacaError
from placa.images.by_rule import read_file
from placa.images.grey import ImageRejected
from placa.records.files import RECORDS, read_record
from placa.records.manifest import read_manifest
from placa.records.predictions import read_predictions
from placa.records.reading import STRETCH, slabs
from placa.sources.tables import read_text_table

_LEVELS = (np.random.default_rng(0).integers(0, 256, (8, 8)).repeat(6, 0).repeat(6, 1)).astype(np.uint8)
#: Fixed seed of `make test`-like runs, and a fresh one that is printed.
_SEEDS = {"fixed": 20, "fresh": int.from_bytes(os.urandom(4))}
_FILES = 1_000


def _picture(kind: str, **options: object) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(_LEVELS).save(file, kind, **options)
        return file.getvalue()


def _dicom(tmp_path: Path) -> list[bytes]:
    return [write_dicom(tmp_path / "valid.dcm", _LEVELS.astype(np.uint16) * 16, PatientAge="045Y").read_bytes()]


def _volumes() -> dict[str, list[bytes]]:
    levels, axes = body(), [(0.7, 0, 0), (0, 0.7, 0), (0, 0, 4)]
    stored = nifti(levels, 1, "<")
    return {
        "x.nii.gz": [stored, gzip.compress(stored), nifti(levels, 2, ">")],
        "x.mha": [meta_image(levels, compressed, "<") for compressed in (False, True)],
        "x.nrrd": [nrrd(levels, "lps", "mm", 1, encoding, "<", axes) for encoding in ("raw", "gzip", "bzip2")],
    }


def _record(name: str) -> bytes:
    import json

    return json.dumps(good_record(name)).encode()


def _refused(function: Callable[[Path], object]) -> Callable[[Path], bool]:
    def read(path: Path) -> bool:
        try:
            function(path)
        except (PlacaError, ImageRejected):
            return False
        return True

    return read


def _predictions() -> bytes:
    import pandas as pd

    from placa.records.predictions import COLUMNS, tidy

    images = pd.DataFrame({"image_id": [f"i{n}" for n in range(20)], "Mass": [0, 1] * 10})
    table = tidy(images, ["Mass"], np.linspace(0, 1, 20)[:, None], np.linspace(0, 1, 20)[:, None])[COLUMNS]
    with io.BytesIO() as file:
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), file)
        return file.getvalue()


def _manifest() -> bytes:
    import pandas as pd

    from placa.records.manifest import complete

    table = complete(pd.DataFrame({"image_id": ["a", "b"], "path": ["a", "b"], "Mass": [0, 1]}), ["Mass"])
    with io.BytesIO() as file:
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), file)
        return file.getvalue()


_IMAGE = _refused(lambda path: read_file(STRETCH, str(path), 16))
_VOLUME = _refused(lambda path: read_file(slabs(3), str(path), 16))
_TABLE = _refused(lambda path: read_text_table(path))
_RECORD_READERS = {
    name: _refused(lambda path, kind=kind: read_record(path, kind.type)) for name, kind in RECORDS.items()
}


def _campaigns(tmp_path: Path) -> dict[str, tuple[Callable[[Path], bool], list[bytes], str]]:
    csv = "path,label,patient\n" + "".join(f"{n}.png,{n % 2},p{n}\n" for n in range(30))
    return {
        "PNG": (_IMAGE, [_picture("PNG"), _picture("PNG", interlace=1)], "x.png"),
        "JPEG": (_IMAGE, [_picture("JPEG"), _picture("JPEG", progressive=True)], "x.jpg"),
        "TIFF": (_IMAGE, [_picture("TIFF"), _picture("TIFF", compression="tiff_lzw")], "x.tif"),
        "BMP": (_IMAGE, [_picture("BMP")], "x.bmp"),
        "WebP": (_IMAGE, [_picture("WEBP")], "x.webp"),
        "DICOM": (_IMAGE, _dicom(tmp_path), "x.dcm"),
        **{name: (_VOLUME, samples, name) for name, samples in _volumes().items()},
        "CSV": (_TABLE, [csv.encode(), csv.encode("utf-16")], "x.csv"),
        **{f"{name}.json": (reader, [_record(name)], f"{name}.json") for name, reader in _RECORD_READERS.items()},
        "predictions": (_refused(read_predictions), [_predictions()], "x.parquet"),
        "manifest": (_refused(lambda path: read_manifest(path.parent)), [_manifest()], "manifest.parquet"),
    }


_NAMES = [
    *("PNG", "JPEG", "TIFF", "BMP", "WebP", "DICOM", "x.nii.gz", "x.mha", "x.nrrd", "CSV"),
    *(f"{name}.json" for name in RECORDS if name != "model"),
    *("predictions", "manifest"),
]


@pytest.mark.slow
@pytest.mark.parametrize("seed", list(_SEEDS))
@pytest.mark.parametrize("name", _NAMES)
def test_changed_files_are_read_or_refused(
    tmp_path: Path, name: str, seed: str, record_property: Callable[[str, object], None]
) -> None:
    read, samples, file = _campaigns(tmp_path)[name]
    folder = tmp_path / "changed"
    folder.mkdir()
    for number, sample in enumerate(samples):
        whole = tmp_path / str(number) / file
        whole.parent.mkdir()
        whole.write_bytes(sample)
        assert read(whole), "a valid file is refused"
    counts = run_campaign(read, samples, file, int(os.environ.get("PLACA_FUZZ", _FILES)), _SEEDS[seed], folder)
    text = ", ".join(f"{what} {count:,}" for what, count in sorted(counts.items()))
    record_property("counts", f"{name} ({seed}): {text}")
    assert not {what for what in counts if what in {"crashed", "hung"} or what.startswith("error")}, text
