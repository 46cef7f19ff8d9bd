"""Discrepancies against their definitions; slopes against complex steps; information against expected second slopes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.unit.psychometrics.cfa.conftest import Compile
from toolkit.psychometrics.cfa._matrices import Compiled, complex_slopes, implied, scaled_statistics
from toolkit.psychometrics.cfa.casewise import observed_information
from toolkit.psychometrics.cfa.discrepancy import (
    FullInformation,
    LeastSquares,
    NormalDiscrepancy,
    positive_root,
)
from toolkit.psychometrics.cfa.full_information import incomplete_samples
from toolkit.psychometrics.cfa.moments import GroupSample, OrdinalStatistics, frame_of, normal_samples

MODEL = "f =~ x1 + x2 + x3\ng =~ x3 + x4 + x5\nx1 ~~ x5"
LOADINGS = [[0.8, 0.0], [0.7, 0.0], [0.4, 0.4], [0.0, 0.8], [0.0, 0.6]]


@pytest.fixture(scope="module")
def data(normal: Any) -> pd.DataFrame:
    frame = normal(LOADINGS, 60, 5, phi=[[1, 0.3], [0.3, 1]], intercepts=[1, 2, 3, 4, 5])
    return frame.assign(g=["a"] * 25 + ["b"] * 35)


@pytest.fixture(scope="module")
def holed(data: pd.DataFrame) -> pd.DataFrame:
    hidden = np.random.default_rng(6).uniform(size=(60, 5)) < 0.2
    hidden[:5] = False
    return data.drop(columns="g").mask(hidden).assign(g=data["g"])


def samples_of(frame: pd.DataFrame, *, missing: bool = False, group: str | None = "g") -> tuple[GroupSample, ...]:
    items = tuple(f"x{j}" for j in range(1, 6))
    found = frame_of(frame, items, group=group, cluster=None, keep_missing=missing)
    return incomplete_samples(found) if missing else normal_samples(found)


def log_likelihood(use: Compiled, x: np.ndarray, frame: pd.DataFrame, groups: list[str]) -> float:
    """Person by person, from the normal density of what each answered."""
    total = 0.0
    for group, label in zip(use.groups, groups, strict=True):
        at = implied(group, x)
        for row in frame.loc[frame["g"] == label].drop(columns="g").to_numpy(dtype=float):
            seen = np.flatnonzero(~np.isnan(row))
            part = stats.multivariate_normal(at.mu[seen], at.Sigma[np.ix_(seen, seen)])
            total += part.logpdf(row[seen])
    return total


def test_the_normal_discrepancy_is_the_likelihood_ratio(
    data: pd.DataFrame, compile_model: Compile, random_values: Any
) -> None:
    use = compile_model(MODEL, n_groups=2, mean_structure=True, equal=frozenset({"loadings"}))
    x = random_values(use, 2)
    samples = samples_of(data)
    saturated = sum(stats.multivariate_normal(sample.mean, sample.S).logpdf(sample.values).sum() for sample in samples)
    expected = 2.0 * (saturated - log_likelihood(use, x, data, ["a", "b"]))
    assert 60 * NormalDiscrepancy(use, samples).value(x) == pytest.approx(expected, rel=1e-12)


def test_full_information_is_the_log_likelihood(
    holed: pd.DataFrame, compile_model: Compile, random_values: Any
) -> None:
    use = compile_model(MODEL, n_groups=2, mean_structure=True)
    x = random_values(use, 3)
    samples = samples_of(holed, missing=True)
    expected = -2.0 * log_likelihood(use, x, holed, ["a", "b"])
    assert 60 * FullInformation(use, samples).value(x) == pytest.approx(expected, rel=1e-12)


def least_squares(use: Compiled, seed: int) -> LeastSquares:
    """Return a problem with random statistics and weights."""
    random = np.random.default_rng(seed)
    samples, weights = [], []
    for number, group in enumerate(use.groups):
        size = scaled_statistics(group, implied(group, np.full(use.q, 0.4)))[0].size
        statistics = OrdinalStatistics(statistics=random.normal(size=size), gamma=np.eye(size), warnings=())
        p = len(use.model.items)
        samples.append(
            GroupSample(
                n=40 + 30 * number,
                values=np.zeros((0, p)),
                clusters=None,
                mean=np.zeros(p),
                S=np.eye(p),
                ordinal=statistics,
            )
        )
        weights.append(random.uniform(0.5, 2.0, size))
    return LeastSquares(use, samples, weights)


def test_least_squares_count_persons_less_one(compile_model: Compile, random_values: Any) -> None:
    use = compile_model(MODEL, n_groups=2, mean_structure=True, all_ordered=True)
    problem, x = least_squares(use, 1), random_values(use, 4)
    expected = 0.0
    for group, sample, weight in zip(use.groups, problem.samples, problem.weights, strict=True):
        assert sample.ordinal is not None
        left = sample.ordinal.statistics - scaled_statistics(group, implied(group, x))[0]
        expected += (sample.n - 1) * float(weight @ left**2)
    assert 110 * problem.value(x) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["normal", "normal, means", "full information", "delta", "theta"])
def test_slopes(kind: str, data: pd.DataFrame, holed: pd.DataFrame, compile_model: Compile, random_values: Any) -> None:
    """Against central differences of the value, which no slope has a part in."""
    means = kind != "normal"
    ordered = kind in {"delta", "theta"}
    use = compile_model(
        MODEL,
        n_groups=2,
        mean_structure=means,
        equal=frozenset({"loadings", "intercepts"} if means and not ordered else {"loadings"}),
        **({"all_ordered": True, "parameterization": kind} if ordered else {}),
    )
    problem: Any = (
        least_squares(use, 3)
        if ordered
        else FullInformation(use, samples_of(holed, missing=True))
        if kind == "full information"
        else NormalDiscrepancy(use, samples_of(data))
    )
    x = random_values(use, 9)
    step = 1e-5
    differences = [
        (problem.value(x + step * direction) - problem.value(x - step * direction)) / (2.0 * step)
        for direction in np.eye(use.q)
    ]
    np.testing.assert_allclose(problem.gradient(x), differences, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("means", [False, True])
def test_expected_information_is_half_of_the_second_slopes_where_the_model_holds(
    means: bool, data: pd.DataFrame, compile_model: Compile, random_values: Any
) -> None:
    use = compile_model(MODEL, n_groups=2, mean_structure=means, equal=frozenset({"loadings"}))
    x = random_values(use, 12)
    samples = [
        GroupSample(
            n=sample.n,
            values=sample.values,
            clusters=None,
            mean=implied(group, x).mu if means else sample.mean,
            S=implied(group, x).Sigma,
        )
        for group, sample in zip(use.groups, samples_of(data), strict=True)
    ]
    problem = NormalDiscrepancy(use, samples)
    np.testing.assert_allclose(problem.gradient(x), 0.0, atol=1e-13)
    np.testing.assert_allclose(problem.information(x), observed_information(problem, x), atol=1e-12)


def test_information_of_incomplete_answers(
    data: pd.DataFrame, holed: pd.DataFrame, compile_model: Compile, random_values: Any
) -> None:
    """Complete answers: that of the normal discrepancy. Incomplete: less, and by persons their sum."""
    use = compile_model(MODEL, n_groups=2, mean_structure=True)
    x = random_values(use, 5)
    complete = FullInformation(use, samples_of(data, missing=True))
    np.testing.assert_allclose(complete.information_as_answered(x), complete.information(x), atol=1e-13)
    found = FullInformation(use, samples_of(holed, missing=True))
    lost = found.information(x) - found.information_as_answered(x)
    assert np.linalg.eigvalsh(lost)[0] > -1e-12
    assert np.trace(lost) > 0.1
    # one person at a time, from the means and covariances of what each answered
    total = np.zeros((use.q, use.q))
    for group, label in zip(use.groups, ["a", "b"], strict=True):
        dSigma = complex_slopes(lambda z, group=group: implied(group, z).Sigma, x)
        dmu = complex_slopes(lambda z, group=group: implied(group, z).mu, x)
        at = implied(group, x)
        for row in holed.loc[holed["g"] == label].drop(columns="g").to_numpy(dtype=float):
            seen = np.flatnonzero(~np.isnan(row))
            K = np.linalg.inv(at.Sigma[np.ix_(seen, seen)])
            D, m = dSigma[np.ix_(seen, seen)], dmu[seen]
            total += 0.5 * np.einsum("ij,jka,kl,lib->ab", K, D, K, D) + m.T @ K @ m
    np.testing.assert_allclose(found.information_as_answered(x), total / 60, atol=1e-12)


def test_information_of_least_squares(compile_model: Compile, random_values: Any) -> None:
    """Half of the second slopes, where the statistics are those that the model implies."""
    use = compile_model("one factor", mean_structure=True, all_ordered=True)
    problem, x = least_squares(use, 7), random_values(use, 8)
    problem.observed[0] = scaled_statistics(use.groups[0], implied(use.groups[0], x))[0]
    step = 1e-6
    second = [
        (problem.gradient(x + step * each) - problem.gradient(x - step * each)) / (4 * step) for each in np.eye(use.q)
    ]
    np.testing.assert_allclose(np.array(second) * 40 / 39, problem.information(x), rtol=1e-6, atol=1e-7)


def test_values_at_impossible_covariances_are_infinite(data: pd.DataFrame, compile_model: Compile) -> None:
    use = compile_model("f =~ x1 + x2 + x3 + x4 + x5", mean_structure=True)
    samples = samples_of(data, group=None)
    x = np.full(use.q, 0.5)
    normal, full = NormalDiscrepancy(use, samples), FullInformation(use, samples_of(data, missing=True, group=None))
    assert np.isfinite([normal.value(x), full.value(x)]).all()
    x[use.names.index("x1~~x1")] = -3.0
    assert np.isposinf([normal.value(x), full.value(x)]).all()
    theta = compile_model("one factor", mean_structure=True, all_ordered=True, parameterization="theta")
    problem = least_squares(theta, 2)
    x = np.full(theta.q, 0.5)
    x[theta.names.index("f~~f")] = -8.0
    assert np.isposinf(problem.value(x))


def test_a_root_exists_only_away_from_singularity() -> None:
    assert positive_root(np.eye(2)) is not None
    assert positive_root(np.eye(2) * 1e-20) is not None
    assert positive_root(np.array([[1.0, 1.0], [1.0, 1.0]])) is None
    assert positive_root(np.array([[1.0, 0.9999999999999999], [0.9999999999999999, 1.0]])) is None
    assert positive_root(-np.eye(2)) is None
