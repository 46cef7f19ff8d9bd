"""What a PostgreSQL server does that a file does not: logins, limits, locks between processes, lost connections."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from tests.collecting import SECRET, Survey, refused
from tests.databases import server
from toolkit.collection.ports import Answer
from toolkit.collection.privacy import new_key
from toolkit.errors import Code, StorageError
from toolkit.settings import Settings
from toolkit.storage import postgresql
from toolkit.storage.engine import open_engine
from toolkit.storage.migrate import migrate
from toolkit.storage.refusals import STATES, refusals
from toolkit.wiring import wire

PASSWORD = "hunter2-0815"  # noqa: S105  the password that must not be told


@pytest.fixture
def survey(tmp_path: Path) -> Iterator[Survey]:
    survey = Survey(tmp_path, kind="postgresql")
    yield survey
    survey.drop()


def told(error: BaseException) -> str:
    """Return an error as a log would show it, causes included."""
    return "".join(traceback.format_exception(error))


# Addresses and logins


def test_both_ways_of_writing_an_address_open_the_same(survey: Survey) -> None:
    survey.respond({"HB1": "4"})
    for start in ("postgresql://", "postgresql+psycopg://"):
        engine = open_engine(survey.address.replace("postgresql://", start))
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM responses").scalar_one() == 1
        engine.dispose()


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://someone:{PASSWORD}@localhost:1/eot",
        f"postgresql://someone:{PASSWORD}@no-such-host.invalid/eot",
        f"postgresql://someone:{PASSWORD}@localhost:1/eot?sslmode=nonsense",
        f"postgresql://someone:{PASSWORD}@localhost:1/eot?nonsense=1",
    ],
)
def test_a_server_that_cannot_be_reached_is_told_without_login_or_address(address: str) -> None:
    with pytest.raises(StorageError) as caught:
        migrate(open_engine(address))
    assert caught.value.codes == (Code.STO_UNAVAILABLE,)
    for secret in (PASSWORD, "someone", "localhost:1", "no-such-host"):
        assert secret not in told(caught.value)


def test_a_refused_login_and_a_missing_database_are_told_without_names(survey: Survey) -> None:
    role = f"role_{new_key()[:8]}"
    server().run(f"CREATE ROLE {role} NOLOGIN PASSWORD '{PASSWORD}'")
    strange = survey.address.replace("postgres@", f"{role}:{PASSWORD}@")
    missing = survey.address.replace("/eot_", f"/{role}_")
    for address, reason in ((strange, "login"), (missing, "cannot be reached")):
        with pytest.raises(StorageError) as caught:
            migrate(open_engine(address))
        assert caught.value.codes == (Code.STO_UNAVAILABLE,)
        assert reason in str(caught.value)
        assert role not in told(caught.value)
        assert PASSWORD not in told(caught.value)
    server().run(f"DROP ROLE {role}")


def test_a_login_that_may_only_read_is_told(survey: Survey) -> None:
    role = f"role_{new_key()[:8]}"
    server().run(f"CREATE ROLE {role} LOGIN")
    with survey.engine.begin() as connection:
        connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    engine = open_engine(survey.address.replace("postgres@", f"{role}@"))
    migrate(engine)
    with pytest.raises(StorageError) as caught, refusals(), engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM responses")
    assert caught.value.codes == (Code.STO_UNAVAILABLE,)
    assert "no right" in str(caught.value)
    engine.dispose()
    with survey.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
    server().run(f"DROP ROLE {role}")


def test_settings_do_not_show_the_password() -> None:
    settings = Settings(database_url=f"postgresql://someone:{PASSWORD}@host/eot")
    assert PASSWORD in settings.database_url
    assert PASSWORD not in repr(settings)
    assert PASSWORD not in repr(open_engine(settings.database_url))


def test_the_key_must_be_named(survey: Survey, tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "eot.key"
    services = wire(Settings(database_url=survey.address, secret_file=file))
    assert file.stat().st_mode & 0o777 == 0o600
    services.engine.dispose()
    with refused(Code.STO_KEY_UNUSABLE):
        wire(Settings(database_url=survey.address))
    survey.link()
    file.unlink()
    with refused(Code.STO_KEY_UNUSABLE):
        wire(Settings(database_url=survey.address, secret_file=file))
    assert not file.exists()


def test_every_state_has_words_and_special_ones_come_first() -> None:
    states = list(STATES)
    assert all(STATES.values())
    for place, state in enumerate(states):
        assert not any(state.startswith(earlier) for earlier in states[:place]), state


# Limits


def test_every_pooled_connection_has_every_limit(survey: Survey) -> None:
    wanted = {"statement_timeout": "1min", "lock_timeout": "15s", "idle_in_transaction_session_timeout": "1min"}
    connections = [survey.engine.connect() for _ in range(12)]
    try:
        for connection in connections:
            found = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in wanted}
            assert found == wanted
    finally:
        for connection in connections:
            connection.close()


def test_a_statement_without_end_and_a_transaction_left_alone_are_ended(survey: Survey) -> None:
    def run(limit: str, statement: str, pause: float) -> None:
        with refusals(), survey.engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL {limit} = 50")
            time.sleep(pause)
            connection.exec_driver_sql(statement)

    with pytest.raises(StorageError) as caught:
        run("statement_timeout", "SELECT pg_sleep(5)", 0)
    assert "too long" in str(caught.value)
    with pytest.raises(StorageError) as caught:
        run("idle_in_transaction_session_timeout", "SELECT 1", 0.5)
    assert caught.value.codes == (Code.STO_UNAVAILABLE,)
    assert survey.count("waves") == 1


def test_a_writer_waits_for_its_turn_and_gives_up_in_the_end(tmp_path: Path) -> None:
    survey = Survey(tmp_path, kind="postgresql", busy_milliseconds=100)
    browser = survey.browser()
    seen = survey.answer(browser, "HB1", "4")
    with psycopg.connect(survey.address) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({postgresql.TURN_KEY})".encode())
        for call in (
            lambda: survey.responding.save(browser.cookie, browser.draft, "HB1", "5", base=seen),
            lambda: survey.responding.submit(browser.cookie, browser.draft),
            lambda: migrate(survey.engine),
        ):
            with pytest.raises(StorageError) as caught:
                call()
            assert caught.value.codes == (Code.STO_UNAVAILABLE,)
            assert "locked" in str(caught.value)
            for secret in (browser.cookie, browser.draft):
                assert secret not in told(caught.value)
        # Readers are not stopped by a writer.
        assert survey.responding.visit(browser.cookie).answers == {"HB1": seen}
    assert survey.answer(browser, "HB1", "5", seen) == Answer("5", 2)
    survey.drop()


# Connections that break


def end_all_connections(survey: Survey) -> None:
    name = survey.address.split("/")[3].split("?")[0]
    ours = f"WHERE datname = '{name}'"
    server().run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity {ours}")  # noqa: S608  a name of our own


def test_a_server_that_was_restarted_is_found_again_without_an_error(survey: Survey) -> None:
    browser = survey.browser()
    seen = survey.answer(browser, "HB1", "4")
    for value in ("5", "3"):
        end_all_connections(survey)
        seen = survey.answer(browser, "HB1", value, seen)
    assert survey.stored(browser) == {"HB1": Answer("3", 3)}


def test_a_connection_that_breaks_within_a_transaction_leaves_nothing(survey: Survey) -> None:
    browser = survey.browser()
    seen = survey.answer(browser, "HB1", "4")

    def break_in_the_middle() -> None:
        with survey.store.writing() as transaction:
            transaction.write_answer(browser.draft, "HB2", Answer("5", 1))
            end_all_connections(survey)
            transaction.write_answer(browser.draft, "HB3", Answer("5", 1))

    with pytest.raises(StorageError) as caught:
        break_in_the_middle()
    assert caught.value.codes == (Code.STO_UNAVAILABLE,)
    assert survey.stored(browser) == {"HB1": seen}


# Freezing


def hold_a_snapshot(survey: Survey) -> psycopg.Connection[tuple[object, ...]]:
    reader = psycopg.connect(survey.address)
    reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    reader.execute("SELECT count(*) FROM services")
    return reader


def test_a_freeze_waits_for_readers_of_an_older_state(survey: Survey) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    reader = hold_a_snapshot(survey)
    timer = threading.Timer(1.0, reader.close)
    timer.start()
    survey.waves.freeze(survey.wave.id)
    timer.join()
    assert browser.draft.encode() not in survey.bytes()


def test_a_freeze_beside_a_reader_who_stays_says_so_and_can_be_repeated(
    survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 0.2)
    reader = hold_a_snapshot(survey)
    with refused(Code.STO_TRACES_LEFT):
        survey.waves.freeze(survey.wave.id)
    assert browser.draft.encode() in survey.bytes()
    # Writers go on meanwhile: the lock of those who write was given back.
    survey.waves.add_service("Another", ["Unit"])
    reader.close()
    with refused(Code.COL_WAVE_NOT_OPEN):
        survey.waves.freeze(survey.wave.id)
    assert browser.draft.encode() not in survey.bytes()


def test_no_sample_of_a_key_or_an_answer_is_kept(survey: Survey) -> None:
    for number in range(30):
        survey.respond({"HB1": str(number % 5 + 1)}, unit=number % 2)
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    with survey.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    sampled = {f"{row[0]}.{row[1]}" for row in survey.rows("SELECT tablename, attname FROM pg_stats")}
    # The twin: what may be sampled is.
    assert {"responses.unit_id", "invitations.wave_id"} <= sampled
    private = (
        "key",
        "receipt_hash",
        "answers",
        "token_hash",
        "id",
        "draft_id",
        "answer",
        "cookie_hash",
        "invitation_id",
    )
    tables = ("responses", "invitations", "drafts", "draft_answers", "respondent_sessions")
    assert sampled & {f"{table}.{column}" for table in tables for column in private} == set()


# Several processes

WRITER = """
import sys
from toolkit.collection.responding import Responding
from toolkit.instruments.catalog import Catalog
from toolkit.settings import Settings
from toolkit.storage.engine import open_engine
from toolkit.storage.response_store import SqlStore

