"""Instrument folders read, checked and turned into an :class:`~toolkit.instruments.instrument.Instrument`.

Every problem of the definition and of all its texts is collected before anything is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.definition import Definition
from toolkit.instruments.instrument import Instrument
from toolkit.instruments.lint import lint
from toolkit.instruments.parsing import parse
from toolkit.instruments.source import Source
from toolkit.instruments.text import Text

DEFINITION_FILE = "definition.yaml"
TEXT_FILES = "text.*.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found in an instrument folder.

    Attributes
    ----------
    instrument : Instrument or None
        None when there are problems.
    problems : tuple of Problem
        What must be mended before the instrument can be used.
    advice : tuple of Problem
        What should be looked at; an instrument with advice can be used.
    """

    instrument: Instrument | None
    problems: tuple[Problem, ...]
    advice: tuple[Problem, ...]


def load_folder(folder: Path) -> Instrument:
    """Load the instrument in a folder.

    Parameters
    ----------
    folder : Path
        A folder with ``definition.yaml`` and at least one ``text.<language>.yaml``.

    Returns
    -------
    Instrument
        The instrument, its original language first.

    Raises
    ------
    DefinitionError
        With every problem of every file.
    """
    found = inspect_folder(folder)
    if found.instrument is None:
        raise DefinitionError(found.problems)
    return found.instrument


def inspect_folder(folder: Path) -> Inspection:
    """Read and check the instrument in a folder; collects problems and advice, raises nothing for them.

    Parameters
    ----------
    folder : Path
        A folder with ``definition.yaml`` and at least one ``text.<language>.yaml``.
    """
    definition_file = folder / DEFINITION_FILE
    text_files = sorted(folder.glob(TEXT_FILES))
    problems = [*_absent(folder, definition_file, text_files)]
    definition, definition_source, content = None, Source(str(definition_file)), b""
    if definition_file.is_file():
        content = definition_file.read_bytes()
        definition, definition_source, found = parse(content, str(definition_file), Definition)
        problems += found
    texts: dict[str, tuple[Text, Source]] = {}
    unread: set[str] = set()
    for file in text_files:
        text, source, found = parse(file.read_bytes(), str(file), Text)
        problems += found
        named = file.name.removeprefix("text.").removesuffix(".yaml")
        if text is None or named != text.language:
            unread.add(named)
        if text is not None:
            if named != text.language:
                what = f"The file is named for the language '{named}' and says it holds '{text.language}'."
                fix = f"Rename the file to text.{text.language}.yaml or change the key."
                problems.append(source.problem(Code.DEF_PLACE, ("language",), what, fix, got=text.language))
            texts.setdefault(text.language, (text, source))
    if definition is None:
        return Inspection(instrument=None, problems=tuple(problems), advice=())
    problems += _wrong_folder(folder, definition, definition_source)
    findings = lint(
        definition,
        [text for text, _ in texts.values()],
        sources=_sources(definition_source, texts),
        unread=unread,
    )
    problems += findings.problems
    if problems:
        return Inspection(instrument=None, problems=tuple(problems), advice=findings.advice)
    languages = sorted(texts, key=lambda code: (code != definition.original_language, code))
    instrument = Instrument(
        definition=definition,
        texts={code: texts[code][0] for code in languages},
        definition_hash=hashlib.sha256(content).hexdigest(),
    )
    return Inspection(instrument=instrument, problems=(), advice=findings.advice)


def _sources(definition: Source, texts: dict[str, tuple[Text, Source]]) -> dict[str, Source]:
    return {"definition": definition} | {language: source for language, (_, source) in texts.items()}


def _absent(folder: Path, definition_file: Path, text_files: list[Path]) -> list[Problem]:
    if not folder.is_dir():
        what, fix = "There is no such instrument folder.", "Give a folder that holds definition.yaml."
        return [Problem(code=Code.DEF_NOT_FOUND, what=what, fix=fix, file=str(folder))]
    problems = []
    if not definition_file.is_file():
        what, fix = "There is no definition.yaml in this folder.", "Give the folder of one version, as in eomhs/1.0.0."
        problems.append(Problem(code=Code.DEF_NOT_FOUND, what=what, fix=fix, file=str(definition_file)))
    if not text_files:
        what, fix = "There is no text file in this folder.", "Write text.en.yaml, or another language."
        problems.append(Problem(code=Code.DEF_NOT_FOUND, what=what, fix=fix, file=str(folder / TEXT_FILES)))
    return problems


def _wrong_folder(folder: Path, definition: Definition, source: Source) -> list[Problem]:
    """Compare ``<id>/<version>/`` with what the definition says."""
    place = folder.resolve()
    problems = []
    if place.name != definition.version:
        what = f"The folder is named '{place.name}' and the definition says version '{definition.version}'."
        fix = "Rename the folder to the version, or change the key."
        problems.append(source.problem(Code.DEF_PLACE, ("version",), what, fix, got=definition.version))
    if place.parent.name != definition.id:
        what = f"The folder above is named '{place.parent.name}' and the definition says id '{definition.id}'."
        fix = "Rename the folder to the id, or change the key."
        problems.append(source.problem(Code.DEF_PLACE, ("id",), what, fix, got=definition.id))
    return problems
