"""What it does to the numbers that staff of one unit resemble each other: design effects, and intervals with units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from toolkit import psychometrics as pm
from toolkit.validation.attempts import Attempts, NotComputed, too_few

if TYPE_CHECKING:
    from toolkit.instruments.scoring import ScoreTable
    from toolkit.psychometrics import AlphaResult, DesignEffectsResult, OmegaResult
    from toolkit.validation.plan import ValidationPlan
    from toolkit.validation.scales import ScaleResult

T = TypeVar("T", "AlphaResult", "OmegaResult")

STATISTIC = "design_effects"
TOGETHER = "\0"
"""Stands for the unit of those without one, and of units too small to be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignEffect:
    """How much the persons of a unit resemble each other in one score or item, and what that does to its mean.

    Attributes
    ----------
    n_persons, n_units : int
        Persons with a unit and a value, and their units.
    n0, weighted_size : float
        The unit size that ICC(1) uses, and the mean size of a person's unit.
    icc1, low, high, level : float
        ICC(1) with its limits and their level.
    icc2 : float
        Reliability of the mean of a unit.
    design_effect, effective_n : float
        How many times the variance of the mean is what independent persons would give, and how many of these would
        give it.
    """

    n_persons: int
    n_units: int
    n0: float
    weighted_size: float
    icc1: float
    low: float
    high: float
    level: float
    icc2: float
    design_effect: float
    effective_n: float

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON-ready values."""
        return {
            name: None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """The units of the respondents, and what they do to the numbers.

    Attributes
    ----------
    n_units, n_persons : int
        Units, and respondents who name one.
    n_persons_without : int or None
        Respondents who name none; None where that would tell about too few.
    scales, items : mapping of str to DesignEffect
        Of each scale's score and of each item; those that can be computed.
    alpha : mapping of str to AlphaResult
        Alpha of each scale with an interval that respects units.
    omega : mapping of str to OmegaResult
        Omega of each scale likewise.
    method : str
        The formulas in words.
    """

    n_units: int
    n_persons: int
    n_persons_without: int | None
    scales: Mapping[str, DesignEffect]
    items: Mapping[str, DesignEffect]
    alpha: Mapping[str, AlphaResult]
    omega: Mapping[str, OmegaResult]
    method: str

    def of_scale(self, scale: str) -> dict[str, Any]:
        """Return what belongs to one scale as JSON-ready values."""
        effect, alpha, omega = self.scales.get(scale), self.alpha.get(scale), self.omega.get(scale)
        return {
            "design_effect": None if effect is None else effect.to_dict(),
            "alpha": None if alpha is None else alpha.to_dict(),
            "omega": None if omega is None else omega.to_dict(),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return what belongs to all persons as JSON-ready values."""
        return {
            "n_units": self.n_units,
            "n_persons": self.n_persons,
            "n_persons_without": self.n_persons_without,
            "method": self.method,
        }

    def typical_item(self, items: tuple[str, ...]) -> tuple[float, float]:
        """Return the mean ICC(1) and the mean design effect of items; NaN where no item has one."""
        found = [self.items[item] for item in items if item in self.items]
        if not found:
            return float("nan"), float("nan")
        return float(np.mean([one.icc1 for one in found])), float(np.mean([one.design_effect for one in found]))


def unit_effects(
    frame: pd.DataFrame,
    scored: pd.DataFrame,
    scores: ScoreTable,
    scales: Mapping[str, ScaleResult],
    plan: ValidationPlan,
    attempts: Attempts,
) -> Units | None:
    """Compare the persons of units; None unless two units have two persons or more.

    With a smallest group, units with fewer persons behind a number do not stand alone in it: they are left out of
    design effects, and count together as one unit in the intervals; not at all where together they are too few.

    Parameters
    ----------
    frame : DataFrame, persons x columns
        Answers as given, with the column ``unit``, where there are units.
    scored : DataFrame, persons x items
        Answers after reversing, missing codes as NaN.
    scores : ScoreTable
        Scores of all scales.
    scales : mapping of str to ScaleResult
        What was found for each scale.
    plan : ValidationPlan
        The decisions.
    attempts : Attempts
        Keeps what cannot be computed.
    """
    if "unit" not in frame.columns:
        return None
    units = frame["unit"].astype(object).where(frame["unit"].notna(), None)
    sizes = units.value_counts()
    if (sizes >= 2).sum() < 2:
        return None
    if (sizes >= attempts.smallest_group).sum() < 2:
        reason = too_few(attempts.smallest_group)
        attempts.not_computed.append(NotComputed(statistic=STATISTIC, scale=None, problems=(reason,)))
        return None
    without = int(units.isna().sum())
    of_scales = _effects(scores.scores[list(scales)], units, plan, attempts, named=True)
    analysed = list(dict.fromkeys(item for scale in scales.values() for item in scale.analysed))
    of_items = _effects(scored[analysed], units, plan, attempts, named=False)
    alpha: dict[str, AlphaResult] = {}
    omega: dict[str, OmegaResult] = {}
    for code, scale in scales.items():
        answers = scored[list(scale.analysed)]
        if scale.alpha is not None:
            found = _with_units("cronbach_alpha", pm.cronbach_alpha, code, answers, units, plan, attempts)
            alpha |= {} if found is None else {code: found}
        if scale.omega is not None:
            fitted = _with_units("composite_omega", pm.composite_omega, code, answers, units, plan, attempts)
            omega |= {} if fitted is None else {code: fitted}
    methods = [result.method for result in (of_scales, of_items) if result is not None]
    if not methods and not alpha and not omega:
        return None
    return Units(
        n_units=int(sizes.size),
        n_persons=int(sizes.sum()),
        n_persons_without=None if 0 < without < attempts.smallest_group else without,
        scales=dict(_rows(of_scales)),
        items=dict(_rows(of_items)),
        alpha=alpha,
        omega=omega,
        method=methods[0] if methods else "",
    )


