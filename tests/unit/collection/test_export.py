"""The answers of a frozen wave as one table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.collecting import Survey, answered, refused
from toolkit.collection.export import CONTEXT, export_frame
from toolkit.collection.flow import display_order
from toolkit.disclosure.suppression import SUPPRESSED
from toolkit.disclosure.thresholds import FLOOR_FOR_CELLS
from toolkit.errors import Code


def export(survey: Survey) -> pd.DataFrame:
    wave, responses, services = survey.waves.frozen_responses(survey.wave.id)
    return export_frame(survey.instrument, wave, responses, services)


def identifying(survey: Survey) -> list[str]:
    return ["service", "unit", *(covariate.code for covariate in survey.instrument.definition.covariates), "language"]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    """A frozen wave of 40 people, some of whom stand out by their background."""
    survey = Survey(tmp_path_factory.mktemp("mixed"))
    covariates = survey.instrument.definition.covariates
    for number in range(40):
        background = {one.code: one.options[number % 2 if number % 9 else -1] for one in covariates}
        items = answered(survey.instrument, [number % 5 + 1, number // 8 + 1])
        items.pop("HB5")
        survey.respond(items | background, unit=int(number < 6), language="nb" if number < 2 else "en")
    survey.waves.freeze(survey.wave.id)
    yield survey
    survey.close()


def test_columns_stand_in_the_order_in_which_questions_were_shown(mixed: Survey) -> None:
    frame = export(mixed)
    assert list(frame.columns) == [*CONTEXT, *display_order(mixed.instrument)]
    assert len(frame) == 40
    assert frame["HB5"].isna().all()
    assert set(frame["wave"]) == {"Wave"}
    assert set(frame["instrument"] + "@" + frame["version"]) == {"eomhs@1.0.0"}


def test_blank_submissions_are_nobody_to_hide_behind(survey: Survey) -> None:
    for _ in range(5):
        survey.respond(answered(survey.instrument, [3]), unit=0)
    survey.respond(answered(survey.instrument, [4]), unit=1)
    for _ in range(4):
        survey.respond({}, unit=1)
    survey.waves.freeze(survey.wave.id)
    frame = export(survey)
    assert len(frame) == 6
    assert (frame["unit"] == SUPPRESSED).all()


def test_too_few_answered_submissions_are_refused(survey: Survey) -> None:
    for _ in range(4):
        survey.respond(answered(survey.instrument, [3]))
    survey.respond({})
    survey.waves.freeze(survey.wave.id)
    with refused(Code.COL_TOO_FEW_TO_EXPORT):
        export(survey)


def test_names_never_become_formulas(survey: Survey) -> None:
    _, (unit,) = survey.waves.add_service("+Other", ['=HYPERLINK("x")'])
    wave = survey.waves.add_wave([unit], "@Wave", "eomhs@1.0.0")
    for token in survey.waves.invite(wave.id, unit.id, 5):
        cookie = survey.responding.open_link(token)
        draft = survey.responding.begin(cookie, language="en", consent_version="1")
        survey.responding.save(cookie, draft.id, "HB1", "3", base=None)
        survey.responding.submit(cookie, draft.id)
    survey.waves.freeze(wave.id)
    frozen, responses, services = survey.waves.frozen_responses(wave.id)
    frame = export_frame(survey.instrument, frozen, responses, services)
    assert set(frame["unit"]) == {'\'=HYPERLINK("x")'}
    assert set(frame["service"]) == {"'+Other"}
    assert set(frame["wave"]) == {"'@Wave"}


def test_answers_of_a_demonstration_say_so(survey: Survey) -> None:
    survey.wave = survey.waves.add_wave(survey.units, "Wave", "eomhs@1.0.0", is_demo=True)
    survey.respond_times(5)
    survey.waves.freeze(survey.wave.id)
    assert set(export(survey)["wave"]) == {"Wave (synthetic)"}


def test_every_answer_arrives_as_it_was_given(mixed: Survey) -> None:
    given = Counter(
        tuple(answered(mixed.instrument, [number % 5 + 1, number // 8 + 1])[item] for item in ("HB1", "HB2", "CC5"))
        for number in range(40)
    )
    frame = export(mixed)
    assert Counter(frame[["HB1", "HB2", "CC5"]].itertuples(index=False, name=None)) == given


def test_nobody_stands_out_by_background(mixed: Survey) -> None:
    _, responses, _ = mixed.waves.frozen_responses(mixed.wave.id)
    names = identifying(mixed)
    before = Counter((one.unit_id, *(one.answers.get(name) for name in names[2:-1]), one.language) for one in responses)
    assert min(before.values()) < FLOOR_FOR_CELLS
    after = Counter(export(mixed)[names].itertuples(index=False, name=None))
    assert min(after.values()) >= FLOOR_FOR_CELLS
    assert SUPPRESSED in export(mixed)["language"].to_numpy()


def test_two_exports_are_not_joined_by_number_or_order(survey: Survey) -> None:
    for number in range(60):
        survey.respond({"HB1": str(number % 5 + 1), "HB2": str(number // 5 % 5 + 1), "HB3": str(number // 25 + 1)})
    survey.waves.freeze(survey.wave.id)
    first, second = export(survey), export(survey)
    assert list(first["respondent"]) == [f"R{number:05d}" for number in range(1, 61)]
    person = ["HB1", "HB2", "HB3"]
    one = first.set_index(person)["respondent"]
    other = second.set_index(person)["respondent"].reindex(one.index)
    # The number of people who keep their place is nearly Poisson(1): 12 or more happens less than once in 1e9.
    assert (one == other).sum() < 12
    assert set(one) == set(other)


def test_nothing_of_the_database_leaves_with_an_export(mixed: Survey) -> None:
    text = export(mixed).to_csv()
    keys = [
        row[0]
        for row in mixed.rows(
            "SELECT key FROM responses UNION SELECT id FROM invitations UNION SELECT token_hash FROM invitations"
        )
    ]
    assert len(keys) == 120
    assert not any(key in text for key in keys)
    assert not any(unit.id in text for unit in mixed.units)
    assert not re.search(r"\b\d{4}-\d\d-\d\d\b|\d\d:\d\d", text)


def test_fewer_than_five_are_not_exported(tmp_path: Path) -> None:
    for n in (FLOOR_FOR_CELLS, FLOOR_FOR_CELLS - 1, 0):
        folder = tmp_path / str(n)
        folder.mkdir()
        survey = Survey(folder)
        survey.respond_times(n)
        survey.waves.freeze(survey.wave.id)
        if n == FLOOR_FOR_CELLS:
            assert len(export(survey)) == n
        else:
            with refused(Code.COL_TOO_FEW_TO_EXPORT):
                export(survey)
        survey.close()


def test_few_and_none_read_the_same(tmp_path: Path) -> None:
    messages = set()
    for n in range(FLOOR_FOR_CELLS):
        folder = tmp_path / str(n)
        folder.mkdir()
        survey = Survey(folder)
        survey.respond_times(n)
        survey.waves.freeze(survey.wave.id)
        with refused(Code.COL_TOO_FEW_TO_EXPORT) as caught:
            export(survey)
        messages.add(str(caught.value))
        survey.close()
    assert len(messages) == 1


def test_another_definition_does_not_explain_the_answers(survey: Survey) -> None:
    survey.respond_times(5)
    survey.waves.freeze(survey.wave.id)
    assert len(export(survey)) == 5
    survey.instrument = replace(survey.instrument, definition_hash="0" * 64)
    with refused(Code.COL_QUESTIONNAIRE_CHANGED):
        export(survey)


def test_an_instrument_without_background_questions_is_exported(tmp_path: Path) -> None:
    survey = Survey(tmp_path, instrument="bfi@1.0.0")
    survey.respond_times(5)
    survey.waves.freeze(survey.wave.id)
    frame = export(survey)
    assert list(frame.columns) == [*CONTEXT, *display_order(survey.instrument)]
    assert set(frame["unit"]) == {"Unit 0"}
    survey.close()
