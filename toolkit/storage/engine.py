"""How the database is opened: SQLite in WAL mode with full durability, or any other SQLAlchemy address."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from toolkit.errors import Code, Problem, StorageError
from toolkit.storage.refusals import unavailable

BUSY_SECONDS = 15
PRAGMAS = (
    # First of all, so that the others wait for their turn too.
    f"busy_timeout = {BUSY_SECONDS * 1000}",
    "journal_mode = WAL",
    # A commit is on the disk before "Saved" is shown, so that even a power cut loses nothing.
    "synchronous = FULL",
    "foreign_keys = ON",
    # Deleted drafts are overwritten with zeros, not only unlinked.
    "secure_delete = ON",
    # Sorting and rewriting leave no copy of answers in a folder for temporary files.
    "temp_store = MEMORY",
)


def open_engine(url: str) -> Engine:
    """Return an engine for a database address; the file is made if it is not there, and nothing is created in it yet.

    Parameters
    ----------
    url : str
        As SQLAlchemy writes it, for example ``sqlite:///answers.db``.

    Raises
    ------
    StorageError
        ``STO_BAD_ADDRESS`` when the address cannot be understood or names no file; ``STO_UNAVAILABLE`` when the file
        cannot be made.
    """
    address = _address(url)
    file = Path(str(address.database)).absolute()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Answers are readable by the owner of the service only; SQLite gives its log files the same mode.
        file.touch(mode=0o600)
    except OSError as error:
        raise unavailable(error.strerror or "input/output error") from error
    engine = create_engine(address, pool_size=8, max_overflow=56, pool_timeout=30, hide_parameters=True)
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def keep_private(engine: Engine) -> None:
    """Take the database's files from everybody but their owner, for example after a backup was copied back."""
    for suffix in ("", "-wal", "-shm"):
        file = Path(f"{engine.url.database}{suffix}")
        # Only the owner can; and another process may have removed a log file meanwhile.
        with suppress(OSError):
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)


def _address(url: str) -> URL:
    """Return the address of a SQLite file, or refuse anything else without repeating what was given."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _bad_address("The database address cannot be understood.") from error
    if address.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise _bad_address("This version stores answers in SQLite only.", got=address.drivername)
    name = address.database or ""
    if not name or name == ":memory:" or name.startswith("file:") or address.host or address.query:
        raise _bad_address("The database address names no file.")
    return address


def _bad_address(what: str, *, got: str | None = None) -> StorageError:
    return StorageError(
        Problem(
            code=Code.STO_BAD_ADDRESS,
            what=what,
            got=got,
            allowed="an address such as sqlite:///answers.db",
            fix="Correct EOT_DATABASE_URL or --database.",
        )
    )


def _prepare_connection(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions of its own: _begin says which kind.
    driver: Any = connection
    driver.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    # A writer takes the lock before it reads, so that its check and its write are one step.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
