"""Invariance of models in which factors are measured by factors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

MODEL = "a =~ a1 + a2 + a3\nb =~ b1 + b2 + b3\nc =~ c1 + c2 + c3\ng =~ a + b + c"
SHIFT = 0.4


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """Two groups whose general factor, of variance 1, differs by 0.4 in mean."""
    rng = np.random.default_rng(5)
    later = np.repeat([0, 1], 1000)
    general = rng.normal(size=2000) + SHIFT * later
    columns: dict[str, object] = {}
    for factor in "abc":
        values = 0.7 * general + 0.7 * rng.normal(size=2000)
        columns |= {f"{factor}{j}": 0.8 * values + 0.6 * rng.normal(size=2000) for j in (1, 2, 3)}
    return pd.DataFrame(columns).assign(group=np.where(later, "later", "first"))


@pytest.mark.parametrize("ordered", [False, True])
def test_only_the_general_factor_differs_in_mean(answers: pd.DataFrame, ordered: bool) -> None:
    items = answers.drop(columns="group")
    if ordered:
        items = items.apply(lambda column: pd.Series(np.digitize(column, [-1.2, -0.3, 0.4, 1.1])))
    found = pm.invariance(items.assign(group=answers["group"]), MODEL, group="group", ordered=ordered, std_lv=True)
    assert found.verdict == "supported"
    # nine intercepts and three of first-order factors, of which one mean is left
    assert found.tests.set_index("level").loc["intercepts" if ordered else "scalar", "df_diff"] == 8
    means = found.latent_means.set_index(["intercepts", "factor"])
    assert list(means.index) == [("equal", "g"), ("free", "a"), ("free", "b"), ("free", "c")]
    row = means.iloc[0]
    assert row["ci_lower"] < SHIFT < row["ci_upper"]
    assert row["d"] == pytest.approx(row["est"])


def test_the_difference_of_a_measured_factor_is_in_its_whole_standard_deviation(answers: pd.DataFrame) -> None:
    found = pm.invariance(answers, MODEL, group="group", std_lv=True)
    below = found.levels["metric"].parameters.query("group == 'first' and lhs == 'g' and rhs == 'a'")["est"].iloc[0]
    row = found.latent_means.query("factor == 'a'").iloc[0]
    assert row["d"] == pytest.approx(row["est"] / np.sqrt(1.0 + below**2))


def test_occasions_of_a_higher_order_model(answers: pd.DataFrame) -> None:
    first, later = (part.drop(columns="group").reset_index(drop=True) for _, part in answers.groupby("group"))
    wide = first.add_suffix("_1").join(later.add_suffix("_2"))
    found = pm.invariance(wide, MODEL, longitudinal=["_1", "_2"], std_lv=True)
    assert found.verdict == "supported"
    assert list(found.latent_means["factor"]) == ["g", "a", "b", "c"]


def test_freeing_parameters_does_not_excuse_a_model_that_does_not_fit(answers: pd.DataFrame) -> None:
    one = "f =~ a1 + a2 + a3 + b1 + b2 + b3 + c1 + c2 + c3"
    found = pm.invariance(answers, one, group="group")
    assert found.verdict == "not_supported"
    assert "does not fit without any equality" in found.partial().reason


def test_an_inadmissible_level_is_told_by_the_search_too() -> None:
    rng = np.random.default_rng(3)
    heywood = rng.multivariate_normal(np.zeros(3), [[1, 0.85, 0.75], [0.85, 1, 0.4], [0.75, 0.4, 1]], 400)
    items = pd.DataFrame(heywood, columns=list("abc")).assign(group=["x", "y"] * 200)
    partial = pm.invariance(items, "f =~ a + b + c", group="group").partial()
    assert "the configural model has an inadmissible solution" in partial.reason
    assert Code.STA_INADMISSIBLE in [problem.code for problem in partial.warnings]
