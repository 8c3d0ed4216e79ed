"""The public interface: one light import, paths as strings, and optional progress."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import draw_folders
from raising import raises

import placa
from placa.core.text import as_list
from placa.records.errors import NotARunError


def test_importing_placa_loads_no_heavy_package() -> None:
    heavy = ("keras", "tensorflow", "jax", "numpy", "pandas", "rpy2", "PIL")
    code = f"import sys, placa; dir(placa); print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize("name", [name for name in dir(placa) if not name.startswith("_")])
def test_each_public_name_exists_and_is_documented(name: str) -> None:
    assert getattr(placa, name).__doc__.strip()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = placa.film


def test_a_model_predicts_folders_files_and_a_single_file(run: Path, prepared: Path, tmp_path: Path) -> None:
    model = placa.load_model(str(run))
    files = sorted((prepared / "images").glob("*.png"))[:3]
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"")
    several = model.predict([str(files[0]), files[1], damaged], progress=False)
    assert several.table["path"].tolist() == [str(files[0]), str(files[1])]
    assert [path for path, _ in several.rejected] == [str(damaged)]
    one = model.predict(str(files[0]), progress=False)
    assert one.table["probability"].tolist() == several.table["probability"].tolist()[:1]
    everything = model.predict(prepared / "images", progress=False).table
    assert len(everything) == len(list((prepared / "images").glob("*.png"))) and set(everything["finding"]) == {
        "Opacity"
    }
    assert model.keras.input_shape[1:3] == (model.size, model.size)
    assert model.explain(files[0])[0].finding == "Opacity"
    assert model.explain(str(files[0]), "Opacity")[0].finding == "Opacity"


def test_progress_is_shown_and_can_be_disabled(run: Path, prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = placa.load_model(run)
    image = next((prepared / "images").glob("*.png"))
    model.predict(image, progress=False)
    assert not capsys.readouterr().err
    model.predict(image)
    assert capsys.readouterr().err.strip()


def test_paths_can_be_strings(run: Path, prepared: Path) -> None:
    assert len(placa.read_prepared(str(prepared)).manifest) == len(placa.read_prepared(prepared).manifest)
    assert placa.read_predictions(str(run))[0].equals(placa.read_predictions(run)[0])


def test_a_name_is_not_read_letter_by_letter(tmp_path: Path) -> None:
    assert as_list("Mass") == ["Mass"] and as_list(tmp_path) == [tmp_path] and as_list(None) == []
    assert as_list(name for name in ("Mass", "Nodule")) == ["Mass", "Nodule"]
    draw_folders(tmp_path, 4)
    assert placa.read_folders(str(tmp_path), (name for name in ["Mass"])).findings == ["Mass"]


def test_a_directory_that_is_not_a_run_is_an_error(tmp_path: Path) -> None:
    with raises(NotARunError, path=str(tmp_path)) as caught:
        placa.load_model(str(tmp_path))
    assert isinstance(caught.value, placa.PlacaError) and caught.value.exit_code == 2
