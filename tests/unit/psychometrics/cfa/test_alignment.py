"""Alignment: slopes by differences, a two-group example by hand, and many groups with a known truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics.cfa import alignment as module
from toolkit.psychometrics.cfa.invariant_groups import invariant_set
from toolkit.psychometrics.cfa.simplicity import Alignment, dependence, minimum

LOADINGS = np.array([1.0, 0.8, 0.9, 0.7, 1.1, 0.8])
MODEL = "f =~ x0 + x1 + x2 + x3 + x4 + x5"


def study(
    seed: int, *, n_groups: int = 15, n: int = 200, bias: dict[tuple[int, int], float] | None = None
) -> tuple[pd.DataFrame, list[str], np.ndarray, np.ndarray]:
    """Answers, groups, and the means and variances of the factor in units of the first group's."""
    random = np.random.default_rng(seed)
    truth = np.random.default_rng(99)
    alpha = np.concatenate([[0.0], truth.normal(0.0, 0.5, n_groups - 1)])
    psi = np.concatenate([[1.0], truth.uniform(0.7, 1.4, n_groups - 1)])
    nu = np.zeros((n_groups, 6))
    for place, size in (bias or {}).items():
        nu[place] = size
    frames = []
    for g in range(n_groups):
        f = alpha[g] + np.sqrt(psi[g]) * random.standard_normal(n)
        frames.append(nu[g] + f[:, None] * LOADINGS + 0.8 * random.standard_normal((n, 6)))
    groups = [f"g{g}" for g in range(n_groups) for _ in range(n)]
    return pd.DataFrame(np.vstack(frames), columns=[f"x{j}" for j in range(6)]), groups, alpha, psi


BIAS = {(2, 0): 0.8, (5, 1): -0.8, (9, 3): 0.8}


@pytest.fixture(scope="module")
def found() -> pm.AlignmentResult:
    df, groups, _, _ = study(1, bias=BIAS)
    return pm.alignment(df, MODEL, group=groups, rng=1)


def exact_groups(parameters: list[tuple[np.ndarray, np.ndarray]], n: int = 150) -> tuple[pd.DataFrame, list[str]]:
    """Groups whose sample moments are exactly those of one factor with these loadings and intercepts."""
    frames, names = [], []
    for number, (lam, nu) in enumerate(parameters):
        X = np.random.default_rng(number).standard_normal((n, lam.size))
        X -= X.mean(axis=0)
        X = X @ np.linalg.inv(np.linalg.cholesky(X.T @ X / n)).T
        S = np.outer(lam, lam) + 0.5 * np.eye(lam.size)
        frames.append(X @ np.linalg.cholesky(S).T + nu)
        names += [f"g{number}"] * n
    columns = [f"x{j}" for j in range(parameters[0][0].size)]
    return pd.DataFrame(np.vstack(frames), columns=columns), names


@pytest.mark.parametrize("free", [np.arange(1, 4), np.arange(4)])
def test_slopes_are_those_of_differences(free: np.ndarray) -> None:
    random = np.random.default_rng(1)
    w = np.sqrt(np.outer([100, 150, 200, 120], [100, 150, 200, 120]))
    np.fill_diagonal(w, 0.0)
    lambda0, nu0 = random.uniform(0.5, 1.0, (4, 3)), random.normal(size=(4, 3))
    problem = Alignment(lambda0=lambda0, nu0=nu0, w=w, eps=0.01, free_means=free)
    t = random.normal(0.0, 0.3, 3 + free.size)
    in_t, in_loadings, in_intercepts = problem.slopes(t)
    np.testing.assert_allclose(in_t, optimize.approx_fprime(t, problem.value, 1e-7), rtol=1e-4, atol=1e-3)

    def moved(x: np.ndarray) -> float:
        return dataclasses.replace(problem, lambda0=x[:12].reshape(4, 3), nu0=x[12:].reshape(4, 3)).value(t)

    by_difference = optimize.approx_fprime(np.concatenate([lambda0.ravel(), nu0.ravel()]), moved, 1e-7)
    ours = np.concatenate([in_loadings.ravel(), in_intercepts.ravel()])
    np.testing.assert_allclose(ours, by_difference, rtol=1e-4, atol=1e-3)
    direct = sum(
        w[g, h] * ((away**2 + 0.01) ** 0.25).sum()
        for table in problem.aligned(t)
        for g in range(4)
        for h in range(g)
        for away in [table[g] - table[h]]
    )
    assert problem.value(t) == pytest.approx(direct)


