"""Reliability of the bfi scales against psych, semTools and lavaan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.comparing import CLOSED, ITERATIVE, Compare, aligned
from toolkit import psychometrics as pm

SCALES = "ACENO"


@pytest.mark.parametrize("scale", SCALES)
def test_guttman(
    scale: str, bfi_complete: pd.DataFrame, bfi_spec: dict[str, Any], bfi_reference: dict[str, Any], compare: Compare
) -> None:
    reference = bfi_reference["reliability"][scale]
    result = pm.guttman_lambdas(bfi_complete[bfi_spec["scales"][scale]], standardized=True, resign=True)
    assert result.exhaustive
    assert result.resigned_items == ()
    compare(
        "Guttman's lambda 2, 4, 6, worst split",
        [result.lambda2, result.lambda4, result.lambda6, result.beta],
        [
            reference["guttman"]["lambda2"],
            reference["guttman"]["lambda4_max"],
            reference["lambda6"],
            reference["guttman"]["beta_min"],
        ],
        tolerance=CLOSED,
    )
    plain = pm.guttman_lambdas(bfi_complete[bfi_spec["scales"][scale]])
    assert plain.lambda3 == pytest.approx(reference["alpha"], rel=CLOSED)


@pytest.mark.parametrize("scale", SCALES)
def test_ordinal_coefficients(
    scale: str, bfi_complete: pd.DataFrame, bfi_spec: dict[str, Any], bfi_reference: dict[str, Any], compare: Compare
) -> None:
    reference, answers = bfi_reference["reliability"][scale], bfi_complete[bfi_spec["scales"][scale]]
    omega, alpha = pm.composite_omega(answers, ordinal=True), pm.ordinal_alpha(answers)
    assert omega.converged
    assert omega.estimate == omega.observed_denominator
    # seen: 4e-8, where lavaan stops
    green_yang = reference["omega_categorical_green_yang"]
    compare("categorical omega", omega.estimate, green_yang, tolerance=1e-6)
    compare("ordinal alpha", alpha.estimate, reference["ordinal_alpha"], tolerance=CLOSED)
    assert omega.interval.low < omega.estimate < omega.interval.high


def test_omega_hierarchical(bfi_complete: pd.DataFrame, bfi_reference: dict[str, Any], compare: Compare) -> None:
    reference = bfi_reference["omega"]
    result = pm.mcdonald_omega(bfi_complete, n_factors=5, rng=1)
    assert result.converged
    assert result.warnings == ()
    expected = [reference[name] for name in ("omega_h", "omega_total", "ecv", "alpha")]
    got = [result.hierarchical, result.total, result.ecv, result.alpha]
    compare("omega hierarchical, total, ECV, alpha", got, expected, tolerance=ITERATIVE)  # seen: 1e-5
    table = reference["schmid_leiman"]
    assert table["rows"] == list(result.schmid_leiman.index)
    theirs = np.array(table["values"], dtype=float)
    ours = result.schmid_leiman
    compare("Schmid-Leiman loadings", ours["g"], theirs[:, 0], tolerance=ITERATIVE, absolute=True)
    groups = [f"F{j}*" for j in range(1, 6)]
    loadings, _ = aligned(ours[groups].to_numpy(), np.eye(5), theirs[:, 1:6])
    compare("Schmid-Leiman loadings", loadings, theirs[:, 1:6], tolerance=ITERATIVE, absolute=True)
    shares = ours[["h2", "u2", "p2"]]
    compare("Schmid-Leiman h2, u2, p2", shares, theirs[:, 6:9], tolerance=ITERATIVE, absolute=True)
