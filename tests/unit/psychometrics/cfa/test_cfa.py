"""What pm.cfa returns, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.confirmatory import data, stored
from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError

ONE = "f =~ x1 + x2 + x3 + x4"
HS = stored()["hs"]["models"]["basic"]
Refused = Callable[..., StatisticsError]


@pytest.fixture(scope="module")
def four(normal: Any) -> pd.DataFrame:
    return normal([0.8, 0.7, 0.6, 0.7], 400, 1)


@pytest.fixture(scope="module")
def ordered(four: pd.DataFrame) -> pd.DataFrame:
    return four.round().clip(-1, 1) + 2.0


def test_a_result_says_what_was_done(four: pd.DataFrame) -> None:
    result = pm.cfa(four.assign(extra="text"), ONE, estimator="MLR")
    assert (result.converged, result.admissible, result.improper) == (True, True, ())
    assert (result.n_persons, result.n_items, result.n_dropped, result.n_groups) == (400, 4, 0, 1)
    assert (result.groups, result.n_of_groups, result.n_clusters) == (("",), (400,), 0)
    assert (result.estimator, result.parameterization, result.n_parameters) == ("MLR", "", 8)
    assert "robust standard errors" in result.method
    assert result.provenance["options"]["model"] == ONE
    assert list(result.parameters) == [
        *("lhs", "op", "rhs", "group", "label", "free", "est", "se", "z", "p", "ci_lower", "ci_upper"),
    ]
    assert list(result.standardized) == [
        *("lhs", "op", "rhs", "group", "est", "se", "z", "p", "ci_lower", "ci_upper"),
    ]
    fixed = result.parameters[~result.parameters["free"]]
    assert list(fixed["est"]) == [1.0]
    assert fixed[["z", "p"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(result.to_frame(), result.parameters)
    json.dumps(result.to_dict())


def test_intervals_are_those_of_the_normal_distribution(four: pd.DataFrame) -> None:
    wide, narrow = (pm.cfa(four, ONE, level=level).parameters.query("free") for level in (0.99, 0.5))
    np.testing.assert_allclose(wide["ci_upper"] - wide["est"], 2.5758293 * wide["se"], rtol=1e-6)
    np.testing.assert_allclose(narrow["est"] - narrow["ci_lower"], 0.6744898 * narrow["se"], rtol=1e-6)
    np.testing.assert_allclose(wide["z"], wide["est"] / wide["se"])


def test_standardised_loadings_are_correlations_with_the_factor(four: pd.DataFrame) -> None:
    result = pm.cfa(four, ONE, std_lv=True)
    loading = result.standardized.query("op == '=~'")["est"].to_numpy()
    residual = result.standardized.query("op == '~~' and lhs != 'f'")["est"].to_numpy()
    np.testing.assert_allclose(loading**2 + residual, 1.0, rtol=1e-12)


def test_residuals_are_observed_minus_implied_correlations(four: pd.DataFrame) -> None:
    result = pm.cfa(four, ONE)
    loading = result.standardized.query("op == '=~'")["est"].to_numpy()
    implied = np.outer(loading, loading)
    np.fill_diagonal(implied, 1.0)
    np.testing.assert_allclose(result.residuals, np.corrcoef(four.T) - implied, atol=1e-9)


def test_a_model_may_be_parsed_beforehand(four: pd.DataFrame) -> None:
    assert pm.cfa(four, pm.parse_model(ONE)).fit["chisq"] == pm.cfa(four, ONE).fit["chisq"]


def test_persons_without_an_answer_are_left_out(four: pd.DataFrame) -> None:
    holed = four.copy()
    holed.loc[:9, "x1"] = np.nan
    holed.loc[5:9] = np.nan
    listwise, full = pm.cfa(holed, ONE), pm.cfa(holed, ONE, missing="fiml")
    assert (listwise.n_persons, listwise.n_dropped) == (390, 10)
    assert (full.n_persons, full.n_dropped) == (395, 5)


def test_means_are_in_the_model_where_they_are_needed(four: pd.DataFrame) -> None:
    def ops(**options: Any) -> set[str]:
        return set(pm.cfa(four, ONE, **options).parameters["op"])

    assert "~1" not in ops()
    assert "~1" in ops(mean_structure=True)
    assert "~1" in ops(missing="fiml")
    assert "~1" in ops(group=["a", "b"] * 200)
    assert "~1" in ops(cluster=list(range(40)) * 10, estimator="MLR")
    assert "~1" in set(pm.cfa(four, f"{ONE}\nx1 ~ 1").parameters["op"])


def test_groups_as_column_series_list_and_array(four: pd.DataFrame) -> None:
    values = ["south", "north"] * 200
    frame = four.assign(site=values)
    found = [
        pm.cfa(frame, ONE, group=group)
        for group in ("site", frame["site"], values, frame["site"].astype("category"), np.array(values))
    ]
    assert {result.groups for result in found} == {("south", "north")}
    assert len({result.fit["chisq"] for result in found}) == 1
    assert list(found[0].residuals.index.names) == ["group", "item"]
    assert set(found[0].parameters["group"]) == {"south", "north"}


def test_numbers_as_groups_read_as_numbers(four: pd.DataFrame) -> None:
    result = pm.cfa(four, ONE, group=[2.0, -0.0] * 200)
    assert result.groups == ("2", "0")
    assert pm.cfa(four, ONE, group=[1.5, float("inf")] * 200).groups == ("1.5", "inf")


def test_persons_without_a_group_are_left_out(four: pd.DataFrame) -> None:
    site = pd.Series(["a", "b"] * 200, dtype=object)
    site[:10] = None
    result = pm.cfa(four, ONE, group=site)
    assert (result.n_of_groups, result.n_dropped) == ((195, 195), 10)
    assert pm.cfa(four, ONE, cluster=pd.Series([np.nan] * 4 + [1.0, 2.0] * 198), estimator="MLR").n_dropped == 4


def test_one_group_is_no_group(four: pd.DataFrame) -> None:
    result = pm.cfa(four, ONE, group=["a"] * 400)
    assert (result.groups, result.n_groups) == (("a",), 1)
    assert result.fit["chisq"] == pytest.approx(pm.cfa(four, ONE).fit["chisq"])


def test_equal_over_groups_takes_one_word_or_several(four: pd.DataFrame) -> None:
    group = ["a", "b"] * 200
    one, several = (pm.cfa(four, ONE, group=group, group_equal=equal) for equal in ("loadings", ["loadings"]))
    assert one.fit["df"] == several.fit["df"] == 7


def test_small_samples_and_unequal_groups(normal: Any, four: pd.DataFrame) -> None:
    """Five persons and four items can be fitted; what comes out is not trusted."""
    assert pm.cfa(four.head(5), ONE).n_persons == 5
    frame = normal([0.8, 0.7, 0.6, 0.7], 1000, 9)
    result = pm.cfa(frame, ONE, group=["a"] * 980 + ["b"] * 20, estimator="MLR", group_equal=["loadings", "intercepts"])
    assert result.converged
    assert result.n_of_groups == (980, 20)


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_strongly_skewed_two_answers(parameterization: Any, normal: Any) -> None:
    """1 to 3 percent say yes."""
    frame = (normal([0.8, 0.7, 0.6, 0.7], 400, 5) > 1.9).astype(int)
    assert frame.mean().between(0.01, 0.04).all()
    result = pm.cfa(frame, ONE, ordered=True, parameterization=parameterization)
    assert result.converged
    assert np.isfinite(result.standardized["se"]).all()


def test_a_residual_variance_of_zero(four: pd.DataFrame) -> None:
    result = pm.cfa(four, f"{ONE}\nx1 ~~ 0*x1")
    assert (result.converged, result.admissible) == (True, True)
    assert result.standardized.query("rhs == 'x1' and op == '=~'")["est"].item() == pytest.approx(1.0)


def test_heywood_variances_are_flagged() -> None:
    result = pm.cfa(data("hs"), stored()["hs"]["models"]["bifactor_heywood"], std_lv=True)
    assert result.converged
    assert not result.admissible
    assert result.improper == ("negative residual variance of x1",)
    (problem,) = [problem for problem in result.warnings if problem.code is Code.STA_INADMISSIBLE]
    assert problem.got == "negative residual variance of x1"
    assert "negative residual variance of x1" in str(problem)


def test_heywood_variances_are_flagged_whatever_the_unit() -> None:
    frame = data("hs")
    items = [f"x{j}" for j in range(1, 10)]
    frame[items] *= 1e-6
    result = pm.cfa(frame, stored()["hs"]["models"]["bifactor_heywood"], std_lv=True)
    # with a variance of 1 a factor's loadings are in the items' unit
    assert result.improper == ("negative residual variance of x1",)


def test_factors_that_correlate_above_one_are_flagged(normal: Any) -> None:
    """Two factors where there is one."""
    result = pm.cfa(normal([0.8, 0.7, 0.6, 0.7], 300, 1), "f =~ x1 + x2\ng =~ x3 + x4")
    correlation = result.standardized.query("lhs == 'f' and rhs == 'g'")["est"].item()
    assert (abs(correlation) > 1.0) == (not result.admissible)
    assert not result.admissible
    assert result.improper == ("covariance matrix of the factors not positive definite",)


def test_modification_indices_point_to_what_was_left_out(normal: Any) -> None:
    frame = normal([0.8, 0.7, 0.6, 0.7], 500, 3)
    frame["x2"] += 0.5 * np.random.default_rng(1).normal(size=500)
    frame["x1"] = frame["x1"] + 0.6 * (frame["x2"] - 0.6 * frame["x3"])
    result = pm.cfa(frame, ONE)
    found = result.modification_indices()
    assert found["mi"].is_monotonic_decreasing
    best = found.iloc[0]
    freed = pm.cfa(frame, f"{ONE}\n{best['lhs']} ~~ {best['rhs']}")
    drop = result.fit["chisq"] - freed.fit["chisq"]
    assert best["mi"] == pytest.approx(drop, rel=0.35)
    assert len(result.modification_indices(minimum=30)) < len(found)


@pytest.mark.parametrize(
    ("options", "bad"),
    [
        ({}, {"ordered": True, "estimator": "ML"}),
        ({}, {"estimator": "WLSMV"}),
        ({}, {"ordered": True, "missing": "fiml"}),
        ({}, {"missing": "pairwise"}),
        ({}, {"ordered": True, "cluster": list(range(100)) * 4}),
    ],
)
def test_options_that_cannot_go_together(
    options: dict[str, Any], bad: dict[str, Any], ordered: pd.DataFrame, refused: Refused
) -> None:
    refused(Code.STA_OPTION_CONFLICT, lambda given: pm.cfa(ordered, ONE, **given), valid=options, bad=bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"estimator": "GLS"},
        {"missing": "impute"},
        {"parameterization": "gamma"},
        {"group": ["a", "b"] * 200, "group_equal": ["everything"]},
        {"group": ["a", "b"] * 200, "group_equal": "everything"},
    ],
)
def test_unknown_options(bad: dict[str, Any], four: pd.DataFrame, refused: Refused) -> None:
    refused(Code.STA_UNKNOWN_OPTION, lambda given: pm.cfa(four, ONE, **given), valid={}, bad=bad)


@pytest.mark.parametrize(
    ("code", "bad"),
    [
        (Code.STA_OPTION_RANGE, {"level": 1.0}),
        (Code.STA_SHAPE_MISMATCH, {"group": ["a", "b"]}),
        (Code.STA_SHAPE_MISMATCH, {"cluster": [1, 2], "estimator": "MLR"}),
        (Code.STA_UNKNOWN_VARIABLE, {"group": "site"}),
        (Code.STA_UNKNOWN_VARIABLE, {"cluster": "site", "estimator": "MLR"}),
        (Code.STA_UNKNOWN_VARIABLE, {"ordered": ["x9"]}),
        (Code.STA_TOO_FEW_PERSONS, {"cluster": [1] * 400, "estimator": "MLR"}),
        (Code.STA_TOO_FEW_PERSONS, {"group": [None] * 400}),
    ],
)
def test_values_that_do_not_belong_to_the_data(
    code: Code, bad: dict[str, Any], four: pd.DataFrame, refused: Refused
) -> None:
    refused(code, lambda given: pm.cfa(four, ONE, **given), valid={}, bad=bad)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (Code.STA_NOT_A_FRAME, lambda frame: frame.to_numpy()),
        (Code.STA_NOT_A_FRAME, lambda _: None),
        (Code.STA_UNKNOWN_VARIABLE, lambda frame: frame.drop(columns="x3")),
        (Code.STA_NOT_FINITE, lambda frame: frame.replace(frame.iloc[3, 1], np.inf)),
        (Code.STA_NOT_NUMERIC, lambda frame: frame.assign(x2="often")),
        (Code.STA_NOT_NUMERIC, lambda frame: frame.assign(x2=frame["x2"].astype(str))),
        (Code.STA_ALL_MISSING_ITEM, lambda frame: frame.assign(x2=np.nan)),
        (Code.STA_CONSTANT_ITEM, lambda frame: frame.assign(x2=1.0)),
        (Code.STA_SINGULAR_CORRELATION, lambda frame: frame.assign(x4=frame["x1"])),
        (Code.STA_SINGULAR_CORRELATION, lambda frame: frame.assign(x4=frame["x1"] + frame["x2"])),
        (Code.STA_TOO_FEW_PERSONS, lambda frame: frame.head(4)),
        (Code.STA_TOO_FEW_PERSONS, lambda frame: frame.head(1)),
        (Code.STA_TOO_FEW_PERSONS, lambda frame: frame.head(0)),
        (Code.STA_DUPLICATE_ITEM, lambda frame: frame.set_axis(["x1", "x2", "x3", "x4", "x2"], axis=1)),
    ],
)
@pytest.mark.parametrize("missing", ["listwise", "fiml"])
def test_data_that_no_model_can_be_fitted_to(
    code: Code, change: Any, missing: Any, four: pd.DataFrame, refused: Refused
) -> None:
    frame = four.assign(more=four["x1"] * 2)
    refused(code, lambda df: pm.cfa(df, ONE, missing=missing), valid=frame, bad=change(frame))


def test_unknown_variables_come_with_what_looks_like_them(four: pd.DataFrame) -> None:
    with pytest.raises(StatisticsError) as caught:
        pm.cfa(four.rename(columns={"x3": "x3_old"}), "f =~ x1 + x2 + x3old + nothing")
    first, second = caught.value.problems
    assert (first.item, first.allowed) == ("x3old", "x3_old")
    assert second.item == "nothing"
    assert second.allowed == "x1, x2, x3_old, x4"


@pytest.mark.parametrize("missing", ["listwise", "fiml"])
def test_an_item_that_is_constant_in_one_group(missing: Any, four: pd.DataFrame, refused: Refused) -> None:
    frame = four.assign(site=["a", "b"] * 200)
    flat = frame.assign(x3=frame["x3"].where(frame["site"] == "a", 2.0))
    error = refused(
        Code.STA_CONSTANT_ITEM, lambda df: pm.cfa(df, ONE, group="site", missing=missing), valid=frame, bad=flat
    )
    assert "group b" in str(error)
    assert error.problems[0].item == "x3"


def test_a_code_that_one_group_did_not_give(ordered: pd.DataFrame, refused: Refused) -> None:
    frame = ordered.assign(site=["a", "b"] * 200)
    bad = frame.assign(x3=frame["x3"].where((frame["site"] == "a") | (frame["x3"] < 3), 2.0))
    error = refused(
        Code.STA_EMPTY_IN_GROUP, lambda df: pm.cfa(df, ONE, group="site", ordered=True), valid=frame, bad=bad
    )
    (problem,) = error.problems
    assert (problem.item, problem.got) == ("x3", "3")
    assert "Nobody in b" in problem.what


def test_a_group_of_twelve_persons(ordered: pd.DataFrame, four: pd.DataFrame, refused: Refused) -> None:
    """Enough for covariances of four items, too few for polychoric correlations."""
    site = pd.Series(["a"] * 388 + ["b"] * 12)
    assert pm.cfa(four, ONE, group=site).n_of_groups == (388, 12)
    frame = ordered.copy()
    frame.iloc[388:391] = [[1.0] * 4, [2.0] * 4, [3.0] * 4]
    valid = pd.Series(["a", "b"] * 200)
    error = refused(
        Code.STA_TOO_FEW_PERSONS, lambda group: pm.cfa(frame, ONE, group=group, ordered=True), valid=valid, bad=site
    )
    assert "in the group b" in str(error)


def test_items_that_nobody_answered_both(four: pd.DataFrame, refused: Refused) -> None:
    holed = four.copy()
    holed.loc[:199, "x1"] = np.nan
    never = holed.copy()
    never.loc[200:, "x2"] = np.nan
    error = refused(Code.STA_TOO_FEW_PERSONS, lambda df: pm.cfa(df, ONE, missing="fiml"), valid=holed, bad=never)
    assert error.problems[0].got == "x1 and x2"


def test_two_ordered_items_that_agree_perfectly(ordered: pd.DataFrame, refused: Refused) -> None:
    refused(
        Code.STA_UNDEFINED,
        lambda df: pm.cfa(df, ONE, ordered=True),
        valid=ordered,
        bad=ordered.assign(x4=ordered["x1"]),
    )


@pytest.mark.parametrize(
    ("code", "model"),
    [
        (Code.STA_MODEL_SYNTAX, ""),
        (Code.STA_MODEL_SYNTAX, None),
        (Code.STA_MODEL_SYNTAX, "x1 ~~ x2"),
        (Code.STA_MODEL_SYNTAX, "f =~ x1 + x2 + x3 + f"),
        (Code.STA_MODEL_SYNTAX, "f =~ g + x1 + x2\ng =~ f + x3 + x4"),
        (Code.STA_CIRCULAR_EQUALITY, 'f =~ x1 + equal("f=~x3")*x2 + equal("f=~x2")*x3 + x4'),
        (Code.STA_NOT_IDENTIFIED, "f =~ x1 + x2"),
        (Code.STA_NOT_IDENTIFIED, "f =~ x1 + x2 + x3\ng =~ x4"),
        (Code.STA_NOT_IDENTIFIED, "f =~ x1 + x2\ng =~ x3 + x4\nf ~~ 0*g"),
    ],
)
def test_models_that_cannot_be(code: Code, model: Any, four: pd.DataFrame, refused: Refused) -> None:
    refused(code, lambda given: pm.cfa(four, given), valid=ONE, bad=model)


def test_two_items_can_be_fitted_with_equal_loadings(four: pd.DataFrame) -> None:
    result = pm.cfa(four, "f =~ x1 + 1*x2")
    assert result.fit["df"] == 0
    assert result.converged


def test_clusters_of_one_person_are_persons(four: pd.DataFrame) -> None:
    """But for n / (n - 1)."""
    alone = pm.cfa(four, ONE, estimator="MLR", mean_structure=True)
    apart = pm.cfa(four, ONE, estimator="MLR", cluster=list(range(400)))
    ratio = apart.parameters["se"] / alone.parameters["se"]
    np.testing.assert_allclose(ratio.dropna(), np.sqrt(400 / 399), rtol=1e-9)


def test_clusters_under_ml_have_the_standard_errors_of_mlr(four: pd.DataFrame) -> None:
    cluster = list(range(40)) * 10
    one, two = (pm.cfa(four, ONE, estimator=estimator, cluster=cluster) for estimator in ("ML", "MLR"))
    np.testing.assert_array_equal(one.parameters["se"], two.parameters["se"])
    assert one.n_clusters == 40
    assert "40 clusters" in one.method


def test_what_cannot_be_compared_is_refused_with_a_code() -> None:
    answers = pm.simulate_ordinal([0.8, 0.7, 0.7, 0.6], thresholds=[-1, 0, 1], n_persons=200, rng=1)
    answers.columns = pd.Index(list("abcd"))
    looser = pm.cfa(answers, "f =~ a + b + c + d")
    no_result: Any = 3
    tighter = "f =~ a + e*b + e*c + d"
    assert looser.compare(pm.cfa(answers, tighter)).df_diff == 1
    with pytest.raises(StatisticsError, match="has means, the other has none") as caught:
        looser.compare(pm.cfa(answers, tighter, missing="fiml"))
    assert caught.value.codes == (Code.STA_NOT_NESTED,)
    with pytest.raises(StatisticsError, match="the items' order"):
        looser.compare(pm.cfa(answers, "f =~ a + e*c + e*b + d"))
    with pytest.raises(StatisticsError, match="Give a result of cfa") as caught:
        looser.compare(no_result)
    assert caught.value.codes == (Code.STA_OPTION_CONFLICT,)
    with pytest.raises(StatisticsError, match="those of a fitted model") as caught:
        pm.local_dependence(no_result)
    assert caught.value.codes == (Code.STA_OPTION_CONFLICT,)


def test_one_ending_is_no_list_of_occasions() -> None:
    with pytest.raises(StatisticsError, match=r"Give longitudinal= endings") as caught:
        pm.invariance(pd.DataFrame({"a_w1": [1.0]}), "f =~ a + b + c", longitudinal="_w1")
    assert caught.value.codes == (Code.STA_OPTION_CONFLICT,)


def test_an_ordered_item_that_the_model_lacks_is_not_missed_in_the_data() -> None:
    answers = pd.DataFrame(np.ones((3, 4)), columns=list("abcd"))
    with pytest.raises(StatisticsError, match="The model has no item of this name, which ordered= asks for") as caught:
        pm.cfa(answers, "f =~ a + b + c", ordered=["d"])
    assert caught.value.codes == (Code.STA_UNKNOWN_VARIABLE,)


def test_few_clusters_are_warned_of_and_equality_needs_groups() -> None:
    answers = pm.simulate_ordinal([0.8, 0.7, 0.7, 0.6], thresholds=[-1, 0, 1], n_persons=300, rng=1)
    model = "f =~ item1 + item2 + item3 + item4"
    codes = {
        n: [
            problem.code
            for problem in pm.cfa(answers.assign(u=[k % n for k in range(300)]), model, cluster="u").warnings
        ]
        for n in (4, 30)
    }
    assert codes == {4: [Code.STA_FEW_CLUSTERS], 30: []}
    with pytest.raises(StatisticsError) as caught:
        pm.cfa(answers, model, group_equal=("loadings",))
    assert caught.value.codes == (Code.STA_OPTION_CONFLICT,)


def test_the_nested_test_of_many_ordered_items_does_not_depend_on_the_order_of_models() -> None:
    answers = pm.simulate_ordinal([0.8, 0.7, 0.7, 0.6, 0.7], thresholds=[-1, 0, 1], n_persons=400, rng=2)
    free = pm.cfa(answers, "f =~ item1 + item2 + item3 + item4 + item5", ordered=True)
    equal = pm.cfa(answers, "f =~ item1 + a*item2 + a*item3 + item4 + item5", ordered=True)
    one, other = equal.compare(free), free.compare(equal)
    assert one.chisq_diff == pytest.approx(other.chisq_diff, rel=1e-9)
    assert (one.df_diff, one.restricted_first, other.restricted_first) == (1, True, False)
