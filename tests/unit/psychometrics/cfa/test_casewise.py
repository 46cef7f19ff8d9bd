"""Each person's slopes of the log likelihood, against differences of the normal density; and the sums that follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.unit.psychometrics.cfa.conftest import Compile
from toolkit import psychometrics as pm
from toolkit.psychometrics.cfa._matrices import implied
from toolkit.psychometrics.cfa.casewise import (
    cluster_corrections,
    cluster_sums,
    first_order,
    model_scores,
    saturated_information,
    saturated_scores,
    saturated_trace,
    vech,
)
from toolkit.psychometrics.cfa.discrepancy import FullInformation, NormalDiscrepancy
from toolkit.psychometrics.cfa.full_information import incomplete_samples
from toolkit.psychometrics.cfa.moments import GroupSample, frame_of, normal_samples

MODEL = "f =~ x1 + a*x2 + a*x3 + x4\nx1 ~~ x4"


@pytest.fixture(scope="module")
def sample(normal: Any) -> GroupSample:
    frame = normal([0.8, 0.7, 0.6, 0.7], 30, 2)
    clusters = np.repeat(np.arange(6), 5)
    found = frame_of(frame, tuple(frame), group=None, cluster=clusters.tolist(), keep_missing=False)
    return normal_samples(found)[0]


@pytest.fixture(scope="module")
def holed(normal: Any) -> GroupSample:
    frame = normal([0.8, 0.7, 0.6, 0.7], 40, 2)
    frame = frame.mask(np.random.default_rng(5).uniform(size=frame.shape) < 0.2)
    found = frame_of(frame, tuple(frame), group=None, cluster=None, keep_missing=True)
    return incomplete_samples(found)[0]


def density(values: np.ndarray, mu: np.ndarray, Sigma: np.ndarray) -> np.ndarray:
    total = np.zeros(values.shape[0])
    for number, row in enumerate(values):
        seen = np.flatnonzero(~np.isnan(row))
        part = stats.multivariate_normal(mu[seen], Sigma[np.ix_(seen, seen)])
        total[number] = part.logpdf(row[seen])
    return total


@pytest.mark.parametrize("means", [True, False])
@pytest.mark.parametrize("missing", [True, False])
def test_slopes_of_each_person(
    means: bool, missing: bool, sample: GroupSample, holed: GroupSample, compile_model: Compile, random_values: Any
) -> None:
    if missing and not means:
        return
    which = holed if missing else sample
    use = compile_model(MODEL, mean_structure=means)
    x = random_values(use, 4)
    group = use.groups[0]
    found = model_scores(group, implied(group, x), which, means=means)
    step = 1e-5
    for place, direction in enumerate(np.eye(use.q)):
        ends = []
        for sign in (1.0, -1.0):
            at = implied(group, x + sign * step * direction)
            ends.append(density(which.values, at.mu if means else which.mean, at.Sigma))
        np.testing.assert_allclose(found[:, place], (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("missing", [True, False])
def test_slopes_in_the_moments_themselves(missing: bool, sample: GroupSample, holed: GroupSample) -> None:
    which = holed if missing else sample
    found = saturated_scores(which)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-7)
    p = which.mean.size
    rows, columns = vech(p)
    step = 1e-5
    for place in range(p + rows.size):
        ends = []
        for sign in (1.0, -1.0):
            mean, S = which.mean.copy(), which.S.copy()
            if place < p:
                mean[place] += sign * step
            else:
                i, j = rows[place - p], columns[place - p]
                S[i, j] += sign * step
                S[j, i] = S[i, j]
            ends.append(density(which.values, mean, S))
        np.testing.assert_allclose(found[:, place], (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("missing", [True, False])
def test_information_of_the_moments(missing: bool, sample: GroupSample, holed: GroupSample) -> None:
    """Minus the second differences of the mean log likelihood."""
    which = holed if missing else sample
    p = which.mean.size
    rows, columns = vech(p)

    def slopes(z: np.ndarray) -> np.ndarray:
        S = np.zeros((p, p))
        S[rows, columns] = z[p:]
        S[columns, rows] = z[p:]
        moved = GroupSample(n=which.n, values=which.values, clusters=None, mean=z[:p], S=S, patterns=which.patterns)
        return saturated_scores(moved).mean(axis=0)

    z = np.concatenate([which.mean, which.S[rows, columns]])
    step = 1e-5
    differences = [(slopes(z - step * each) - slopes(z + step * each)) / (2 * step) for each in np.eye(z.size)]
    np.testing.assert_allclose(saturated_information(which), differences, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("missing", [True, False])
def test_observed_information_is_that_of_the_slopes(
    missing: bool, sample: GroupSample, holed: GroupSample, compile_model: Compile, random_values: Any
) -> None:
    which = holed if missing else sample
    use = compile_model(MODEL, mean_structure=True)
    x = random_values(use, 6)
    problem = FullInformation(use, [which]) if missing else NormalDiscrepancy(use, [which])
    step = 1e-5

    def slopes(z: np.ndarray) -> np.ndarray:
        return model_scores(use.groups[0], implied(use.groups[0], z), which, means=True).mean(axis=0)

    np.testing.assert_allclose(-0.5 * problem.gradient(x), slopes(x), atol=1e-12)
    differences = [(slopes(x - step * each) - slopes(x + step * each)) / (2 * step) for each in np.eye(use.q)]
    np.testing.assert_allclose(problem.observed_information(x), differences, rtol=1e-5, atol=1e-6)


def test_slopes_are_added_up_within_clusters(sample: GroupSample, compile_model: Compile, random_values: Any) -> None:
    use = compile_model(MODEL, mean_structure=True)
    x = random_values(use, 6)
    s = model_scores(use.groups[0], implied(use.groups[0], x), sample, means=True)
    sums = s.reshape(6, 5, -1).sum(axis=1)
    np.testing.assert_allclose(cluster_sums(s, sample.clusters), sums)
    np.testing.assert_allclose(first_order(use, [sample], x), sums.T @ sums * (6 / 5) / 30, rtol=1e-12)
    assert cluster_sums(s, None) is s


def test_the_correction_for_few_clusters() -> None:
    def of(*clusters: list[int] | None) -> list[float]:
        empty = np.zeros((2, 1))
        samples = [
            GroupSample(
                n=2, values=empty, clusters=None if each is None else np.array(each), mean=empty[0], S=np.eye(1)
            )
            for each in clusters
        ]
        return cluster_corrections(samples).tolist()

    assert of(None, None) == [1.0, 1.0]
    assert of([0, 1, 1, 2]) == [1.5]
    assert of([0, 1], [2, 3, 4, 5]) == [2.0, 4 / 3]
    # a cluster with members in both groups: all five clusters count
    assert of([0, 1], [1, 2, 3, 4]) == [1.25, 1.25]


@pytest.mark.parametrize("means", [True, False])
@pytest.mark.parametrize("clustered", [True, False])
def test_the_trace_of_the_saturated_model(means: bool, clustered: bool, sample: GroupSample) -> None:
    """``tr(A^-1 B)`` written out, against its closed form in Mahalanobis distances."""
    which = GroupSample(
        n=sample.n,
        values=sample.values,
        clusters=sample.clusters if clustered else None,
        mean=sample.mean,
        S=sample.S,
    )
    s = cluster_sums(saturated_scores(which), which.clusters)
    A, B = saturated_information(which), s.T @ s / which.n
    p = which.mean.size
    part = slice(None) if means else slice(p, None)
    expected = np.trace(np.linalg.solve(A[part, part], B[part, part]))
    assert saturated_trace(which, means=means) == pytest.approx(expected, rel=1e-10)


def test_robust_standard_errors_are_right_where_answers_have_heavy_tails(normal: Any) -> None:
    """Their mean over 60 samples is the standard deviation of the estimates; that of plain ML is too small."""
    random = np.random.default_rng(12)
    estimates, robust, plain = [], [], []
    for seed in range(60):
        frame: pd.DataFrame = normal([0.8, 0.7, 0.6, 0.7], 400, seed)
        frame = frame.mul(np.sqrt(6.0 / random.chisquare(6.0, 400)), axis=0)
        one, other = (pm.cfa(frame, "f =~ x1 + x2 + x3 + x4", estimator=each, std_lv=True) for each in ("MLR", "ML"))
        estimates.append(one.parameters["est"][:4])
        robust.append(one.parameters["se"][:4])
        plain.append(other.parameters["se"][:4])
    spread = np.std(estimates, axis=0).mean()
    assert np.mean(robust) == pytest.approx(spread, rel=0.15)
    assert np.mean(plain) < 0.85 * spread
