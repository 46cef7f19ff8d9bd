"""Waves from the first invitation to the freeze."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tests.collecting import CONSENT, Survey, answered, refused
from toolkit.collection.ports import Invitation, Response
from toolkit.errors import Code, CollectionError


def test_a_wave_is_pinned_to_a_definition(survey: Survey) -> None:
    ((wave, ((service, units),)),) = survey.waves.all()
    assert wave == survey.wave
    assert wave.definition_hash == survey.instrument.definition_hash
    assert wave.instrument == "eomhs@1.0.0"
    assert (service, set(units)) == (survey.service, set(survey.units))


def test_units_must_have_names_of_their_own(survey: Survey) -> None:
    survey.waves.add_service("Valid", ["A", "B"])
    n_services, n_units = survey.count("services"), survey.count("units")
    for names in (["A", "A"], ["A", " "], [""], []):
        with refused(Code.COL_UNIT_NAMES):
            survey.waves.add_service("Invalid", names)
    assert (survey.count("services"), survey.count("units")) == (n_services, n_units)


def test_a_second_wave_belongs_to_the_service_that_is_there(survey: Survey) -> None:
    service, units = survey.waves.add_service("Service", ["Unit 1", "New unit"])
    assert service == survey.service
    known, new = units
    assert known in survey.units
    assert new not in survey.units
    second = survey.waves.add_wave(units, "Second wave", "eomhs@1.0.0")
    assert survey.waves.find_unit(second.id, "New unit") == new
    assert survey.count("services") == 1


def test_only_hashes_of_links_are_stored(survey: Survey) -> None:
    tokens = survey.waves.invite(survey.wave.id, survey.units[0].id, 50)
    assert len(set(tokens)) == 50
    assert survey.waves.n_invited(survey.wave.id) == 50
    everything = survey.bytes()
    assert not any(token.encode() in everything for token in tokens)


def test_inviting_to_what_is_not_there_is_refused(survey: Survey) -> None:
    survey.waves.invite(survey.wave.id, survey.waves.find_unit(survey.wave.id, "Unit 1").id, 1)
    other, (stranger,) = survey.waves.add_service("Other", ["Elsewhere"])
    with refused(Code.COL_UNKNOWN_WAVE):
        survey.waves.invite("no such wave", survey.units[0].id, 1)
    with refused(Code.COL_UNKNOWN_UNIT):
        survey.waves.invite(survey.wave.id, stranger.id, 1)
    with refused(Code.COL_UNKNOWN_UNIT):
        survey.waves.find_unit(survey.wave.id, "Elsewhere")
    with refused(Code.COL_UNKNOWN_WAVE):
        survey.waves.find_unit("no such wave", "Unit 1")
    assert survey.count("invitations") == 1
    assert other.name == "Other"


def contents(survey: Survey, wave_id: str) -> tuple[list[Invitation], list[Response]]:
    with survey.store.reading() as transaction:
        return list(transaction.invitations(wave_id)), list(transaction.responses(wave_id))


def without(record: Invitation | Response, *names: str) -> str:
    kept = {field.name: getattr(record, field.name) for field in fields(record) if field.name not in names}
    return repr(sorted(kept.items(), key=lambda pair: pair[0]))


def test_freezing_gives_new_keys_and_keeps_everything_else(survey: Survey) -> None:
    for number in range(12):
        points = [number % 5 + 1, (number + 2) % 5 + 1]
        survey.respond(answered(survey.instrument, points), unit=number % 2, language=("en", "nb")[number % 2])
    invitations, responses = contents(survey, survey.wave.id)
    frozen = survey.waves.freeze(survey.wave.id)
    assert frozen.status == "frozen"
    new_invitations, new_responses = contents(survey, survey.wave.id)
    assert not {one.id for one in invitations} & {one.id for one in new_invitations}
    assert not {one.key for one in responses} & {one.key for one in new_responses}
    assert sorted(without(one, "id") for one in invitations) == sorted(without(one, "id") for one in new_invitations)
    assert sorted(without(one, "key", "receipt_hash") for one in responses) == sorted(
        without(one, "key", "receipt_hash") for one in new_responses
    )
    assert all(one.receipt_hash for one in responses)
    assert {one.receipt_hash for one in new_responses} == {None}


def test_freezing_deletes_what_was_not_submitted(survey: Survey) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    survey.respond({"HB1": "5"})
    survey.waves.freeze(survey.wave.id)
    for table in ("drafts", "draft_answers", "respondent_sessions"):
        assert survey.count(table) == 0
    assert survey.rows("SELECT answers FROM responses") == [('{"HB1":"5"}',)]
    assert sorted(survey.rows("SELECT status FROM invitations")) == [("open",), ("used",)]


def test_freezing_touches_no_other_wave(survey: Survey) -> None:
    other = survey.waves.add_wave(survey.units, "Other wave", "eomhs@1.0.0")
    (token,) = survey.waves.invite(other.id, survey.units[0].id, 1)
    cookie = survey.responding.open_link(token)
    draft = survey.responding.begin(cookie, language="en", consent_version=CONSENT)
    survey.responding.save(cookie, draft.id, "HB1", "3", base=None)
    _, receipt = survey.respond({"HB1": "5"})
    before = contents(survey, other.id)
    survey.waves.freeze(survey.wave.id)
    assert contents(survey, other.id) == before
    assert survey.responding.visit(cookie).answers["HB1"].value == "3"
    other_receipt = survey.responding.submit(cookie, draft.id)
    with refused(Code.COL_RECEIPT_UNKNOWN):
        survey.responding.withdraw(receipt)
    survey.responding.withdraw(other_receipt)


def test_a_frozen_wave_does_not_change_any_more(survey: Survey) -> None:
    survey.respond({"HB1": "5"})
    survey.link()
    survey.waves.freeze(survey.wave.id)
    before = contents(survey, survey.wave.id)
    with refused(Code.COL_WAVE_NOT_OPEN):
        survey.waves.freeze(survey.wave.id)
    with refused(Code.COL_WAVE_NOT_OPEN):
        survey.waves.invite(survey.wave.id, survey.units[0].id, 1)
    with refused(Code.COL_UNKNOWN_WAVE):
        survey.waves.freeze("no such wave")
    assert contents(survey, survey.wave.id) == before


def test_an_open_wave_gives_no_answers(survey: Survey) -> None:
    survey.respond_times(6)
    with refused(Code.COL_WAVE_NOT_FROZEN):
        survey.waves.frozen_responses(survey.wave.id)
    with refused(Code.COL_UNKNOWN_WAVE):
        survey.waves.frozen_responses("no such wave")
    survey.waves.freeze(survey.wave.id)
    wave, responses, services = survey.waves.frozen_responses(survey.wave.id)
    assert (wave.status, len(responses), services) == ("frozen", 6, ((survey.service, survey.units),))


def test_the_refusal_of_an_unknown_wave_names_the_waves(survey: Survey) -> None:
    survey.waves.n_invited(survey.wave.id)
    with pytest.raises(CollectionError) as caught:
        survey.waves.freeze("Wave")
    assert survey.wave.id in str(caught.value)
