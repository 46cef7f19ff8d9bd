"""Differences of factor means: known truths, intervals, and what unequal intercepts make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm

ONE = "f =~ x1 + x2 + x3 + x4"
LOADINGS = [0.8, 0.7, 0.6, 0.7]


def result_of(normal: Any, n: int, seed: int, mean: float, **options: Any) -> pm.InvarianceResult:
    first, second = normal(LOADINGS, n, seed), normal(LOADINGS, n, seed + 5000, mean=[mean])
    frame = pd.concat([first.assign(g="a"), second.assign(g="b")], ignore_index=True)
    return pm.invariance(frame, ONE, group="g", **options)


def rows(result: pm.InvarianceResult) -> pd.DataFrame:
    return result.latent_means.set_index("intercepts")


def test_both_ways_find_the_true_difference(normal: Any) -> None:
    table = rows(result_of(normal, 3000, 1, 0.4, std_lv=True))
    for kind in ("equal", "free"):
        assert table.loc[kind, "est"] == pytest.approx(0.4, abs=3.5 * table.loc[kind, "se"])
        assert table.loc[kind, "d"] == pytest.approx(table.loc[kind, "est"])
    assert table.loc["free", "lowest"] <= table.loc["free", "est"] <= table.loc["free", "highest"]
    assert np.isnan(table.loc["equal", "lowest"])


def test_the_difference_by_itself_is_the_mean_over_items(normal: Any) -> None:
    """Intercept differences over loadings, by hand from the metric level."""
    result = result_of(normal, 300, 2, 0.2)
    table = result.levels["metric"].parameters
    value = {(row.lhs, row.op, row.rhs, row.group): row.est for row in table.itertuples()}
    each = [
        (value[item, "~1", "", "b"] - value[item, "~1", "", "a"]) / value["f", "=~", item, "b"]
        for item in ("x1", "x2", "x3", "x4")
    ]
    found = rows(result).loc["free"]
    assert found["est"] == pytest.approx(np.mean(each), rel=1e-12)
    assert (found["lowest"], found["highest"]) == pytest.approx((min(each), max(each)), rel=1e-12)
    spread = np.sqrt(value["f", "~~", "f", "a"])
    assert found["d"] == pytest.approx(found["est"] / spread, rel=1e-12)


def test_the_scale_of_the_factor_does_not_touch_d(normal: Any) -> None:
    marker, unit = (rows(result_of(normal, 400, 3, 0.5, std_lv=std)) for std in (False, True))
    np.testing.assert_allclose(marker["d"], unit["d"], rtol=1e-6)
    np.testing.assert_allclose(marker["z"].loc["equal"], unit["z"].loc["equal"], rtol=0.05)


def test_intervals_cover(normal: Any) -> None:
    """40 samples of twice 200 persons: 38 of 40, give or take 1.4."""
    hits = {"equal": 0, "free": 0}
    for seed in range(40):
        table = rows(result_of(normal, 200, seed, 0.3, std_lv=True))
        for kind in hits:
            hits[kind] += bool(table.loc[kind, "ci_lower"] <= 0.3 <= table.loc[kind, "ci_upper"])
    assert min(hits.values()) >= 34


def test_one_item_that_differs_shows_in_the_extremes(normal: Any) -> None:
    first, second = normal(LOADINGS, 1000, 1), normal(LOADINGS, 1000, 2, intercepts=[0.0, 0.7, 0.0, 0.0])
    frame = pd.concat([first.assign(g="a"), second.assign(g="b")], ignore_index=True)
    row = rows(pm.invariance(frame, ONE, group="g", std_lv=True)).loc["free"]
    assert row["highest"] == pytest.approx(1.0, abs=0.2)
    assert abs(row["lowest"]) < 0.2


def test_items_of_several_factors_are_left_out_of_the_difference_by_itself(normal: Any) -> None:
    frame = normal([[0.8, 0], [0.7, 0], [0.6, 0], [0.4, 0.4], [0, 0.8], [0, 0.7], [0, 0.6]], 600, 4)
    model = "f =~ x1 + x2 + x3 + x4\ng =~ x5 + x6 + x7 + x4"
    result = pm.invariance(frame, model, group=["a", "b"] * 300)
    table = result.levels["metric"].parameters
    value = {(row.lhs, row.op, row.rhs, row.group): row.est for row in table.itertuples()}
    each = [
        (value[item, "~1", "", "b"] - value[item, "~1", "", "a"]) / value["f", "=~", item, "b"]
        for item in ("x1", "x2", "x3")
    ]
    found = result.latent_means.query("intercepts == 'free' and factor == 'f'").iloc[0]
    assert found["est"] == pytest.approx(np.mean(each), rel=1e-12)
