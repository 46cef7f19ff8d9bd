"""What was answered: counts of answers by code, of missing answers by kind, and the items that cannot be correlated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.disclosure.thresholds import NOT_SHOWN
from toolkit.errors import Code, Problem, ResponsesError

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.validation.plan import Missing
    from toolkit.validation.waves import WaveChoice

MINIMUM_PERSONS = 3
"""With fewer persons no correlation has a meaning, and the run is refused."""
UNANSWERED = "unanswered"
"""Name of the kind of missing answer that has no code: the question was left blank or never shown."""
STRUCTURAL_TREATMENT = (
    "A structural code says that the question does not apply to the person. It is never scored. In scale scores it "
    "counts against the scale's limit of items that do not apply; in correlations the person is left out of the pairs "
    "with that item, which is not the same as missing at random."
)
"""How ``not_relevant`` and other structural codes were treated, in words."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DataSummary:
    """Who answered what.

    Attributes
    ----------
    n_persons : int
        Respondents in the file.
    n_persons_without_answer : int
        Of these, respondents with no scored answer to any item.
    n_complete : int
        Respondents with a scored answer to every analysed item: the listwise number.
    smallest_pairwise_n : int
        Respondents behind the pair of analysed items that the fewest answered both.
    smallest_pair : tuple of str
        That pair.
    missing : DataFrame, items x kinds
        For each item the number answered, ``unanswered``, and the count of each missing code.
    distribution : DataFrame, items x codes
        For each item the count of every code as it was given, missing codes included; NaN where the item has no
        such code. The last column is ``unanswered``.
    structural : tuple of str
        Names of the missing codes that mean "does not apply".
    n_persons_with_structural : int
        Respondents who used such a code at least once.
    smallest_group : int
        Persons that every figure must rest on; items with fewer answers read as unanswered. 0 where nothing is hidden.
    wave : str or None
        The wave that the answers belong to; None where they name none, or all waves are used.
    waves : tuple of str
        All waves of the answers that were given, the earliest first.
    synthetic : bool
        Whether the answers say of themselves that a program made them: every ``wave`` is ``synthetic``.
    analysed : tuple of str
        Items that enter correlations.
    excluded : tuple of Problem
        Items that do not, each with the reason.
    """

    n_persons: int
    n_persons_without_answer: int
    n_complete: int
    smallest_pairwise_n: int
    smallest_pair: tuple[str, ...]
    missing: pd.DataFrame
    distribution: pd.DataFrame
    structural: tuple[str, ...]
    n_persons_with_structural: int
    smallest_group: int
    wave: str | None
    waves: tuple[str, ...]
    synthetic: bool
    analysed: tuple[str, ...]
    excluded: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the counts by item, which stand with the items, as JSON-ready values."""
        return {
            "n_persons": self.n_persons,
            "n_persons_without_answer": self.n_persons_without_answer,
            "n_complete": self.n_complete,
            "smallest_pairwise_n": self.smallest_pairwise_n,
            "smallest_pair": list(self.smallest_pair),
            "missing_total": {str(kind): int(count) for kind, count in self.missing.sum().items()},
            "structural": {
                "names": list(self.structural),
                "n_persons": self.n_persons_with_structural,
                "treatment": STRUCTURAL_TREATMENT,
            },
            "smallest_group": self.smallest_group,
            "wave": self.wave,
            "waves": list(self.waves),
            "synthetic": self.synthetic,
            "analysed_items": list(self.analysed),
            "excluded_items": [problem.item for problem in self.excluded],
        }


def check_frame(instrument: Instrument, frame: pd.DataFrame, *, smallest_group: int) -> None:
    """Refuse a frame that repeats respondents or has too few of them with an answer.

    With a ``smallest_group`` the refusal of a small group does not tell how small it is.

    Raises
    ------
    ResponsesError
        ``RSP_MISSING_COLUMN``, ``RSP_RESPONDENT_TWICE``, ``RSP_NO_ANSWERS`` or ``RSP_TOO_FEW_RESPONDENTS``.
    """
    absent = [item for item in instrument.item_codes if item not in frame.columns]
    if absent:
        raise ResponsesError(
            Problem(
                code=Code.RSP_MISSING_COLUMN,
                column=item,
                item=item,
                what=f"The answers have no column for this item of {instrument.name}.",
                fix="Read the file with read_responses, or add the column with NaN for everyone.",
            )
            for item in absent
        )
    if not frame.index.is_unique:
        raise ResponsesError(
            Problem(
                code=Code.RSP_RESPONDENT_TWICE,
                what="Two rows have the same respondent id.",
                got=str(frame.index[frame.index.duplicated()][0]),
                fix="Give every respondent one row and one id.",
            )
        )
    answered = np.zeros(len(frame), dtype=bool)
    for item in instrument.item_codes:
        answered |= frame[item].isin(instrument.points(item)).to_numpy()
    if answered.sum() < smallest_group:
        raise ResponsesError(
            Problem(
                code=Code.RSP_TOO_FEW_RESPONDENTS,
                what=f"{NOT_SHOWN['en']}.",
                allowed=f"{smallest_group} or more",
                fix="Ask more people.",
            )
        )
    if not answered.any():
        raise ResponsesError(
            Problem(
                code=Code.RSP_NO_ANSWERS,
                what="No respondent has answered any item.",
                got=f"{len(frame)} respondents, 0 answers",
                fix="Check the column names (--map) and the codes for missing answers (--missing).",
            )
        )
    if answered.sum() < MINIMUM_PERSONS:
        raise ResponsesError(
            Problem(
                code=Code.RSP_TOO_FEW_RESPONDENTS,
                what="There are too few respondents with an answer for a validation.",
                got=f"{int(answered.sum())} of {len(frame)} respondents",
                allowed=f"{MINIMUM_PERSONS} or more",
                fix="Collect more answers first; an item analysis asks for about 100.",
            )
        )


def without_rare_items(instrument: Instrument, frame: pd.DataFrame, *, smallest_group: int) -> pd.DataFrame:
    """Blank the items that fewer persons answered with a point, so that they read as if nobody had been asked."""
    rare = [item for item in instrument.item_codes if frame[item].isin(instrument.points(item)).sum() < smallest_group]
    return frame.assign(**dict.fromkeys(rare, np.nan))


def n_behind(answers: pd.DataFrame, missing: Missing) -> int:
    """Count the persons who bear a statistic of several items.

    Under ``listwise`` they are those who answered all items, under ``pairwise`` those behind the pair of items that
    the fewest answered both.
    """
    given = answers.notna().to_numpy(dtype=np.int64)
    if missing == "listwise":
        return int(given.all(axis=1).sum()) if given.shape[1] else 0
    return int((given.T @ given).min()) if given.size else 0


def summarise(
    instrument: Instrument, frame: pd.DataFrame, scored: pd.DataFrame, chosen: WaveChoice, *, smallest_group: int
) -> DataSummary:
    """Count the answers.

    Parameters
    ----------
    instrument : Instrument
        The instrument that was answered.
    frame : DataFrame, persons x columns
        The answers as given, missing codes included.
    scored : DataFrame, persons x items
        The same answers with missing codes as NaN.
    chosen : WaveChoice
        Which wave they are.
    smallest_group : int
        Persons that every figure must rest on.
    """
    items = list(instrument.item_codes)
    excluded = _excluded(scored, smallest_group)
    out = {problem.item for problem in excluded}
    analysed = [item for item in scored.columns if item not in out]
    given = scored[analysed].notna().to_numpy(dtype=np.int64)
    pairs = given.T @ given
    low = _fewest(pairs)
    structural = tuple(name for name, missing in instrument.missing_codes.items() if missing.structural)
    structural_codes = [instrument.missing_codes[name].code for name in structural]
    return DataSummary(
        n_persons=len(frame),
        n_persons_without_answer=int(scored.isna().all(axis=1).sum()),
        n_complete=int(given.all(axis=1).sum()) if analysed else 0,
        smallest_pairwise_n=int(pairs.min()) if pairs.size else 0,
        smallest_pair=tuple(analysed[i] for i in low),
        missing=_missing(instrument, frame[items]),
        distribution=_distribution(instrument, frame[items]),
        structural=structural,
        n_persons_with_structural=int(frame[items].isin(structural_codes).any(axis=1).sum()),
        smallest_group=smallest_group,
        wave=chosen.wave,
        waves=chosen.waves,
        synthetic="wave" in frame.columns and bool((frame["wave"] == "synthetic").all()),
        analysed=tuple(analysed),
        excluded=excluded,
    )


def _fewest(pairs: NDArray[np.int64]) -> tuple[int, ...]:
    """Return the positions of the two items that the fewest persons answered both; none below two items."""
    if pairs.shape[0] <= 1:
        return ()
    upper = np.triu_indices(len(pairs), k=1)
    lowest = int(np.argmin(pairs[upper]))
    return int(upper[0][lowest]), int(upper[1][lowest])


def without_structural(instrument: Instrument, frame: pd.DataFrame, items: Sequence[str]) -> pd.Series[bool]:
    """Tell which persons used no structural code on these items."""
    codes = [missing.code for missing in instrument.missing_codes.values() if missing.structural]
    return ~frame[list(items)].isin(codes).any(axis=1)


def _excluded(scored: pd.DataFrame, smallest_group: int) -> tuple[Problem, ...]:
    """Find items that nobody answered or everybody answered alike."""
    problems = []
    for item in scored.columns:
        values = scored[item].dropna()
        if values.empty and smallest_group:
            problems.append(
                Problem(
                    code=Code.STA_ALL_MISSING_ITEM,
                    item=str(item),
                    what=f"{NOT_SHOWN['en']}; the item is left out of every correlation.",
                    allowed=f"{smallest_group} answers or more",
                    fix="Ask more people.",
                )
            )
        elif values.empty:
            problems.append(
                Problem(
                    code=Code.STA_ALL_MISSING_ITEM,
                    item=str(item),
                    what="Nobody answered the item, so it is left out of every correlation.",
                    got=f"0 answers of {len(scored)} respondents",
                    fix="Check the column and its missing codes, or leave the item out of the instrument.",
                )
            )
        elif values.min() == values.max():
            problems.append(
                Problem(
                    code=Code.STA_CONSTANT_ITEM,
                    item=str(item),
                    what="Everybody gave the same answer, so the item is left out of every correlation.",
                    got=f"{values.iloc[0]:g} from {len(values)} respondents",
                    fix="Collect answers from more, and more different, respondents, or leave the item out.",
                )
            )
    return tuple(problems)


def _missing(instrument: Instrument, answers: pd.DataFrame) -> pd.DataFrame:
    """Count for each item the scored answers, the unanswered, and each missing code."""
    counts = pd.DataFrame(index=pd.Index(answers.columns, name="item"))
    codes = {name: missing.code for name, missing in instrument.missing_codes.items()}
    blank = answers.isna().sum()
    by_code = {name: (answers == code).sum() for name, code in codes.items()}
    counts["answered"] = len(answers) - blank - sum(by_code.values(), start=blank * 0)
    counts[UNANSWERED] = blank
    for name, count in by_code.items():
        counts[name] = count
    return counts


def _distribution(instrument: Instrument, answers: pd.DataFrame) -> pd.DataFrame:
    """Count for each item every code that it may be answered with."""
    points = sorted({code for item in answers.columns for code in instrument.points(item)})
    beside = dict.fromkeys(code for item in answers.columns for code in instrument.codes(item) if code not in points)
    codes = [*points, *beside]
    table = pd.DataFrame(np.nan, index=pd.Index(answers.columns, name="item"), columns=[*map(str, codes), UNANSWERED])
    for item in answers.columns:
        counts = answers[item].value_counts()
        for code in instrument.codes(item):
            table.loc[item, str(code)] = counts.get(float(code), 0)
    table[UNANSWERED] = answers.isna().sum()
    return table.astype("Int64")
