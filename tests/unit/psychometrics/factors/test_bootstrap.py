"""Bootstrap: correlations of draws, the same factors in every replicate, seeds and workers, failures, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import joblib
import numpy as np
import pandas as pd
import pytest

from tests.bench.coverage_efa import replication
from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.factors import bootstrap
from toolkit.psychometrics.factors.rotation import OBLIQUE, Rotation

TARGET = np.where(np.kron(np.eye(2), np.ones((3, 1))) > 0, np.nan, 0.0)


def fitted(answers: pd.DataFrame, **options: Any) -> pm.EfaResult:
    return pm.efa(answers, **{"n_factors": 2, "method": "ml", "rng": 1} | options)


def test_correlations_by_counting_are_those_of_the_drawn_persons(
    answers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = answers.to_numpy() + 1000.0
    drawn = np.random.default_rng(1).integers(400, size=(3, 400))
    counts = np.stack([np.bincount(rows, minlength=400) for rows in drawn])
    expected = np.stack([np.corrcoef(codes[rows].T) for rows in drawn])
    np.testing.assert_allclose(bootstrap.weighted_correlations(codes, counts), expected, atol=1e-12)
    monkeypatch.setattr(bootstrap, "MOST_PRODUCTS", 21 * 7)
    np.testing.assert_allclose(bootstrap.weighted_correlations(codes, counts), expected, atol=1e-12)


def test_factors_get_order_and_signs_with_their_correlations() -> None:
    goal = np.array(
        [[0.8, 0.0, 0.1], [0.7, 0.1, 0.0], [0.0, 0.7, 0.0], [0.1, 0.6, 0.0], [0.0, 0.0, 0.5], [0, 0.1, 0.6]]
    )
    phi = np.array([[1, 0.3, 0.2], [0.3, 1, -0.1], [0.2, -0.1, 1]])
    order, sign = [2, 0, 1], np.array([-1.0, 1.0, -1.0])
    turned = np.ascontiguousarray((goal[:, order] + 0.02) * sign)
    turned_phi = np.ascontiguousarray(phi[np.ix_(order, order)] * np.outer(sign, sign))
    loadings, back = bootstrap.matched(turned, turned_phi, goal)
    np.testing.assert_allclose(loadings, goal + 0.02, atol=1e-12)
    np.testing.assert_allclose(back, phi, atol=1e-12)


@pytest.mark.parametrize("rotation", [name for name in get_args(Rotation) if not name.startswith("bifactor")])
@pytest.mark.parametrize("method", ["ml", "minres", "paf", "dwls"])
def test_the_sample_itself_gives_the_solution_back(method: Any, rotation: Any, answers: pd.DataFrame) -> None:
    target = TARGET if rotation.startswith("target") else None
    result = fitted(answers, method=method, rotation=rotation, target=target, varimax_tolerance=1e-14)
    sample = result._fitted.sample
    loadings, phis, states = bootstrap.refitted(result._fitted, np.stack([sample.R, sample.R]))
    assert not states.any()
    np.testing.assert_allclose(loadings[1], result.loadings, atol=2e-4)
    np.testing.assert_allclose(phis[1], result.phi, atol=2e-4)
    if rotation not in OBLIQUE:
        np.testing.assert_array_equal(phis[1], np.eye(2))


def test_intervals_hold_the_estimates_and_have_the_width_of_the_errors(answers: pd.DataFrame) -> None:
    result = fitted(answers, standard_errors="sandwich")
    found = result.bootstrap(1000, rng=2)
    assert (found.n_replicates, found.n_used + found.n_failed) == (1000, 1000)
    assert ((found.loadings_low < result.loadings) & (result.loadings < found.loadings_high)).all(axis=None)
    assert ((found.communalities_low < result.communalities) & (result.communalities < found.communalities_high)).all()
    assert found.phi_low.loc["F1", "F2"] < result.phi.loc["F1", "F2"] < found.phi_high.loc["F1", "F2"]
    np.testing.assert_allclose(np.diag(found.phi_low), [1, 1], rtol=1e-12)
    np.testing.assert_allclose(found.loadings_sd / result.standard_errors.loadings, 1.0, atol=0.25)
    narrow = result.bootstrap(1000, rng=2, level=0.5)
    assert (narrow.loadings_high < found.loadings_high).all(axis=None)
    frame = found.to_frame()
    assert list(frame) == ["item", "factor", "low", "high"]
    place = frame[(frame["item"] == "b") & (frame["factor"] == "F2")].iloc[0]
    assert (place["low"], place["high"]) == (found.loadings_low.loc["b", "F2"], found.loadings_high.loc["b", "F2"])


def test_intervals_cover() -> None:
    """Over 80 samples and four quantities, each kind of interval holds the truth about as often as it says."""
    replicate = replication("normal", 400, "ml", n_bootstrap=200)
    held = pd.DataFrame([replicate(np.random.default_rng([7, number])) for number in range(80)])
    for kind in ("bootstrap", "information", "sandwich"):
        rates = held[[name for name in held if name.endswith(kind)]].mean()
        assert rates.mean() == pytest.approx(0.95, abs=0.04)
        assert rates.min() > 0.85


def test_the_seed_repeats_and_workers_change_nothing(answers: pd.DataFrame) -> None:
    result = fitted(answers)
    one = result.bootstrap(600, rng=5)
    with joblib.parallel_config(n_jobs=2):
        two = result.bootstrap(600, rng=5)
    pd.testing.assert_frame_equal(one.loadings_low, two.loadings_low)
    assert one.provenance["seed"] == 5
    assert not one.loadings_low.equals(result.bootstrap(600, rng=6).loadings_low)


@pytest.mark.parametrize("correlation", ["pearson", "spearman", "polychoric"])
def test_pairwise_and_ranks_are_drawn_and_correlated_again(correlation: Any, answers: pd.DataFrame) -> None:
    holes = answers.copy()
    holes.iloc[:30, 0] = np.nan
    found = fitted(holes, correlation=correlation, missing="pairwise").bootstrap(60, rng=1)
    whole = fitted(answers, correlation=correlation).bootstrap(60, rng=1)
    assert found.n_used == 60
    assert (found.loadings_sd / whole.loadings_sd).to_numpy().mean() == pytest.approx(1.0, abs=0.2)


def test_replicates_without_a_solution_are_counted_and_left_out() -> None:
    """The item that one person of twelve answers otherwise is constant in a third of the draws."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(random.standard_normal((12, 1)) + 0.5 * random.standard_normal((12, 4)))
    frame[4] = [5.0, *[1.0] * 11]
    found = pm.efa(frame, n_factors=1, rotation="none").bootstrap(200, rng=1)
    assert found.n_failed > 30
    assert found.n_used == 200 - found.n_failed
    assert np.isfinite(found.loadings_low).all(axis=None)
    assert [problem.code for problem in found.warnings] == [Code.STA_NOT_CONVERGED]
    assert f"{found.n_failed} of 200" in str(found.warnings[0])


def test_heywood_cases_among_the_replicates_are_counted(exact: Callable[..., pd.DataFrame]) -> None:
    frame = exact([[1, 0.6, 0.6], [0.6, 1, 0.4], [0.6, 0.4, 1]], n=100)
    found = pm.efa(frame, n_factors=1, rotation="none").bootstrap(300, rng=1)
    assert 0 < found.n_heywood < 300
    assert found.n_failed == 0


def test_answers_are_needed_and_options_checked(answers: pd.DataFrame, refused: Callable[..., object]) -> None:
    result = fitted(answers)
    matrix = fitted(pm.pearson_correlation(answers).matrix, n_persons=400)
    refused(Code.STA_NEEDS_ANSWERS, lambda given: given.bootstrap(20, rng=1), valid=result, bad=matrix)
    refused(Code.STA_OPTION_RANGE, lambda n: result.bootstrap(n, rng=1), valid=20, bad=1)
    refused(Code.STA_OPTION_RANGE, lambda level: result.bootstrap(20, rng=1, level=level), valid=0.9, bad=1.0)
