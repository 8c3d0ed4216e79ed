"""Images in memory have the probabilities of their files."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import draw
from PIL import Image
from raising import raises

from placa.inference.errors import ImageTypeError
from placa.inference.in_memory import as_files
from placa.inference.model import load_model


def test_images_in_memory_have_the_probabilities_of_their_files(run: Path, tmp_path: Path) -> None:
    model, file = load_model(run), draw(tmp_path / "a.png", seed=3)
    levels = np.asarray(Image.open(file))
    (expected,) = model.predict(file, progress=False).table["probability"]

    def several() -> Iterator[object]:
        yield file.read_bytes()
        yield str(file)
        yield levels

    with file.open("rb") as opened:
        for one in (
            str(file), file.read_bytes(), opened, io.BytesIO(file.read_bytes()), Image.open(file), levels,
            levels.astype(np.uint16) * 257, np.stack([levels, levels]), [levels], several(),
        ):  # fmt: skip
            assert set(model.predict(one, progress=False).table["probability"]) == {expected}
    table, rejected = model.predict([*several(), b"Dear radiologist"], progress=False)
    assert table["image_id"].tolist() == ["0", "a.png", "1"]
    assert table["path"].isna().tolist() == [True, False, True] and table["path"][1] == str(file)
    assert [number for number, _ in rejected] == ["2"]


@pytest.mark.parametrize(
    "image",
    [
        3,
        None,
        [None],
        np.zeros((9, 9)),
        np.zeros((9, 9, 3), np.uint8),
        np.zeros((1, 9, 9, 1), np.uint8),
        io.StringIO("a"),
    ],
    ids=["number", "none", "list", "float", "colour", "four", "text"],
)
def test_other_types_are_an_error(image: object) -> None:
    with raises(ImageTypeError), as_files(image):
        pass


def test_files_of_images_in_memory_are_removed() -> None:
    with as_files(np.zeros((2, 9, 9), np.uint8)) as (paths, names):
        assert [Path(path).is_file() for path in paths] == [True, True] and list(names.values()) == ["0", "1"]
    assert not any(Path(path).exists() for path in paths)
