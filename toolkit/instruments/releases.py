"""Released files never change: ``RELEASES.lock`` holds the SHA-256 of each, one line a file, and only grows."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.history import inspect_history
from toolkit.instruments.loader import DEFINITION_FILE, TEXT_FILES, load_folder

LOCK_FILE = "RELEASES.lock"

_LINE = re.compile(r"(?P<hash>[0-9a-f]{64})  (?P<path>[A-Za-z0-9][A-Za-z0-9._/-]*)\Z")


def read_lock(catalog: Path) -> dict[str, str]:
    """Read a catalog folder's lock.

    Parameters
    ----------
    catalog : Path
        A folder of instruments.

    Returns
    -------
    dict of str
        SHA-256 by path below the catalog; empty when there is no lock.

    Raises
    ------
    DefinitionError
        ``DEF_RELEASE_LOCK`` for each line that is not a hash and a path, or repeats a path.
    """
    file = catalog / LOCK_FILE
    if not file.is_file():
        return {}
    hashes: dict[str, str] = {}
    problems = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None or ".." in PurePosixPath(match["path"]).parts or match["path"] in hashes:
            what = "The line is not a SHA-256, two spaces and a path that is named once."
            fix = "Restore the file from version control; only 'eot instrument release' adds lines."
            problem = Problem(code=Code.DEF_RELEASE_LOCK, what=what, fix=fix, file=str(file), line=number)
            problems.append(problem)
            continue
        hashes[match["path"]] = match["hash"]
    if problems:
        raise DefinitionError(problems)
    return hashes


def is_released(catalog: Path, instrument: str, version: str) -> bool:
    """Tell whether the lock names any file of this version."""
    below = f"{instrument}/{version}/"
    return any(path.startswith(below) for path in read_lock(catalog))


def changes(catalog: Path, folder: Path | None = None) -> list[Problem]:
    """Compare released files with the lock.

    Parameters
    ----------
    catalog : Path
        A folder of instruments.
    folder : Path, optional
        Look at one version folder only.

    Returns
    -------
    list of Problem
        ``DEF_RELEASE_CHANGED``, ``DEF_RELEASE_MISSING`` or ``DEF_RELEASE_UNLISTED``; empty when all is as released.
    """
    lock = read_lock(catalog)
    released = {str(PurePosixPath(path).parent) for path in lock}
    wanted = released if folder is None else released & {"/".join(folder.absolute().parts[-2:])}
    problems = []
    for path, expected in lock.items():
        if str(PurePosixPath(path).parent) not in wanted:
            continue
        file = catalog / path
        if not file.is_file():
            what, fix = "A released file is missing.", "Restore it from version control."
            problems.append(Problem(code=Code.DEF_RELEASE_MISSING, what=what, fix=fix, file=str(file)))
        elif (found := sha256(file)) != expected:
            what = "A released file has been changed; answers given to it could no longer be shown as they were asked."
            fix = "Restore it from version control, and make the change in a new version folder."
            problem = Problem(
                code=Code.DEF_RELEASE_CHANGED, what=what, fix=fix, file=str(file), got=found, allowed=expected
            )
            problems.append(problem)
    for place in sorted(wanted):
        for file in release_files(catalog / place):
            if f"{place}/{file.name}" not in lock:
                what, fix = "A file was added to a released version.", "Move it to a new version folder."
                problems.append(Problem(code=Code.DEF_RELEASE_UNLISTED, what=what, fix=fix, file=str(file)))
    return problems


def verify(catalog: Path, folder: Path | None = None) -> None:
    """Refuse released files that are not as they were released.

    Parameters
    ----------
    catalog : Path
        A folder of instruments.
    folder : Path, optional
        Look at one version folder only.

    Raises
    ------
    DefinitionError
        With every problem of :func:`changes`.
    """
    problems = changes(catalog, folder)
    if problems:
        raise DefinitionError(problems)


def release(catalog: Path, folder: Path) -> list[str]:
    """Release one version: check it, and add its files to the lock.

    Parameters
    ----------
    catalog : Path
        A folder of instruments.
    folder : Path
        The version folder, two levels below the catalog.

    Returns
    -------
    list of str
        The lines that were added.

    Raises
    ------
    DefinitionError
        ``DEF_RELEASED_ALREADY``; ``DEF_PLACE`` for a folder elsewhere; ``DEF_SMALL_BUMP`` or ``DEF_CODE_REUSED``
        beside the other versions; a problem of the instrument's own files; or one of :func:`changes`.
    """
    instrument = load_folder(folder)
    verify(catalog)
    if is_released(catalog, instrument.id, instrument.version):
        what = f"{instrument.name} is released already."
        fix = "Copy the folder to a new version and release that."
        raise DefinitionError(
            Problem(code=Code.DEF_RELEASED_ALREADY, what=what, fix=fix, file=str(catalog / LOCK_FILE))
        )
    below = f"{instrument.id}/{instrument.version}"
    if folder.resolve() != (catalog / below).resolve():
        what, fix = "The version folder is not in this catalog folder.", f"Move it to {catalog / below}."
        raise DefinitionError(Problem(code=Code.DEF_PLACE, what=what, fix=fix, file=str(folder)))
    here = (folder / DEFINITION_FILE).resolve()
    against = [problem for problem in inspect_history(folder.parent) if Path(problem.file or "").resolve() == here]
    if against:
        raise DefinitionError(against)
    lines = [f"{sha256(file)}  {below}/{file.name}" for file in release_files(folder)]
    with (catalog / LOCK_FILE).open("a", encoding="utf-8", newline="\n") as lock:
        lock.writelines(f"{line}\n" for line in lines)
    return lines


def release_files(folder: Path) -> list[Path]:
    """Files of a version folder that a release fixes."""
    return sorted([*folder.glob(DEFINITION_FILE), *folder.glob(TEXT_FILES)])


def sha256(file: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
