"""Distributions of items, against pandas and the floors."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tests.unit.comparison.conftest import Respond
from toolkit import comparison
from toolkit.comparison.results import SHARES
from toolkit.disclosure.audit import Publication, audit
from toolkit.disclosure.thresholds import Policy
from toolkit.errors import Code, ResponsesError
from toolkit.instruments import Instrument


def test_the_shares_are_those_of_pandas(two_waves: pd.DataFrame, form: Instrument) -> None:
    frame = two_waves.copy()
    frame.iloc[::7, frame.columns.get_loc("HB1")] = -7
    frame.iloc[::11, frame.columns.get_loc("HB1")] = np.nan
    result = comparison.distributions(form, frame)
    assert list(result.shares.columns) == list(SHARES)
    assert len(result.shares) == 31 * 2 * 11 * 5
    checked = 0
    for (item, wave, kind, group), rows in result.shares[result.shares["item"].isin(["HB1", "LS2"])].groupby(
        ["item", "wave", "kind", "group"], observed=True
    ):
        mask = (frame["wave"] == wave) & ((kind == "all") | (frame.get(kind, frame["unit"]) == group))
        values = frame.loc[mask, item]
        values = values[values.between(1, 5)]
        if rows["shown"].all():
            assert set(rows["n"]) == {len(values)}
            expected = values.value_counts(normalize=True).reindex([1, 2, 3, 4, 5], fill_value=0.0)
            np.testing.assert_allclose(rows["share"], expected)
            checked += 1
        else:
            assert not rows["shown"].any()
            assert rows[["n", "share"]].isna().all(axis=None)
    assert checked > 20


def test_ten_people_and_nothing_to_subtract(respond: Respond, form: Instrument) -> None:
    frame = respond({"2024": {"North": [30, 12, 9], "South": [30, 10, 10]}})
    shares = comparison.distributions(form, frame).shares.query("item == 'HB1' and code == 1")
    assert set(shares.loc[~shares["shown"], "group"]) == {"North 2", "North 3"}
    sizes = frame.groupby(["service", "unit"]).size().to_dict()
    cells = tuple(
        frozenset(atom for atom in sizes if row.kind == "all" or row.group in atom)
        for row in shares[shares["shown"]].itertuples()
    )
    assert audit([Publication(quantity="HB1", sizes=sizes, cells=cells, floor=10)]) == ()


def test_a_leaders_item_has_the_leaders_floor(respond: Respond, form: Instrument) -> None:
    frame = respond({"2024": {"North": [30, 12, 12]}})
    shares = comparison.distributions(form, frame, policy=Policy(floor_leader=13)).shares
    by_item = shares.groupby("item")["shown"].all()
    assert sorted(by_item.index[~by_item]) == ["LS1", "LS2", "LS3", "LS4", "LS5"]


def test_versions_stand_side_by_side(respond: Respond, form: Instrument, pool: Instrument) -> None:
    frames = {
        "0.9.0": respond({"2024": {"North": [20, 20]}}, instrument=pool),
        "1.0.0": respond({"2025": {"North": [20, 20]}}),
    }
    shares = comparison.distributions([pool, form], frames).shares
    versions = shares.groupby("item")["version"].unique().map(sorted)
    assert versions["HB1"] == ["0.9.0", "1.0.0"]
    assert versions["CI5"] == ["1.0.0"]
    assert shares.query("item == 'HB1'")["wave"].is_monotonic_increasing


def test_a_unit_that_moves_keeps_one_row_a_wave(respond: Respond, form: Instrument) -> None:
    frame = respond({wave: {"North": [20, 14], "South": [20, 22]} for wave in ("2024", "2025")})
    frame.loc[(frame["unit"] == "North 2") & (frame["wave"] == "2025"), "service"] = "South"
    shares = comparison.distributions(form, frame).shares.query("item == 'TB1' and code == 3 and group == 'North 2'")
    assert list(shares[["wave", "parent", "n"]].itertuples(index=False, name=None)) == [
        *[("2024", "North", 14), ("2025", "South", 14)]
    ]


def test_no_answer_is_no_distribution(respond: Respond, form: Instrument) -> None:
    frame = respond({"2024": {"North": [20, 20]}}).assign(HB1=np.nan)
    shares = comparison.distributions(form, frame).shares
    assert shares.query("item == 'HB1'")[["n", "share"]].isna().all(axis=None)
    assert shares.query("item == 'HB2'")["shown"].all()
    with pytest.raises(ResponsesError) as refusal:
        comparison.distributions(form, frame.assign(HB2=6.0))
    assert refusal.value.codes[0] == Code.RSP_CODE_NOT_ALLOWED


def test_shares_can_be_written_as_json(two_waves: pd.DataFrame, form: Instrument) -> None:
    result = comparison.distributions(form, two_waves)
    written = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert len(written["shares"]) == len(result.to_frame())
    assert written["instrument"] == "eomhs"
