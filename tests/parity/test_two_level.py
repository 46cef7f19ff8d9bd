"""Two-level factor models against lavaan and semTools, on lavaan's Demo.twolevel (y1-y6 in 200 clusters of 5 to 20).

lavaan 0.6.14 finds the unrestricted covariances by EM, which stops .0001 short in the log-likelihood. The reference
fits them as a model too, and that is compared to 1e-6; what rests on the EM is not nearer than 1e-4.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.comparing import CLOSED, ITERATIVE, Compare
from tests.conftest import REFERENCE
from toolkit import psychometrics as pm
from toolkit.psychometrics.cfa import _two_level as two_level

ITEMS = [f"y{number}" for number in range(1, 7)]
TWO = "{0}1 =~ y1 + y2 + y3\n{0}2 =~ y4 + y5 + y6"
EQUAL = "f =~ y1 + a*y2 + b*y3 + c*y4"
MODELS = {
    "two": (TWO.format("fw"), TWO.format("fb"), "ML"),
    "misfit": ("fw =~ y1 + y2 + y3 + y4 + y5 + y6", TWO.format("fb"), "ML"),
    "equal": (EQUAL, EQUAL, "ML"),
    "robust": (TWO.format("fw"), TWO.format("fb"), "MLR"),
}
KEY = ["level", "lhs", "op", "rhs"]
FROM_EM = 5e-4  # seen: 4.5e-4, srmr_between of "two"


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    """Values of lavaan; see reference/make_two_level_reference.R."""
    return json.loads((REFERENCE / "two_level.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def demo() -> pd.DataFrame:
    """The six items, rounded to four digits, and the cluster of 2,500 persons."""
    return pd.read_csv(REFERENCE / "two_level.csv")


def test_saturated_and_independent_items(demo: pd.DataFrame, reference: dict[str, Any], compare: Compare) -> None:
    values, expected = demo[ITEMS].to_numpy(), reference["saturated"]
    moments = two_level.moments_of(two_level.clusters_of(values, demo["cluster"].to_numpy()))
    found, alone = two_level.saturated(moments), two_level.independent(moments)
    assert found.converged
    assert alone.converged
    compare("saturated log-likelihood", found.log_likelihood, expected["logl"], tolerance=CLOSED)
    compare("independent log-likelihood", alone.log_likelihood, reference["independent"]["logl"], tolerance=CLOSED)
    for got, name in ((found.Sigma_W, "within"), (found.Sigma_B, "between"), (found.mu, "mean")):
        compare("saturated estimates", got, expected[name], tolerance=1e-5, absolute=True)
    shares = np.diag(found.Sigma_B) / np.diag(found.Sigma_B + found.Sigma_W)
    compare("saturated ICC", shares, [reference["icc"][item] for item in ITEMS], tolerance=FROM_EM)


@pytest.fixture(scope="module")
def fitted(demo: pd.DataFrame) -> dict[str, pm.TwoLevelCfaResult]:
    """The models that lavaan fitted."""
    return {
        name: pm.two_level_cfa(demo, within=within, between=between, cluster="cluster", estimator=estimator)
        for name, (within, between, estimator) in MODELS.items()
    }


def side_by_side(ours: pd.DataFrame, theirs: list[dict[str, Any]]) -> pd.DataFrame:
    """Our rows, all of them, beside lavaan's, which has means within clusters too, fixed at 0."""
    other = pd.DataFrame(theirs).replace({"level": {1: "within", 2: "between"}})
    both = ours.merge(other, on=KEY, how="left", suffixes=("", "_R"), validate="one_to_one")
    assert both["est_R"].notna().all()
    return both


@pytest.mark.parametrize("name", MODELS)
def test_estimates_and_standard_errors(
    name: str, fitted: dict[str, pm.TwoLevelCfaResult], reference: dict[str, Any], compare: Compare
) -> None:
    result = fitted[name]
    assert result.converged
    assert result.admissible
    assert result.warnings == ()
    both = side_by_side(result.parameters, reference[name]["parameters"])
    labels = both["label_R"] if name == "equal" else ""
    assert (both["label"] == labels).all()
    free = both[both["free"]]
    assert len(free) == reference[name]["fit"]["npar"] + (3 if name == "equal" else 0)
    compare("estimates", free["est"], free["est_R"], tolerance=ITERATIVE)
    compare("standard errors", free["se"], free["se_R"], tolerance=ITERATIVE)
    compare("limits", free["ci_lower"], free["ci.lower"], tolerance=ITERATIVE)
    compare("limits", free["ci_upper"], free["ci.upper"], tolerance=ITERATIVE)
    fixed = both[~both["free"]]
    compare("fixed values", fixed["est"], fixed["est_R"], tolerance=0.0, absolute=True)


