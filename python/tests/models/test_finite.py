import numpy as np
from raising import raises

from placa.models.errors import NonFiniteOutputError
from placa.models.outputs import ModelOutputs, _require_finite


def test_outputs_that_are_not_numbers_are_an_error() -> None:
    good = np.full((3, 2), 0.5)
    assert _require_finite(ModelOutputs(good, good)).score is good
    assert len(_require_finite(ModelOutputs(good[:0], good[:0])).score) == 0
    bad = good.copy()
    bad[1, 0] = np.nan
    with raises(NonFiniteOutputError, images=3, not_finite=1):
        _require_finite(ModelOutputs(good, bad))
