"""Counting once gives what the answers give, in however many pieces they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics._inputs import moments


@pytest.fixture(scope="module")
def gaps() -> pd.DataFrame:
    """5,000 persons, more than one block of the kernel; codes differ between pieces; some answered nothing."""
    frame = pm.simulate_ordinal([0.8, 0.7, 0.6, 0.5], thresholds=[-1.2, -0.4, 0.4, 1.2], n_persons=5000, rng=8)
    frame = frame.mask(np.random.default_rng(8).random(frame.shape) < 0.07)
    frame.iloc[:100] = frame.iloc[:100].replace({3.0: np.nan, 5.0: 4.0})
    frame.iloc[3:7] = np.nan
    return frame


def pieces(frame: pd.DataFrame) -> list[pd.DataFrame]:
    return [frame.iloc[:3], frame.iloc[3:7], frame.iloc[7:100], frame.iloc[100:4300], frame.iloc[4300:]]


@pytest.mark.parametrize("cut", [False, True])
def test_tables_are_crosstabs(cut: bool, gaps: pd.DataFrame) -> None:
    counts = pm.count_responses(iter(pieces(gaps)) if cut else gaps)
    for first in gaps:
        for second in gaps:
            if first == second:
                continue
            pairwise = counts.table(first, second)
            expected = pd.crosstab(gaps[first], gaps[second])
            assert pairwise.to_numpy().tolist() == expected.to_numpy().tolist()
            assert (list(pairwise.index), list(pairwise.columns)) == (list(expected.index), list(expected.columns))
            listwise = counts.table(first, second, missing="listwise")
            whole = gaps.dropna()
            assert listwise.to_numpy().tolist() == pd.crosstab(whole[first], whole[second]).to_numpy().tolist()
    assert (counts.n_complete, counts.n_empty) == (len(gaps.dropna()), int(gaps.isna().all(axis=1).sum()))
    assert counts.n_persons + counts.n_dropped == 5000
    expected = gaps.apply(lambda column: column.value_counts()).T
    assert counts.to_frame().to_numpy().tolist() == expected.to_numpy().tolist()


@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
def test_moments_are_those_of_the_answers(missing: Any, gaps: pd.DataFrame) -> None:
    one, two = moments(gaps, missing=missing), moments(pm.count_responses(pieces(gaps)), missing=missing)
    for name in ("mean", "covariance", "correlation", "n_pairs"):
        np.testing.assert_allclose(getattr(two, name), getattr(one, name), rtol=1e-11, err_msg=name)
    assert (two.n, two.responses.n_persons, two.responses.n_dropped) == (
        one.n,
        one.responses.n_persons,
        one.responses.n_dropped,
    )


def test_statistics_take_counts(gaps: pd.DataFrame) -> None:
    counts = pm.count_responses(gaps)
    for statistic in (pm.cronbach_alpha, pm.composite_omega):
        assert statistic(counts).estimate == pytest.approx(statistic(gaps).estimate, rel=1e-10)
        assert statistic(counts).interval.low == pytest.approx(statistic(gaps).interval.low, rel=1e-10)
    pd.testing.assert_frame_equal(pm.pearson_correlation(counts).matrix, pm.pearson_correlation(gaps).matrix)
    np.testing.assert_allclose(
        pm.efa(counts, n_factors=1, rotation="none").loadings, pm.efa(gaps, n_factors=1, rotation="none").loadings
    )


@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
def test_ranks_are_those_of_each_pair(missing: Any, gaps: pd.DataFrame) -> None:
    frame = gaps if missing == "pairwise" else gaps.dropna()
    expected = frame.corr(method="spearman")
    for data in (gaps, pm.count_responses(gaps)):
        result = pm.spearman_correlation(data, missing=missing)
        pd.testing.assert_frame_equal(result.matrix, expected, rtol=1e-10)
        assert result.n_persons == len(frame.dropna(how="all"))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float32", "float64", "Int64", "Float64", "bool"])
def test_number_types(dtype: str) -> None:
    frame = pd.DataFrame({"a": [1, 0, 0, 1, 1], "b": [0, 0, 1, 1, 1]}).astype(dtype)
    assert pm.count_responses(frame).table("a", "b").to_numpy().tolist() == [[1, 1], [1, 2]]


@pytest.mark.parametrize(
    "values",
    [[-3.0, -1.0, 7.0], [0.1, 0.25, 9.75], [-1e9, 0.0, 1e9], [1.0, 2.0, 300.0]],
    ids=["whole", "parts", "wide", "far"],
)
def test_any_values_are_categories_in_their_order(values: list[float]) -> None:
    places = np.array([0, 1, 2, 2, 1, 0, 0])
    frame = pd.DataFrame({"a": np.array(values)[places], "b": [1, 1, 2, 2, 2, 1, np.nan]})
    counts = pm.count_responses([frame.iloc[:2], frame.iloc[2:]])
    assert counts.categories["a"].tolist() == values
    assert counts.table("a", "b").to_numpy().tolist() == [[2, 0], [1, 1], [0, 2]]


def test_columns_that_lie_apart_in_memory() -> None:
    values = np.random.default_rng(1).integers(1, 6, (500, 3)).astype(float)
    one, two = pd.DataFrame(values), pd.DataFrame(np.asfortranarray(values))
    np.testing.assert_array_equal(pm.count_responses(one).pair_tables, pm.count_responses(two).pair_tables)


def test_pieces_must_have_the_same_columns(gaps: pd.DataFrame, refused: Callable[..., StatisticsError]) -> None:
    good = [gaps.head(50), gaps.tail(50)]
    turned = [gaps.head(50), gaps.tail(50)[["item2", "item1", "item3", "item4"]]]
    refused(Code.STA_SHAPE_MISMATCH, pm.count_responses, valid=good, bad=turned)


def test_nothing_to_count(gaps: pd.DataFrame, refused: Callable[..., StatisticsError]) -> None:
    refused(Code.STA_TOO_FEW_PERSONS, pm.count_responses, valid=[gaps], bad=[])
    refused(Code.STA_TOO_FEW_PERSONS, pm.count_responses, valid=gaps, bad=gaps.head(0))
    refused(Code.STA_NOT_A_FRAME, pm.count_responses, valid=[gaps], bad=[gaps.to_numpy()])


def test_categories_are_counted_over_all_pieces(refused: Callable[..., StatisticsError]) -> None:
    def halves(top: int) -> list[pd.DataFrame]:
        return [pd.DataFrame({"a": range(30), "b": 1}), pd.DataFrame({"a": range(30, top), "b": 2})]

    refused(Code.STA_TOO_MANY_CATEGORIES, pm.count_responses, valid=halves(50), bad=halves(51))


def test_counts_are_locked(gaps: pd.DataFrame) -> None:
    counts = pm.count_responses(gaps)
    with pytest.raises(ValueError, match="read-only"):
        counts.pair_tables[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        counts.categories["item1"][0] = 9
    assert counts.to_dict()["categories"]["item1"] == [1.0, 2.0, 3.0, 4.0, 5.0]
