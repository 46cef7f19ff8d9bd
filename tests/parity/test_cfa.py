"""Confirmatory models against lavaan: 0.7-2 on bfi (bfi.json), 0.6.14 on other data (cfa.json).

Tolerances, and the worst deviations that were seen, stand in ``tests/confirmatory.py``. Four conventions differ.

- lavaan 0.6.14 takes the number of groups from the persons in the robust RMSEA of ordered items; 0.7 and we do not.
- lavaan 0.6.14 gives the naive statistic of WLSMV a p-value; it is not chi-square distributed, and is NaN here.
- With a fixed threshold lavaan 0.6.14 gives robust indices of ordered items; here they are NaN wherever thresholds are
  restricted, as in lavaan where they are held equal.
- Residual variances of ordered items that follow from other parameters have standard errors here, and 0 in lavaan.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.comparing import Compare
from tests.confirmatory import (
    ALL_ROBUST,
    NAMES,
    NO_NAIVE_P,
    binary_datcat,
    compare_fit,
    compare_indices,
    compare_nested,
    compare_record,
    data,
    equal_labels,
    lower,
    stored,
    with_holes,
)
from toolkit import psychometrics as pm

HS = stored()["hs"]
ORDINAL = stored()["ordinal"]
MIXED = stored()["mixed"]
PD = stored()["pd"]
BASIC = HS["models"]["basic"]
VARIANTS = ("higher_order", "bifactor", "bifactor_heywood", "fixed", "residual", "crossloading", "free_marker")
BFI_STATISTICS = 1e-6  # seen: 7e-8
BFI = 1e-6  # seen: 1.1e-7


def bfi_model(spec: dict[str, Any]) -> str:
    return "\n".join(f"{factor} =~ {' + '.join(items)}" for factor, items in spec["scales"].items())


def hs_with_holes() -> pd.DataFrame:
    frame = with_holes(data("hs"), HS["fiml"]["columns"], HS["fiml"]["holes"])
    assert int(frame[HS["fiml"]["columns"]].isna().sum().sum()) == HS["fiml"]["n_missing"]
    return frame


def datcat_with_holes() -> pd.DataFrame:
    record = ORDINAL["pairwise"]
    frame = with_holes(data("datcat"), record["columns"], record["holes"])
    assert int(frame[record["columns"]].isna().sum().sum()) == record["n_missing"]
    return frame


def compare_bfi_fit(compare: Compare, fit: Any, expected: dict[str, float | None]) -> None:
    theirs = {name: value for name, value in expected.items() if value is not None}
    assert set(expected) <= set(fit)
    for name in set(expected) - set(theirs):
        assert np.isnan(fit[name]), name
    relative = [name for name in theirs if "chisq" in name or name in {"df", "df.scaled", "aic", "bic", "logl"}]
    absolute = [name for name in theirs if name not in relative]
    ours, numbers = ([table[name] for name in relative] for table in (fit, theirs))
    compare("cfa bfi, statistics", ours, numbers, tolerance=BFI_STATISTICS)
    ours, numbers = ([table[name] for name in absolute] for table in (fit, theirs))
    compare("cfa bfi, fit indices", ours, numbers, tolerance=BFI, absolute=True)


@pytest.mark.parametrize("estimator", ["ML", "MLR", "WLSMV", "ULSMV"])
def test_bfi(
    estimator: Any,
    bfi_complete: pd.DataFrame,
    bfi_spec: dict[str, Any],
    bfi_reference: dict[str, Any],
    compare: Compare,
) -> None:
    """25 items, 5 factors, 2,436 persons: all estimates, standard errors and fit measures."""
    ordered = estimator in {"WLSMV", "ULSMV"}
    result = pm.cfa(bfi_complete, bfi_model(bfi_spec), estimator=estimator, ordered=ordered)
    reference = bfi_reference["cfa"][estimator]
    assert (result.converged, result.admissible, result.n_persons) == (True, True, bfi_reference["n"])
    compare_bfi_fit(compare, result.fit, reference["fit"])
    for kind, table, column in (("est", result.parameters, "est"), ("std", result.standardized, "est.std")):
        expected = pd.DataFrame(reference[kind])
        # what the theta side of the model implies is not asked of lavaan: scale factors and intercepts are fixed
        mine = {(row.lhs, row.op, row.rhs): (row.est, row.se) for row in table.itertuples()}
        mine |= {(rhs, op, lhs): value for (lhs, op, rhs), value in list(mine.items()) if op == "~~"}
        keys = list(expected[["lhs", "op", "rhs"]].itertuples(index=False, name=None))
        ours = np.array([mine[key] for key in keys])
        theirs = expected[[column, "se"]].to_numpy(dtype=float)
        # seen: 2.5e-5, where lavaan stops
        compare(f"cfa bfi, {NAMES[kind]}", ours[:, 0], theirs[:, 0], tolerance=1e-4, absolute=True)
        use = theirs[:, 1] > 0.0
        assert use.sum() > 40
        compare("cfa bfi, standard errors", ours[use, 1], theirs[use, 1], tolerance=1e-5, absolute=True)


def test_bfi_modification_indices(
    bfi_complete: pd.DataFrame, bfi_spec: dict[str, Any], bfi_reference: dict[str, Any], compare: Compare
) -> None:
    found = pm.cfa(bfi_complete, bfi_model(bfi_spec)).modification_indices()
    expected = pd.DataFrame(bfi_reference["modification_indices_top"])
    top = found.head(len(expected))
    pairs = [[frozenset((row.lhs, row.rhs)) for row in table.itertuples()] for table in (top, expected)]
    assert pairs[0] == pairs[1]
    assert list(top["op"]) == list(expected["op"])
    # seen: 2.7e-5, where lavaan stops
    compare("cfa bfi, modification indices", top["mi"], expected["mi"], tolerance=1e-4)
    compare("cfa bfi, expected changes", top["epc"], expected["epc"], tolerance=1e-4)


def test_bfi_full_information(
    bfi_raw: pd.DataFrame, bfi_spec: dict[str, Any], bfi_reference: dict[str, Any], compare: Compare
) -> None:
    reference = bfi_reference["fiml"]
    frame = bfi_raw[bfi_spec["items"]].copy()
    reverse = bfi_spec["reverse"]
    frame[reverse] = bfi_spec["min"] + bfi_spec["max"] - frame[reverse]
    assert int(frame.isna().sum().sum()) == reference["n_missing_cells"]
    result = pm.cfa(frame, bfi_model(bfi_spec), estimator="MLR", missing="fiml")
    assert result.n_persons == reference["n"]
    relative = {"chisq", "chisq.scaled", "chisq.scaling.factor", "aic", "bic", "logl", "df", "df.scaled"}
    expected = reference["fit"]
    assert set(expected) <= set(result.fit)
    ours, theirs = ([table[name] for name in sorted(relative)] for table in (result.fit, expected))
    compare("bfi fiml, statistics", ours, theirs, tolerance=1e-4)  # seen: 1e-6, where lavaan's EM stops
    ours, theirs = ([table[name] for name in sorted(set(expected) - relative)] for table in (result.fit, expected))
    compare("bfi fiml, fit indices", ours, theirs, tolerance=1e-5, absolute=True)  # seen: 3e-7


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("ml", {}),
        ("ml_std_lv", {"std_lv": True}),
        ("ml_meanstructure", {"mean_structure": True}),
        ("mlr", {"estimator": "MLR"}),
        ("mlr_meanstructure", {"estimator": "MLR", "mean_structure": True}),
        ("cluster_mlr", {"estimator": "MLR", "cluster": "cluster"}),
    ],
)
def test_likelihood(key: str, options: dict[str, Any], compare: Compare) -> None:
    compare_record(compare, pm.cfa(data("hs"), BASIC, **options), HS[key])


def test_clusters_with_residual_covariances(compare: Compare) -> None:
    result = pm.cfa(data("hs"), HS["models"]["residual"], estimator="MLR", cluster="cluster")
    assert result.n_clusters == data("hs")["cluster"].nunique()
    compare_record(compare, result, HS["cluster_residual_mlr"])


def test_uncorrelated_factors(compare: Compare) -> None:
    model = f"{BASIC}\nvisual ~~ 0*textual + 0*speed\ntextual ~~ 0*speed"
    compare_record(compare, pm.cfa(data("hs"), model), HS["ml_orthogonal"])


@pytest.mark.parametrize("key", VARIANTS)
def test_kinds_of_model(key: str, compare: Compare) -> None:
    result = pm.cfa(data("hs"), HS["models"][key], std_lv=HS[key]["std_lv"])
    compare_record(compare, result, HS[key])
    assert bool(result.improper) == (key == "bifactor_heywood")


@pytest.mark.parametrize("key", ["higher_order", "bifactor"])
def test_kinds_of_model_robust(key: str, compare: Compare) -> None:
    result = pm.cfa(data("hs"), HS["models"][key], std_lv=HS[key]["std_lv"], estimator="MLR")
    compare_record(compare, result, HS[f"{key}_mlr"])


@pytest.mark.parametrize(("key", "estimator"), [("equality", "ML"), ("equality_mlr", "MLR")])
def test_equal_parameters(key: str, estimator: Any, compare: Compare) -> None:
    result = pm.cfa(data("hs"), equal_labels(HS["models"]["equality"]), estimator=estimator)
    compare_record(compare, result, HS[key])


@pytest.mark.parametrize(
    ("key", "model", "options"),
    [
        ("fiml", "basic", {}),
        ("fiml_std_lv", "basic", {"std_lv": True}),
        ("fiml_mlr", "basic", {"estimator": "MLR"}),
        ("fiml_equality", "equality", {"estimator": "MLR"}),  # stored under MLR
        ("cluster_fiml_mlr", "basic", {"estimator": "MLR", "cluster": "cluster"}),
    ],
)
def test_full_information(key: str, model: str, options: dict[str, Any], compare: Compare) -> None:
    result = pm.cfa(hs_with_holes(), equal_labels(HS["models"][model]), missing="fiml", **options)
    compare_record(compare, result, HS[key])


def test_saturated_moments_of_incomplete_answers(compare: Compare) -> None:
    result = pm.cfa(hs_with_holes(), BASIC, missing="fiml")
    (sample,) = result._fitted.samples
    expected = HS["fiml"]["h1"]
    items = list(result.residuals)
    # seen: 2e-9; lavaan's EM was asked for 1e-10
    compare("fiml, saturated means", sample.mean, [expected["mean"][item] for item in items], tolerance=1e-7)
    compare("fiml, saturated covariances", sample.S, lower(expected["cov"]).loc[items, items], tolerance=1e-6)


def test_listwise(compare: Compare) -> None:
    result = pm.cfa(hs_with_holes(), BASIC)
    assert (result.n_persons, result.n_dropped) == (HS["listwise"]["n"], 301 - HS["listwise"]["n"])
    compare_fit(compare, result, HS["listwise"])


@pytest.mark.parametrize(
    ("key", "model", "estimator"),
    [
        ("ml", "basic", "ML"),
        ("mlr", "basic", "MLR"),
        ("equality", "equality", "ML"),
        ("equality_mlr", "equality", "MLR"),
    ],
)
def test_political_democracy(key: str, model: str, estimator: Any, compare: Compare) -> None:
    """75 persons, correlated residuals."""
    result = pm.cfa(data("pd"), PD["models"][model], estimator=estimator)
    compare_record(compare, result, PD[key])


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
@pytest.mark.parametrize("estimator", ["WLSMV", "ULSMV"])
def test_ordered_items(estimator: Any, parameterization: Any, compare: Compare) -> None:
    result = pm.cfa(
        data("datcat"), ORDINAL["models"]["one"], ordered=True, estimator=estimator, parameterization=parameterization
    )
    key = f"{estimator.lower()}_{parameterization}"
    lacking = NO_NAIVE_P if estimator == "WLSMV" else ()
    compare_record(compare, result, ORDINAL[key], lacking=lacking, n_less=1)


def test_ordered_items_without_scaling(compare: Compare) -> None:
    result = pm.cfa(data("datcat"), ORDINAL["models"]["one"], ordered=True, estimator="DWLS")
    compare_record(compare, result, ORDINAL["dwls_delta"])
    assert "chisq.scaled" not in result.fit


def test_ordered_items_and_factors_of_variance_one(compare: Compare) -> None:
    result = pm.cfa(data("datcat"), ORDINAL["models"]["one"], ordered=True, std_lv=True)
    record = ORDINAL["wlsmv_std_lv"]
    compare_record(compare, result, record, lacking=NO_NAIVE_P, n_less=1)


@pytest.mark.parametrize("estimator", ["WLSMV", "ULSMV"])
def test_ordered_items_of_two_factors(estimator: Any, compare: Compare) -> None:
    result = pm.cfa(data("datcat"), ORDINAL["models"]["two"], ordered=True, estimator=estimator)
    record = ORDINAL[f"two_factor_{estimator.lower()}"]
    lacking = NO_NAIVE_P if estimator == "WLSMV" else ()
    compare_record(compare, result, record, lacking=lacking, n_less=1)


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
@pytest.mark.parametrize("key", list(ORDINAL["constrained"]["models"]))
def test_restricted_ordered_items(key: str, parameterization: Any, compare: Compare) -> None:
    model = ORDINAL["constrained"]["models"][key]
    result = pm.cfa(data("datcat"), model, ordered=True, parameterization=parameterization)
    record = ORDINAL["constrained"][f"{key}_{parameterization}"]
    lacking = NO_NAIVE_P | (ALL_ROBUST if key == "fixed_threshold" else set())
    compare_record(compare, result, record, lacking=lacking, n_less=1)


@pytest.mark.parametrize(
    ("key", "model", "parameterization"),
    [("wlsmv_delta", "one", "delta"), ("wlsmv_theta", "one", "theta"), ("two_factor_wlsmv", "two", "delta")],
)
def test_two_answers(key: str, model: str, parameterization: Any, compare: Compare) -> None:
    model = ORDINAL["models"][model]
    result = pm.cfa(binary_datcat(), model, ordered=True, parameterization=parameterization)
    record = ORDINAL["binary"][key]
    compare_record(compare, result, record, lacking=NO_NAIVE_P, n_less=1)


@pytest.mark.parametrize(("key", "model"), [("wlsmv", "one"), ("two_factor_wlsmv", "two")])
def test_pairwise(key: str, model: str, compare: Compare) -> None:
    result = pm.cfa(datcat_with_holes(), ORDINAL["models"][model], ordered=True, missing="pairwise")
    record = ORDINAL["pairwise"][key]
    compare_record(compare, result, record, lacking=NO_NAIVE_P, n_less=1)


def test_listwise_ordered_items(compare: Compare) -> None:
    result = pm.cfa(datcat_with_holes(), ORDINAL["models"]["two"], ordered=True)
    record = ORDINAL["pairwise"]["listwise_two_factor_wlsmv"]
    assert result.n_persons == ORDINAL["pairwise"]["listwise_n"]
    compare_fit(compare, result, record, lacking=NO_NAIVE_P, n_less=1)


@pytest.mark.parametrize(
    ("key", "equal"),
    [("configural", ()), ("loadings", ("loadings",)), ("thresholds_loadings", ("thresholds", "loadings"))],
)
def test_groups_of_ordered_items(key: str, equal: Any, compare: Compare) -> None:
    result = pm.cfa(data("datcat"), ORDINAL["models"]["one"], ordered=True, group="g", group_equal=equal)
    assert list(result.groups) == ORDINAL["group_order"]
    record = ORDINAL["by_group"][key]
    compare_record(compare, result, record, lacking=NO_NAIVE_P, n_less=2)


@pytest.mark.parametrize(
    ("key", "model", "options"),
    [
        ("wlsmv_one", "one", {}),
        ("wlsmv_two", "two", {}),
        ("dwls_two", "two", {"estimator": "DWLS"}),
        ("ulsmv_two", "two", {"estimator": "ULSMV"}),
        ("theta_two", "two", {"parameterization": "theta"}),
    ],
)
def test_ordered_and_continuous_items(key: str, model: str, options: dict[str, Any], compare: Compare) -> None:
    result = pm.cfa(data("mixed"), MIXED["models"][model], ordered=MIXED["ordered"], **options)
    lacking = NO_NAIVE_P if result.estimator == "WLSMV" else ()
    compare_record(compare, result, MIXED[key], lacking=lacking)


def test_residual_correlations(compare: Compare) -> None:
    """Both matrices are scaled by their own standard deviations ("cor.bollen")."""
    found = {
        "hs": (pm.cfa(data("hs"), BASIC), HS["ml"]),
        "pd": (pm.cfa(data("pd"), PD["models"]["basic"]), PD["ml"]),
        "fiml": (pm.cfa(hs_with_holes(), BASIC, missing="fiml"), HS["fiml"]),
        "datcat": (pm.cfa(data("datcat"), ORDINAL["models"]["one"], ordered=True), ORDINAL["wlsmv_delta"]),
        "datcat two": (pm.cfa(data("datcat"), ORDINAL["models"]["two"], ordered=True), ORDINAL["two_factor_wlsmv"]),
        "mixed": (pm.cfa(data("mixed"), MIXED["models"]["two"], ordered=MIXED["ordered"]), MIXED["wlsmv_two"]),
    }
    for result, record in found.values():
        expected = lower(record["residuals"]["cor.bollen"]["cov"])
        items = list(expected)
        # seen: 1.3e-6
        ours = result.residuals.loc[items, items]
        compare("residual correlations", ours, expected, tolerance=1e-5, absolute=True)


def test_residual_correlations_of_groups(compare: Compare) -> None:
    record = stored()["hs_group"]
    equal = ["loadings", "intercepts"]
    result = pm.cfa(data("hs"), record["model"], group="school", group_equal=equal)
    for group, table in record["residuals"]["cor.bollen"].items():
        expected = lower(table["cov"])
        ours = result.residuals.loc[group].loc[list(expected), list(expected)]
        compare("residual correlations", ours, expected, tolerance=1e-5, absolute=True)  # seen: 1.4e-6


@pytest.mark.parametrize("key", ["ml", "mlr", *(key for key in VARIANTS if key != "bifactor_heywood")])
def test_modification_indices(key: str, compare: Compare) -> None:
    """lavaan's do not change with robust statistics, nor do ours."""
    model = HS["models"].get(key, BASIC)
    estimator = "MLR" if key == "mlr" else "ML"
    result = pm.cfa(data("hs"), model, std_lv=HS[key].get("std_lv", False), estimator=estimator)
    compare_indices(compare, result, HS[key]["modification_indices"])


