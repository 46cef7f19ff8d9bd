"""What must hold for any answers: order does not matter, reversing twice is nothing, rotation keeps communalities."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from toolkit import psychometrics as pm
from toolkit.psychometrics.factors.rotation import OBLIQUE, Rotation, rotate

ITEMS = list("abcdef")
few = settings(max_examples=25, deadline=None, derandomize=True)


@st.composite
def answers(draw: st.DrawFn) -> pd.DataFrame:
    """Five-point answers of 60 to 150 persons to six items with one or two factors."""
    seed = draw(st.integers(0, 2**31))
    strengths = draw(st.lists(st.floats(0.4, 0.85), min_size=6, max_size=6))
    loadings = np.zeros((6, 2))
    loadings[:3, 0] = strengths[:3]
    loadings[3:, draw(st.sampled_from([0, 1]))] = strengths[3:]
    return pm.simulate_ordinal(
        pd.DataFrame(loadings, index=ITEMS),
        phi=[[1, 0.3], [0.3, 1]],
        thresholds=[-1, -0.3, 0.4, 1.1],
        n_persons=draw(st.integers(60, 150)),
        rng=seed,
    )


@given(frame=answers(), order=st.randoms(use_true_random=False))
@few
def test_permuting_persons_changes_nothing(frame: pd.DataFrame, order: object) -> None:
    rows = list(range(len(frame)))
    order.shuffle(rows)
    shuffled = frame.iloc[rows]
    one, two = pm.item_analysis(frame), pm.item_analysis(shuffled)
    np.testing.assert_allclose(one.table, two.table, rtol=1e-9, atol=1e-12)
    assert np.isclose(pm.cronbach_alpha(frame).estimate, pm.cronbach_alpha(shuffled).estimate, rtol=1e-10)
    assert np.isclose(pm.kaiser_meyer_olkin(frame).overall, pm.kaiser_meyer_olkin(shuffled).overall, rtol=1e-10)
    pd.testing.assert_frame_equal(pm.describe_items(frame).distribution, pm.describe_items(shuffled).distribution)


@given(frame=answers(), items=st.permutations(ITEMS))
@few
def test_permuting_items_permutes_the_results(frame: pd.DataFrame, items: list[str]) -> None:
    moved = frame[items]
    np.testing.assert_allclose(pm.item_analysis(moved).table, pm.item_analysis(frame).table.loc[items], rtol=1e-9)
    kmo = pm.kaiser_meyer_olkin(frame).per_item[items]
    np.testing.assert_allclose(pm.kaiser_meyer_olkin(moved).per_item, kmo, rtol=1e-9)
    one, two = pm.composite_omega(frame), pm.composite_omega(moved)
    assert one.converged == two.converged
    np.testing.assert_allclose(two.loadings, one.loadings[items], atol=1e-6)
    assert np.isclose(one.interval.low, two.interval.low, atol=1e-6, equal_nan=True)


@given(frame=answers(), items=st.permutations(ITEMS))
@few
def test_permuting_items_permutes_the_factors(frame: pd.DataFrame, items: list[str]) -> None:
    """The unrotated common part belongs to the items, wherever they stand."""
    one = pm.efa(frame, n_factors=1, rotation="none").loadings
    two = pm.efa(frame[items], n_factors=1, rotation="none").loadings
    np.testing.assert_allclose(two, one.loc[items], atol=1e-5)


@given(frame=answers(), turned=st.sets(st.sampled_from(ITEMS)))
@few
def test_reversing_twice_is_nothing_and_once_turns_the_signs(frame: pd.DataFrame, turned: set[str]) -> None:
    columns = sorted(turned)
    once = frame.assign(**{item: 6 - frame[item] for item in columns})
    twice = once.assign(**{item: 6 - once[item] for item in columns})
    pd.testing.assert_frame_equal(twice, frame)
    sign = pd.Series(1.0, index=ITEMS)
    sign[columns] = -1.0
    expected = pm.pearson_correlation(frame).matrix.to_numpy() * np.outer(sign, sign)
    np.testing.assert_allclose(pm.pearson_correlation(once).matrix, expected, atol=1e-12)
    assert np.isclose(pm.kaiser_meyer_olkin(once).overall, pm.kaiser_meyer_olkin(frame).overall, rtol=1e-9)


@given(frame=answers(), factor=st.floats(0.01, 100.0), shift=st.floats(-50.0, 50.0))
@few
def test_alpha_and_omega_do_not_know_the_unit(frame: pd.DataFrame, factor: float, shift: float) -> None:
    scaled = frame * factor + shift
    assert np.isclose(pm.cronbach_alpha(frame).estimate, pm.cronbach_alpha(scaled).estimate, rtol=1e-7)
    one, two = pm.composite_omega(frame), pm.composite_omega(scaled)
    assert one.converged == two.converged
    assert np.isclose(one.estimate, two.estimate, rtol=1e-6, equal_nan=True)


@given(
    seed=st.integers(0, 2**31),
    method=st.sampled_from(get_args(Rotation)),
    normalize=st.booleans(),
    m=st.integers(2, 4),
)
@few
def test_rotation_preserves_communalities(seed: int, method: str, normalize: bool, m: int) -> None:
    random = np.random.default_rng(seed)
    A = random.uniform(-0.6, 0.6, (10, m))
    target = np.where(random.random((10, m)) < 0.4, np.nan, random.uniform(-0.6, 0.6, (10, m)))
    found = rotate(A, method=method, normalize=normalize, target=target, n_starts=3, random=random)
    np.testing.assert_allclose(found.loadings @ found.phi @ found.loadings.T, A @ A.T, atol=1e-8)
    np.testing.assert_allclose(np.diag(found.phi), 1.0, atol=1e-10)
    if method not in OBLIQUE:
        np.testing.assert_allclose(found.phi, np.eye(m), atol=1e-10)


def of_rows(frame: pd.DataFrame, method: str) -> np.ndarray:
    """Return the common part of the correlations, which no rotation and no sign of a factor changes."""
    result = pm.efa(frame, n_factors=2, method=method, rotation="none")
    return result.loadings.to_numpy() @ result.loadings.to_numpy().T


@given(
    frame=answers(),
    items=st.permutations(ITEMS),
    turned=st.sets(st.sampled_from(ITEMS)),
    method=st.sampled_from(["ml", "minres", "paf", "dwls"]),
)
@few
def test_permuting_items_permutes_and_reversing_an_item_flips_its_loadings(
    frame: pd.DataFrame, items: list[str], turned: set[str], method: str
) -> None:
    assume(pm.efa(frame, n_factors=2, method=method, rotation="none").converged)
    common = pd.DataFrame(of_rows(frame, method), index=ITEMS, columns=ITEMS)
    moved = of_rows(frame[items], method)
    np.testing.assert_allclose(moved, common.loc[items, items], atol=1e-4)
    columns = sorted(turned)
    sign = np.where([item in turned for item in ITEMS], -1.0, 1.0)
    flipped = of_rows(frame.assign(**{item: 6 - frame[item] for item in columns}), method)
    np.testing.assert_allclose(flipped, common * np.outer(sign, sign), atol=1e-4)


@given(frame=answers(), scale=st.floats(0.1, 10.0))
@few
def test_congruence_is_bounded_and_does_not_know_the_size(frame: pd.DataFrame, scale: float) -> None:
    loadings = frame.corr().iloc[:, :3]
    found = pm.tucker_congruence(loadings, loadings * scale)
    np.testing.assert_allclose(np.diag(found), 1.0)
    assert (found.abs() <= 1.0 + 1e-12).all(axis=None)
    np.testing.assert_allclose(found, found.T)


@given(frame=answers())
@few
def test_alpha_never_exceeds_one_and_lies_in_its_interval(frame: pd.DataFrame) -> None:
    result = pm.cronbach_alpha(frame)
    assert result.estimate <= 1.0
    assert result.interval.low < result.estimate < result.interval.high