@pytest.mark.parametrize("name", MODELS)
def test_standardized_estimates(
    name: str, fitted: dict[str, pm.TwoLevelCfaResult], reference: dict[str, Any], compare: Compare
) -> None:
    theirs = pd.DataFrame(reference[name]["standardized"]).rename(columns={"est.std": "est"})
    theirs["level"] = [row["level"] for row in reference[name]["parameters"]]
    both = side_by_side(fitted[name].standardized, theirs.to_dict("records"))
    compare("standardized estimates", both["est"], both["est_R"], tolerance=ITERATIVE, absolute=True)
    compare("their standard errors", both["se"], both["se_R"], tolerance=ITERATIVE, absolute=True)


@pytest.mark.parametrize("name", MODELS)
def test_fit_measures(
    name: str, fitted: dict[str, pm.TwoLevelCfaResult], reference: dict[str, Any], compare: Compare
) -> None:
    ours, theirs = fitted[name].fit, reference[name]["fit"]
    assert set(ours) <= set(theirs)
    for key, value in ours.items():
        if "srmr" in key:
            compare("SRMR", value, theirs[key], tolerance=FROM_EM)
        elif "scal" in key or "robust" in key:
            compare("scaled measures", value, theirs[key], tolerance=FROM_EM, absolute=theirs[key] < 1.0)
        elif key in {"logl", "aic", "bic", "bic2", "npar", "ntotal", "df", "baseline.df"}:
            compare("log-likelihood", value, theirs[key], tolerance=CLOSED)
        elif key.startswith("rmsea"):
            compare("RMSEA", value, theirs[key], tolerance=1e-5, absolute=True)
        elif key != "baseline.pvalue":
            compare("chi-square, CFI, TLI", value, theirs[key], tolerance=ITERATIVE)


def test_reliability(fitted: dict[str, pm.TwoLevelCfaResult], reference: dict[str, Any], compare: Compare) -> None:
    expected = reference["two"]["reliability"]
    ours = fitted["two"].reliability.groupby("coefficient", sort=False)["est"].apply(list)
    compare("omega within, between", ours["omega_within"], expected["latent"]["within"], tolerance=ITERATIVE)
    compare("omega within, between", ours["omega_between"], expected["latent"]["cluster"], tolerance=ITERATIVE)
    compare("omega of unit means", ours["omega_unit_mean"], expected["shared"][0], tolerance=ITERATIVE)
    compare("interrater reliability", ours["interrater"], expected["shared"][1], tolerance=ITERATIVE)
    expected = reference["equal"]["reliability"]
    ours = fitted["equal"].reliability.set_index("coefficient")["est"]
    names = ["omega_within", "omega_person"]
    compare("omega of persons", ours[names], expected["config"]["f"], tolerance=ITERATIVE)
    names = ["omega_unit_mean", "interrater"]
    compare("omega of unit means", ours[names], expected["shared"]["f"], tolerance=ITERATIVE)
    latent = [row["f"] for row in expected["latent"]]
    compare("omega within, between", ours[["omega_within", "omega_between"]], latent, tolerance=ITERATIVE)


def test_intraclass_correlations(
    fitted: dict[str, pm.TwoLevelCfaResult], reference: dict[str, Any], compare: Compare
) -> None:
    ours = fitted["two"].intraclass
    assert list(ours.index) == ITEMS
    compare("ICC", ours["icc"], [reference["icc"][item] for item in ITEMS], tolerance=FROM_EM)
    saturated = reference["saturated"]
    compare("ICC, variances", ours["within"], np.diag(saturated["within"]), tolerance=ITERATIVE)
    compare("ICC, variances", ours["between"], np.diag(saturated["between"]), tolerance=ITERATIVE)


@pytest.mark.parametrize("estimator", ["ML", "MLR"])
def test_equal_loadings_over_the_levels(
    estimator: str, demo: pd.DataFrame, reference: dict[str, Any], compare: Compare
) -> None:
    free = "f =~ y1 + y2 + y3 + y4"
    restricted, less = (
        pm.two_level_cfa(demo, within=model, between=model, cluster="cluster", estimator=estimator)
        for model in (EQUAL, free)
    )
    found, expected = restricted.compare(less), reference["nested"][estimator]
    assert found.df_diff == expected["df_diff"]
    assert found.restricted_first
    compare("nested models", found.chisq_diff, expected["chisq_diff"], tolerance=ITERATIVE)
    compare("nested models, p", found.p, expected["p"], tolerance=ITERATIVE)
