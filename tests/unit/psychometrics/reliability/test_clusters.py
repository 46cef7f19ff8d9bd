"""Alpha and omega of persons in clusters: influences by differences, intervals by coverage, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.psychometrics._clusters import covariance_influence
from toolkit.psychometrics._inputs import moments
from toolkit.psychometrics.reliability.alpha import alpha_gradient

LOADINGS = np.array([0.4, 0.5, 0.6, 0.6, 0.7, 0.8])


def drawn(random: np.random.Generator, *, n_units: int, size: int, icc: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Answers of persons in units; every part of an answer has the same ICC."""
    unit = np.repeat(np.arange(n_units), size)

    def part(width: int) -> np.ndarray:
        between, within = random.standard_normal((n_units, width)), random.standard_normal((unit.size, width))
        return np.sqrt(icc) * between[unit] + np.sqrt(1 - icc) * within

    return pd.DataFrame(part(1) * LOADINGS + part(6) * np.sqrt(1 - LOADINGS**2)), unit


@pytest.fixture(scope="module")
def nested() -> tuple[pd.DataFrame, np.ndarray]:
    return drawn(np.random.default_rng(4), n_units=12, size=15, icc=0.2)


def with_holes(frame: pd.DataFrame) -> pd.DataFrame:
    holed = frame.copy()
    holed.iloc[:20, 0] = np.nan
    holed.iloc[15:40, 3] = np.nan
    return holed


@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
def test_the_influence_of_a_person_is_what_alpha_moves_by(
    nested: tuple[pd.DataFrame, np.ndarray], missing: Any
) -> None:
    """Weighting a person up by little moves alpha by that much of the person's influence."""
    frame = with_holes(nested[0])
    used = frame.dropna() if missing == "listwise" else frame
    found = moments(frame, missing=missing)
    u = covariance_influence(used.to_numpy(), alpha_gradient(found.covariance))
    assert u.mean() == pytest.approx(0.0, abs=1e-12)
    n = len(used)

    def alpha(weights: np.ndarray) -> float:
        """Alpha of weighted persons, each covariance with those who answered both."""
        S = np.empty((6, 6))
        for i in range(6):
            for j in range(6):
                both = used.iloc[:, [i, j]].notna().all(axis=1).to_numpy()
                pair = np.cov(used.iloc[both, i], used.iloc[both, j], aweights=weights[both], ddof=0)[0, 1]
                n_pair = both.sum()
                S[i, j] = pair * n_pair / (n_pair - 1)
        return 6 / 5 * (1 - np.trace(S) / S.sum())

    for person in (0, 17, 60, n - 1):
        step = np.zeros(n)
        step[person] = 1e-5
        moved = (alpha(np.ones(n) + step) - alpha(np.ones(n) - step)) / 2e-5
        assert moved == pytest.approx(u[person] / n, rel=1e-4, abs=1e-9)


