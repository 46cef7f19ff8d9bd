"""What pm.invariance concludes, refuses and searches for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError

ONE = "f =~ x1 + x2 + x3 + x4 + x5 + x6"
LOADINGS = [0.8, 0.7, 0.6, 0.7, 0.8, 0.6]
Refused = Callable[..., StatisticsError]


def two_groups(normal: Any, n: int, seed: int, *, intercepts: Any = 0.0, mean: float = 0.0) -> pd.DataFrame:
    """Two groups; the second has factor mean ``mean`` and intercepts of its own."""
    first = normal(LOADINGS, n, seed)
    second = normal(LOADINGS, n, seed + 1, intercepts=intercepts, mean=[mean])
    return pd.concat([first.assign(site="a"), second.assign(site="b")], ignore_index=True)


def waves(frame: pd.DataFrame, normal: Any) -> pd.DataFrame:
    again = 0.7 * frame + 0.7 * normal(LOADINGS, len(frame), 77)
    return pd.concat([frame.add_suffix("_w1"), again.add_suffix("_w2")], axis=1)


@pytest.fixture(scope="module")
def alike(normal: Any) -> pd.DataFrame:
    return two_groups(normal, 400, 1, mean=0.3)


@pytest.fixture(scope="module")
def shifted(normal: Any) -> pd.DataFrame:
    """The factor mean differs by .3; x2 and x5 are easier in the second group, which hides nothing of the truth."""
    return two_groups(normal, 800, 5, intercepts=[0.0, 0.6, 0.0, 0.0, 0.6, 0.0], mean=0.3)


def coded(frame: pd.DataFrame, cuts: list[float]) -> pd.DataFrame:
    items = [name for name in frame if name != "site"]
    out = frame.copy()
    out[items] = frame[items].apply(lambda column: np.digitize(column, cuts) + 1)
    return out


def test_groups_that_are_alike(alike: pd.DataFrame) -> None:
    result = pm.invariance(alike, ONE, group="site")
    assert list(result.levels) == ["configural", "metric", "scalar", "strict"]
    assert (result.verdict, result.dropped, result.contexts) == ("supported", (), ("a", "b"))
    assert result.reason.startswith("Means may be compared, because all levels up to scalar hold (rule: CFI falls by")
    assert list(result.tests) == [
        *("level", "against", "chisq_diff", "df_diff", "p", "d_cfi", "d_rmsea", "d_srmr", "holds"),
    ]
    assert list(result.tests["against"]) == ["configural", "metric", "scalar"]
    assert result.tests["holds"].tolist() == [True, True, True]
    assert (result.n_persons, result.n_items, result.n_of_contexts) == (800, 6, (400, 400))
    assert result.longitudinal is False
    assert "Chen (2007)" in result.rule_source
    assert list(result.to_frame()["level"]) == list(result.levels)
    json.dumps(result.to_dict())


def test_groups_with_other_intercepts(shifted: pd.DataFrame) -> None:
    result = pm.invariance(shifted, ONE, group="site")
    assert result.verdict == "not_supported"
    assert result.reason.startswith("Means should not be compared, because the scalar level does not hold (rule:")


def test_groups_with_other_loadings(normal: Any) -> None:
    first = normal(LOADINGS, 500, 1)
    second = normal([0.8, 0.1, 0.6, 0.1, 0.8, 0.6], 500, 2)
    frame = pd.concat([first.assign(site="a"), second.assign(site="b")], ignore_index=True)
    assert "the metric level does not hold" in pm.invariance(frame, ONE, group="site").reason


def test_a_model_that_does_not_fit(normal: Any) -> None:
    frame = normal([[0.7, 0], [0.7, 0], [0.7, 0], [0, 0.7], [0, 0.7], [0, 0.7]], 500, 1)
    result = pm.invariance(frame, ONE, group=["a", "b"] * 250)
    assert result.verdict == "not_supported"
    assert "does not fit even without any equality (asked for: CFI .90 or more" in result.reason


def test_an_inadmissible_model_leaves_it_open(normal: Any) -> None:
    """Two factors where there is one: they correlate above 1."""
    frame = normal([0.8, 0.7, 0.6, 0.7], 300, 1)
    result = pm.invariance(frame, "f =~ x1 + x2\ng =~ x3 + x4", group=["a", "b"] * 150)
    assert result.verdict == "undetermined"
    assert "has an inadmissible solution" in result.reason
    told = [problem for problem in result.warnings if problem.code is Code.STA_INADMISSIBLE]
    assert told
    assert all("model: " in problem.what for problem in told)


@pytest.mark.parametrize("rule", ["chen", "cheung_rensvold", "chi_square"])
def test_rules(rule: Any, alike: pd.DataFrame, shifted: pd.DataFrame) -> None:
    """All of them tell these groups from those."""
    assert pm.invariance(alike, ONE, group="site", rule=rule).verdict == "supported"
    found = pm.invariance(shifted, ONE, group="site", rule=rule)
    assert found.verdict == "not_supported"
    assert found.rule in found.reason


def test_the_least_p_decides_under_the_rule_of_the_test(alike: pd.DataFrame) -> None:
    least = pm.invariance(alike, ONE, group="site", rule="chi_square").tests["p"].iloc[:2].min()
    for alpha, verdict in ((least * 0.9, "supported"), (least * 1.1, "not_supported")):
        assert pm.invariance(alike, ONE, group="site", rule="chi_square", alpha=alpha).verdict == verdict


def test_the_partial_search_finds_what_differs(shifted: pd.DataFrame) -> None:
    """Two intercepts; without them the difference of the means is the true .3, with all equal it is far off."""
    result = pm.invariance(shifted, ONE, group="site", std_lv=True)
    found = result.partial()
    assert set(found.freed["lhs"]) == {"x2", "x5"}
    assert set(found.freed["op"]) == {"~1"}
    assert set(found.freed["context"]) == {"b"}
    assert (found.freed["p_adjusted"] < 0.05).all()
    assert (found.freed["epc"] > 0).all()
    assert (found.reached, found.n_freed) == (True, 2)
    means = found.latent_means.set_index("intercepts")
    assert means.loc["partial", "est"] == pytest.approx(0.3, abs=3 * means.loc["partial", "se"])
    assert means.loc["equal", "est"] > 0.3 + 3 * means.loc["equal", "se"]
    assert found.levels["scalar"].fit["df"] == result.levels["scalar"].fit["df"] - 2
    assert "With 2 parameters freed all levels up to scalar hold" in found.reason


def test_nothing_is_freed_where_all_holds(alike: pd.DataFrame) -> None:
    found = pm.invariance(alike, ONE, group="site").partial()
    assert (found.n_freed, found.reached, len(found.freed)) == (0, True, 0)
    assert found.reason == "Nothing had to be freed up to the scalar level."
    assert set(found.latent_means["intercepts"]) == {"equal"}


def test_the_search_stops_where_too_little_would_stay_equal(shifted: pd.DataFrame) -> None:
    found = pm.invariance(shifted, ONE, group="site").partial(most_freed=0.2)
    assert found.n_freed == 1
    assert not found.reached
    assert "does not hold even with 1 parameter freed" in found.reason
    assert set(found.latent_means["intercepts"]) == {"equal"}


def test_the_partial_search_in_ordered_items(normal: Any) -> None:
    frame = two_groups(normal, 1500, 21, intercepts=[0.0, 0.8, 0.0, 0.0, 0.0, 0.0], mean=0.3)
    result = pm.invariance(coded(frame, [-1.0, 0.0, 1.0]), ONE, group="site", ordered=True)
    assert list(result.levels) == ["configural", "thresholds", "loadings", "intercepts"]
    found = result.partial()
    assert list(found.freed["lhs"]) == ["x2"]
    mean = found.latent_means.query("intercepts == 'partial'").iloc[0]
    assert mean["est"] == pytest.approx(0.3, abs=3 * mean["se"])


@pytest.mark.parametrize(("cuts", "dropped"), [([0.0], 1), ([-0.7, 0.7], 1), ([-1.0, 0.0, 1.0], 0)])
def test_levels_that_restrict_nothing_are_left_out(cuts: list[float], dropped: int, alike: pd.DataFrame) -> None:
    """One threshold frees an intercept, two an intercept and a variance: only the third can be tested."""
    result = pm.invariance(coded(alike, cuts), ONE, group="site", ordered=True)
    assert len(result.dropped) == dropped
    assert ("thresholds" in result.levels) == (dropped == 0)
    assert (result.tests["df_diff"] > 0).all()


def test_thresholds_with_three_answers_fit_as_the_configural_level(alike: pd.DataFrame) -> None:
    result = pm.invariance(coded(alike, [-0.7, 0.7]), ONE, group="site", ordered=True)
    ladder = result._ladder
    left_out = ladder.fitted("thresholds")
    assert left_out.fit["chisq"] == pytest.approx(result.levels["configural"].fit["chisq"], rel=1e-6)


@pytest.mark.parametrize("ordered", [False, True])
def test_occasions(ordered: bool, alike: pd.DataFrame, normal: Any) -> None:
    frame = waves(alike.drop(columns="site"), normal)
    frame = coded(frame, [-0.8, 0.0, 0.8]) if ordered else frame
    result = pm.invariance(frame, ONE, longitudinal=["_w1", "_w2"], ordered=ordered)
    assert (result.contexts, result.longitudinal, result.n_items) == (("_w1", "_w2"), True, 6)
    assert result.n_of_contexts == (800, 800)
    configural = result.levels["configural"].parameters
    pairs = configural.query("op == '~~' and lhs != rhs and lhs.str.startswith('x')")
    assert list(zip(pairs["lhs"], pairs["rhs"], strict=True)) == [(f"x{j}_w1", f"x{j}_w2") for j in range(1, 7)]
    assert set(result.latent_means["context"]) == {"_w2"}
    assert set(result.latent_means["factor"]) == {"f"}


@pytest.mark.parametrize("suffixes", [["_w1"], ["_w1", "_w1"], ["1", "_w1"], ["", "_w2"], []])
def test_suffixes_that_tell_no_occasions_apart(
    suffixes: list[str], alike: pd.DataFrame, normal: Any, refused: Refused
) -> None:
    frame = waves(alike.drop(columns="site"), normal)
    refused(
        Code.STA_OPTION_CONFLICT,
        lambda given: pm.invariance(frame, ONE, longitudinal=given),
        valid=["_w1", "_w2"],
        bad=suffixes,
    )


def test_a_column_that_one_occasion_does_not_have(alike: pd.DataFrame, normal: Any, refused: Refused) -> None:
    frame = waves(alike.drop(columns="site"), normal)
    error = refused(
        Code.STA_UNKNOWN_VARIABLE,
        lambda df: pm.invariance(df, ONE, longitudinal=["_w1", "_w2"]),
        valid=frame,
        bad=frame.rename(columns={"x3_w2": "x3_w3"}),
    )
    assert error.problems[0].item == "x3_w2"


def test_codes_that_one_occasion_does_not_have(alike: pd.DataFrame, normal: Any, refused: Refused) -> None:
    frame = coded(waves(alike.drop(columns="site"), normal), [-0.8, 0.8])
    error = refused(
        Code.STA_EMPTY_IN_GROUP,
        lambda df: pm.invariance(df, ONE, longitudinal=["_w1", "_w2"], ordered=True),
        valid=frame,
        bad=frame.assign(x3_w2=frame["x3_w2"].clip(upper=2)),
    )
    assert (error.problems[0].item, error.problems[0].got) == ("x3", "3")


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"group": "site", "longitudinal": ["_w1", "_w2"]},
        {"group": ["a"] * 800},
        {"group": "site", "estimator": "WLSMV"},
        {"group": "site", "ordered": True, "missing": "fiml"},
    ],
)
def test_options_that_cannot_go_together(bad: dict[str, Any], alike: pd.DataFrame, refused: Refused) -> None:
    refused(
        Code.STA_OPTION_CONFLICT, lambda given: pm.invariance(alike, ONE, **given), valid={"group": "site"}, bad=bad
    )


@pytest.mark.parametrize(
    ("code", "bad"),
    [
        (Code.STA_UNKNOWN_OPTION, {"rule": "mine"}),
        (Code.STA_OPTION_RANGE, {"alpha": 0.0}),
        (Code.STA_OPTION_RANGE, {"level": 1.5}),
        (Code.STA_UNKNOWN_VARIABLE, {"group": "sites"}),
    ],
)
def test_values_that_are_refused(code: Code, bad: dict[str, Any], alike: pd.DataFrame, refused: Refused) -> None:
    refused(code, lambda given: pm.invariance(alike, ONE, **{"group": "site", **given}), valid={}, bad=bad)


@pytest.mark.parametrize("bad", [{"alpha": 0.0}, {"alpha": 1.0}, {"most_freed": 1.5}, {"most_freed": -0.1}])
def test_values_that_the_search_refuses(bad: dict[str, float], alike: pd.DataFrame, refused: Refused) -> None:
    result = pm.invariance(alike, ONE, group="site")
    refused(Code.STA_OPTION_RANGE, lambda given: result.partial(**given), valid={}, bad=bad)


def test_three_groups(normal: Any) -> None:
    frame = normal(LOADINGS, 900, 3)
    result = pm.invariance(frame, ONE, group=["a", "b", "c"] * 300)
    assert result.verdict == "supported"
    assert list(result.latent_means["context"].unique()) == ["b", "c"]
    assert result.tests["df_diff"].tolist() == [10, 10, 12]
