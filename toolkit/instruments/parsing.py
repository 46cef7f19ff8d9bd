"""YAML files parsed into models; what does not fit is told with its line, and nothing is raised for it."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from toolkit.errors import Code, Problem
from toolkit.instruments.source import Source, read_source

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

PATTERNS_IN_WORDS = {
    r"^[a-z][a-z0-9-]{1,39}$": "2 to 40 small letters, digits and hyphens, a letter first",
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$": 'three numbers in quotes, as in "1.0.0"',
    r"^[A-Za-z][A-Za-z0-9_]{0,31}$": "up to 32 letters, digits and underscores, a letter first",
    r"^[a-z][a-z0-9_]{0,31}$": "up to 32 small letters, digits and underscores, a letter first",
    r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$": "a language code, as in en, nb or pt-BR",
    r"^\S(?s:.*\S)?$": "words without a space at either end",
    r"^\d+/\d+$": 'a fraction in quotes, as in "1/3"',
    r"^[0-9a-f]{64}$": "a SHA-256: 64 digits and letters a to f",
    r"^(\.\./)*[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$": "a path with slashes",
}
"""What the patterns of the models mean, for messages."""


def parse(content: bytes, file: str, model: type[Model]) -> tuple[Model | None, Source, list[Problem]]:
    """Read one YAML file as a model.

    Parameters
    ----------
    content : bytes
        The file's bytes.
    file : str
        The file as messages name it.
    model : type of BaseModel
        What the file holds.

    Returns
    -------
    BaseModel or None
        None when the file does not fit.
    Source
        Where the values stand.
    list of Problem
        Every problem found.
    """
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


@cache
def known_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """Every key that may be written somewhere in a file of this model, for suggestions."""
    schema = model.model_json_schema(by_alias=True)
    parts = [schema, *schema.get("$defs", {}).values()]
    return tuple(sorted({key for part in parts for key in part.get("properties", {})}))
