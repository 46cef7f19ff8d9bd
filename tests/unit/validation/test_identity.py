"""The key of a validation changes with everything that its report depends on, and with nothing else."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import toolkit
from toolkit import instruments
from toolkit.instruments import Instrument
from toolkit.validation import InputFile, ValidationPlan
from toolkit.validation.identity import answers_sha256, validation_key

EOMHS = instruments.load("eomhs@1.0.0")
FRAME = pd.DataFrame({item: [1.0, 2.0, None] for item in EOMHS.item_codes}, index=["a", "b", "c"])
SOURCE = InputFile(name="answers.csv", sha256="0" * 64)


def key(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "instrument": EOMHS,
        "frame": FRAME,
        "plan": ValidationPlan(),
        "source": SOURCE,
        "language": "en",
        "smallest_group": 0,
    } | changes
    return validation_key(arguments.pop("instrument"), arguments.pop("frame"), arguments.pop("plan"), **arguments)


def test_the_same_has_the_same_key() -> None:
    assert key() == key(
        frame=FRAME.copy(), plan=ValidationPlan(), source=InputFile(name="answers.csv", sha256="0" * 64)
    )
    assert len(key()) == 64


def reworded() -> Instrument:
    text = EOMHS.texts["en"]
    changed = text.model_copy(update={"title": "Another title"})
    return Instrument(
        definition=EOMHS.definition, texts={**EOMHS.texts, "en": changed}, definition_hash=EOMHS.definition_hash
    )


def redefined() -> Instrument:
    return Instrument(definition=EOMHS.definition, texts=EOMHS.texts, definition_hash="1" * 64)


@pytest.mark.parametrize(
    "change",
    [
        {"instrument": reworded()},
        {"instrument": redefined()},
        {"frame": FRAME.replace({"HB1": {2.0: 3.0}})},
        {"frame": FRAME.rename(index={"a": "z"})},
        {"frame": FRAME.assign(wave="synthetic")},
        {"plan": ValidationPlan(seed=1)},
        {"plan": ValidationPlan(level=0.9)},
        {"source": None},
        {"source": InputFile(name="other.csv", sha256="0" * 64)},
        {"language": "nb"},
        {"smallest_group": 10},
    ],
    ids=[
        "texts",
        "definition",
        "answer",
        "respondent",
        "column",
        "seed",
        "level",
        "no file",
        "file",
        "language",
        "group",
    ],
)
def test_another_input_has_another_key(change: dict[str, Any]) -> None:
    assert key(**change) != key()


def test_another_version_of_the_toolkit_has_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setattr(toolkit, "__version__", "99.0.0")
    assert key() != before


def test_answers_are_told_apart_by_their_columns_and_cells() -> None:
    assert answers_sha256(FRAME) == answers_sha256(FRAME.copy())
    assert answers_sha256(FRAME) != answers_sha256(FRAME.rename(columns={"HB1": "HB9"}))
    assert answers_sha256(FRAME) != answers_sha256(FRAME.iloc[::-1])
