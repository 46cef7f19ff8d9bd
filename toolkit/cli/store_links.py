"""Invitation links and the private files they are written to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO
from urllib.parse import urlsplit

import pandas as pd
import typer

from toolkit.collection.ports import Unit
from toolkit.errors import Code, Problem, StorageError
from toolkit.storage.engine import is_server
from toolkit.wiring import Services

LOCAL_APP = "http://localhost:8501"


def _site(address: str) -> str:
    """Return an address that links can begin with; links cannot be made again, so a wrong one is refused."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise typer.BadParameter(f"{address!r} is no address of a site, such as https://survey.example.org")
    return address.rstrip("/")


Address = Annotated[str, typer.Option(help="Address under which respondents reach the app.", callback=_site)]


def beside_database(services: Services) -> Path:
    """Return the folder of the database, or of its key when a server keeps the database."""
    settings = services.settings
    file = settings.secret_file if is_server(services.engine.url) else Path(str(services.engine.url.database))
    return (file or Path()).absolute().parent


def links(services: Services, wave_id: str, unit: Unit, number: int, address: str) -> pd.DataFrame:
    """Make invitation links to a unit; they are returned once and only their hashes are stored."""
    tokens = services.waves.invite(wave_id, unit.id, number)
    return pd.DataFrame({"unit": unit.name, "link": [f"{address}/i/{token}" for token in tokens]})


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """Open a new private file, in a folder that is made if it is not there; tell why it cannot be written."""
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        with opened_privately(path) as file:
            yield file
    except OSError as error:
        raise StorageError(
            Problem(
                code=Code.STO_FOLDER_NOT_WRITABLE,
                file=str(path),
                what=f"The file cannot be written: {error.strerror or 'input/output error'}.",
                fix="Choose a folder that you may write to, on a disk with free space.",
            )
        ) from None


@contextmanager
def opened_privately(path: Path) -> Iterator[TextIO]:
    """Open a new file that only its owner can read, from the first byte; it is removed after any failure."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
