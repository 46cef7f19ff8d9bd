"""Evidence kept beside the versions of a questionnaire: what has been shown about comparing them, read and checked.

``instruments/<id>/evidence/comparability.yaml`` stands outside the release lock and only grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.definition import version_order
from toolkit.instruments.diff import version_diff
from toolkit.instruments.loader import DEFINITION_FILE
from toolkit.instruments.parsing import parse
from toolkit.instruments.source import Path as Place
from toolkit.instruments.source import Source
from toolkit.instruments.statements import LEAST_ANCHORS, ComparabilityFile, StatedComparability

if TYPE_CHECKING:
    from toolkit.instruments.catalog import Catalog
    from toolkit.instruments.instrument import Instrument

EVIDENCE_FOLDER = "evidence"
COMPARABILITY_FILE = "comparability.yaml"

Load = Callable[[str], "Instrument | None"]
"""From a version that has a folder to its instrument; None when its own files are not in order."""


def load_statements(identifier: str, *, catalog: Catalog | None = None) -> tuple[StatedComparability, ...]:
    """Read what is stated about comparing the versions of a questionnaire.

    Parameters
    ----------
    identifier : str
        The questionnaire, such as ``eomhs``.
    catalog : Catalog, optional
        Where it is looked up; the settings' catalog folders by default.

    Returns
    -------
    tuple of StatedComparability
        In the order of the file; empty when nothing is stated.

    Raises
    ------
    DefinitionError
        With every problem of the file.

    Examples
    --------
    >>> from toolkit import instruments
    >>> instruments.load_statements("eomhs")
    ()
    """
    from toolkit.instruments.catalog import default_catalog

    chosen = catalog or default_catalog()
    statements: list[StatedComparability] = []
    problems: list[Problem] = []
    for place in chosen.folders:
        found, told = inspect_statements(place / identifier, lambda version: chosen.load(f"{identifier}@{version}"))
        statements += found
        problems += told
    if problems:
        raise DefinitionError(problems)
    return tuple(statements)


def inspect_statements(folder: Path, load: Load) -> tuple[tuple[StatedComparability, ...], list[Problem]]:
    """Read and check the statements of a questionnaire; collects problems and raises nothing for them.

    Parameters
    ----------
    folder : Path
        The folder of the questionnaire, which holds its version folders. Without a file, or with one that holds
        remarks only, nothing is stated.
    load : callable
        From a version that has a folder to its instrument; None when its own files are not in order.
    """
    file = folder / EVIDENCE_FOLDER / COMPARABILITY_FILE
    if not file.is_file():
        return (), []
    content = file.read_bytes()
    if all(not line.strip() or line.lstrip().startswith(b"#") for line in content.splitlines()):
        return (), []
    read, source, problems = parse(content, str(file), ComparabilityFile)
    if read is None:
        return (), problems
    problems += _checked(read, folder, source, load)
    return read.statements, problems


def _checked(read: ComparabilityFile, folder: Path, source: Source, load: Load) -> Iterator[Problem]:
    if read.instrument != folder.resolve().name:
        what, fix = "The file belongs to another questionnaire.", "Change the key, or move the file."
        got, allowed = read.instrument, folder.resolve().name
        yield source.problem(Code.DEF_PLACE, ("instrument",), what, fix, got=got, allowed=allowed)
    versions = {place.parent.name for place in folder.glob(f"*/{DEFINITION_FILE}")}
    for position, stated in enumerate(read.statements):
        path: Place = ("statements", position)
        yield from _evidence(stated, folder / EVIDENCE_FOLDER, source, path)
        yield from _constants(stated, source, path)
        yield from _direction(stated, source, path)
        unknown = False
        for key, version in (("from", stated.from_version), ("to", stated.to_version)):
            if version not in versions:
                unknown = True
                allowed = ", ".join(sorted(versions, key=version_order)) or "none"
                what, fix = f"There is no version '{version}'.", "Name a version that has a folder."
                yield source.problem(Code.DEF_UNKNOWN_NAME, (*path, key), what, fix, got=version, allowed=allowed)
        if not unknown:
            earlier, later = load(stated.from_version), load(stated.to_version)
            if earlier is not None and later is not None:
                yield from _names(stated, earlier, later, source, path)


def _evidence(stated: StatedComparability, folder: Path, source: Source, path: Place) -> Iterator[Problem]:
    """Check that the evidence is there, people's here and synthetic elsewhere."""
    inside, file = folder.resolve(), (folder / stated.evidence).resolve()
    where = (*path, "evidence")
    if not file.is_file():
        what, fix = (
            "The evidence file is not there.",
            "Put it there, or correct the path from the folder evidence.",
        )
        yield source.problem(Code.DEF_EVIDENCE, where, what, fix, got=stated.evidence)
    elif (stated.kind == "human") != file.is_relative_to(inside):
        if stated.kind == "human":
            what, fix = "Evidence of people's answers stands elsewhere.", "Move the file into the folder evidence."
        else:
            what = "Synthetic evidence stands among the evidence of people's answers."
            fix = "Move it to its synthetic data set, such as data/<name>, and correct the path."
        yield source.problem(Code.DEF_EVIDENCE, where, what, fix, got=stated.evidence)


