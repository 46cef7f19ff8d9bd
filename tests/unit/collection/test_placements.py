"""Which service a unit belongs to on a day, and what that does to waves."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.collecting import Survey, refused
from toolkit.collection.placements import overlaps, services_on
from toolkit.collection.ports import ALWAYS, Placement
from toolkit.errors import Code

SPRING, SUMMER, AUTUMN = date(2026, 3, 1), date(2026, 6, 1), date(2026, 9, 1)
DAYS = st.dates(date(2026, 1, 1), date(2026, 1, 20))
PLACEMENTS = st.builds(
    lambda since, length: Placement(
        unit_id="unit", service_id="service", since=since, until=None if length is None else since + timedelta(length)
    ),
    DAYS,
    st.none() | st.integers(1, 10),
)


@given(PLACEMENTS, PLACEMENTS)
def test_two_placements_overlap_when_they_share_a_day(one: Placement, other: Placement) -> None:
    days = [date(2026, 1, 1) + timedelta(number) for number in range(60)]
    share = any(one.holds(day) and other.holds(day) for day in days)
    assert overlaps(one, other) is overlaps(other, one) is share


def owners(survey: Survey, day: date) -> dict[str, str]:
    """Return the name of the service of every unit on a day."""
    return {unit.name: service.name for service, units in survey.waves.services(day) for unit in units}


def test_a_unit_belongs_to_its_service_from_the_beginning_until_it_is_moved(survey: Survey) -> None:
    south, _ = survey.waves.add_service("South", ["Unit 9"])
    survey.waves.move_unit(survey.units[0].id, south.id, SUMMER)
    before, after = owners(survey, SUMMER - timedelta(1)), owners(survey, SUMMER)
    assert before == {"Unit 0": "Service", "Unit 1": "Service", "Unit 9": "South"}
    assert after == before | {"Unit 0": "South"}
    assert owners(survey, ALWAYS) == before
    # And back again: a unit may come to a service twice.
    survey.waves.move_unit(survey.units[0].id, survey.service.id, AUTUMN)
    assert owners(survey, AUTUMN) == before
    assert owners(survey, AUTUMN - timedelta(1)) == after


def test_a_closed_unit_belongs_to_nobody_and_can_be_opened_again(survey: Survey) -> None:
    survey.waves.close_unit(survey.units[0].id, SUMMER)
    assert owners(survey, SUMMER - timedelta(1)).keys() == {"Unit 0", "Unit 1"}
    assert owners(survey, SUMMER).keys() == {"Unit 1"}
    with refused(Code.COL_PLACEMENT):
        survey.waves.add_wave(survey.units, "Too late", "eomhs@1.0.0", asked_on=SUMMER)
    assert survey.count("waves") == 1
    survey.waves.move_unit(survey.units[0].id, survey.service.id, AUTUMN)
    assert owners(survey, AUTUMN).keys() == {"Unit 0", "Unit 1"}
    assert owners(survey, AUTUMN - timedelta(1)).keys() == {"Unit 1"}


def test_a_service_without_units_is_listed(survey: Survey) -> None:
    for unit in survey.units:
        survey.waves.close_unit(unit.id, SUMMER)
    assert survey.waves.services(SUMMER) == ((survey.service, ()),)


def test_what_would_overlap_or_be_empty_is_refused_and_changes_nothing(survey: Survey) -> None:
    unit = survey.units[0].id
    south, _ = survey.waves.add_service("South", ["Unit 9"])
    survey.waves.move_unit(unit, south.id, SUMMER)
    before = survey.rows("SELECT unit_id, service_id, since, until FROM placements ORDER BY unit_id, since")
    calls: tuple[Any, ...] = (
        lambda: survey.waves.move_unit(unit, survey.service.id, SPRING),
        lambda: survey.waves.move_unit(unit, survey.service.id, SUMMER),
        lambda: survey.waves.move_unit(unit, survey.service.id, ALWAYS),
        lambda: survey.waves.close_unit(unit, SPRING),
        lambda: survey.waves.close_unit(unit, SUMMER),
    )
    for call in calls:
        with refused(Code.COL_PLACEMENT):
            call()
    with refused(Code.COL_UNKNOWN_UNIT):
        survey.waves.move_unit("nobody", south.id, AUTUMN)
    with refused(Code.COL_UNKNOWN_UNIT):
        survey.waves.close_unit("nobody", AUTUMN)
    with refused(Code.COL_UNKNOWN_SERVICE):
        survey.waves.move_unit(unit, "nowhere", AUTUMN)
    assert survey.rows("SELECT unit_id, service_id, since, until FROM placements ORDER BY unit_id, since") == before
    survey.waves.close_unit(unit, AUTUMN)
    with refused(Code.COL_PLACEMENT):
        survey.waves.close_unit(unit, AUTUMN + timedelta(1))


def test_a_wave_sees_the_hierarchy_of_its_own_day(survey: Survey) -> None:
    south, (nine,) = survey.waves.add_service("South", ["Unit 9"])
    everyone = [*survey.units, nine]
    spring = survey.waves.add_wave(everyone, "Spring", "eomhs@1.0.0", asked_on=SPRING)
    autumn = survey.waves.add_wave(everyone, "Autumn", "eomhs@1.0.0", asked_on=AUTUMN)
    survey.waves.move_unit(survey.units[0].id, south.id, SUMMER)
    assert survey.waves.units(spring.id) == ((survey.service, survey.units), (south, (nine,)))
    assert survey.waves.units(autumn.id) == ((survey.service, survey.units[1:]), (south, (survey.units[0], nine)))


def test_waves_stand_in_the_order_in_which_they_were_asked(survey: Survey) -> None:
    for name, day in (("B", AUTUMN), ("A", AUTUMN), ("C", SPRING)):
        survey.waves.add_wave(survey.units, name, "eomhs@1.0.0", asked_on=day)
    assert [wave.name for wave, _ in survey.waves.all() if wave.name != "Wave"] == ["C", "A", "B"]


def test_more_units_take_part_later_and_each_once(survey: Survey) -> None:
    south, (nine,) = survey.waves.add_service("South", ["Unit 1"])
    survey.waves.add_units(survey.wave.id, [nine, survey.units[0]])
    survey.waves.add_units(survey.wave.id, [nine])
    assert survey.waves.units(survey.wave.id) == ((survey.service, survey.units), (south, (nine,)))
    # Two units of the wave are called the same: the service must be named.
    with refused(Code.COL_UNIT_NAMES):
        survey.waves.find_unit(survey.wave.id, "Unit 1")
    assert survey.waves.find_unit(survey.wave.id, "Unit 1", service="South") == nine
    assert survey.waves.find_unit(survey.wave.id, "Unit 1", service="Service") == survey.units[1]
    with refused(Code.COL_UNKNOWN_UNIT):
        survey.waves.find_unit(survey.wave.id, "Unit 0", service="South")
    survey.waves.freeze(survey.wave.id)
    with refused(Code.COL_WAVE_NOT_OPEN):
        survey.waves.add_units(survey.wave.id, [nine])
    with refused(Code.COL_UNKNOWN_WAVE):
        survey.waves.add_units("no such wave", [nine])


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\0b"])
def test_names_that_no_store_can_hold_are_refused(survey: Survey, name: str) -> None:
    survey.waves.add_wave(survey.units, "x" * 200, "eomhs@1.0.0")
    with refused(Code.COL_WAVE_NAME):
        survey.waves.add_wave(survey.units, name, "eomhs@1.0.0")
    with refused(Code.COL_UNIT_NAMES):
        survey.waves.add_service("Valid", ["A", name])
    with refused(Code.COL_UNIT_NAMES):
        survey.waves.add_service(name, ["A"])
    assert survey.count("services") == 1


def test_participation_counts_links_and_people_invited_elsewhere(survey: Survey) -> None:
    for number in range(7):
        survey.respond({"HB1": "4"}, unit=int(number < 5))
    survey.respond({}, unit=1)
    survey.waves.invite(survey.wave.id, survey.units[0].id, 10)
    _, (idle,) = survey.waves.add_service("South", ["Idle"])
    survey.waves.add_units(survey.wave.id, [idle])
    found = {one.unit_id: (one.n_invited, one.n_submitted) for one in survey.waves.participation(survey.wave.id)}
    zero, one = (unit.id for unit in survey.units)
    assert found == {zero: (12, None), one: (6, None), idle.id: (None, None)}
    assert survey.waves.n_invited(survey.wave.id) == 18
    survey.waves.freeze(survey.wave.id)
    found = {one.unit_id: (one.n_invited, one.n_submitted) for one in survey.waves.participation(survey.wave.id)}
    assert found == {zero: (12, 2), one: (6, 6), idle.id: (None, 0)}
    with refused(Code.COL_UNKNOWN_WAVE):
        survey.waves.participation("no such wave")


def test_a_day_between_two_placements_has_no_service() -> None:
    first = Placement(unit_id="a", service_id="north", since=SPRING, until=SUMMER)
    second = Placement(unit_id="a", service_id="south", since=AUTUMN)
    found = {day: services_on([first, second], day) for day in (SPRING, SUMMER, AUTUMN)}
    assert found == {SPRING: {"a": "north"}, SUMMER: {}, AUTUMN: {"a": "south"}}
