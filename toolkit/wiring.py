"""The only place that joins adapters to services."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from toolkit.collection.privacy import new_key
from toolkit.collection.responding import Responding
from toolkit.collection.waves import Waves
from toolkit.errors import Code, Problem, StorageError
from toolkit.instruments.catalog import Catalog
from toolkit.settings import Settings
from toolkit.storage.engine import keep_private, open_engine
from toolkit.storage.migrate import migrate
from toolkit.storage.response_store import SqlStore
from toolkit.validation.jobs import Jobs, ThreadedJobs

SHORTEST_KEY = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything the edges call."""

    settings: Settings
    catalog: Catalog
    engine: Engine
    store: SqlStore
    responding: Responding
    waves: Waves
    jobs: Jobs


def wire(settings: Settings) -> Services:
    """Open the database of the settings, bring it to the current schema, and build the services on it."""
    catalog = Catalog((settings.catalog, *settings.extra_catalogs))
    engine = open_engine(settings.database_url)
    migrate(engine)
    keep_private(engine)
    store = SqlStore(engine)
    key_file = settings.secret_file or Path(f"{engine.url.database}.key")
    if not key_file.exists() and _has_invitations(store):
        raise _unusable_key("The key of the database's links and receipts is gone; a new one would fit none of them.")
    secret = read_or_make_secret(key_file)
    instruments = cache(catalog.load)
    return Services(
        settings=settings,
        catalog=catalog,
        engine=engine,
        store=store,
        responding=Responding(store, instruments, secret, idle_seconds=60.0 * settings.idle_minutes),
        waves=Waves(store, instruments, secret),
        jobs=ThreadedJobs(),
    )


@cache
def services() -> Services:
    """Return the services of this process, wired at the first call from the environment's settings."""
    return wire(Settings())


def read_or_make_secret(path: Path) -> bytes:
    """Return the key of the deployment's hashes; the first call makes it, readable by its owner only.

    Two processes that start together agree on one key: the file is written aside and linked into place once.

    Raises
    ------
    StorageError
        ``STO_KEY_UNUSABLE`` when the file cannot be made or read, or is too short for a key.
    """
    try:
        if not path.exists():
            _make_secret(path)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise _unusable_key("The key file cannot be made or read.", got=error.strerror) from error
    if len(secret) < SHORTEST_KEY:
        raise _unusable_key("The key file is too short for a key.", got=f"{len(secret)} bytes")
    return secret


def _make_secret(path: Path) -> None:
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{new_key()}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(new_key() + new_key())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _has_invitations(store: SqlStore) -> bool:
    with store.reading() as transaction:
        return any(transaction.invitations(wave.id) for wave in transaction.waves())


def _unusable_key(what: str, *, got: str | None = None) -> StorageError:
    return StorageError(
        Problem(
            code=Code.STO_KEY_UNUSABLE,
            what=what,
            got=got,
            allowed=f"a file of {SHORTEST_KEY} bytes or more that only the service may read",
            fix="Put the key file back from its backup, or correct EOT_SECRET_FILE.",
        )
    )
