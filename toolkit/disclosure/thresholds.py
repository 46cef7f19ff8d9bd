"""The floors below which nothing is shown or exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from toolkit.errors import Code, ComparisonError, Problem

FLOOR_FOR_DISTRIBUTIONS = 10
"""People a distribution, or a subgroup's figure, must rest on."""

FLOOR_FOR_CELLS = 5
"""People who must share a combination of background answers in a person-level export, and a unit's mean."""

FLOOR_FOR_LEADERS = 10
"""People a figure must rest on that rates one leader."""

NOT_SHOWN = {
    "en": "Not shown: too few answers or none",
    "nb": "Vises ikke: for få svar eller ingen",
}
"""What stands in an empty or suppressed place, so that the two look the same."""

CellKind = Literal["mean", "distribution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The floors of one deployment: they may be raised, never lowered under the defaults.

    Attributes
    ----------
    floor_mean : int
        People a mean, a response rate or another single figure must rest on.
    floor_distribution : int
        People a distribution must rest on.
    floor_leader : int
        People any figure must rest on that rates one leader.

    Raises
    ------
    ComparisonError
        ``CMP_FLOOR`` for a floor that is not a whole number, or lower than its default.

    Examples
    --------
    >>> Policy().floor("mean"), Policy().floor("mean", rates_leader=True), Policy(floor_mean=8).floor("mean")
    (5, 10, 8)
    >>> Policy(floor_mean=8).lowest("mean")
    5
    """

    floor_mean: int = FLOOR_FOR_CELLS
    floor_distribution: int = FLOOR_FOR_DISTRIBUTIONS
    floor_leader: int = FLOOR_FOR_LEADERS

    def __post_init__(self) -> None:
        """Refuse floors under the defaults."""
        problems = [
            Problem(
                code=Code.CMP_FLOOR,
                what="A floor cannot be lower than its default.",
                key=name,
                got=repr(floor),
                allowed=f"a whole number, {lowest} or more",
                fix="Raise the floor, or leave it out.",
            )
            for name, (floor, lowest) in {
                "floor_mean": (self.floor_mean, FLOOR_FOR_CELLS),
                "floor_distribution": (self.floor_distribution, FLOOR_FOR_DISTRIBUTIONS),
                "floor_leader": (self.floor_leader, FLOOR_FOR_LEADERS),
            }.items()
            if type(floor) is not int or floor < lowest
        ]
        if problems:
            raise ComparisonError(problems)

    def floor(self, kind: CellKind, *, rates_leader: bool = False) -> int:
        """Return the floor of one kind of cell; a cell that rates a leader has the higher of both floors."""
        floor = self.floor_mean if kind == "mean" else self.floor_distribution
        return max(floor, self.floor_leader) if rates_leader else floor

    def lowest(self, kind: CellKind, *, rates_leader: bool = False) -> int:
        """Return the lowest floor that any deployment may have for a kind of cell."""
        return Policy().floor(kind, rates_leader=rates_leader)
