"""Words and numbers in the reader's language: YAML files of one folder, a file a language, the same keys in each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from babel import Locale
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent
from ruamel.yaml import YAML

FOLDER = Path(__file__).parent / "text"
FALLBACK = "en"
RELATIVES = {"nn": "nb", "no": "nb", "da": "nb", "sv": "nb"}
"""Languages whose readers understand another one better than the fallback."""
ABSENT = "\N{EN DASH}"


@cache
def languages_of(folder: Path) -> tuple[str, ...]:
    """Return the languages that a folder of words has."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


@cache
def read_words(folder: Path, language: str) -> dict[str, str]:
    """Return a folder's words in a language, or in the nearest one that it has."""
    path = folder / f"{best_language([language], languages_of(folder), FALLBACK)}.yaml"
    return {str(key): str(text) for key, text in YAML(typ="safe").load(path).items()}


def report_words(language: str) -> dict[str, str]:
    """Return the words that charts, tables and sentences about services use."""
    return read_words(FOLDER, language)


def best_language(wanted: Iterable[str], offered: Iterable[str], otherwise: str) -> str:
    """Return the first wanted language that is offered, by itself, its base language or a close relative.

    Examples
    --------
    >>> best_language(["nn-NO", "en"], ["en", "nb"], "en")
    'nb'
    """
    available = tuple(offered)
    for language in wanted:
        base = language.split("-")[0].lower()
        for candidate in (language, base, RELATIVES.get(base, "")):
            if candidate in available:
                return candidate
    return otherwise


def number(value: float, language: str, decimals: int = 0) -> str:
    """Write a number as a language does; a dash for one that is absent.

    Examples
    --------
    >>> number(-12.34, "nb", 1), number(float("nan"), "nb")
    ('−12,3', '–')
    """
    if math.isnan(value):
        return ABSENT
    rounded = round(value, decimals) or 0.0
    pattern = f"#,##0.{'0' * decimals}" if decimals else "#,##0"
    return format_decimal(rounded, pattern, _locale(language)).replace("-", "\N{MINUS SIGN}")


def as_rounded(value: float, language: str) -> str:
    """Write a number that was rounded to a whole or to one decimal with just the decimals that it has.

    Examples
    --------
    >>> as_rounded(58.0, "en"), as_rounded(58.3, "nb")
    ('58', '58,3')
    """
    return number(value, language, 0 if value == round(value) else 1) if not math.isnan(value) else ABSENT


def percent(share: float, language: str) -> str:
    """Write a share as a whole percentage as a language does; a dash for one that is absent."""
    return ABSENT if math.isnan(share) else format_percent(share, locale=_locale(language))


def listed(parts: Sequence[str], language: str) -> str:
    """Join parts as a language lists them.

    Examples
    --------
    >>> listed(["work", "health", "home"], "nb")
    'work, health og home'
    """
    return format_list(list(parts), locale=_locale(language))


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")
