"""Simulated answers show the truth they were drawn from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

GOOD = {"loadings": [[0.8, 0.0], [0.0, 0.6]], "phi": [[1.0, 0.5], [0.5, 1.0]], "thresholds": [0.0], "n_persons": 10}


def test_proportions_and_correlations_are_those_of_the_model() -> None:
    frame = pm.simulate_ordinal([0.8, 0.6], thresholds=[[-1.0, 0.5], [0.0, 2.0]], n_persons=200_000, rng=1)
    share = frame.apply(lambda column: column.value_counts(normalize=True)).loc[[1.0, 2.0, 3.0]]
    np.testing.assert_allclose(share["item1"], [0.1587, 0.5328, 0.3085], atol=0.005)
    np.testing.assert_allclose(share["item2"], [0.5, 0.4772, 0.0228], atol=0.005)
    fine = pm.simulate_ordinal([0.8, 0.6], thresholds=np.linspace(-3, 3, 61), n_persons=200_000, rng=1)
    assert fine.corr().iloc[0, 1] == pytest.approx(0.48, abs=0.01)


def test_factor_correlations_count() -> None:
    fine = pm.simulate_ordinal(**GOOD | {"thresholds": np.linspace(-3, 3, 61), "n_persons": 200_000}, rng=1)
    assert fine.corr().iloc[0, 1] == pytest.approx(0.8 * 0.5 * 0.6, abs=0.01)


def test_the_seed_makes_the_same_answers_and_the_index_names_the_items() -> None:
    loadings = pd.DataFrame({"f": [0.5, 0.6]}, index=["first", "second"])
    one, two = (pm.simulate_ordinal(loadings, thresholds=[0.0], n_persons=50, rng=3) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert list(one) == ["first", "second"]
    other = pm.simulate_ordinal(loadings, thresholds=[0.0], n_persons=50, rng=np.random.default_rng(4))
    assert not one.equals(other)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"loadings": [[1.0, 0.0], [0.0, 0.6]]}, Code.STA_OPTION_RANGE),
        ({"thresholds": [1.0, 0.0]}, Code.STA_OPTION_RANGE),
        ({"thresholds": [[0.0], [0.0], [0.0]]}, Code.STA_SHAPE_MISMATCH),
        ({"phi": [[1.0]]}, Code.STA_SHAPE_MISMATCH),
        ({"phi": [[1.0, 2.0], [2.0, 1.0]]}, Code.STA_SINGULAR_CORRELATION),
        ({"n_persons": 0}, Code.STA_OPTION_RANGE),
        ({"n_persons": 2.5}, Code.STA_OPTION_RANGE),
        ({"n_persons": float("inf")}, Code.STA_OPTION_RANGE),
    ],
)
def test_impossible_models_are_refused(change: dict[str, object], code: Code, refused: Callable[..., object]) -> None:
    refused(code, lambda options: pm.simulate_ordinal(**options, rng=1), valid=GOOD, bad=GOOD | change)
