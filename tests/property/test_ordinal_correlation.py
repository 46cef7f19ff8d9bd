"""What must hold for ordinal correlations of any answers: only the order counts, of codes, and nothing else's order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from toolkit import psychometrics as pm
from toolkit.errors import StatisticsError

ITEMS = list("abcd")
few = settings(max_examples=25, deadline=None, derandomize=True)


@st.composite
def answers(draw: st.DrawFn) -> pd.DataFrame:
    """40 to 150 persons, four items of 2 to 6 categories with one factor of either sign, some answers missing."""
    seed = draw(st.integers(0, 2**31))
    random = np.random.default_rng(seed)
    signs = np.array(draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=4, max_size=4)))
    strengths = np.array(draw(st.lists(st.floats(0.0, 0.85), min_size=4, max_size=4)))
    n = draw(st.integers(40, 150))
    z = random.standard_normal((n, 1)) * signs * strengths + random.standard_normal((n, 4)) * np.sqrt(1 - strengths**2)
    frame = pd.DataFrame(index=range(n))
    for j, item in enumerate(ITEMS):
        cuts = np.linspace(-1.3, 1.3, draw(st.integers(1, 5)) + 2)[1:-1]
        frame[item] = np.digitize(z[:, j], cuts).astype(float)
    frame = frame.mask(random.random(frame.shape) < draw(st.sampled_from([0.0, 0.1])))
    whole = frame.dropna()
    assume(len(whole) > 20 and (whole.max() > whole.min()).all())
    return frame


def same(one: object, two: object, tolerance: float = 1e-7) -> None:
    np.testing.assert_allclose(np.asarray(one), np.asarray(two), atol=tolerance, equal_nan=True)


@given(frame=answers(), order=st.randoms(use_true_random=False))
@few
def test_permuting_persons_changes_nothing(frame: pd.DataFrame, order: object) -> None:
    rows = list(range(len(frame)))
    order.shuffle(rows)
    one, two = pm.polychoric(frame, acov="full"), pm.polychoric(frame.iloc[rows], acov="full")
    same(one.matrix, two.matrix, 0.0)
    same(one.acov, two.acov, 1e-12)
    same(pm.spearman_correlation(frame).matrix, pm.spearman_correlation(frame.iloc[rows]).matrix, 1e-12)


@given(frame=answers(), items=st.permutations(ITEMS))
@few
def test_permuting_items_permutes(frame: pd.DataFrame, items: list[str]) -> None:
    one = pm.polychoric(frame, acov="diagonal", missing="pairwise")
    two = pm.polychoric(frame[items], acov="diagonal", missing="pairwise")
    same(two.matrix, one.matrix.loc[items, items])
    same(two.standard_errors, one.standard_errors.loc[items, items], 1e-6)
    for item in ITEMS:
        same(two.thresholds[item], one.thresholds[item], 0.0)


@given(frame=answers(), turned=st.sampled_from(ITEMS))
@few
def test_reversing_an_item_turns_its_signs(frame: pd.DataFrame, turned: str) -> None:
    once = frame.assign(**{turned: 9 - frame[turned]})
    sign = np.where(np.array(ITEMS) == turned, -1.0, 1.0)
    one, two = pm.polychoric(frame, acov="diagonal"), pm.polychoric(once, acov="diagonal")
    same(two.matrix, one.matrix.to_numpy() * np.outer(sign, sign))
    same(two.standard_errors, one.standard_errors, 1e-6)
    same(two.thresholds[turned], -one.thresholds[turned][::-1], 1e-12)
    same(pm.spearman_correlation(once).matrix, pm.spearman_correlation(frame).matrix * np.outer(sign, sign), 1e-12)


@given(frame=answers(), step=st.floats(0.1, 1000.0), start=st.floats(-1000.0, 1000.0), power=st.sampled_from([1, 3]))
@few
def test_only_the_order_of_codes_counts(frame: pd.DataFrame, step: float, start: float, power: int) -> None:
    other = frame.assign(a=frame["a"] ** power * step + start, c=np.exp(frame["c"]))
    one, two = pm.polychoric(frame, acov="diagonal"), pm.polychoric(other, acov="diagonal")
    same(one.matrix, two.matrix, 0.0)
    same(one.acov, two.acov, 0.0)
    same(pm.spearman_correlation(frame).matrix, pm.spearman_correlation(other).matrix, 1e-12)


@given(
    frame=answers(), cuts=st.lists(st.integers(0, 150), max_size=4), missing=st.sampled_from(["listwise", "pairwise"])
)
@few
def test_pieces_count_as_the_whole(frame: pd.DataFrame, cuts: list[int], missing: str) -> None:
    ends = sorted({0, len(frame), *(cut for cut in cuts if cut < len(frame))})
    counts = pm.count_responses(frame.iloc[low:high] for low, high in pairwise(ends))
    same(pm.polychoric(counts, missing=missing).matrix, pm.polychoric(frame, missing=missing).matrix, 1e-12)
    one, two = pm.pearson_correlation(counts, missing=missing), pm.pearson_correlation(frame, missing=missing)
    same(one.matrix, two.matrix, 1e-12)


@given(frame=answers(), missing=st.sampled_from(["listwise", "pairwise"]))
@few
def test_correlations_are_correlations_with_errors(frame: pd.DataFrame, missing: str) -> None:
    result = pm.polychoric(frame, missing=missing, acov="full")
    R = result.matrix.to_numpy()
    assert result.converged
    assert (np.abs(R) <= 1.0).all()
    np.testing.assert_array_equal(R, R.T)
    perfect = np.abs(R) == 1.0
    assert (np.isnan(result.standard_errors.to_numpy()) == (perfect & ~np.eye(4, dtype=bool))).all()
    for cuts in result.thresholds.values():
        assert (np.diff(cuts) > 0).all()
    near = pm.polychoric(frame, missing=missing, smooth="nearest")
    assert near.eigenvalues[-1] > 0.0


@given(
    values=st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.0, np.nan]), min_size=3, max_size=3), min_size=1, max_size=12)
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_tiny_data_are_computed_or_refused(values: list[list[float]]) -> None:
    """Whatever is given: a result whose numbers are NaN only where that is said, or a coded refusal."""
    for missing in ("listwise", "pairwise"):
        try:
            result = pm.polychoric(pd.DataFrame(values, columns=list("abc")), missing=missing, acov="full")
        except StatisticsError as error:
            assert error.codes  # noqa: PT017 - either outcome is right, and both are checked
        else:
            assert np.isfinite(result.matrix.to_numpy()).all()
            perfect = any(problem.code == "STA_PERFECT_CORRELATION" for problem in result.warnings)
            assert perfect == bool(np.isnan(result.acov.to_numpy()).any())
