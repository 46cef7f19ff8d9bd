"""Measurement invariance against lavaan and semTools: 0.7-2 and 0.5.6 on bfi, 0.6.14 and 0.5.6 on other data.

Tolerances, and the conventions in which lavaan 0.6.14 differs, stand in ``tests/confirmatory.py``. More differ here.

- With two answers semTools frees residual variances at the level of intercepts, where nothing identifies them (lavaan
  does not converge); here they stay at 1, which is semTools' next level.
- With two answers the level of thresholds is the configural one, and is left out.
- Equal thresholds of two answers restrict nothing beside free intercepts, so that robust indices exist here; lavaan
  0.6.14 has none where thresholds have common labels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.comparing import Compare
from tests.confirmatory import (
    ALL_ROBUST,
    NO_NAIVE_P,
    binary_datcat,
    compare_fit,
    compare_indices,
    compare_nested,
    compare_record,
    data,
    stored,
    with_holes,
)
from tests.parity.test_cfa import bfi_model, compare_bfi_fit, hs_with_holes
from toolkit import psychometrics as pm
from toolkit.psychometrics.cfa.model import Parameter
from toolkit.psychometrics.cfa.modification import score_tests

GROUPS = stored()["hs_group"]
ORDINAL = stored()["ordinal"]
WAVES = stored()["waves"]
MIXED = stored()["mixed"]
LEVELS = ("configural", "metric", "scalar", "strict")
WU_ESTABROOK = ("configural", "thresholds", "loadings", "intercepts")
SUFFIXES = ["_1", "_2"]


def kind_of(record: Any) -> Any:
    """Return the default test where a record holds several."""
    return record.get("default", record)


def bfi_by_gender(bfi_raw: pd.DataFrame, bfi_complete: pd.DataFrame) -> pd.DataFrame:
    return bfi_complete.assign(gender=bfi_raw.loc[bfi_complete.index, "gender"].astype(int))


def compare_bfi_steps(compare: Compare, result: pm.InvarianceResult, records: Any, levels: tuple[str, ...]) -> None:
    steps = result.tests.set_index("level")
    for level in levels:
        record = records[level]
        assert steps.loc[level, "df_diff"] == record["df_diff"]
        # seen: 8e-8
        compare("invariance bfi, steps", steps.loc[level, "chisq_diff"], record["chisq_diff"], tolerance=1e-6)
        compare("invariance bfi, p", steps.loc[level, "p"], record["p"], tolerance=1e-6, absolute=True)


def test_bfi_groups(
    bfi_raw: pd.DataFrame,
    bfi_complete: pd.DataFrame,
    bfi_spec: dict[str, Any],
    bfi_reference: dict[str, Any],
    compare: Compare,
) -> None:
    result = pm.invariance(bfi_by_gender(bfi_raw, bfi_complete), bfi_model(bfi_spec), group="gender")
    assert bfi_reference["group_order"] == "first to appear in the data"
    assert result.contexts == ("1", "2")
    assert list(result.levels) == list(LEVELS)
    for level, fitted in result.levels.items():
        compare_bfi_fit(compare, fitted.fit, bfi_reference["invariance_ml"][level])
    records = bfi_reference["nested_ml"]
    compare_bfi_steps(compare, result, records, ("metric", "scalar"))
    expected = pd.DataFrame(records["latent_means_scalar_second_group"])
    means = result.latent_means.query("intercepts == 'equal'")
    assert list(means["factor"]) == list(expected["lhs"])
    # seen: 4e-6, where lavaan stops
    compare("invariance bfi, means", means["est"], expected["est"], tolerance=1e-4)
    compare("invariance bfi, means", means["se"], expected["se"], tolerance=1e-4)


def test_bfi_groups_of_ordered_items(
    bfi_raw: pd.DataFrame,
    bfi_complete: pd.DataFrame,
    bfi_spec: dict[str, Any],
    bfi_reference: dict[str, Any],
    compare: Compare,
) -> None:
    frame = bfi_by_gender(bfi_raw, bfi_complete)
    result = pm.invariance(frame, bfi_model(bfi_spec), group="gender", ordered=True)
    assert list(result.levels) == list(WU_ESTABROOK)
    for level, fitted in result.levels.items():
        compare_bfi_fit(compare, fitted.fit, bfi_reference["invariance_ordinal"][level])
    compare_bfi_steps(compare, result, bfi_reference["nested_ordinal"], WU_ESTABROOK[1:])


@pytest.mark.parametrize("key", ["ml", "ml_std_lv", "mlr", "fiml", "fiml_mlr", "cluster_mlr"])
def test_schools(key: str, compare: Compare) -> None:
    """HolzingerSwineford1939 by school, configural to strict, with the tests of the steps."""
    options: dict[str, Any] = {
        "estimator": "MLR" if "mlr" in key else "ML",
        "missing": "fiml" if "fiml" in key else "listwise",
        "cluster": "cluster" if "cluster" in key else None,
        "std_lv": "std_lv" in key,
    }
    frame = hs_with_holes() if "fiml" in key else data("hs")
    result = pm.invariance(frame, GROUPS["model"], group="school", **options)
    assert list(result.contexts) == GROUPS["group_order"]
    for level in LEVELS:
        compare_record(compare, result.levels[level], GROUPS[key][level])
    for level, record in GROUPS["nested"].get(key, {}).items():
        row = result.tests.set_index("level").loc[level]
        assert row["against"] == LEVELS[LEVELS.index(level) - 1]
        assert row["df_diff"] == kind_of(record)["df_diff"]
        compare_nested(
            compare, result.levels[level].compare(result.levels[LEVELS[LEVELS.index(level) - 1]]), kind_of(record)
        )


def test_the_values_of_the_schools_in_print() -> None:
    """115.851/48, 124.043/54, 164.103/60; with x3 and x7 free 129.423/58, and "visual" goes from -.148 to .051."""
    result = pm.invariance(data("hs"), GROUPS["model"], group="school")
    found = [(round(result.levels[name].fit["chisq"], 3), result.levels[name].fit["df"]) for name in LEVELS[:3]]
    assert found == [(115.851, 48), (124.044, 54), (164.103, 60)]
    partial = result.partial()
    assert list(partial.freed["lhs"]) == ["x3", "x7"]
    fit = partial.levels["scalar"].fit
    assert fit["chisq"] == pytest.approx(129.4225, abs=5e-4)
    assert fit["df"] == 58
    visual = partial.latent_means.query("factor == 'visual'").set_index("intercepts")["est"]
    assert visual["equal"] == pytest.approx(-0.148, abs=5e-4)
    assert visual["partial"] == pytest.approx(0.051, abs=5e-4)


def test_more_than_one_step_at_once(compare: Compare) -> None:
    result = pm.invariance(data("hs"), GROUPS["model"], group="school", estimator="MLR")
    found = result.levels["scalar"].compare(result.levels["configural"])
    compare_nested(compare, found, kind_of(GROUPS["nested"]["mlr_configural_scalar"]))


@pytest.mark.parametrize("estimator", ["ML", "MLR"])
def test_partial_scalar(estimator: Any, compare: Compare) -> None:
    record = GROUPS["partial_scalar"]
    assert record["freed"] == ["x3~1", "x7~1"]
    result = pm.invariance(data("hs"), GROUPS["model"], group="school", estimator=estimator)
    ladder = result._ladder
    fitted = ladder.fitted("scalar", frozenset({(1, "x3", "~1", ""), (1, "x7", "~1", "")}))
    key = estimator.lower()
    compare_record(compare, fitted, record[key])
    compare_nested(compare, fitted.compare(result.levels["metric"]), kind_of(record[f"nested_{key}"]))


@pytest.mark.parametrize("key", ["metric", "scalar", "scalar_mlr"])
def test_score_tests_of_equalities(key: str, compare: Compare) -> None:
    """lavTestScore's, of each equality by itself; taken out in either group they are the same."""
    record = GROUPS["score_tests"][key]
    equal = ["loadings"] if key == "metric" else ["loadings", "intercepts"]
    estimator = "MLR" if key.endswith("mlr") else "ML"
    fitted = pm.cfa(data("hs"), GROUPS["model"], group="school", group_equal=equal, estimator=estimator)
    names = list(zip(record["lhs"], record["op"], record["rhs"], strict=True))
    assert len(names) == {"metric": 6, "scalar": 15, "scalar_mlr": 15}[key]
    for group in (0, 1):
        candidates = [Parameter(lhs=a, op=b, rhs=c or "", group=group, free=True) for a, b, c in names]
        found, _ = score_tests(fitted._fitted, candidates)
        theirs = np.array(record["X2"])
        size = np.maximum(theirs, 1.0)
        compare("score tests", found / size, theirs / size, tolerance=1e-4, absolute=True)  # seen: 8e-6


