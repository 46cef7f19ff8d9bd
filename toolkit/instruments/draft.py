"""A first definition and text drafted from a file of answers, for a person to complete."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from toolkit.errors import Code, DefinitionError, Problem, ResponsesError
from toolkit.instruments.definition import Identifier, Language
from toolkit.instruments.lint import RESERVED_COLUMNS
from toolkit.instruments.parsing import PATTERNS_IN_WORDS
from toolkit.instruments.schema import write_schemas

if TYPE_CHECKING:
    import pandas as pd

MAXIMUM_POINTS = 11
ITEMS_A_PAGE = 8
VERSION = "0.1.0"
FILL_IN = (
    "items: the words of each item and what it is meant to find out",
    "responses: what each point says",
    "scales: their names, and the items that are reverse-keyed (this cannot be seen in the answers)",
    "title, introduction, construct, minutes, measurement and speaker",
)
"""What a draft cannot know, told after drafting."""

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}\Z")
_INTEGER = re.compile(r"[-+]?\d{1,9}(\.0+)?\Z", re.ASCII)
_STEM = re.compile(r"(?P<stem>.*?[A-Za-z])_?\d{1,4}\Z", re.ASCII)
_MISSING_CODES = (77, 88, 97, 98, 99, 777, 888, 999)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A drafted instrument.

    Attributes
    ----------
    id, version : str
        As the folders will be named.
    definition : str
        The content of ``definition.yaml``.
    text : str
        The content of ``text.<language>.yaml``.
    language : str
        The language of the text.
    items : tuple of str
        Columns that became items.
    left_out : dict of str
        Why each other column did not.
    fill_in : tuple of str
        What a person must write or check.
    """

    id: str
    version: str
    definition: str
    text: str
    language: str
    items: tuple[str, ...]
    left_out: Mapping[str, str]
    fill_in: tuple[str, ...] = FILL_IN

    def write(self, directory: Path) -> list[Path]:
        """Write ``<id>/<version>/`` and the JSON Schemas into a catalog folder; refuses to overwrite.

        Parameters
        ----------
        directory : Path
            The catalog folder; it is made when it does not exist.

        Raises
        ------
        DefinitionError
            ``DEF_EXISTS`` when the version folder exists.
        """
        contents = {"definition.yaml": self.definition, f"text.{self.language}.yaml": self.text}
        return write_version(directory, self.id, self.version, contents)


def write_version(directory: Path, identifier: str, version: str, contents: Mapping[str, str]) -> list[Path]:
    """Write ``<id>/<version>/`` as a whole and the JSON Schemas into a catalog folder; refuses to overwrite.

    Parameters
    ----------
    directory : Path
        The catalog folder; it is made when it does not exist.
    identifier, version : str
        As the folders are named.
    contents : mapping of str to str
        The files of the version by name.

    Raises
    ------
    DefinitionError
        ``DEF_EXISTS`` when the version folder exists.
    """
    folder = directory / identifier / version
    if folder.exists():
        what, fix = "The folder exists already.", "Choose another id or --out folder, or remove the old draft."
        raise DefinitionError(Problem(code=Code.DEF_EXISTS, what=what, fix=fix, file=str(folder)))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=directory, prefix=".draft-") as unfinished:
        made = Path(unfinished) / version
        made.mkdir()
        for name, content in contents.items():
            (made / name).write_text(content, encoding="utf-8", newline="\n")
        made.rename(folder)
    return [*(folder / name for name in contents), *write_schemas(directory / "schema")]


@dataclass(slots=True)
class _Found:
    """Integer codes of one column."""

    points: set[int]
    missing: set[int] = field(default_factory=set)