def _constants(stated: StatedComparability, source: Source, path: Place) -> Iterator[Problem]:
    if stated.comparability == "linked" and stated.linking is None:
        what = "The scores are said to be linked, and there are no linking constants."
        fix = "Add 'linking:' with slope, intercept, their standard errors and the anchors, or state 'unknown'."
        yield source.problem(Code.DEF_LINKING, path, what, fix)
    if stated.comparability != "linked" and stated.linking is not None:
        what = f"There are linking constants for scores that are '{stated.comparability}'."
        fix = "State 'linked', or remove the constants."
        yield source.problem(Code.DEF_LINKING, (*path, "linking"), what, fix)


def _direction(stated: StatedComparability, source: Source, path: Place) -> Iterator[Problem]:
    same_language = stated.to_language in (None, stated.language)
    if stated.from_version == stated.to_version and same_language:
        what, fix = "A version in one language is identical with itself.", "Remove the statement, or name two ends."
        yield source.problem(Code.DEF_VALUE, (*path, "to"), what, fix, got=stated.to_version)
    elif version_order(stated.to_version) < version_order(stated.from_version):
        what, fix = "The later version stands first.", "Write the earlier version under 'from'."
        allowed = f"{stated.from_version} or later"
        yield source.problem(Code.DEF_VALUE, (*path, "to"), what, fix, got=stated.to_version, allowed=allowed)


def _names(
    stated: StatedComparability, earlier: Instrument, later: Instrument, source: Source, path: Place
) -> Iterator[Problem]:
    """Check that the scale, the languages and the anchors are those of the versions."""
    second = stated.language if stated.to_language is None else stated.to_language
    lacking = False
    for version, language, key in (
        (earlier, stated.language, "language"),
        (later, second, "language" if stated.to_language is None else "to_language"),
    ):
        if stated.scale not in version.scales:
            lacking = True
            what, allowed = f"{version.name} has no scale '{stated.scale}'.", ", ".join(version.scales) or "none"
            fix, where = "Name a scale that both versions have.", (*path, "scale")
            yield source.problem(Code.DEF_UNKNOWN_NAME, where, what, fix, got=stated.scale, allowed=allowed)
        if language not in version.languages:
            what, allowed = f"{version.name} has no text in '{language}'.", ", ".join(version.languages)
            fix = "Name a language of the version."
            yield source.problem(Code.DEF_LANGUAGE_ABSENT, (*path, key), what, fix, got=language, allowed=allowed)
    if stated.linking is None or lacking:
        return
    found = version_diff(earlier, later)
    of_both = set(earlier.scales[stated.scale].items) & set(later.scales[stated.scale].items)
    # Words of two languages cannot be compared by a program, so there an anchor only has to be scored alike.
    reworded = {item for item, languages in found.reworded.items() if {stated.language, second} & set(languages)}
    same = [item for item in later.scales[stated.scale].items if item in of_both - reworded - set(found.rescored)]
    wrong = [item for item in stated.linking.anchors if item not in same]
    if wrong or len(set(stated.linking.anchors)) < LEAST_ANCHORS:
        what = f"The anchors are not {LEAST_ANCHORS} or more different items that both versions ask in the same words."
        got, allowed = ", ".join(wrong or stated.linking.anchors), ", ".join(same) or "none"
        fix, where = "Name unchanged items of the scale; without them the scores cannot be linked.", (*path, "linking")
        yield source.problem(Code.DEF_LINKING, (*where, "anchors"), what, fix, got=got, allowed=allowed)
