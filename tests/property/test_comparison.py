"""Comparisons of any groups: nothing hidden can be derived from all tables, and hidden answers reach no number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import comparison, instruments
from toolkit.disclosure.audit import Publication, audit
from toolkit.disclosure.cells import hierarchy, shown_over_time

FEW = settings(deadline=None, max_examples=25)
FORM = instruments.load("eomhs@1.0.0")
ITEMS = list(FORM.item_codes)
WAVES = ("2024", "2025")
UNITS = (("North", "a"), ("North", "b"), ("North", "c"), ("South", "d"), ("South", "e"))
SIZES = st.lists(st.integers(0, 14), min_size=10, max_size=10).filter(any)


def answered(sizes: list[int], seed: int, *, not_relevant: float) -> pd.DataFrame:
    """Answers of five units in two waves."""
    rows = [
        (wave, *unit)
        for (wave, unit), n in zip([(w, u) for w in WAVES for u in UNITS], sizes, strict=True)
        for _ in range(n)
    ]
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rows, columns=["wave", "service", "unit"])
    frame["wave"] = pd.Categorical(frame["wave"], categories=list(WAVES), ordered=True)
    answers = rng.integers(1, 6, (len(frame), len(ITEMS))).astype(float)
    answers[rng.random(answers.shape) < not_relevant] = -7
    return pd.concat([frame.assign(language="en"), pd.DataFrame(answers, columns=ITEMS)], axis=1)


def publication(quantity: object, people: pd.DataFrame, rows: pd.DataFrame, floor: int) -> Publication:
    """The shown cells of one quantity, over the people who are really behind it."""
    sizes = people.groupby(["service", "unit"]).size().to_dict()
    inside = {
        "all": lambda atom, row: True,
        "service": lambda atom, row: atom[0] == row.group,
        "unit": lambda atom, row: atom == (row.parent, row.group),
    }
    cells = tuple(
        frozenset(atom for atom in sizes if inside[row.kind](atom, row)) for row in rows[rows["shown"]].itertuples()
    )
    return Publication(quantity=quantity, sizes=sizes, cells=cells, floor=floor)


@FEW
@given(SIZES, st.integers(0, 1000), st.sampled_from([0.0, 0.2]))
def test_nothing_below_a_floor_follows_from_levels_distributions_and_rates(
    sizes: list[int], seed: int, not_relevant: float
) -> None:
    frame = answered(sizes, seed, not_relevant=not_relevant)
    scores = instruments.score(FORM, frame).scores
    published = []
    levels = comparison.compare(FORM, frame).levels
    for (scale, wave), rows in levels.groupby(["scale", "wave"], observed=True):
        people = frame[(frame["wave"] == wave) & scores[scale].notna()]
        published.append(publication((scale, wave), people, rows, 10 if scale == "LS" else 5))
    shares = comparison.distributions(FORM, frame).shares
    for (item, wave), rows in shares[shares["code"] == 1].groupby(["item", "wave"], observed=True):
        people = frame[(frame["wave"] == wave) & (frame[item] > 0)]
        published.append(publication((item, wave), people, rows, 10))
    counts = pd.DataFrame(
        [
            (wave, *unit, n + 2, n)
            for (wave, unit), n in zip([(w, u) for w in WAVES for u in UNITS], sizes, strict=True)
        ],
        columns=["wave", "service", "unit", "invited", "submitted"],
    )
    counts["wave"] = pd.Categorical(counts["wave"], categories=list(WAVES), ordered=True)
    for wave, rows in comparison.response_rates(counts).rates.groupby("wave", observed=True):
        published.append(publication(("rate", wave), frame[frame["wave"] == wave], rows, 5))
    assert audit(published) == ()
    for cells in published:
        assert all(sum(cells.sizes[atom] for atom in cell) >= cells.floor for cell in cells.cells)


@FEW
@given(SIZES, st.integers(0, 1000))
def test_hidden_answers_reach_no_number(sizes: list[int], seed: int) -> None:
    frame = answered(sizes, seed, not_relevant=0.0)
    tree, place = hierarchy(frame[["service", "unit"]])
    now = (frame["wave"] == frame["wave"].max()).to_numpy()
    people = [np.bincount(place[part], minlength=len(tree.smallest)) for part in (~now, now)]
    floors = [shown_over_time(tree, people, floor=floor)[1] for floor in (5, 10)]
    # People of units that are hidden together at both floors, inside the same shown cell, change places.
    around = [
        next((path for depth in (1, 0) if dict(zip(tree.paths, shown, strict=True))[path := unit[:depth]]), None)
        for unit in (tree.paths[cell] for cell in tree.smallest)
        for shown in floors[:1]
    ]
    result: Any = comparison.compare(FORM, frame)
    other = frame.copy()
    for group in {path for path in around if path is not None}:
        same = [n for n, path in enumerate(around) if path == group and not any(s[tree.smallest[n]] for s in floors)]
        rows = frame.index[now & np.isin(place, same)]
        other.loc[rows, ITEMS] = frame.loc[rows[::-1], ITEMS].to_numpy()
    again = comparison.compare(FORM, other)
    for name in ("levels", "variance", "changes"):
        pd.testing.assert_frame_equal(getattr(result, name), getattr(again, name), rtol=1e-7, atol=1e-9)


@FEW
@given(SIZES, st.integers(0, 1000))
def test_a_change_is_the_difference_of_two_shown_levels(sizes: list[int], seed: int) -> None:
    result = comparison.compare(FORM, answered(sizes, seed, not_relevant=0.1))
    levels = result.levels.set_index(["scale", "wave", "kind", "parent", "group"])
    for row in result.changes.itertuples():
        ends = [levels.loc[(row.scale, wave, row.kind, row.parent, row.group)] for wave in (row.wave_from, row.wave_to)]
        assert row.allowed == all(end["shown"] for end in ends)
        if row.allowed:
            assert row.difference == pytest.approx(ends[1]["mean"] - ends[0]["mean"], abs=1e-9)
            assert (row.n_from, row.n_to) == (ends[0]["n"], ends[1]["n"])
