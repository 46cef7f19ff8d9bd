"""The only place that joins adapters to services."""

from __future__ import annotations

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
from toolkit.storage.engine import is_server, open_engine
from toolkit.storage.migrate import migrate
from toolkit.storage.private_files import new_private_file
from toolkit.storage.response_store import SqlStore
from toolkit.storage.sqlite import keep_private
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
    try:
        migrate(engine)
        store = SqlStore(engine)
        secret = _secret(settings, engine, store)
    except BaseException:
        engine.dispose()
        raise
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


def _secret(settings: Settings, engine: Engine, store: SqlStore) -> bytes:
    """Return the key, which is made once; a lost one is never replaced when links were made with it."""
    if not is_server(engine.url):
        keep_private(engine)
    key_file = _key_file(settings, engine)
    if not key_file.exists() and _has_invitations(store):
        raise _unusable_key("The key of the database's links and receipts is gone; a new one would fit none of them.")
    return read_or_make_secret(key_file)


def _key_file(settings: Settings, engine: Engine) -> Path:
    """Return where the key is: where the settings say, else beside the file of the database."""
    if settings.secret_file is not None:
        return settings.secret_file
    if is_server(engine.url):
        raise _unusable_key("A database of a server has no folder in which its key could lie, so it must be named.")
    return Path(f"{engine.url.database}.key")


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
            with suppress(FileExistsError), new_private_file(path) as file:
                file.write(f"{new_key()}{new_key()}".encode("ascii"))
        secret = path.read_bytes().strip()
    except OSError as error:
        raise _unusable_key("The key file cannot be made or read.", got=error.strerror) from error
    if len(secret) < SHORTEST_KEY:
        raise _unusable_key("The key file is too short for a key.", got=f"{len(secret)} bytes")
    return secret


def _has_invitations(store: SqlStore) -> bool:
    with store.reading() as transaction:
        return any(transaction.n_invitations(wave.id) for wave in transaction.waves())


def _unusable_key(what: str, *, got: str | None = None) -> StorageError:
    return StorageError(
        Problem(
            code=Code.STO_KEY_UNUSABLE,
            what=what,
            got=got,
            allowed=f"a file of {SHORTEST_KEY} bytes or more that only the service may read",
            fix="Put the key file back from its backup, or name it in EOT_SECRET_FILE.",
        )
    )
