"""Every reliability coefficient of one scale."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from toolkit import psychometrics as pm
from toolkit.errors import StatisticsError
from toolkit.validation.attempts import Attempts, NotComputed, too_few
from toolkit.validation.data import n_behind

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.psychometrics import ReliabilityTableResult
    from toolkit.validation.plan import ValidationPlan

MOST_POINTS = 12
"""Points of an answer scale up to which its codes are also taken as ordered answers."""
STATISTIC = "reliability_table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """One reliability coefficient of a scale.

    Attributes
    ----------
    name : str
        Its name in :func:`~toolkit.psychometrics.reliability_table`.
    estimate, low, high : float
        The coefficient and its limits; NaN where there are none.
    interval : str
        Method of the limits, or ``none``.
    n_persons : int
        Persons used.
    formula : str
        The formula in words.
    """

    name: str
    estimate: float
    low: float
    high: float
    interval: str
    n_persons: int
    formula: str

    def to_dict(self) -> dict[str, Any]:
        """Return the coefficient without its name as JSON-ready values."""
        return {
            name: None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in asdict(self).items()
            if name != "name"
        }


def scale_coefficients(
    instrument: Instrument, scale: str, answers: pd.DataFrame, plan: ValidationPlan, attempts: Attempts
) -> tuple[Coefficient, ...]:
    """Compute every reliability coefficient of a scale; none where no coefficient can be computed.

    The lambdas have no interval here, because theirs is a bootstrap.

    Parameters
    ----------
    instrument : Instrument
        Whose points say whether the codes are ordered answers.
    scale : str
        The scale.
    answers : DataFrame, persons x items
        Answers to its analysed items after reversing, missing codes as NaN.
    plan : ValidationPlan
        The decisions.
    attempts : Attempts
        Keeps what cannot be computed.
    """
    ordinal = all(len(instrument.points(item)) <= MOST_POINTS for item in map(str, answers.columns))
    standard_error = not _tells_about_few(answers, attempts.smallest_group)

    def compute() -> ReliabilityTableResult:
        found = pm.reliability_table(
            answers,
            {scale: list(answers.columns)},
            ordinal=ordinal,
            standard_error=standard_error,
            missing=plan.missing,
            level=plan.level,
            rng=plan.seed,
        )
        reasons = dict.fromkeys(replace(problem, key=None) for problem in found.warnings)
        if found.coefficients["estimate"].isna().all():
            raise StatisticsError(list(reasons))
        told = {problem for _, of, problem in attempts.warnings if of == scale}
        return replace(found, warnings=tuple(reason for reason in reasons if reason not in told))

    found = attempts.attempt(STATISTIC, compute, n_behind=n_behind(answers, plan.missing), scale=scale)
    if found is None:
        return ()
    if not standard_error:
        reason = too_few(attempts.smallest_group)
        attempts.not_computed.append(NotComputed(statistic="measurement_error", scale=scale, problems=(reason,)))
    return tuple(
        Coefficient(
            name=str(line["coefficient"]),
            estimate=float(line["estimate"]),
            low=float(line["low"]),
            high=float(line["high"]),
            interval=str(line["interval"]),
            n_persons=int(line["n_persons"]),
            formula=str(line["formula"]),
        )
        for line in found.coefficients.to_dict(orient="records")
    )


def _tells_about_few(answers: pd.DataFrame, smallest_group: int) -> bool:
    """Tell whether a number on complete persons is one on too few, or tells of too few others by its difference."""
    whole = answers.notna().all(axis=1)
    outside = int((answers.notna().any(axis=1) & ~whole).sum())
    return int(whole.sum()) < smallest_group or 0 < outside < smallest_group
