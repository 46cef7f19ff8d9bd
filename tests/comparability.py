"""A questionnaire in versions and languages, and statements about them; for several kinds of tests."""

from __future__ import annotations

from typing import Any

from toolkit.instruments import Definition, Instrument, StatedComparability, Text

POINTS = {1: "No", 2: "Yes"}
ENTRY = {
    "from": "1.0.0",
    "to": "1.1.0",
    "scale": "MOOD",
    "language": "en",
    "comparability": "identical",
    "kind": "human",
    "evidence": "invariance.md",
    "date": "2026-01-10",
}
"""A statement as it stands in a file."""


def instrument(version: str, languages: tuple[str, ...], scales: dict[str, int], *, id_: str = "spec") -> Instrument:
    """An instrument whose scales have this many items; its words are the same in every version."""
    codes = {scale: [f"{scale}_{number}" for number in range(1, n + 1)] for scale, n in scales.items()}
    items = [code for each in codes.values() for code in each]
    definition = Definition.model_validate(
        {
            "format": 1,
            "id": id_,
            "version": version,
            "speaker": "respondents",
            "measurement": "reflective",
            "construct": "Comparing",
            "minutes": 1,
            "responses": [{"name": "two", "points": list(POINTS)}],
            "items": [{"code": code, "responses": "two", "intent": code} for code in items],
            "sections": [{"code": "ALL", "items": items}],
            "scales": [{"code": scale, "items": each, "minimum_answered": 1} for scale, each in codes.items()],
        }
    )
    texts = {
        language: Text.model_validate(
            {
                "instrument": id_,
                "version": version,
                "language": language,
                "title": "Comparing",
                "introduction": "Words.",
                "responses": {"two": POINTS},
                "sections": {"ALL": {"heading": "All"}},
                "items": {code: {"text": f"I am {code}.", "status": "draft"} for code in items},
                "scales": {scale: {"name": scale, "high": "Much."} for scale in scales},
            }
        )
        for language in languages
    }
    return Instrument(definition=definition, texts=texts, definition_hash="")


def stated(**changes: Any) -> StatedComparability:
    """A statement, with linking constants where it says ``linked``."""
    entry: dict[str, Any] = ENTRY | changes
    if entry["comparability"] == "linked":
        entry["linking"] = linking()
    return StatedComparability.model_validate(entry)


def linking(**changes: Any) -> dict[str, Any]:
    """Constants of a line between two versions of the scale MOOD."""
    return {
        "method": "mean-sigma",
        "slope": 1.02,
        "intercept": -3.5,
        "slope_se": 0.03,
        "intercept_se": 1.1,
        "anchors": ["MOOD_1", "MOOD_2", "MOOD_3"],
        "n_from": 240,
        "n_to": 260,
        "sample_sha256": "0" * 64,
    } | changes


VERSIONS = {
    "1.0.0": instrument("1.0.0", ("en", "nb"), {"MOOD": 4, "TIME": 2}),
    "1.1.0": instrument("1.1.0", ("en", "nb"), {"MOOD": 4, "TIME": 2}),
    "2.0.0": instrument("2.0.0", ("en", "nb", "nn"), {"MOOD": 5}),
    "other": instrument("1.0.0", ("en",), {"MOOD": 4}, id_="other"),
}
"""The questionnaire of ``tests/spec/comparability.md``, and another one."""
