"""Two-level factor models against lavaan, on lavaan's Demo.twolevel (y1-y6 in 200 clusters of 5 to 20).

lavaan 0.6.14 finds the saturated covariances by EM, which stops .0001 short in the log-likelihood; the reference fits
them as a model too, and only that is compared to 1e-6.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.comparing import CLOSED, Compare
from tests.conftest import REFERENCE
from toolkit.psychometrics.cfa import _two_level as two_level

ITEMS = [f"y{number}" for number in range(1, 7)]


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
        compare("saturated estimates", got, expected[name], tolerance=1e-4, absolute=True)  # lavaan stops: 8.7e-5 seen
    shares = np.diag(found.Sigma_B) / np.diag(found.Sigma_B + found.Sigma_W)
    compare("saturated ICC", shares, [reference["icc"][item] for item in ITEMS], tolerance=3e-4)  # EM: 1.5e-4 seen
