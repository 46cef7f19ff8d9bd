"""Bring a database to the schema this version needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, inspect

from toolkit.storage.refusals import not_a_store, refusals


def alembic_config() -> Config:
    """Return Alembic's configuration for the migrations that are shipped with the toolkit."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def current_revision(engine: Engine) -> str | None:
    """Return the revision a database is at, or None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """Return the newest revision this version knows."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def migrate(engine: Engine) -> None:
    """Create or upgrade the tables; does nothing where they are current.

    Raises
    ------
    StorageError
        ``STO_NOT_A_STORE`` when the file is no database, somebody else's, or one of a newer version;
        ``STO_UNAVAILABLE`` when it cannot be written now.
    """
    with refusals(), engine.execution_options(writing=True).begin() as connection:
        tables = inspect(connection).get_table_names()
        if tables and "alembic_version" not in tables:
            raise not_a_store("the tables of another program")
        config = alembic_config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise not_a_store(str(error)) from error