def draft_from_frame(
    raw: pd.DataFrame,
    *,
    id: str,  # noqa: A002  the key is called so in definition.yaml
    language: str = "en",
    columns: Sequence[str] | None = None,
) -> Draft:
    """Draft a definition and a text from answers.

    Parameters
    ----------
    raw : DataFrame of str
        Cells as written, as ``read_csv`` returns them.
    id : str
        Identifier of the new instrument.
    language : str
        Language of the text to write.
    columns : sequence of str, optional
        The columns that are items. By default those whose names end in a number and that hold few integer codes;
        where no name ends in a number, every column with few integer codes.

    Returns
    -------
    Draft
        Files that load and lint, with the item codes as placeholders for their words, and what is left to write.

    Raises
    ------
    DefinitionError
        ``DEF_VALUE`` for an id or language that is written in the wrong form.
    ResponsesError
        ``RSP_NO_SUCH_COLUMN`` for a named column that is not there; ``RSP_NOTHING_TO_DRAFT`` when no column looks like
        an item.

    Notes
    -----
    Columns that share the letters before the number become one scale, and have the range of all their answers in
    common. Negative codes and 77, 88, 97 to 99 and their three-digit forms become missing codes when they lie outside
    the points. Points start at 1, or at 0 where 0 was seen, and have no gaps.
    """
    _check_names(id, language)
    names = [str(name) for name in raw.columns]
    for name in columns or ():
        if name not in names:
            what, fix = f"There is no column '{name}'.", "Name columns of the file."
            raise ResponsesError(Problem(code=Code.RSP_NO_SUCH_COLUMN, what=what, fix=fix, column=name))
    found, left_out = _items(raw, columns)
    groups: dict[str, list[str]] = defaultdict(list)
    spelled: dict[str, str] = {}
    for name in found:
        match = _STEM.match(name)
        stem = match["stem"][:24] if match else "ALL"
        groups[spelled.setdefault(stem.casefold(), stem)].append(name)
    for name, items in list(groups.items()):
        lowest, highest = _range(found[item].points for item in items)
        if lowest == highest:
            left_out.update(dict.fromkeys(items, "it holds one value only"))
            del groups[name]
    if not groups:
        what = "No column holds a few integer codes, as answers to items do."
        fix = "Name the columns with --columns, or write definition.yaml by hand."
        raise ResponsesError(Problem(code=Code.RSP_NOTHING_TO_DRAFT, what=what, fix=fix))
    return _written(id, language, groups, found, left_out)


def _items(raw: pd.DataFrame, columns: Sequence[str] | None) -> tuple[dict[str, _Found], dict[str, str]]:
    """Return the columns that look like items, and the reason why each other one does not."""
    left_out: dict[str, str] = {}
    found: dict[str, _Found] = {}
    for place, name in enumerate(str(name) for name in raw.columns):
        reason, codes = _codes(name, raw.iloc[:, place], columns)
        if codes is None:
            left_out[name] = reason
        elif name.casefold() in {other.casefold() for other in found}:
            left_out[name] = "another column has the same name, but for capital letters"
        else:
            found[name] = codes
    numbered = [name for name in found if _STEM.match(name)]
    if columns is None and numbered:
        for name in [name for name in found if name not in numbered]:
            left_out[name] = "its name does not end in a number, as the items' names do"
            del found[name]
    return found, left_out


def _codes(name: str, cells: pd.Series[str], columns: Sequence[str] | None) -> tuple[str, _Found | None]:
    """Return the points and missing codes of a column, or the reason why it is no item."""
    if columns is not None and name not in columns:
        return "it was not named", None
    if not _CODE.match(name):
        return "its name cannot be an item code (letters, digits and _, a letter first)", None
    if name.casefold() in RESERVED_COLUMNS:
        return "it describes the response", None
    values = {str(cell).strip() for cell in cells.dropna().unique()} - {""}
    if not values:
        return "it is empty", None
    if not all(_INTEGER.match(value) for value in values):
        return "it holds something other than integers", None
    codes = {int(float(value)) for value in values}
    missing = {code for code in codes if code < 0}
    points = codes - missing
    far = {code for code in points if code in _MISSING_CODES}
    if points - far and min(far, default=0) > max(points - far) + 1:
        points, missing = points - far, missing | far
    if not points:
        return "it holds missing codes only", None
    if max(points) - min(points) + 1 > MAXIMUM_POINTS or max(points) > MAXIMUM_POINTS:
        return f"it holds more than {MAXIMUM_POINTS} different points", None
    return "", _Found(points, missing)


def _check_names(identifier: str, language: str) -> None:
    """Refuse an id or language that the models would refuse, before anything is written."""
    problems = []
    for key, value, kind in (("id", identifier, Identifier), ("language", language, Language)):
        try:
            TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            allowed = PATTERNS_IN_WORDS[error.errors()[0]["ctx"]["pattern"]]
            what, fix = f"The {key} has the wrong form.", "Change it to an allowed one."
            problems.append(Problem(code=Code.DEF_VALUE, what=what, fix=fix, key=key, got=value, allowed=allowed))
    if problems:
        raise DefinitionError(problems)


