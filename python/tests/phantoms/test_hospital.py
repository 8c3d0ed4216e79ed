from pathlib import Path

import numpy as np
import pytest
from raising import raises

from placa.core.errors import UnknownNameError
from placa.phantoms.draw import draw_patient, draw_phantoms
from placa.phantoms.hospital import HOSPITALS, Unit
from placa.phantoms.plan import plan_patient


def test_a_hospital_changes_the_image_and_not_the_body() -> None:
    default, south = draw_patient(5, 1, 64)[0], draw_patient(5, 1, 64, hospital="south")[0]
    assert np.array_equal(default.lung_mask, south.lung_mask)
    assert not np.array_equal(default.pixels, south.pixels)
    again = draw_patient(5, 1, 64, hospital="south")[0]
    assert np.array_equal(again.pixels, south.pixels)


def test_the_unit_depends_on_the_finding_in_north_only() -> None:
    for name, apart in (("north", True), ("south", False)):
        hospital = HOSPITALS[name]
        assert hospital is not None
        random = np.random.default_rng(0)
        second = {
            finding: np.mean([hospital.unit(finding, random) is hospital.units[1] for _ in range(500)])
            for finding in (True, False)
        }
        assert (second[True] - second[False] > 0.5) == apart


def test_hospitals_have_their_own_prevalence() -> None:
    def share(name: str) -> float:
        hospital = HOSPITALS[name]
        assert hospital is not None
        plans = [plan for patient in range(150) for plan in plan_patient(2, patient, 1, _prevalence(name))[1]]
        return float(np.mean([plan.truth["Opacity"] for plan in plans]))

    def _prevalence(name: str) -> dict[str, float]:
        hospital = HOSPITALS[name]
        assert hospital is not None
        return {"Pneumothorax": 0.12, **hospital.prevalence}

    assert share("north") == pytest.approx(0.5, abs=0.1)
    assert share("south") == pytest.approx(0.2, abs=0.1)


def test_the_border_of_a_unit_is_black_and_its_marker_bright() -> None:
    image = Unit(border=0.1, marker=0.1).finish(np.full((50, 50), 120, np.uint8), np.random.default_rng(1))
    assert not image[0].any()
    assert (image == 235).sum() == 25


def test_an_unknown_hospital_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with raises(UnknownNameError, name="west"):
        draw_phantoms(tmp_path / "images", images=2, size=64, hospital="west")
    assert not (tmp_path / "images").exists()
