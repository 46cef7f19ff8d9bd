"""From what the validation page asks for to a job: the answers of a wave or a file, the plan, the key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pandas as pd

from toolkit.collection.analysis import item_answers
from toolkit.collection.ports import Wave
from toolkit.disclosure.thresholds import FLOOR_FOR_DISTRIBUTIONS
from toolkit.instruments.instrument import Instrument
from toolkit.reporting.validation_report import validation_work
from toolkit.storage.response_files import read_responses
from toolkit.validation.confirmation import check_model
from toolkit.validation.identity import answers_sha256, validation_key
from toolkit.validation.jobs import Job
from toolkit.validation.plan import ValidationPlan
from toolkit.validation.run import InputFile
from toolkit.wiring import services


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers to validate on.

    Attributes
    ----------
    frame : DataFrame
        The response frame.
    source : InputFile
        Where they came from.
    smallest_group : int
        Persons that every figure must rest on.
    """

    frame: pd.DataFrame
    source: InputFile
    smallest_group: int


def frozen_waves(instrument: str) -> tuple[Wave, ...]:
    """Return the waves of one questionnaire version that have ended, the newest first."""
    every = (wave for wave, _ in reversed(services().waves.all()))
    return tuple(wave for wave in every if wave.instrument == instrument and wave.status == "frozen")


def columns_of_wave(instrument: Instrument) -> tuple[str, ...]:
    """Return the columns of a wave whose groups can be compared: language and background questions."""
    language = ("language",) if len(instrument.languages) > 1 else ()
    return (*language, *(covariate.code for covariate in instrument.definition.covariates))


def columns_of_file(instrument: Instrument) -> tuple[str, ...]:
    """Return the columns of a file whose groups can be compared."""
    return ("language", "service", "unit", *(covariate.code for covariate in instrument.definition.covariates))


def answers_of_wave(instrument: Instrument, wave_id: str, by: str | None = None) -> Answers:
    """Return the answers of a frozen wave; figures about fewer than ten people are not made from them.

    Parameters
    ----------
    instrument : Instrument
        What the wave asked.
    wave_id : str
        The wave.
    by : str, optional
        The column of groups to keep.

    Raises
    ------
    CollectionError
        ``COL_UNKNOWN_WAVE``, ``COL_WAVE_NOT_FROZEN``, ``COL_QUESTIONNAIRE_CHANGED`` or ``COL_TOO_FEW_TO_VALIDATE``.
    """
    wave = next(wave for wave, _ in services().waves.all() if wave.id == wave_id)
    frame = item_answers(instrument, wave, services().waves.answers_frame([wave_id]), by=by)
    source = InputFile(name=wave.name, sha256=answers_sha256(frame))
    return Answers(frame=frame, source=source, smallest_group=FLOOR_FOR_DISTRIBUTIONS)


def answers_of_file(instrument: Instrument, name: str, content: bytes, by: str | None = None) -> Answers:
    """Read an uploaded file in memory, as ``eot validate`` reads one from the disk.

    Parameters
    ----------
    instrument : Instrument
        What was asked.
    name : str
        Name of the file.
    content : bytes
        What it holds.
    by : str, optional
        The column of groups, which the file must have.

    Raises
    ------
    ResponsesError
        Everything that :func:`~toolkit.storage.response_files.read_responses` finds.
    """
    frame = read_responses(name, instrument, content=content, several_waves=True, keep=() if by is None else (by,))
    source = InputFile(name=name, sha256=hashlib.sha256(content).hexdigest())
    return Answers(frame=frame, source=source, smallest_group=0)


def start(instrument: Instrument, answers: Answers, plan: ValidationPlan, language: str) -> Job:
    """Start a validation, or return the one of the same instrument, answers, plan and versions.

    Raises
    ------
    StatisticsError
        ``STA_MODEL_SYNTAX`` or ``STA_UNKNOWN_VARIABLE``: the plan's model text.
    """
    check_model(instrument, plan)
    key = validation_key(
        instrument,
        answers.frame,
        plan,
        source=answers.source,
        language=language,
        smallest_group=answers.smallest_group,
    )
    work = validation_work(
        instrument,
        answers.frame,
        plan=plan,
        source=answers.source,
        language=language,
        smallest_group=answers.smallest_group,
    )
    return services().jobs.start(key, work)