def test_modification_indices_beside_equalities(compare: Compare) -> None:
    result = pm.cfa(data("hs"), equal_labels(HS["models"]["equality"]))
    compare_indices(compare, result, HS["equality"]["modification_indices"])


def test_modification_indices_of_incomplete_answers(compare: Compare) -> None:
    """They rest on the expected information of the answers that were given, not on that of complete ones."""
    result = pm.cfa(hs_with_holes(), BASIC, missing="fiml")
    compare_indices(compare, result, HS["fiml"]["modification_indices"])


def test_modification_indices_of_correlated_residuals(compare: Compare) -> None:
    result = pm.cfa(data("pd"), PD["models"]["basic"])
    compare_indices(compare, result, PD["ml"]["modification_indices"])


@pytest.mark.parametrize("key", ["metric", "scalar"])
def test_modification_indices_of_groups(key: str, compare: Compare) -> None:
    record = stored()["hs_group"]
    equal = ["loadings"] if key == "metric" else ["loadings", "intercepts"]
    result = pm.cfa(data("hs"), record["model"], group="school", group_equal=equal)
    compare_indices(compare, result, record[f"{key}_modification_indices"])


def test_modification_indices_of_ordered_items(compare: Compare) -> None:
    one, two = ORDINAL["models"]["one"], ORDINAL["models"]["two"]
    theta = pm.cfa(data("datcat"), one, ordered=True, parameterization="theta")
    for result, record in (
        (pm.cfa(data("datcat"), one, ordered=True), ORDINAL["wlsmv_delta"]["modification_indices"]),
        (theta, ORDINAL["wlsmv_theta"]["modification_indices"]),
        (pm.cfa(data("datcat"), two, ordered=True), ORDINAL["two_factor_wlsmv"]["modification_indices"]),
        (pm.cfa(binary_datcat(), two, ordered=True), ORDINAL["binary"]["two_factor_modification_indices"]),
        (
            pm.cfa(data("mixed"), MIXED["models"]["two"], ordered=MIXED["ordered"]),
            MIXED["wlsmv_two"]["modification_indices"],
        ),
    ):
        compare_indices(compare, result, record)


