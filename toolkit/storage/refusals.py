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
STATES = {
    "08": "the server cannot be reached",
    "23": "a rule of the tables forbids it",
    "25006": "the database is read-only",
    "25P03": "the transaction was left alone for too long",
    "28": "the server refused the login",
    "3D": "the server has no such database",
    "40": "another writer was first",
    "42501": "the login has no right to do this",
    "53100": "the disk of the server is full",
    "53": "the server has no memory or connection left",
    "55P03": "the database is locked by somebody else",
    "57014": "it took too long",
    "57P": "the server is shutting down or starting",
    "XX": "the server reports damaged data",
}
"""Beginnings of PostgreSQL's SQLSTATE codes, more special ones first."""


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
    except PoolTimeoutError as error:
        raise unavailable("no free connection") from error
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, sqlite3.Error):
            # The driver's own words quote values, addresses and users; they are not even kept as a cause.
            raise unavailable(_reason(getattr(cause, "sqlstate", None))) from None
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF in NOT_OURS:
            raise not_a_store(str(cause)) from error
        raise unavailable(str(cause)) from error


def _reason(state: str | None) -> str:
    """Return what an SQLSTATE of PostgreSQL means; without one the server was not reached."""
    if state is None:
        return "the server cannot be reached, or refused the login"
    for start, reason in STATES.items():
        if state.startswith(start):
            return reason
    return f"PostgreSQL error {state}"


def unavailable(reason: str) -> StorageError:
    """Return the error for a database that cannot be used now."""
    return StorageError(
        Problem(
            code=Code.STO_UNAVAILABLE,
            what="The database did not take or give what was asked; nothing was changed.",
            got=_first_line(reason),
            fix="Try again; if it stays so, check the server, the disk, its free space and who may write there.",
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


def traces_left(reason: str | None) -> StorageError:
    """Return the error for deleted rows that could not be wiped."""
    return StorageError(
        Problem(
            code=Code.STO_TRACES_LEFT,
            what="The change was made, but traces of deleted rows are still in the database's files.",
            got=reason,
            fix="Stop the app, make sure that the disk has free space, and freeze the wave again to wipe the files.",
        )
    )


def _first_line(reason: str) -> str | None:
    return reason.splitlines()[0][:_MOST_LETTERS] if reason else None
