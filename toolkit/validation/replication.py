"""The same quantities from independent programs, side by side with the toolkit's, on the same persons.

Both programs use complete persons only, so the toolkit's number is computed on them too, whatever the plan says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from toolkit import psychometrics as pm
from toolkit.validation.attempts import Attempts
from toolkit.validation.data import n_behind

if TYPE_CHECKING:
    from toolkit.validation.plan import ValidationPlan
    from toolkit.validation.structure import Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Replication:
    """One quantity from two programs.

    Attributes
    ----------
    quantity : str
        What was computed, such as ``cronbach_alpha``.
    of : str
        The scale or item it belongs to; ``all items`` for all together.
    ours, theirs : float
        The toolkit's number and the other program's.
    peer, peer_version : str
        The other program.
    n_persons : int
        Complete persons behind both numbers.
    tolerance : float
        Largest difference that rounding and convergence of the other program explain.
    note : str
        What is known about the other program's number.
    """

    quantity: str
    of: str
    ours: float
    theirs: float
    peer: str
    peer_version: str
    n_persons: int
    tolerance: float
    note: str

    @property
    def difference(self) -> float:
        """The toolkit's number minus the other program's."""
        return self.ours - self.theirs

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance, relative to numbers above one."""
        return abs(self.difference) <= self.tolerance * max(1.0, abs(self.theirs))

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready values."""
        return {
            "quantity": self.quantity,
            "of": self.of,
            "ours": self.ours,
            "theirs": self.theirs,
            "difference": self.difference,
            "tolerance": self.tolerance,
            "agrees": self.agrees,
            "peer": self.peer,
            "peer_version": self.peer_version,
            "n_persons": self.n_persons,
            "note": self.note,
        }


def replicate(
    scored: pd.DataFrame,
    scales: Mapping[str, Sequence[str]],
    structure: Structure | None,
    plan: ValidationPlan,
    attempts: Attempts,
) -> tuple[Replication, ...]:
    """Compute alpha by pingouin, and KMO, Bartlett's test and communalities by factor_analyzer.

    Parameters
    ----------
    scored : DataFrame, persons x items
        Answers after reversing, missing codes as NaN.
    scales : mapping of str to sequence of str
        The items of each scale for which alpha exists.
    structure : Structure or None
        The exploration whose numbers are repeated.
    plan : ValidationPlan
        Extraction and level.
    attempts : Attempts
        Keeps what cannot be repeated.
    """
    found: list[Replication] = []

    def keep(
        statistic: str,
        lines: Callable[[pd.DataFrame], Iterator[Replication]],
        items: Sequence[str],
        scale: str | None = None,
    ) -> None:
        answers = scored[list(items)]
        # What has no value in one of the programs cannot be compared; the warnings of the statistic say why.
        n = n_behind(answers, "listwise")
        compared = attempts.attempt(statistic, lambda: tuple(lines(answers)), n_behind=n, scale=scale) or ()
        found.extend(line for line in compared if isfinite(line.difference))

    for code, items in scales.items():
        keep("replication_alpha", partial(_alpha, code=code, plan=plan), items, code)
    if structure is not None and structure.kaiser_meyer_olkin is not None:
        keep("replication_suitability", _suitability, structure.items)
    if structure is not None and structure.efa is not None:
        keep("replication_efa", partial(_communalities, n_factors=structure.n_factors, plan=plan), structure.items)
    return tuple(found)


def _alpha(answers: pd.DataFrame, code: str, plan: ValidationPlan) -> Iterator[Replication]:
    from toolkit.psychometrics.pingouin_adapter import replicate_cronbach_alpha

    ours = pm.cronbach_alpha(answers, missing="listwise", level=plan.level)
    alpha, low, high = replicate_cronbach_alpha(answers, level=plan.level)
    for quantity, mine, theirs, tolerance, note in (
        ("cronbach_alpha", ours.estimate, alpha, 1e-9, ""),
        ("cronbach_alpha_low", ours.interval.low, low, 0.0005 + 1e-9, "pingouin rounds the limits to 3 decimals"),
        ("cronbach_alpha_high", ours.interval.high, high, 0.0005 + 1e-9, "pingouin rounds the limits to 3 decimals"),
    ):
        yield _line(quantity, code, mine, theirs, "pingouin", ours.n_persons, tolerance, note)


def _suitability(answers: pd.DataFrame) -> Iterator[Replication]:
    from toolkit.psychometrics.factors.factor_analyzer_adapter import (
        replicate_bartlett_sphericity,
        replicate_kaiser_meyer_olkin,
    )

    kmo = pm.kaiser_meyer_olkin(answers, missing="listwise")
    overall, per_item = replicate_kaiser_meyer_olkin(answers)
    peer = "factor_analyzer"
    yield _line("kaiser_meyer_olkin", "all items", kmo.overall, overall, peer, kmo.n_persons, 1e-9, "")
    for item, mine, theirs in zip(kmo.per_item.index, kmo.per_item, per_item, strict=True):
        yield _line("kaiser_meyer_olkin", str(item), float(mine), float(theirs), peer, kmo.n_persons, 1e-9, "")
    bartlett = pm.bartlett_sphericity(answers, missing="listwise")
    chi_square, _ = replicate_bartlett_sphericity(answers)
    yield _line("bartlett_chi_square", "all items", bartlett.chi_square, chi_square, peer, bartlett.n_persons, 1e-9, "")


def _communalities(answers: pd.DataFrame, n_factors: int, plan: ValidationPlan) -> Iterator[Replication]:
    from toolkit.psychometrics.factors.factor_analyzer_adapter import replicate_communalities

    ours = pm.efa(answers, n_factors=n_factors, method=plan.method, rotation="none", missing="listwise")
    theirs = replicate_communalities(answers, n_factors=n_factors, method=plan.method)
    note = "factor_analyzer minimises with numerical derivatives and stops early"
    for item, mine, other in zip(ours.communalities.index, ours.communalities, np.asarray(theirs), strict=True):
        yield _line("communality", str(item), float(mine), float(other), "factor_analyzer", ours.n_persons, 2e-3, note)


def _line(
    quantity: str, of: str, ours: float, theirs: float, peer: str, n_persons: int, tolerance: float, note: str
) -> Replication:
    return Replication(
        quantity=quantity,
        of=of,
        ours=ours,
        theirs=theirs,
        peer=peer,
        peer_version=version(peer),
        n_persons=n_persons,
        tolerance=tolerance,
        note=note,
    )
