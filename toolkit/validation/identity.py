"""What a validation depends on, as hashes: the same answers, plan and versions have the same key."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING

import pandas as pd

import toolkit
from toolkit.validation.run import LIBRARIES

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.validation.plan import ValidationPlan
    from toolkit.validation.run import InputFile


def answers_sha256(frame: pd.DataFrame) -> str:
    """SHA-256 of a response frame in hexadecimal: its columns, respondents and answers."""
    content = json.dumps([list(map(str, frame.columns)), frame.to_csv(lineterminator="\n")])
    return hashlib.sha256(content.encode()).hexdigest()


def validation_key(
    instrument: Instrument,
    frame: pd.DataFrame,
    plan: ValidationPlan,
    *,
    source: InputFile | None,
    language: str,
    smallest_group: int,
) -> str:
    """SHA-256 in hexadecimal of everything that the report of a validation depends on.

    Parameters
    ----------
    instrument : Instrument
        What was answered; its definition and its texts count.
    frame : DataFrame
        The response frame.
    plan : ValidationPlan
        The decisions.
    source : InputFile or None
        The name and hash that the report shows.
    language : str
        Language of the item texts.
    smallest_group : int
        Persons that every figure must rest on.
    """
    parts = {
        "instrument": instrument.name,
        "definition": instrument.definition_hash,
        "texts": {name: text.model_dump_json() for name, text in instrument.texts.items()},
        "answers": answers_sha256(frame),
        "source": None if source is None else [source.name, source.sha256],
        "plan": plan.to_dict(),
        "language": language,
        "smallest_group": smallest_group,
        "versions": {"toolkit": toolkit.__version__, **{library: version(library) for library in LIBRARIES}},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
