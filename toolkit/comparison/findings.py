"""What can be said of a change, as a kind and its numbers; reporting turns it into sentences."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

FindingKind = Literal["rise", "fall", "no_clear_change", "cannot_be_told", "not_comparable", "not_shown"]

CHANGES = (
    *("scale", "kind", "group", "parent", "wave_from", "wave_to", "span", "n_from", "n_to"),
    *("difference", "se", "low", "high", "df", "p", "p_adjusted", "allowed", "reason"),
)
_SHARED = (
    *("scale", "group", "parent", "wave_from", "wave_to", "difference", "low", "high", "p_adjusted"),
    *("n_from", "n_to", "reason"),
)
"""What a finding repeats from its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What can be said of one group's change on one scale; reporting turns it into sentences.

    Attributes
    ----------
    kind : FindingKind
        ``rise`` or ``fall`` where the adjusted p is below 1 - level; ``no_clear_change`` where it is not, which is no
        proof that nothing changed; ``cannot_be_told`` where there is no test; ``not_comparable`` where versions or
        languages forbid the difference; ``not_shown`` where a number is hidden.
    scale, group_kind, group, parent, wave_from, wave_to : str
        What is compared, as in ``Comparison.changes``.
    difference, low, high : float
        Later wave minus earlier wave in score points, with its interval; NaN where there is none.
    level : float
        Level of the interval.
    p_adjusted : float
        The adjusted p that decided; NaN where there is none.
    n_from, n_to : int or None
        People behind the two means; None where hidden or not compared.
    reason : str
        Why there is no difference; empty where there is one.
    """

    kind: FindingKind
    scale: str
    group_kind: str
    group: str
    parent: str
    wave_from: str
    wave_to: str
    difference: float
    low: float
    high: float
    level: float
    p_adjusted: float
    n_from: int | None
    n_to: int | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON-ready values; NaN is None."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


def findings_of(changes: pd.DataFrame, *, level: float) -> tuple[Finding, ...]:
    """Return what can be said about each row of a table of changes."""
    columns = {name: changes[name].tolist() for name in CHANGES}
    for name in ("n_from", "n_to"):
        columns[name] = [None if isna else n for n, isna in zip(columns[name], changes[name].isna(), strict=True)]
    told = zip(columns["reason"], columns["p_adjusted"], columns["difference"], strict=True)
    shared = zip(*(columns[name] for name in _SHARED), strict=True)
    return tuple(
        Finding(kind=_kind(*one, level), level=level, group_kind=kind, **dict(zip(_SHARED, values, strict=True)))
        for one, kind, values in zip(told, columns["kind"], shared, strict=True)
    )


def _kind(reason: str, p_adjusted: float, difference: float, level: float) -> FindingKind:
    if reason == "not_shown":
        return "not_shown"
    if reason == "no_variance":
        return "cannot_be_told"
    if reason:
        return "not_comparable"
    if p_adjusted >= 1 - level:
        return "no_clear_change"
    return "rise" if difference > 0 else "fall"
