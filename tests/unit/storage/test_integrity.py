"""``problems_of`` finds every kind of damage, one at a time, and nothing in a store that is sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from tests.collecting import Survey, load
from tests.databases import Kind
from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments import Instrument
from toolkit.storage.integrity import MOST_FINDINGS, problems_of


@pytest.fixture
def survey(tmp_path: Path, kind: Kind) -> Iterator[Survey]:
    """A frozen wave, and an open one with a draft."""
    survey = Survey(tmp_path, kind=kind)
    for number in range(3):
        survey.respond({"HB1": str(number + 1), "position": "clinician"}, unit=number % 2)
    survey.waves.freeze(survey.wave.id)
    survey.wave = survey.waves.add_wave(survey.units, "Open", "eomhs@1.0.0")
    survey.respond({"HB1": "-9"})
    survey.answer(survey.browser(), "HB1", "4")
    yield survey
    survey.drop()


def spoil(survey: Survey, *statements: str) -> None:
    """Change rows past all rules of the tables."""
    with survey.engine.connect() as connection:
        if survey.kind == "sqlite":
            driver = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys = OFF")
            for statement in statements:
                driver.execute(statement)
            driver.execute("PRAGMA foreign_keys = ON")
            return
        with connection.begin():
            connection.exec_driver_sql("SET LOCAL session_replication_role = 'replica'")
            for statement in statements:
                connection.exec_driver_sql(statement)


def test_a_sound_store_has_no_problem(survey: Survey) -> None:
    assert problems_of(survey.engine, load) == ()


PLACES = {
    "<frozen>": "(SELECT id FROM waves WHERE status = 'frozen')",
    "<open>": "(SELECT id FROM waves WHERE status = 'open')",
}
DAMAGE = {
    """UPDATE responses SET answers = '{"HB1":"5","position":"clinician"}' WHERE answers LIKE '%"1"%'""": (
        "not those that were frozen"
    ),
    "DELETE FROM responses WHERE key = (SELECT min(key) FROM responses WHERE wave_id = <frozen>)": (
        "not those that were frozen"
    ),
    "UPDATE responses SET language = 'nb' WHERE wave_id = <frozen>": "not those that were frozen",
    "UPDATE responses SET receipt_hash = key WHERE wave_id = <frozen>": "still has receipts",
    "UPDATE invitations SET wave_id = <frozen> WHERE id = (SELECT invitation_id FROM drafts)": "still has drafts",
    """UPDATE responses SET answers = '{"HB1":"6"}' WHERE wave_id = <open>""": "are none that eomhs",
    """UPDATE responses SET answers = '{"XX":"4"}' WHERE wave_id = <open>""": "are none that eomhs",
    """UPDATE responses SET answers = '{"HB1":4}' WHERE wave_id = <open>""": "are none that eomhs",
    """UPDATE responses SET answers = '{"HB2":"4", "HB1":"4"}' WHERE wave_id = <open>""": "not written as answers are",
    "UPDATE responses SET answers = 'nonsense' WHERE wave_id = <open>": "not written as answers are",
    "UPDATE responses SET answers = '[]' WHERE wave_id = <open>": "not written as answers are",
    "UPDATE draft_answers SET answer = '6'": "are none that eomhs",
    "UPDATE draft_answers SET question = 'XX'": "are none that eomhs",
    "UPDATE responses SET instrument_version = '0.9.0' WHERE wave_id = <open>": "of another version",
    "UPDATE waves SET definition_hash = 'x' WHERE id = <open>": "is not the one",
    "DELETE FROM drafts": "belong to nothing",
    "DELETE FROM services": "belong to nothing",
    "UPDATE placements SET until = since": "leaves a service before",
    "INSERT INTO placements (unit_id, service_id, since) SELECT min(unit_id), min(service_id), '2020-01-01'"
    " FROM placements": "two services on one day",
    "DELETE FROM wave_units WHERE wave_id = <open>": "do not take part",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(survey: Survey, damage: str) -> None:
    statement = damage
    for place, query in PLACES.items():
        statement = statement.replace(place, query)
    told = DAMAGE[damage]
    spoil(survey, statement.replace("%", "%%") if survey.kind == "postgresql" else statement)
    problems = problems_of(survey.engine, load)
    assert [problem for problem in problems if told in problem.what]
    assert {problem.code for problem in problems} <= {Code.STO_DAMAGED, Code.COL_QUESTIONNAIRE_CHANGED}
    assert all("clinician" not in str(problem) for problem in problems), "no answer is quoted"


def test_a_questionnaire_that_is_gone_or_another_is_told(survey: Survey) -> None:
    def gone(_name: str) -> NoReturn:
        raise DefinitionError(Problem(code=Code.DEF_NOT_FOUND, what="Gone.", fix="Put it back."))

    def changed(name: str) -> Instrument:
        return replace(load(name), definition_hash="0" * 64)

    wanted: dict[Callable[[str], Instrument], Code] = {
        gone: Code.DEF_NOT_FOUND,
        changed: Code.COL_QUESTIONNAIRE_CHANGED,
    }
    for instruments, code in wanted.items():
        assert {problem.code for problem in problems_of(survey.engine, instruments)} == {code}


def test_a_long_list_is_cut(survey: Survey) -> None:
    wave = survey.waves.wave(survey.wave.id)
    with survey.store.writing() as transaction:
        for number in range(MOST_FINDINGS + 10):
            transaction.add_wave(replace(wave, id=f"w{number}", definition_hash="x"))
    assert len(problems_of(survey.engine, load)) == MOST_FINDINGS


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    survey = Survey(tmp_path)
    survey.respond_times(40)
    survey.waves.freeze(survey.wave.id)
    survey.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    survey.close()
    content = bytearray(survey.file.read_bytes())
    # The header of a page in the middle of the table of responses.
    place = content.rfind(survey.units[0].id.encode()) // 4096 * 4096
    content[place + 3 : place + 5] = b"\x00\x01"
    survey.file.write_bytes(content)
    survey.open()
    assert [problem for problem in problems_of(survey.engine, load) if problem.code == Code.STO_DAMAGED]
    survey.close()
