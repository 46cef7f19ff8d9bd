"""The commands of ``eot store`` that look after a database as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.console import output
from toolkit.errors import Code, Problem, StorageError
from toolkit.instruments.catalog import Catalog
from toolkit.settings import Settings
from toolkit.storage.backup import restore_backup, write_backup
from toolkit.storage.engine import open_engine
from toolkit.storage.integrity import problems_of
from toolkit.storage.migrate import migrate as bring_to_current

Database = Annotated[str | None, typer.Option(help="Database address; EOT_DATABASE_URL otherwise.")]
DAY = "%Y-%m-%d"


def settings_for(database: str | None) -> Settings:
    """Return the settings, with a database that was named on the command line."""
    return Settings() if database is None else Settings(database_url=database)


def migrate(database: Database = None) -> None:
    """Bring a database to the schema of this version; every other command and the app do so too when they start."""
    engine = open_engine(settings_for(database).database_url)
    before, after = bring_to_current(engine)
    engine.dispose()
    if before == after:
        output().print(f"The database is at the schema {after} already.")
    else:
        output().print(f"The database was brought from {before or 'nothing'} to the schema {after}.")


def backup(
    out: Annotated[Path, typer.Argument(help="File to write, such as eot-2027-01-31.zip; it must not exist.")],
    database: Database = None,
) -> None:
    """Write all of a database to one file, while the app runs; the key of links and receipts is not in it."""
    engine = open_engine(settings_for(database).database_url)
    manifest = write_backup(engine, out)
    engine.dispose()
    output().print(f"{manifest.n_rows:,} rows of {len(manifest.tables)} tables: {out}", soft_wrap=True)


def restore(
    file: Annotated[Path, typer.Argument(help="File that eot store backup wrote.")],
    database: Database = None,
) -> None:
    """Read a backup into an empty database, all of it or nothing; the kind of database may be another one."""
    engine = open_engine(settings_for(database).database_url)
    manifest = restore_backup(engine, file)
    engine.dispose()
    output().print(f"{manifest.n_rows:,} rows of {len(manifest.tables)} tables were restored.", soft_wrap=True)


def check(database: Database = None) -> None:
    """Look for damage: the database's own check, links between tables, answers, frozen waves, questionnaires."""
    settings = settings_for(database)
    engine = open_engine(settings.database_url)
    bring_to_current(engine)
    found = problems_of(engine, Catalog((settings.catalog, *settings.extra_catalogs)).load)
    engine.dispose()
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
