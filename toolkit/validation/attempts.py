"""A statistic that cannot be computed leaves its reason in the run, and the other statistics go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from toolkit.disclosure.thresholds import NOT_SHOWN
from toolkit.errors import Code, Problem, StatisticsError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotComputed:
    """A statistic that is absent, and why.

    Attributes
    ----------
    statistic : str
        Its name, such as ``cronbach_alpha``.
    scale : str or None
        The scale it belongs to; None for all items together.
    problems : tuple of Problem
        The reasons.
    """

    statistic: str
    scale: str | None
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the absence as JSON-ready values."""
        return {
            "statistic": self.statistic,
            "scale": self.scale,
            "problems": [problem_dict(problem) for problem in self.problems],
        }


@dataclass(slots=True)
class Attempts:
    """Runs statistics and keeps what went wrong and what must be known.

    Attributes
    ----------
    smallest_group : int
        Persons that every statistic must rest on; 0 where nothing has to be hidden.
    check : callable or None
        Called before each statistic, and by long ones in between; what it raises ends the run.
    not_computed : list of NotComputed
        What is absent.
    warnings : list of (str, str or None, Problem)
        What must be known about a number: the statistic, its scale, and the warning.
    """

    smallest_group: int = 0
    check: Callable[[], None] | None = None
    not_computed: list[NotComputed] = field(default_factory=list)
    warnings: list[tuple[str, str | None, Problem]] = field(default_factory=list)

    def attempt(self, statistic: str, compute: Callable[[], T], *, n_behind: int, scale: str | None = None) -> T | None:
        """Return the statistic, or None when it cannot be computed from these answers or rests on too few persons."""
        if self.check is not None:
            self.check()
        if n_behind < self.smallest_group:
            self.not_computed.append(
                NotComputed(statistic=statistic, scale=scale, problems=(too_few(self.smallest_group),))
            )
            return None
        try:
            result = compute()
        except StatisticsError as error:
            self.not_computed.append(NotComputed(statistic=statistic, scale=scale, problems=error.problems))
            return None
        self.warnings.extend((statistic, scale, problem) for problem in getattr(result, "warnings", ()))
        return result


def too_few(smallest_group: int) -> Problem:
    """Say that something is not shown, in the same words for few answers as for none."""
    return Problem(
        code=Code.STA_TOO_FEW_PERSONS,
        what=f"{NOT_SHOWN['en']}.",
        allowed=f"{smallest_group} persons or more behind every figure",
        fix="Ask more people.",
    )


def problem_dict(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON-ready values, without its empty places."""
    names = ("code", "what", "fix", "file", "line", "key", "row", "column", "item", "got", "allowed")
    values = {name: getattr(problem, name) for name in names}
    return {name: str(value) if name == "code" else value for name, value in values.items() if value is not None}
