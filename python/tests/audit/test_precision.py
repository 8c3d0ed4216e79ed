"""The width of the interval of an AUROC that the test images allow."""

from __future__ import annotations

import pandas as pd
import pytest

from placa.audit.precision import auroc_width, describe_precision


def test_the_width_is_that_of_pavlou() -> None:
    # sampsizeval(0.1, 0.75, 0.025, …) of R needs 1,028 images, 102.8 of them positive.
    width = auroc_width(103, 925, auroc=0.75)
    assert width == pytest.approx(2 * 1.959964 * 0.025, abs=2e-4)
    assert auroc_width(103, 925, 3.0, auroc=0.75) == pytest.approx(width * 1.4**0.5)
    assert auroc_width(0, 10) is None


def test_the_widest_finding_is_described() -> None:
    test = pd.DataFrame({"group_id": range(40), "Mass": [1] * 4 + [0] * 36, "Effusion": [1] * 20 + [0] * 20})
    described = describe_precision(test, ["Mass", "Effusion"])
    assert described is not None and "Mass" in described
    assert describe_precision(test.assign(Mass=0), ["Mass"]) is None