def test_the_minimum_moves_as_its_slopes_say() -> None:
    random = np.random.default_rng(2)
    w = 100.0 * (np.ones((4, 4)) - np.eye(4))
    lambda0, nu0 = 0.8 + 0.05 * random.normal(size=(4, 5)), 0.1 * random.normal(size=(4, 5))
    problem = Alignment(lambda0=lambda0, nu0=nu0, w=w, eps=0.01, free_means=np.arange(1, 4))
    best = minimum(problem, 5, np.random.default_rng(1))
    slopes, curved = dependence(problem, best.t)
    assert curved
    step = 1e-4
    for g, j in ((0, 0), (2, 3)):
        other = nu0.copy()
        other[g, j] += step
        there = minimum(dataclasses.replace(problem, nu0=other), 5, np.random.default_rng(1))
        np.testing.assert_allclose((there.t - best.t) / step, slopes[:, 20 + 5 * g + j], atol=5e-3)


def test_two_groups_by_hand() -> None:
    """Loadings 1.5 times as large are a variance of 2.25; intercepts of .4 times the loadings are a mean of .4."""
    lam = np.array([1.0, 0.8, 0.6, 0.9])
    df, groups = exact_groups([(lam, np.zeros(4)), (1.5 * lam, 0.4 * lam)])
    result = pm.alignment(df, "f =~ x0 + x1 + x2 + x3", group=groups, rng=1)
    np.testing.assert_allclose(result.means["mean"], [0.0, 0.4], atol=1e-5)
    np.testing.assert_allclose(result.means["variance"], [1.0, 2.25], atol=1e-5)
    loadings = result.estimates.query("kind == 'loading'")["aligned"].to_numpy().reshape(4, 2)
    np.testing.assert_allclose(loadings, np.column_stack([lam, lam]), atol=1e-5)
    assert result.simplicity == pytest.approx(150 * 8 * 0.01**0.25, rel=1e-6)
    assert result.share_noninvariant == 0.0
    assert result.fit["chisq"] == pytest.approx(0.0, abs=1e-6)


def test_a_factor_that_points_the_other_way_is_turned() -> None:
    lam = np.array([1.0, 0.8, 0.6, 0.9])
    df, groups = exact_groups([(-lam, np.zeros(4)), (1.2 * lam, -0.5 * lam)])
    result = pm.alignment(df, "f =~ x0 + x1 + x2 + x3", group=groups, rng=1)
    assert (result.estimates.query("kind == 'loading'")["aligned"] > 0).all()
    np.testing.assert_allclose(result.means["mean"], [0.0, -0.5], atol=1e-5)


def test_biased_intercepts_are_found(found: pm.AlignmentResult) -> None:
    """All three, and by chance at most one of the other 177 parameters."""
    wrong = found.estimates[~found.estimates["invariant"]]
    named = set(wrong[["item", "kind", "group"]].itertuples(index=False, name=None))
    planted = {("x0", "intercept", "g2"), ("x1", "intercept", "g5"), ("x3", "intercept", "g9")}
    assert planted <= named
    assert len(named) <= 4
    assert found.share_noninvariant == pytest.approx(len(named) / 180)
    assert "g2" in found.items.query("item == 'x0' and kind == 'intercept'")["differs_in"].item()
    assert (found.items["n_invariant"] + found.items["differs_in"].map(len) == 15).all()
    assert (found.n_groups, found.n_persons, found.converged) == (15, 3000, True)
    assert found.n_best >= 5
    worst = found.items.sort_values("contribution").tail(3)
    assert set(worst["item"]) == {"x0", "x1", "x3"}


