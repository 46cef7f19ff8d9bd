"""What leaves is rounded so far that a few people's scores cannot be worked out."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
import pytest

from toolkit import comparison, instruments
from toolkit.comparison.results import Comparison
from toolkit.comparison.rounding import FEWEST_FOR_A_DECIMAL


@pytest.fixture(scope="module")
def compared() -> Comparison:
    instrument = instruments.load("eomhs@1.0.0")
    rng = np.random.default_rng(7)
    units = np.repeat(["few", "some", "many"], [5, 12, 60])
    parts = [
        pd.DataFrame(rng.integers(1, 6, (len(units), 31)).astype(float), columns=list(instrument.item_codes)).assign(
            unit=units, service="one", wave=wave, language="en"
        )
        for wave in ("w1", "w2")
    ]
    answers = pd.concat(parts, ignore_index=True)
    answers["wave"] = pd.Categorical(answers["wave"], categories=["w1", "w2"], ordered=True)
    return comparison.compare(instrument, answers)


def test_few_people_have_whole_points_and_many_one_decimal(compared: Comparison) -> None:
    told = comparison.rounded(compared)
    for group, decimals in (("few", 0), ("some", 0), ("many", 1)):
        exact = compared.levels[compared.levels["group"] == group]
        rows = told.levels[told.levels["group"] == group]
        for name in ("mean", "sd", "se", "low", "high"):
            pd.testing.assert_series_equal(rows[name], exact[name].round(decimals) + 0.0)
        changes = told.changes[told.changes["group"] == group]
        for name in ("difference", "low", "high"):
            pd.testing.assert_series_equal(
                changes[name], compared.changes.loc[changes.index, name].round(decimals) + 0.0
            )
    assert FEWEST_FOR_A_DECIMAL == 30


def test_findings_follow_the_rounded_numbers_and_nothing_hidden_appears(compared: Comparison) -> None:
    hidden = compared.levels["group"] == "few"
    levels = compared.levels.copy()
    numbers = levels.select_dtypes("float64").columns
    levels.loc[hidden, numbers] = np.nan
    levels.loc[hidden, "n"] = pd.NA
    told = comparison.rounded(replace(compared, levels=levels))
    assert told.levels.loc[hidden, numbers].isna().all(axis=None)
    assert told.levels.loc[hidden, "n"].isna().all()
    differences = [finding.difference for finding in told.findings if not math.isnan(finding.difference)]
    assert differences
    assert differences == [round(difference, 1) for difference in differences]


def test_five_people_cannot_be_told_from_what_leaves() -> None:
    """Many sets of five scores share the rounded mean and SD; in full precision one set alone has them."""
    possible = [step * 5.0 for step in range(21)]
    true = (10.0, 35.0, 40.0, 75.0, 95.0)
    sets = np.array(list(combinations_with_replacement(possible, 5)))
    means, deviations = sets.mean(axis=1), sets.std(axis=1, ddof=1)
    mean, deviation = np.mean(true), np.std(true, ddof=1)
    exactly = np.isclose(means, mean) & np.isclose(deviations, deviation)
    alike = (means.round() == round(mean)) & (deviations.round() == round(deviation))
    assert exactly.sum() <= 25
    assert alike.sum() >= 4 * exactly.sum()