def test_equal_factor_means(compare: Compare) -> None:
    record = GROUPS["latent_means_equal"]
    scalar, equal = (
        pm.cfa(data("hs"), GROUPS["model"], group="school", group_equal=["loadings", "intercepts", *more])
        for more in ((), ("means",))
    )
    compare_record(compare, equal, record)
    compare_nested(compare, equal.compare(scalar), record["nested"])


@pytest.mark.parametrize("estimator", ["WLSMV", "ULSMV"])
def test_groups_of_ordered_items(estimator: Any, compare: Compare) -> None:
    """DatCat by group in the identification of Wu and Estabrook (semTools measEq.syntax), with Satorra's tests."""
    invariant = ORDINAL["invariance"]
    result = pm.invariance(data("datcat"), ORDINAL["models"]["one"], group="g", ordered=True, estimator=estimator)
    key = estimator.lower()
    lacking = NO_NAIVE_P if estimator == "WLSMV" else ()
    for level in WU_ESTABROOK:
        compare_record(compare, result.levels[level], invariant[f"theta_{key}"][level], lacking=lacking, n_less=2)
        # the scale does not touch the fit
        if estimator == "WLSMV":
            compare_fit(compare, result.levels[level], invariant["delta_wlsmv"][level], lacking=lacking, n_less=2)
    for below, level in pairwise(WU_ESTABROOK):
        found = result.levels[level].compare(result.levels[below])
        compare_nested(compare, found, invariant["nested"][f"{key}_delta"][level])
    if estimator == "WLSMV":
        found = result.levels["intercepts"].compare(result.levels["configural"])
        compare_nested(compare, found, invariant["nested"]["wlsmv_configural_intercepts"])
        compare_indices(compare, result.levels["intercepts"], invariant["intercepts_modification_indices"])


