"""How the database is opened, and every way in which opening or writing it can fail."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from tests.collecting import Survey, refused, set_on_connect
from tests.databases import Kind
from tests.schemas import schema_of
from toolkit.collection.ports import Answer
from toolkit.collection.privacy import new_key
from toolkit.errors import Code, StorageError
from toolkit.settings import Settings
from toolkit.storage.engine import open_engine
from toolkit.storage.migrate import current_revision, migrate, newest_revision
from toolkit.storage.tables import metadata
from toolkit.wiring import read_or_make_secret, wire

NOBODY = 65534


@pytest.fixture
def survey(tmp_path: Path, kind: Kind) -> Iterator[Survey]:
    survey = Survey(tmp_path, kind=kind)
    yield survey
    survey.drop()


@pytest.fixture
def filed(tmp_path: Path) -> Iterator[Survey]:
    """A survey in a SQLite file."""
    survey = Survey(tmp_path)
    yield survey
    survey.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an unprivileged user can reach, unlike pytest's own when it runs as root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Give up the rights of root, which no file mode stops."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# What is set


def test_every_pooled_connection_has_every_pragma(filed: Survey) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "temp_store": 2,
        "busy_timeout": 15_000,
    }
    connections = [filed.engine.connect() for _ in range(12)]
    try:
        assert len({id(one.connection.dbapi_connection) for one in connections}) == 12
        for connection in connections:
            found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
            assert found == wanted
    finally:
        for connection in connections:
            connection.close()


def test_all_files_belong_to_their_owner_only(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        services = wire(Settings(database_url=f"sqlite:///{tmp_path}/deep/eot.db"))
        with services.engine.connect() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM waves")
            files = {path.name: mode(path) for path in (tmp_path / "deep").iterdir()}
    finally:
        os.umask(previous)
    services.engine.dispose()
    assert files == dict.fromkeys(["eot.db", "eot.db-wal", "eot.db-shm", "eot.db.key"], 0o600)


def test_a_database_that_was_copied_back_is_closed_to_others_again(tmp_path: Path) -> None:
    file = tmp_path / "eot.db"
    settings = Settings(database_url=f"sqlite:///{file}")
    wire(settings).engine.dispose()
    file.chmod(0o644)
    wire(settings).engine.dispose()
    assert mode(file) == 0o600


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nonsense",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:eot.db?uri=true",
        "sqlite:///eot.db?mode=ro",
        "sqlite://host/eot.db",
        "sqlite://host:port/eot.db",
        "sqlite+aiosqlite:///eot.db",
        "sqlite+nothing:///eot.db",
        "mysql://someone:hunter2@host/eot",
        "postgresql+asyncpg://someone:hunter2@host/eot",
        "postgresql://someone:hunter2@host",
        "postgresql://someone:hunter2@host/",
        "postgresql://someone:hunter2@host:port/eot",
    ],
)
def test_an_address_that_names_no_file_is_refused(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_engine("sqlite:///valid.db").dispose()
    with pytest.raises(StorageError) as caught:
        open_engine(address)
    assert caught.value.codes == (Code.STO_BAD_ADDRESS,)
    assert "hunter2" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["valid.db"]


# Schema


def test_the_migrations_make_exactly_the_tables(survey: Survey) -> None:
    with survey.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_foreign_key_and_every_table_without_row_id_is_really_made(filed: Survey) -> None:
    for table in metadata.tables.values():
        found = {(row[3], row[2]) for row in filed.rows(f"PRAGMA foreign_key_list({table.name})")}
        wanted = {(key.parent.name, key.column.table.name) for key in table.foreign_keys}
        assert found == wanted
    sql = dict(filed.rows("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    for table in metadata.tables.values():
        without = table.dialect_options["sqlite"]["with_rowid"] is False
        assert sql[table.name].rstrip().endswith("WITHOUT ROWID") is without


def test_migrating_again_changes_nothing(survey: Survey) -> None:
    survey.respond({"HB1": "4"})
    before = schema_of(survey.engine), survey.rows("SELECT * FROM responses")
    for _ in range(3):
        assert migrate(survey.engine) == ("0002", "0002")
    assert (schema_of(survey.engine), survey.rows("SELECT * FROM responses")) == before
    assert newest_revision() == "0002"


def test_six_servers_that_start_at_once_agree(tmp_path: Path) -> None:
    code = (
        "import sys; from toolkit.settings import Settings; from toolkit.wiring import wire; "
        "wire(Settings(database_url=sys.argv[1]))"
    )
    address = f"sqlite:///{tmp_path}/eot.db"
    servers = [
        subprocess.Popen([sys.executable, "-c", code, address], stderr=subprocess.PIPE, text=True) for _ in range(6)
    ]
    told = [server.communicate()[1] for server in servers]
    assert [server.returncode for server in servers] == [0] * 6, told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["eot.db", "eot.db.key"]
    engine = open_engine(address)
    with engine.connect() as connection:
        assert current_revision(connection) == newest_revision()
    engine.dispose()


# Files that are no database of this version


def test_other_files_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    valid = open_engine(f"sqlite:///{tmp_path}/valid.db")
    migrate(valid)
    valid.dispose()

    text = tmp_path / "text.db"
    text.write_bytes(b"HB1,HB2\n4,5\n" * 500)
    damaged = tmp_path / "damaged.db"
    content = bytearray((tmp_path / "valid.db").read_bytes())
    content[100:4096] = os.urandom(3996)
    damaged.write_bytes(content)
    for file in (text, damaged):
        before = file.read_bytes()
        with refused(Code.STO_NOT_A_STORE):
            wire(Settings(database_url=f"sqlite:///{file}"))
        assert file.read_bytes() == before
        assert not file.with_name(f"{file.name}.key").exists()


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE bookmarks (address TEXT)")
    connection.close()
    with refused(Code.STO_NOT_A_STORE):
        wire(Settings(database_url=f"sqlite:///{file}"))
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]
    connection.close()


def test_a_database_of_a_newer_version_is_refused(survey: Survey) -> None:
    migrate(survey.engine)
    with survey.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with refused(Code.STO_NOT_A_STORE):
        migrate(survey.engine)
    with survey.engine.connect() as connection:
        assert current_revision(connection) == "9999"


# The key


def test_a_key_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "key"
    first = read_or_make_secret(file)
    assert len(first) == 64
    assert read_or_make_secret(file) == first
    assert [path.name for path in file.parent.iterdir()] == ["key"]
    assert mode(file) == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b" " * 100])
def test_a_key_that_is_too_short_is_refused(tmp_path: Path, content: bytes) -> None:
    read_or_make_secret(tmp_path / "valid")
    file = tmp_path / "key"
    file.write_bytes(content)
    with refused(Code.STO_KEY_UNUSABLE):
        read_or_make_secret(file)
    assert file.read_bytes() == content


def test_a_key_where_a_folder_or_nothing_can_be_is_refused(tmp_path: Path) -> None:
    read_or_make_secret(tmp_path / "valid")
    for place in (tmp_path, tmp_path / "valid" / "key"):
        with refused(Code.STO_KEY_UNUSABLE):
            read_or_make_secret(place)


def test_a_lost_key_is_not_replaced_when_links_were_made_with_it(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/eot.db")
    services = wire(settings)
    _, (unit,) = services.waves.add_service("Service", ["Unit"])
    wave = services.waves.add_wave([unit], "Wave", "eomhs@1.0.0")
    key = tmp_path / "eot.db.key"
    # Without links there is nothing that a new key would break.
    key.unlink()
    services.engine.dispose()
    services = wire(settings)
    (token,) = services.waves.invite(wave.id, unit.id, 1)
    kept = key.read_bytes()
    key.unlink()
    services.engine.dispose()
    with refused(Code.STO_KEY_UNUSABLE):
        wire(settings)
    assert not key.exists()
    key.write_bytes(kept)
    services = wire(settings)
    services.responding.open_link(token)
    services.engine.dispose()


# Databases that cannot be written


def leaked(error: BaseException, secret: str) -> bool:
    """Return whether a secret stands anywhere in an error as a log would show it, causes included."""
    return secret in "".join(traceback.format_exception(error))


def test_a_folder_that_cannot_be_written(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with unprivileged(), refused(Code.STO_UNAVAILABLE):
        open_engine(f"sqlite:///{open_folder}/eot.db")
    with refused(Code.STO_UNAVAILABLE):
        open_engine(f"sqlite:///{Path(__file__)}/eot.db")


def test_a_file_that_cannot_be_written(open_folder: Path) -> None:
    survey = Survey(open_folder)
    survey.respond({"HB1": "4"})
    survey.close()
    survey.file.chmod(0o444)
    open_folder.chmod(0o555)
    with unprivileged(), refused(Code.STO_UNAVAILABLE):
        engine = open_engine(f"sqlite:///{survey.file}")
        migrate(engine)
    open_folder.chmod(0o755)
    survey.file.chmod(0o600)
    survey.open()
    assert survey.count("responses") == 1
    survey.close()


def test_a_folder_in_the_place_of_the_database(tmp_path: Path) -> None:
    with refused(Code.STO_UNAVAILABLE):
        migrate(open_engine(f"sqlite:///{tmp_path}"))


def test_a_full_disk_loses_nothing_that_was_acknowledged_and_tells_no_answer(tmp_path: Path) -> None:
    survey = Survey(tmp_path)
    browser = survey.browser()
    seen = survey.answer(browser, "HB1", "4")
    (n_pages,) = survey.rows("PRAGMA page_count")[0]
    survey.close()
    set_on_connect(survey.engine, f"PRAGMA max_page_count = {n_pages + 1}")
    secret = new_key()

    def fill() -> None:
        for number in range(10_000):
            with survey.store.writing() as transaction:
                transaction.write_answer(browser.draft, f"Q{number}", Answer(secret, 1))

    with pytest.raises(StorageError) as caught:
        fill()
    assert caught.value.codes == (Code.STO_UNAVAILABLE,)
    assert "full" in str(caught.value)
    assert not leaked(caught.value, secret)
    n_saved = survey.count("draft_answers")
    assert 1 < n_saved < 10_000
    # Once there is room again, everything goes on.
    survey.restart()
    assert survey.count("draft_answers") == n_saved
    assert survey.answer(browser, "HB1", "5", seen) == Answer("5", 2)
    assert survey.rows("PRAGMA integrity_check") == [("ok",)]
    survey.close()


def test_a_locked_database_is_told_and_tells_no_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    survey = Survey(tmp_path, busy_milliseconds=50)
    browser = survey.browser()
    token = survey.link()
    seen = survey.answer(browser, "HB1", "4")
    other = sqlite3.connect(survey.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    calls = {
        "save": lambda: survey.responding.save(browser.cookie, browser.draft, "HB1", "5", base=seen),
        "open": lambda: survey.responding.open_link(token),
        "submit": lambda: survey.responding.submit(browser.cookie, browser.draft),
        "invite": lambda: survey.waves.invite(survey.wave.id, survey.units[0].id, 1),
        "migrate": lambda: migrate(survey.engine),
    }
    with caplog.at_level(logging.DEBUG):
        for call in calls.values():
            with pytest.raises(StorageError) as caught:
                call()
            assert caught.value.codes == (Code.STO_UNAVAILABLE,)
            assert "locked" in str(caught.value)
            for secret in (token, browser.cookie, browser.draft):
                assert not leaked(caught.value, secret)
        assert not any(secret in caplog.text for secret in (token, browser.cookie, browser.draft))
    # Readers are not stopped by a writer.
    assert survey.responding.visit(browser.cookie).answers == {"HB1": seen}
    other.execute("ROLLBACK")
    other.close()
    assert survey.answer(browser, "HB1", "5", seen) == Answer("5", 2)
    survey.close()


def test_a_refused_row_tells_neither_values_nor_the_statement(survey: Survey) -> None:
    browser = survey.browser()
    secret = new_key()
    survey.answer(browser, "HB1", "4")
    for question, draft in (("HB1", browser.draft), ("HB2", secret)):
        with pytest.raises(StorageError) as caught, survey.store.writing() as transaction:
            transaction.write_answer(draft, question, Answer(secret, 1))
        assert caught.value.codes == (Code.STO_UNAVAILABLE,)
        assert not leaked(caught.value, secret)
        assert "INSERT" not in str(caught.value)
    assert survey.stored(browser) == {"HB1": Answer("4", 1)}


def test_a_transaction_that_fails_in_the_middle_leaves_nothing(survey: Survey) -> None:
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")

    def fail_in_the_middle() -> None:
        with survey.store.writing() as transaction:
            transaction.write_answer(browser.draft, "HB2", Answer("5", 1))
            transaction.delete_draft(browser.draft)
            raise KeyError

    with pytest.raises(KeyError):
        fail_in_the_middle()
    assert survey.stored(browser) == {"HB1": Answer("4", 1)}


def test_a_freeze_whose_files_cannot_be_wiped_says_so_and_can_be_repeated(tmp_path: Path) -> None:
    survey = Survey(tmp_path, busy_milliseconds=50)
    browser = survey.browser()
    survey.answer(browser, "HB1", "4")
    reader = sqlite3.connect(survey.file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM drafts").fetchall()
    with refused(Code.STO_TRACES_LEFT):
        survey.waves.freeze(survey.wave.id)
    assert browser.draft.encode() in survey.bytes()
    reader.execute("ROLLBACK")
    reader.close()
    with refused(Code.COL_WAVE_NOT_OPEN):
        survey.waves.freeze(survey.wave.id)
    assert browser.draft.encode() not in survey.bytes()
    survey.close()
