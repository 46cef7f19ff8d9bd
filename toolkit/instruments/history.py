"""All versions of one questionnaire, checked against each other and against what is said about them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import Code, Problem
from toolkit.instruments.definition import Definition, version_order
from toolkit.instruments.diff import version_diff
from toolkit.instruments.evidence import inspect_statements
from toolkit.instruments.loader import DEFINITION_FILE, inspect_folder
from toolkit.instruments.parsing import parse
from toolkit.instruments.source import Source
from toolkit.instruments.status import inspect_status

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument

SHOWN = 5
"""As many changes are named in a message; the rest are counted."""


def inspect_history(folder: Path) -> list[Problem]:
    """Check the versions of a questionnaire against each other.

    Parameters
    ----------
    folder : Path
        The folder of the questionnaire, which holds its version folders. Versions whose own files are not in order are
        passed over.

    Returns
    -------
    list of Problem
        ``DEF_SMALL_BUMP`` and ``DEF_CODE_REUSED``, told in the definition of the later version, and every problem of
        the status file and of the statements on comparability.
    """
    files = sorted(folder.glob(f"*/{DEFINITION_FILE}"), key=lambda file: version_order(file.parent.name))
    inspected = {file: inspect_folder(file.parent).instrument for file in files}
    versions = {file: instrument for file, instrument in inspected.items() if instrument is not None}
    loaded = {instrument.version: instrument for instrument in versions.values()}
    return [
        *_bumps(versions),
        *_codes(versions),
        *inspect_status(folder)[1],
        *inspect_statements(folder, loaded.get)[1],
    ]


def _bumps(versions: dict[Path, Instrument]) -> Iterator[Problem]:
    """Refuse a version number that rose less than its changes ask for."""
    for (_, earlier), (file, later) in pairwise(versions.items()):
        found = version_diff(earlier, later)
        if not found.is_enough:
            asking = [change for change in found.changes if change.bump == found.least_bump]
            named = ", ".join(f"{change.kind.replace('_', ' ')} ({change.key})" for change in asking[:SHOWN])
            more = f" and {len(asking) - SHOWN} more" if len(asking) > SHOWN else ""
            what = f"The changes since {earlier.version} ask for a {found.least_bump} version: {named}{more}."
            fix = f"Rename the version; 'eot instrument diff {earlier.name} {later.name}' shows every change."
            got = f"{later.version}, a {found.bump} version"
            place = _source(file)
            yield place.problem(Code.DEF_SMALL_BUMP, ("version",), what, fix, got=got, allowed=_least(found.least_bump))


def _least(bump: str) -> str:
    return {"major": "a higher first number", "minor": "a higher first or second number"}.get(bump, "a higher number")


def _codes(versions: dict[Path, Instrument]) -> Iterator[Problem]:
    """Refuse the code of a dropped item that comes back as another item."""
    last: dict[str, Instrument] = {}
    before: Instrument | None = None
    for file, instrument in versions.items():
        returned = [code for code in instrument.items if code in last and before and code not in before.items]
        for code in returned:
            if code not in version_diff(last[code], instrument).unchanged:
                what = f"'{code}' was another item in {last[code].version} and was dropped since."
                fix = "Give the item a code that no version has had."
                position = list(instrument.items).index(code)
                place = _source(file)
                yield place.problem(Code.DEF_CODE_REUSED, ("items", position), what, fix, got=code, item=code)
        last |= dict.fromkeys(instrument.items, instrument)
        before = instrument


def _source(file: Path) -> Source:
    return parse(file.read_bytes(), str(file), Definition)[1]
