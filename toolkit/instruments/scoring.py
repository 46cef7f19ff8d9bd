"""Scale scores: reverse keys, minimum answered, "not applicable" and the shown range, for many respondents at once."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, ResponsesError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolkit.instruments.definition import Scale
    from toolkit.instruments.instrument import Instrument

Status = Literal["scored", "too_few_answers", "not_applicable", "unanswered"]
STATUSES: tuple[Status, ...] = ("scored", "too_few_answers", "not_applicable", "unanswered")

_CHUNK = 1 << 15
_SHOWN = 50
_POINT, _STRUCTURAL, _OTHER = 1, 1 << 10, 1 << 20
"""Counts of the three kinds of answer, packed into one integer so that a chunk is read once."""
_REFUSED = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTable:
    """Scores of every respondent on every scale; the index is the respondent, the columns are scale codes.

    Attributes
    ----------
    scores : DataFrame of float64
        In the shown range of the instrument, 0 to 100 by default. NaN unless the status is ``scored``.
    means : DataFrame of float64
        Mean of the answered items, after reversing, in response points. NaN unless the status is ``scored``.
    status : DataFrame of category
        ``scored``; ``too_few_answers``; ``not_applicable`` (too many answers say that the question does not apply);
        or ``unanswered`` (nothing was chosen for any item of the scale).
    n_answered : DataFrame of int16
        Items answered with a point.
    instrument : str
        Identifier and version of what was scored.
    """

    scores: pd.DataFrame
    means: pd.DataFrame
    status: pd.DataFrame
    n_answered: pd.DataFrame
    instrument: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each scale and respondent: scale, respondent, score, mean, status, n_answered."""
        parts = [
            pd.DataFrame(
                {
                    "scale": scale,
                    "respondent": self.scores.index,
                    "score": self.scores[scale].to_numpy(),
                    "mean": self.means[scale].to_numpy(),
                    "status": self.status[scale].array,
                    "n_answered": self.n_answered[scale].to_numpy(),
                }
            )
            for scale in self.scores.columns
        ]
        if parts:
            return pd.concat(parts, ignore_index=True)
        return pd.DataFrame(columns=["scale", "respondent", "score", "mean", "status", "n_answered"])


