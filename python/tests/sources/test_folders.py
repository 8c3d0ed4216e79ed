from pathlib import Path

import pytest
from conftest import draw

from placa.errors import PlacaError
from placa.sources.folders import read_folders


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    for name, count in (("COVID", 3), ("healthy", 2), ("other", 1)):
        for number in range(count):
            draw(tmp_path / "ct" / name / f"slice ({number + 9}).png", seed=number)
    (tmp_path / "ct" / "readme.txt").write_text("")
    return tmp_path / "ct"


def test_one_folder_is_positive_and_all_others_are_not(classes: Path) -> None:
    source = read_folders(classes, "COVID")
    assert source.images["COVID"].tolist() == [1, 1, 1, 0, 0, 0]
    assert source.comparison == "healthy or other"
    assert not source.grouped
    assert source.images["image_id"].tolist()[:3] == [
        "COVID/slice (9).png",
        "COVID/slice (10).png",
        "COVID/slice (11).png",
    ]


def test_what_is_missing_is_named(classes: Path, tmp_path: Path) -> None:
    with pytest.raises(PlacaError, match=r"no class folder 'covid'; .*nearest first: COVID"):
        read_folders(classes, "covid")
    (classes / "void").mkdir()
    with pytest.raises(PlacaError, match="void holds no image"):
        read_folders(classes, "COVID")
    (tmp_path / "one" / "COVID").mkdir(parents=True)
    with pytest.raises(PlacaError, match="two at least, and holds only 'COVID'"):
        read_folders(tmp_path / "one", "COVID")
    with pytest.raises(PlacaError, match="not a directory"):
        read_folders(tmp_path / "nowhere", "COVID")
