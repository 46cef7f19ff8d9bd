"""All criteria in one table: agreement, spread, and what could not be computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.factors.retention_table import TENDENCIES, in_words


def small(frame: Any, **options: Any) -> Any:
    return pm.retention(frame, **{"n_datasets": 20, "rng": 1} | options)


def test_every_row_is_the_criterion_s_own_number(answers: pd.DataFrame) -> None:
    result = small(answers)
    found = result.n_factors
    assert list(found.index) == list(TENDENCIES)
    assert found["MAP, original"] == pm.map_test(answers).n_factors
    assert found["MAP, revised"] == pm.map_test(answers).n_factors_revised
    assert found["empirical Kaiser"] == pm.empirical_kaiser_criterion(answers).n_factors
    smc = int(found["parallel analysis, smc"])
    hull = pm.hull(answers, n_factors_max=max(smc, 1) + 1)
    assert found[["hull, CAF", "hull, CFI", "hull, RMSEA"]].tolist() == [
        hull.n_factors,
        hull.n_factors_cfi,
        hull.n_factors_rmsea,
    ]
    assert found[["parallel analysis, pca", "comparison data", "NEST"]].tolist() == [2, 2, 2]
    assert result.counts.sum() == 10
    assert result.counts.index.tolist() == sorted(found.unique())
    assert (result.smallest, result.largest) == (found.min(), found.max())
    np.testing.assert_allclose(result.eigenvalues, np.linalg.eigvalsh(answers.corr())[::-1])
    assert "maximum" not in result.reading
    json.dumps(result.to_dict(), allow_nan=False)
    assert (result.to_frame()["method"].str.len() > 20).all()


@pytest.mark.parametrize("correlation", ["spearman", "polychoric"])
def test_other_correlations_go_into_all_but_two(correlation: Any, answers: pd.DataFrame) -> None:
    methods = small(answers, correlation=correlation).table["method"]
    other = methods.str.contains("Pearson")
    assert methods.index[other].tolist() == ["comparison data", "NEST"]
    assert methods[~other].str.contains(correlation, case=False).all()


def test_what_cannot_be_computed_is_nan_and_told(answers: pd.DataFrame) -> None:
    result = small(answers.assign(twin=answers["a"]))
    absent = result.n_factors.index[result.n_factors.isna()].tolist()
    assert absent == ["parallel analysis, smc", "hull, CAF", "hull, CFI", "hull, RMSEA", "NEST"]
    assert [problem.code for problem in result.warnings].count(Code.STA_UNDEFINED) == 3
    assert f"Not computed: {'; '.join(absent)}." in result.reading
    assert (result.table.loc[absent, "method"] == "not computed").all()
    assert result.to_dict()["table"]["NEST"]["n_factors"] is None


@pytest.mark.parametrize("kind", ["counts", "correlations"])
def test_without_answers_there_are_no_comparison_data(kind: str, answers: pd.DataFrame) -> None:
    given = {"counts": (pm.count_responses(answers), {}), "correlations": (answers.corr(), {"n_persons": 400})}
    frame, options = given[kind]
    result = small(frame, **options)
    assert result.n_factors.index[result.n_factors.isna()].tolist() == ["comparison data"]
    whole = small(answers).n_factors.drop(["comparison data", "NEST"])
    pd.testing.assert_series_equal(result.n_factors.drop(["comparison data", "NEST"]), whole)


def test_three_items_are_enough_and_two_are_not(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    refused(Code.STA_TOO_FEW_ITEMS, small, valid=answers[["a", "b", "c"]], bad=answers[["a", "b"]])
    few = small(answers[["a", "b", "c"]])
    assert few.n_factors.isna().sum() == 4
    refused(Code.STA_TOO_FEW_PERSONS, small, valid=answers, bad=answers.head(6))
    refused(Code.STA_CONSTANT_ITEM, small, valid=answers, bad=answers.assign(a=1.0))
    refused(
        Code.STA_OPTION_CONFLICT,
        lambda options: small(answers.corr(), n_persons=400, **options),
        valid={},
        bad={"correlation": "spearman"},
    )
    refused(Code.STA_OPTION_RANGE, lambda n: small(answers, n_datasets=n), valid=1, bad=0)


def test_the_seed_repeats_the_table_and_it_can_be_stopped(answers: pd.DataFrame) -> None:
    one = small(answers, rng=None)
    again = small(answers, rng=one.provenance["seed"])
    pd.testing.assert_frame_equal(one.to_frame(), again.to_frame())

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(answers, between=stop)


def numbers(*kept: float) -> pd.Series:
    return pd.Series(kept, index=["one", "two", "three", "four"][: len(kept)])


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ((2, 2, 2), "All 3 criteria that were computed keep 2 factors."),
        ((1, 1, np.nan), "All 2 criteria that were computed keep 1 factor. Not computed: three."),
        ((np.nan,), "No criterion could be computed. Not computed: one."),
        (
            (0, 2, 2),
            "1 of 3 criteria keeps no factor (one), 2 of 3 criteria keep 2 factors (two; three). They range from "
            "0 to 2. Most agree on 2 factors. Compare the solutions with 1 to 2 factors by what their factors mean.",
        ),
        (
            (3, 3, 4, 4),
            "2 of 4 criteria keep 3 factors (one; two), 2 of 4 criteria keep 4 factors (three; four). They range "
            "from 3 to 4. No number has a majority. "
            "Compare the solutions with 3 to 4 factors by what their factors mean.",
        ),
    ],
)
def test_the_reading_names_agreement_and_spread(kept: tuple[float, ...], expected: str) -> None:
    assert in_words(numbers(*kept)) == expected


def test_comparison_data_can_be_left_out(answers: pd.DataFrame) -> None:
    whole, quick = (
        pm.retention(answers, n_datasets=20, rng=1),
        pm.retention(answers, n_datasets=20, comparison=False, rng=1),
    )
    assert list(quick.n_factors.index) == [name for name in whole.n_factors.index if name != "comparison data"]
    unchanged = quick.n_factors.drop("NEST")
    pd.testing.assert_series_equal(unchanged, whole.n_factors[unchanged.index])
    assert quick.method.startswith("9 criteria")
    assert "comparison" not in quick.reading
