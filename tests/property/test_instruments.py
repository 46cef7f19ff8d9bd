"""What holds for any answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from toolkit import instruments
from toolkit.instruments import draft_from_frame, read_frame, score, scored_items
from toolkit.instruments.definition import Definition
from toolkit.instruments.instrument import Instrument
from toolkit.instruments.lint import lint
from toolkit.instruments.source import read_source
from toolkit.instruments.text import Text

BFI = instruments.load(Path(__file__).parents[1] / "instruments" / "bfi" / "1.0.0")
EOMHS = instruments.load("eomhs@1.0.0")
POINTS = np.array([1, 2, 3, 4, 5, 6, np.nan])
CODES = np.array([1, 2, 3, 4, 5, -7, -8, -9, np.nan])


def frames(instrument: Instrument, codes: np.ndarray) -> st.SearchStrategy[pd.DataFrame]:
    shape = st.tuples(st.integers(1, 6), st.just(len(instrument.item_codes)))
    picked = arrays(np.int64, shape, elements=st.integers(0, len(codes) - 1))
    return picked.map(lambda places: pd.DataFrame(codes[places], columns=list(instrument.item_codes)))


@settings(deadline=None, max_examples=30)
@given(frames(BFI, POINTS))
def test_reversing_twice_changes_nothing(frame: pd.DataFrame) -> None:
    once = scored_items(BFI, frame)
    pd.testing.assert_frame_equal(scored_items(BFI, once), frame)
    reversed_ = [code for scale in BFI.definition.scales for code in scale.reversed]
    assert ((once[reversed_] + frame[reversed_]).fillna(7.0) == 7.0).all(axis=None)


@settings(deadline=None, max_examples=30)
@given(frames(EOMHS, CODES), st.randoms())
def test_the_order_of_persons_and_columns_changes_no_score(frame: pd.DataFrame, random: object) -> None:
    table = score(EOMHS, frame)
    persons, columns = list(frame.index), list(frame.columns)
    random.shuffle(persons)
    random.shuffle(columns)
    again = score(EOMHS, frame.loc[persons, columns])
    pd.testing.assert_frame_equal(again.scores.sort_index(), table.scores)
    pd.testing.assert_frame_equal(again.status.sort_index(), table.status)


@settings(deadline=None, max_examples=30)
@given(frames(EOMHS, CODES))
def test_scores_stay_in_their_range_and_say_why_they_lack(frame: pd.DataFrame) -> None:
    table = score(EOMHS, frame)
    is_scored = table.status == "scored"
    assert (table.scores.notna() == is_scored).all(axis=None)
    assert table.scores.where(is_scored, 50).ge(0).all(axis=None)
    assert table.scores.where(is_scored, 50).le(100).all(axis=None)
    assert (table.n_answered.where(is_scored, 4) >= 4).all(axis=None)


@settings(deadline=None, max_examples=30)
@given(frames(EOMHS, CODES))
def test_answers_survive_being_written_as_text(frame: pd.DataFrame) -> None:
    frame.iloc[0, 0] = 3.0
    written = frame.map(lambda value: "" if np.isnan(value) else f"{value:g}").astype("str")
    again = read_frame(written, EOMHS)
    np.testing.assert_array_equal(again.to_numpy(), frame.to_numpy())


names = st.from_regex(r"[A-Za-z_]{1,12}[0-9]{0,3}", fullmatch=True)
cells = st.lists(st.sampled_from(["", "0", "1", "2", "3", "4", "5", "99", "-8", "1.0", "x"]), min_size=3, max_size=3)


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(names, cells, min_size=1, max_size=8))
def test_a_draft_always_lints(columns: dict[str, list[str]]) -> None:
    raw = pd.DataFrame({"ok_1": ["1", "2", "3"], **columns}, dtype="str")
    draft = draft_from_frame(raw, id="drafted")
    sources = [read_source(content.encode(), "draft") for content in (draft.definition, draft.text)]
    assert [problems for _, problems in sources] == [[], []]
    definition = Definition.model_validate(sources[0][0].data if sources[0][0] else None)
    text = Text.model_validate(sources[1][0].data if sources[1][0] else None)
    assert lint(definition, [text]).problems == ()
    assert {*draft.items, *draft.left_out} == set(raw.columns)
