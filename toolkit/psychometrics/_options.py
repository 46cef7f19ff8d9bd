"""Options that all statistics spell the same, and the one check of each."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Literal, get_args

from toolkit.errors import Code, Problem, StatisticsError

Missing = Literal["listwise", "pairwise"]
"""``listwise`` uses persons who answered every item; ``pairwise`` uses, for each pair of items, who answered both."""
Correlation = Literal["pearson", "spearman", "polychoric"]
"""``pearson`` takes codes as numbers, ``spearman`` as ranks, ``polychoric`` as cut normal variables."""
Smooth = Literal["none", "eigenvalues", "nearest"]
"""What to do with a matrix that is not positive definite: leave it, raise its small eigenvalues, or take the nearest
correlation matrix."""


def one_of(value: object, alias: Any, *, name: str) -> None:
    """Refuse a value that is not among the values of a ``Literal`` alias."""
    allowed = get_args(alias)
    if value not in allowed:
        raise StatisticsError(
            Problem(
                code=Code.STA_UNKNOWN_OPTION,
                what=f"The option {name}= does not know this value.",
                got=repr(value),
                allowed=", ".join(repr(entry) for entry in allowed),
                fix=f"Give {name}= one of the allowed values.",
            )
        )


def conflict(options: str, *, why: str, fix: str) -> StatisticsError:
    """Return the error that two options cannot go together."""
    return StatisticsError(
        Problem(code=Code.STA_OPTION_CONFLICT, what=f"These options cannot go together: {why}", got=options, fix=fix)
    )


def within(
    value: float, *, name: str, low: float, high: float = float("inf"), whole: bool = False, open_ends: bool = False
) -> None:
    """Refuse a number outside a range; with ``open_ends`` the ends themselves are refused too."""
    numeric = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    inside = numeric and (low < value < high if open_ends else low <= value <= high)
    if not inside or (whole and value != int(value)):
        ends = f"more than {low:g} and less than {high:g}" if open_ends else f"{low:g} to {high:g}"
        raise StatisticsError(
            Problem(
                code=Code.STA_OPTION_RANGE,
                what=f"The option {name}= is outside its range.",
                got=repr(value),
                allowed=("a whole number, " if whole else "") + ends,
                fix=f"Give {name}= a number inside the range.",
            )
        )


def confidence(level: float) -> None:
    """Refuse a confidence level that is not between 0 and 1."""
    within(level, name="level", low=0.0, high=1.0, open_ends=True)
