"""Text burnt into pixels is noticed; radiographs with a side marker are not reported."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont

from placa.dataset.burnt_text import has_text, search_text
from placa.dataset.prepared import read_prepared
from placa.records.codes import Note
from placa.records.reading import STRETCH, slabs


def _film(text: str, height: int, level: int, ground: int, turned: int = 0) -> np.ndarray:
    """Return a smooth image with a text of letters of about `height` pixels on a plate of the level `ground`."""
    down, across = np.mgrid[-1:1:256j, -1:1:256j]
    film = Image.fromarray((90 + 60 * np.cos(3 * down) * np.cos(4 * across)).astype(np.uint8))
    font = ImageFont.load_default(height / 0.7)
    box = [round(edge) for edge in font.getbbox(text)]
    plate = Image.new("L", (box[2] + 8, box[3] + 8), ground)
    ImageDraw.Draw(plate).text((4, 4), text, fill=level, font=font)
    film.paste(plate, (12, 10))
    return np.asarray(film)


@pytest.mark.parametrize("height", [7, 10, 20])
@pytest.mark.parametrize(("level", "ground"), [(255, 20), (0, 250), (230, 90)])
@pytest.mark.parametrize("text", ["GARCIA LUIS", "1957-03-02", "PORTABLE 07:40"])
def test_names_numbers_and_times_are_text(text: str, height: int, level: int, ground: int) -> None:
    assert has_text(_film(text, height, level, ground))


@pytest.mark.parametrize("text", ["R", "L", "AP", ""])
def test_side_markers_are_no_text(text: str) -> None:
    assert not has_text(_film(text, 20, 255, 20))


def test_phantoms_have_no_text(prepared: Path) -> None:
    assert not any(has_text(np.asarray(levels)) for levels in read_prepared(prepared).pixels)


def test_the_remark_has_the_numbers_and_volumes_are_not_searched() -> None:
    plain, marked = _film("R", 20, 255, 20), _film("GARCIA LUIS", 10, 255, 20)
    files = pd.DataFrame({"image_id": [f"i{number}" for number in range(300)]})
    pixels = np.stack([marked if number % 3 == 0 else plain for number in range(300)])
    notes: list[Note] = []
    search_text(files, pixels, STRETCH, notes)
    [note] = notes
    assert (note.code, note.values["searched"]) == ("text_in_pixels", 100)
    assert 20 <= int(note.values["images"]) <= 50
    search_text(files, pixels, slabs(1), notes)
    assert len(notes) == 1
