"""Dynamic cut-offs: the authors' misspecifications by hand, the fits of simulated data, and the rates they promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics.cfa._matrices import implied
from toolkit.psychometrics.cfa.cfa import CfaResult, cfa
from toolkit.psychometrics.cfa.dynamic_cutoffs import _standardized_of_text
from toolkit.psychometrics.cfa.misspecification import (
    OmittedPath,
    coefficient_h,
    levels_of_misspecification,
    with_paths,
)
from toolkit.psychometrics.cfa.replicates import normal_refit, ordinal_refit, robust_refit, wishart
from toolkit.psychometrics.cfa.syntax import parse_model

ONE = "f =~ .8*a + .7*b + .75*c + .6*d + .5*e + .65*g"
TWO = "f =~ .8*a + .7*b + .6*c\nh =~ .9*d + .5*e + .7*g + .7*i\nf ~~ .4*h"
THREE = f"{TWO}\nk =~ .8*l + .55*m\nf ~~ .3*k\nh ~~ .2*k"


def levels(text: str) -> list[list[tuple[str, str, str, float]]]:
    model = _standardized_of_text(parse_model(text))
    return [
        [(path.lhs, path.op, path.rhs, path.value) for path in level] for level in levels_of_misspecification(model)
    ]


def drawn(R: np.ndarray, names: str, n: int, seed: int) -> pd.DataFrame:
    values = np.random.default_rng(seed).standard_normal((n, len(names))) @ np.linalg.cholesky(R).T
    return pd.DataFrame(values, columns=list(names))


@pytest.fixture(scope="module")
def rated() -> pd.DataFrame:
    return pm.simulate_ordinal([0.8, 0.7, 0.7, 0.6, 0.5, 0.6], thresholds=[-1, 0, 1], n_persons=400, rng=1)


@pytest.fixture(scope="module")
def fitted(rated: pd.DataFrame) -> CfaResult:
    return cfa(rated, f"f =~ {' + '.join(rated.columns)}")


@pytest.fixture(scope="module")
def planned() -> pm.DynamicCutoffsResult:
    return pm.dynamic_fit_cutoffs(ONE, n_persons=400, n_replications=500, rng=1)


def test_with_one_factor_items_are_paired_from_the_weakest() -> None:
    pairs = [("e", "~~", "d", 0.3), ("g", "~~", "b", 0.3), ("c", "~~", "a", 0.3)]
    assert levels(ONE) == [pairs[:1], pairs[:2], pairs]


@pytest.mark.parametrize(
    ("n_items", "counts"), [(4, [1]), (5, [1, 2]), (6, [1, 2, 3]), (9, [1, 2, 4]), (13, [2, 4, 6])]
)
def test_the_number_of_pairs_follows_the_number_of_items(n_items: int, counts: list[int]) -> None:
    text = "f =~ " + " + ".join(f".{5 + j % 4}*x{j}" for j in range(n_items))
    assert [len(level) for level in levels(text)] == counts


def test_with_two_factors_the_weakest_item_loads_on_the_other() -> None:
    """e is the weakest item of all; .95 of the largest loading, .95 (sqrt(.04 + .75) - .2) = .654, is more than .5."""
    assert levels(TWO) == [[("f", "=~", "e", 0.5)]]


def test_a_cross_loading_leaves_residual_variance() -> None:
    """.95 (sqrt(.72^2 + .19) - .72) = .116 is less than the own loading of .9."""
    (level,) = levels("f =~ .9*a + .92*b + .95*c\nh =~ .95*d + .93*e + .96*g\nf ~~ .8*h")
    ((lhs, op, rhs, value),) = level
    assert (lhs, op, rhs) == ("h", "=~", "a")
    assert value == pytest.approx(0.95 * (np.sqrt(0.72**2 + 0.19) - 0.72), abs=1e-12)


def test_with_three_factors_a_pair_of_factors_is_used_once() -> None:
    """h has the largest H, then f. e (of h) goes to f; c (of f) cannot go to h any more and goes to k."""
    H = coefficient_h(_standardized_of_text(parse_model(THREE)))
    assert H[0] == pytest.approx(1 / (1 + 1 / (0.64 / 0.36 + 0.49 / 0.51 + 0.36 / 0.64)))
    assert H.argsort().tolist() == [2, 0, 1]
    first, second = levels(THREE)
    assert [(path[0], path[2]) for path in first] == [("f", "e")]
    assert [(path[0], path[2]) for path in second] == [("f", "e"), ("k", "c")]


def test_items_with_other_paths_are_left_alone() -> None:
    assert levels(f"{ONE} + .7*i\ne ~~ .2*d")[0] == [("g", "~~", "b", 0.3)]


def test_the_population_has_the_paths() -> None:
    model = _standardized_of_text(parse_model(TWO))
    R = with_paths(model, (OmittedPath(lhs="f", op="=~", rhs="e", value=0.5),))
    names = model.items
    assert R[names.index("e"), names.index("a")] == pytest.approx(0.8 * (0.5 + 0.4 * 0.5))
    R = with_paths(model, (OmittedPath(lhs="a", op="~~", rhs="b", value=0.3),))
    assert R[0, 1] == pytest.approx(0.56 + 0.3 * np.sqrt(0.36 * 0.51))
    np.testing.assert_allclose(np.diag(R), 1.0)


def test_wishart_matrices_are_those_of_normal_persons() -> None:
    root = np.linalg.cholesky(np.array([[2.0, 0.6], [0.6, 1.0]]))
    random = np.random.default_rng(1)
    S = np.array([wishart(root, 20, random) for _ in range(8000)])
    np.testing.assert_allclose(S.mean(axis=0), root @ root.T * 19 / 20, atol=0.02)
    raw = np.array([np.cov((random.standard_normal((20, 2)) @ root.T).T, bias=True) for _ in range(8000)])
    np.testing.assert_allclose(S.std(axis=0), raw.std(axis=0), rtol=0.04)


@pytest.mark.parametrize("kind", ["ML", "ML cut", "MLR", "WLSMV", "ULSMV", "DWLS"])
def test_a_simulated_data_set_is_fitted_as_cfa_fits_it(kind: str, rated: pd.DataFrame) -> None:
    """The refit draws from a generator; the same draws are made again and given to cfa()."""
    estimator: Any = kind.split()[0]
    ordered = estimator in {"WLSMV", "ULSMV", "DWLS"}
    text = f"f =~ {' + '.join(rated.columns)}"
    use = cfa(rated, text, estimator=estimator, ordered=ordered)._fitted
    at = implied(use.compiled.groups[0], use.x)
    sd = np.sqrt(np.diag(at.Sigma))
    R = at.Sigma / np.outer(sd, sd)
    cuts = tuple((np.arange(1.0, 5.0), np.array([-0.6, 0.2, 0.5 + 0.05 * j])) for j in range(6))
    n, suffix = 300, {"MLR": ".robust", "WLSMV": ".scaled", "ULSMV": ".scaled"}.get(estimator, "")
    if ordered:
        refit = ordinal_refit(use.compiled, estimator, use.x, n, cuts)(R)
    elif estimator == "MLR":
        refit = robust_refit(use.compiled, n, at.mu, sd, None)(R)
    else:
        refit = normal_refit(use.compiled, use.x, n, at.mu, sd, cuts if kind == "ML cut" else None)(R)
    found = refit(np.random.default_rng(3))
    random = np.random.default_rng(3)
    if kind == "ML":
        root = np.linalg.cholesky(R * np.outer(sd, sd))
        S = wishart(root, n, random)
        white = np.random.default_rng(4).standard_normal((n, 6))
        white -= white.mean(axis=0)
        white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white.T, bias=True))).T
        values = white @ np.linalg.cholesky(S).T
    elif kind == "MLR":
        values = at.mu + random.standard_normal((n, 6)) @ np.linalg.cholesky(R * np.outer(sd, sd)).T
    else:
        y = random.standard_normal((n, 6)) @ np.linalg.cholesky(R).T
        values = np.column_stack([codes[np.searchsorted(cut, y[:, j])] for j, (codes, cut) in enumerate(cuts)])
    fit = cfa(pd.DataFrame(values, columns=rated.columns), text, estimator=estimator, ordered=ordered).fit
    np.testing.assert_allclose(found, [fit["srmr"], fit[f"rmsea{suffix}"], fit[f"cfi{suffix}"]], atol=2e-6)


def test_a_true_model_meets_its_own_cut_off_and_a_misspecified_one_does_not(planned: pm.DynamicCutoffsResult) -> None:
    """Of 150 new data sets 95 % meet each cut-off of level 0 (Monte Carlo error 1.8 points and that of the cut-off)."""
    limits = planned.cutoffs.set_index(["level", "measure"])["cutoff"]
    model = _standardized_of_text(parse_model(ONE))
    text = "f =~ a + b + c + d + e + g"
    paths = levels_of_misspecification(model)[1]
    met: dict[str, list[list[bool]]] = {"true": [], "wrong": []}
    for kind, R in (("true", with_paths(model, ())), ("wrong", with_paths(model, paths))):
        for seed in range(150):
            fit = cfa(drawn(R, "abcdeg", 400, seed), text).fit
            met[kind].append(
                [fit["srmr"] <= limits[0, "srmr"], fit["rmsea"] <= limits[0, "rmsea"], fit["cfi"] >= limits[0, "cfi"]]
            )
    assert (np.abs(np.mean(met["true"], axis=0) - 0.95) < 0.05).all()
    assert (np.mean(met["wrong"], axis=0) < 0.05).all()
    table = planned.cutoffs
    assert table.loc[table["level"] == 0, "sensitivity"].isna().all()
    kept = table[(table["level"] > 0) & (table["rule"] == "95/5")]
    assert len(kept) >= 3
    assert (kept["sensitivity"] >= 0.95).all()
    assert (kept["specificity"] >= 0.95).all()


def test_the_cut_off_of_rmsea_is_that_of_the_chi_square_distribution(planned: pm.DynamicCutoffsResult) -> None:
    expected = np.sqrt((stats.chi2.ppf(0.95, 9) - 9) / (9 * 400))
    assert planned.cutoffs.query("level == 0 and measure == 'rmsea'")["cutoff"].item() == pytest.approx(
        expected, rel=0.06
    )


def test_more_severe_levels_have_worse_cut_offs(fitted: CfaResult) -> None:
    found = pm.dynamic_fit_cutoffs(fitted, n_replications=200, rng=1)
    assert found.ordinal
    assert "McNeish, 2024" in found.method
    table = found.cutoffs.pivot_table(index="level", columns="measure", values="cutoff")
    assert table.loc[[0, 2, 3], "srmr"].is_monotonic_increasing
    assert table.loc[[0, 2, 3], "cfi"].is_monotonic_decreasing
    row = found.cutoffs.iloc[0]
    assert row["observed"] == fitted.fit["srmr"]
    assert row["met"] == (row["observed"] <= row["cutoff"])
    assert found.draws.groupby("level").size().tolist() == [200] * 4
    assert not pm.dynamic_fit_cutoffs(fitted, n_replications=20, ordinal=False, rng=1).ordinal


def test_ordered_items_and_codes_that_a_data_set_lacks(rated: pd.DataFrame) -> None:
    """With 60 persons and a code that 2 % give, many data sets lack it; the model then has a threshold less."""
    rare = rated.head(120).copy()
    rare["item1"] = np.where(np.arange(120) < 2, 5.0, np.minimum(rare["item1"], 3.0))
    result = cfa(rare, f"f =~ {' + '.join(rare.columns)}", ordered=True)
    found = pm.dynamic_fit_cutoffs(result, n_persons=60, n_replications=30, rng=1)
    assert found.n_persons == 60
    assert found.n_failed < 30
    assert found.method.startswith("dynamic fit index cut-offs, WLSMV")


def test_overlapping_levels_have_no_cut_off() -> None:
    found = pm.dynamic_fit_cutoffs("f =~ .4*a + .4*b + .4*c + .4*d", n_persons=100, n_replications=100, rng=1)
    lacking = found.cutoffs[found.cutoffs["rule"] == "none"]
    assert len(lacking)
    assert lacking["cutoff"].isna().all()
    assert lacking["met"].isna().all()
    assert Code.STA_UNDEFINED in [problem.code for problem in found.warnings]
    assert found.to_dict()["cutoffs"]["0"]["observed"] is None


def test_the_seed_repeats_the_simulation_and_between_can_end_it(fitted: CfaResult) -> None:
    one = pm.dynamic_fit_cutoffs(fitted, n_replications=30)
    again = pm.dynamic_fit_cutoffs(fitted, n_replications=30, rng=one.provenance["seed"])
    pd.testing.assert_frame_equal(one.draws, again.draws)
    calls: list[int] = []

    def stop() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pm.dynamic_fit_cutoffs(fitted, n_replications=100, rng=1, between=stop)
    assert len(calls) == 3


def test_what_is_no_population_is_refused(rated: pd.DataFrame, refused: Callable[..., StatisticsError]) -> None:
    def of(result: Any) -> Any:
        return pm.dynamic_fit_cutoffs(result, n_replications=20, rng=1)

    text = f"f =~ {' + '.join(rated.columns)}"
    valid = cfa(rated, text)
    gaps = rated.copy()
    gaps.iloc[0, 0] = np.nan
    half = ["one", "two"] * 200
    bad = {
        "three items": cfa(rated, "f =~ item1 + item2 + item3"),
        "groups": cfa(rated, text, group=half),
        "clusters": cfa(rated, text, cluster=list(range(40)) * 10, estimator="MLR"),
        "gaps": cfa(gaps, text, missing="fiml"),
        "second order": cfa(rated, "a =~ item1 + item2\nb =~ item3 + item4\nc =~ item5 + item6\ng =~ a + b + c"),
    }
    for result in bad.values():
        refused(Code.STA_OPTION_CONFLICT, of, valid=valid, bad=result)
    refused(Code.STA_TOO_FEW_ITEMS, of, valid=valid, bad=cfa(rated, f"{text}\nitem1 ~~ item2\nitem3 ~~ item4"))
    heywood = pd.DataFrame(
        np.random.default_rng(5).standard_normal((200, 6)) @ np.linalg.cholesky(_heywood()).T, columns=list("abcdef")
    )
    improper = cfa(heywood, "g =~ a + b + c + d + e + f")
    assert not improper.admissible
    refused(Code.STA_INADMISSIBLE, of, valid=valid, bad=improper)


def _heywood() -> np.ndarray:
    R = np.full((6, 6), 0.2)
    R[0, 1:] = R[1:, 0] = 0.55
    np.fill_diagonal(R, 1.0)
    return R


def test_wrong_options_and_texts_are_refused(fitted: CfaResult, refused: Callable[..., StatisticsError]) -> None:
    def of_text(text: Any) -> Any:
        return pm.dynamic_fit_cutoffs(text, n_persons=200, n_replications=20, rng=1)

    for bad in ("f =~ a + .7*b + .6*c + .6*d", "f =~ .9*a + 1.1*b + .8*c + .7*d", f"{TWO}\na ~~ .5*a"):
        refused(Code.STA_MODEL_SYNTAX, of_text, valid=ONE, bad=bad)
    refused(Code.STA_OPTION_CONFLICT, of_text, valid=ONE, bad="f =~ .7*a + .7*b\ng =~ .7*c + .7*d\nh =~ .8*f + .8*g")
    refused(Code.STA_OPTION_CONFLICT, of_text, valid=ONE, bad="f =~ .7*a + .7*b + .6*c")
    refused(
        Code.STA_OPTION_CONFLICT,
        lambda n: pm.dynamic_fit_cutoffs(ONE, n_persons=n, n_replications=20, rng=1),
        valid=200,
        bad=None,
    )
    refused(
        Code.STA_OPTION_RANGE,
        lambda n: pm.dynamic_fit_cutoffs(fitted, n_replications=n, rng=1),
        valid=20,
        bad=5,
    )


def test_ordered_items_cannot_be_taken_as_measurements(
    rated: pd.DataFrame, refused: Callable[..., StatisticsError]
) -> None:
    result = cfa(rated, f"f =~ {' + '.join(rated.columns)}", ordered=True)
    refused(
        Code.STA_OPTION_CONFLICT,
        lambda ordinal: pm.dynamic_fit_cutoffs(result, n_replications=20, rng=1, ordinal=ordinal),
        valid=True,
        bad=False,
    )
