"""Confirmation on other persons: who explores, who confirms, and what the cross-validation index is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics.cfa.cfa import cfa
from toolkit.psychometrics.cfa.confirmation import model_of_pattern

TRUTH = pd.DataFrame(
    [[0.8, 0], [0.7, 0], [0.6, 0], [0, 0.8], [0, 0.7], [0, 0.6], [0.1, 0.1]], index=[f"x{j}" for j in range(1, 8)]
)
STATED = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6"


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return pm.simulate_ordinal(TRUTH, phi=[[1, 0.3], [0.3, 1]], thresholds=[-1, 0, 1], n_persons=800, rng=1)


def normal(n: int, seed: int) -> pd.DataFrame:
    L = TRUTH.to_numpy()[:6]
    R = L @ np.array([[1, 0.3], [0.3, 1]]) @ L.T
    np.fill_diagonal(R, 1.0)
    values = np.random.default_rng(seed).standard_normal((n, 6)) @ np.linalg.cholesky(R).T
    return pd.DataFrame(values, columns=list(TRUTH.index[:6]))


@pytest.mark.parametrize("ordered", [False, True])
def test_one_part_explores_and_the_other_confirms(people: pd.DataFrame, ordered: bool) -> None:
    found = pm.split_confirmation(people, n_factors=2, share=0.4, ordered=ordered, rng=3)
    assert found.design == "explored, then confirmed"
    assert (found.n_explored, found.n_confirmed, found.n_persons) == (320, 480, 800)
    assert found.explored is not None
    assert found.explored.n_persons == 320
    assert found.left_out == ("x7",)
    sets = [set(line.split(" =~ ")[1].split(" + ")) for line in found.model.split("\n")]
    assert sorted(map(sorted, sets)) == [["x1", "x2", "x3"], ["x4", "x5", "x6"]]
    assert found.fits.index.tolist() == ["explored", "confirmed"]
    assert found.fits["n"].tolist() == [320, 480]
    assert found.confirmed.fit["rmsea"] < 0.06
    assert (found.confirmed.estimator, found.confirmed.n_persons) == ("WLSMV" if ordered else "ML", 480)
    assert (found.loadings["explored"].abs() >= 0.4).all()
    assert found.loadings["confirmed"].between(0.4, 0.95).all()
    assert "explored, then confirmed" in found.method
    assert np.isfinite(found.cvi)
    assert np.isfinite(found.ecvi) == (not ordered)


def test_the_two_parts_have_no_person_in_common(people: pd.DataFrame) -> None:
    """The parts are made again from the seed; each analysis is that of its part alone."""
    found = pm.split_confirmation(people, n_factors=2, rng=5)
    order = np.random.default_rng(5).permutation(800)
    one, other = people.iloc[np.sort(order[:400])], people.iloc[np.sort(order[400:])]
    assert found.explored is not None
    np.testing.assert_allclose(
        np.abs(found.explored.loadings).max(axis=1),
        np.abs(pm.efa(one, n_factors=2, rng=1).loadings).max(axis=1),
        atol=1e-4,
    )
    fit = cfa(other, found.model).fit
    assert found.confirmed.fit["chisq"] == pytest.approx(fit["chisq"])
    assert found.fits.loc["explored", "chisq"] == pytest.approx(cfa(one, found.model).fit["chisq"])
    again = pm.split_confirmation(people, n_factors=2, rng=found.provenance["seed"])
    assert again.cvi == found.cvi


def test_chance_is_confirmed_by_those_who_suggested_it_only() -> None:
    """Three factors behind all items, two are explored: the model fits those who suggested it better than the others.

    Parts whose pattern leaves a factor without items give no model and are passed over. Mean difference of the
    chi-squares 5.9, standard error 1.5, in 57 of 100 samples.
    """
    loadings = np.array([[0.5, 0.3, 0.3]] * 5 + [[0.3, 0.5, 0.3]] * 5)
    away, lacking = [], 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        values = random.standard_normal((240, 3)) @ loadings.T + random.standard_normal((240, 10))
        try:
            found = pm.split_confirmation(
                pd.DataFrame(values).rename(columns=lambda j: f"x{j}"), n_factors=2, salient=0.1, rng=seed
            )
        except StatisticsError as error:
            lacking += error.codes == (Code.STA_TOO_FEW_ITEMS,)
            continue
        away.append(found.fits.loc["confirmed", "chisq"] - found.fits.loc["explored", "chisq"])
    assert len(away) > 50
    assert len(away) + lacking == 100
    assert np.mean(away) > 2 * np.std(away) / np.sqrt(len(away))


def test_the_index_has_its_expectation() -> None:
    """A true model: p* / n_v + q / n_c = 21 / 200 + 13 / 400 = .1375 on average, and so says cvi_expected."""
    found = [pm.split_confirmation(normal(600, seed), model=STATED, n_folds=3, rng=seed) for seed in range(60)]
    cvi = np.array([one.cvi for one in found])
    error = cvi.std() / np.sqrt(60)
    assert abs(cvi.mean() - 0.1375) < max(3 * error, 0.005)
    assert np.mean([one.cvi_expected for one in found]) == pytest.approx(0.1375, abs=0.005)
    assert np.mean([one.cvi_saturated for one in found]) > cvi.mean()
    assert np.mean([one.cvi_independence for one in found]) > 1.0


def test_the_index_of_one_fold_by_hand(people: pd.DataFrame) -> None:
    found = pm.split_confirmation(people, model=STATED, n_folds=4, rng=2)
    assert found.design == "stated, cross-validated"
    assert (found.n_explored, found.explored, found.left_out, found.n_folds) == (0, None, (), 4)
    assert found.fits.index.tolist() == ["all"]
    held = np.array_split(np.random.default_rng(2).permutation(800), 4)[1]
    items = list(TRUTH.index[:6])
    rest = cfa(people.drop(index=held), STATED)
    S = np.cov(people.iloc[held][items].T, bias=True)
    by_name = rest.parameters.set_index(["lhs", "op", "rhs"])["est"]
    Lambda = np.zeros((6, 2))
    for j, item in enumerate(items):
        Lambda[j, j // 3] = by_name["fg"[j // 3], "=~", item]
    Phi = np.array(
        [[by_name["f", "~~", "f"], by_name["f", "~~", "g"]], [by_name["f", "~~", "g"], by_name["g", "~~", "g"]]]
    )
    Sigma = Lambda @ Phi @ Lambda.T + np.diag([by_name[item, "~~", item] for item in items])
    F = np.log(np.linalg.det(Sigma)) + np.trace(S @ np.linalg.inv(Sigma)) - np.log(np.linalg.det(S)) - 6
    row = found.folds.iloc[1]
    assert row["cvi"] == pytest.approx(F, abs=1e-8)
    assert (row["n_fitted"], row["n_held_out"]) == (600, 200)
    assert found.cvi == pytest.approx(found.folds["cvi"].mean())


def test_ecvi_is_that_of_lavaan() -> None:
    """lavaan 0.6.14: fitMeasures(cfa(HolzingerSwineford1939, three factors), "ecvi") is chisq / N + 2 npar / N."""
    found = pm.split_confirmation(normal(301, 1), model=STATED, n_folds=2, rng=1)
    fit = found.confirmed.fit
    assert found.ecvi == pytest.approx(fit["chisq"] / 301 + 2 * 13 / 301)


def test_ordered_items_by_folds(people: pd.DataFrame) -> None:
    found = pm.split_confirmation(people, model=STATED, n_folds=2, ordered=True, rng=1)
    assert found.cvi < found.cvi_saturated < found.cvi_independence
    assert Code.STA_UNDEFINED in [problem.code for problem in found.warnings]
    assert found.to_dict()["ecvi"] is None


def test_a_pattern_gives_its_model() -> None:
    pattern = pd.DataFrame([[0.5, 0.45], [-0.8, 0.1], [0.2, 0.6], [0.1, 0.9], [0.3, -0.2]], index=list("abcde"))
    text, left_out = model_of_pattern(pattern, salient=0.4)
    assert text == "factor1 =~ b + a\nfactor2 =~ d + c"
    assert left_out == ("e",)
    renamed = pattern.rename(index={"a": "factor1"})
    assert model_of_pattern(renamed, salient=0.4)[0].startswith("factor_1 =~ b + factor1")


def test_wrong_calls_are_refused(people: pd.DataFrame, refused: Callable[..., StatisticsError]) -> None:
    def both(options: dict[str, object]) -> object:
        return pm.split_confirmation(people, rng=1, **options)  # type: ignore[arg-type] # options of many kinds

    refused(Code.STA_OPTION_CONFLICT, both, valid={"n_factors": 2}, bad={"n_factors": 2, "model": STATED})
    refused(Code.STA_OPTION_CONFLICT, both, valid={"model": STATED}, bad={})
    refused(Code.STA_OPTION_RANGE, both, valid={"n_factors": 2}, bad={"n_factors": 2, "share": 1.0})
    refused(Code.STA_OPTION_RANGE, both, valid={"n_factors": 2}, bad={"n_factors": 2, "salient": 0.0})
    refused(Code.STA_OPTION_RANGE, both, valid={"model": STATED}, bad={"model": STATED, "n_folds": 1})
    refused(Code.STA_TOO_FEW_ITEMS, both, valid={"n_factors": 2}, bad={"n_factors": 2, "salient": 0.95})
    refused(Code.STA_UNKNOWN_VARIABLE, both, valid={"model": STATED}, bad={"model": "f =~ x1 + x2 + y"})


def test_a_part_without_a_code_is_refused(people: pd.DataFrame, refused: Callable[..., StatisticsError]) -> None:
    rare = people.copy()
    rare.loc[0, "x1"] = 5.0
    refused(
        Code.STA_EMPTY_IN_GROUP,
        lambda df: pm.split_confirmation(df, model=STATED, ordered=True, n_folds=2, rng=1),
        valid=people,
        bad=rare,
    )


def test_persons_with_gaps_are_left_out_and_between_can_end_it(people: pd.DataFrame) -> None:
    gaps = people.copy()
    gaps.iloc[:10, 0] = np.nan
    assert pm.split_confirmation(gaps, n_factors=2, rng=1).n_dropped == 10

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pm.split_confirmation(people, model=STATED, rng=1, between=stop)


def test_a_part_without_a_solution_is_told(people: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from toolkit.psychometrics.cfa import confirmation

    calls: list[int] = []

    def lossy(*args: object, **options: object) -> object:
        calls.append(1)
        fit = cfa(*args, **options)  # type: ignore[arg-type] # passed on as given
        return dataclasses.replace(fit, converged=False) if len(calls) == 3 else fit

    monkeypatch.setattr(confirmation, "cfa", lossy)
    found = pm.split_confirmation(people, model=STATED, n_folds=3, rng=1)
    assert found.folds["converged"].tolist() == [True, False, True]
    assert np.isnan(found.folds["cvi"].iloc[1])
    assert np.isfinite(found.cvi)
    assert Code.STA_NOT_CONVERGED in [problem.code for problem in found.warnings]
