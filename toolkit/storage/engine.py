"""How the database is opened, from its address: a SQLite file, or a database of a PostgreSQL server."""

from __future__ import annotations

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from toolkit.errors import Code, Problem, StorageError
from toolkit.storage import postgresql, sqlite

SERVERS = ("postgresql", "postgresql+psycopg")
FILES = ("sqlite", "sqlite+pysqlite")


def open_engine(url: str) -> Engine:
    """Return an engine for a database address; nothing is created in the database yet.

    Parameters
    ----------
    url : str
        As SQLAlchemy writes it: ``sqlite:///answers.db``, whose file is made if it is not there, or
        ``postgresql://user@host/database``.

    Raises
    ------
    StorageError
        ``STO_BAD_ADDRESS`` when the address cannot be understood or names no database; ``STO_UNAVAILABLE`` when the
        file cannot be made.
    """
    address = _address(url)
    return postgresql.open_server(address) if is_server(address) else sqlite.open_file(address)


def is_server(address: URL) -> bool:
    """Return whether a database is one of a PostgreSQL server, and no file of ours."""
    return address.drivername in SERVERS


def reading_engine(engine: Engine) -> Engine:
    """Return the engine whose transactions only read, and see one state of the database from first to last."""
    return engine.execution_options(**postgresql.READING) if is_server(engine.url) else engine


def writing_engine(engine: Engine) -> Engine:
    """Return the engine whose transactions hold the right to write from their beginning."""
    return engine.execution_options(writing=True)


def forget_deleted(engine: Engine) -> None:
    """Rewrite what the database keeps on disk without deleted rows.

    Raises
    ------
    StorageError
        ``STO_TRACES_LEFT`` while somebody else reads or writes, so that it cannot be done.
    """
    if is_server(engine.url):
        postgresql.forget_deleted(engine)
    else:
        sqlite.forget_deleted(engine)


def _address(url: str) -> URL:
    """Return the address, or refuse it without repeating what was given: it may hold a password."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _bad_address("The database address cannot be understood.") from error
    if address.drivername not in (*FILES, *SERVERS):
        raise _bad_address("Answers are stored in SQLite or PostgreSQL only.", got=address.drivername)
    name = address.database or ""
    if is_server(address):
        if not name:
            raise _bad_address("The database address names no database of the server.")
        return address.set(drivername=SERVERS[1])
    if not name or name == ":memory:" or name.startswith("file:") or address.host or address.query:
        raise _bad_address("The database address names no file.")
    return address


def _bad_address(what: str, *, got: str | None = None) -> StorageError:
    return StorageError(
        Problem(
            code=Code.STO_BAD_ADDRESS,
            what=what,
            got=got,
            allowed="an address such as sqlite:///answers.db or postgresql://user@host/database",
            fix="Correct EOT_DATABASE_URL or --database.",
        )
    )
