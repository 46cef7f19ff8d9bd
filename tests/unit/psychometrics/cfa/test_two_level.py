"""Two-level factor models: what is refused, what is flagged, and what must hold for any data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError

MODEL = "f =~ x1 + x2 + x3 + x4"
ITEMS = ["x1", "x2", "x3", "x4"]


def staff(
    n_units: int = 60, *, smallest: int = 3, largest: int = 12, between: float = 0.6, own: float = 0.3, seed: int = 1
) -> pd.DataFrame:
    """Answers of staff to four items, and their unit; ``between`` and ``own`` are deviations of units."""
    random = np.random.default_rng(seed)
    sizes = random.integers(smallest, largest + 1, n_units)
    unit = np.repeat(np.arange(n_units), sizes)
    persons = 0.8 * random.normal(size=(unit.size, 1)) + 0.6 * random.normal(size=(unit.size, 4))
    units = between * random.normal(size=(n_units, 1)) + own * random.normal(size=(n_units, 4))
    return pd.DataFrame(persons + units[unit] + 3.0, columns=ITEMS).assign(unit=unit)


def fitted(df: pd.DataFrame, **options: Any) -> pm.TwoLevelCfaResult:
    return pm.two_level_cfa(df, **({"within": MODEL, "between": MODEL, "cluster": "unit"} | options))


def codes_of(result: pm.TwoLevelCfaResult) -> list[Code]:
    return [problem.code for problem in result.warnings]


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    return staff()


@pytest.fixture(scope="module")
def result(answers: pd.DataFrame) -> pm.TwoLevelCfaResult:
    return fitted(answers)


def test_what_a_result_holds(answers: pd.DataFrame, result: pm.TwoLevelCfaResult) -> None:
    assert result.converged
    assert result.admissible
    assert result.warnings == ()
    assert (result.n_persons, result.n_clusters, result.n_items, result.n_dropped) == (len(answers), 60, 4, 0)
    assert result.n_parameters == 20 == (result.parameters["free"]).sum()
    assert result.fit["df"] == 4
    sizes = answers.groupby("unit").size()
    expected = [sizes.min(), sizes.mean(), 1 / (1 / sizes).mean(), sizes.max()]
    assert result.cluster_sizes.to_list() == pytest.approx(expected)
    assert list(result.parameters["level"].unique()) == ["within", "between"]
    assert result.to_frame().equals(result.parameters)
    assert json.loads(json.dumps(result.to_dict()))["provenance"]["options"]["within"] == MODEL
    assert "TwoLevelCfaResult" in result._repr_html_()


def test_the_marker_may_be_a_loading_or_the_variance(answers: pd.DataFrame, result: pm.TwoLevelCfaResult) -> None:
    other = fitted(answers, std_lv=True)
    for name in ("chisq", "logl", "srmr_within", "cfi"):
        assert other.fit[name] == pytest.approx(result.fit[name], rel=1e-7)
    np.testing.assert_allclose(other.standardized["est"], result.standardized["est"], atol=1e-6)
    np.testing.assert_allclose(other.reliability["est"], result.reliability["est"], atol=1e-6)
    np.testing.assert_allclose(other.reliability["se"], result.reliability["se"], atol=1e-5)


def test_order_and_units_of_measurement_change_nothing(answers: pd.DataFrame, result: pm.TwoLevelCfaResult) -> None:
    mixed = answers.sample(frac=1.0, random_state=1)[["x3", "unit", "x1", "x4", "x2"]]
    mixed[ITEMS] = mixed[ITEMS] * 20.0 - 7.0
    other = fitted(mixed, cluster="U" + mixed["unit"].astype(str))
    assert other.fit["chisq"] == pytest.approx(result.fit["chisq"], abs=1e-5)
    np.testing.assert_allclose(other.standardized["est"][:9], result.standardized["est"][:9], atol=1e-6)
    np.testing.assert_allclose(other.intraclass["icc"], result.intraclass["icc"], atol=1e-6)
    np.testing.assert_allclose(other.reliability["ci_lower"], result.reliability["ci_lower"], atol=1e-5)


def test_names_of_factors_may_differ_and_cross_the_levels(answers: pd.DataFrame, result: pm.TwoLevelCfaResult) -> None:
    other = fitted(answers, between=MODEL.replace("f", "climate"))
    assert other.fit["chisq"] == pytest.approx(result.fit["chisq"], abs=1e-7)
    assert "omega_person" in set(result.reliability["coefficient"])
    assert "omega_person" not in set(other.reliability["coefficient"])
    swapped = fitted(answers, within="f1 =~ x1 + x2\nf2 =~ x3 + x4", between="f2 =~ x1 + x2\nf1 =~ x3 + x4")
    assert swapped.fit["df"] == 2
    assert "omega_person" not in set(swapped.reliability["coefficient"])


def test_shared_labels_hold_loadings_equal_over_levels(answers: pd.DataFrame, result: pm.TwoLevelCfaResult) -> None:
    equal = "f =~ x1 + a*x2 + b*x3 + c*x4"
    other = fitted(answers, within=equal, between=equal)
    loadings = other.parameters[other.parameters["op"] == "=~"].pivot_table(index="rhs", columns="level", values="est")
    np.testing.assert_array_equal(loadings["within"], loadings["between"])
    assert other.fit["df"] == result.fit["df"] + 3
    assert other.fit["chisq"] > result.fit["chisq"]
    assert list(other.parameters["label"].unique()) == ["", "a", "b", "c"]


def test_models_are_compared_by_the_difference_of_their_statistics(
    answers: pd.DataFrame, result: pm.TwoLevelCfaResult
) -> None:
    equal = "f =~ x1 + a*x2 + b*x3 + c*x4"
    restricted = fitted(answers, within=equal, between=equal)
    found = result.compare(restricted)
    assert found.chisq_diff == pytest.approx(restricted.fit["chisq"] - result.fit["chisq"])
    assert (found.df_diff, found.restricted_first) == (3, False)
    assert found.d_srmr == pytest.approx(restricted.fit["srmr"] - result.fit["srmr"])
    apart = fitted(answers, within=MODEL.replace("x3", "3*x3") + "\nx1 ~~ x2")
    assert apart.fit["df"] < restricted.fit["df"]
    for other in (result, fitted(answers.iloc[20:], within=equal, between=equal), fitted(answers, estimator="MLR")):
        with pytest.raises(StatisticsError) as caught:
            result.compare(other)
        assert caught.value.codes == (Code.STA_NOT_NESTED,)
    with pytest.raises(StatisticsError) as caught:
        restricted.compare(apart)
    assert caught.value.codes == (Code.STA_NOT_NESTED,)


def test_limits_and_p_values_follow_from_the_errors(answers: pd.DataFrame, result: pm.TwoLevelCfaResult) -> None:
    table, narrow = result.parameters, fitted(answers, level=0.5).parameters
    free = table["free"]
    np.testing.assert_allclose(table["ci_upper"] - table["est"], 1.959963985 * table["se"], atol=1e-9)
    np.testing.assert_allclose(narrow["est"] - narrow["ci_lower"], 0.67448975 * table["se"], atol=1e-8)
    np.testing.assert_allclose(table["z"][free], table["est"][free] / table["se"][free])
    assert table.loc[~free, ["z", "p"]].isna().all(axis=None)
    assert (table.loc[~free, "se"] == 0.0).all()


def test_reliability_by_the_formulas(result: pm.TwoLevelCfaResult) -> None:
    table = result.parameters.set_index(["level", "op"])["est"]
    true, whole = {}, {}
    for level in ("within", "between"):
        variances = table[level, "~~"].to_list()
        true[level] = table[level, "=~"].sum() ** 2 * variances[4]
        whole[level] = true[level] + sum(variances[:4])
    n = result.cluster_sizes["harmonic_mean"]
    means = whole["between"] + whole["within"] / n
    expected = {
        "omega_within": true["within"] / whole["within"],
        "omega_between": true["between"] / whole["between"],
        "omega_unit_mean": true["between"] / means,
        "interrater": whole["between"] / means,
        "omega_person": sum(true.values()) / sum(whole.values()),
    }
    assert dict(zip(result.reliability["coefficient"], result.reliability["est"], strict=True)) == pytest.approx(
        expected
    )
    inside = result.reliability[["ci_lower", "est", "ci_upper"]].to_numpy()
    assert (np.diff(inside, axis=1) > 0.0).all()
    assert set(result.reliability["n_items"]) == {4}


def test_a_factor_with_one_item_has_no_reliability(answers: pd.DataFrame) -> None:
    model = "f =~ x1 + x2 + x3\ng =~ x4\nx4 ~~ 0*x4"
    assert set(fitted(answers, within=model).reliability["factor"]) == {"f"}
    both = fitted(answers, within=model, between=model).reliability
    assert len(both) == 5
    assert (both["n_items"] == 3).all()


def test_the_unrestricted_model_fits_as_it_is(answers: pd.DataFrame) -> None:
    model = "f =~ x1 + x2 + x3"
    found = fitted(answers, within=model, between=model)
    assert found.fit["df"] == 0
    assert found.fit["chisq"] == pytest.approx(0.0, abs=1e-5)
    assert np.isnan(found.fit["pvalue"])
    assert np.abs(found.residuals_within.to_numpy()).max() < 1e-4
    assert np.abs(found.residuals_between.to_numpy()).max() < 1e-3
    assert list(found.residuals_between.columns) == ["x1", "x2", "x3"]


def test_robust_errors_of_normal_answers_are_near_the_others(
    answers: pd.DataFrame, result: pm.TwoLevelCfaResult
) -> None:
    robust = fitted(answers, estimator="MLR")
    np.testing.assert_allclose(robust.parameters["est"], result.parameters["est"])
    free = robust.parameters["free"]
    ratio = robust.parameters["se"][free] / result.parameters["se"][free]
    assert 0.9 < ratio.mean() < 1.1
    assert robust.fit["chisq"] == pytest.approx(result.fit["chisq"])
    assert 0.7 < robust.fit["chisq.scaling.factor"] < 1.4
    assert "chisq.scaled" not in result.fit
    assert "robust" in robust.method


def test_persons_who_did_not_answer_or_have_no_unit_are_left_out(
    answers: pd.DataFrame, result: pm.TwoLevelCfaResult
) -> None:
    more = pd.concat([answers, answers.iloc[:5]], ignore_index=True)
    more = more.astype({"unit": object})
    more.loc[len(answers) : len(answers) + 2, "x2"] = np.nan
    more.loc[len(answers) + 3 :, "unit"] = None
    other = fitted(more)
    assert other.n_dropped == 5
    assert other.fit["logl"] == pytest.approx(result.fit["logl"])
    listed = fitted(answers.drop(columns="unit"), cluster=answers["unit"].to_list())
    assert listed.fit["logl"] == pytest.approx(result.fit["logl"])


def test_units_of_one_person_count_too(answers: pd.DataFrame) -> None:
    alone = answers.copy()
    last = alone.tail(40).index
    alone.loc[last, "unit"] = 1000 + np.arange(40)
    found = fitted(alone)
    assert found.converged
    assert found.cluster_sizes["smallest"] == 1


def refused(df: pd.DataFrame, **options: Any) -> StatisticsError:
    with pytest.raises(StatisticsError) as caught:
        fitted(df, **options)
    return caught.value


def test_what_has_no_two_levels_is_refused(answers: pd.DataFrame) -> None:
    assert fitted(answers).converged
    assert refused(answers, cluster=["one"] * len(answers)).codes == (Code.STA_TOO_FEW_PERSONS,)
    alone = refused(answers, cluster=list(range(len(answers))))
    assert alone.codes == (Code.STA_NOT_IDENTIFIED,)
    assert "Every cluster has one person" in str(alone)
    of_unit = answers.assign(x3=answers["unit"] % 5 + 1)
    assert refused(of_unit).codes == (Code.STA_CONSTANT_ITEM,)
    assert refused(of_unit).problems[0].item == "x3"
    twice = answers.assign(x3=answers["x1"] + answers["x2"] + answers["unit"])
    assert refused(twice).codes == (Code.STA_SINGULAR_CORRELATION,)
    assert refused(answers.iloc[:4]).codes != ()


def test_models_that_do_not_belong_together_are_refused(answers: pd.DataFrame) -> None:
    error = refused(answers, between="f =~ x1 + x2 + x3")
    assert error.codes == (Code.STA_OPTION_CONFLICT,)
    assert "x4" in str(error)
    assert refused(answers, within="f =~ x1 + x2 +").codes == (Code.STA_MODEL_SYNTAX,)
    assert refused(answers, within=MODEL + "\nx1 ~ 1").codes == (Code.STA_MODEL_SYNTAX,)
    assert refused(answers, cluster="ward").codes == (Code.STA_UNKNOWN_VARIABLE,)
    assert refused(answers.drop(columns="x2")).codes == (Code.STA_UNKNOWN_VARIABLE,)
    assert refused(answers, estimator="WLSMV").codes == (Code.STA_UNKNOWN_OPTION,)
    assert refused(answers, level=1.0).codes == (Code.STA_OPTION_RANGE,)


def test_a_model_that_the_data_cannot_determine_names_the_level(answers: pd.DataFrame) -> None:
    loose = "f =~ NA*x1 + x2 + x3 + x4"
    error = refused(answers, between=loose)
    assert error.codes == (Code.STA_NOT_IDENTIFIED,)
    assert "between" in str(error.problems[0].got)
    assert "60 clusters, intraclass correlations" in str(error.problems[0].got)
    assert "between" not in str(refused(answers, within=loose).problems[0].got)


def test_no_more_units_than_items_are_flagged() -> None:
    few = fitted(staff(4, smallest=40, largest=60, own=0.5, seed=3))
    assert Code.STA_NOT_IDENTIFIED in codes_of(few)
    assert Code.STA_NOT_IDENTIFIED not in codes_of(fitted(staff(12, smallest=40, largest=60, own=0.5, seed=3)))


def test_a_negative_variance_between_units_is_inadmissible() -> None:
    """Units differ in their general level only, so that chance makes residual variances negative."""
    found = fitted(staff(40, own=0.0, seed=6))
    negative = found.parameters[(found.parameters["op"] == "~~") & (found.parameters["est"] < 0.0)]
    assert set(negative["level"]) == {"between"}
    assert not found.admissible
    assert len(found.improper) == len(negative)
    assert all(f"variance of {item} between clusters" in "".join(found.improper) for item in negative["rhs"])
    assert Code.STA_INADMISSIBLE in codes_of(found)
    assert found.converged
    fixed = fitted(staff(40, own=0.0, seed=6), between=MODEL + "".join(f"\n{x} ~~ 0*{x}" for x in ITEMS))
    assert fixed.admissible
    assert fixed.fit["chisq"] > 0.0


def test_units_that_do_not_differ_are_flagged() -> None:
    found = fitted(staff(100, smallest=5, largest=15, between=0.0, own=0.0, seed=8))
    assert found.unclustered_items == ()
    assert codes_of(found).count(Code.STA_NO_CLUSTERING) == 1
    assert found.intraclass["p"].min() > 0.05 / 4


def test_items_without_variance_between_units_are_flagged() -> None:
    """Where the unrestricted variance between units is nil, nothing that rests on it is given."""
    found = fitted(staff(100, smallest=5, largest=15, between=0.0, own=0.0, seed=2))
    assert found.unclustered_items == tuple(ITEMS)
    assert codes_of(found).count(Code.STA_NO_CLUSTERING) == 5
    assert (found.intraclass["icc"] < 1e-5).all()
    assert (found.intraclass["p"] > 0.3).all()
    assert found.intraclass[["se", "ci_lower", "ci_upper"]].isna().all(axis=None)
    assert not found.admissible
    for name in ("chisq", "pvalue", "cfi", "tli", "rmsea", "srmr_between"):
        assert np.isnan(found.fit[name])
    assert np.isfinite(found.fit["logl"])
    assert Code.STA_UNDEFINED in codes_of(found)


def test_the_test_of_clustering_is_that_of_one_item(answers: pd.DataFrame, result: pm.TwoLevelCfaResult) -> None:
    """A mixed model of one item against its normal likelihood without units."""
    for item in ITEMS:
        values = answers[item]
        model = sm.MixedLM(values, np.ones(len(values)), groups=answers["unit"]).fit(reml=False)
        one_level = stats.norm.logpdf(values, values.mean(), values.std(ddof=0)).sum()
        expected = 0.5 * stats.chi2.sf(2.0 * (model.llf - one_level), 1)
        assert result.intraclass.loc[item, "p"] == pytest.approx(expected, rel=1e-4)


def test_a_likelihood_without_maximum_is_not_called_converged() -> None:
    """Two units of different size: some sum of the items has no variance between them that could be estimated."""
    found = fitted(staff(2, smallest=30, largest=40, seed=1))
    assert not found.converged
    assert {Code.STA_NOT_CONVERGED, Code.STA_NOT_IDENTIFIED} <= set(codes_of(found))
