"""The answers of frozen waves as one table of numbers, for everything that computes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from toolkit.collection.placements import services_on
from toolkit.collection.ports import AnswerRow, Transaction, Wave
from toolkit.collection.waves import by_time, require_frozen, require_unchanged
from toolkit.disclosure.thresholds import FLOOR_FOR_DISTRIBUTIONS, NOT_SHOWN
from toolkit.errors import Code, CollectionError, Problem, StorageError
from toolkit.instruments.instrument import Instrument

CONTEXT = ("wave", "service", "unit", "version", "language")


def answers_frame(
    transaction: Transaction, wave_ids: Sequence[str], instruments: Callable[[str], Instrument]
) -> pd.DataFrame:
    """Return the answers of frozen waves, one row a respondent.

    Nothing of it may be shown, exported or written to a log but through :mod:`toolkit.disclosure`: nothing in it is
    suppressed.

    Parameters
    ----------
    transaction : Transaction
        Reads the store.
    wave_ids : sequence of str
        Frozen waves, of one instrument version or of several.
    instruments : callable
        Returns the instrument for a name such as ``eomhs@1.0.0``.

    Returns
    -------
    DataFrame
        Rows in random order under numbers (``respondent``) that are new at every call, so that neither leads back to
        the store or to another call. The columns are ``wave`` (wave ids as an ordered categorical, by first day, then
        name), ``service`` and ``unit`` (ids; the service is that of the wave's first day), ``version``, ``language``,
        the covariates as text, and the items as float64 codes. A missing code is a code like others; NaN is an item
        without an answer. With several versions the columns are those of all of them, and NaN where a version does
        not ask. Submissions without any answer to an item are left out.

    Raises
    ------
    CollectionError
        ``COL_UNKNOWN_WAVE``, ``COL_WAVE_NOT_FROZEN`` or ``COL_QUESTIONNAIRE_CHANGED``.
    StorageError
        ``STO_DAMAGED`` when the store holds an answer that the instrument does not have.
    """
    waves = sorted((require_frozen(transaction, wave_id) for wave_id in dict.fromkeys(wave_ids)), key=by_time)
    asked = [require_unchanged(instruments(wave.instrument), wave) for wave in waves]
    placements = transaction.placements()
    parts = [
        _part(instrument, wave, transaction.answer_rows(wave.id), services_on(placements, wave.asked_on))
        for wave, instrument in zip(waves, asked, strict=True)
    ]
    covariates = dict.fromkeys(one.code for instrument in asked for one in instrument.definition.covariates)
    items = dict.fromkeys(item for instrument in asked for item in instrument.item_codes)
    frame = pd.concat(parts) if parts else pd.DataFrame(columns=[*CONTEXT])
    frame = frame[[*CONTEXT, *covariates, *items]]
    frame = frame.take(np.random.default_rng().permutation(len(frame)))
    frame["wave"] = pd.Categorical(frame["wave"], categories=[wave.id for wave in waves], ordered=True)
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="respondent")
    return frame


def _part(instrument: Instrument, wave: Wave, found: Iterable[AnswerRow], services: dict[str, str]) -> pd.DataFrame:
    """Return the answered submissions of one wave."""
    rows = list(found)
    # One text is read several times faster than one a response.
    given: list[dict[str, str]] = json.loads(f"[{','.join(row.answers for row in rows)}]")
    items = {}
    for item in instrument.item_codes:
        codes: dict[str | None, float] = {str(code): float(code) for code in instrument.codes(item)}
        codes[None] = np.nan
        try:
            items[item] = np.array([codes[answers.get(item)] for answers in given], dtype=np.float64)
        except KeyError:
            raise _damaged(wave, item) from None
    places = {unit_id: services.get(unit_id) for unit_id in {row.unit_id for row in rows}}
    context = {
        "wave": pd.Series(wave.id, index=range(len(rows)), dtype="str"),
        "service": pd.Series([places[row.unit_id] for row in rows], dtype="str"),
        "unit": pd.Series([row.unit_id for row in rows], dtype="str"),
        "version": pd.Series([row.version for row in rows], dtype="str"),
        "language": pd.Series([row.language for row in rows], dtype="str"),
    }
    covariates = {
        one.code: pd.Series([answers.get(one.code) for answers in given], dtype="str")
        for one in instrument.definition.covariates
    }
    frame = pd.DataFrame({**context, **covariates, **items})
    return frame.take(np.flatnonzero(~np.isnan(np.column_stack(list(items.values()))).all(axis=1)))


def _damaged(wave: Wave, item: str) -> StorageError:
    return StorageError(
        Problem(
            code=Code.STO_DAMAGED,
            what=f"The wave {wave.name!r} holds an answer that {wave.instrument} does not have.",
            item=item,
            fix="See what else is wrong with eot store check, and restore a backup.",
        )
    )


def item_answers(instrument: Instrument, wave: Wave, answers: pd.DataFrame) -> pd.DataFrame:
    """Return the items of one wave as a response frame for figures about many; nothing in it tells who a row is.

    Units, languages and background answers are left out. Rows are ordered by the answers and numbered, so the same
    answers give the same frame, whatever their order in the store.

    Parameters
    ----------
    instrument : Instrument
        What the wave asked.
    wave : Wave
        The wave.
    answers : DataFrame
        Its answers, from :func:`answers_frame`.

    Raises
    ------
    CollectionError
        ``COL_TOO_FEW_TO_VALIDATE`` with fewer than ten respondents.
    """
    if len(answers) < FLOOR_FOR_DISTRIBUTIONS:
        raise CollectionError(
            Problem(
                code=Code.COL_TOO_FEW_TO_VALIDATE,
                what=f"The wave {wave.name!r}: {NOT_SHOWN['en'].lower()}.",
                allowed=f"{FLOOR_FOR_DISTRIBUTIONS} responses or more",
                fix="Invite more people to the next wave.",
            )
        )
    items = list(instrument.item_codes)
    frame = answers[items].sort_values(items, ignore_index=True)
    frame.index = pd.Index([f"R{number:05d}" for number in range(1, len(frame) + 1)], name="respondent")
    return frame
