"""The answers of a frozen wave for figures about many."""

from __future__ import annotations

import pandas as pd

from tests.collecting import Survey, answered, refused
from toolkit.collection.analysis import item_answers
from toolkit.errors import Code


def frozen(survey: Survey) -> pd.DataFrame:
    wave = survey.waves.wave(survey.wave.id)
    return item_answers(survey.instrument, wave, survey.waves.answers_frame([wave.id]))


def test_answers_become_numbers_and_units_are_nameless_and_nothing_else_is_in_the_frame(survey: Survey) -> None:
    for person in range(10):
        survey.respond({**answered(survey.instrument, [1 + person % 5]), "position": "leader"}, unit=person % 2)
    survey.respond({"HB1": "-7"})
    survey.respond({})
    with refused(Code.COL_WAVE_NOT_FROZEN):
        frozen(survey)
    survey.waves.freeze(survey.wave.id)
    frame = frozen(survey)
    items = list(survey.instrument.item_codes)
    assert list(frame.columns) == [*items, "unit"]
    assert {str(kind) for kind in frame[items].dtypes} == {"float64"}
    assert list(frame["unit"].drop_duplicates()) == ["U0001", "U0002"]
    assert sorted(frame["unit"].value_counts()) == [5, 6]
    assert list(frame.index[:2]) == ["R00001", "R00002"]
    assert len(frame) == 11
    assert sorted(frame["HB2"].dropna()) == sorted([1.0, 2.0, 3.0, 4.0, 5.0] * 2)
    only = frame[frame["HB1"] == -7]
    assert only[items].notna().to_numpy().sum() == 1


def test_the_order_in_the_store_does_not_show(survey: Survey) -> None:
    for person in range(12):
        survey.respond(answered(survey.instrument, [1 + person % 5, 1 + person % 3]))
    survey.waves.freeze(survey.wave.id)
    # Every reading puts the respondents in another order.
    one, other = frozen(survey), frozen(survey)
    pd.testing.assert_frame_equal(one, other)
    assert one.notna().to_numpy().all()


def test_fewer_than_ten_read_like_none(survey: Survey) -> None:
    for _ in range(10):
        survey.respond(answered(survey.instrument, [3]))
    survey.respond({})
    survey.waves.freeze(survey.wave.id)
    wave = survey.waves.wave(survey.wave.id)
    answers = survey.waves.answers_frame([wave.id])
    assert len(item_answers(survey.instrument, wave, answers)) == 10
    messages = set()
    for some in (answers.iloc[:9], answers.iloc[:3], answers.iloc[:0]):
        with refused(Code.COL_TOO_FEW_TO_VALIDATE) as caught:
            item_answers(survey.instrument, wave, some)
        messages.add(str(caught.value))
    (message,) = messages
    assert "not shown: too few answers or none" in message
