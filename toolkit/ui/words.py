"""The app's own words in each language; the words of a questionnaire come with the questionnaire."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from babel import Locale
from ruamel.yaml import YAML

FOLDER = Path(__file__).parent / "text"
FALLBACK = "en"
RELATIVES = {"nn": "nb", "no": "nb", "da": "nb", "sv": "nb"}
"""Languages whose readers understand another one better than the fallback."""


@cache
def app_languages() -> tuple[str, ...]:
    """Return the languages the app itself speaks."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def words(language: str) -> dict[str, str]:
    """Return the app's words in a language, or in the nearest one that it speaks."""
    path = FOLDER / f"{best_language([language], app_languages(), FALLBACK)}.yaml"
    return {str(key): str(text) for key, text in YAML(typ="safe").load(path).items()}


@cache
def language_name(language: str) -> str:
    """Return a language's own name for itself.

    Examples
    --------
    >>> language_name("nn")
    'Norsk nynorsk'
    """
    name = Locale.parse(language, sep="-").get_display_name() or language
    return name[0].upper() + name[1:]


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
