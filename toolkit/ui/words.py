"""The app's own words in each language; the words of a questionnaire come with the questionnaire."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel import Locale

from toolkit.reporting.words import FALLBACK, best_language, languages_of, read_words

__all__ = ["FALLBACK", "app_languages", "best_language", "language_name", "words"]

FOLDER = Path(__file__).parent / "text"


def app_languages() -> tuple[str, ...]:
    """Return the languages the app itself speaks."""
    return languages_of(FOLDER)


def words(language: str) -> dict[str, str]:
    """Return the app's words in a language, or in the nearest one that it speaks."""
    return read_words(FOLDER, language)


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
