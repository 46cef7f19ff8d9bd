"""The addresses and extensions that FHIR files of the toolkit use, and how they are read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from toolkit.instruments.exchange.fhir_rules import Release

HL7 = "http://hl7.org/fhir/StructureDefinition"
TRANSLATION = f"{HL7}/translation"
ITEM_CONTROL = f"{HL7}/questionnaire-itemControl"
ITEM_CONTROL_CODES = "http://hl7.org/fhir/questionnaire-item-control"
WEIGHTS = {
    "R4": f"{HL7}/ordinalValue",
    "R5": f"{HL7}/itemWeight",
}
"""What an answer counts: one extension that was renamed after R4."""

LARGEST_WEIGHT = 1_000_000

OWN = "eot-"
"""The toolkit's own extensions stand at ``<base>/StructureDefinition/eot-<name>``."""
DEFINITION_HASH = "definition-sha256"
SPEAKER = "speaker"
MEASUREMENT = "measurement"
MINUTES = "minutes"
INTENT = "intent"
MISSING_ANSWER = "missing-answer"
STRUCTURAL = "structural-missing-answer"
BACKGROUND = "background-questions"
SERVICE, UNIT, WAVE = "service", "unit", "wave"

Json = dict[str, Any]


def questionnaire_url(url_base: str, identifier: str) -> str:
    """Return the canonical address of a questionnaire, without its version."""
    return f"{url_base.rstrip('/')}/Questionnaire/{identifier}"


def answers_system(url_base: str, identifier: str, responses: str) -> str:
    """Return the code system of a response set."""
    return f"{url_base.rstrip('/')}/CodeSystem/{identifier}-answers-{responses}"


def background_system(url_base: str, identifier: str, covariate: str) -> str:
    """Return the code system of a background question's options."""
    return f"{url_base.rstrip('/')}/CodeSystem/{identifier}-background-{covariate}"


def own_extension(url_base: str, name: str, **value: Any) -> Json:
    """Return one of the toolkit's own extensions, such as ``own_extension(base, "minutes", valueInteger=6)``."""
    return {"url": f"{url_base.rstrip('/')}/StructureDefinition/{OWN}{name}", **value}


def own_value(element: Mapping[str, Any], name: str) -> Any:
    """Return the value of one of the toolkit's own extensions, whatever address it begins with; None without it."""
    return value_of(element, lambda url: url.endswith(f"/StructureDefinition/{OWN}{name}"))


def weight_of(element: Mapping[str, Any]) -> float | None:
    """Return what an answer counts, in either release's extension; None where it says nothing."""
    found = value_of(element, lambda url: url in WEIGHTS.values() or url == f"{HL7}/questionnaire-ordinalValue")
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if is_number and abs(found) <= LARGEST_WEIGHT else None


def value_of(element: Mapping[str, Any], is_wanted: Any) -> Any:
    """Return the value of the first extension whose address is wanted."""
    for extension in extensions_of(element):
        url = extension.get("url")
        if isinstance(url, str) and is_wanted(url):
            for key, value in extension.items():
                if key.startswith("value"):
                    return value
    return None


def extensions_of(element: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the extensions of an element that are objects."""
    found = element.get("extension")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def weight(release: Release, value: int) -> Json:
    """Return the extension that says what an answer counts."""
    return {"url": WEIGHTS[release], "valueDecimal": value}


def worded(key: str, words: Mapping[str, str]) -> Json:
    """Return a text with its translations beside it.

    Parameters
    ----------
    key : str
        Name of the element.
    words : mapping of str to str
        By language, the main one first.
    """
    main, *others = words
    told: Json = {key: words[main]}
    if others:
        told[f"_{key}"] = {"extension": [_translation(language, words[language]) for language in others]}
    return told


def words_of(element: Mapping[str, Any], key: str) -> tuple[str | None, dict[str, str]]:
    """Return the text of an element, and its translations by the language as the file writes it."""
    text = element.get(key)
    beside = element.get(f"_{key}")
    translations: dict[str, str] = {}
    for extension in extensions_of(beside) if isinstance(beside, Mapping) else ():
        if extension.get("url") == TRANSLATION:
            parts = {part.get("url"): part for part in extensions_of(extension)}
            language = _first(parts.get("lang", {}), ("valueCode", "valueString"))
            content = _first(parts.get("content", {}), ("valueString", "valueMarkdown"))
            if language and content:
                translations.setdefault(language, content)
    return (text if isinstance(text, str) and text.strip() else None), translations


def _translation(language: str, content: str) -> Json:
    parts = [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": content}]
    return {"url": TRANSLATION, "extension": parts}


def _first(element: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    for key in keys:
        value = element.get(key)
        if isinstance(value, str) and value.strip():
            return value
    return None
