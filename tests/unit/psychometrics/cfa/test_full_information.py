"""Incomplete answers: the saturated model against closed forms, and full information where nothing is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.psychometrics.cfa.full_information import saturated_value
from toolkit.psychometrics.cfa.moments import GroupSample
from toolkit.psychometrics.cfa.patterns import patterns_of, saturated_moments

ONE = "f =~ x1 + x2 + x3 + x4"


@pytest.fixture(scope="module")
def four(normal: Any) -> pd.DataFrame:
    return normal([0.8, 0.7, 0.6, 0.7], 200, 1, intercepts=[1.0, 2.0, 3.0, 4.0])


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return saturated_moments(patterns_of(values), values)


def test_patterns_hold_all_persons_once(four: pd.DataFrame) -> None:
    values = four.to_numpy(copy=True)
    values[:50, 0] = np.nan
    values[30:60, 3] = np.nan
    found = patterns_of(values)
    seen = [tuple(np.flatnonzero(each).tolist()) for each in found.seen]
    assert sorted(zip(found.n.tolist(), seen, strict=True)) == [
        *((10, (0, 1, 2)), (20, (1, 2)), (30, (1, 2, 3)), (140, (0, 1, 2, 3))),
    ]
    whole = seen.index((0, 1, 2, 3))
    np.testing.assert_allclose(found.mean[whole], values[60:].mean(axis=0))
    np.testing.assert_allclose(found.S[whole], np.cov(values[60:].T, ddof=0))


def test_complete_answers_are_their_own_moments(four: pd.DataFrame) -> None:
    values = four.to_numpy()
    mean, S = moments(values)
    np.testing.assert_allclose(mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(S, np.cov(values.T, ddof=0), rtol=1e-10)


def test_a_monotone_pattern_has_a_closed_form(four: pd.DataFrame) -> None:
    """Anderson (1957): x2 was asked only of some; its regression on x1 among them, and x1's moments among all."""
    values = four[["x1", "x2"]].to_numpy(copy=True)
    values[120:, 1] = np.nan
    mean, S = moments(values)
    both = values[:120]
    slope = np.cov(both.T, ddof=0)[0, 1] / both[:, 0].var()
    left = both[:, 1].var() - slope**2 * both[:, 0].var()
    m1, s11 = values[:, 0].mean(), values[:, 0].var()
    expected_mean = both[:, 1].mean() + slope * (m1 - both[:, 0].mean())
    np.testing.assert_allclose(mean, [m1, expected_mean], rtol=1e-8)
    np.testing.assert_allclose(S, [[s11, slope * s11], [slope * s11, left + slope**2 * s11]], rtol=1e-8)


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0.0), (1.0, 1e6), ([1e-5, 1.0, 1e5, 1e2], -1e3)])
def test_moments_move_with_the_units(scale: Any, offset: float, four: pd.DataFrame) -> None:
    hidden = np.random.default_rng(2).uniform(size=four.shape) < 0.2
    values = four.mask(hidden).to_numpy()
    mean, S = moments(values)
    unit = np.broadcast_to(scale, 4)
    moved_mean, moved_S = moments(values * unit + offset)
    np.testing.assert_allclose((moved_mean - offset) / unit, mean, rtol=1e-5)
    np.testing.assert_allclose(moved_S / np.outer(unit, unit), S, rtol=1e-7)


def test_no_other_moments_are_likelier(four: pd.DataFrame) -> None:
    values = four.mask(np.random.default_rng(2).uniform(size=four.shape) < 0.2).to_numpy()
    mean, S = moments(values)
    found = patterns_of(values)

    def value(m: np.ndarray, C: np.ndarray) -> float:
        return saturated_value(GroupSample(n=200, values=values, clusters=None, mean=m, S=C, patterns=found))

    best = value(mean, S)
    random = np.random.default_rng(3)
    for _ in range(20):
        away = random.normal(size=(4, 4)) * 1e-3
        assert value(mean + random.normal(size=4) * 1e-3, S + away @ away.T + (away + away.T) / 10) > best


@pytest.mark.parametrize("estimator", ["ML", "MLR"])
def test_complete_answers_under_full_information_are_those_of_maximum_likelihood(
    estimator: Any, four: pd.DataFrame
) -> None:
    """Also the standard errors, once the other side rests on the observed information, as MLR's do."""
    full = pm.cfa(four, ONE, missing="fiml", estimator=estimator)
    plain = pm.cfa(four, ONE, mean_structure=True, estimator=estimator)
    np.testing.assert_allclose(full.parameters["est"], plain.parameters["est"], atol=1e-8)
    names = ["chisq", "df", "cfi", "tli", "rmsea", "srmr", "logl", "aic", "bic"]
    if estimator == "MLR":
        np.testing.assert_allclose(full.parameters["se"], plain.parameters["se"], rtol=1e-7)
        names += ["chisq.scaled", "chisq.scaling.factor", "cfi.scaled"]
        # Zhang and Savalei's rests on the saturated information, MLR's on that of the model
        assert full.fit["tli.robust"] == pytest.approx(plain.fit["tli.robust"], abs=1e-3)
    for name in names:
        assert full.fit[name] == pytest.approx(plain.fit[name], rel=1e-7, abs=1e-9), name


def test_answers_missing_at_random_do_not_bias(normal: Any) -> None:
    """x2 to x4 are skipped where x1 is high: full information recovers the means, listwise does not."""
    frame = normal([0.8, 0.7, 0.6, 0.7], 4000, 11)
    holed = frame.copy()
    skipped = (frame["x1"] > 0.3) & (np.random.default_rng(1).uniform(size=4000) < 0.8)
    holed.loc[skipped, ["x2", "x3", "x4"]] = np.nan
    means = {}
    for missing in ("fiml", "listwise"):
        table = pm.cfa(holed, ONE, missing=missing, mean_structure=True).parameters
        means[missing] = table.query("op == '~1' and lhs != 'f'").set_index("lhs")[["est", "se"]]
    assert (means["fiml"]["est"].abs() < 4 * means["fiml"]["se"]).all()
    assert (means["listwise"]["est"] < -4 * means["listwise"]["se"]).all()
