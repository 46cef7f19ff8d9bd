"""SQLite: a file in WAL mode with full durability, readable by its owner only."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from toolkit.errors import StorageError
from toolkit.storage.refusals import refusals, traces_left, unavailable

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


def open_file(address: URL) -> Engine:
    """Return an engine for a file, which is made if it is not there.

    Raises
    ------
    StorageError
        ``STO_UNAVAILABLE`` when the file cannot be made.
    """
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


def forget_deleted(engine: Engine) -> None:
    """Rewrite the file without deleted rows and empty the write-ahead log.

    Raises
    ------
    StorageError
        ``STO_TRACES_LEFT`` while somebody else reads or writes, so that the log cannot be emptied.
    """
    try:
        with refusals(), engine.connect() as connection:
            driver = connection.connection.cursor()
            driver.execute("VACUUM")
            is_blocked = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            driver.close()
    except StorageError as error:
        raise traces_left(error.problems[0].got) from error
    if is_blocked:
        raise traces_left("another reader is at work")


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
