"""What became of the versions of a questionnaire: which are superseded, since when and why.

``instruments/<id>/status.yaml`` stands beside the versions and outside the release lock. It only grows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.definition import Day, Identifier, Strict, Version, Words, version_order
from toolkit.instruments.parsing import parse
from toolkit.instruments.source import Source

STATUS_FILE = "status.yaml"


class Superseded(Strict):
    """One version that another one took the place of."""

    version: Version
    superseded_by: Version
    date: Day
    reason: Words
    """Why, in a sentence or two; commands and pages print it as it stands."""


class Status(Strict):
    """The whole of ``status.yaml``."""

    instrument: Identifier
    superseded: Annotated[tuple[Superseded, ...], Field(strict=False)] = ()

    def of(self, version: str) -> Superseded | None:
        """Return what is said about one version, None when it is not superseded."""
        return next((entry for entry in self.superseded if entry.version == version), None)


def read_status(folder: Path) -> Status:
    """Read the status file of a questionnaire.

    Parameters
    ----------
    folder : Path
        The folder of the questionnaire, which holds its version folders.

    Returns
    -------
    Status
        Without a file nothing is superseded.

    Raises
    ------
    DefinitionError
        With every problem of the file.
    """
    status, problems = inspect_status(folder)
    if problems:
        raise DefinitionError(problems)
    return status


def inspect_status(folder: Path) -> tuple[Status, list[Problem]]:
    """Read and check the status file of a questionnaire; collects problems and raises nothing for them."""
    file = folder / STATUS_FILE
    nothing = Status.model_construct(instrument=folder.resolve().name)
    if not file.is_file():
        return nothing, []
    status, source, problems = parse(file.read_bytes(), str(file), Status)
    if status is None:
        return nothing, problems
    versions = {place.parent.name for place in folder.glob("*/definition.yaml")}
    return status, [*problems, *_checked(status, folder, versions, source)]


def _checked(status: Status, folder: Path, versions: Collection[str], source: Source) -> Iterator[Problem]:
    if status.instrument != folder.resolve().name:
        what, fix = "The file belongs to another questionnaire.", "Change the key, or move the file."
        got, allowed = status.instrument, folder.resolve().name
        yield source.problem(Code.DEF_PLACE, ("instrument",), what, fix, got=got, allowed=allowed)
    seen: set[str] = set()
    for position, entry in enumerate(status.superseded):
        for key in ("version", "superseded_by"):
            name = getattr(entry, key)
            if name not in versions:
                allowed = ", ".join(sorted(versions, key=version_order)) or "none"
                what, fix = f"There is no version '{name}'.", "Name a version that has a folder."
                path = ("superseded", position, key)
                yield source.problem(Code.DEF_UNKNOWN_NAME, path, what, fix, got=name, allowed=allowed)
        if version_order(entry.superseded_by) <= version_order(entry.version):
            what, fix = "A version is superseded by a later one only.", "Name a later version."
            path, allowed = ("superseded", position, "superseded_by"), f"later than {entry.version}"
            yield source.problem(Code.DEF_VALUE, path, what, fix, got=entry.superseded_by, allowed=allowed)
        if entry.version in seen:
            what, fix = f"The version '{entry.version}' is superseded twice.", "Keep the entry that was written first."
            yield source.problem(Code.DEF_TWICE, ("superseded", position, "version"), what, fix, got=entry.version)
        seen.add(entry.version)
