"""Sample statistics of ordered and continuous variables against lavaan 0.6.14: wls.obs, covariances and Gamma."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.comparing import CLOSED, ITERATIVE, Compare
from tests.conftest import REFERENCE
from toolkit.psychometrics.cfa.mixed_moments import mixed_moments


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    """Values of lavaan; see reference/make_mixed_reference.R."""
    return json.loads((REFERENCE / "mixed.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    """300 persons, ordered variables with 2, 3, 2 and 5 categories, continuous ones of three units."""
    whole = pd.read_csv(REFERENCE / "mixed.csv")
    found = {str(case): part.drop(columns="case") for case, part in whole.groupby("case")}
    return found | {"one": found["complete"][["y1", "y2", "y3", "u2"]]}


@pytest.mark.parametrize("case", ["complete", "pairwise", "one"])
def test_mixed_moments(case: str, frames: dict[str, pd.DataFrame], reference: dict[str, Any], compare: Compare) -> None:
    frame, theirs = frames[case], reference[case]
    missing: Any = "pairwise" if case == "pairwise" else "listwise"
    found = mixed_moments(
        frame.to_numpy(dtype=float),
        frame.columns.isin(reference["ordered"]),
        items=list(frame.columns),
        missing=missing,
        empty_cells="add_half_2x2",
    )
    assert found.n_persons == theirs["n"]
    assert found.converged
    assert list(found.names) == theirs["names"]
    # seen: 1.1e-5 in one polyserial covariance, where lavaan stops early (1e-8 with its tolerance at 1e-15); else 3e-7
    compare("mixed statistics", found.statistics, theirs["wls_obs"], tolerance=ITERATIVE)
    compare("mixed covariances", found.covariance, theirs["covariance"], tolerance=ITERATIVE)
    thresholds = np.atleast_1d(theirs["thresholds"])
    compare("mixed thresholds", np.concatenate(found.thresholds), thresholds, tolerance=CLOSED)
    continuous = ~found.ordered
    compare("mixed means", found.means[continuous], np.array(theirs["means"])[continuous], tolerance=CLOSED)
    variances = np.diag(np.array(theirs["covariance"], dtype=float))
    compare("mixed variances", found.variances, variances, tolerance=CLOSED)
    # relative to the geometric mean of the two variances; seen: 1.9e-5, of the same covariance; else 3e-7
    gamma = np.array(theirs["gamma"], dtype=float)
    scale = np.sqrt(np.outer(np.diag(gamma), np.diag(gamma)))
    compare("mixed Gamma", found.gamma / scale, gamma / scale, tolerance=ITERATIVE, absolute=True)
