"""JSON of other programs read into plain values, within limits and without surprises.

Refused are files that are too large, nested too deeply, name a key twice, hold numbers that JSON does not have, or
characters that no file can be written with.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

MAXIMUM_BYTES = 20_000_000
MAXIMUM_DEPTH = 60
"""FHIR nests items in items; no form needs more."""

Refuse = Callable[[str, str, int | None], NoReturn]
"""Raises the caller's error: what is wrong, the fix, and the line where it is known."""


def read_json(content: bytes, refuse: Refuse, *, maximum_bytes: int = MAXIMUM_BYTES) -> Any:
    """Read the bytes of a JSON file.

    Parameters
    ----------
    content : bytes
        UTF-8, with or without a mark.
    refuse : callable
        Called with what is wrong, a fix and a line; it must raise.
    maximum_bytes : int
        A larger file is refused.

    Returns
    -------
    object
        Mappings, lists, texts, numbers, true, false and None.
    """
    if len(content) > maximum_bytes:
        refuse(f"The file has {len(content):,} bytes; {maximum_bytes:,} are read at most.", "Split the file.", None)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        refuse("The file is not UTF-8.", "Save it again with the encoding UTF-8.", line)
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        refuse("The values are nested too deeply.", "Give a file of the kind that the format names.", None)
    except json.JSONDecodeError as error:
        refuse(f"The file is not JSON: {error.msg}.", "Look at this line and the one before it.", error.lineno)
    except ValueError as error:
        refuse(f"The file is not JSON that can be read: {error}.", "Export the file again.", None)
    _require_plain(value, refuse)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        message = f"the key '{twice[:60]}' is written twice"
        raise ValueError(message)
    return values


def _no_number(name: str) -> NoReturn:
    message = f"{name} is no number of JSON"
    raise ValueError(message)


def _require_plain(value: Any, refuse: Refuse) -> None:
    """Refuse values that are nested too deeply, and half characters, which no file can hold."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        part, depth = waiting.pop()
        if depth > MAXIMUM_DEPTH:
            refuse("The values are nested too deeply.", "Give a file of the kind that the format names.", None)
        if isinstance(part, dict):
            waiting += [(key, depth + 1) for key in part]
            waiting += [(inner, depth + 1) for inner in part.values()]
        elif isinstance(part, list):
            waiting += [(inner, depth + 1) for inner in part]
        elif isinstance(part, str) and any("\ud800" <= one <= "\udfff" for one in part):
            refuse("A text holds half a character.", "Export the file again.", None)
