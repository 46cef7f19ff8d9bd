"""Two-level factor models of samples whose population is known: bias, coverage, and how often a true model is rejected.

Seen in 300 samples of 100 units: bias at most .004; coverage .92 to .97 of parameters, .94 to .98 of reliabilities, .94
to .96 of intraclass correlations; 5.3 % rejected. With 50 units coverage between is .88 to .95. With heavy tails
(t with 6 degrees of freedom) ML's coverage within falls to .82, MLR's stays at .92 to .96.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm

N_SAMPLES, N_UNITS = 120, 100
WITHIN, RESIDUAL_WITHIN = np.array([0.8, 0.7, 0.6, 0.7]), np.array([0.5, 0.6, 0.7, 0.5])
BETWEEN, RESIDUAL_BETWEEN = np.array([0.5, 0.4, 0.3, 0.4]), np.array([0.05, 0.08, 0.06, 0.04])
ITEMS = ["x1", "x2", "x3", "x4"]
MODEL = "f =~ x1 + x2 + x3 + x4"
PARAMETERS = np.concatenate([WITHIN, RESIDUAL_WITHIN, [1.0], BETWEEN, RESIDUAL_BETWEEN, [1.0]])


def sample(seed: int, *, heavy: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)

    def drawn(*shape: int) -> np.ndarray:
        return random.standard_t(6, shape) / 1.5**0.5 if heavy else random.normal(size=shape)

    sizes = random.integers(5, 21, N_UNITS)
    unit = np.repeat(np.arange(N_UNITS), sizes)
    persons = WITHIN * drawn(unit.size, 1) + np.sqrt(RESIDUAL_WITHIN) * drawn(unit.size, 4)
    units = BETWEEN * drawn(N_UNITS, 1) + np.sqrt(RESIDUAL_BETWEEN) * drawn(N_UNITS, 4)
    return pd.DataFrame(3.0 + persons + units[unit], columns=ITEMS).assign(unit=unit), sizes


def true_reliabilities(sizes: np.ndarray) -> np.ndarray:
    of_persons, of_units = WITHIN.sum() ** 2, BETWEEN.sum() ** 2
    persons, units = of_persons + RESIDUAL_WITHIN.sum(), of_units + RESIDUAL_BETWEEN.sum()
    means = units + persons * (1.0 / sizes).mean()
    both = (of_persons + of_units) / (persons + units)
    return np.array([of_persons / persons, of_units / units, of_units / means, units / means, both])


def covered(table: pd.DataFrame, truth: np.ndarray) -> np.ndarray:
    return (table["ci_lower"].to_numpy() <= truth) & (truth <= table["ci_upper"].to_numpy())


@pytest.fixture(scope="module")
def seen() -> Mapping[str, np.ndarray]:
    """Estimates of each sample, and whether intervals hold the truth."""
    units = BETWEEN**2 + RESIDUAL_BETWEEN
    icc = units / (units + WITHIN**2 + RESIDUAL_WITHIN)
    kept: dict[str, list[object]] = {name: [] for name in ("estimate", "parameters", "reliability", "icc", "p")}
    for seed in range(N_SAMPLES):
        df, sizes = sample(seed)
        found = pm.two_level_cfa(df, within=MODEL, between=MODEL, cluster="unit", std_lv=True)
        rows = found.parameters[found.parameters["op"] != "~1"]
        kept["estimate"].append(rows["est"].to_numpy())
        kept["parameters"].append(covered(rows, PARAMETERS)[rows["free"].to_numpy()])
        kept["reliability"].append(covered(found.reliability, true_reliabilities(sizes)))
        kept["icc"].append(covered(found.intraclass, icc))
        kept["p"].append(found.fit["pvalue"])
    return {name: np.array(values) for name, values in kept.items()}


def test_estimates_are_nearly_unbiased(seen: Mapping[str, np.ndarray]) -> None:
    assert np.abs(seen["estimate"].mean(axis=0) - PARAMETERS).max() < 0.015


def test_intervals_cover(seen: Mapping[str, np.ndarray]) -> None:
    coverage = seen["parameters"].mean(axis=0)
    assert coverage.min() > 0.86
    assert 0.92 < coverage.mean() < 0.97
    assert seen["reliability"].mean(axis=0).min() > 0.88
    assert seen["icc"].mean(axis=0).min() > 0.88


def test_a_true_model_is_rejected_as_often_as_it_should_be(seen: Mapping[str, np.ndarray]) -> None:
    assert 0.0 < (seen["p"] < 0.05).mean() < 0.11
    assert 0.4 < (seen["p"] < 0.5).mean() < 0.65


def test_robust_intervals_hold_where_answers_have_heavy_tails() -> None:
    hits: dict[str, list[np.ndarray]] = {"ML": [], "MLR": []}
    for seed in range(40):
        df, _ = sample(1000 + seed, heavy=True)
        for estimator, kept in hits.items():
            found = pm.two_level_cfa(df, within=MODEL, between=MODEL, cluster="unit", std_lv=True, estimator=estimator)
            rows = found.parameters[found.parameters["op"] != "~1"]
            kept.append(covered(rows, PARAMETERS)[rows["free"].to_numpy()][:8])
    coverage = {name: np.mean(values) for name, values in hits.items()}
    assert coverage["MLR"] > 0.91
    assert coverage["MLR"] > coverage["ML"] + 0.02
