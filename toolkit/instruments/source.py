"""YAML files read into plain values that remember their lines.

Only what an instrument file needs is accepted: mappings, lists and scalars of the YAML 1.2 core schema. Anchors,
aliases, tags and several documents in one file are refused, and so are duplicate keys. Nothing is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolkit.errors import Code, Problem

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

Key = str | int | float | bool | None
Path = tuple[Any, ...]

MAXIMUM_BYTES = 500_000
MAXIMUM_DEPTH = 12

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?)([eE][-+]?[0-9]{1,2})?\Z")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the values of one file stand; a source without a file belongs to values made in memory.

    Attributes
    ----------
    file : str or None
        The file as messages name it.
    data : object
        The plain values.
    lines : mapping of path to line number
        A path is a tuple of keys and list positions.
    unquoted : set of path
        Scalars written without quotes.
    """

    file: str | None = None
    data: Any = None
    lines: Mapping[Path, int] = field(default_factory=dict)
    unquoted: frozenset[Path] = frozenset()

    def line(self, path: Path) -> int | None:
        """Line of a path, or of the nearest value around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def key(self, path: Path) -> str | None:
        """Write a path as a person reads it: list entries by their code or name, else by their number."""
        written, value = "", self.data
        for step in path:
            is_position = isinstance(value, list) and isinstance(step, int)
            value = _child(value, step)
            if is_position:
                named = value if isinstance(value, dict) else {}
                written += f"[{named.get('name', named.get('code', f'number {step + 1}'))}]"
            else:
                written += f".{step}" if written else str(step)
        return written or None

    def problem(
        self,
        code: Code,
        path: Path,
        what: str,
        fix: str,
        *,
        got: str | None = None,
        allowed: str | None = None,
        item: str | None = None,
    ) -> Problem:
        """Return a problem at a path of this file."""
        return Problem(
            code=code,
            what=what,
            fix=fix,
            file=self.file,
            line=self.line(path),
            key=self.key(path),
            got=got,
            allowed=allowed,
            item=item,
        )


def read_source(content: bytes, file: str) -> tuple[Source | None, list[Problem]]:
    """Read one YAML file.

    Parameters
    ----------
    content : bytes
        The file's bytes.
    file : str
        The file as messages name it.

    Returns
    -------
    Source or None
        None when the file cannot be read as YAML at all.
    list of Problem
        ``DEF_ENCODING``, ``DEF_YAML`` or ``DEF_DUPLICATE_KEY``.
    """
    here = Source(file)
    if len(content) > MAXIMUM_BYTES:
        what = "The file is too large for an instrument file."
        fix = "Split the questionnaire into several instruments."
        return None, [_problem(here, Code.DEF_YAML, what, fix, got=f"{len(content):,} bytes")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        what, fix = "The file is not UTF-8.", "Save the file again with the encoding UTF-8."
        return None, [_problem(here, Code.DEF_ENCODING, what, fix, line=line, got=f"byte 0x{content[error.start]:02x}")]
    reader = _Reader(here)
    try:
        for event in _events(text, here):
            reader.take(event)
    except _RefusedError as refused:
        return None, [*reader.problems, refused.problem]
    if not isinstance(reader.root, dict):
        what, fix = "The file does not hold a mapping.", "Write 'key: value' lines at the left margin."
        return None, [*reader.problems, _problem(here, Code.DEF_YAML, what, fix, line=1)]
    return Source(file, reader.root, reader.lines, frozenset(reader.unquoted)), reader.problems


def _events(text: str, here: Source) -> Iterator[Event]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        line = None if mark is None else mark.line + 1
        message = f"The file is not YAML: {what}."
        fix = "Look at this line and the one before it: indentation, quotes, colons and brackets."
        raise _RefusedError(_problem(here, Code.DEF_YAML, message, fix, line=line)) from None
    except (ValueError, OverflowError):
        # The scanner of ruamel.yaml lets escapes beyond Unicode and endless version numbers through as these.
        message, fix = "The file is not YAML.", "Look for escapes such as \\U and for lines that start with %."
        raise _RefusedError(_problem(here, Code.DEF_YAML, message, fix)) from None


class _RefusedError(Exception):
    """The file cannot be read further."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        Exception.__init__(self, problem.what)


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been met."""

    value: dict[Key, Any] | list[Any]
    path: Path
    key: Key = None
    has_key: bool = False


class _Reader:
    """Builds plain values from YAML events without recursion."""

    def __init__(self, here: Source) -> None:
        self.here = here
        self.root: Any = None
        self.lines: dict[Path, int] = {}
        self.unquoted: set[Path] = set()
        self.problems: list[Problem] = []
        self._stack: list[_Open] = []
        self._documents = 0

    def take(self, event: Event) -> None:
        """Take the next event."""
        from ruamel.yaml import events

        line = event.start_mark.line + 1
        if isinstance(event, events.AliasEvent) or getattr(event, "anchor", None):
            self._refuse("Anchors (&) and aliases (*) are not used in instrument files.", "Write the value out.", line)
        if getattr(event, "tag", None) is not None:
            self._refuse("Tags (!) are not used in instrument files.", "Remove the tag.", line)
        if isinstance(event, events.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse("The file holds more than one document.", "Remove the line '---'.", line)
        elif isinstance(event, events.ScalarEvent):
            plain = event.style is None or event.style == ""
            self._add(_plain(event.value) if plain else event.value, line, plain=plain)
        elif isinstance(event, events.MappingStartEvent | events.SequenceStartEvent):
            self._open({} if isinstance(event, events.MappingStartEvent) else [], line)
        elif isinstance(event, events.MappingEndEvent | events.SequenceEndEvent):
            self._stack.pop()

    def _open(self, value: dict[Key, Any] | list[Any], line: int) -> None:
        if len(self._stack) >= MAXIMUM_DEPTH:
            self._refuse("The values are nested too deeply.", "Compare with a shipped instrument.", line)
        if self._stack and isinstance(self._stack[-1].value, dict) and not self._stack[-1].has_key:
            self._refuse("A key is a list or a mapping.", "Use a word or a number as the key.", line)
        self._stack.append(_Open(value, self._add(value, line, plain=False)))

    def _add(self, value: Any, line: int, *, plain: bool) -> Path:
        path: Path = ()
        if not self._stack:
            self.root = value
        else:
            parent = self._stack[-1]
            if isinstance(parent.value, list):
                path = (*parent.path, len(parent.value))
                parent.value.append(value)
            elif not parent.has_key:
                self._start_pair(parent, value, line)
                return parent.path
            else:
                path = (*parent.path, parent.key)
                parent.has_key = False
                parent.value[parent.key] = value
        self.lines.setdefault(path, line)
        if plain:
            self.unquoted.add(path)
        return path

    def _start_pair(self, parent: _Open, key: Key, line: int) -> None:
        parent.key, parent.has_key = key, True
        path = (*parent.path, key)
        if isinstance(parent.value, dict) and key in parent.value:
            what = f"The key '{key}' is written twice; it was first written in line {self.lines[path]}."
            self.problems.append(
                Problem(
                    code=Code.DEF_DUPLICATE_KEY,
                    what=what,
                    fix="Remove one of the two, or rename it.",
                    file=self.here.file,
                    line=line,
                    key=".".join(str(step) for step in path),
                )
            )
        self.lines.setdefault(path, line)

    def _refuse(self, what: str, fix: str, line: int) -> None:
        raise _RefusedError(_problem(self.here, Code.DEF_YAML, what, fix, line=line))


def _plain(text: str) -> Key:
    """Resolve an unquoted scalar as the YAML 1.2 core schema does; ``no`` and ``1.0.0`` are words."""
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text.lower() in {"true", "false"} and (text.islower() or text.istitle() or text.isupper()):
        return text.lower() == "true"
    if _INTEGER.match(text):
        return int(text)
    if _NUMBER.match(text):
        return float(text)
    return text


def _child(value: Any, step: Any) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _problem(
    here: Source, code: Code, what: str, fix: str, *, line: int | None = None, got: str | None = None
) -> Problem:
    return Problem(code=code, what=what, fix=fix, file=here.file, line=line, got=got)
