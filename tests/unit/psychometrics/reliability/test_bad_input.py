"""What every reliability statistic does with wrong, thin or strange data: a coded refusal or a flagged result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from toolkit import psychometrics as pm
from toolkit.errors import Code

GOOD = pm.simulate_ordinal([0.8, 0.7, 0.6, 0.5], thresholds=[-0.7, 0.6], n_persons=120, rng=1)
STATISTICS: dict[str, Callable[[Any], Any]] = {
    "cronbach_alpha": pm.cronbach_alpha,
    "bootstrap": lambda df: pm.cronbach_alpha(df, interval="bootstrap", n_bootstrap=100, rng=1),
    "guttman_lambdas": pm.guttman_lambdas,
    "greatest_lower_bound": pm.greatest_lower_bound,
    "split_half": pm.split_half,
    "measurement_error": pm.measurement_error,
    "composite_omega": pm.composite_omega,
    "categorical_omega": lambda df: pm.composite_omega(df, ordinal=True),
    "ordinal_alpha": pm.ordinal_alpha,
    "mcdonald_omega": lambda df: pm.mcdonald_omega(df, n_factors=1, rng=1),
}
BAD = {
    Code.STA_NOT_NUMERIC: GOOD.assign(item2="often"),
    Code.STA_NOT_FINITE: GOOD.assign(item2=np.inf),
    Code.STA_DUPLICATE_ITEM: GOOD.set_axis(["a", "b", "a", "c"], axis=1),
    Code.STA_ALL_MISSING_ITEM: GOOD.assign(item2=np.nan),
    Code.STA_CONSTANT_ITEM: GOOD.assign(item2=2),
    Code.STA_TOO_FEW_PERSONS: GOOD.head(2),
    Code.STA_TOO_FEW_ITEMS: GOOD[["item1"]],
    Code.STA_NOT_A_FRAME: GOOD.to_numpy(),
}
NEED_REGULAR = ("greatest_lower_bound", "composite_omega", "mcdonald_omega")


def codes(result: Any) -> list[Code]:
    return [problem.code for problem in result.warnings]


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("code", BAD)
def test_wrong_data_are_refused_with_a_code(code: Code, name: str, refused: Callable[..., object]) -> None:
    refused(code, STATISTICS[name], valid=GOOD, bad=BAD[code])


@pytest.mark.parametrize("name", STATISTICS)
def test_negative_reliability_is_a_number_with_a_warning(name: str) -> None:
    """Two of four items point the other way; nothing is turned round."""
    turned = GOOD.assign(item1=4 - GOOD["item1"], item2=4 - GOOD["item2"])
    result = STATISTICS[name](turned)
    if name in {"measurement_error", "mcdonald_omega"}:
        assert isinstance(result, pm.MeasurementErrorResult | pm.HierarchicalOmegaResult)
    else:
        assert Code.STA_NEGATIVE_ITEM in codes(result)
    if name == "measurement_error":
        assert result.reliability < 0
    elif name == "mcdonald_omega":
        assert result.alpha < 0
        assert result.schmid_leiman["g"].min() < 0
    elif name == "guttman_lambdas":
        assert result.lambda3 < 0
    elif name == "split_half":
        assert np.isfinite(result.flanagan_rulon)
    elif name in {"cronbach_alpha", "bootstrap", "ordinal_alpha"}:
        assert result.estimate < 0
        assert result.interval.low < result.estimate < result.interval.high
    else:
        assert result.estimate < 0.5


@pytest.mark.parametrize("name", STATISTICS)
def test_two_identical_items_are_refused_or_computed(name: str, refused: Callable[..., object]) -> None:
    twins = GOOD.assign(again=GOOD["item1"])
    if name in NEED_REGULAR:
        refused(Code.STA_SINGULAR_CORRELATION, STATISTICS[name], valid=GOOD, bad=twins)
    else:
        result = STATISTICS[name](twins)
        flagged = {
            "guttman_lambdas": Code.STA_UNDEFINED,
            "categorical_omega": Code.STA_PERFECT_CORRELATION,
            "ordinal_alpha": Code.STA_PERFECT_CORRELATION,
        }
        if name in flagged:
            assert flagged[name] in codes(result)


@pytest.mark.parametrize("name", STATISTICS)
def test_fewer_persons_than_items(name: str, refused: Callable[..., object]) -> None:
    wide = pm.simulate_ordinal([0.7] * 12, thresholds=[0], n_persons=11, rng=2)
    wide = wide.loc[:, wide.std() > 0].iloc[:8]
    assert wide.shape[0] < wide.shape[1]
    wide = wide.loc[:, wide.std() > 0]
    if name in NEED_REGULAR:
        refused(Code.STA_TOO_FEW_PERSONS, STATISTICS[name], valid=GOOD, bad=wide)
    elif name not in {"categorical_omega", "ordinal_alpha"}:
        assert np.isfinite(pm.cronbach_alpha(wide).estimate)
        assert STATISTICS[name](wide).n_persons == 8
    else:
        assert Code.STA_EMPTY_CELL in codes(STATISTICS[name](wide))


def test_missing_answers_are_dropped_and_counted() -> None:
    holes = GOOD.copy()
    holes.iloc[:7, 0] = np.nan
    for name, statistic in STATISTICS.items():
        assert statistic(holes).n_dropped == 7, name
