"""The real command on real answers: every number of its results.json that the reference has, against R.

How many numbers were compared is printed at the end of the run, in the lines that begin with "command:".
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.comparing import CLOSED, ITERATIVE, Compare, aligned, in_order

BFI = Path(__file__).parents[1] / "instruments" / "bfi" / "1.0.0"
EOT = Path(sys.executable).with_name("eot")


@pytest.fixture(scope="module", params=["minres", "ml"])
def results(
    request: pytest.FixtureRequest,
    bfi_raw: pd.DataFrame,
    bfi_complete: pd.DataFrame,
    bfi_spec: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """results.json of the command, run on the persons of the reference, answers as they were given."""
    folder = tmp_path_factory.mktemp("validate")
    answers = bfi_raw.loc[bfi_complete.index, bfi_spec["items"]].astype(int)
    answers.to_csv(folder / "bfi.csv")
    command = [EOT, "validate", "--instrument", BFI, "--responses", folder / "bfi.csv", "--out", folder / "out"]
    command += ["--estimator", "WLSMV"] if request.param == "ml" else []
    done = subprocess.run(
        [*map(str, command), "--method", request.param], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "out" / "results.json").read_text(encoding="utf-8"))


def matrix(table: dict[str, dict[str, float]], rows: list[str]) -> np.ndarray:
    assert list(table) == rows
    return np.array([list(table[row].values()) for row in rows])


def test_every_number_of_the_command_agrees_with_r(
    results: dict[str, Any],
    bfi_reference: dict[str, Any],
    bfi_spec: dict[str, Any],
    compare: Compare,
) -> None:
    items: list[str] = bfi_reference["items"]
    assert results["data"]["n_persons"] == results["data"]["n_complete"] == bfi_reference["n"]
    told = [(line["statistic"], line["scale"], line["code"]) for line in results["warnings"]]
    expected = [("reliability_table", scale, "STA_EMPTY_CELL") for scale in "NO"]
    ordered = results["confirmation"]["estimator"] == "WLSMV"
    assert told[:2] == expected
    assert {line[2] for line in told[2:]} == {"STA_DENOMINATORS_DIFFER"} | ({"STA_EMPTY_CELL"} if ordered else set())
    assert {line[0] for line in told[2:]} == {"cfa_reliability"} | ({"cfa"} if ordered else set())
    assert not results["not_computed"]
    n = 0
    for code, scale_items in bfi_spec["scales"].items():
        theirs, scale = bfi_reference["reliability"][code], results["scales"][code]
        alpha, table = scale["alpha"], scale["item_analysis"]["table"]
        n += compare(
            "command: alpha",
            [alpha["estimate"], alpha["standardized"], alpha["mean_inter_item_correlation"]],
            [theirs["alpha"], theirs["std_alpha"], theirs["mean_r"]],
            tolerance=CLOSED,
        )
        limits = [alpha["interval"]["low"], alpha["interval"]["high"]]
        n += compare("command: Feldt interval", limits, theirs["feldt95"], tolerance=CLOSED)
        for ours, name in (
            ("alpha_if_dropped", "alpha_if_dropped"),
            ("item_rest_correlation", "item_rest_r"),
            ("mean", "item_mean"),
            ("sd", "item_sd"),
        ):
            assert list(table) == scale_items
            numbers = [table[item][ours] for item in scale_items]
            n += compare("command: items", numbers, in_order(theirs[name], scale_items), tolerance=CLOSED)
        omega = [scale["omega"]["estimate"], scale["omega"]["average_variance_extracted"]]
        n += compare("command: omega, AVE", omega, [theirs["omega_total_cfa"], theirs["ave_cfa"]], tolerance=ITERATIVE)
        n += _coefficients(scale["coefficients"], theirs, compare)
    structure, theirs = results["structure"], bfi_reference["suitability"]
    kmo, bartlett = structure["kaiser_meyer_olkin"], structure["bartlett_sphericity"]
    n += compare(
        "command: KMO",
        [kmo["overall"], *in_order(kmo["per_item"], items)],
        [theirs["kmo"], *in_order(theirs["kmo_items"], items)],
        tolerance=CLOSED,
    )
    n += compare(
        "command: Bartlett",
        [bartlett["chi_square"], bartlett["df"]],
        [theirs["bartlett_chisq"], theirs["bartlett_df"]],
        tolerance=CLOSED,
    )
    eigenvalues = structure["parallel_analysis"]["eigenvalues"]
    n += compare("command: eigenvalues", eigenvalues, bfi_reference["eigenvalues"], tolerance=CLOSED)
    n += _factor_analysis(results, bfi_reference, items, compare)
    assert n == 416
    assert _confirmed(results["confirmation"], bfi_reference, compare) == (493 if ordered else 282)


def _confirmed(found: dict[str, Any], reference: dict[str, Any], compare: Compare) -> int:
    """Compare the confirmatory model: MLR by default, because the items have six points, WLSMV where that is asked."""
    assert (found["structure"], found["missing"], found["result"]["n_persons"]) == ("correlated", "listwise", 2436)
    theirs = reference["cfa"][found["estimator"]]
    expected = {name: value for name, value in theirs["fit"].items() if value is not None}
    statistics = [name for name in expected if "chisq" in name or name in {"df", "df.scaled", "aic", "bic", "logl"}]
    indices = [name for name in expected if name not in statistics]
    fit = found["result"]["fit"]
    # seen: 7e-8 in statistics, 1.1e-7 in indices
    n = compare(
        "command: CFA statistics", [fit[name] for name in statistics], [expected[name] for name in statistics],
        tolerance=1e-6,
    )  # fmt: skip
    n += compare(
        "command: CFA indices", [fit[name] for name in indices], [expected[name] for name in indices], tolerance=1e-6,
        absolute=True,
    )  # fmt: skip
    for table, estimate, ours in (("est", "est", "parameters"), ("std", "est.std", "standardized")):
        rows = {(row["lhs"], row["op"], row["rhs"]): row for row in found["result"][ours]}
        for line in theirs[table]:
            row = rows.get((line["lhs"], line["op"], line["rhs"])) or rows[line["rhs"], line["op"], line["lhs"]]
            got, wanted = [row["est"]], [line[estimate]]
            if line["se"]:  # 0 for what is fixed, and in lavaan for residual variances of ordered items
                got, wanted = [*got, row["se"]], [*wanted, line["se"]]
            n += compare("command: CFA estimates", got, wanted, tolerance=ITERATIVE, absolute=True)
    if found["estimator"] == "MLR":
        largest = {(row["lhs"], row["op"], row["rhs"]): row for row in found["modification_indices"]}
        for line in reference["modification_indices_top"][:10]:
            row = largest[line["lhs"], line["op"], line["rhs"]]
            n += compare("command: modification indices", row["mi"], line["mi"], tolerance=ITERATIVE)
    return n


def _coefficients(ours: dict[str, dict[str, Any]], theirs: dict[str, Any], compare: Compare) -> int:
    assert all(line["estimate"] is not None and line["n_persons"] == 2436 for line in ours.values())
    closed = {
        "alpha": theirs["alpha"],
        "standardized_alpha": theirs["std_alpha"],
        "mean_inter_item_correlation": theirs["mean_r"],
        "standardized_lambda2": theirs["guttman"]["lambda2"],
        "standardized_lambda4": theirs["guttman"]["lambda4_max"],
        "standardized_lambda6": theirs["lambda6"],
        "ordinal_alpha": theirs["ordinal_alpha"],
        # seen: 4e-8, where lavaan stops
        "categorical_omega": theirs["omega_categorical_green_yang"],
    }
    iterative = {
        "omega_total": theirs["omega_total_cfa"],
        "average_variance_extracted": theirs["ave_cfa"],
    }
    n = 0
    for family, expected, tolerance in (
        ("command: every coefficient", closed, CLOSED),
        ("command: of the factor model", iterative, ITERATIVE),
    ):
        got = [ours[name]["estimate"] for name in expected]
        n += compare(family, got, list(expected.values()), tolerance=tolerance)
    limits = [ours["alpha"]["low"], ours["alpha"]["high"]]
    return n + compare("command: every coefficient", limits, theirs["feldt95"], tolerance=CLOSED)


def _factor_analysis(results: dict[str, Any], reference: dict[str, Any], items: list[str], compare: Compare) -> int:
    efa, theirs = results["structure"]["efa"], reference["efa"][f"{results['plan']['method']}_oblimin"]
    target = np.array(theirs["loadings"]["values"], dtype=float)
    assert theirs["loadings"]["rows"] == items
    loadings, phi = aligned(matrix(efa["loadings"], items), matrix(efa["phi"], list(efa["phi"])), target)
    n = compare("command: EFA loadings", loadings, target, tolerance=ITERATIVE, absolute=True)
    pairs = np.tril_indices(5, k=-1)
    n += compare(
        "command: EFA Phi", phi[pairs], np.array(theirs["Phi"]["values"])[pairs], tolerance=ITERATIVE, absolute=True
    )
    communality = in_order(theirs["communality"], items)
    n += compare("command: EFA communalities", in_order(efa["communalities"], items), communality, tolerance=ITERATIVE)
    rmsea = [efa["rmsea"][name] for name in ("estimate", "low", "high")]
    fit = [efa["chi_square"], efa["df"], *rmsea, efa["tli"], efa["bic"], efa["rmsr"]]
    expected = [theirs["chisq"], theirs["df"], *theirs["rmsea"], theirs["tli"], theirs["bic"], theirs["rms"]]
    return n + compare("command: EFA fit", fit, expected, tolerance=ITERATIVE)


def test_the_number_of_factors_is_that_of_the_reference(results: dict[str, Any], bfi_reference: dict[str, Any]) -> None:
    structure = results["structure"]
    assert structure["n_factors"] == 5
    assert structure["n_factors_from"] == "scales"
    reference = bfi_reference["retention"]
    assert structure["parallel_analysis"]["n_factors"] == reference["parallel_pca"]["n_factors"]
    found = {name: row["n_factors"] for name, row in structure["retention"]["table"].items()}
    assert [found["MAP, original"], found["MAP, revised"]] == reference["map"]["n_factors"]
    assert found["empirical Kaiser"] == reference["ekc"]["n_factors"]
    assert [found["hull, CAF"], found["hull, CFI"], found["hull, RMSEA"]] == reference["hull"]["n_factors"]
    assert found["parallel analysis, smc"] == reference["parallel_smc"]["n_factors"]
