"""The answers of a frozen wave for figures about many."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.collecting import Survey, answered, refused
from toolkit.collection.item_answers import item_answers
from toolkit.errors import Code


def frozen(survey: Survey) -> pd.DataFrame:
    wave, responses, *_ = survey.waves.frozen_responses(survey.wave.id)
    return item_answers(survey.instrument, wave, responses)


def test_answers_become_numbers_and_nothing_else_is_in_the_frame(survey: Survey) -> None:
    for person in range(10):
        survey.respond({**answered(survey.instrument, [1 + person % 5]), "position": "leader"}, unit=person % 2)
    survey.respond({"HB1": "-7"})
    survey.respond({})
    with refused(Code.COL_WAVE_NOT_FROZEN):
        frozen(survey)
    survey.waves.freeze(survey.wave.id)
    frame = frozen(survey)
    assert list(frame.columns) == list(survey.instrument.item_codes)
    assert {str(kind) for kind in frame.dtypes} == {"float64"}
    assert list(frame.index[:2]) == ["R00001", "R00002"]
    assert len(frame) == 11
    assert sorted(frame["HB2"].dropna()) == sorted([1.0, 2.0, 3.0, 4.0, 5.0] * 2)
    only = frame[frame["HB1"] == -7]
    assert only.notna().to_numpy().sum() == 1


def test_the_order_in_the_store_does_not_show(survey: Survey) -> None:
    for person in range(12):
        survey.respond(answered(survey.instrument, [1 + person % 5, 1 + person % 3]))
    survey.waves.freeze(survey.wave.id)
    wave, responses, *_ = survey.waves.frozen_responses(survey.wave.id)
    one = item_answers(survey.instrument, wave, responses)
    pd.testing.assert_frame_equal(one, item_answers(survey.instrument, wave, list(reversed(responses))))
    assert not np.isnan(one.to_numpy()).any()


def test_fewer_than_ten_read_like_none(survey: Survey) -> None:
    for _ in range(9):
        survey.respond(answered(survey.instrument, [3]))
    survey.respond({})
    survey.waves.freeze(survey.wave.id)
    wave, responses, *_ = survey.waves.frozen_responses(survey.wave.id)
    messages = set()
    for some in (responses, responses[:3], ()):
        with refused(Code.COL_TOO_FEW_TO_VALIDATE) as caught:
            item_answers(survey.instrument, wave, some)
        messages.add(str(caught.value))
    (message,) = messages
    assert "not shown: too few answers or none" in message
    enough = next(response for response in responses if response.answers)
    assert len(item_answers(survey.instrument, wave, [*responses, enough])) == 10


def test_answers_to_a_questionnaire_that_was_changed_are_not_given(survey: Survey) -> None:
    survey.respond_times(10)
    survey.waves.freeze(survey.wave.id)
    wave, responses, *_ = survey.waves.frozen_responses(survey.wave.id)
    assert len(item_answers(survey.instrument, wave, responses)) == 10
    changed = type(survey.instrument)(
        definition=survey.instrument.definition, texts=survey.instrument.texts, definition_hash="0" * 64
    )
    with refused(Code.COL_QUESTIONNAIRE_CHANGED):
        item_answers(changed, wave, responses)
