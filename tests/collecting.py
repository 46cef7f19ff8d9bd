"""A small survey for tests of collection and storage: a real database in a folder, and a clock in the test's hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.databases import Kind, drop_database, files_of, new_database
from toolkit.collection.ports import Answer, Unit, Wave
from toolkit.collection.reconciliation import Saved
from toolkit.collection.responding import Responding
from toolkit.collection.waves import Waves
from toolkit.errors import Code, ToolkitError
from toolkit.instruments import Instrument
from toolkit.instruments.catalog import Catalog
from toolkit.settings import Settings
from toolkit.storage.engine import open_engine
from toolkit.storage.migrate import migrate
from toolkit.storage.response_store import SqlStore

TEST_INSTRUMENTS = Path(__file__).parent / "instruments"
SECRET = b"0123456789abcdef0123456789abcdef"
IDLE_SECONDS = 600.0
CONSENT = "2025-1"

catalog = Catalog((Settings().catalog, TEST_INSTRUMENTS))
load = cache(catalog.load)


@dataclass(frozen=True)
class Browser:
    """A browser that came through a link and, unless told otherwise, agreed."""

    token: str
    cookie: str
    draft: str


class Survey:
    """One service with two units and one open wave."""

    def __init__(
        self,
        folder: Path,
        *,
        kind: Kind = "sqlite",
        instrument: str = "eomhs@1.0.0",
        busy_milliseconds: int | None = None,
        units: int = 2,
    ) -> None:
        self.kind = kind
        self.file = folder / "eot.db"
        self.address = new_database(kind, folder)
        self.now = 1_700_000_000.0
        self.open(busy_milliseconds=busy_milliseconds)
        self.service, self.units = self.waves.add_service("Service", [f"Unit {number}" for number in range(units)])
        self.wave = self.waves.add_wave(self.units, "Wave", instrument)
        self.instrument = load(instrument)

    def open(self, *, busy_milliseconds: int | None = None, instruments: Any = load) -> None:
        """Open the database as a server does when it starts."""
        self.engine: Engine = open_engine(self.address)
        if busy_milliseconds is not None:
            limit = {"sqlite": "PRAGMA busy_timeout = {}", "postgresql": "SET lock_timeout = {}"}[self.kind]
            set_on_connect(self.engine, limit.format(busy_milliseconds))
        migrate(self.engine)
        self.store = SqlStore(self.engine)
        self.responding = Responding(self.store, instruments, SECRET, idle_seconds=IDLE_SECONDS, clock=lambda: self.now)
        self.waves = Waves(self.store, instruments, SECRET)

    def restart(self) -> None:
        """Start the server anew on the same file."""
        self.close()
        self.open()

    def close(self) -> None:
        self.engine.dispose()

    def drop(self) -> None:
        """Close the survey for good."""
        self.close()
        drop_database(self.address)

    def link(self, unit: int = 0) -> str:
        """Return the token of a new link."""
        return self.waves.invite(self.wave.id, self.units[unit].id, 1)[0]

    def browser(self, token: str | None = None, *, unit: int = 0, language: str = "en") -> Browser:
        """Follow a link, a new one unless named, and agree."""
        token = token or self.link(unit)
        cookie = self.responding.open_link(token)
        draft = self.responding.begin(cookie, language=language, consent_version=CONSENT)
        return Browser(token, cookie, draft.id)

    def answer(self, browser: Browser, question: str, value: str | None, base: Answer | None = None) -> Answer:
        """Save one answer that must be taken, and return what was acknowledged."""
        result = self.responding.save(browser.cookie, browser.draft, question, value, base=base)
        assert isinstance(result, Saved)
        return result.answer

    def respond(self, answers: dict[str, str], *, unit: int = 0, language: str = "en") -> tuple[Browser, str]:
        """Answer and submit; return the browser and the receipt."""
        browser = self.browser(unit=unit, language=language)
        # Written in one transaction, which is faster than saving one by one.
        with self.store.writing() as transaction:
            for question, value in answers.items():
                transaction.write_answer(browser.draft, question, Answer(value, 1))
        return browser, self.responding.submit(browser.cookie, browser.draft)

    def respond_times(self, n: int, *, unit: int = 0) -> None:
        for _ in range(n):
            self.respond({self.instrument.item_codes[0]: str(self.instrument.codes(self.instrument.item_codes[0])[0])})

    def stored(self, browser: Browser) -> dict[str, Answer]:
        """Return the draft as the store holds it."""
        with self.store.reading() as transaction:
            return dict(transaction.answers(browser.draft))

    def rows(self, sql: str) -> Sequence[Any]:
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(sql).all()

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608  a table named in a test

    def bytes(self) -> bytes:
        """Return everything in the database's files; of PostgreSQL those of this database, once they are written."""
        if self.kind == "postgresql":
            return files_of(self.address)
        found = [self.file.with_name(self.file.name + suffix) for suffix in ("", "-wal", "-shm")]
        return b"".join(path.read_bytes() for path in found if path.exists())


def set_on_connect(engine: Engine, statement: str) -> None:
    """Run a statement on every connection made from now on, after the engine's own."""

    @event.listens_for(engine, "connect")
    def _run(connection: Any, _entry: Any) -> None:
        connection.execute(statement)
        if engine.dialect.name == "postgresql":
            connection.commit()


def refused(code: Code) -> Any:
    """Return a context in which an error with exactly this code must be raised."""
    return pytest.raises(ToolkitError, check=lambda error: error.codes == (code,))


def answered(instrument: Instrument, points: Sequence[int]) -> dict[str, str]:
    """Return an answer for each item, one after the other from the points given."""
    return {item: str(points[number % len(points)]) for number, item in enumerate(instrument.item_codes)}


__all__ = ["CONSENT", "IDLE_SECONDS", "SECRET", "Browser", "Survey", "Unit", "Wave", "answered", "load", "refused"]