def test_one_person_a_cluster_is_the_interval_without_a_distribution(nested: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame = nested[0]
    n, X = len(frame), frame.to_numpy() - frame.to_numpy().mean(axis=0)
    total, items = (X.sum(axis=1) ** 2), (X**2).sum(axis=1)
    u = 6 / 5 / total.mean() * (items.mean() / total.mean() * total - items)
    result = pm.cronbach_alpha(frame, cluster=range(n))
    half = stats.t.ppf(0.975, n - 1) * np.sqrt(u @ u / n / (n - 1)) / (1 - result.estimate)
    assert np.log1p(-result.interval.low) - np.log1p(-result.estimate) == pytest.approx(half, rel=1e-9)
    assert result.design_effect == pytest.approx(1.0, rel=1e-12)
    assert result.warnings == ()


def test_clusters_change_the_interval_and_nothing_else(nested: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, unit = nested
    for statistic in (pm.cronbach_alpha, pm.composite_omega):
        plain, clustered = statistic(frame), statistic(frame, cluster=unit)
        assert clustered.estimate == plain.estimate
        assert (plain.design_effect, plain.n_clusters) == (None, None)
        assert clustered.n_clusters == 12
        assert clustered.interval.low < clustered.estimate < clustered.interval.high
        assert "12 clusters" in clustered.interval.method
        assert "t with 11 df" in clustered.interval.method
        assert clustered.provenance["options"]["n_clusters"] == 12
        again = statistic(frame, cluster=pd.Series([f"unit {u}" for u in unit]))
        assert again.interval == clustered.interval


def test_both_missing_rules_keep_the_clusters_of_the_persons_used(nested: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, unit = with_holes(nested[0]), nested[1]
    complete = frame.notna().all(axis=1).to_numpy()
    for statistic in (pm.cronbach_alpha, pm.composite_omega):
        listwise = statistic(frame, cluster=unit)
        assert listwise.interval == statistic(frame[complete], cluster=unit[complete]).interval
        assert listwise.n_clusters == len(set(unit[complete])) == 10
        pairwise = statistic(frame, cluster=unit, missing="pairwise")
        assert pairwise.n_clusters == 12
        assert pairwise.interval.low < pairwise.estimate < pairwise.interval.high


def test_the_interval_with_clusters_covers_where_the_ordinary_one_is_too_short() -> None:
    """20 units of 40 with an ICC of .2: 300 samples, so that .95 has a standard error of .013."""
    R = np.outer(LOADINGS, LOADINGS) + np.diag(1 - LOADINGS**2)
    alpha = 6 / 5 * (1 - 6 / R.sum())
    omega = LOADINGS.sum() ** 2 / R.sum()
    random = np.random.default_rng(11)
    held: dict[str, list[bool]] = {}
    for _ in range(300):
        frame, unit = drawn(random, n_units=20, size=40, icc=0.2)
        for name, interval, true in (
            ("alpha", pm.cronbach_alpha(frame).interval, alpha),
            ("alpha with clusters", pm.cronbach_alpha(frame, cluster=unit).interval, alpha),
            ("omega", pm.composite_omega(frame).interval, omega),
            ("omega with clusters", pm.composite_omega(frame, cluster=unit).interval, omega),
        ):
            held.setdefault(name, []).append(interval.low <= true <= interval.high)
    rates = {name: float(np.mean(hits)) for name, hits in held.items()}
    assert rates["alpha"] < 0.88, rates
    assert rates["omega"] < 0.88, rates
    assert 0.91 <= rates["alpha with clusters"] <= 0.98, rates
    assert 0.91 <= rates["omega with clusters"] <= 0.98, rates


def test_few_clusters_are_told(nested: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, unit = nested
    for statistic in (pm.cronbach_alpha, pm.composite_omega):
        assert statistic(frame, cluster=np.minimum(unit, 9)).warnings == ()
        (told,) = statistic(frame, cluster=np.minimum(unit, 8)).warnings
        assert told.code == Code.STA_FEW_CLUSTERS
        assert told.got == "9 clusters"


def test_a_sum_without_variance_has_no_limits() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": [4, 3, 2, 1]})
    result = pm.cronbach_alpha(frame, cluster=list("aabb"))
    assert np.isnan([result.estimate, result.interval.low, result.interval.high, result.design_effect]).all()


def test_clusters_that_cannot_be_used_are_refused(nested: tuple[pd.DataFrame, np.ndarray], refused: Any) -> None:
    frame, unit = nested
    for statistic in (pm.cronbach_alpha, pm.composite_omega):

        def with_clusters(cluster: Any, statistic: Any = statistic, **options: Any) -> Any:
            return statistic(frame, cluster=cluster, **options)

        refused(Code.STA_SHAPE_MISMATCH, with_clusters, valid=unit, bad=unit[:-1])
        refused(Code.STA_SHAPE_MISMATCH, with_clusters, valid=unit, bad=[None, *unit[1:]])
        refused(Code.STA_TOO_FEW_PERSONS, with_clusters, valid=unit, bad=np.zeros(len(frame)))
        refused(
            Code.STA_OPTION_CONFLICT,
            lambda cluster, statistic=statistic: statistic(
                frame, cluster=cluster, interval="bootstrap", n_bootstrap=100
            ),
            valid=None,
            bad=unit,
        )
        codes = pm.simulate_ordinal(LOADINGS, thresholds=[0.0], n_persons=180, rng=1)
        refused(
            Code.STA_NEEDS_ANSWERS,
            lambda df, statistic=statistic: statistic(df, cluster=unit),
            valid=codes,
            bad=pm.count_responses(codes),
        )
    refused(
        Code.STA_OPTION_CONFLICT,
        lambda ordinal: pm.composite_omega(codes, ordinal=ordinal, cluster=unit),
        valid=False,
        bad=True,
    )