@pytest.mark.parametrize(
    ("key", "restricted", "options", "kind"),
    [
        ("ml", None, {}, None),
        ("ml_equality", "equality", {}, None),
        ("mlr", None, {"estimator": "MLR"}, "default"),
        ("mlr_equality", "equality", {"estimator": "MLR"}, "default"),
        ("cluster_mlr", None, {"estimator": "MLR", "cluster": "cluster"}, "default"),
        ("fiml_ml_equality", "equality", {"missing": "fiml"}, None),
        ("fiml_mlr_equality", "equality", {"missing": "fiml", "estimator": "MLR"}, None),
    ],
)
def test_nested_models(
    key: str, restricted: str | None, options: dict[str, Any], kind: str | None, compare: Compare
) -> None:
    """Without a key the basic model is the restricted one, against the model with residual covariances."""
    frame = hs_with_holes() if "missing" in options else data("hs")
    names = ("basic", restricted) if restricted else ("residual", "basic")
    loose, tight = (pm.cfa(frame, equal_labels(HS["models"][name]), **options) for name in names)
    record = HS["nested"][key] if kind is None else HS["nested"][key][kind]
    compare_nested(compare, tight.compare(loose), record)


def test_nested_models_with_correlated_residuals(compare: Compare) -> None:
    for estimator, record in (("ML", PD["nested"]["ml"]), ("MLR", PD["nested"]["mlr"]["default"])):
        loose, tight = (pm.cfa(data("pd"), PD["models"][name], estimator=estimator) for name in ("basic", "equality"))
        compare_nested(compare, tight.compare(loose), record)


