"""Reliability under confirmatory models against semTools on lavaan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.comparing import ITERATIVE, Compare
from toolkit import psychometrics as pm

FOLDER = Path(__file__).parent / "reference"
# semTools 0.5.6 reliabilityL2(fit, "ability") on lavaan 0.6.14 with rel.tol 1e-14, model hs/models/higher_order
LEVEL_2 = {"omegaL1": 0.554294783149, "omegaL2": 0.695890450059, "partialOmegaL1": 0.781842343511}
COLUMNS = {
    "omega": "omega",
    "omega_implied": "omega_model",
    "ave": "average_variance_extracted",
}


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "cfa.json").read_text(encoding="utf-8"))
    return found


def data(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"cfa_{name}.csv")


def matched(result: Any, theirs: dict[str, Any], group: str = "") -> tuple[list[float], list[float]]:
    """Return our and their omegas and average variances extracted, where they have any."""
    rows = result.factors[result.factors["group"] == group].set_index("factor")
    ours, other = [], []
    for key, column in COLUMNS.items():
        place = theirs[key]["group"].index(group) if group else None
        for factor, value in theirs[key].items():
            if factor != "group" and value is not None:
                ours.append(rows.loc[factor, column])
                other.append(value if place is None else value[place])
    return ours, other


@pytest.mark.parametrize(("kind", "std_lv"), [("ml", False), ("higher_order", False), ("bifactor", True)])
def test_omega_and_variance_extracted(reference: dict[str, Any], compare: Compare, kind: str, std_lv: bool) -> None:
    hs = reference["hs"]
    theirs = hs[kind]["reliability"]
    result = pm.cfa(data("hs"), hs["models"]["basic" if kind == "ml" else kind], std_lv=std_lv).reliability()
    # seen: 1.4e-6, where lavaan stops
    compare("cfa omega, AVE", *matched(result, theirs), tolerance=1e-5)
    compare("cfa omega of all items", result.total["omega"], [theirs["omega_total"]["total"]], tolerance=1e-5)


def test_residual_covariances(reference: dict[str, Any], compare: Compare) -> None:
    theirs = reference["pd"]
    result = pm.cfa(data("pd"), theirs["models"]["basic"]).reliability()
    compare("cfa omega, AVE", *matched(result, theirs["ml"]["reliability"]), tolerance=1e-5)


@pytest.mark.parametrize(("kind", "equal"), [("configural", ()), ("scalar", ("loadings", "intercepts"))])
def test_groups(reference: dict[str, Any], compare: Compare, kind: str, equal: tuple[Any, ...]) -> None:
    theirs = reference["hs_group"]
    result = pm.cfa(data("hs"), theirs["model"], group="school", group_equal=equal).reliability()
    for number, group in enumerate(theirs["group_order"]):
        # seen: 1.5e-5, where lavaan stops
        compare("cfa omega, AVE", *matched(result, theirs["reliability"][kind], group), tolerance=ITERATIVE)
        whole = theirs["reliability"][kind]["omega_total"]["total"][number]
        compare("cfa omega of all items", result.total["omega"][number], whole, tolerance=ITERATIVE)


@pytest.mark.parametrize(("kind", "model"), [("wlsmv_delta", "one"), ("two_factor_wlsmv", "two")])
def test_ordered_items(reference: dict[str, Any], compare: Compare, kind: str, model: str) -> None:
    theirs = reference["ordinal"]
    result = pm.cfa(data("datcat"), theirs["models"][model], ordered=True).reliability()
    # seen: 1e-8
    compare("cfa categorical omega, AVE", *matched(result, theirs[kind]["reliability"]), tolerance=1e-6)
    latent = list(theirs[kind]["reliability_latent"]["omega_implied"].values())
    compare("cfa composite reliability", result.factors["composite_reliability"], latent, tolerance=1e-6)


def test_theta_gives_the_same_as_delta(reference: dict[str, Any], compare: Compare) -> None:
    """The variance extracted is that of variables with variance 1; semTools' depends on the parameterization."""
    theirs = reference["ordinal"]
    result = pm.cfa(data("datcat"), theirs["models"]["one"], ordered=True, parameterization="theta").reliability()
    omega = theirs["wlsmv_theta"]["reliability"]["omega"]["f"]
    compare("cfa categorical omega, AVE", result.factors["omega"], [omega], tolerance=1e-6)
    extracted = theirs["wlsmv_delta"]["reliability"]["ave"]["f"]
    compare("cfa categorical omega, AVE", result.factors["average_variance_extracted"], [extracted], tolerance=1e-6)


