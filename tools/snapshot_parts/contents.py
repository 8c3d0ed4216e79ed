"""Convert files and texts to entries of a record, without the parts that differ between runs.

Dropped or replaced, and why:

- the keys in `VOLATILE`: times, durations, versions, the machine, and the hashes of what contains them: a record, a
  training plan, and the history and predictions of a run, which are compared themselves;
- the fingerprint of a model file, which contains the time of saving (the weights are hashed instead);
- the numbers of shared objects of Keras, and the modules of placa's classes, in the layers of a model;
- messages of TensorFlow and JAX on stderr, which contain times and process numbers;
- dates, durations, ports and temporary paths in texts.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: Keys of JSON files with times, durations, package versions, or the machine.
VOLATILE = {
    *("created", "date_saved", "seconds", "timings", "versions", "machine", "model_fingerprint", "plan", "digest"),
    # The fingerprints of two files of a run, in run.json.
    *("history.csv", "predictions.parquet"),
}
#: Longer texts and tables are stored as hashes.
LONGEST = 4000

_REMARKS = re.compile(r"^(WARNING: All log messages|[IWEF]\d{4} |\d{4}-\d\d-\d\d .*(tensorflow|xla)|To enable)")
_REPLACED = (
    (re.compile(r"\b20\d\d-\d\d-\d\d([T@ ]\d\d:\d\d(:\d\d)?(\+00:00|Z)?)?"), "<date>"),
    (re.compile(r"-?\d*-?:\d\d:\d\d\b|-:--:--|\b\d+:\d\d\b"), "<time>"),
    (re.compile(r"\b\d+([.,]\d+)?[\s\u00a0](s|seconds?|minutes?|min|segundos?|minutos?)\b"), "<duration>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
)
Clean = Callable[[str], str]


def digest(data: bytes) -> str:
    """Return a short hash of bytes."""
    return hashlib.sha256(data).hexdigest()[:24]


def plain(text: str) -> str:
    """Remove messages of the frameworks, dates, times, durations and ports from a text."""
    lines = [line.rstrip() for line in text.splitlines() if not _REMARKS.match(line)]
    text = "\n".join(lines)
    for pattern, instead in _REPLACED:
        text = pattern.sub(instead, text)
    return text


def short(text: str) -> str:
    """Return a text, or the hash of a long one."""
    return text if len(text) <= LONGEST else f"{len(text.splitlines())} lines, {digest(text.encode())}"


def array(values: np.ndarray) -> str:
    """Return the shape, type and hash of an array."""
    return f"{values.dtype} {values.shape} {digest(np.ascontiguousarray(values).tobytes())}"


def table(frame: pd.DataFrame) -> str:
    """Return the content of a table, or the columns and the hash of a long one."""
    frame = frame[[name for name in frame.columns if name not in VOLATILE]]
    text = frame.to_csv(index=False)
    types = ", ".join(f"{name}: {kind}" for name, kind in frame.dtypes.items())
    whole = f"{types}\n{text}"
    return whole if len(whole) <= LONGEST else f"{len(frame)} rows; {types}; {digest(text.encode())}"


def without_volatile(value: Any) -> Any:
    """Remove from a JSON value the keys that differ between runs."""
    if isinstance(value, dict):
        kept = {key: without_volatile(one) for key, one in value.items() if key not in VOLATILE}
        if kept.get("file") == "model.keras":
            kept.pop("fingerprint", None)
            # The names of layers in model.onnx depend on the networks that the process has built before.
            kept["onnx"] = (kept.get("onnx") or {}).get("reason")
        return kept
    return [without_volatile(one) for one in value] if isinstance(value, list) else value


def json_text(text: str, clean: Clean) -> str:
    """Return a JSON file as text, one value per line, without the keys that differ between runs."""
    return clean(json.dumps(without_volatile(json.loads(text)), indent=1, ensure_ascii=False))


def weights(path: Path) -> str:
    """Return the number and the hash of the arrays in a ``.keras`` file, ordered by name."""
    import h5py

    named: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            named.append(f"{name} {array(item[()])}")

    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as stored:
        stored.visititems(visit)
    return f"{len(named)} arrays, {digest(chr(10).join(sorted(named)).encode())}"


def keras_entries(path: Path, clean: Clean) -> dict[str, str]:
    """Return the weights, the layers and placa.json of a ``.keras`` file."""
    with zipfile.ZipFile(path) as archive:
        made = {"weights": weights(path), "files": " ".join(sorted(archive.namelist()))}
        # The module of a class of placa may change; its configuration may not.
        config = re.sub(r'"module": "placa[\w.]*"', '"module": "placa"', archive.read("config.json").decode())
        # Keras numbers shared objects by their memory address.
        config = re.sub(r'"shared_object_id": \d+', '"shared_object_id": 0', config)
        made["layers"] = digest(config.encode())
        if "placa.json" in archive.namelist():
            made["placa.json"] = json_text(archive.read("placa.json").decode(), clean)
    return made


def page_entries(path: Path, clean: Clean) -> dict[str, str]:
    """Return the text and the images of an HTML page."""
    page = path.read_text(encoding="utf-8")
    pictures: list[str] = []

    def picture(found: re.Match[str]) -> str:
        if found[1].startswith("image/"):
            pictures.append(f"{found[1]} {digest(base64.b64decode(found[2]))}")
        return "embedded"

    page = re.sub(r"data:([\w/+.-]+)[^,\"']*;base64,([A-Za-z0-9+/=\s]+)", picture, page)
    drawn = re.findall(r"<svg\b.*?</svg>", page, flags=re.DOTALL)
    text = re.sub(r"<(script|style|svg)\b.*?</\1>", "", page, flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]+>", "\n", text))
    text = clean(re.sub(r"\s*\n\s*", "\n", text))
    made = {"text": text, "pictures": f"{len(pictures)}\n" + "\n".join(pictures)}
    made["drawings"] = f"{len(drawn)}\n" + "\n".join(digest(clean(one).encode()) for one in drawn)
    return made


def parquet_entries(path: Path, clean: Clean) -> dict[str, str]:
    """Return the content and placa's metadata of a parquet file."""
    import pyarrow.parquet

    made = {"": table(pd.read_parquet(path))}
    for key, value in (pyarrow.parquet.read_schema(path).metadata or {}).items():
        name = key.decode()
        if name not in {"pandas", "ARROW:schema"} | VOLATILE:
            text = value.decode()
            made[f"metadata {name}"] = json_text(text, clean) if text[:1] in {"{", "["} else clean(text)
    return made


