"""Response rates under the floor."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from toolkit import comparison
from toolkit.comparison.results import RATES
from toolkit.errors import Code, ComparisonError


def counts(*rows: tuple[str, str, str, int, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["wave", "service", "unit", "invited", "submitted"])
    frame["wave"] = pd.Categorical(frame["wave"], categories=["2024", "2025"], ordered=True)
    return frame


TWO = counts(
    ("2024", "North", "ward", 30, 24),
    ("2024", "North", "team", 9, 6),
    ("2024", "South", "ward", 12, 4),
    ("2024", "South", "clinic", 20, 11),
    ("2025", "North", "ward", 32, 16),
)


def test_rates_are_shown_from_five_submissions_on() -> None:
    rates = comparison.response_rates(TWO).rates
    assert list(rates.columns) == list(RATES)
    first = rates[rates["wave"] == "2024"].set_index(["parent", "group"])
    assert first.loc[("North", "ward"), ["invited", "submitted", "rate"]].tolist() == [30, 24, 0.8]
    assert first.loc[("", "North"), ["invited", "submitted", "rate"]].tolist() == [39, 30, 30 / 39]
    assert first.loc[("", ""), ["invited", "submitted", "rate"]].tolist() == [71, 45, 45 / 71]
    # Four submitted in one unit; the other would give them away.
    hidden = first.loc[~first["shown"]]
    assert hidden.index.tolist() == [("South", "clinic"), ("South", "ward")]
    assert hidden[["submitted", "rate"]].isna().all(axis=None)
    assert hidden["invited"].tolist() == [20, 12]


def test_a_unit_that_was_not_invited_looks_like_a_hidden_one() -> None:
    rates = comparison.response_rates(TWO).rates
    row = rates[(rates["wave"] == "2025") & (rates["group"] == "team")].iloc[0]
    assert (row["invited"], row["shown"]) == (0, False)
    assert pd.isna(row["submitted"])
    assert np.isnan(row["rate"])


def test_a_unit_that_moves_keeps_one_row_a_wave() -> None:
    moved = counts(
        *[("2024", "North", "ward", 30, 24), ("2024", "North", "team", 19, 16), ("2024", "South", "clinic", 20, 11)],
        *[("2025", "North", "ward", 30, 24), ("2025", "South", "team", 19, 15), ("2025", "South", "clinic", 20, 11)],
    )
    rates = comparison.response_rates(moved).rates
    team = rates[rates["group"] == "team"]
    assert list(team[["wave", "parent", "submitted"]].itertuples(index=False, name=None)) == [
        *[("2024", "North", 16), ("2025", "South", 15)]
    ]
    assert len(rates) == 2 * (1 + 2 + 3)


def test_rows_of_one_unit_are_added_up() -> None:
    twice = pd.concat([TWO, TWO])
    single, double = (comparison.response_rates(frame).rates for frame in (TWO, twice))
    assert (double["invited"] == 2 * single["invited"]).all()
    assert double["shown"].sum() > single["shown"].sum()


def test_rates_can_be_written_as_json() -> None:
    result = comparison.response_rates(TWO)
    assert len(json.loads(json.dumps(result.to_dict(), allow_nan=False))["rates"]) == len(result.to_frame())


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (TWO.assign(submitted=TWO["submitted"].astype(float)), Code.CMP_COUNTS),
        (TWO.assign(submitted=-1), Code.CMP_COUNTS),
        (TWO.assign(invited=5), Code.CMP_COUNTS),
        (TWO.drop(columns="invited"), Code.CMP_COLUMN),
        (TWO.assign(unit=None), Code.CMP_EMPTY_CELL),
        (TWO.assign(wave="2024"), Code.CMP_WAVE_ORDER),
        (TWO.iloc[:0], Code.CMP_NO_RESPONSES),
    ],
)
def test_what_counts_nobody_is_refused(frame: pd.DataFrame, code: Code) -> None:
    assert len(comparison.response_rates(TWO).rates)
    with pytest.raises(ComparisonError) as refusal:
        comparison.response_rates(frame)
    assert refusal.value.codes == (code,)