def _effects(
    values: pd.DataFrame, units: pd.Series, plan: ValidationPlan, attempts: Attempts, *, named: bool
) -> DesignEffectsResult | None:
    """Compute the design effects of scores or items; ``named`` says which scale has none."""
    kept = {str(name): _told_apart(values[name], units, attempts.smallest_group) for name in values}
    for name, column in kept.items():
        if column is None and named:
            problems = (too_few(attempts.smallest_group),)
            attempts.not_computed.append(NotComputed(statistic=STATISTIC, scale=name, problems=problems))
    table = pd.DataFrame({name: column for name, column in kept.items() if column is not None}, index=values.index)
    known = units.notna() & table.notna().any(axis=1)
    if table.empty or not known.any():
        return None

    def compute() -> DesignEffectsResult:
        found = pm.design_effects(table[known], cluster=units[known], level=plan.level)
        return replace(found, warnings=_new(found.warnings, attempts, None))

    return attempts.attempt(STATISTIC, compute, n_behind=int(known.sum()))


def _told_apart(values: pd.Series, units: pd.Series, smallest_group: int) -> pd.Series | None:
    """Return the values of persons in units that are large enough; None where those left out would be told about."""
    behind = values.notna() & units.notna()
    sizes = units[behind].value_counts()
    kept = behind & ~units.isin(sizes.index[sizes < smallest_group])
    left_out = int((values.notna() & ~kept).sum())
    return None if 0 < left_out < smallest_group else values.where(kept)


def _rows(found: DesignEffectsResult | None) -> Iterator[tuple[str, DesignEffect]]:
    if found is None:
        return
    for name, row in found.table.iterrows():
        if np.isfinite(row["icc1"]):
            yield (
                str(name),
                DesignEffect(
                    n_persons=int(row["n"]),
                    n_units=int(row["n_clusters"]),
                    low=float(row["icc1_low"]),
                    high=float(row["icc1_high"]),
                    level=found.level,
                    **{
                        column: float(row[column])
                        for column in ("n0", "weighted_size", "icc1", "icc2", "design_effect", "effective_n")
                    },
                ),
            )


def _with_units(
    statistic: str,
    compute: Callable[..., T],
    scale: str,
    answers: pd.DataFrame,
    units: pd.Series,
    plan: ValidationPlan,
    attempts: Attempts,
) -> T | None:
    """Compute alpha or omega with clusters; persons without a unit, and of units too small, are one cluster."""
    answered = answers.notna()
    behind = answered.all(axis=1) if plan.missing == "listwise" else answered.any(axis=1)
    sizes = units[behind].value_counts()
    alone = units.notna() & ~units.isin(sizes.index[sizes < attempts.smallest_group])
    together = int((behind & ~alone).sum())

    def with_units() -> T:
        found = compute(answers, cluster=units.where(alone, TOGETHER), missing=plan.missing, level=plan.level)
        return replace(found, warnings=_new(found.warnings, attempts, scale))

    n_behind = 0 if 0 < together < attempts.smallest_group else int(behind.sum())
    return attempts.attempt(f"{statistic}_with_units", with_units, n_behind=n_behind, scale=scale)


def _new(warnings: tuple[Any, ...], attempts: Attempts, scale: str | None) -> tuple[Any, ...]:
    """Return the warnings that the run does not hold yet, for this scale or for all."""
    told = {problem for _, of, problem in attempts.warnings if of in (scale, None)}
    return tuple(problem for problem in warnings if problem not in told)
