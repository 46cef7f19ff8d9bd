"""Backups: one file that holds all of a database, written while the app runs, and read into an empty database.

The file is a zip archive: a table is a text of one JSON array a row, and ``manifest.json`` says which columns it has,
how many rows, and their SHA-256. It is the same for SQLite and PostgreSQL, so that a backup of one is restored into
the other. Rows stand in the order of their keys, never in the order in which they were written.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Date, Engine, Table, func, insert, inspect, select

from toolkit import __version__
from toolkit.errors import Code, Problem, StorageError
from toolkit.storage.engine import reading_engine
from toolkit.storage.migrate import create_tables, current_revision, migrating, newest_revision
from toolkit.storage.private_files import new_private_file
from toolkit.storage.refusals import not_a_store, refusals
from toolkit.storage.tables import metadata

FORMAT = "employment-orientation-toolkit backup"
MANIFEST = "manifest.json"
ROWS_AT_ONCE = 5_000
LONGEST_MANIFEST = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSummary:
    """What a backup says of one table."""

    columns: tuple[str, ...]
    n_rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself."""

    revision: str
    written_by: str
    tables: dict[str, TableSummary]

    @property
    def n_rows(self) -> int:
        """Rows of all tables."""
        return sum(table.n_rows for table in self.tables.values())


def write_backup(engine: Engine, path: Path) -> Manifest:
    """Write everything a database holds at one moment to a new file that only its owner can read.

    The key of links and receipts (``EOT_SECRET_FILE``) is not in it.

    Raises
    ------
    StorageError
        ``STO_NOT_A_STORE`` when the database is not of this version's schema, ``STO_UNAVAILABLE`` when it cannot be
        read, ``STO_FOLDER_NOT_WRITABLE`` when the file exists or cannot be written.
    """
    try:
        with refusals(), new_private_file(path) as file, reading_engine(engine).begin() as connection:
            _require_current(connection)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                tables = {table.name: _write_table(connection, archive, table) for table in metadata.sorted_tables}
                manifest = Manifest(revision=str(newest_revision()), written_by=__version__, tables=tables)
                archive.writestr(MANIFEST, _manifest_text(manifest))
    except FileExistsError:
        raise _not_writable(path, "there is a file of this name") from None
    except OSError as error:
        raise _not_writable(path, error.strerror or "input/output error") from None
    return manifest


def restore_backup(engine: Engine, path: Path) -> Manifest:
    """Read a backup into an empty database, all of it or nothing.

    Raises
    ------
    StorageError
        ``STO_BACKUP_UNUSABLE`` when the file cannot be read, is no backup, is damaged or of another schema;
        ``STO_NOT_EMPTY`` when the database holds something; ``STO_UNAVAILABLE`` when it cannot be written.
    """
    with _opened(path) as archive:
        manifest = _verified(archive)
        with refusals(), migrating(engine) as connection:
            _require_empty(connection)
            create_tables(connection)
            for table in metadata.sorted_tables:
                _read_table(connection, archive, table, manifest.tables[table.name])
    return manifest


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise _unusable("The backup cannot be read.", got=error.strerror) from None
    except zipfile.BadZipFile:
        raise _unusable("The file is no backup.") from None


def _verified(archive: zipfile.ZipFile) -> Manifest:
    """Read all of a backup before anything is written, and return what it says of itself."""
    try:
        manifest = _read_manifest(archive)
        for name, summary in manifest.tables.items():
            _verify(archive, name, summary)
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        raise _unusable("The backup is damaged.") from None
    return manifest


def _write_table(connection: Connection, archive: zipfile.ZipFile, table: Table) -> TableSummary:
    digest = hashlib.sha256()
    n_rows = 0
    query = select(table).order_by(*table.primary_key.columns)
    with archive.open(_member(table.name), "w", force_zip64=True) as member:
        for row in connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}):
            values = [value.isoformat() if isinstance(value, date) else value for value in row]
            line = json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
            digest.update(line)
            member.write(line)
            n_rows += 1
    return TableSummary(columns=tuple(table.columns.keys()), n_rows=n_rows, sha256=digest.hexdigest())