address, secret, now, cookie, draft, first = sys.argv[1:]
eomhs = Catalog((Settings().catalog,)).load("eomhs@1.0.0")
store = SqlStore(open_engine(address))
responding = Responding(store, lambda _: eomhs, secret.encode(), clock=lambda: float(now))
base = None
for number in range(60):
    shown = str((number + int(first)) % 5 + 1)
    while True:
        result = responding.save(cookie, draft, "HB1", shown, base=base)
        if hasattr(result, "answer"):
            break
        base = result.stored
    if base is None or result.answer.revision > base.revision:
        print(result.answer.revision, result.answer.value)
    base = result.answer
"""


def test_three_processes_at_one_answer_take_turns(survey: Survey) -> None:
    """No writer comes between another one's reading and writing: no revision is written twice, and none is skipped."""
    browser = survey.browser()
    arguments = [survey.address, SECRET.decode(), str(survey.now), browser.cookie, browser.draft]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, *arguments, str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    lines = [line for writer in writers for line in writer.communicate()[0].splitlines()]
    assert [writer.returncode for writer in writers] == [0] * 3
    written = [tuple(line.split()) for line in lines]
    final = survey.stored(browser)["HB1"]
    assert len(dict(written)) == len(set(written)) == final.revision
    assert {int(revision) for revision, _ in written} == set(range(1, final.revision + 1))


def test_four_servers_that_start_at_once_agree(tmp_path: Path) -> None:
    address = server().address(f"empty_{new_key()[:8]}")
    server().run(f"CREATE DATABASE {address.split('/')[3].split('?')[0]}")
    code = (
        "import sys; from pathlib import Path; from toolkit.settings import Settings; from toolkit.wiring import wire; "
        "wire(Settings(database_url=sys.argv[1], secret_file=Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, address, str(tmp_path / "key")]
    servers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [one.communicate()[1] for one in servers]
    assert [one.returncode for one in servers] == [0] * 4, said
    engine: Engine = open_engine(address)
    assert migrate(engine) == ("0002", "0002")
    engine.dispose()
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
