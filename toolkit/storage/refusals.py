"""What the database refuses, told without a statement, a value or an address."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from toolkit.errors import Code, Problem, StorageError

NOT_OURS = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_MOST_LETTERS = 120


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the database's own errors into coded ones that never quote a statement or its values.

    Raises
    ------
    StorageError
        ``STO_NOT_A_STORE`` for a file that is no database or a damaged one, ``STO_UNAVAILABLE`` for all else: locked,
        full, read-only, gone.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error, PoolTimeoutError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = "no free connection" if isinstance(error, PoolTimeoutError) else str(cause)
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF in NOT_OURS:
            raise not_a_store(reason) from error
        raise unavailable(reason) from error


def unavailable(reason: str) -> StorageError:
    """Return the error for a database that cannot be used now."""
    return StorageError(
        Problem(
            code=Code.STO_UNAVAILABLE,
            what="The database did not take or give what was asked; nothing was changed.",
            got=_first_line(reason),
            fix="Try again; if it stays so, check the disk, its free space and who may write to the database file.",
        )
    )


def not_a_store(reason: str) -> StorageError:
    """Return the error for a file that is not a database of this version."""
    return StorageError(
        Problem(
            code=Code.STO_NOT_A_STORE,
            what="The database cannot be brought to the schema of this version.",
            got=_first_line(reason),
            fix="Name a database of this toolkit, or install the newer version that wrote it.",
        )
    )


def _first_line(reason: str) -> str | None:
    return reason.splitlines()[0][:_MOST_LETTERS] if reason else None
