"""Answers that were collected elsewhere become a wave: all of them, in random order, or none."""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.collection.answers import content_hash
from toolkit.collection.flow import allowed_answers, display_order
from toolkit.collection.placements import place, services_on
from toolkit.collection.ports import (
    ALWAYS,
    Placement,
    Response,
    Service,
    Store,
    Transaction,
    Unit,
    Wave,
    WaveUnit,
)
from toolkit.collection.privacy import new_key
from toolkit.collection.waves import LONGEST_NAME, is_name
from toolkit.errors import Code, CollectionError, Problem, ResponsesError
from toolkit.instruments.instrument import Instrument

NOT_SAID = "und"
"""The language of an answer whose language nobody wrote down, as BCP 47 writes it."""
CONSENT_ELSEWHERE = "elsewhere"
"""The consent version of answers that were given elsewhere."""
RESPONSES_AT_ONCE = 5_000
SHOWN = 20

Progress = Callable[[int, int], None]
"""Told how many responses are written, and how many there are."""


class UnitName(NamedTuple):
    """A unit as a file names it."""

    service: str | None
    unit: str


class AnswersOfAFile:
    """The answers of a file, part by part, kept in about a hundred bytes a respondent.

    Parameters
    ----------
    instrument : Instrument
        What was answered.
    service : str, optional
        The service of rows that name none.
    file : str, optional
        The file, for the messages.
    """

    def __init__(self, instrument: Instrument, *, service: str | None = None, file: str | None = None) -> None:
        self.instrument = instrument
        self.file = file
        self.first_row: dict[UnitName, int] = {}
        self._service = service
        self._units = array("i")
        self._places: dict[UnitName, int] = {}
        self._known_languages = (*instrument.languages, NOT_SAID)
        self._languages: list[NDArray[np.int16]] = []
        self._answers: list[NDArray[np.int16]] = []
        self._allowed = {
            question: allowed_answers(instrument, question) or () for question in display_order(instrument)
        }

    def __len__(self) -> int:
        """Return the number of respondents."""
        return len(self._units)

    def add(self, rows: Sequence[int], part: pd.DataFrame) -> None:
        """Take a response frame and the row number of each respondent.

        Raises
        ------
        ResponsesError
            ``RSP_MISSING_COLUMN`` without a column ``unit``; ``RSP_UNIT_EMPTY`` for a row that names none;
            ``RSP_UNKNOWN_OPTION`` for a language that the instrument does not have.
        """
        self._refuse_without_unit(part, rows)
        services = (
            part["service"].astype("object") if "service" in part else pd.Series(None, part.index, dtype="object")
        )
        for row, unit, service in zip(rows, part["unit"], services, strict=True):
            name = UnitName(service if isinstance(service, str) else self._service, unit)
            if name not in self._places:
                self._places[name] = len(self._places)
                self.first_row[name] = row
            self._units.append(self._places[name])
        self._languages.append(self._checked_languages(part, rows))
        # Of every answer its place among those that are allowed; -1 without an answer.
        places = np.full((len(part), len(self._allowed)), -1, dtype=np.int16)
        for column, (question, allowed) in enumerate(self._allowed.items()):
            if question in part:
                known: pd.Index[Any] = pd.Index(allowed)
                if question in self.instrument.items:
                    known = known.astype("float64")
                places[:, column] = known.get_indexer(pd.Index(part[question]))
        self._answers.append(places)

    def _refuse_without_unit(self, part: pd.DataFrame, rows: Sequence[int]) -> None:
        if "unit" not in part:
            raise ResponsesError(
                Problem(
                    code=Code.RSP_MISSING_COLUMN,
                    what="There is no column that says which unit a respondent works in.",
                    fix="Add a column 'unit', or rename one with --map OLD=unit.",
                    file=self.file,
                    row=1,
                    column="unit",
                )
            )
        empty = np.flatnonzero(part["unit"].isna())
        if len(empty):
            raise ResponsesError(
                Problem(
                    code=Code.RSP_UNIT_EMPTY,
                    what="The row does not say which unit the respondent works in.",
                    fix="Give every row a unit, or leave the row out.",
                    file=self.file,
                    row=rows[place],
                    column="unit",
                )
                for place in empty[:SHOWN]
            )

    def _checked_languages(self, part: pd.DataFrame, rows: Sequence[int]) -> NDArray[np.int16]:
        """Return the place of each row's language among those of the instrument; not said is the last one."""
        if "language" not in part:
            return np.full(len(part), len(self._known_languages) - 1, dtype=np.int16)
        languages = part["language"].fillna(NOT_SAID)
        places = pd.Index(self._known_languages).get_indexer(pd.Index(languages))
        strange = np.flatnonzero(places < 0)
        if len(strange):
            raise ResponsesError(
                Problem(
                    code=Code.RSP_UNKNOWN_OPTION,
                    what="The questionnaire has no such language.",
                    fix="Correct the language, or leave the cell empty.",
                    file=self.file,
                    row=rows[place],
                    column="language",
                    got=str(languages.iloc[place])[:40],
                    allowed=", ".join(self.instrument.languages),
                )
                for place in strange[:SHOWN]
            )
        return places.astype(np.int16)

    def responses(self, wave: Wave, unit_ids: Mapping[UnitName, str]) -> Iterator[Response]:
        """Yield every response in random order, under random keys that rise.

        Rising keys in random order are as random as any, and are written to the end of the table.
        """
        n = len(self)
        rng = np.random.default_rng(secrets.randbits(128))
        keys = sorted(new_key() for _ in range(n))
        units = [unit_ids[name] for name in self._places]
        languages = np.concatenate(self._languages)
        given = np.concatenate(self._answers)
        order = display_order(self.instrument)
        for key, number in zip(keys, rng.permutation(n), strict=True):
            answers = {
                question: allowed[place]
                for (question, allowed), place in zip(self._allowed.items(), given[number].tolist(), strict=True)
                if place >= 0
            }
            yield Response(
                key=key,
                wave_id=wave.id,
                unit_id=units[self._units[number]],
                instrument_id=wave.instrument_id,
                instrument_version=wave.instrument_version,
                definition_hash=wave.definition_hash,
                language=self._known_languages[languages[number]],
                display_order=order,
                consent_version=CONSENT_ELSEWHERE,
                n_changes=0,
                receipt_hash=None,
                answers=answers,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file.

    Attributes
    ----------
    wave : Wave
        The new wave, frozen if that was asked for.
    n_responses, n_units, n_new_units : int
        Responses; units that took part, and how many of them were added.
    """

    wave: Wave
    n_responses: int
    n_units: int
    n_new_units: int


def import_answers(
    store: Store,
    wave: Wave,
    answers: AnswersOfAFile,
    *,
    n_invited: Mapping[UnitName, int] | None = None,
    adds_units: bool = False,
    freezes: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Add a wave with answers that were collected elsewhere, in one transaction.

    Nothing in the store says who gave them or in which order the file held them. They have no receipts, so that they
    cannot be withdrawn.

    Parameters
    ----------
    store : Store
        Where the wave is added.
    wave : Wave
        From :meth:`toolkit.collection.waves.Waves.new_wave`.
    answers : AnswersOfAFile
        Every response.
    n_invited : mapping of UnitName to int, optional
        How many people of each unit were invited.
    adds_units : bool
        Whether services and units that are not in the store are added; otherwise they are refused.
    freezes : bool
        Whether the wave is frozen at once.
    progress : callable, optional
        Told how many responses are written.

    Raises
    ------
    CollectionError
        ``COL_UNKNOWN_UNIT`` with the first row of every unit that is not there, ``COL_UNIT_NAMES`` where several
        services have a unit of that name.
    """
    invited = dict(n_invited or {})
    with store.writing() as transaction:
        transaction.add_wave(wave)
        names = list(dict.fromkeys([*answers.first_row, *invited]))
        n_before = len(transaction.units())
        unit_ids = _unit_ids(transaction, wave, names, answers, adds_units=adds_units)
        counts = {unit_ids[name]: n for name, n in invited.items()}
        transaction.add_wave_units(
            [
                WaveUnit(wave_id=wave.id, unit_id=unit_id, n_invited_elsewhere=counts.get(unit_id))
                for unit_id in dict.fromkeys(unit_ids.values())
            ]
        )
        _write(transaction, answers.responses(wave, unit_ids), len(answers), progress)
        n_new = len(transaction.units()) - n_before
        if freezes:
            # The rows lie in random order under keys that nobody saw: there is nothing left to unlink.
            found = content_hash(wave.instrument_id, wave.definition_hash, transaction.answer_rows(wave.id))
            transaction.set_wave_status(wave.id, "frozen", content_hash=found)
        stored = transaction.wave(wave.id) or wave
    return Imported(wave=stored, n_responses=len(answers), n_units=len(set(unit_ids.values())), n_new_units=n_new)


def _write(
    transaction: Transaction, responses: Iterator[Response], n_responses: int, progress: Progress | None
) -> None:
    some: list[Response] = []
    n_written = 0
    for response in responses:
        some.append(response)
        if len(some) == RESPONSES_AT_ONCE or n_written + len(some) == n_responses:
            transaction.add_responses(some)
            n_written += len(some)
            some = []
            if progress is not None:
                progress(n_written, n_responses)


def _unit_ids(
    transaction: Transaction, wave: Wave, names: Sequence[UnitName], answers: AnswersOfAFile, *, adds_units: bool
) -> dict[UnitName, str]:
    """Return the unit of every name on the wave's day; units that are not there are added or refused."""
    services = {service.name: service for service in transaction.services()}
    placed = services_on(transaction.placements(), wave.asked_on)
    service_names = {service.id: service.name for service in services.values()}
    units = [(service_names[placed[unit.id]], unit) for unit in transaction.units() if unit.id in placed]
    found: dict[UnitName, str] = {}
    problems = []
    for name in names:
        matching = [unit for owner, unit in units if unit.name == name.unit and name.service in (None, owner)]
        if len(matching) == 1:
            found[name] = matching[0].id
        elif not matching and adds_units and name.service is not None and is_name(name.service) and is_name(name.unit):
            found[name] = _added_unit(transaction, services, name.service, name.unit)
        else:
            problems.append(_no_unit(name, len(matching), answers, adds_units=adds_units))
    if problems:
        told = problems[:SHOWN]
        if len(problems) > SHOWN:
            told[-1] = Problem(
                code=told[-1].code,
                what=f"And {len(problems) - SHOWN + 1} more units like these.",
                fix=told[-1].fix,
                file=answers.file,
            )
        raise CollectionError(told)
    return found


def _added_unit(transaction: Transaction, services: dict[str, Service], service_name: str, name: str) -> str:
    if service_name not in services:
        services[service_name] = Service(id=new_key(), name=service_name)
        transaction.add_service(services[service_name])
    unit = Unit(id=new_key(), name=name)
    transaction.add_unit(unit)
    place(transaction, Placement(unit_id=unit.id, service_id=services[service_name].id, since=ALWAYS))
    return unit.id


def _no_unit(name: UnitName, n_matching: int, answers: AnswersOfAFile, *, adds_units: bool) -> Problem:
    row = answers.first_row.get(name)
    got = name.unit if name.service is None else f"{name.unit} of {name.service}"
    if n_matching:
        return Problem(
            code=Code.COL_UNIT_NAMES,
            what="Several services have a unit of this name.",
            fix="Add a column 'service', or name the service of all rows with --service.",
            file=answers.file,
            row=row,
            got=got,
        )
    if adds_units and not all(map(is_name, filter(None, name))):
        return Problem(
            code=Code.COL_UNIT_NAMES,
            what="A service or unit cannot have this name.",
            fix="Give it another name.",
            file=answers.file,
            row=row,
            got=got[:LONGEST_NAME],
            allowed=f"1 to {LONGEST_NAME} characters",
        )
    fix = "Name the service of the unit too, so that it can be added." if adds_units else "Add it with --add-units."
    return Problem(
        code=Code.COL_UNKNOWN_UNIT,
        what="There is no such unit on the day of the wave.",
        fix=f"Correct the name. {fix}",
        file=answers.file,
        row=row,
        got=got,
    )
