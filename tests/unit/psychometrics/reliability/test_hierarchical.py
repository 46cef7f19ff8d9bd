"""Omega hierarchical in populations with a known general factor, and what is told when it is not identified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics.reliability.hierarchical import schmid_leiman

GAMMA = np.array([0.8, 0.7, 0.6])
PRIMARY = np.kron(np.eye(3), np.array([[0.8], [0.7], [0.6], [0.5]]))
PHI = np.outer(GAMMA, GAMMA) + np.diag(1 - GAMMA**2)
R = PRIMARY @ PHI @ PRIMARY.T
np.fill_diagonal(R, 1.0)


def codes(result: Any) -> list[Code]:
    return [problem.code for problem in result.warnings]


def test_the_population_is_recovered(exact: Callable[..., pd.DataFrame]) -> None:
    result = pm.mcdonald_omega(exact(R), n_factors=3, rng=1)
    g, group = PRIMARY @ GAMMA, PRIMARY * np.sqrt(1 - GAMMA**2)
    V = R.sum()
    common = (g**2).sum() + (group**2).sum()
    assert result.hierarchical == pytest.approx(g.sum() ** 2 / V, abs=1e-4)
    assert result.total == pytest.approx(1 - (12 - common) / V, abs=1e-5)
    assert result.ecv == pytest.approx((g**2).sum() / common, abs=1e-4)
    assert result.asymptotic == pytest.approx(result.hierarchical / result.total, rel=1e-12)
    np.testing.assert_allclose(result.schmid_leiman["g"], g, atol=1e-4)
    np.testing.assert_allclose(np.sort(result.general_loadings), np.sort(GAMMA), atol=1e-4)
    np.testing.assert_allclose(result.schmid_leiman["h2"] + result.schmid_leiman["u2"], 1.0)
    assert result.warnings == ()
    assert result.alpha == pytest.approx(pm.cronbach_alpha(exact(R)).standardized, rel=1e-9)


def test_subscales_are_those_of_their_own_items(exact: Callable[..., pd.DataFrame]) -> None:
    result = pm.mcdonald_omega(exact(R), n_factors=3, rng=1)
    strength = np.array([0.8, 0.7, 0.6, 0.5]).sum()
    own = R[:4, :4].sum()
    expected = np.array([[strength**2, (strength * gamma) ** 2, strength**2 * (1 - gamma**2)] for gamma in GAMMA]) / own
    got = result.subscales.sort_values("general", ascending=False)
    np.testing.assert_allclose(got[["total", "general", "group"]], expected, atol=1e-4)
    assert result.subscales["n_items"].tolist() == [4, 4, 4]


def test_the_transformation_keeps_the_common_part() -> None:
    found = schmid_leiman(PRIMARY, PHI)
    rebuilt = np.outer(found.general, found.general) + found.group @ found.group.T
    np.testing.assert_allclose(rebuilt, PRIMARY @ PHI @ PRIMARY.T, atol=1e-6)


def test_one_factor_is_all_general(exact: Callable[..., pd.DataFrame]) -> None:
    lam = np.array([0.8, 0.7, 0.6, 0.5, 0.4])
    result = pm.mcdonald_omega(exact(np.outer(lam, lam) + np.diag(1 - lam**2)), n_factors=1, rng=1)
    expected = lam.sum() ** 2 / (lam.sum() ** 2 + (1 - lam**2).sum())
    assert (result.total, result.hierarchical, result.ecv) == pytest.approx((expected, expected, 1.0), abs=1e-6)
    assert codes(result) == [Code.STA_NOT_IDENTIFIED]


def test_two_factors_share_the_general_factor_equally_and_that_is_told(exact: Callable[..., pd.DataFrame]) -> None:
    primary = PRIMARY[:8, :2]
    S = primary @ np.array([[1, 0.49], [0.49, 1]]) @ primary.T
    np.fill_diagonal(S, 1.0)
    result = pm.mcdonald_omega(exact(S), n_factors=2, rng=1)
    np.testing.assert_allclose(result.general_loadings, [0.7, 0.7], atol=1e-4)
    assert Code.STA_NOT_IDENTIFIED in codes(result)


def test_a_reversed_item_is_not_turned_and_lowers_omega(exact: Callable[..., pd.DataFrame]) -> None:
    frame = exact(R)
    turned = pm.mcdonald_omega(frame.assign(x1=-frame["x1"]), n_factors=3, rng=1)
    assert turned.schmid_leiman.loc["x1", "g"] < 0
    assert turned.hierarchical < pm.mcdonald_omega(frame, n_factors=3, rng=1).hierarchical - 0.05


def test_a_group_factor_that_is_all_general_is_told(exact: Callable[..., pd.DataFrame]) -> None:
    phi = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, 0.6], [0.9, 0.6, 1.0]])
    S = PRIMARY @ phi @ PRIMARY.T
    np.fill_diagonal(S, 1.0)
    result = pm.mcdonald_omega(exact(S), n_factors=3, rng=1)
    assert Code.STA_HEYWOOD in codes(result)
    assert np.isfinite(result.hierarchical)


def test_bootstrap_limits_hold_the_estimates() -> None:
    frame = pm.simulate_ordinal(PRIMARY, phi=PHI, thresholds=[-1, 0, 1], n_persons=400, rng=2)
    result = pm.mcdonald_omega(frame, n_factors=3, interval="bootstrap", n_bootstrap=100, rng=1)
    for name, limits in result.intervals.items():
        assert limits.low < getattr(result, name) < limits.high
    assert result.intervals["hierarchical"].high - result.intervals["hierarchical"].low < 0.35
    assert pm.mcdonald_omega(frame, n_factors=3, rng=1).intervals is None


def test_hierarchical_options_are_checked(refused: Any, answers: pd.DataFrame) -> None:
    refused(
        Code.STA_TOO_MANY_FACTORS,
        lambda m: pm.mcdonald_omega(answers, n_factors=m, rng=1),
        valid=2,
        bad=5,
    )
    twins = answers.assign(again=answers["a"])
    refused(
        Code.STA_SINGULAR_CORRELATION,
        lambda frame: pm.mcdonald_omega(frame, n_factors=2, rng=1),
        valid=answers,
        bad=twins,
    )


def test_samples_without_a_solution_are_left_out_and_told() -> None:
    few = pm.simulate_ordinal([0.8, 0.7, 0.6, 0.5], thresholds=[0], n_persons=40, rng=1)
    few["item4"] = [2.0, *[1.0] * 39]
    result = pm.mcdonald_omega(few, n_factors=1, interval="bootstrap", n_bootstrap=200, rng=1)
    assert Code.STA_UNDEFINED in codes(result)
    kept = int(result.intervals["total"].method.split()[-2])
    assert kept == pytest.approx(200 * (1 - np.exp(-1)), abs=30)


def test_a_second_order_search_that_stops_early_is_told(
    exact: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolkit.psychometrics.reliability import hierarchical

    found = hierarchical.extract

    def stopped(*arguments: Any, **options: Any) -> Any:
        return replace(found(*arguments, **options), converged=False)

    monkeypatch.setattr(hierarchical, "extract", stopped)
    result = pm.mcdonald_omega(exact(R), n_factors=3, rng=1)
    assert not result.converged
    assert codes(result) == [Code.STA_NOT_CONVERGED]
