"""One scale at a time: item analysis, reliability with intervals, sensitivity to the missing rule, and scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from toolkit import psychometrics as pm
from toolkit.validation.attempts import Attempts
from toolkit.validation.coefficients import Coefficient, scale_coefficients
from toolkit.validation.data import DataSummary, n_behind, without_structural

if TYPE_CHECKING:
    from toolkit.instruments.definition import Scale
    from toolkit.instruments.instrument import Instrument
    from toolkit.instruments.scoring import ScoreTable
    from toolkit.psychometrics import AlphaResult, OmegaResult
    from toolkit.psychometrics.items import ItemAnalysisResult
    from toolkit.validation.plan import Missing, ValidationPlan

N_BINS = 10
"""Bars of the score distribution, each a tenth of the shown range."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreDistribution:
    """The scores of one scale in the shown range.

    Attributes
    ----------
    n_scored : int
        Persons with a score.
    status : mapping of str to int
        Persons by status: scored, too few answers, not applicable, unanswered.
    mean, sd, minimum, lower_quartile, median, upper_quartile, maximum : float
        NaN without scores; ``sd`` has the divisor n - 1.
    share_lowest, share_highest : float
        Share of the scored persons with the lowest and the highest possible score.
    edges : tuple of float
        Limits of the bars, one more than there are bars.
    counts : tuple of int
        Persons in each bar; a score on a limit counts upwards, the highest score in the last bar.
    """

    n_scored: int
    status: Mapping[str, int]
    mean: float
    sd: float
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float
    share_lowest: float
    share_highest: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the distribution as JSON-ready values."""
        numbers = (
            "mean",
            "sd",
            "minimum",
            "lower_quartile",
            "median",
            "upper_quartile",
            "maximum",
            "share_lowest",
            "share_highest",
        )
        return {
            "n_scored": self.n_scored,
            "status": dict(self.status),
            **{name: getattr(self, name) if np.isfinite(getattr(self, name)) else None for name in numbers},
            "edges": list(self.edges),
            "counts": list(self.counts),
            "method": "instrument's scoring rule, shown range",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaUnder:
    """Alpha under one way to treat missing answers.

    Attributes
    ----------
    rule : str
        ``pairwise``, ``listwise``, or ``pairwise_without_structural`` (only persons for whom every item applies). In
        the screening ``everyone`` or ``without_flagged``, under the plan's missing rule.
    estimate, low, high : float
        Alpha and its Feldt interval; NaN where it cannot be computed.
    n_persons : int
        Persons used.
    n_smallest_pair : int
        Persons behind the pair that the fewest answered.
    """

    rule: str
    estimate: float
    low: float
    high: float
    n_persons: int
    n_smallest_pair: int

    def to_dict(self) -> dict[str, Any]:
        """Return the line as JSON-ready values."""
        numbers = {name: getattr(self, name) for name in ("estimate", "low", "high")}
        return {
            "rule": self.rule,
            **{name: value if np.isfinite(value) else None for name, value in numbers.items()},
            "n_persons": self.n_persons,
            "n_smallest_pair": self.n_smallest_pair,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScaleResult:
    """What was found for one scale.

    Attributes
    ----------
    code : str
        The scale.
    items, reversed : tuple of str
        Its items, and those of them that were reversed.
    analysed : tuple of str
        Its items that enter correlations; the others are constant or were never answered.
    item_analysis, alpha, omega : result or None
        None where the instrument is formative, or where the run says why it could not be computed.
    coefficients : tuple of Coefficient
        Every reliability coefficient; none where there is no alpha for the same reasons.
    sensitivity : tuple of AlphaUnder
        Alpha under each missing rule.
    scores : ScoreDistribution
        The scores.
    """

    code: str
    items: tuple[str, ...]
    reversed: tuple[str, ...]
    analysed: tuple[str, ...]
    item_analysis: ItemAnalysisResult | None
    alpha: AlphaResult | None
    omega: OmegaResult | None
    coefficients: tuple[Coefficient, ...]
    sensitivity: tuple[AlphaUnder, ...]
    scores: ScoreDistribution

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            "items": list(self.items),
            "reversed": list(self.reversed),
            "analysed_items": list(self.analysed),
            "item_analysis": None if self.item_analysis is None else self.item_analysis.to_dict(),
            "alpha": None if self.alpha is None else self.alpha.to_dict(),
            "omega": None if self.omega is None else self.omega.to_dict(),
            "coefficients": {line.name: line.to_dict() for line in self.coefficients},
            "sensitivity": [line.to_dict() for line in self.sensitivity],
            "scores": self.scores.to_dict(),
        }


def validate_scale(
    instrument: Instrument,
    scale: Scale,
    frame: pd.DataFrame,
    scored: pd.DataFrame,
    scores: ScoreTable,
    summary: DataSummary,
    plan: ValidationPlan,
    attempts: Attempts,
) -> ScaleResult:
    """Analyse one scale.

    Parameters
    ----------
    instrument, scale : Instrument, Scale
        What was answered.
    frame : DataFrame, persons x columns
        Answers as given, missing codes included.
    scored : DataFrame, persons x items
        Answers after reversing, missing codes as NaN.
    scores : ScoreTable
        Scores of all scales.
    summary : DataSummary
        Which items can be correlated.
    plan : ValidationPlan
        The decisions.
    attempts : Attempts
        Keeps what cannot be computed.
    """
    analysed = tuple(item for item in scale.items if item in summary.analysed)
    analysis = alpha = omega = None
    coefficients: tuple[Coefficient, ...] = ()
    sensitivity: tuple[AlphaUnder, ...] = ()
    if instrument.definition.measurement == "reflective" and len(scale.items) > 1:
        answers = scored[list(analysed)]
        n = n_behind(answers, plan.missing)
        analysis = attempts.attempt(
            "item_analysis",
            lambda: pm.item_analysis(answers, missing=plan.missing, level=plan.level),
            n_behind=n,
            scale=scale.code,
        )
        alpha = attempts.attempt(
            "cronbach_alpha",
            lambda: pm.cronbach_alpha(answers, missing=plan.missing, level=plan.level),
            n_behind=n,
            scale=scale.code,
        )
        omega = attempts.attempt(
            "composite_omega",
            lambda: pm.composite_omega(answers, missing=plan.missing, level=plan.level),
            n_behind=n,
            scale=scale.code,
        )
        coefficients = scale_coefficients(instrument, scale.code, answers, plan, attempts)
        applies = without_structural(instrument, frame, analysed)
        complete = answers.notna().all(axis=1)
        everyone = pd.Series(True, index=answers.index)
        groups: tuple[tuple[str, pd.Series[bool], Missing], ...] = (
            ("pairwise", everyone, "pairwise"),
            ("listwise", complete, "listwise"),
            ("pairwise_without_structural", applies, "pairwise"),
        )
        sensitivity = tuple(
            alpha_under(rule, answers, group, missing, plan, summary.smallest_group) for rule, group, missing in groups
        )
    return ScaleResult(
        code=scale.code,
        items=tuple(scale.items),
        reversed=tuple(scale.reversed),
        analysed=analysed,
        item_analysis=analysis,
        alpha=alpha,
        omega=omega,
        coefficients=coefficients,
        sensitivity=sensitivity,
        scores=_distribution(instrument, scale.code, scores, summary.smallest_group),
    )


def alpha_under(
    rule: str,
    answers: pd.DataFrame,
    group: pd.Series[bool],
    missing: Missing,
    plan: ValidationPlan,
    smallest_group: int,
) -> AlphaUnder:
    """Compute alpha of a group under one missing rule; NaN where it cannot be, or would tell about too few persons.

    A few persons outside the group would stand in the difference from the alpha of everyone, so they count as well.
    """
    answered = answers.notna().any(axis=1)
    complete = answers.notna().all(axis=1)
    outside = [int((of & ~group).sum()) for of in (answered, complete)]
    chosen = answers[group]
    alpha = None
    if not any(0 < few < smallest_group for few in outside):
        alpha = Attempts(smallest_group=smallest_group).attempt(
            "cronbach_alpha",
            lambda: pm.cronbach_alpha(chosen, missing=missing, level=plan.level),
            n_behind=n_behind(chosen, missing),
        )
    if alpha is None:
        nan = float("nan")
        return AlphaUnder(rule=rule, estimate=nan, low=nan, high=nan, n_persons=0, n_smallest_pair=0)
    return AlphaUnder(
        rule=rule,
        estimate=alpha.estimate,
        low=alpha.interval.low,
        high=alpha.interval.high,
        n_persons=alpha.n_persons,
        n_smallest_pair=alpha.n_smallest_pair,
    )


def _distribution(instrument: Instrument, code: str, scores: ScoreTable, smallest_group: int) -> ScoreDistribution:
    """Describe the scores of one scale; those of fewer persons than ``smallest_group`` read as none."""
    rule = instrument.definition.scoring
    edges = np.linspace(rule.shown_from, rule.shown_to, N_BINS + 1)
    values = scores.scores[code].dropna().to_numpy(dtype=np.float64)
    shown = values.size >= smallest_group
    values = values if shown else values[:0]
    low, high = min(rule.shown_from, rule.shown_to), max(rule.shown_from, rule.shown_to)
    nan = float("nan")
    quartiles = [float(q) for q in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])] if values.size else [nan] * 5
    return ScoreDistribution(
        n_scored=int(values.size),
        status={str(name): int(count) for name, count in scores.status[code].value_counts(sort=False).items()}
        if shown
        else {},
        mean=float(values.mean()) if values.size else nan,
        sd=float(values.std(ddof=1)) if values.size > 1 else nan,
        minimum=quartiles[0],
        lower_quartile=quartiles[1],
        median=quartiles[2],
        upper_quartile=quartiles[3],
        maximum=quartiles[4],
        share_lowest=float(np.isclose(values, low).mean()) if values.size else nan,
        share_highest=float(np.isclose(values, high).mean()) if values.size else nan,
        edges=tuple(float(edge) for edge in np.sort(edges)),
        counts=tuple(int(count) for count in np.histogram(values, bins=np.sort(edges))[0]),
    )
