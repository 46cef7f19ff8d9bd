"""Suppression of background answers, whatever the people are like."""

from __future__ import annotations

from random import Random

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolkit.disclosure.suppression import SUPPRESSED, suppress_rare_combinations

VALUES = st.sampled_from(["a", "b", "c", None])
COLUMNS = ("unit", "position", "language")


@st.composite
def people(draw: st.DrawFn) -> pd.DataFrame:
    """Draw up to 60 people: a few kinds, some common and some rare, in any order."""
    kinds = draw(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=8))
    rows = draw(st.lists(st.sampled_from(kinds), max_size=60))
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    frame["answer"] = np.arange(len(frame), dtype=float)
    return frame


UNHURRIED = settings(deadline=None)
FLOORS = st.integers(2, 6)


@UNHURRIED
@given(people(), FLOORS)
@example(pd.DataFrame({"unit": ["a"] * 5, "position": ["b"] * 5, "language": ["c"] * 5, "answer": range(5)}), 5)
@example(pd.DataFrame({"unit": ["a"] * 5 + ["b"], "position": "x", "language": "y", "answer": range(6)}), 5)
def test_every_combination_is_shared_by_enough_people_or_all_is_blank(frame: pd.DataFrame, floor: int) -> None:
    result = suppress_rare_combinations(frame, COLUMNS, floor=floor)
    sizes = result.groupby(list(COLUMNS), dropna=False).size()
    all_blank = (result[list(COLUMNS)] == SUPPRESSED).all(axis=None)
    assert all_blank or (sizes >= floor).all()
    if len(frame) < floor:
        assert all_blank


@UNHURRIED
@given(people(), FLOORS)
def test_values_are_blanked_and_never_invented(frame: pd.DataFrame, floor: int) -> None:
    before = frame.copy(deep=True)
    result = suppress_rare_combinations(frame, COLUMNS, floor=floor)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_series_equal(result["answer"], frame["answer"])
    assert list(result.columns) == list(frame.columns)
    assert result.index.equals(frame.index)
    for column in COLUMNS:
        kept = result[column] != SUPPRESSED
        assert list(result.loc[kept, column]) == list(frame.loc[kept, column])
        assert not result[column].isna().any()


@UNHURRIED
@given(people(), FLOORS)
def test_a_frame_in_which_nobody_stands_out_stays_as_it_is(frame: pd.DataFrame, floor: int) -> None:
    full = frame.fillna("z")
    crowd = pd.concat([full] * floor, ignore_index=True)
    result = suppress_rare_combinations(crowd, COLUMNS, floor=floor)
    pd.testing.assert_frame_equal(result, crowd, check_dtype=False)


@UNHURRIED
@given(people(), FLOORS)
def test_suppressing_twice_changes_nothing_more(frame: pd.DataFrame, floor: int) -> None:
    once = suppress_rare_combinations(frame, COLUMNS, floor=floor)
    pd.testing.assert_frame_equal(suppress_rare_combinations(once, COLUMNS, floor=floor), once)


@UNHURRIED
@given(people(), FLOORS, st.randoms(use_true_random=False))
def test_the_order_of_people_does_not_matter(frame: pd.DataFrame, floor: int, random: Random) -> None:
    order = list(range(len(frame)))
    random.shuffle(order)
    shuffled = frame.iloc[order]
    expected = suppress_rare_combinations(frame, COLUMNS, floor=floor).iloc[order]
    pd.testing.assert_frame_equal(suppress_rare_combinations(shuffled, COLUMNS, floor=floor), expected)