@pytest.mark.parametrize(
    ("key", "loose", "tight", "estimator"),
    [
        ("equal_loadings_wlsmv", "one", "equal_loadings", "WLSMV"),
        ("tau_equivalent_wlsmv", "one", "tau_equivalent", "WLSMV"),
        ("equal_thresholds_wlsmv", "one", "equal_thresholds", "WLSMV"),
        ("residual_wlsmv", "residual", "one", "WLSMV"),
        ("equal_loadings_ulsmv", "one", "equal_loadings", "ULSMV"),
    ],
)
def test_nested_models_of_ordered_items(key: str, loose: str, tight: str, estimator: Any, compare: Compare) -> None:
    models = ORDINAL["models"] | ORDINAL["constrained"]["models"]
    less, more = (pm.cfa(data("datcat"), models[name], ordered=True, estimator=estimator) for name in (loose, tight))
    record = ORDINAL["nested"][key]["satorra.2000.delta.shifted"]
    compare_nested(compare, more.compare(less), record)


def test_nested_groups_of_ordered_items(compare: Compare) -> None:
    loose, tight = (
        pm.cfa(data("datcat"), ORDINAL["models"]["one"], ordered=True, group="g", group_equal=equal)
        for equal in ((), ("loadings",))
    )
    record = ORDINAL["by_group"]["nested"]["loadings"]
    compare_nested(compare, tight.compare(loose), record)


def test_nested_models_of_ordered_and_continuous_items(compare: Compare) -> None:
    """A correlation of 1 makes one factor of two, which no fixed parameter says: the slopes of the moments find it."""
    loose, tight = (pm.cfa(data("mixed"), MIXED["models"][name], ordered=MIXED["ordered"]) for name in ("two", "one"))
    compare_nested(compare, tight.compare(loose), MIXED["nested"]["wlsmv"])
