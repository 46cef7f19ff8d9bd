"""The commands of ``eot store`` that look after a database as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from toolkit.cli.console import output
from toolkit.errors import Code, Problem, StorageError
from toolkit.instruments.catalog import Catalog
from toolkit.settings import Settings
from toolkit.storage.backup import restore_backup, write_backup
from toolkit.storage.engine import open_engine
from toolkit.storage.integrity import problems_of
from toolkit.storage.migrate import migrate as bring_to_current
from toolkit.wiring import Services, wire

Database = Annotated[str | None, typer.Option(help="Database address; EOT_DATABASE_URL otherwise.")]
DAY = "%Y-%m-%d"


def settings_for(database: str | None) -> Settings:
    """Return the settings, with a database that was named on the command line."""
    return Settings() if database is None else Settings(database_url=database)


@contextmanager
def opened_services(database: str | None) -> Iterator[Services]:
    """Wire the services for one command, and leave no connection open after it."""
    services = wire(settings_for(database))
    try:
        yield services
    finally:
        services.engine.dispose()


@contextmanager
def _opened(settings: Settings) -> Iterator[Engine]:
    """Open a database as it is, without bringing it to the current schema."""
    engine = open_engine(settings.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def migrate(database: Database = None) -> None:
    """Bring a database to the schema of this version; every other command and the app do so too when they start."""
    with _opened(settings_for(database)) as engine:
        before, after = bring_to_current(engine)
    if before == after:
        output().print(f"The database is at the schema {after} already.")
    else:
        output().print(f"The database was brought from {before or 'nothing'} to the schema {after}.")


def backup(
    out: Annotated[Path, typer.Argument(help="File to write, such as eot-2027-01-31.zip; it must not exist.")],
    database: Database = None,
) -> None:
    """Write all of a database to one file, while the app runs; the key of links and receipts is not in it."""
    with _opened(settings_for(database)) as engine:
        manifest = write_backup(engine, out)
    output().print(f"{manifest.n_rows:,} rows of {len(manifest.tables)} tables: {out}", soft_wrap=True)


def restore(
    file: Annotated[Path, typer.Argument(help="File that eot store backup wrote.")],
    database: Database = None,
) -> None:
    """Read a backup into an empty database, all of it or nothing; the kind of database may be another one."""
    with _opened(settings_for(database)) as engine:
        manifest = restore_backup(engine, file)
    output().print(f"{manifest.n_rows:,} rows of {len(manifest.tables)} tables were restored.", soft_wrap=True)


def check(database: Database = None) -> None:
    """Look for damage: the database's own check, links between tables, answers, frozen waves, questionnaires."""
    settings = settings_for(database)
    with _opened(settings) as engine:
        bring_to_current(engine)
        found = problems_of(engine, Catalog((settings.catalog, *settings.extra_catalogs)).load)
    if found:
        raise StorageError(
            (
                *found,
                Problem(
                    code=Code.STO_DAMAGED,
                    what=f"The check found {len(found)} problem{'s' if len(found) > 1 else ''}.",
                    fix="See above.",
                ),
            )
        )
    output().print("Nothing is wrong.")
