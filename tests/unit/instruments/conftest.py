"""A small instrument in a catalog of its own, to be changed and broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from toolkit import instruments
from toolkit.instruments import Instrument

DEFINITION = """\
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
  - {name: times, points: [0, 1], missing: [dont_know]}
items:
  - {code: M1, responses: agreement, intent: calm}
  - {code: M2, responses: agreement, intent: tired}
  - {code: T1, responses: times, intent: on time}
sections:
  - {code: FIRST, items: [M1, M2]}
  - {code: SECOND, items: [T1]}
scales:
  - {code: MOOD, items: [M1, M2], reversed: [M2], minimum_answered: 1}
covariates:
  - {code: position, options: [nurse, doctor]}
"""
TEXT = """\
instrument: mood
version: "1.0.0"
language: en
title: Mood at work
introduction: Two minutes about your work.
responses:
  agreement: {1: Disagree, 2: Neither, 3: Agree}
  times: {0: "No", 1: "Yes"}
missing:
  not_relevant: Not relevant
  dont_know: Don't know
sections:
  FIRST: {heading: Mood}
  SECOND: {heading: Time}
items:
  M1: {status: draft, text: I am calm at work.}
  M2: {status: draft, text: I am tired at work.}
  T1: {status: draft, text: I come to work on time.}
scales:
  MOOD: {name: Mood, high: A good mood.}
covariates:
  position:
    text: What do you work as?
    options: {nurse: Nurse, doctor: Doctor}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalog folder that holds ``mood`` 1.0.0 in English."""
    folder = tmp_path / "catalog"
    write_version(folder)
    return folder


@pytest.fixture
def mood(catalog: Path) -> Instrument:
    return instruments.load(catalog / "mood" / "1.0.0")


@pytest.fixture
def raw() -> pd.DataFrame:
    """Answers of three respondents as text, as a file reader gives them."""
    columns = {
        "respondent": ["a", "b", "c"],
        "M1": ["1", "3", ""],
        "M2": ["3", "-7", "2"],
        "T1": ["0", "1", "-8"],
        "position": ["nurse", "", "doctor"],
        "unit": ["north", "south", ""],
    }
    return pd.DataFrame(columns, index=pd.Index([2, 3, 4], name="row"), dtype="str")


@pytest.fixture
def add_version() -> Callable[..., Path]:
    return write_version


def write_version(catalog: Path, identifier: str = "mood", version: str = "1.0.0") -> Path:
    """Write one version of the small instrument and return its folder."""
    folder = catalog / identifier / version
    folder.mkdir(parents=True)
    for name, content in (("definition.yaml", DEFINITION), ("text.en.yaml", TEXT)):
        changed = content.replace("id: mood", f"id: {identifier}").replace(
            "instrument: mood", f"instrument: {identifier}"
        )
        (folder / name).write_text(changed.replace("1.0.0", version), encoding="utf-8")
    return folder