def _written(
    identifier: str,
    language: str,
    groups: Mapping[str, list[str]],
    found: Mapping[str, _Found],
    left_out: Mapping[str, str],
) -> Draft:
    """Write the two files."""
    ranges = {scale: _range(found[item].points for item in items) for scale, items in groups.items()}
    asked = [item for items in groups.values() for item in items]
    missing = sorted(set().union(*(found[item].missing for item in asked)), key=lambda code: (code >= 0, abs(code)))
    missing_names = {code: f"missing_{'minus_' if code < 0 else ''}{abs(code)}" for code in missing}
    sets = {limits: f"points_{limits[0]}_to_{limits[1]}" for limits in sorted(set(ranges.values()))}
    pages = {
        (scale if len(items) <= ITEMS_A_PAGE else f"{scale}_page{start // ITEMS_A_PAGE + 1}"): items[
            start : start + ITEMS_A_PAGE
        ]
        for scale, items in groups.items()
        for start in range(0, len(items), ITEMS_A_PAGE)
    }
    in_order = [item for items in pages.values() for item in items]
    scale_of = {item: scale for scale, items in groups.items() for item in items}
    offered = f", missing: [{', '.join(missing_names.values())}]" if missing else ""
    definition = [
        "# yaml-language-server: $schema=../../schema/definition.schema.json",
        f"# Drafted from a file of answers. Check every value; version {VERSION} says that it is a draft.",
        "format: 1",
        f"id: {identifier}",
        f'version: "{VERSION}"',
        f"original_language: {language}",
        "speaker: respondents",
        "measurement: reflective",
        f"construct: {_quoted(f'What {identifier} measures')}",
        f"minutes: {max(1, ceil(len(in_order) / 6))}",
        "",
        *(["missing:"] if missing else []),
        *(f"  - {{name: {name}, code: {code}}}" for code, name in missing_names.items()),
        *([""] if missing else []),
        "responses:",
        *(
            f"  - {{name: {name}, points: [{', '.join(str(point) for point in range(low, high + 1))}]{offered}}}"
            for (low, high), name in sets.items()
        ),
        "",
        "items:",
        *(
            f"  - {{code: {item}, responses: {sets[ranges[scale_of[item]]]}, intent: what {item} is meant to find out}}"
            for item in in_order
        ),
        "",
        "sections:",
        *(f"  - {{code: {page}, items: [{', '.join(items)}]}}" for page, items in pages.items()),
        "",
        "scales:",
        *(
            f"  - {{code: {scale}, items: [{', '.join(items)}], reversed: [], "
            f"minimum_answered: {ceil(len(items) * 0.8)}}}"
            for scale, items in groups.items()
        ),
    ]
    text = [
        "# yaml-language-server: $schema=../../schema/text.schema.json",
        "# Drafted from a file of answers. The words are placeholders; write your own.",
        f"instrument: {identifier}",
        f'version: "{VERSION}"',
        f"language: {language}",
        f"title: {_quoted(f'Questionnaire {identifier}')}",
        f"introduction: {_quoted(f'This questionnaire has {len(in_order)} questions.')}",
        "",
        "responses:",
    ]
    for (low, high), name in sets.items():
        text += [f"  {name}:", *(f"    {point}: {_quoted(str(point))}" for point in range(low, high + 1))]
    if missing:
        text += ["", "missing:", *(f"  {name}: {_quoted(f'Missing ({code})')}" for code, name in missing_names.items())]
    text += ["", "sections:", *(f"  {page}: {{heading: {_quoted(_heading(page))}}}" for page in pages)]
    text += ["", "items:", *(f"  {item}: {{status: draft, text: {_quoted(_heading(item))}}}" for item in in_order)]
    text += ["", "scales:"]
    text += [
        f"  {scale}: {{name: {_quoted(f'Scale {scale}')}, high: {_quoted('Higher answers.')}}}" for scale in groups
    ]
    return Draft(
        id=identifier,
        version=VERSION,
        definition="\n".join(definition) + "\n",
        text="\n".join(text) + "\n",
        language=language,
        items=tuple(in_order),
        left_out=left_out,
    )


def _range(columns: Iterable[set[int]]) -> tuple[int, int]:
    """Return the lowest and highest point of columns that are answered alike."""
    points: set[int] = set().union(*columns)
    return (0 if 0 in points else 1, max(points))


def _heading(code: str) -> str:
    """Write a code so that it holds no Markdown."""
    return code.replace("_", " ").strip()


def _quoted(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)
