"""Files of other programs: read within limits as bytes, and written as a whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.draft import write_version
from toolkit.instruments.exchange import Exported, Imported, Loss

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.instruments.instrument import Instrument

MAXIMUM_BYTES = 100_000_000
"""Larger files are refused before they are read; each format has a smaller limit of its own."""


def read_foreign(path: Path) -> bytes:
    """Read a file of another program.

    Raises
    ------
    DefinitionError
        ``DEF_NOT_FOUND`` without such a file, ``DEF_FOREIGN_FILE`` for a folder, a file that is too large or one that
        cannot be read.
    """
    try:
        if path.is_dir():
            raise _refused(path, "This is a folder, not a file.", "Name a file.")
        size = path.stat().st_size
        if size > MAXIMUM_BYTES:
            what = f"The file has {size:,} bytes; {MAXIMUM_BYTES:,} are read at most."
            raise _refused(path, what, "Split the file.")
        return path.read_bytes()
    except FileNotFoundError:
        what, fix = "There is no such file.", "Check the name and folder."
        raise DefinitionError(Problem(code=Code.DEF_NOT_FOUND, what=what, fix=fix, file=str(path))) from None
    except OSError as error:
        what = f"The file cannot be read: {error.strerror or 'input/output error'}."
        raise _refused(path, what, "Check that you may read it.") from None


def write_exported(exported: Exported, out: Path, *, force: bool = False) -> list[Path]:
    """Write an exported questionnaire.

    Parameters
    ----------
    exported : Exported
        What a format made of a questionnaire.
    out : Path
        The name of the file; where the format has several files, the folder they go to.
    force : bool
        Whether files that are there may be replaced.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DefinitionError
        ``DEF_EXISTS`` for a file that is there, ``DEF_PLACE`` where it cannot be written.
    """
    files = dict(exported.files)
    wanted = {out: next(iter(files.values()))} if len(files) == 1 else {out / name: files[name] for name in files}
    return write_files(wanted, force=force)


def write_losses(losses: Iterable[Loss], out: Path, *, force: bool = False) -> Path:
    """Write what was lost as a list in JSON."""
    listed = [asdict(loss) for loss in losses]
    content = json.dumps(listed, ensure_ascii=False, indent=2) + "\n"
    return write_files({out: content.encode("utf-8")}, force=force)[0]


def write_frame(frame: pd.DataFrame, instrument: Instrument, out: Path, *, force: bool = False) -> Path:
    """Write a response frame as a CSV file that the toolkit reads: codes as integers, an empty cell where none is."""
    codes = frame.astype(dict.fromkeys(instrument.item_codes, "Int64"))
    content = codes.to_csv(lineterminator="\n").encode("utf-8")
    return write_files({out: content}, force=force)[0]


def write_imported(imported: Imported, catalog: Path) -> list[Path]:
    """Write a draft as ``<id>/<version>/`` into a catalog folder, with the JSON Schemas.

    Raises
    ------
    DefinitionError
        ``DEF_EXISTS`` when there is such a version.
    """
    contents = {"definition.yaml": imported.definition_yaml}
    contents |= {f"text.{language}.yaml": text for language, text in imported.texts.items()}
    try:
        return write_version(catalog, imported.id, imported.version, contents)
    except OSError as error:
        raise _unwritable(catalog, error) from None


def write_files(files: Mapping[Path, bytes], *, force: bool) -> list[Path]:
    """Write files, each as a whole; nothing where one of them is there and may not be replaced."""
    there = [path for path in files if path.exists() and not force]
    if there:
        what, fix = "The file exists already.", "Choose another name, or replace it with --force."
        raise DefinitionError(Problem(code=Code.DEF_EXISTS, what=what, fix=fix, file=str(there[0])))
    for path, content in files.items():
        try:
            _write(path, content)
        except OSError as error:
            raise _unwritable(path, error) from None
    return list(files)


def _write(path: Path, content: bytes) -> None:
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.absolute().parent, prefix=".unfinished-", delete=False) as aside:
        unfinished = Path(aside.name)
        try:
            aside.write(content)
            aside.flush()
            os.fsync(aside.fileno())
            # A temporary file is readable by its owner only; this one is to be given away.
            unfinished.chmod(0o644)
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def _refused(path: Path, what: str, fix: str) -> DefinitionError:
    return DefinitionError(Problem(code=Code.DEF_FOREIGN_FILE, what=what, fix=fix, file=str(path)))


def _unwritable(path: Path, error: OSError) -> DefinitionError:
    what = f"It cannot be written: {error.strerror or 'input/output error'}."
    fix = "Choose another place, or check that you may write there."
    return DefinitionError(Problem(code=Code.DEF_PLACE, what=what, fix=fix, file=str(path)))
