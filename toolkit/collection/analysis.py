"""The answers of frozen waves as one table of numbers, for everything that computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.collection.answers import quoted, read
from toolkit.collection.placements import services_on
from toolkit.collection.ports import AnswerRow, Transaction, Wave
from toolkit.collection.waves import by_time, require_frozen, require_unchanged
from toolkit.disclosure.thresholds import FLOOR_FOR_DISTRIBUTIONS, NOT_SHOWN
from toolkit.errors import Code, CollectionError, Problem, StorageError
from toolkit.instruments.instrument import Instrument

if TYPE_CHECKING:
    from pandas.api.extensions import ExtensionArray

CONTEXT = ("wave", "service", "unit", "version", "language")
ROWS_AT_ONCE = 20_000


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
    if not waves:
        return pd.DataFrame(columns=[*CONTEXT], index=pd.RangeIndex(0, name="respondent"))
    asked = [require_unchanged(instruments(wave.instrument), wave) for wave in waves]
    placements = transaction.placements()
    parts = []
    for wave, instrument in zip(waves, asked, strict=True):
        services = services_on(placements, wave.asked_on)
        found = transaction.answer_rows(wave.id)
        while rows := list(islice(found, ROWS_AT_ONCE)):
            parts.append(_part(instrument, wave, rows, services))
    covariates = dict.fromkeys(one.code for instrument in asked for one in instrument.definition.covariates)
    items = dict.fromkeys(item for instrument in asked for item in instrument.item_codes)
    frame = pd.concat(parts or [_part(instrument, wave, (), {}) for wave, instrument in zip(waves, asked, strict=True)])
    frame = frame[[*CONTEXT, *covariates, *items]]
    frame = frame.take(np.random.default_rng().permutation(len(frame)))
    frame["wave"] = pd.Categorical(frame["wave"], categories=[wave.id for wave in waves], ordered=True)
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="respondent")
    return frame


def _part(instrument: Instrument, wave: Wave, rows: Sequence[AnswerRow], services: Mapping[str, str]) -> pd.DataFrame:
    """Return the answered submissions among some of a wave."""
    units, versions, languages, answers = zip(*rows, strict=True) if rows else ((), (), (), ())
    covariates = [one.code for one in instrument.definition.covariates]
    questions = [*instrument.item_codes, *covariates]
    given, values = _given(answers, questions, wave)
    context = {
        "wave": _texts([wave.id] * len(rows)),
        "service": _texts([services.get(unit_id) for unit_id in units]),
        "unit": _texts(units),
        "version": _texts(versions),
        "language": _texts(languages),
    }
    written = pd.array(values, dtype="str")
    background = {
        code: written.take(given[:, place], allow_fill=True)
        for place, code in enumerate(questions)
        if code in covariates
    }
    items = {}
    for place, item in enumerate(instrument.item_codes):
        codes = {str(code): float(code) for code in instrument.codes(item)}
        # The last place stands for no answer; a value that is no code of the item is infinite.
        items[item] = np.array([*(codes.get(value, np.inf) for value in values), np.nan])[given[:, place]]
        if np.isinf(items[item]).any():
            raise _damaged(wave, item)
    frame = pd.DataFrame({**context, **background, **items})
    return frame.take(np.flatnonzero((given[:, : len(items)] >= 0).any(axis=1)))


def _given(answers: Sequence[str], questions: Sequence[str], wave: Wave) -> tuple[NDArray[np.int64], list[str]]:
    """Return the place of each answer among the texts that occur, persons x questions; -1 without an answer."""
    joined = "".join(answers)
    lengths = np.array([text.count('"') for text in answers], dtype=np.int64)
    is_as_written = joined.count('":"') * 4 == lengths.sum() and not (lengths % 4).any() and "\\" not in joined
    if not is_as_written or not all(text == "{}" or (text[:2], text[-2:]) == ('{"', '"}') for text in answers):
        answers = [_without_escapes(text, wave) for text in answers]
        joined = "".join(answers)
        lengths = np.array([text.count('"') for text in answers], dtype=np.int64)
    places, texts = quoted(joined)
    place_of_question = {question: place for place, question in enumerate(questions)}
    columns = np.array([place_of_question.get(text, -1) for text in texts], dtype=np.int64)[places[0::2]]
    if (columns < 0).any():
        raise _damaged(wave, None)
    found = np.full((len(answers), len(questions)), -1, dtype=np.int64)
    found[np.repeat(np.arange(len(answers)), lengths // 4), columns] = places[1::2]
    return found, texts


def _without_escapes(text: str, wave: Wave) -> str:
    """Return answers whose characters all stand for themselves, or refuse what is no text or needs escaping."""
    try:
        answers = read(text)
        pairs = [f'"{question}":"{answer}"' for question, answer in answers.items() if _is_plain(answer)]
    except (ValueError, AttributeError):
        raise _damaged(wave, None) from None
    if len(pairs) < len(answers) or not all(map(_is_plain, answers)):
        raise _damaged(wave, None)
    return "{" + ",".join(pairs) + "}"


def _is_plain(text: object) -> bool:
    return isinstance(text, str) and '"' not in text and "\0" not in text


def _texts(values: Sequence[str | None]) -> ExtensionArray:
    """Return texts as a column, made of the few different ones."""
    different = list(dict.fromkeys(values))
    places = {value: place for place, value in enumerate(different)}
    return pd.array(different, dtype="str").take(np.fromiter(map(places.__getitem__, values), np.int64, len(values)))


def _damaged(wave: Wave, question: str | None) -> StorageError:
    return StorageError(
        Problem(
            code=Code.STO_DAMAGED,
            what=f"The wave {wave.name!r} holds an answer that {wave.instrument} does not have.",
            item=question,
            fix="See what else is wrong with eot store check, and restore a backup.",
        )
    )


def item_answers(instrument: Instrument, wave: Wave, answers: pd.DataFrame, *, by: str | None = None) -> pd.DataFrame:
    """Return the items of one wave as a response frame for figures about many; nothing in it tells who a row is.

    Languages and background answers are left out, but for those of ``by``. ``unit`` only says who shares one: units are
    numbered as they come. Rows are ordered by the answers and numbered, so the same answers give the same frame,
    whatever their order in the store.

    Parameters
    ----------
    instrument : Instrument
        What the wave asked.
    wave : Wave
        The wave.
    answers : DataFrame
        Its answers, from :func:`answers_frame`.
    by : str, optional
        A column to keep: ``language`` or a background question, whose groups are to be compared.

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
    kept = [] if by is None else [by]
    frame = answers[[*items, *kept, "unit"]].sort_values([*items, *kept, "unit"], ignore_index=True)
    numbers, _ = pd.factorize(frame["unit"])
    frame["unit"] = pd.array([None if number < 0 else f"U{number + 1:04d}" for number in numbers], dtype="str")
    frame.index = pd.Index([f"R{number:05d}" for number in range(1, len(frame) + 1)], name="respondent")
    return frame
