"""One file holds all of a database, and becomes a database again, of the same kind or the other."""

from __future__ import annotations

import errno
import json
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.collecting import Browser, Survey, load, refused
from tests.databases import KINDS, Kind, drop_database, new_database
from toolkit.collection.ports import Answer
from toolkit.errors import Code
from toolkit.storage import backup
from toolkit.storage.backup import restore_backup, write_backup
from toolkit.storage.engine import open_engine
from toolkit.storage.integrity import problems_of
from toolkit.storage.migrate import migrate
from toolkit.storage.tables import metadata


def contents(engine: Engine) -> dict[str, set[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return {name: set(map(tuple, connection.execute(table.select()))) for name, table in metadata.tables.items()}


@pytest.fixture
def full(survey: Survey) -> Survey:
    """A store with something in every table: a frozen wave, an open one with a draft, a moved unit."""
    other, (unit,) = survey.waves.add_service("Søndre ‘tjeneste’ \U0001f642", ['A "unit"\nof lines'])
    survey.waves.move_unit(unit.id, survey.service.id, survey.wave.asked_on)
    survey.respond({"HB1": "4", "position": "clinician"})
    survey.waves.freeze(survey.wave.id)
    survey.wave = survey.waves.add_wave([*survey.units, unit], "Open", "eomhs@1.0.0")
    survey.respond({"HB1": "-9"}, unit=1)
    browser = survey.browser()
    survey.answer(browser, "HB1", None, survey.answer(browser, "HB1", "2"))
    assert all(contents(survey.engine).values()), "every table holds something"
    assert other.name.startswith("S")
    return survey


@pytest.fixture
def survey(tmp_path: Path, kind: Kind) -> Iterator[Survey]:
    (tmp_path / "from").mkdir()
    survey = Survey(tmp_path / "from", kind=kind)
    yield survey
    survey.drop()


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    (tmp_path / "into").mkdir()
    address = new_database(request.param, tmp_path / "into", empty=True)
    engine = open_engine(address)
    yield engine
    engine.dispose()
    drop_database(address)


def test_a_backup_becomes_the_same_database_of_either_kind(full: Survey, empty: Engine, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "backup.zip"
    written = write_backup(full.engine, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["backup.zip"]
    assert restore_backup(empty, file) == written
    before = contents(full.engine)
    assert contents(empty) == before
    assert written.n_rows == sum(map(len, before.values()))
    assert problems_of(empty, load) == ()
    # A backup of the new one holds the same, byte by byte of every table.
    again = write_backup(empty, tmp_path / "again.zip")
    assert again.tables == written.tables


def test_a_migrated_database_without_rows_is_empty_too(full: Survey, empty: Engine, tmp_path: Path) -> None:
    write_backup(full.engine, tmp_path / "backup.zip")
    migrate(empty)
    restore_backup(empty, tmp_path / "backup.zip")
    assert contents(empty) == contents(full.engine)
    with refused(Code.STO_NOT_EMPTY):
        restore_backup(empty, tmp_path / "backup.zip")
    assert contents(empty) == contents(full.engine)


def test_the_database_of_another_program_is_not_restored_into(full: Survey, empty: Engine, tmp_path: Path) -> None:
    write_backup(full.engine, tmp_path / "backup.zip")
    with empty.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE bookmarks (address VARCHAR(10))")
    with refused(Code.STO_NOT_EMPTY):
        restore_backup(empty, tmp_path / "backup.zip")


def test_rows_of_a_backup_stand_in_the_order_of_their_keys(survey: Survey, tmp_path: Path) -> None:
    for number in range(30):
        survey.respond({"HB1": str(number % 5 + 1)})
    write_backup(survey.engine, tmp_path / "backup.zip")
    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        for table in ("responses", "invitations"):
            keys = [json.loads(line)[0] for line in archive.read(f"{table}.jsonl").splitlines()]
            assert len(keys) == 30
            assert keys == sorted(keys)


def test_a_backup_beside_people_who_answer_is_one_moment(survey: Survey, tmp_path: Path) -> None:
    """Each person writes two answers in one transaction, again and again: no backup holds half of it."""
    browsers = [survey.browser() for _ in range(4)]
    stop = threading.Event()
    failures: list[BaseException] = []

    def answer(browser: Browser) -> None:
        revision = 0
        try:
            while not stop.is_set():
                revision += 1
                with survey.store.writing() as transaction:
                    for question in ("HB1", "CC5"):
                        transaction.write_answer(browser.draft, question, Answer(str(revision % 5 + 1), revision))
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=answer, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for number in range(5):
        write_backup(survey.engine, tmp_path / f"{number}.zip")
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    seen = set()
    for number in range(5):
        with zipfile.ZipFile(tmp_path / f"{number}.zip") as archive:
            rows = [json.loads(line) for line in archive.read("draft_answers.jsonl").splitlines()]
        of_draft: dict[str, set[tuple[str, int]]] = {}
        for draft, _, value, revision in rows:
            of_draft.setdefault(draft, set()).add((value, revision))
        assert all(len(answers) == 1 for answers in of_draft.values())
        seen.add(str(rows))
    assert len(seen) == 5, "the twin: they did write meanwhile"


# What cannot be written


def test_an_existing_file_and_a_full_disk_leave_nothing(
    survey: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "out" / "backup.zip"
    write_backup(survey.engine, file)
    before = file.read_bytes()
    with refused(Code.STO_FOLDER_NOT_WRITABLE):
        write_backup(survey.engine, file)
    with refused(Code.STO_FOLDER_NOT_WRITABLE):
        write_backup(survey.engine, file / "below.zip")

    def full_disk(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_disk)
    with refused(Code.STO_FOLDER_NOT_WRITABLE):
        write_backup(survey.engine, tmp_path / "out" / "second.zip")
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["backup.zip"]


def test_a_database_of_another_schema_is_not_written(empty: Engine, tmp_path: Path) -> None:
    with refused(Code.STO_NOT_A_STORE):
        write_backup(empty, tmp_path / "backup.zip")
    assert not (tmp_path / "backup.zip").exists()


# What cannot be restored


def change(file: Path, member: str, content: bytes | None) -> Path:
    """Return a copy of a backup in which one member is another, or is not there."""
    changed = file.with_name("changed.zip")
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(changed, "w") as other:
        for name in archive.namelist():
            if name != member:
                other.writestr(name, archive.read(name))
            elif content is not None:
                other.writestr(name, content)
    return changed


def changed_manifest(file: Path, **changes: Any) -> Path:
    with zipfile.ZipFile(file) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    return change(file, "manifest.json", json.dumps(manifest | changes).encode())


def spoil(kind: str, file: Path) -> Path:
    """Return a backup that is damaged in some way."""
    content = bytearray(file.read_bytes())
    if kind == "not there":
        return file.with_name("nothing.zip")
    if kind in ("text", "cut", "a byte"):
        place = file.with_name("spoiled.zip")
        content[200] ^= 1
        place.write_bytes({"text": b"This is no backup.", "cut": file.read_bytes()[:-300], "a byte": content}[kind])
        return place
    with zipfile.ZipFile(file) as archive:
        responses = archive.read("responses.jsonl")
    return {
        "a row less": lambda: change(file, "responses.jsonl", responses.split(b"\n", 1)[1]),
        "an answer": lambda: change(file, "responses.jsonl", responses.replace(b'HB1\\":\\"4', b'HB1\\":\\"5')),
        "a table": lambda: change(file, "units.jsonl", None),
        "the manifest": lambda: change(file, "manifest.json", None),
        "another zip": lambda: change(file, "manifest.json", b'{"tables": {}}'),
        "a list": lambda: change(file, "manifest.json", b"[]"),
        "no JSON": lambda: change(file, "manifest.json", b"{"),
        "another format": lambda: changed_manifest(file, format="something else"),
        "another schema": lambda: changed_manifest(file, revision="0001"),
        "other tables": lambda: changed_manifest(file, tables={}),
    }[kind]()


KINDS_OF_DAMAGE = (
    *("not there", "text", "cut", "a byte", "a row less", "an answer", "a table", "the manifest", "another zip"),
    *("a list", "no JSON", "another format", "another schema", "other tables"),
)


@pytest.mark.parametrize("damage", KINDS_OF_DAMAGE)
def test_a_damaged_backup_is_refused_before_anything_is_written(tmp_path: Path, damage: str) -> None:
    survey = Survey(tmp_path)
    for _ in range(5):
        survey.respond({"HB1": "4"})
    file = tmp_path / "backup.zip"
    write_backup(survey.engine, file)
    survey.close()
    spoiled = spoil(damage, file)
    (tmp_path / "into").mkdir()
    engine = open_engine(f"sqlite:///{tmp_path}/into/eot.db")
    with refused(Code.STO_BACKUP_UNUSABLE):
        restore_backup(engine, spoiled)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one() == 0
    restore_backup(engine, file)
    assert problems_of(engine, load) == ()
    engine.dispose()


def test_a_restore_that_fails_in_the_middle_leaves_an_empty_database(
    full: Survey, empty: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_backup(full.engine, tmp_path / "backup.zip")
    read_table = backup._read_table

    def fail_at_the_last(connection: Any, archive: Any, table: Any, summary: Any) -> None:
        read_table(connection, archive, table, summary)
        if table.name == metadata.sorted_tables[-1].name:
            connection.execute(text("INSERT INTO responses (key) VALUES ('x')"))

    monkeypatch.setattr(backup, "_read_table", fail_at_the_last)
    with refused(Code.STO_UNAVAILABLE):
        restore_backup(empty, tmp_path / "backup.zip")
    monkeypatch.undo()
    restore_backup(empty, tmp_path / "backup.zip")
    assert contents(empty) == contents(full.engine)
