"""Which groups a validation compares the measurement over, so that none is too small to be compared or to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from toolkit.disclosure.thresholds import NOT_SHOWN
from toolkit.errors import Code, Problem, ResponsesError
from toolkit.validation.attempts import Attempts, NotComputed, too_few

if TYPE_CHECKING:
    from toolkit.validation.plan import ValidationPlan

SMALLEST_GROUP_COMPARED = 50
"""Groups with fewer persons are left out of the comparison: their moments say next to nothing about a model."""
STATISTIC = "invariance"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupChoice:
    """The groups of a column.

    Attributes
    ----------
    by : str
        The column.
    of_person : Series of str
        The group of each person who is used; empty where no comparison is possible.
    n_of_groups : mapping of str to int
        Persons of each group that is used, in the order in which groups appear.
    left_out : tuple of str
        Groups that are too small; not named where that would tell about few persons.
    """

    by: str
    of_person: pd.Series[str]
    n_of_groups: dict[str, int]
    left_out: tuple[str, ...]

    @property
    def used(self) -> bool:
        """Whether there are groups to compare."""
        return len(self.n_of_groups) > 1

    def to_dict(self) -> dict[str, Any]:
        """Return the choice as JSON-ready values."""
        return {"by": self.by, "n_of_groups": dict(self.n_of_groups), "left_out": list(self.left_out)}


def check_column(frame: pd.DataFrame, plan: ValidationPlan) -> None:
    """Refuse a column of groups that the answers do not have.

    Raises
    ------
    ResponsesError
        ``RSP_NO_SUCH_COLUMN``.
    """
    if plan.confirm and plan.invariance_by is not None and plan.invariance_by not in frame.columns:
        raise ResponsesError(
            Problem(
                code=Code.RSP_NO_SUCH_COLUMN,
                column=plan.invariance_by,
                what="The answers have no column of this name to compare the measurement over.",
                got=plan.invariance_by,
                fix="Name a column of the answers, such as language or unit.",
            )
        )


def choose_groups(frame: pd.DataFrame, answers: pd.DataFrame, plan: ValidationPlan, attempts: Attempts) -> GroupChoice:
    """Choose the groups to compare, and say why there are none.

    With a smallest group, nothing is compared where those left out are fewer than it: they would stand in the
    difference from the figures of everyone.

    Parameters
    ----------
    frame : DataFrame, persons x columns
        Answers with the column of groups.
    answers : DataFrame, persons x items
        The persons of the model.
    plan : ValidationPlan
        The decisions.
    attempts : Attempts
        Keeps what cannot be computed.
    """
    by = str(plan.invariance_by)
    column = frame.loc[answers.index, by].astype("str").where(frame.loc[answers.index, by].notna())
    column = column.where(column != "")
    counts = {str(group): int(count) for group, count in column.value_counts(sort=False).items()}
    counts = {group: counts[group] for group in dict.fromkeys(column.dropna())}
    smallest = max(SMALLEST_GROUP_COMPARED, attempts.smallest_group)
    kept = {group: count for group, count in counts.items() if count >= smallest}
    of_person = column[column.isin(list(kept))]
    outside = len(answers) - len(of_person)
    hidden = attempts.smallest_group > 0
    left_out = () if hidden else tuple(group for group in counts if group not in kept)
    if 0 < outside < attempts.smallest_group:
        attempts.not_computed.append(
            NotComputed(statistic=STATISTIC, scale=None, problems=(too_few(attempts.smallest_group),))
        )
        return GroupChoice(by=by, of_person=of_person[:0], n_of_groups={}, left_out=())
    if len(kept) < 2:
        problem = _not_two(by, counts, smallest, all_waves=plan.all_waves, hidden=hidden)
        attempts.not_computed.append(NotComputed(statistic=STATISTIC, scale=None, problems=(problem,)))
        return GroupChoice(by=by, of_person=of_person[:0], n_of_groups={}, left_out=left_out)
    if len(kept) < len(counts):
        attempts.warnings.append((STATISTIC, None, _small(by, left_out, len(counts) - len(kept), smallest, hidden)))
    return GroupChoice(by=by, of_person=of_person, n_of_groups=kept, left_out=left_out)


def _not_two(by: str, counts: dict[str, int], smallest: int, *, all_waves: bool, hidden: bool) -> Problem:
    fix = "Name a column whose groups are larger, or ask more people."
    if by == "wave" and not all_waves:
        fix = "Only one wave is used. Take all of them together (--all-waves) where every person answered once."
    told = ", ".join(f"{group}: {count}" for group, count in list(counts.items())[:10])
    return Problem(
        code=Code.STA_TOO_FEW_PERSONS,
        column=by,
        what="There are not two groups large enough to compare the measurement over.",
        got=NOT_SHOWN["en"] if hidden else told or "no value in the column",
        allowed=f"two groups with {smallest} persons or more each",
        fix=fix,
    )


def _small(by: str, left_out: tuple[str, ...], n: int, smallest: int, hidden: bool) -> Problem:
    return Problem(
        code=Code.STA_TOO_FEW_PERSONS,
        column=by,
        what="Groups that are too small are left out of the comparison of the measurement.",
        got=NOT_SHOWN["en"] if hidden else f"{n} left out: {', '.join(left_out[:10])}",
        allowed=f"{smallest} persons or more in each group",
        fix="Join groups that belong together before the analysis, or ask more people.",
    )