def test_means_and_variances_are_recovered() -> None:
    """30 samples: bias within Monte Carlo error, 95 % intervals cover, although each has three biased intercepts."""
    estimates, errors = [], []
    for seed in range(30):
        df, groups, alpha, psi = study(seed, bias=BIAS)
        means = pm.alignment(df, MODEL, group=groups, n_starts=2, rng=1).means
        estimates.append(means[["mean", "variance"]].to_numpy()[1:])
        errors.append(means[["mean_se", "variance_se"]].to_numpy()[1:])
    truth = np.column_stack([alpha, psi])[1:]
    away = np.array(estimates) - truth
    covered = np.abs(away) <= 1.96 * np.array(errors)
    assert covered.mean(axis=(0, 1)) == pytest.approx([0.95, 0.95], abs=0.05)
    spread = np.array(estimates).std(axis=0, ddof=1)
    assert (np.mean(errors, axis=0) / spread).mean(axis=0) == pytest.approx([1.0, 1.0], abs=0.15)
    # A biased intercept of .8 moves its group's mean by some .06 with this loss.
    assert np.abs(away.mean(axis=0)).max() < 0.12
    assert np.abs(away.mean(axis=(0, 1))).max() < 0.04


def test_explained_variation_is_that_of_the_formula(found: pm.AlignmentResult) -> None:
    means, estimates = found.means, found.estimates
    for row in found.items.itertuples():
        table = estimates[(estimates["item"] == row.item) & (estimates["kind"] == row.kind)]
        others = found.items[found.items["item"] == row.item].set_index("kind")["average"]
        if row.kind == "loading":
            predicted = np.sqrt(means["variance"].to_numpy()) * others["loading"]
        else:
            predicted = others["intercept"] + means["mean"].to_numpy() * others["loading"]
        configural = table["configural"].to_numpy()
        assert row.r2 == pytest.approx(1 - np.var(configural - predicted) / np.var(configural))
    assert found.items.query("item == 'x2' and kind == 'intercept'")["r2"].item() > 0.9


def test_the_invariant_set_by_hand() -> None:
    """Estimates 0, .1, .05 and 2 with errors of .1: the fourth differs from the average .05 by 1.95 / .115."""
    flags = invariant_set(np.array([0.0, 0.1, 0.05, 2.0]), 0.01 * np.eye(4), np.array([10.0, 10.0, 10.0, 50.0]), 0.001)
    assert flags.tolist() == [True, True, True, False]
    assert invariant_set(np.array([0.0, 0.1, 0.05]), 0.01 * np.eye(3), np.ones(3), 0.001).all()


def test_free_alignment_needs_noninvariance() -> None:
    df, groups, alpha, _ = study(1, bias=BIAS)
    free = pm.alignment(df, MODEL, group=groups, optimisation="FREE", rng=1)
    assert free.means["mean_se"].iloc[0] > 0
    assert free.means["variance"].iloc[0] == pytest.approx(1.0)
    differences = free.means["mean"].to_numpy()[1:] - free.means["mean"].iloc[0]
    assert np.corrcoef(differences, alpha[1:])[0, 1] > 0.95
    lam = np.array([1.0, 0.8, 0.6, 0.9])
    same, names = exact_groups([(lam, np.zeros(4)), (1.2 * lam, 0.5 * lam), (0.9 * lam, -0.3 * lam)])
    flat = pm.alignment(same, "f =~ x0 + x1 + x2 + x3", group=names, optimisation="FREE", rng=1)
    assert Code.STA_NOT_IDENTIFIED in [problem.code for problem in flat.warnings]


def test_two_factors_are_aligned_one_by_one() -> None:
    one, groups, _, _ = study(3, n_groups=4, n=150)
    two, _, _, _ = study(4, n_groups=4, n=150)
    both = one.join(two.rename(columns=lambda name: name.replace("x", "y")))
    text = f"{MODEL}\ng =~ " + " + ".join(f"y{j}" for j in range(6))
    together = pm.alignment(both, text, group=groups, rng=1)
    assert together.means["factor"].tolist() == ["f"] * 4 + ["g"] * 4
    alone = pm.alignment(one, MODEL, group=groups, rng=1)
    np.testing.assert_allclose(together.means["mean"].iloc[:4], alone.means["mean"], atol=0.03)


def test_what_cannot_be_trusted_is_told() -> None:
    random = np.random.default_rng(5)
    bias = {(g, j): 1.5 * random.standard_normal() for g in range(6) for j in range(6)}
    df, groups, _, _ = study(1, n_groups=6, n=80, bias=bias)
    df *= np.repeat(random.uniform(0.3, 3.0, (6, 6)), 80, axis=0)
    codes = [problem.code for problem in pm.alignment(df, MODEL, group=groups, rng=1).warnings]
    assert {Code.STA_NOT_INVARIANT, Code.STA_TOO_FEW_PERSONS} <= set(codes)


