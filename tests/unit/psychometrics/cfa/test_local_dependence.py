"""Local dependence: planted pairs, rates under a true model, Holm by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics.cfa.cfa import cfa
from toolkit.psychometrics.cfa.local_dependence import holm

TRUTH = [0.8, 0.7, 0.7, 0.6, 0.7, 0.6]
MODEL = "f =~ a + b + c + d + e + g"


def sample(n: int, seed: int, *, shared: float = 0.0) -> pd.DataFrame:
    L = np.array(TRUTH)
    R = np.outer(L, L)
    np.fill_diagonal(R, 1.0)
    R[0, 1] = R[1, 0] = R[0, 1] + shared * np.sqrt((1 - L[0] ** 2) * (1 - L[1] ** 2))
    values = np.random.default_rng(seed).standard_normal((n, 6)) @ np.linalg.cholesky(R).T
    return pd.DataFrame(values, columns=list("abcdeg"))


@pytest.mark.parametrize("estimator", ["ML", "MLR", "WLSMV"])
def test_a_planted_pair_is_found_with_its_size(estimator: Any) -> None:
    df = sample(2000, 1, shared=0.4)
    if estimator == "WLSMV":
        df = pd.DataFrame(np.digitize(df, [-1, 0, 1]).astype(float), columns=df.columns)
    found = pm.local_dependence(cfa(df, MODEL, estimator=estimator, ordered=estimator == "WLSMV"))
    top = found.pairs.iloc[0]
    assert (top["item_1"], top["item_2"]) == ("a", "b")
    assert top["p_epc_holm"] < 1e-6
    assert top["p_holm"] < 1e-6
    assert top["sepc"] > 0.4
    freed = cfa(df, f"{MODEL}\na ~~ b", estimator=estimator, ordered=estimator == "WLSMV").standardized
    assert freed.loc[(freed["lhs"] == "a") & (freed["rhs"] == "b"), "est"].item() == pytest.approx(0.4, abs=0.08)
    assert found.n_significant >= 1
    assert found.pairs["z_epc"].abs().is_monotonic_decreasing
    assert found.n_beyond_lower == int((found.pairs["residual"].abs() > 0.1).sum())
    assert (found.n_pairs, found.n_items, found.n_persons) == (15, 6, 2000)


@pytest.mark.parametrize("estimator", ["ML", "MLR", "WLSMV"])
def test_a_true_model_has_the_nominal_rate(estimator: Any) -> None:
    """150 samples of 15 pairs: 5 % of z beyond 1.96 (standard error about .6 points), and Holm errs in 5 % at most.

    MLR gets answers with heavy tails, normal ones times a common random size.
    """
    results = []
    for seed in range(150):
        df = sample(400, seed)
        if estimator == "MLR":
            df = df.mul(1.0 / np.sqrt(np.random.default_rng(seed).chisquare(8, 400) / 8), axis=0)
        if estimator == "WLSMV":
            df = pd.DataFrame(np.digitize(df, [-1, 0, 1]).astype(float), columns=df.columns)
        results.append(pm.local_dependence(cfa(df, MODEL, estimator=estimator, ordered=estimator == "WLSMV")))
    for name in ("z", "z_epc"):
        z = np.concatenate([result.pairs[name] for result in results])
        assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.05, abs=0.02)
        assert np.mean(z**2) == pytest.approx(1.0, abs=0.2)
    assert np.mean([result.n_significant > 0 for result in results]) < 0.1
    if estimator == "ML":
        table = pd.concat([result.pairs for result in results])
        np.testing.assert_allclose(table["z_epc"] ** 2, table["mi"], rtol=0.35, atol=0.15)


def test_groups_that_share_loadings_have_the_nominal_rate() -> None:
    results = []
    for seed in range(120):
        df = pd.concat([sample(150, seed), sample(450, seed + 1000)], ignore_index=True)
        sex = ["f"] * 150 + ["m"] * 450
        results.append(pm.local_dependence(cfa(df, MODEL, group=sex, group_equal=["loadings", "intercepts"])))
    for name in ("z", "z_epc"):
        z = np.concatenate([result.pairs[name] for result in results])
        assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.05, abs=0.012)
        assert np.mean(z**2) == pytest.approx(1.0, abs=0.08)


def test_the_standard_errors_are_the_spread_of_residuals() -> None:
    results = [pm.local_dependence(cfa(sample(400, seed), MODEL)).pairs for seed in range(150)]
    keyed = [table.set_index(["item_1", "item_2"]).sort_index() for table in results]
    spread = np.std([table["residual"] for table in keyed], axis=0)
    mean_error = np.mean([table["se"] for table in keyed], axis=0)
    np.testing.assert_allclose(mean_error, spread, rtol=0.18)


def test_expected_changes_are_those_of_the_modification_indices() -> None:
    result = cfa(sample(500, 3, shared=0.2), MODEL)
    found = pm.local_dependence(result).pairs.set_index(["item_1", "item_2"])
    index = result.modification_indices()
    index = index[index["op"] == "~~"].set_index(["lhs", "rhs"])
    for name in ("mi", "epc", "sepc"):
        pd.testing.assert_series_equal(
            found[name].sort_index(), index[name].loc[found.index].sort_index(), check_names=False
        )


def test_a_pair_that_the_model_has_is_not_tested() -> None:
    found = pm.local_dependence(cfa(sample(500, 3, shared=0.3), f"{MODEL}\na ~~ b")).pairs
    free = found[found["free"]]
    assert free[["item_1", "item_2"]].to_numpy().tolist() == [["a", "b"]]
    assert free[["z", "p_holm", "mi", "epc"]].isna().all(axis=None)
    assert free["residual"].abs().item() < 1e-6
    assert found["z"].notna().sum() == 14


def test_groups_have_their_own_rows() -> None:
    df = pd.concat([sample(400, 1, shared=0.5), sample(400, 2)], ignore_index=True)
    df["sex"] = ["f"] * 400 + ["m"] * 400
    found = pm.local_dependence(cfa(df, MODEL, group="sex"))
    assert found.n_groups == 2
    assert len(found.pairs) == 30
    assert found.pairs.iloc[0][["group", "item_1", "item_2"]].tolist() == ["f", "a", "b"]


def test_holm_by_hand() -> None:
    """Sorted .01, .02, .03, .5 times 4, 3, 2, 1, and never falling."""
    np.testing.assert_allclose(
        holm(np.array([0.03, np.nan, 0.01, 0.5, 0.02])), [0.06, np.nan, 0.04, 0.5, 0.06], atol=1e-15
    )
    np.testing.assert_array_equal(holm(np.array([0.6, 0.7])), [1.0, 1.0])


def test_what_leaves_no_residuals_is_refused(refused: Callable[..., StatisticsError]) -> None:
    df = sample(300, 1)
    valid = cfa(df, MODEL)
    refused(Code.STA_OPTION_CONFLICT, pm.local_dependence, valid=valid, bad=cfa(df, "f =~ a + b + c"))
    clustered = cfa(df, MODEL, cluster=[j // 10 for j in range(300)], estimator="MLR")
    refused(Code.STA_OPTION_CONFLICT, pm.local_dependence, valid=valid, bad=clustered)
    for name in ("lower", "upper", "alpha"):
        refused(
            Code.STA_OPTION_RANGE,
            lambda value, name=name: pm.local_dependence(valid, **{name: value}),
            valid=0.15,
            bad=1.5,
        )


def test_a_covariance_that_would_add_nothing_is_undefined() -> None:
    """Two items with loadings of 1 on a factor of their own: its variance is their covariance already."""
    found = pm.local_dependence(cfa(sample(500, 4), "f =~ c + d + e + g\nh =~ 1*a + 1*b\nf ~~ h"))
    last = found.pairs.iloc[-1]
    assert {last["item_1"], last["item_2"]} == {"a", "b"}
    assert np.isnan(last["z_epc"])
    assert np.isnan(last["mi"])
    assert Code.STA_UNDEFINED in [problem.code for problem in found.warnings]
    assert found.to_dict()["pairs"]["14"]["z_epc"] is None
