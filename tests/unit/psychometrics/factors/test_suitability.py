"""KMO and Bartlett's test against values that follow from the formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from toolkit import psychometrics as pm


def test_two_items_have_a_kmo_of_one_half(answers: pd.DataFrame) -> None:
    """With two items correlation and partial correlation are the same."""
    result = pm.kaiser_meyer_olkin(answers[["a", "b"]])
    assert result.overall == pytest.approx(0.5, rel=1e-12)
    assert result.per_item.tolist() == pytest.approx([0.5, 0.5], rel=1e-12)


def test_equal_correlations(exact: Callable[..., pd.DataFrame]) -> None:
    """Equal correlations r of p items have partial correlations r / (1 + (p - 2) r)."""
    p, r = 5, 0.4
    partial = r / (1 + (p - 2) * r)
    result = pm.kaiser_meyer_olkin(exact(np.full((p, p), r) + (1 - r) * np.eye(p)))
    assert result.overall == pytest.approx(r**2 / (r**2 + partial**2), rel=1e-9)
    assert list(result.to_frame().index) == [*result.per_item.index, "overall"]


def test_bartlett_by_hand(exact: Callable[..., pd.DataFrame]) -> None:
    result = pm.bartlett_sphericity(exact([[1, 0.5], [0.5, 1]], n=100))
    expected = -(99 - 9 / 6) * np.log(1 - 0.25)
    assert result.chi_square == pytest.approx(expected, rel=1e-9)
    assert result.df == 1
    assert result.p_value == pytest.approx(stats.chi2.sf(expected, 1), rel=1e-9)


def test_pairwise_counts_the_smallest_pair(answers: pd.DataFrame) -> None:
    holes = answers.copy()
    holes.iloc[:100, 0] = np.nan
    pairwise = pm.bartlett_sphericity(holes, missing="pairwise")
    assert (pairwise.n_persons, pairwise.n_dropped) == (400, 0)
    found = pm.pearson_correlation(holes, missing="pairwise")
    assert found.n_smallest_pair == 300
    expected = -(299 - 17 / 6) * np.linalg.slogdet(found.matrix.to_numpy())[1]
    assert pairwise.chi_square == pytest.approx(expected, rel=1e-12)