def test_the_values_of_datcat_in_print() -> None:
    """5.985/4, 8.792/12, 11.027/15, 16.322/18; scaled 11.864, 15.648, 17.137, 22.708; mean -.540 (SE .179)."""
    result = pm.invariance(data("datcat"), ORDINAL["models"]["one"], group="g", ordered=True)
    fits = [result.levels[level].fit for level in WU_ESTABROOK]
    assert [round(fit["chisq"], 3) for fit in fits] == [5.985, 8.792, 11.027, 16.322]
    assert [fit["df"] for fit in fits] == [4, 12, 15, 18]
    assert [round(fit["chisq.scaled"], 3) for fit in fits] == [11.864, 15.648, 17.137, 22.708]
    (mean,) = result.latent_means.query("intercepts == 'equal'").itertuples()
    assert (round(mean.est, 3), round(mean.se, 3)) == (-0.540, 0.179)


def test_groups_of_ordered_items_of_two_factors(compare: Compare) -> None:
    invariant = ORDINAL["invariance"]
    result = pm.invariance(data("datcat"), ORDINAL["models"]["two"], group="g", ordered=True)
    for level in WU_ESTABROOK:
        record = invariant["two_factor_theta_wlsmv"][level]
        compare_fit(compare, result.levels[level], record, lacking=NO_NAIVE_P, n_less=2)
    for below, level in pairwise(WU_ESTABROOK):
        found = result.levels[level].compare(result.levels[below])
        compare_nested(compare, found, invariant["nested"]["two_factor_delta"][level])


def test_a_free_intercept_of_an_ordered_item(compare: Compare) -> None:
    record = ORDINAL["invariance"]["partial"]
    assert record["freed"] == "u2 ~ 1"
    result = pm.invariance(data("datcat"), ORDINAL["models"]["one"], group="g", ordered=True)
    fitted = result._ladder.fitted("intercepts", frozenset({(1, "u2", "~1", "")}))
    compare_record(compare, fitted, record["levels"]["intercepts"], lacking=NO_NAIVE_P, n_less=2)
    compare_nested(compare, fitted.compare(result.levels["loadings"]), record["nested"])


@pytest.mark.parametrize(
    ("parameterization", "level"),
    # semTools has no level of residuals under delta
    [("theta", "residuals"), *((kind, level) for kind in ("theta", "delta") for level in WU_ESTABROOK)],
)
def test_models_written_by_semtools(level: str, parameterization: Any, compare: Compare) -> None:
    """The syntax of measEq.syntax itself, with two modifiers on each term."""
    record = ORDINAL["invariance"][f"{parameterization}_wlsmv"][level]
    result = pm.cfa(data("datcat"), record["syntax"], group="g", ordered=True, parameterization=parameterization)
    compare_fit(compare, result, record, lacking=NO_NAIVE_P, n_less=2)


