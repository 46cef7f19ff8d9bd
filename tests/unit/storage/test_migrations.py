"""A store of an older version is upgraded with everything in it, and can go back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, MetaData, text

from tests.collecting import CONSENT, SECRET, load, refused
from tests.databases import Kind, drop_database, new_database
from tests.schemas import schema_of
from toolkit.collection.ports import ALWAYS, Placement, WaveUnit
from toolkit.collection.privacy import keyed_hash
from toolkit.collection.reconciliation import Saved
from toolkit.collection.responding import Responding
from toolkit.collection.waves import Waves
from toolkit.errors import Code
from toolkit.storage.engine import open_engine
from toolkit.storage.integrity import problems_of
from toolkit.storage.migrate import alembic_config, current_revision, migrate, migrating
from toolkit.storage.response_store import SqlStore

NOW = 1_700_000_000.0
EOMHS = load("eomhs@1.0.0")
KEYS = {name: f"{number:032x}" for number, name in enumerate(["first", "second", "blank", "old", "kept", "draft"], 1)}


def go(engine: Engine, revision: str) -> None:
    with migrating(engine) as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        if revision in ("0001", "0002") and current_revision(connection) in (None, "0001"):
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)


def insert(engine: Engine, table: str, *rows: dict[str, Any]) -> None:
    with engine.execution_options(writing=True).begin() as connection:
        for row in rows:
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)  # noqa: S608  our names


def response(name: str, wave: str, unit: str, receipt: str | None) -> dict[str, Any]:
    return {
        "key": KEYS[name],
        "wave_id": wave,
        "unit_id": unit,
        "instrument_id": "eomhs",
        "instrument_version": "1.0.0",
        "definition_hash": EOMHS.definition_hash,
        "language": "nb",
        "display_order": "HB1 HB2",
        "consent_version": CONSENT,
        "n_changes": 3,
        "receipt_hash": receipt,
    }


def fill(engine: Engine) -> None:
    """Write what a server of the first version wrote: two services, an open, a frozen and a demonstration wave."""
    insert(engine, "services", {"id": "north", "name": "North"}, {"id": "south", "name": "South"})
    units = (("a", "north"), ("b", "north"), ("c", "south"))
    insert(engine, "units", *({"id": one, "service_id": owner, "name": f"Ward {one}"} for one, owner in units))
    pinned = {
        "instrument_id": "eomhs",
        "instrument_version": "1.0.0",
        "definition_hash": EOMHS.definition_hash,
    }
    waves = (("open", "north", "open"), ("demo", "north", "open"), ("frozen", "south", "frozen"))
    insert(
        engine,
        "waves",
        *({"id": one, "service_id": owner, "name": one, "status": status} | pinned for one, owner, status in waves),
    )
    token_hash = keyed_hash(SECRET, "token", "token")
    person = {"id": KEYS["kept"], "wave_id": "open", "unit_id": "b", "token_hash": token_hash, "status": "open"}
    insert(engine, "invitations", person)
    draft = {
        "id": KEYS["draft"],
        "invitation_id": KEYS["kept"],
        "language": "en",
        "consent_version": CONSENT,
        "step": "HB",
    }
    insert(engine, "drafts", draft)
    insert(
        engine,
        "draft_answers",
        {"draft_id": KEYS["draft"], "question": "HB1", "answer": "2", "revision": 1},
        {"draft_id": KEYS["draft"], "question": "HB2", "answer": None, "revision": 2},
    )
    insert(
        engine,
        "responses",
        response("first", "open", "a", keyed_hash(SECRET, "receipt", "ABCD-EFGH-IJKL-MNOP")),
        response("second", "open", "b", "f" * 64),
        response("blank", "open", "b", "e" * 64),
        response("old", "frozen", "c", None),
    )
    answers = (
        ("first", "HB2", "4"),
        ("first", "HB1", "-9"),
        ("first", "position", "clinician"),
        ("second", "HB1", "5"),
    )
    insert(
        engine,
        "response_answers",
        *({"response_key": KEYS[one], "question": question, "answer": answer} for one, question, answer in answers),
        {"response_key": KEYS["old"], "question": "CC5", "answer": "1"},
    )


def contents(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        tables = MetaData()
        tables.reflect(connection)
        return {
            name: sorted(map(tuple, connection.execute(table.select()).all()), key=str)
            for name, table in tables.tables.items()
            if name != "alembic_version"
        }


@pytest.fixture
def old(tmp_path: Path, kind: Kind) -> Iterator[Engine]:
    """A store of revision 0001 with rows in every table that keeps something."""
    address = new_database(kind, tmp_path, empty=True)
    engine = open_engine(address)
    go(engine, "0001")
    fill(engine)
    yield engine
    engine.dispose()
    drop_database(address)


def test_an_old_store_is_upgraded_with_everything_in_it(old: Engine) -> None:
    assert migrate(old) == ("0001", "0002")
    store = SqlStore(old)
    with store.reading() as transaction:
        assert {unit.name for unit in transaction.units()} == {"Ward a", "Ward b", "Ward c"}
        assert set(transaction.placements()) == {
            Placement(unit_id="a", service_id="north", since=ALWAYS),
            Placement(unit_id="b", service_id="north", since=ALWAYS),
            Placement(unit_id="c", service_id="south", since=ALWAYS),
        }
        waves = {wave.id: wave for wave in transaction.waves()}
        assert {wave.asked_on for wave in waves.values()} == {date.today()}
        assert {wave.id: wave.is_demo for wave in waves.values()} == {"open": False, "demo": True, "frozen": False}
        assert waves["open"].content_hash is None
        assert set(transaction.wave_units("open")) == {
            WaveUnit(wave_id="open", unit_id="a"),
            WaveUnit(wave_id="open", unit_id="b"),
        }
        assert transaction.wave_units("frozen") == [WaveUnit(wave_id="frozen", unit_id="c")]
        given = {one.key: one for one in transaction.responses("open")}
        assert given[KEYS["first"]].answers == {"HB1": "-9", "HB2": "4", "position": "clinician"}
        assert given[KEYS["second"]].answers == {"HB1": "5"}
        assert given[KEYS["blank"]].answers == {}
        assert given[KEYS["first"]].display_order == ("HB1", "HB2")
    assert problems_of(old, load) == ()


def test_people_go_on_answering_and_withdrawing_after_an_upgrade(old: Engine) -> None:
    migrate(old)
    store = SqlStore(old)
    responding = Responding(store, load, SECRET, clock=lambda: NOW)
    cookie = responding.open_link("token")
    visit = responding.visit(cookie)
    assert visit.unit.name == "Ward b"
    assert visit.draft is not None
    assert visit.answers["HB1"].value == "2"
    assert isinstance(responding.save(cookie, visit.draft.id, "HB3", "4", base=None), Saved)
    responding.submit(cookie, visit.draft.id)
    responding.withdraw("ABCD-EFGH-IJKL-MNOP")
    waves = Waves(store, load, SECRET)
    assert waves.freeze("open").content_hash is not None
    frame = waves.answers_frame(["open", "frozen"])
    assert sorted(frame["unit"]) == ["b", "b", "c"]
    assert problems_of(old, load) == ()


def test_down_again_gives_back_what_was_there(old: Engine) -> None:
    before = contents(old), schema_of(old)
    migrate(old)
    assert contents(old) != before[0]
    go(old, "0001")
    after, schema = contents(old), schema_of(old)

    def ordered(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[frozenset[Any]]]:
        # A column that was taken away and came back stands at the end.
        return {
            name: sorted((frozenset(row) for row in found), key=lambda row: sorted(map(str, row)))
            for name, found in rows.items()
        }

    assert ordered(after) == ordered(before[0])
    assert {name: one for name, one in schema.items() if name != "texts"} == {
        name: one for name, one in before[1].items() if name != "texts"
    }
    assert migrate(old) == ("0001", "0002")
    assert problems_of(old, load) == ()


def test_down_to_nothing_and_up_again_gives_the_same_schema(tmp_path: Path, kind: Kind) -> None:
    address = new_database(kind, tmp_path, empty=True)
    engine = open_engine(address)
    assert migrate(engine) == (None, "0002")
    before = schema_of(engine)
    go(engine, "base")
    assert set(schema_of(engine)) - {"texts"} == {"alembic_version"}
    migrate(engine)
    assert schema_of(engine) == before
    engine.dispose()
    drop_database(address)


def test_a_wave_of_two_services_does_not_fit_into_the_schema_before(old: Engine) -> None:
    migrate(old)
    insert(old, "wave_units", {"wave_id": "open", "unit_id": "c"})
    with refused(Code.STO_NOT_A_STORE):
        go(old, "0001")
    with old.connect() as connection:
        assert current_revision(connection) == "0002"
    assert problems_of(old, load) == ()


def test_an_upgrade_that_fails_leaves_everything_as_it_was(old: Engine) -> None:
    insert(old, "response_answers", {"response_key": KEYS["old"], "question": "HB1", "answer": "4"})
    with old.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE placements (unit_id VARCHAR(40))")
    before = contents(old)
    with refused(Code.STO_UNAVAILABLE):
        migrate(old)
    assert contents(old) == before
    with old.begin() as connection:
        connection.exec_driver_sql("DROP TABLE placements")
    assert migrate(old) == ("0001", "0002")
