"""Instrument folders read, checked and turned into an :class:`~toolkit.instruments.instrument.Instrument`.

Every problem of the definition and of all its texts is collected before anything is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.definition import Definition
from toolkit.instruments.instrument import Instrument
from toolkit.instruments.lint import lint
from toolkit.instruments.schema import PATTERNS_IN_WORDS, known_keys
from toolkit.instruments.source import Source, read_source
from toolkit.instruments.text import Text

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

DEFINITION_FILE = "definition.yaml"
TEXT_FILES = "text.*.yaml"

Model = TypeVar("Model", Definition, Text)


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
        definition, definition_source, found = _read_model(content, str(definition_file), Definition)
        problems += found
    texts: dict[str, tuple[Text, Source]] = {}
    unread: set[str] = set()
    for file in text_files:
        text, source, found = _read_model(file.read_bytes(), str(file), Text)
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


def _read_model(content: bytes, file: str, model: type[Model]) -> tuple[Model | None, Source, list[Problem]]:
    read, problems = read_source(content, file)
    if read is None:
        return None, Source(file), problems
    source: Source = read
    version: tuple[str] = ("version",)
    is_unquoted = version in source.unquoted
    if is_unquoted:
        got = str(source.data["version"])
        what = "The version is written without quotes; YAML may read it as a number (1.10 becomes 1.1)."
        fix = f'Put it in quotes, as in version: "{got}".'
        problems.append(source.problem(Code.DEF_UNQUOTED_VERSION, version, what, fix, got=got))
    try:
        return model.model_validate(source.data), source, problems
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            if not (is_unquoted and detail["loc"] == version):
                problems.append(_told(detail, source, model))
        return None, source, problems


def _told(detail: ErrorDetails, source: Source, model: type[BaseModel]) -> Problem:
    """Turn one finding of pydantic into a problem with a line."""
    path = tuple(step for step in detail["loc"] if step != "[key]")
    last = str(path[-1]) if path else ""
    if detail["type"] == "missing":
        fix = f"Add '{last}:' here."
        return source.problem(Code.DEF_MISSING_KEY, path, f"The key '{last}' is missing.", fix)
    if detail["type"] == "extra_forbidden":
        near = get_close_matches(last, known_keys(model), n=1)
        fix = f"Did you mean '{near[0]}'?" if near else "Remove it, or compare with a shipped instrument."
        return source.problem(Code.DEF_UNKNOWN_KEY, path, f"The key '{last}' is not known here.", fix)
    allowed = PATTERNS_IN_WORDS.get(str(detail.get("ctx", {}).get("pattern", "")))
    what = "The value has the wrong form." if allowed else f"{detail['msg'].rstrip('.')}."
    got = repr(detail["input"])
    fix = "Change the value to an allowed one." if allowed else "Change the value; compare with a shipped instrument."
    return source.problem(
        Code.DEF_VALUE, path, what, fix, got=got if len(got) <= 80 else f"{got[:77]}...", allowed=allowed
    )
