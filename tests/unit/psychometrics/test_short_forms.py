"""Short forms: the list of all sets, constraints, correction for shared errors, and loss with other persons."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics.cfa.cfa import cfa

LOADINGS = [0.8, 0.5, 0.7, 0.4, 0.75, 0.6, 0.45, 0.7]


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return pm.simulate_ordinal(LOADINGS, thresholds=[-1, 0, 1], n_persons=800, rng=1)


def selecting(df: pd.DataFrame, seed: int) -> pd.DataFrame:
    return df.iloc[np.sort(np.random.default_rng(seed).permutation(len(df))[: len(df) // 2])]


@pytest.mark.parametrize("criterion", ["omega", "alpha"])
def test_the_best_of_all_sets_is_chosen(people: pd.DataFrame, criterion: Any) -> None:
    found = pm.short_form(people, {"all": list(people)}, n_items=4, criterion=criterion, rng=2)
    part = selecting(people, 2)
    statistic = pm.composite_omega if criterion == "omega" else pm.cronbach_alpha
    values = {items: statistic(part[list(items)]).estimate for items in combinations(people.columns, 4)}
    assert found.items["all"] == max(values, key=lambda items: values[items])
    ranked = sorted(values.values(), reverse=True)
    row = found.searches.loc["all"]
    assert (row["search"], row["allowed"], row["examined"]) == ("exhaustive", 70, 70)
    assert row["runner_up"] == pytest.approx(ranked[1], abs=1e-8)
    table = found.scales.set_index("persons")
    assert table.loc["selecting", "criterion"] == pytest.approx(ranked[0], abs=1e-8)


def test_both_sets_of_persons_have_their_own_numbers(people: pd.DataFrame) -> None:
    found = pm.short_form(people, {"all": list(people)}, n_items=4, share=0.4, rng=3)
    assert (found.n_selecting, found.n_checking, found.n_persons) == (320, 480, 800)
    order = np.random.default_rng(3).permutation(800)
    checking = people.iloc[np.sort(order[320:])]
    row = found.scales.set_index("persons").loc["checking"]
    omega = pm.composite_omega(checking[list(found.items["all"])])
    assert row["omega"] == pytest.approx(omega.estimate)
    assert (row["omega_low"], row["omega_high"]) == (omega.interval.low, omega.interval.high)
    full = pm.composite_omega(checking).estimate
    assert row["omega_full"] == pytest.approx(full)
    assert row["omega_expected"] == pytest.approx(0.5 * full / (1 - 0.5 * full))
    short, whole = checking[list(found.items["all"])].sum(axis=1), checking.sum(axis=1)
    assert row["r_full"] == pytest.approx(np.corrcoef(short, whole)[0, 1])
    assert row["r_rest"] == pytest.approx(np.corrcoef(short, whole - short)[0, 1])
    assert found.shrinkage.loc["all", "omega"] == pytest.approx(
        found.scales["omega"].iloc[0] - found.scales["omega"].iloc[1]
    )
    fit = cfa(checking, found.model).fit
    assert found.fits.loc["checking", "chisq"] == pytest.approx(fit["chisq"])
    assert found.confirmed.n_persons == 480


def test_the_corrected_correlation_is_that_with_a_second_administration() -> None:
    """The same true scores, errors drawn again: r with the full scale of the second time, in 40,000 persons."""
    random = np.random.default_rng(1)
    lam = np.array([0.8, 0.6, 0.7, 0.5, 0.6, 0.7])
    f = random.standard_normal(40_000)
    first, second = (f[:, None] * lam + np.sqrt(1 - lam**2) * random.standard_normal((40_000, 6)) for _ in range(2))
    df = pd.DataFrame(first, columns=list("abcdef"))
    found = pm.short_form(df, {"all": list("abcdef")}, n_items=3, rng=1)
    short = df[list(found.items["all"])].sum(axis=1)
    row = found.scales.set_index("persons").loc["checking"]
    assert row["r_corrected"] == pytest.approx(np.corrcoef(short, second.sum(axis=1))[0, 1], abs=0.01)
    assert row["r_full"] > row["r_corrected"] + 0.05


def test_reliability_is_lost_with_other_persons() -> None:
    """Eight items equally good, 120 persons, 60 of whom choose three: the choice looks better than it is.

    Mean loss over 40 samples .15 of alpha, standard error .02.
    """
    loss = []
    for seed in range(40):
        df = pm.simulate_ordinal([0.6] * 8, thresholds=[-1, 0, 1], n_persons=120, rng=seed)
        found = pm.short_form(df, {"all": list(df)}, n_items=3, criterion="alpha", rng=seed)
        loss.append(found.shrinkage.loc["all", "criterion"])
    assert np.mean(loss) > 3 * np.std(loss) / np.sqrt(40)
    assert np.mean(loss) > 0.03


def test_constraints_are_met(people: pd.DataFrame) -> None:
    facets = {"weak": ["item4", "item7"], "other": ["item2", "item4"]}
    found = pm.short_form(people, {"all": list(people)}, n_items=3, keep=["item6"], groups=facets, rng=1)
    chosen = set(found.items["all"])
    assert "item6" in chosen
    assert all(chosen & set(items) for items in facets.values())
    assert found.searches.loc["all", "allowed"] == sum(
        {"item6"} <= set(s) and all(set(s) & set(items) for items in facets.values())
        for s in combinations(people.columns, 3)
    )


def test_the_exchange_finds_the_best_of_all_sets(people: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.psychometrics.short_forms import short_form

    wide = people.join(pm.simulate_ordinal(LOADINGS, thresholds=[0], n_persons=800, rng=2).add_prefix("z"))
    options: dict[str, Any] = {"n_items": 4, "keep": ["item2"], "groups": {"x": ["item4", "item7"]}, "rng": 1}
    whole = pm.short_form(people, {"all": list(people)}, **options)
    monkeypatch.setitem(short_form.__wrapped__.__globals__, "MOST_SUBSETS", 3)
    by_exchange = pm.short_form(people, {"all": list(people)}, **options)
    assert by_exchange.searches.loc["all", "search"] == "exchange"
    assert by_exchange.items == whole.items
    assert by_exchange.searches.loc["all", "examined"] < whole.searches.loc["all", "examined"] + 20
    assert len(pm.short_form(wide, {"all": list(wide)}, n_items=6, rng=1).items["all"]) == 6


def test_two_scales_from_a_model(people: pd.DataFrame) -> None:
    text = "f =~ item1 + item2 + item3 + item4\ng =~ item5 + item6 + item7 + item8"
    found = pm.short_form(people, text, n_items={"f": 3, "g": 3}, ordered=True, rng=1)
    assert list(found.items) == ["f", "g"]
    assert found.scales["scale"].tolist() == ["f", "f", "g", "g"]
    assert found.confirmed.estimator == "WLSMV"
    assert found.model.startswith("scale1 =~ ")
    assert "ordered" in found.method


def test_wrong_calls_are_refused(people: pd.DataFrame, refused: Callable[..., StatisticsError]) -> None:
    scales: dict[str, list[str]] = {"all": list(people)}

    def of(given: Any = scales, **options: Any) -> Any:
        return pm.short_form(people, given, **{"n_items": 3, "rng": 1, "criterion": "alpha"} | options)

    two = {"a": list(people.columns[:4]), "b": list(people.columns[4:])}
    refused(Code.STA_OPTION_CONFLICT, of, valid=two, bad={"a": two["a"], "b": [*two["b"], "item1"]})
    refused(Code.STA_OPTION_CONFLICT, of, valid=two, bad="f =~ item1 + item2 + item3 + item4\nh =~ f + item5")
    refused(Code.STA_TOO_FEW_ITEMS, of, valid=scales, bad={})
    refused(Code.STA_TOO_FEW_ITEMS, of, valid=scales, bad={"all": ["item1", "item2", "item3"]})
    refused(Code.STA_UNKNOWN_VARIABLE, of, valid=scales, bad={"all": [*people.columns, "item9"]})
    for bad in (2, 8, 3.5):
        refused(Code.STA_OPTION_RANGE, lambda k: of(n_items=k), valid=7, bad=bad)
    refused(Code.STA_SHAPE_MISMATCH, lambda k: of(n_items=k), valid={"all": 3}, bad={"every": 3})
    refused(Code.STA_SHAPE_MISMATCH, lambda k: of(two, n_items=k), valid={"a": 3, "b": 3}, bad={"a": 3})
    refused(Code.STA_SHAPE_MISMATCH, lambda k: of(keep=k), valid=["item1"], bad=["x"])
    refused(Code.STA_SHAPE_MISMATCH, lambda g: of(groups=g), valid={"x": ["item1"]}, bad={"x": ["y"]})
    refused(Code.STA_OPTION_CONFLICT, lambda k: of(keep=k), valid=["item1"], bad=[f"item{j}" for j in range(1, 6)])
    refused(
        Code.STA_OPTION_CONFLICT, lambda g: of(two, groups=g), valid={"x": ["item1"]}, bad={"x": ["item1", "item5"]}
    )
    refused(Code.STA_OPTION_RANGE, lambda share: of(share=share), valid=0.3, bad=0.0)
    refused(Code.STA_UNKNOWN_OPTION, lambda kind: of(criterion=kind), valid="omega", bad="gamma")
    refused(
        Code.STA_TOO_FEW_PERSONS,
        lambda df: pm.short_form(df, scales, n_items=3, rng=1),
        valid=people,
        bad=people.head(14),
    )


def test_no_criterion_is_an_error(people: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.psychometrics.short_forms import short_form

    monkeypatch.setitem(short_form.__wrapped__.__globals__, "_criterion", lambda *given: float("-inf"))
    with pytest.raises(StatisticsError) as caught:
        pm.short_form(people, {"all": list(people)}, n_items=3, rng=1)
    assert caught.value.codes == (Code.STA_NOT_CONVERGED,)


def test_gaps_are_dropped_the_seed_repeats_and_between_can_end_it(people: pd.DataFrame) -> None:
    gaps = people.copy()
    gaps.iloc[:5, 0] = np.nan
    found = pm.short_form(gaps, {"all": list(people)}, n_items=3)
    assert found.n_dropped == 5
    again = pm.short_form(gaps, {"all": list(people)}, n_items=3, rng=found.provenance["seed"])
    pd.testing.assert_frame_equal(found.scales, again.scales)
    assert found.to_dict()["items"]["all"] == list(found.items["all"])

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pm.short_form(people, {"all": list(people)}, n_items=3, rng=1, between=stop)
