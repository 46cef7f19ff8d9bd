"""The hull: its bends, its indices, its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.factors.extraction import extract
from toolkit.psychometrics.factors.retention_hull import common_part_accounted_for, sharpest_bend

DF = np.array([45.0, 35.0, 26.0, 18.0, 11.0])


def test_the_sharpest_bend_by_hand() -> None:
    """Gains of .4/10, .3/9, .08/8 and .01/7 a parameter: the bends are 1.2, 3.33 and 7."""
    chosen, bends = sharpest_bend(DF, np.array([0.0, 0.4, 0.7, 0.78, 0.79]))
    np.testing.assert_allclose(bends, [np.nan, 1.2, (0.3 / 9) / (0.08 / 8), (0.08 / 8) / (0.01 / 7), np.nan])
    assert chosen == 3


def test_a_solution_below_the_line_between_its_neighbours_is_left_out() -> None:
    chosen, bends = sharpest_bend(DF, np.array([0.0, 0.1, 0.7, 0.75, 0.76]))
    assert np.isnan(bends[1])
    np.testing.assert_allclose(bends[2], (0.7 / 19) / (0.05 / 8))
    assert chosen == 2


def test_solutions_that_fit_no_better_are_left_out() -> None:
    chosen, bends = sharpest_bend(DF, np.array([0.0, 0.6, 0.5, np.nan, 0.7]))
    np.testing.assert_allclose(bends[1], (0.6 / 10) / (0.1 / 24))
    assert np.isnan(bends[[0, 2, 3, 4]]).all()
    assert chosen == 1


@pytest.mark.parametrize(("fit", "expected"), [([0.9, 0.8, 0.8], 0), ([0.0, 0.1, 0.9], 2), ([0.0, 0.5, 0.4], 1)])
def test_where_nothing_bends_the_best_is_chosen(fit: list[float], expected: int) -> None:
    chosen, bends = sharpest_bend(DF[:3], np.array(fit))
    assert chosen == expected
    assert np.isnan(bends).all()


def test_two_solutions_on_the_hull_are_told(answers: pd.DataFrame) -> None:
    result = pm.hull(answers, n_factors_max=2)
    undefined = {problem.what for problem in result.warnings if problem.code is Code.STA_UNDEFINED}
    bends = result.table[["st_CAF", "st_CFI", "st_RMSEA"]]
    assert len(undefined) == int(bends.isna().all().sum())
    assert undefined
    assert result.n_factors == 2


def test_the_indices_are_those_of_their_formulas(answers: pd.DataFrame) -> None:
    result = pm.hull(answers, n_factors_max=2)
    fitted = pm.efa(answers, n_factors=2, method="ml", rotation="none", fit_convention="EFAtools")
    row = result.table.loc[2]
    np.testing.assert_allclose([row["CFI"], 1 - row["1 - RMSEA"]], [fitted.cfi, fitted.rmsea.estimate], atol=1e-9)
    assert row["df"] == fitted.df
    zero = result.table.loc[0]
    np.testing.assert_allclose(zero["CAF"], 1.0 - pm.kaiser_meyer_olkin(answers).overall, rtol=1e-12)
    assert zero["CFI"] == 0.0
    R = answers.corr().to_numpy()
    loadings = extract(R, 2, "ml").loadings
    residual = R - loadings @ loadings.T
    np.fill_diagonal(residual, 1.0)
    names = list("abcdef")
    kmo = pm.kaiser_meyer_olkin(pm_frame_with(residual, names)).overall
    np.testing.assert_allclose(row["CAF"], 1.0 - kmo, rtol=1e-8)


def pm_frame_with(R: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Return answers whose correlations are exactly R."""
    X = np.random.default_rng(3).standard_normal((100, len(names)))
    X -= X.mean(axis=0)
    white = X @ np.linalg.inv(np.linalg.cholesky(np.cov(X.T))).T
    return pd.DataFrame(white @ np.linalg.cholesky(R).T, columns=names)


def test_perfect_fit_accounts_for_everything_and_an_improper_residual_for_nothing() -> None:
    assert common_part_accounted_for(np.zeros((4, 4))) == 1.0
    improper = np.full((3, 3), -0.9)
    assert np.isnan(common_part_accounted_for(improper))


def test_the_upper_limit_comes_from_parallel_analysis(answers: pd.DataFrame) -> None:
    smc = pm.parallel_analysis(answers, n_datasets=200, eigenvalues="smc", rng=1).n_factors
    frame = pd.concat([answers, answers.sample(frac=1, random_state=1).reset_index(drop=True).add_suffix("2")], axis=1)
    assert pm.hull(answers, n_datasets=200, rng=1).n_factors_max == min(smc + 1, 2)
    wide = pm.parallel_analysis(frame, n_datasets=200, eigenvalues="smc", rng=1).n_factors
    assert pm.hull(frame, n_datasets=200, rng=1).n_factors_max == wide + 1
    assert pm.hull(frame, n_factors_max=50).n_factors_max == 7


def test_a_heywood_case_of_a_chosen_solution_is_told() -> None:
    truth = np.array([[0.7, 0, 0]] * 4 + [[0, 0.7, 0]] * 4 + [[0, 0, 0.7]] * 2)
    frame = pm.simulate_ordinal(truth, thresholds=[-1, 0, 1], n_persons=400, rng=1)
    frame["twin"] = frame["item9"].where(np.arange(400) > 2, 5 - frame["item9"])
    result = pm.hull(frame, n_factors_max=4)
    chosen = {result.n_factors, result.n_factors_cfi, result.n_factors_rmsea}
    told = {problem.code for problem in result.warnings}
    assert result.table.loc[sorted(chosen), "n_heywood"].max() > 0
    assert Code.STA_HEYWOOD in told


def test_options_are_checked(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    def call(options: dict[str, Any]) -> object:
        return pm.hull(answers, rng=1, **{"n_datasets": 5} | options)

    refused(Code.STA_UNKNOWN_OPTION, call, valid={"extraction": "minres"}, bad={"extraction": "paf"})
    refused(Code.STA_OPTION_RANGE, call, valid={"n_factors_max": 2}, bad={"n_factors_max": 1})
    refused(Code.STA_OPTION_RANGE, call, valid={"n_datasets": 1}, bad={"n_datasets": 0})
    refused(Code.STA_UNKNOWN_OPTION, call, valid={"correlation": "spearman"}, bad={"correlation": "kendall"})
