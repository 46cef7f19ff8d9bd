"""Folders of results: written whole or not at all, and never in place of somebody else's files."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolkit.errors import Code, Problem, StorageError

MARKER = ".eot-folder"
"""File that lists what was written, one relative path a line, so that a later run knows what it may replace."""


def check_place(directory: Path | str, *, force: bool = False) -> None:
    """Refuse a place that :func:`write_atomically` would refuse, before a long computation; nothing is written.

    Parameters
    ----------
    directory : path or str
        Where the folder shall be.
    force : bool
        Allow a folder that holds other files too.

    Raises
    ------
    StorageError
        ``STO_FOLDER_IS_FILE``, ``STO_FOLDER_NOT_OURS`` or ``STO_FOLDER_NOT_WRITABLE``.

    Examples
    --------
    >>> import tempfile
    >>> check_place(Path(tempfile.mkdtemp()) / "results")
    """
    with _refusing(str(directory)):
        target = _resolved(directory)
        _check(target, shown=str(directory), force=force)
        ancestor = _ancestor(target)
        if not ancestor.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(ancestor, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def write_atomically(directory: Path | str, *, force: bool = False) -> Iterator[Path]:
    """Build a folder beside its place and move it there when everything is written.

    The body shall only write: every ``OSError`` in it is told as a folder that cannot be written. A folder that
    is replaced keeps its permissions, and so do the folders in it; everything new follows the umask.

    Parameters
    ----------
    directory : path or str
        Where the folder shall be. It may exist when it is empty or holds only what an earlier run wrote; it is
        then replaced. It may not be the current folder, nor hold it.
    force : bool
        Allow a folder that holds other files too. They stay; files with the same names are replaced.

    Yields
    ------
    Path
        The folder to write into. It is removed after any failure, an interruption included, and the old folder
        stays as it was.

    Raises
    ------
    StorageError
        ``STO_FOLDER_IS_FILE`` or ``STO_FOLDER_NOT_OURS`` before anything is written, ``STO_FOLDER_NOT_WRITABLE``
        also later, such as on a full disk.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "results"
    >>> with write_atomically(place) as folder:
    ...     _ = (folder / "answer.txt").write_text("42")
    >>> (place / "answer.txt").read_text()
    '42'
    """
    with _refusing(str(directory)):
        target = _resolved(directory)
        foreign = _check(target, shown=str(directory), force=force)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=_ancestor(target)))
        try:
            built = scratch / "new"
            built.mkdir()
            yield built
            _list(built)
            _move_in(built, target, scratch / "old", foreign)
        finally:
            try:
                shutil.rmtree(scratch, ignore_errors=True)
            except KeyboardInterrupt:
                # A closed terminal may say so twice.
                shutil.rmtree(scratch, ignore_errors=True)
                raise


@contextmanager
def _refusing(shown: str) -> Iterator[None]:
    """Tell an error of the file system as a folder that cannot be written."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(
            Problem(
                code=Code.STO_FOLDER_NOT_WRITABLE,
                file=shown,
                what=f"The folder cannot be written: {error.strerror or 'input/output error'}.",
                fix="Free some space on the disk, or choose a folder on another one."
                if is_full
                else "Choose a folder that you may write to.",
            )
        ) from None


def _resolved(directory: Path | str) -> Path:
    return Path(directory).absolute().resolve()


def _ancestor(target: Path) -> Path:
    """Return the nearest folder above the place that is there already."""
    return next(parent for parent in target.parents if parent.exists())


def _check(target: Path, *, shown: str, force: bool) -> list[Path]:
    """Return the files in the place that no earlier run wrote; refuse them without ``force``."""
    if target.exists() and not target.is_dir():
        raise StorageError(
            Problem(
                code=Code.STO_FOLDER_IS_FILE,
                file=shown,
                what="There is a file where the folder shall be.",
                fix="Choose another folder, or move the file away.",
            )
        )
    if not target.exists():
        return []
    current = Path.cwd().resolve()
    if target == current or target in current.parents:
        raise StorageError(
            Problem(
                code=Code.STO_FOLDER_NOT_OURS,
                file=shown,
                what="The folder is the current folder or holds it, and cannot be replaced as a whole.",
                got=str(target),
                allowed="a folder in which you are not working",
                fix="Name a folder inside the current one, such as results.",
            )
        )
    foreign = _foreign(target)
    if foreign and not force:
        raise StorageError(
            Problem(
                code=Code.STO_FOLDER_NOT_OURS,
                file=shown,
                what="The folder holds files that this program did not write there.",
                got=", ".join(str(path) for path in foreign[:3]) + (", ..." if len(foreign) > 3 else ""),
                allowed="a new or empty folder, or one that an earlier run wrote",
                fix="Choose another folder, or add --force to keep those files and write beside them.",
            )
        )
    return foreign


def _foreign(target: Path) -> list[Path]:
    """List the files, relative to the folder, that are not in its list of written files."""
    marker = target / MARKER
    own = set(marker.read_text(encoding="utf-8").splitlines()) if marker.is_file() else set()
    found = (path.relative_to(target) for path in sorted(target.rglob("*")) if not path.is_dir() or path.is_symlink())
    return [path for path in found if path.as_posix() not in own and path.as_posix() != MARKER]


def _list(built: Path) -> None:
    """Write the list of what was written."""
    names = sorted(path.relative_to(built).as_posix() for path in built.rglob("*") if not path.is_dir())
    (built / MARKER).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def _move_in(built: Path, target: Path, old: Path, foreign: list[Path]) -> None:
    """Put the built folder in its place; put the old one back if that fails."""
    if not target.exists():
        _move_to_new(built, target)
        return
    for path in foreign:
        if not (built / path).exists():
            (built / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(target / path, built / path, follow_symlinks=False)
    _keep_modes(built, target)
    try:
        target.rename(old)
        built.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise


def _move_to_new(built: Path, target: Path) -> None:
    """Make the folders above the place and move in; take them away again if that fails."""
    absent = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        built.rename(target)
    except BaseException:
        for parent in absent:
            with suppress(OSError):
                parent.rmdir()
        raise


def _keep_modes(built: Path, target: Path) -> None:
    """Give the folders the permissions of those that they replace."""
    for folder in (built, *(path for path in built.rglob("*") if path.is_dir() and not path.is_symlink())):
        before = target / folder.relative_to(built)
        if before.is_dir():
            shutil.copymode(before, folder)
