"""Screening: each index by hand, and planted straight-liners and random responders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.screening import even_odd, longest_runs, mahalanobis, person_total, variability

NO = np.nan
SCALES = {f"s{k}": [f"i{6 * k + j}" for j in range(6)] for k in range(5)}
ITEMS = [item for items in SCALES.values() for item in items]
REVERSED = ITEMS[::3]


@pytest.fixture(scope="module")
def careful() -> pd.DataFrame:
    """300 persons, five scales of six five-point items as answered; every third item points the other way."""
    random = np.random.default_rng(8)
    loadings = pd.DataFrame(np.kron(np.eye(5), np.full((6, 1), 0.75)), index=ITEMS)
    shift = random.uniform(-0.7, 0.7, 30)
    cuts = np.array([-1.3, -0.4, 0.4, 1.3]) + shift[:, None]
    frame = pm.simulate_ordinal(loadings, thresholds=cuts, n_persons=300, rng=9)
    frame[REVERSED] = 6 - frame[REVERSED]
    return frame


def plant(frame: pd.DataFrame, rng: int) -> tuple[pd.DataFrame, list[int], list[int]]:
    """Replace ten persons by straight-liners and ten by random responders."""
    random = np.random.default_rng(rng)
    planted = frame.copy()
    lines, chance = list(range(10)), list(range(10, 20))
    planted.iloc[lines] = random.integers(1, 6, (10, 1))
    planted.iloc[chance] = random.integers(1, 6, (10, 30))
    return planted, lines, chance


def test_longest_runs_by_hand() -> None:
    X = np.array([[1, 1, 1, 2, 2], [1, 2, 3, 4, 5], [3, NO, 3, NO, 3], [NO, NO, NO, NO, NO], [2, 1, 1, 1, 1]])
    assert longest_runs(X).tolist() == [3, 1, 3, 0, 4]


def test_variability_is_the_standard_deviation_of_the_answers() -> None:
    frame = pd.DataFrame([[1, 2, 3, 5], [2, 2, 2, 2], [1, NO, 5, NO], [1, NO, NO, NO]])
    np.testing.assert_allclose(variability(frame.to_numpy()), frame.std(axis=1))


def test_person_total_leaves_the_person_out() -> None:
    X = np.array([[1.0, 2, 3, 4], [2, 2, 4, 5], [5, 4, 2, 1], [1, NO, 3, 5], [3, 3, 3, 3]])
    found = person_total(X)
    for person in range(4):
        known = ~np.isnan(X[person])
        means = np.nanmean(np.delete(X, person, axis=0), axis=0)
        assert found[person] == pytest.approx(np.corrcoef(X[person, known], means[known])[0, 1], rel=1e-10)
    assert np.isnan(found[4])


def test_even_odd_is_the_stepped_up_correlation_over_scales() -> None:
    random = np.random.default_rng(1)
    X = random.integers(1, 6, (20, 14)).astype(float)
    scales = [np.arange(0, 5), np.arange(5, 9), np.arange(9, 12), np.arange(12, 14)]
    found = even_odd(X, scales)
    for person in range(20):
        odd = [X[person, items[::2]].mean() for items in scales]
        even = [X[person, items[1::2]].mean() for items in scales]
        r = np.corrcoef(odd, even)[0, 1]
        assert found[person] == pytest.approx(max(2 * r / (1 + r), -1), rel=1e-9)


def test_distances_are_those_of_the_formula_and_missing_answers_use_the_rest() -> None:
    random = np.random.default_rng(2)
    X = random.standard_normal((60, 4)) @ random.uniform(-1, 1, (4, 4))
    S, centre = np.cov(X.T), X.mean(axis=0)
    expected = [(x - centre) @ np.linalg.inv(S) @ (x - centre) for x in X]
    np.testing.assert_allclose(mahalanobis(X, robust=False, random=random), expected)
    holes = np.vstack([X, [X[0, 0], NO, X[0, 2], NO], [NO] * 4])
    rest = mahalanobis(holes, robust=False, random=random)
    part = [0, 2]
    deviation = (X[0] - centre)[part]
    assert rest[60] == pytest.approx(deviation @ np.linalg.inv(S[np.ix_(part, part)]) @ deviation)
    assert np.isnan(rest[61])


def test_planted_persons_are_found_and_careful_ones_are_not(careful: pd.DataFrame) -> None:
    planted, lines, chance = plant(careful, rng=1)
    result = pm.careless_responding(planted, reverse=REVERSED, codes=[1, 2, 3, 4, 5], scales=SCALES, rng=1)
    assert result.flags.loc[lines, ["long_string", "variability"]].all(axis=None)
    assert set(lines) <= set(result.flagged)
    assert len(set(chance) & set(result.flagged)) >= 7
    assert result.flags.loc[chance, "mahalanobis"].mean() >= 0.7
    wrong = set(result.flagged) - set(lines) - set(chance)
    assert len(wrong) / 280 <= 0.03
    assert result.table["n_flags"].max() <= 5
    assert result.cutoffs.loc["long_string", "cutoff"] == 15
    assert result.cutoffs["n_flagged"].to_dict() == result.flags.sum().to_dict()
    assert result.to_frame()["flagged"].sum() == len(result.flagged)


def test_the_robust_distance_is_not_fooled_by_a_crowd() -> None:
    """60 of 200 persons far off in one direction draw the classic mean and covariance to themselves."""
    random = np.random.default_rng(3)
    X = random.standard_normal((200, 4))
    X[:60] = np.array([5, -5, 5, -5]) + random.standard_normal((60, 4))
    crowd = pd.DataFrame(X)
    classic = pm.careless_responding(crowd)
    robust = pm.careless_responding(crowd, robust=True, rng=1)
    assert robust.flags["mahalanobis"].iloc[:60].mean() == 1.0
    assert classic.flags["mahalanobis"].iloc[:60].mean() < 0.1
    assert robust.flags["mahalanobis"].iloc[60:].mean() < 0.05
    again = pm.careless_responding(crowd, robust=True, rng=1)
    pd.testing.assert_frame_equal(robust.table, again.table)


def test_fast_answers_are_flagged_by_the_item(careful: pd.DataFrame) -> None:
    seconds = pd.Series(180.0, index=careful.index)
    seconds.iloc[:5] = [59, 60, 61, 0, NO]
    result = pm.careless_responding(careful, seconds=seconds)
    assert result.flags["seconds_per_item"].iloc[:6].tolist() == [True, False, False, True, False, False]
    half = careful.copy()
    half.iloc[0, :20] = NO
    assert pm.careless_responding(half, seconds=seconds).table["seconds_per_item"].iloc[0] == pytest.approx(5.9)


def test_cutoffs_can_be_set_and_are_told(careful: pd.DataFrame) -> None:
    result = pm.careless_responding(
        careful, long_string_cutoff=4, variability_cutoff=0.9, person_total_cutoff=0.1, minimum_flags=1
    )
    assert result.cutoffs["cutoff"].to_dict() == {
        "long_string": 4.0,
        "variability": 0.9,
        "person_total": 0.1,
        "mahalanobis": 0.001,
    }
    assert (result.flags["long_string"] == (result.table["long_string"] >= 4)).all()
    assert (result.table["flagged"] == (result.table["n_flags"] >= 1)).all()


def test_what_cannot_be_computed_is_told(careful: pd.DataFrame) -> None:
    twins = careful[ITEMS[:4]].assign(again=careful[ITEMS[0]])
    result = pm.careless_responding(twins, scales={"a": ITEMS[:2], "b": ITEMS[2:4]})
    assert result.table[["mahalanobis", "even_odd"]].isna().all(axis=None)
    assert not result.flags[["mahalanobis", "even_odd"]].any(axis=None)
    assert [problem.code for problem in result.warnings] == [Code.STA_UNDEFINED] * 2
    few = pm.careless_responding(careful.iloc[:10])
    assert few.table["mahalanobis"].isna().all()
    empty = careful.astype(float).iloc[:50, :6].copy()
    empty.iloc[0] = NO
    blank = pm.careless_responding(empty)
    assert blank.table["variability"].isna().tolist()[:2] == [True, False]
    assert not blank.table["flagged"].iloc[0]


def test_screening_options_are_checked(careful: pd.DataFrame, refused: Any) -> None:
    def of(name: str) -> Any:
        return lambda value: pm.careless_responding(careful, **{name: value})

    times = np.full(300, 100.0)
    refused(Code.STA_SHAPE_MISMATCH, of("seconds"), valid=times, bad=times[:10])
    refused(Code.STA_SHAPE_MISMATCH, of("seconds"), valid=times, bad=pd.Series(times, index=range(1, 301)))
    refused(Code.STA_SHAPE_MISMATCH, of("reverse"), valid=["i0"], bad=["j0"])
    refused(Code.STA_SHAPE_MISMATCH, of("scales"), valid=SCALES, bad={"x": ["i0", "j0"]})
    refused(Code.STA_OPTION_RANGE, of("mahalanobis_alpha"), valid=0.01, bad=0.0)
    refused(Code.STA_OPTION_RANGE, of("minimum_flags"), valid=1, bad=0)
    refused(Code.STA_TOO_FEW_ITEMS, pm.careless_responding, valid=careful, bad=careful[["i0"]])
    refused(Code.STA_TOO_FEW_PERSONS, pm.careless_responding, valid=careful, bad=careful.iloc[:2])
    refused(Code.STA_NOT_FINITE, pm.careless_responding, valid=careful, bad=careful.assign(i0=np.inf))


def test_nobody_is_flagged_where_nobody_answered() -> None:
    result = pm.careless_responding(pd.DataFrame(np.full((5, 4), NO)))
    assert len(result.flagged) == 0
    assert result.table["variability"].isna().all()


def test_the_robust_distance_needs_items_that_vary_in_the_core() -> None:
    """An item that all but five persons answer alike does not vary among the half that the determinant keeps."""
    random = np.random.default_rng(4)
    frame = pd.DataFrame(random.standard_normal((100, 3))).assign(rare=[1.0] * 5 + [0.0] * 95)
    result = pm.careless_responding(frame, robust=True, rng=1)
    assert result.table["mahalanobis"].isna().all()
    assert Code.STA_UNDEFINED in [problem.code for problem in result.warnings]
    assert pm.careless_responding(frame).table["mahalanobis"].notna().all()
