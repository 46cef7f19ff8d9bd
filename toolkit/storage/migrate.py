"""Bring a database to the schema this version needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect

from toolkit.storage.engine import is_server, writing_engine
from toolkit.storage.refusals import not_a_store, refusals


def alembic_config() -> Config:
    """Return Alembic's configuration for the migrations that are shipped with the toolkit."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def current_revision(connection: Connection) -> str | None:
    """Return the revision a database is at, or None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """Return the newest revision this version knows."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def migrate(engine: Engine) -> tuple[str | None, str | None]:
    """Create or upgrade the tables, all or nothing; does nothing where they are current.

    Returns
    -------
    tuple of str or None
        The revision before and after; before is None for an empty database.

    Raises
    ------
    StorageError
        ``STO_NOT_A_STORE`` when the database is none, somebody else's, or one of a newer version;
        ``STO_UNAVAILABLE`` when it cannot be written now.
    """
    with refusals(), migrating(engine) as connection:
        before = current_revision(connection)
        create_tables(connection)
        return before, current_revision(connection)


def create_tables(connection: Connection) -> None:
    """Create or upgrade the tables within a transaction of :func:`migrating`.

    Raises
    ------
    StorageError
        ``STO_NOT_A_STORE``.
    """
    tables = inspect(connection).get_table_names()
    if tables and "alembic_version" not in tables:
        raise not_a_store("the tables of another program")
    config = alembic_config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise not_a_store(str(error)) from error


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Open a transaction in which tables may be remade: a remade table keeps the rows that point to it."""
    with writing_engine(engine).connect() as connection:
        if is_server(engine.url):
            with connection.begin():
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                yield connection
            return
        driver: Any = connection.connection.driver_connection
        # SQLite takes the table that a remade one replaces for one whose rows were deleted, unless it looks away.
        driver.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise not_a_store("rows that belong to nothing")
        finally:
            driver.execute("PRAGMA foreign_keys = ON")
