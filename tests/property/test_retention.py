"""The number of factors does not depend on the order of persons or of items."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import psychometrics as pm

few = settings(max_examples=15, deadline=None, derandomize=True)


@st.composite
def answers(draw: st.DrawFn) -> pd.DataFrame:
    """Three- to five-point answers of 80 to 200 persons to eight items with one or two factors."""
    loadings = np.zeros((8, 2))
    strengths = draw(st.lists(st.floats(0.4, 0.8), min_size=8, max_size=8))
    loadings[:4, 0] = strengths[:4]
    loadings[4:, draw(st.sampled_from([0, 1]))] = strengths[4:]
    cuts = draw(st.sampled_from([[-0.5, 0.5], [-1.0, 0.0, 1.0], [-1.2, -0.4, 0.4, 1.2]]))
    n = draw(st.integers(80, 200))
    return pm.simulate_ordinal(loadings, thresholds=cuts, n_persons=n, rng=draw(st.integers(0, 2**31)))


def same(one: pd.DataFrame, two: pd.DataFrame) -> None:
    np.testing.assert_allclose(one.to_numpy(float), two.to_numpy(float), rtol=1e-5, atol=1e-6, equal_nan=True)


@given(frame=answers(), items=st.permutations(range(8)), seed=st.integers(0, 1000))
@few
def test_order_does_not_matter(frame: pd.DataFrame, items: list[int], seed: int) -> None:
    moved = frame.sample(frac=1.0, random_state=seed).iloc[:, items]
    same(pm.map_test(moved).to_frame(), pm.map_test(frame).to_frame())
    same(pm.empirical_kaiser_criterion(moved).to_frame(), pm.empirical_kaiser_criterion(frame).to_frame())
    for eigenvalues in ("pca", "smc"):
        one = pm.parallel_analysis(moved, n_datasets=20, eigenvalues=eigenvalues, rng=1)
        same(one.to_frame(), pm.parallel_analysis(frame, n_datasets=20, eigenvalues=eigenvalues, rng=1).to_frame())
    columns = ["df", "CAF", "CFI", "1 - RMSEA"]
    one, two = pm.hull(moved, n_factors_max=3).table[columns], pm.hull(frame, n_factors_max=3).table[columns]
    np.testing.assert_allclose(one, two, atol=2e-4)


@given(frame=answers(), turned=st.sets(st.integers(0, 7)))
@few
def test_reversing_items_does_not_matter(frame: pd.DataFrame, turned: set[int]) -> None:
    other = frame.copy()
    for place in turned:
        other.iloc[:, place] = frame.iloc[:, place].max() + 1 - frame.iloc[:, place]
    same(pm.map_test(other).to_frame(), pm.map_test(frame).to_frame())
    same(pm.empirical_kaiser_criterion(other).to_frame(), pm.empirical_kaiser_criterion(frame).to_frame())


@given(frame=answers(), seed=st.integers(0, 1000))
@few
def test_the_order_of_persons_does_not_change_shuffled_references(frame: pd.DataFrame, seed: int) -> None:
    moved = frame.sample(frac=1.0, random_state=seed)
    for correlation in ("spearman", "polychoric"):
        one = pm.parallel_analysis(moved, n_datasets=5, correlation=correlation, rng=1)
        two = pm.parallel_analysis(frame, n_datasets=5, correlation=correlation, rng=1)
        np.testing.assert_allclose(one.to_frame(), two.to_frame(), atol=1e-9)