def score(instrument: Instrument, frame: pd.DataFrame) -> ScoreTable:
    """Score every scale of an instrument for every respondent.

    Parameters
    ----------
    instrument : Instrument
        The instrument that was answered.
    frame : DataFrame
        One row a respondent and one float64 column an item, as ``read_frame`` returns it: points, missing codes,
        NaN for unanswered. Other columns are left alone.

    Returns
    -------
    ScoreTable
        Scores in the shown range, means in response points, status and number of answers.

    Raises
    ------
    ResponsesError
        ``RSP_MISSING_COLUMN`` for an item of a scale without a column; ``RSP_TEXT_IN_NUMBERS`` for a column that is
        not numeric; ``RSP_CODE_NOT_ALLOWED`` for codes that the item does not have.

    Notes
    -----
    A reversed item counts as ``(minimum + maximum) - x``. The mean is taken over the items answered with a point, when
    there are at least ``minimum_answered`` of them. A scale in which more than ``not_relevant_limit`` of the items
    carry a structural code is ``not_applicable``, whatever else was answered. The share is compared in whole
    numbers, so that exactly one third is not more than one third.

    Examples
    --------
    >>> import pandas as pd
    >>> from toolkit import instruments
    >>> instrument = instruments.load("eomhs@1.0.0")
    >>> frame = pd.DataFrame(4.0, index=["a", "b"], columns=list(instrument.item_codes))
    >>> frame.loc["b", ["CI1", "CI2", "CI3"]] = -7
    >>> table = instruments.score(instrument, frame)
    >>> table.scores.loc["a", "CI"], table.status.loc["b", "CI"]
    (np.float64(75.0), 'not_applicable')
    """
    scales = instrument.definition.scales
    wanted = dict.fromkeys(code for scale in scales for code in scale.items)
    columns = _columns(frame, list(wanted))
    tables = {code: _AnswerTable(instrument, code) for code in wanted}
    n_persons = len(frame)
    means = np.full((len(scales), n_persons), np.nan)
    statuses = np.zeros((len(scales), n_persons), dtype=np.int8)
    answered = np.zeros((len(scales), n_persons), dtype=np.int16)
    refused: list[tuple[str, NDArray[np.intp]]] = []
    for start in range(0, n_persons, _CHUNK):
        part = slice(start, min(start + _CHUNK, n_persons))
        for number, scale in enumerate(scales):
            totals = np.zeros(part.stop - start)
            counts = np.zeros(part.stop - start, dtype=np.int32)
            for code in scale.items:
                values, kinds, wrong = tables[code].look_up(columns[code][part])
                if wrong.size:
                    refused.append((code, wrong + start))
                totals += values
                counts += kinds
            _judge(instrument, scale, totals, counts, means[number, part], statuses[number, part])
            answered[number, part] = counts & (_STRUCTURAL - 1)
    if refused:
        raise ResponsesError(_refusals(instrument, frame, refused))
    names = [scale.code for scale in scales]
    lowest = np.array([instrument.points(scale.items[0])[0] for scale in scales], dtype=float)
    highest = np.array([instrument.points(scale.items[0])[-1] for scale in scales], dtype=float)
    scoring = instrument.definition.scoring
    # Sums of codes are whole, so a score that falls on a round number is that number: one division, and it comes last.
    above = np.rint(means * answered) - lowest[:, None] * answered
    with np.errstate(invalid="ignore"):
        shown = above * (scoring.shown_to - scoring.shown_from) / ((highest - lowest)[:, None] * answered)
    shown += scoring.shown_from
    category = pd.CategoricalDtype(list(STATUSES))
    status = {name: pd.Categorical.from_codes(statuses[number], dtype=category) for number, name in enumerate(names)}
    return ScoreTable(
        scores=pd.DataFrame(shown.T, index=frame.index, columns=names, copy=False),
        means=pd.DataFrame(means.T, index=frame.index, columns=names, copy=False),
        status=pd.DataFrame(status, index=frame.index, columns=names),
        n_answered=pd.DataFrame(answered.T, index=frame.index, columns=names, copy=False),
        instrument=instrument.name,
    )


