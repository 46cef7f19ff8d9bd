"""Ordinal correlations against R: lavaan's polychoric correlations, thresholds and Gamma, Spearman, psych's smoothing.

Values of bfi.json come from lavaan 0.7-2, those of polychoric.json from lavaan 0.6.14; lavaan stops its search for a
correlation early, so that 3e-8 is seen where nothing is rounded.
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
from toolkit.psychometrics._smoothing import raised_eigenvalues


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """Values of lavaan, psych and R; see reference/make_polychoric_reference.R."""
    return json.loads((REFERENCE / "polychoric.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def bfi_reversed(bfi_raw: pd.DataFrame, bfi_spec: dict[str, Any]) -> pd.DataFrame:
    """All 2,800 persons with their missing answers, reverse-keyed items reversed."""
    whole = bfi_raw[bfi_spec["items"]].copy()
    whole[bfi_spec["reverse"]] = bfi_spec["min"] + bfi_spec["max"] - whole[bfi_spec["reverse"]]
    return whole


def pairs_of(matrix: Any) -> np.ndarray:
    values = np.asarray(matrix, dtype=float)
    return values[np.triu_indices(values.shape[0], k=1)]


def test_polychoric_correlations(bfi_complete: pd.DataFrame, bfi_reference: dict[str, Any], compare: Compare) -> None:
    reference = bfi_reference["polychoric"]
    result = pm.polychoric(bfi_complete)
    assert result.converged
    assert list(result.matrix.columns) == reference["R"]["cols"]
    # seen: 3.3e-8, absolute, as correlations may be zero
    found, theirs = pairs_of(result.matrix), pairs_of(reference["R"]["values"])
    compare("polychoric correlations", found, theirs, tolerance=ITERATIVE, absolute=True)
    named = {f"{item}|t{k}": cut for item, cuts in result.thresholds.items() for k, cut in enumerate(cuts, start=1)}
    assert list(named) == list(reference["thresholds"])
    thresholds = list(reference["thresholds"].values())
    compare("polychoric thresholds", list(named.values()), thresholds, tolerance=CLOSED)


@pytest.mark.parametrize("case", ["five", "pairwise", "two"])
def test_gamma(
    case: str, bfi_complete: pd.DataFrame, bfi_reversed: pd.DataFrame, reference: dict[str, Any], compare: Compare
) -> None:
    """All asymptotic covariances, relative to the geometric mean of the two variances; seen: 4.3e-8."""
    frames = {
        "five": bfi_complete[["A1", "A2", "A3", "A4", "A5"]],
        "pairwise": bfi_reversed[["A1", "A2", "A3", "A4", "A5"]],
        "two": pd.DataFrame(
            {a: (bfi_complete[b] > c) * 1 for a, b, c in (("a", "A2", 4), ("b", "A3", 4), ("e", "A5", 3))}
        ),
    }
    missing: Any = "pairwise" if case == "pairwise" else "listwise"
    result = pm.polychoric(frames[case], missing=missing, acov="full")
    theirs = reference[case]
    assert result.n_persons == theirs["n"]
    assert isinstance(result.acov, pd.DataFrame)
    assert list(result.acov.index) == list(result.acov.columns) == theirs["names"]
    gamma = np.array(theirs["gamma"], dtype=float)
    scale = np.sqrt(np.outer(np.diag(gamma), np.diag(gamma)))
    found = result.n_persons * result.acov.to_numpy() / scale
    compare("Gamma", found, gamma / scale, tolerance=ITERATIVE, absolute=True)
    compare("polychoric correlations", pairs_of(result.matrix), pairs_of(theirs["R"]), tolerance=ITERATIVE)
    cuts = np.concatenate(list(result.thresholds.values()))
    compare("polychoric thresholds", cuts, list(theirs["thresholds"].values()), tolerance=CLOSED)


def test_variances_of_all_items(bfi_complete: pd.DataFrame, reference: dict[str, Any], compare: Compare) -> None:
    theirs = reference["all"]
    result = pm.polychoric(bfi_complete, acov="diagonal")
    assert isinstance(result.acov, pd.Series)
    assert list(result.acov.index) == theirs["names"]
    compare("Gamma, diagonal", result.n_persons * result.acov, theirs["gamma_diagonal"], tolerance=ITERATIVE)


def test_an_empty_cell_of_two_by_two(reference: dict[str, Any], compare: Compare) -> None:
    frame = pd.DataFrame(reference["empty"]["data"], columns=["u", "v", "w"])
    result = pm.polychoric(frame, empty_cells="add_half_2x2")
    theirs = pairs_of(reference["empty"]["R"])
    compare("empty cell", pairs_of(result.matrix), theirs, tolerance=ITERATIVE, absolute=True)


@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
def test_spearman(
    missing: Any, bfi_complete: pd.DataFrame, bfi_reversed: pd.DataFrame, reference: dict[str, Any], compare: Compare
) -> None:
    frame = bfi_complete if missing == "listwise" else bfi_reversed
    theirs = pairs_of(reference["spearman"][missing])
    for data in (frame, pm.count_responses(frame)):
        found = pairs_of(pm.spearman_correlation(data, missing=missing).matrix)
        compare("Spearman correlations", found, theirs, tolerance=CLOSED)


def test_smoothing(reference: dict[str, Any], compare: Compare) -> None:
    theirs = reference["smooth"]
    found = raised_eigenvalues(np.array(theirs["matrix"], dtype=float))
    compare("smoothing", pairs_of(found), pairs_of(theirs["smoothed"]), tolerance=CLOSED)