def test_two_codes(reference: dict[str, Any], compare: Compare) -> None:
    theirs = reference["ordinal"]
    binary = (data("datcat")[theirs["items"]] >= 3).astype(int)
    result = pm.cfa(binary, theirs["models"]["one"], ordered=True).reliability()
    compare(
        "cfa categorical omega, AVE", *matched(result, theirs["binary"]["wlsmv_delta"]["reliability"]), tolerance=1e-6
    )


def test_ordered_beside_continuous_factors(reference: dict[str, Any], compare: Compare) -> None:
    theirs = reference["mixed"]
    result = pm.cfa(data("mixed"), theirs["models"]["two"], ordered=theirs["ordered"]).reliability()
    compare("cfa categorical omega, AVE", *matched(result, theirs["wlsmv_two"]["reliability"]), tolerance=1e-6)


def test_higher_order(reference: dict[str, Any], compare: Compare) -> None:
    result = pm.cfa(data("hs"), reference["hs"]["models"]["higher_order"]).reliability()
    row = result.higher_order.iloc[0]
    at_level_1 = result.factors.set_index("factor").loc["ability", "omega_model"]
    ours = [at_level_1, row["omega_level_2"], row["partial_omega_level_1"]]
    compare("cfa higher order", ours, list(LEVEL_2.values()), tolerance=1e-6)
    assert row["omega_level_1"] == result.factors.set_index("factor").loc["ability", "omega"]


def test_heterotrait_monotrait(reference: dict[str, Any], compare: Compare) -> None:
    result = pm.cfa(data("hs"), reference["hs"]["models"]["basic"]).reliability()
    lower = np.tril_indices(3)
    for table, key in ((result.htmt, "absolute_true_htmt2_false"), (result.htmt2, "absolute_true_htmt2_true")):
        theirs = reference["hs"]["htmt"][key]
        assert list(table.columns) == theirs["names"]
        compare("cfa HTMT", table.to_numpy()[lower], theirs["lower"], tolerance=1e-6)
    ordered = pm.cfa(data("datcat"), reference["ordinal"]["models"]["two"], ordered=True).reliability()
    theirs = reference["ordinal"]["two_factor_wlsmv"]["htmt"]["lower"]
    compare("cfa HTMT", ordered.htmt2.to_numpy()[np.tril_indices(2)], theirs, tolerance=1e-6)


@pytest.mark.parametrize("scale", "ACENO")
def test_bfi_scales(
    scale: str, bfi_complete: pd.DataFrame, bfi_spec: dict[str, Any], bfi_reference: dict[str, Any], compare: Compare
) -> None:
    theirs, items = bfi_reference["reliability"][scale], bfi_spec["scales"][scale]
    model = f"f =~ {' + '.join(items)}"
    row = pm.cfa(bfi_complete, model).reliability().factors.iloc[0]
    compare("cfa omega, AVE", row["omega"], theirs["omega_total_cfa"], tolerance=1e-5)
    compare("cfa omega, AVE", row["average_variance_extracted"], theirs["ave_cfa"], tolerance=1e-5)
    ordered = pm.cfa(bfi_complete, model, ordered=True).reliability().factors.iloc[0]
    compare("cfa categorical omega", ordered["omega"], theirs["omega_categorical_green_yang"], tolerance=1e-6)
