"""What holds for any answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.comparability import VERSIONS, stated
from toolkit import instruments
from toolkit.instruments import comparability, draft_from_frame, read_frame, score, scored_items, version_diff
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


# Versions


ENDS = [(version, language) for version in ("1.0.0", "1.1.0", "2.0.0") for language in VERSIONS[version].languages]
ends = st.sampled_from(ENDS)
statements = st.builds(
    lambda one, other, told, kind, day: stated(
        **{"from": one[0], "to": other[0]},
        language=one[1],
        to_language=other[1],
        comparability=told,
        kind=kind,
        date=f"2026-01-{day:02d}",
    ),
    ends,
    ends,
    st.sampled_from(["identical", "linked", "not_comparable", "unknown"]),
    st.sampled_from(["human", "synthetic"]),
    st.integers(1, 3),
)


@settings(deadline=None, max_examples=200)
@given(ends, ends, st.lists(statements, max_size=12), st.booleans())
def test_scores_are_opened_by_evidence_on_exactly_this_pair(
    one: tuple[str, str], other: tuple[str, str], told: list[instruments.StatedComparability], demo: bool
) -> None:
    def ask(first: tuple[str, str], second: tuple[str, str], what: list[instruments.StatedComparability]) -> object:
        return comparability(
            VERSIONS[first[0]],
            VERSIONS[second[0]],
            "MOOD",
            first[1],
            to_language=second[1],
            demo=demo,
            statements=what,
        )

    found = ask(one, other, told)
    assert found == ask(other, one, told)
    about = [
        entry
        for entry in told
        if {(entry.from_version, entry.language), (entry.to_version, entry.to_language)} == {one, other}
    ]
    assert found == ask(one, other, about)
    opened = found.comparability in ("identical", "linked")
    if one == other:
        assert (found.comparability, found.reason) == ("identical", "same_version")
    elif opened:
        # Only what was stated opens, synthetic evidence only in a demonstration, and never against people's.
        kinds = {entry.kind for entry in about}
        assert found.comparability in {entry.comparability for entry in about if entry.kind == found.kind}
        assert found.kind == "human" or (demo and kinds == {"synthetic"})
        assert found.date == max(entry.date for entry in about if entry.kind == found.kind)
        assert (found.linking is not None) == (found.comparability == "linked")
    if not demo:
        people = ask(one, other, [entry for entry in told if entry.kind == "human"])
        assert people.comparability == found.comparability


@settings(deadline=None, max_examples=50)
@given(st.permutations(list(EOMHS.definition.items)), st.data())
def test_a_version_differs_by_what_was_taken_out_and_in_whatever_the_order(
    items: list[object], data: st.DataObject
) -> None:
    left_out = set(data.draw(st.lists(st.sampled_from(list(EOMHS.items)), max_size=5)))
    kept = tuple(item for item in items if item.code not in left_out)
    definition = EOMHS.definition.model_copy(update={"items": kept})
    smaller = Instrument(definition=definition, texts=EOMHS.texts, definition_hash="")
    there, back = version_diff(EOMHS, smaller), version_diff(smaller, EOMHS)
    assert set(there.dropped) == set(back.added) == left_out
    assert there.added == back.dropped == ()
    assert set(there.unchanged) == set(back.unchanged) == set(EOMHS.items) - left_out
    assert there.least_bump == back.least_bump == ("major" if left_out else "none")
