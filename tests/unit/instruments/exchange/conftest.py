"""The small instrument of the folder above, with all that a text may hold; and its golden files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolkit import instruments
from toolkit.instruments import Instrument

GOLDEN = Path(__file__).parent / "golden"

FULL = """\
format: 1
id: mood
version: "1.0.0"
speaker: respondents
measurement: reflective
construct: Mood at work
minutes: 2
missing:
  - {name: not_relevant, code: -7, structural: true}
  - {name: dont_know, code: -8}
responses:
  - {name: agreement, points: [1, 2, 3], missing: [not_relevant, dont_know]}
items:
  - {code: M1, responses: agreement, intent: calm}
  - {code: M2, responses: agreement, intent: tired}
sections:
  - {code: FIRST, items: [M1, M2]}
scales:
  - {code: MOOD, items: [M1, M2], reversed: [M2], minimum_answered: 1}
"""
FULL_EN = """\
instrument: mood
version: "1.0.0"
language: en
title: Mood at work
introduction: Two minutes about your work.
responses:
  agreement: {1: Disagree, 2: Neither, 3: Agree}
missing:
  not_relevant: Not relevant
  dont_know: Don't know
sections:
  FIRST: {heading: Mood, introduction: Think of the last week.}
items:
  M1: {status: debriefed, text: I am calm at work., help: Calm means without worry.}
  M2: {status: draft, text: I am tired at work.}
scales:
  MOOD: {name: Mood, high: A good mood.}
"""
FULL_NB = """\
instrument: mood
version: "1.0.0"
language: nb
title: Humør på jobb
introduction: To minutter om arbeidet ditt.
responses:
  agreement: {1: Uenig, 2: Verken eller, 3: Enig}
missing:
  not_relevant: Ikke relevant
  dont_know: Vet ikke
sections:
  FIRST: {heading: Humør, introduction: Tenk på den siste uka.}
items:
  M1: {status: draft, text: Jeg er rolig på jobb., help: Rolig betyr uten uro.}
  M2: {status: draft, text: Jeg er trøtt på jobb.}
scales:
  MOOD: {name: Humør, high: Godt humør.}
"""
SMALL = """\
format: 1
id: mood
version: "1.0.0"
speaker: respondents
measurement: reflective
construct: Mood at work
minutes: 2
responses:
  - {name: times, points: [0, 1]}
  - {name: unused, points: [1, 2]}
items:
  - {code: M1, responses: times, intent: calm}
sections:
  - {code: FIRST, items: [M1]}
missing:
  - {name: unused_too, code: -8}
covariates:
  - {code: position, options: [nurse, doctor]}
"""
SMALL_EN = """\
instrument: mood
version: "1.0.0"
language: en
title: Mood at work
introduction: Two minutes about your work.
responses:
  times: {0: "No", 1: "Yes"}
  unused: {1: Little, 2: Much}
missing: {unused_too: Don't know}
sections:
  FIRST: {heading: Mood}
items:
  M1: {status: draft, text: I am calm at work.}
covariates:
  position:
    text: What do you work as?
    options: {nurse: Nurse, doctor: Doctor}
"""


def write(folder: Path, definition: str, **texts: str) -> Instrument:
    place = folder / "mood" / "1.0.0"
    place.mkdir(parents=True)
    (place / "definition.yaml").write_text(definition, encoding="utf-8")
    for language, text in texts.items():
        (place / f"text.{language}.yaml").write_text(text, encoding="utf-8")
    return instruments.load(place)


@pytest.fixture
def full(tmp_path: Path) -> Instrument:
    """Two languages, help, an introduction, a reversed item and missing codes."""
    return write(tmp_path / "full", FULL, en=FULL_EN, nb=FULL_NB)


@pytest.fixture
def small(tmp_path: Path) -> Instrument:
    """One language, a background question, and answers that no item uses."""
    return write(tmp_path / "small", SMALL, en=SMALL_EN)


@pytest.fixture
def golden() -> Callable[[str], Any]:
    """Read a golden file of JSON, which was written by hand."""
    return lambda name: json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@pytest.fixture
def golden_folder() -> Path:
    return GOLDEN
