"""Every coefficient of a scale is that of the statistic itself; what is lacking is told once."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest

from toolkit import instruments
from toolkit import psychometrics as pm
from toolkit.errors import Code
from toolkit.instruments import Instrument
from toolkit.validation import ValidationPlan, coefficients
from toolkit.validation.attempts import Attempts
from toolkit.validation.coefficients import scale_coefficients

ITEMS = [f"HB{number}" for number in range(1, 6)]


@pytest.fixture(scope="module")
def eomhs() -> Instrument:
    return instruments.load("eomhs@1.0.0")


@pytest.fixture
def answers() -> pd.DataFrame:
    frame = pm.simulate_ordinal([0.8, 0.7, 0.7, 0.6, 0.6], thresholds=[-1.2, -0.4, 0.4, 1.2], n_persons=300, rng=2)
    frame.columns = pd.Index(ITEMS)
    frame.loc[:19, "HB1"] = np.nan
    return frame


@pytest.mark.parametrize(("missing", "n_persons"), [("pairwise", 300), ("listwise", 280)])
def test_the_numbers_are_those_of_the_statistic_under_the_rule_of_the_plan(
    eomhs: Instrument, answers: pd.DataFrame, missing: Literal["pairwise", "listwise"], n_persons: int
) -> None:
    plan, attempts = ValidationPlan(missing=missing, level=0.9), Attempts()
    found = scale_coefficients(eomhs, "HB", answers, plan, attempts)
    expected = pm.reliability_table(answers, {"HB": ITEMS}, missing=missing, level=0.9, rng=plan.seed).coefficients
    assert [line.name for line in found] == expected["coefficient"].tolist()
    for name in ("estimate", "low", "high"):
        np.testing.assert_array_equal([getattr(line, name) for line in found], expected[name])
    assert {line.name: line.n_persons for line in found}["alpha"] == n_persons
    assert attempts.not_computed == []
    lambda2 = next(line for line in found if line.name == "lambda2")
    assert lambda2.to_dict()["low"] is None
    assert lambda2.interval == "none"


def test_codes_of_many_points_are_not_taken_as_ordered_answers(
    eomhs: Instrument, answers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names() -> set[str]:
        return {line.name for line in scale_coefficients(eomhs, "HB", answers, ValidationPlan(), Attempts())}

    monkeypatch.setattr(coefficients, "MOST_POINTS", 5)
    with_ordinal = names()
    monkeypatch.setattr(coefficients, "MOST_POINTS", 4)
    assert with_ordinal - names() == {"ordinal_alpha", "categorical_omega"}


def test_a_scale_without_any_coefficient_is_absent_with_its_reasons(eomhs: Instrument, answers: pd.DataFrame) -> None:
    attempts = Attempts()
    assert scale_coefficients(eomhs, "HB", answers[["HB1"]], ValidationPlan(), attempts) == ()
    (absent,) = attempts.not_computed
    assert (absent.statistic, absent.scale) == ("reliability_table", "HB")
    assert {problem.code for problem in absent.problems} == {Code.STA_TOO_FEW_ITEMS}
    assert attempts.warnings == []


def test_a_warning_that_the_scale_already_has_is_not_told_again(eomhs: Instrument, answers: pd.DataFrame) -> None:
    pair = answers[["HB1", "HB2"]]
    alone, after = Attempts(), Attempts()
    found = scale_coefficients(eomhs, "HB", pair, ValidationPlan(), alone)
    assert np.isnan(next(line.estimate for line in found if line.name == "omega_total"))
    assert Code.STA_TOO_FEW_ITEMS in {problem.code for _, _, problem in alone.warnings}
    after.warnings.extend(("composite_omega", "HB", problem) for _, _, problem in alone.warnings)
    scale_coefficients(eomhs, "HB", pair, ValidationPlan(), after)
    assert len(after.warnings) == len(alone.warnings)
