"""Signs of careless answers: how many persons show them, and what alpha is without these persons. Nobody is removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from toolkit import psychometrics as pm
from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics.screening import FEWEST_SCALES
from toolkit.validation.attempts import Attempts
from toolkit.validation.scales import AlphaUnder, ScaleResult, alpha_under

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.psychometrics import CarelessRespondingResult
    from toolkit.validation.plan import ValidationPlan

STATISTIC = "careless_responding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One sign of careless answers.

    Attributes
    ----------
    index : str
        Its name in :func:`~toolkit.psychometrics.careless_responding`.
    rule : str
        When it counts, in words.
    cutoff : float
        The number that the rule speaks of.
    n_computed, n_flagged : int or None
        Persons for whom it can be computed, and who show it; None where that would tell about too few.
    """

    index: str
    rule: str
    cutoff: float
    n_computed: int | None
    n_flagged: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Screening:
    """Signs of careless answers, and alpha with and without who shows several.

    Attributes
    ----------
    n_persons : int
        Persons screened.
    minimum_flags : int
        Signs that make a person flagged.
    n_flagged : int or None
        Persons flagged; None where that would tell about too few.
    signs : tuple of Sign
        Each sign with its cut-off.
    alpha : mapping of str to tuple of AlphaUnder
        By scale, alpha of everyone and without the flagged.
    method : str
        The signs in words.
    """

    n_persons: int
    minimum_flags: int
    n_flagged: int | None
    signs: tuple[Sign, ...]
    alpha: Mapping[str, tuple[AlphaUnder, AlphaUnder]]
    method: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            "n_persons": self.n_persons,
            "minimum_flags": self.minimum_flags,
            "n_flagged": self.n_flagged,
            "signs": [asdict(sign) for sign in self.signs],
            "alpha": {scale: [line.to_dict() for line in lines] for scale, lines in self.alpha.items()},
            "method": self.method,
        }


def screen(
    instrument: Instrument,
    frame: pd.DataFrame,
    scored: pd.DataFrame,
    scales: Mapping[str, ScaleResult],
    plan: ValidationPlan,
    attempts: Attempts,
) -> Screening | None:
    """Screen the answers to the analysed items of the scales; None where that cannot be done.

    Parameters
    ----------
    instrument : Instrument
        What was answered.
    frame : DataFrame, persons x columns
        Answers as given, missing codes included.
    scored : DataFrame, persons x items
        Answers after reversing, missing codes as NaN.
    scales : mapping of str to ScaleResult
        What was found for each scale.
    plan : ValidationPlan
        The decisions.
    attempts : Attempts
        Keeps what cannot be computed.
    """
    in_scales = {item for scale in scales.values() for item in scale.analysed}
    items = [item for item in instrument.item_codes if item in in_scales]
    given = frame[items].where(scored[items].notna())
    long_enough = {code: list(scale.analysed) for code, scale in scales.items() if len(scale.analysed) > 1}

    def compute() -> CarelessRespondingResult:
        points = {instrument.points(item) for item in items}
        if len(points) > 1:
            raise StatisticsError(_different_points(len(points)))
        return pm.careless_responding(
            given,
            reverse=[item for item in items if any(item in scale.reversed for scale in scales.values())],
            codes=next(iter(points), None),
            scales=long_enough if len(long_enough) >= FEWEST_SCALES else None,
        )

    found = attempts.attempt(STATISTIC, compute, n_behind=int(given.notna().any(axis=1).sum()))
    if found is None:
        return None
    smallest_group, n = attempts.smallest_group, found.n_persons
    everyone = pd.Series(True, index=scored.index)
    groups = (("everyone", everyone), ("without_flagged", ~found.table["flagged"]))
    alpha = {}
    for code, scale in scales.items():
        if scale.alpha is not None:
            answers = scored[list(scale.analysed)]
            first, second = (
                alpha_under(rule, answers, group, plan.missing, plan, smallest_group) for rule, group in groups
            )
            alpha[code] = (first, second)
    return Screening(
        n_persons=n,
        minimum_flags=found.minimum_flags,
        n_flagged=_count(len(found.flagged), n, smallest_group),
        signs=tuple(
            Sign(
                index=str(index),
                rule=str(row["rule"]),
                cutoff=float(row["cutoff"]),
                n_computed=_count(int(row["n_computed"]), n, smallest_group),
                n_flagged=_count(int(row["n_flagged"]), n, smallest_group),
            )
            for index, row in found.cutoffs.iterrows()
        ),
        alpha=alpha,
        method=found.method,
    )


def _count(count: int, of: int, smallest_group: int) -> int | None:
    """Return a count, or None where it or the rest are a few persons."""
    return None if any(0 < few < smallest_group for few in (count, of - count)) else count


def _different_points(n_sets: int) -> Problem:
    return Problem(
        code=Code.STA_UNDEFINED,
        what="Signs of careless answers need items that all offer the same codes.",
        got=f"{n_sets} different sets of codes",
        allowed="one",
        fix="Screen the items of each set by themselves, with careless_responding.",
    )