@pytest.mark.parametrize(("key", "model"), [("invariance", "one"), ("invariance_two_factor", "two")])
def test_groups_of_two_answers(key: str, model: str, compare: Compare) -> None:
    record = ORDINAL["binary"][key]
    result = pm.invariance(binary_datcat(), ORDINAL["models"][model], group="g", ordered=True)
    assert result.dropped == ("thresholds",)
    assert list(result.levels) == ["configural", "loadings", "intercepts"]
    same = {"configural": "configural", "loadings": "loadings", "intercepts": "residuals"}
    assert not record["levels"]["intercepts"]["converged"]
    for ours, theirs in same.items():
        more = ALL_ROBUST if ours == "loadings" else ()
        compare_fit(compare, result.levels[ours], record["levels"][theirs], lacking=NO_NAIVE_P, n_less=2, more=more)
    for below, level in (("configural", "loadings"), ("loadings", "intercepts")):
        found = result.levels[level].compare(result.levels[below])
        compare_nested(compare, found, record["nested"][same[level]])


def test_groups_of_ordered_and_continuous_items(compare: Compare) -> None:
    """The stored table is semTools' configural model: lavaan's default of a group without equalities."""
    result = pm.cfa(data("mixed"), MIXED["models"]["two"], ordered=MIXED["ordered"], group="g")
    compare_record(compare, result, MIXED["by_group"], lacking=NO_NAIVE_P)


@pytest.mark.parametrize("key", ["ml", "mlr", "fiml_mlr"])
def test_waves(key: str, compare: Compare) -> None:
    """Two occasions of the same persons, items' residuals covarying."""
    frame = data("waves")
    if "fiml" in key:
        frame = with_holes(frame, WAVES[key]["columns"], WAVES[key]["holes"])
    result = pm.invariance(
        frame,
        "f =~ y1 + y2 + y3 + y4",
        longitudinal=SUFFIXES,
        std_lv=True,
        estimator="MLR" if "mlr" in key else "ML",
        missing="fiml" if "fiml" in key else "listwise",
    )
    assert (result.longitudinal, result.n_items, result.n_of_contexts) == (True, 4, (400, 400))
    for level in LEVELS:
        compare_record(compare, result.levels[level], renamed(WAVES[key][level]))
        # the models as lavaan's syntax writes them
        if key == "ml":
            compare_fit(compare, pm.cfa(frame, WAVES["models"][level]), WAVES["ml"][level])
            assert result.levels[level].fit["df"] == WAVES["semtools_ml"][level]["df"]
    for below, level in pairwise(LEVELS):
        found = result.levels[level].compare(result.levels[below])
        compare_nested(compare, found, kind_of(WAVES["nested"][key][level]))


def renamed(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of the waves with the factors f1 and f2 by the names that occasions give them."""
    names = {"f1": "f_1", "f2": "f_2"}
    table = record["parameters"]
    sides = {side: [names.get(name, name) for name in table[side]] for side in ("lhs", "rhs")}
    return record | {"parameters": table | sides}


def test_waves_of_ordered_items(compare: Compare) -> None:
    result = pm.invariance(data("waves"), "f =~ o1 + o2 + o3 + o4", longitudinal=SUFFIXES, ordered=True)
    for level in WU_ESTABROOK:
        record = WAVES["ordinal"]["theta_wlsmv"][level]
        compare_record(compare, result.levels[level], renamed(record), lacking=NO_NAIVE_P, n_less=1)
    for below, level in pairwise(WU_ESTABROOK):
        found = result.levels[level].compare(result.levels[below])
        compare_nested(compare, found, WAVES["ordinal"]["nested"][level])


@pytest.mark.parametrize("level", [*WU_ESTABROOK, "residuals"])
def test_waves_written_by_semtools(level: str, compare: Compare) -> None:
    record = WAVES["ordinal"]["theta_wlsmv"][level]
    result = pm.cfa(data("waves"), record["syntax"], ordered=True, parameterization="theta")
    compare_fit(compare, result, record, lacking=NO_NAIVE_P, n_less=1)