def test_impossible_and_lost_solutions_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lam = np.array([1.0, 0.8, 0.6, 0.9])
    df, groups = exact_groups([(lam, np.zeros(4)), (lam, lam)])
    heywood = df.copy()
    heywood.loc[150:, "x0"] = heywood.loc[150:, ["x1", "x2", "x3"]].sum(axis=1) + 0.05 * heywood.loc[150:, "x0"]
    text = "f =~ x0 + x1 + x2 + x3"
    codes = [problem.code for problem in pm.alignment(heywood, text, group=groups, rng=1).warnings]
    assert Code.STA_INADMISSIBLE in codes
    monkeypatch.setattr(module, "minimum", lambda *given: dataclasses.replace(minimum(*given), converged=False))
    lost = pm.alignment(df, text, group=groups, rng=1)
    assert not lost.converged
    assert Code.STA_NOT_CONVERGED in [problem.code for problem in lost.warnings]
    original = module.fit_model

    def unfinished(*given: Any) -> Any:
        fit = original(*given)
        return dataclasses.replace(fit, solution=dataclasses.replace(fit.solution, converged=False))

    monkeypatch.setattr(module, "fit_model", unfinished)
    with pytest.raises(StatisticsError) as caught:
        pm.alignment(df, text, group=groups, rng=1)
    assert caught.value.codes == (Code.STA_NOT_CONVERGED,)


def test_wrong_calls_are_refused(refused: Callable[..., StatisticsError]) -> None:
    df, groups, _, _ = study(1, n_groups=3, n=60)

    def of(model: str = MODEL, **options: Any) -> Any:
        return pm.alignment(df, model, group=options.pop("group", groups), n_starts=2, rng=1, **options)

    for bad in (f"{MODEL}\ng =~ x0 + x1", "f =~ 1*x0 + x1 + x2 + x3", "f =~ a*x0 + a*x1 + x2 + x3"):
        refused(Code.STA_OPTION_CONFLICT, of, valid=MODEL, bad=bad)
    refused(Code.STA_OPTION_CONFLICT, of, valid=MODEL, bad="f =~ x0 + x1\ng =~ x2 + x3\nh =~ x4 + x5\nk =~ f + g + h")
    refused(Code.STA_TOO_FEW_ITEMS, of, valid=MODEL, bad="f =~ x0 + x1 + x2\ng =~ x3\nx3 ~~ 0*x3")
    refused(Code.STA_TOO_FEW_PERSONS, lambda group: of(group=group), valid=groups, bad=["one"] * 180)
    refused(Code.STA_TOO_FEW_PERSONS, lambda group: of(group=group), valid=groups, bad=["one"] * 176 + ["two"] * 4)
    halves = ["one"] * 90 + ["two"] * 90
    refused(Code.STA_OPTION_CONFLICT, lambda kind: of(group=halves, optimisation=kind), valid="FIXED", bad="FREE")
    refused(Code.STA_UNKNOWN_OPTION, lambda kind: of(optimisation=kind), valid="FREE", bad="free")
    refused(Code.STA_UNKNOWN_OPTION, lambda kind: of(estimator=kind), valid="MLR", bad="WLSMV")
    refused(Code.STA_OPTION_RANGE, lambda value: of(epsilon=value), valid=0.001, bad=0.0)
    refused(Code.STA_OPTION_RANGE, lambda value: of(alpha=value), valid=0.01, bad=1.0)
    refused(Code.STA_OPTION_RANGE, lambda value: pm.alignment(df, MODEL, group=groups, n_starts=value), valid=1, bad=0)


def test_the_seed_repeats_and_results_are_written_out(found: pm.AlignmentResult) -> None:
    df, groups, _, _ = study(1, bias=BIAS)
    again = pm.alignment(df, MODEL, group=groups, rng=found.provenance["seed"])
    pd.testing.assert_frame_equal(found.means, again.means)
    assert found.to_dict()["items"]["6"]["differs_in"] == ["g2"]