def file_entries(path: Path, clean: Clean) -> dict[str, str]:
    """Return the entries of a file; the key "" is the file itself."""
    kind = path.suffix
    if kind == ".parquet":
        return parquet_entries(path, clean)
    if kind == ".keras":
        return keras_entries(path, clean)
    if kind == ".onnx":
        return {"": "a model"}
    if kind == ".html":
        return page_entries(path, clean)
    if kind == ".npy":
        return {"": array(np.load(path))}
    if kind == ".csv":
        text = path.read_text(encoding="utf-8")
        return {"": table(pd.read_csv(io.StringIO(clean(text)), dtype=str, keep_default_na=False))}
    if kind == ".json":
        return {"": json_text(path.read_text(encoding="utf-8"), clean)}
    if kind in {".md", ".txt", ".svg"}:
        return {"": short(clean(path.read_text(encoding="utf-8")))}
    return {"": digest(path.read_bytes())}


def folder_entries(folder: Path, clean: Clean) -> dict[str, str]:
    """Return the entries of all files of a directory, and the list of files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    made = {"files": short("\n".join(str(path.relative_to(folder)) for path in files))}
    images: list[str] = []
    for path in files:
        name = str(path.relative_to(folder))
        if name.startswith("images/") and path.suffix == ".png":
            images.append(f"{name} {digest(path.read_bytes())}")
            continue
        for what, value in file_entries(path, clean).items():
            made[f"{name} {what}".strip()] = value
    if images:
        made["images"] = f"{len(images)}, {digest(chr(10).join(images).encode())}"
    return made
