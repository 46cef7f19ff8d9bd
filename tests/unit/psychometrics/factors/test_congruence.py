"""Tucker's coefficient by hand, labels, and refusals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

A = pd.DataFrame({"F1": [0.8, 0.6, 0.0], "F2": [0.1, 0.2, 0.7]}, index=list("xyz"))


def test_by_hand() -> None:
    B = pd.DataFrame({"G": [0.4, 0.3, 0.5]}, index=list("xyz"))
    found = pm.tucker_congruence(A, B)
    assert found.loc["F1", "G"] == pytest.approx((0.32 + 0.18) / np.sqrt(1.0 * 0.5))
    assert found.loc["F2", "G"] == pytest.approx((0.04 + 0.06 + 0.35) / np.sqrt(0.54 * 0.5))
    assert found.shape == (2, 1)


def test_size_does_not_count_direction_does() -> None:
    np.testing.assert_allclose(np.diag(pm.tucker_congruence(A, A * [3.0, -0.1])), [1.0, -1.0])


def test_items_are_matched_by_name() -> None:
    np.testing.assert_allclose(np.diag(pm.tucker_congruence(A, A.iloc[::-1])), 1.0)
    assert pm.tucker_congruence(A.to_numpy(), A.iloc[::-1].to_numpy()).iloc[0, 0] < 0.9


def test_a_factor_without_loadings_has_no_coefficient() -> None:
    assert np.isnan(pm.tucker_congruence(A, A * [1.0, 0.0]).loc["F1", "F2"])


def test_other_items_and_gaps_are_refused(refused: Callable[..., object]) -> None:
    def call(b: pd.DataFrame) -> object:
        return pm.tucker_congruence(A, b)

    refused(Code.STA_SHAPE_MISMATCH, call, valid=A, bad=A.rename(index={"x": "w"}))
    refused(Code.STA_SHAPE_MISMATCH, call, valid=A, bad=A.iloc[:2].to_numpy())
    refused(Code.STA_NOT_FINITE, call, valid=A, bad=A.replace(0.8, np.nan))