def _read_table(connection: Connection, archive: zipfile.ZipFile, table: Table, summary: TableSummary) -> None:
    dates = [isinstance(table.c[name].type, Date) for name in summary.columns]
    some: list[dict[str, Any]] = []
    with archive.open(_member(table.name)) as member:
        for line in member:
            values = [
                date.fromisoformat(value) if is_date and value is not None else value
                for is_date, value in zip(dates, json.loads(line), strict=True)
            ]
            some.append(dict(zip(summary.columns, values, strict=True)))
            if len(some) == ROWS_AT_ONCE:
                connection.execute(insert(table), some)
                some = []
    if some:
        connection.execute(insert(table), some)


def _verify(archive: zipfile.ZipFile, name: str, summary: TableSummary) -> None:
    """Compare a table with what the manifest says."""
    digest = hashlib.sha256()
    n_rows = 0
    with archive.open(_member(name)) as member:
        for block in _blocks(member):
            digest.update(block)
            n_rows += block.count(b"\n")
    if (n_rows, digest.hexdigest()) != (summary.n_rows, summary.sha256):
        raise _unusable("The backup is damaged.", got=f"another content of the table {name} than was written")


def _blocks(member: IO[bytes]) -> Iterator[bytes]:
    while block := member.read(1024 * 1024):
        yield block


def _manifest_text(manifest: Manifest) -> str:
    tables = {
        name: {"columns": list(table.columns), "n_rows": table.n_rows, "sha256": table.sha256}
        for name, table in manifest.tables.items()
    }
    content = {
        "format": FORMAT,
        "revision": manifest.revision,
        "written_by": manifest.written_by,
        "tables": tables,
    }
    return json.dumps(content, indent=2)


def _read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """Return what a backup says of itself, or refuse a file that is none or that this version cannot restore."""
    try:
        with archive.open(MANIFEST) as member:
            content = json.loads(member.read(LONGEST_MANIFEST))
        tables = {
            str(name): TableSummary(
                columns=tuple(map(str, table["columns"])), n_rows=int(table["n_rows"]), sha256=str(table["sha256"])
            )
            for name, table in content["tables"].items()
        }
        manifest = Manifest(revision=str(content["revision"]), written_by=str(content["written_by"]), tables=tables)
        is_ours = content["format"] == FORMAT
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _unusable("The file is no backup.") from None
    if not is_ours:
        raise _unusable("The file is no backup.")
    if manifest.revision != newest_revision():
        raise _unusable(
            "The backup is of another schema.",
            got=f"{manifest.revision}, written by version {manifest.written_by}",
            allowed=str(newest_revision()),
            fix="Restore it with the version that wrote it, and upgrade that database with eot store migrate.",
        )
    wanted = {table.name: tuple(table.columns.keys()) for table in metadata.sorted_tables}
    if {name: table.columns for name, table in tables.items()} != wanted:
        raise _unusable("The backup is damaged.", got="other tables or columns than the schema has")
    if lacking := {_member(name) for name in tables} - set(archive.namelist()):
        raise _unusable("The backup is damaged.", got=f"no {min(lacking)}")
    return manifest


def _require_current(connection: Connection) -> None:
    if current_revision(connection) != newest_revision():
        raise not_a_store("another schema; bring it to the current one with eot store migrate")


def _require_empty(connection: Connection) -> None:
    """Refuse a database that holds a row of ours, or tables of another program."""
    present = set(inspect(connection).get_table_names())
    known = {table.name: table for table in metadata.sorted_tables}
    filled = sorted(
        name
        for name in present - {"alembic_version"}
        if name not in known or connection.execute(select(func.count()).select_from(known[name])).scalar_one()
    )
    if filled:
        raise StorageError(
            Problem(
                code=Code.STO_NOT_EMPTY,
                what="A backup is restored into an empty database only; nothing was changed.",
                got=f"rows in {', '.join(filled)}",
                fix="Name a new database, and let the app use it afterwards.",
            )
        )


def _member(table: str) -> str:
    return f"{table}.jsonl"


def _unusable(what: str, *, got: str | None = None, allowed: str | None = None, fix: str | None = None) -> StorageError:
    return StorageError(
        Problem(
            code=Code.STO_BACKUP_UNUSABLE,
            what=f"{what} Nothing was changed.",
            got=got,
            allowed=allowed,
            fix=fix or "Name a file that eot store backup wrote, or an older backup.",
        )
    )


def _not_writable(path: Path, reason: str) -> StorageError:
    return StorageError(
        Problem(
            code=Code.STO_FOLDER_NOT_WRITABLE,
            file=str(path),
            what=f"The file cannot be written: {reason}.",
            fix="Name a new file in a folder that you may write to, on a disk with free space.",
        )
    )
