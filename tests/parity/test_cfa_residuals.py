"""Residual correlations and their standard errors against lavaan's lavResiduals on bfi."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.comparing import ITERATIVE, Compare
from toolkit import psychometrics as pm
from toolkit.psychometrics.cfa.cfa import cfa

ITEMS = ["A1", "A2", "A3", "A4", "A5", "C1", "C2", "C3"]
CALLS: dict[str, dict[str, Any]] = {
    "ml": {},
    "mlr": {"estimator": "MLR"},
    "fiml": {"missing": "fiml"},
    "groups": {"group": "gender"},
    "wlsmv": {"ordered": True},
    "ulsmv": {"ordered": True, "estimator": "ULSMV"},
}


@pytest.mark.parametrize("kind", CALLS)
def test_residual_correlations_and_standard_errors(kind: str, bfi_raw: pd.DataFrame, compare: Compare) -> None:
    stored = json.loads((Path(__file__).parent / "reference" / "residuals.json").read_text(encoding="utf-8"))
    data = bfi_raw[[*ITEMS, "gender"]].head(700).copy()
    data["A1"] = 7 - data["A1"]
    if kind != "fiml":
        data = data.dropna()
    found = pm.local_dependence(cfa(data, stored["model"], **CALLS[kind])).pairs
    groups = list(dict.fromkeys(data["gender"])) if kind == "groups" else [""]
    assert len(stored[kind]) == len(groups)
    first, second = np.triu_indices(8, 1)
    for group, expected in zip(groups, stored[kind], strict=True):
        mine = found[found["group"] == str(group)].set_index(["item_1", "item_2"])
        mine = mine.loc[[(ITEMS[i], ITEMS[j]) for i, j in zip(first, second, strict=True)]]
        for name in ("residual", "se"):
            theirs = np.array(expected[name])[first, second]
            compare(f"residual correlations, {name}", mine[name], theirs, tolerance=ITERATIVE, absolute=True)
