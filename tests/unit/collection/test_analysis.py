"""The answers of frozen waves as one table of numbers."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example
from hypothesis import given as given_by_hypothesis
from hypothesis import strategies as st
from sqlalchemy import text

from tests.collecting import Survey, answered, refused
from toolkit.collection import analysis
from toolkit.collection.answers import quoted
from toolkit.errors import Code, StorageError

CONTEXT = ["wave", "service", "unit", "version", "language"]


WORDS = st.text(st.characters(exclude_characters='"\\\0', exclude_categories=("Cs",)), max_size=40)


@given_by_hypothesis(st.lists(WORDS, max_size=30))
@example(
    ["a" * 8, "a" * 9, "a" * 16, "a" * 17, "a" * 7, "", "b" + "a" * 8, "æ" * 8, "a" * 8 + "b" * 8, "b" * 8 + "b" * 8]
)
@example(["x" * 40, "x" * 39 + "y", "x" * 40, "y" * 40])
def test_texts_between_quotation_marks_are_told_apart(words: list[str]) -> None:
    places, texts = quoted("".join(f'"{word}",' for word in words))
    assert [texts[place] for place in places] == words
    assert len(set(texts)) == len(texts) == len(set(words))


def given(survey: Survey) -> Counter[tuple[Any, ...]]:
    """Return what was answered, read from the store answer by answer."""
    with survey.store.reading() as transaction:
        responses = transaction.responses(survey.wave.id)
    items = survey.instrument.item_codes
    return Counter(
        (
            one.unit_id,
            one.language,
            one.answers.get("position"),
            *(float(one.answers.get(item, "nan")) for item in items),
        )
        for one in responses
        if any(item in one.answers for item in items)
    )


def rows(frame: pd.DataFrame, items: tuple[str, ...]) -> Counter[tuple[Any, ...]]:
    columns = frame[["unit", "language", "position", *items]].astype("object")
    columns["position"] = columns["position"].where(columns["position"].notna(), None)
    return Counter(columns.itertuples(index=False, name=None))


def text_of(found: Counter[tuple[Any, ...]]) -> Counter[str]:
    """NaN differs from itself; its text does not."""
    return Counter({str(row): n for row, n in found.items()})


@pytest.fixture
def answered_wave(survey: Survey) -> Survey:
    positions = next(one for one in survey.instrument.definition.covariates if one.code == "position").options
    for number in range(23):
        answers = answered(survey.instrument, [number % 5 + 1, -9, number % 3 + 1])
        for item in survey.instrument.item_codes[number % 7 :: 9]:
            del answers[item]
        if number % 4:
            answers["position"] = positions[number % len(positions)]
        survey.respond(answers, unit=number % 2, language=("en", "nb")[number % 3 == 0])
    survey.respond({"position": positions[0]})
    survey.respond({})
    return survey


@pytest.mark.parametrize("rows_at_once", [20_000, 7, 1])
def test_every_answer_arrives_as_a_code(
    answered_wave: Survey, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    survey = answered_wave
    monkeypatch.setattr(analysis, "ROWS_AT_ONCE", rows_at_once)
    with refused(Code.COL_WAVE_NOT_FROZEN):
        survey.waves.answers_frame([survey.wave.id])
    survey.waves.freeze(survey.wave.id)
    frame = survey.waves.answers_frame([survey.wave.id])
    covariates = [one.code for one in survey.instrument.definition.covariates]
    assert list(frame.columns) == [*CONTEXT, *covariates, *survey.instrument.item_codes]
    assert len(frame) == 23, "blank submissions are left out, background answers or not"
    assert text_of(rows(frame, survey.instrument.item_codes)) == text_of(given(survey))
    assert (frame[list(survey.instrument.item_codes)].dtypes == np.float64).all()
    assert {str(frame[name].dtype) for name in (*CONTEXT[1:], *covariates)} == {"str"}
    assert set(frame["service"]) == {survey.service.id}
    assert set(frame["version"]) == {"1.0.0"}
    assert (frame == -9).any(axis=None)


def test_rows_lead_back_to_nothing(answered_wave: Survey) -> None:
    survey = answered_wave
    for number in range(40):
        survey.respond({"HB1": str(number % 5 + 1), "HB2": str(number // 5 % 5 + 1), "HB3": str(number // 25 + 1)})
    survey.waves.freeze(survey.wave.id)
    first, second = (survey.waves.answers_frame([survey.wave.id]) for _ in range(2))
    assert list(first.index) == list(range(1, 64))
    assert first.index.name == "respondent"
    items = list(survey.instrument.item_codes)
    stays = (first[items].fillna(0).to_numpy() == second[items].fillna(0).to_numpy()).all(axis=1)
    # The number of people who keep their place is nearly Poisson(1): 20 or more happens less than once in 1e18.
    assert stays.sum() < 20
    keys = {row[0] for row in survey.rows("SELECT key FROM responses UNION SELECT id FROM invitations")}
    assert keys & set(first.astype(str).to_numpy().ravel()) == set()


def test_waves_stand_in_the_order_in_which_they_were_asked(survey: Survey) -> None:
    waves = [
        survey.waves.add_wave(survey.units, name, "eomhs@1.0.0", asked_on=day)
        for name, day in (("Later", date(2026, 9, 1)), ("Second", date(2026, 3, 1)), ("First", date(2026, 3, 1)))
    ]
    for wave in waves:
        survey.wave = wave
        survey.respond_times(2)
        survey.waves.freeze(wave.id)
    frame = survey.waves.answers_frame([wave.id for wave in (*waves, waves[0])])
    assert frame["wave"].cat.ordered
    assert list(frame["wave"].cat.categories) == [wave.id for wave in reversed(waves)]
    assert frame["wave"].value_counts().to_dict() == {wave.id: 2 for wave in waves}


def test_the_service_is_that_of_the_waves_day(survey: Survey) -> None:
    survey.respond({"HB1": "4"})
    survey.waves.freeze(survey.wave.id)
    other, _ = survey.waves.add_service("Other", ["Elsewhere"])
    survey.waves.move_unit(survey.units[0].id, other.id, survey.wave.asked_on)
    assert survey.waves.answers_frame([survey.wave.id])["service"].tolist() == [other.id]


def test_several_questionnaires_have_the_columns_of_all(survey: Survey) -> None:
    survey.respond({"HB1": "4"})
    other = survey.waves.add_wave(survey.units, "Other", "bfi@1.0.0", asked_on=date(2020, 1, 1))
    survey.waves.freeze(survey.wave.id)
    survey.wave = other
    survey.respond({"A1": "6"})
    survey.waves.freeze(other.id)
    first = survey.waves.all()[1][0]
    frame = survey.waves.answers_frame([other.id, first.id]).sort_values("wave")
    assert frame["A1"].tolist()[0] == 6.0
    assert frame["HB1"].tolist()[1] == 4.0
    assert frame[["A1", "HB1"]].isna().to_numpy().tolist() == [[False, True], [True, False]]
    assert frame["position"].isna().all()
    assert frame.dtypes["A1"] == frame.dtypes["HB1"] == np.float64


def test_a_wave_without_answers_gives_a_table_without_rows(survey: Survey) -> None:
    survey.waves.freeze(survey.wave.id)
    frame = survey.waves.answers_frame([survey.wave.id])
    assert len(frame) == 0
    assert list(frame.columns[:5]) == CONTEXT
    assert frame.dtypes["HB1"] == np.float64
    assert survey.waves.answers_frame([]).empty
    with refused(Code.COL_UNKNOWN_WAVE):
        survey.waves.answers_frame(["no such wave"])


def write(survey: Survey, answers: Any) -> None:
    """Write answers past all rules, as a damaged store holds them."""
    with survey.engine.begin() as connection:
        connection.execute(
            text("UPDATE responses SET answers = :answers"), {"answers": json.dumps(answers, separators=(",", ":"))}
        )


@pytest.mark.parametrize(
    "answers",
    [
        *({"HB1": "6"}, {"HB1": ""}, {"HB1": "4\\"}, {"HB1": '4"'}, {"HB1": "4\0"}, {"HB1": 4}, {"HB1": None}),
        *({"XX1": "4"}, {'HB"1': "4"}, ["HB1", "4"], ["HB1"], "HB1", 4),
    ],
)
def test_an_answer_that_the_questionnaire_has_not_is_told_and_not_quoted(survey: Survey, answers: Any) -> None:
    survey.respond({"HB1": "4"})
    survey.waves.freeze(survey.wave.id)
    assert len(survey.waves.answers_frame([survey.wave.id])) == 1
    write(survey, answers)
    with pytest.raises(StorageError) as caught:
        survey.waves.answers_frame([survey.wave.id])
    assert caught.value.codes == (Code.STO_DAMAGED,)
    assert ("HB1" in str(caught.value)) is (answers in ({"HB1": "6"}, {"HB1": ""}, {"HB1": "4\\"}))


def test_the_hash_of_a_frozen_wave_tells_its_content(survey: Survey) -> None:
    survey.respond({"HB1": "4"})
    survey.respond({"HB1": "4"}, unit=1)
    assert survey.wave.content_hash is None
    first = survey.waves.freeze(survey.wave.id)
    assert survey.waves.wave(first.id) == first
    hashes = {first.content_hash}
    for answers, unit, language in (
        ([{"HB1": "4"}, {"HB1": "4"}], 1, "en"),
        ([{"HB1": "4"}, {"HB1": "5"}], 1, "en"),
        ([{"HB1": "4"}, {"HB1": "4"}], 0, "en"),
        ([{"HB1": "4"}, {"HB1": "4"}], 1, "nb"),
        ([{"HB1": "4"}], 0, "en"),
    ):
        survey.wave = survey.waves.add_wave(survey.units, "Again", "eomhs@1.0.0")
        for number, given_answers in reversed(list(enumerate(answers))):
            survey.respond(given_answers, unit=unit * number, language=language if number else "en")
        hashes.add(survey.waves.freeze(survey.wave.id).content_hash)
    # The same content gives the same hash, whatever wave, keys and order it has; everything else gives another one.
    assert len(hashes) == 5