def scored_items(instrument: Instrument, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the items as statistics need them: missing codes are NaN and reversed items are turned round.

    Parameters
    ----------
    instrument : Instrument
        The instrument that was answered.
    frame : DataFrame
        As :func:`score` takes it.

    Returns
    -------
    DataFrame of float64
        One column for each item, in the order asked. An item that a scale reverses is ``(minimum + maximum) - x``.

    Raises
    ------
    ResponsesError
        As :func:`score`.
    """
    columns = _columns(frame, list(instrument.item_codes))
    tables = {code: _AnswerTable(instrument, code) for code in columns}
    turned = np.empty((len(columns), len(frame)))
    refused = []
    for start in range(0, len(frame), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(frame)))
        for number, (code, answers) in enumerate(columns.items()):
            values, kinds, wrong = tables[code].look_up(answers[part])
            if wrong.size:
                refused.append((code, wrong + start))
            turned[number, part] = np.where(kinds == _POINT, values, np.nan)
    if refused:
        raise ResponsesError(_refusals(instrument, frame, refused))
    return pd.DataFrame(turned.T, index=frame.index, columns=list(columns), copy=False)


class _AnswerTable:
    """What each code of one item counts for; position 0 is unanswered, both ends are codes it does not have."""

    def __init__(self, instrument: Instrument, item: str) -> None:
        points = instrument.points(item)
        is_reversed = any(item in scale.reversed for scale in instrument.definition.scales)
        structural = {missing.code for missing in instrument.definition.missing if missing.structural}
        codes = instrument.codes(item)
        self.offset = min(codes) - 2
        size = max(codes) - self.offset + 2
        self.values = np.zeros(size)
        self.kinds = np.full(size, _REFUSED, dtype=np.int32)
        self.kinds[0] = 0
        for code in codes:
            place = code - self.offset
            if code in points:
                self.values[place] = points[0] + points[-1] - code if is_reversed else code
                self.kinds[place] = _POINT
            else:
                self.kinds[place] = _STRUCTURAL if code in structural else _OTHER

    def look_up(self, answers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.intp]]:
        """Return the value and kind of each answer, and the positions of answers that the item does not have."""
        place = answers - self.offset
        np.clip(place, 1, len(self.values) - 1, out=place)
        place[np.isnan(place)] = 0
        whole = place.astype(np.intp)
        kinds = self.kinds[whole]
        is_wrong = (kinds == _REFUSED) | (whole != place)
        wrong = np.flatnonzero(is_wrong) if is_wrong.any() else np.empty(0, dtype=np.intp)
        if wrong.size:
            kinds[wrong] = 0
        return self.values[whole], kinds, wrong


def _judge(
    instrument: Instrument,
    scale: Scale,
    totals: NDArray[np.float64],
    counts: NDArray[np.int32],
    means: NDArray[np.float64],
    statuses: NDArray[np.int8],
) -> None:
    """Write the means and statuses of one chunk and scale."""
    limit = Fraction(instrument.definition.scoring.not_relevant_limit)
    n_answered = counts & (_STRUCTURAL - 1)
    n_structural = (counts >> 10) & (_STRUCTURAL - 1)
    is_enough = n_answered >= scale.minimum_answered
    statuses[:] = np.where(is_enough, STATUSES.index("scored"), STATUSES.index("too_few_answers"))
    statuses[counts == 0] = STATUSES.index("unanswered")
    statuses[n_structural * limit.denominator > limit.numerator * len(scale.items)] = STATUSES.index("not_applicable")
    is_scored = statuses == STATUSES.index("scored")
    np.divide(totals, n_answered, out=means, where=is_scored)


def _columns(frame: pd.DataFrame, codes: list[str]) -> dict[str, NDArray[np.float64]]:
    """Return the item columns as float64 arrays, or say which are lacking or not numbers."""
    problems = []
    columns = {}
    for code in codes:
        if code not in frame.columns:
            what, fix = f"There is no column for the item '{code}'.", "Read the answers with read_frame first."
            problems.append(Problem(code=Code.RSP_MISSING_COLUMN, what=what, fix=fix, column=code, item=code))
        elif not pd.api.types.is_numeric_dtype(frame[code]) or pd.api.types.is_complex_dtype(frame[code]):
            what, fix = "The column does not hold numbers.", "Read the answers with read_frame first."
            problem = Problem(
                code=Code.RSP_TEXT_IN_NUMBERS, what=what, fix=fix, column=code, item=code, got=str(frame[code].dtype)
            )
            problems.append(problem)
        else:
            columns[code] = frame[code].to_numpy(dtype=np.float64, na_value=np.nan)
    if problems:
        raise ResponsesError(problems)
    return columns


def _refusals(
    instrument: Instrument, frame: pd.DataFrame, refused: list[tuple[str, NDArray[np.intp]]]
) -> list[Problem]:
    """Return one problem for each wrong answer, and a count of those beyond the first fifty."""
    places = list(dict.fromkeys((code, int(row)) for code, rows in refused for row in rows))
    problems = []
    for code, row in places[:_SHOWN]:
        problem = Problem(
            code=Code.RSP_CODE_NOT_ALLOWED,
            what=f"The item does not have this code (respondent '{frame.index[row]}').",
            fix="Correct the value, or leave the cell empty.",
            column=code,
            item=code,
            got=f"{frame[code].iloc[row]:g}",
            allowed=", ".join(str(allowed) for allowed in instrument.codes(code)),
        )
        problems.append(problem)
    if len(places) > _SHOWN:
        what = f"And {len(places) - _SHOWN:,} more values that their items do not have."
        problems.append(Problem(code=Code.RSP_CODE_NOT_ALLOWED, what=what, fix="Correct them in the same way."))
    return problems
