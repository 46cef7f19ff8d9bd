"""All items together: suitability, number of factors and exploratory factor analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from toolkit import psychometrics as pm
from toolkit.validation.attempts import Attempts
from toolkit.validation.data import n_behind

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.psychometrics.factors.efa import EfaResult
    from toolkit.psychometrics.factors.retention import ParallelAnalysisResult
    from toolkit.psychometrics.factors.retention_table import RetentionResult
    from toolkit.psychometrics.factors.suitability import BartlettSphericityResult, KaiserMeyerOlkinResult
    from toolkit.validation.data import DataSummary
    from toolkit.validation.plan import ValidationPlan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Structure:
    """How the items go together. Everything here explores; nothing confirms.

    Attributes
    ----------
    items : tuple of str
        The analysed items.
    n_persons : int
        Persons that tests count: under ``pairwise`` the smallest number behind any pair.
    n_factors : int
        Factors that were extracted.
    n_factors_from : str
        Where that number comes from: ``plan``, ``scales``, or ``parallel_analysis`` for an instrument without scales.
    is_half : bool
        Whether one half of the persons was explored, so that the other can confirm.
    kaiser_meyer_olkin, bartlett, parallel, retention, efa : result or None
        None where the run says why it could not be computed.
    """

    items: tuple[str, ...]
    n_persons: int
    n_factors: int
    n_factors_from: str
    is_half: bool
    kaiser_meyer_olkin: KaiserMeyerOlkinResult | None
    bartlett: BartlettSphericityResult | None
    parallel: ParallelAnalysisResult | None
    retention: RetentionResult | None
    efa: EfaResult | None

    @property
    def n_items(self) -> int:
        """Number of analysed items."""
        return len(self.items)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        results = {
            "kaiser_meyer_olkin": self.kaiser_meyer_olkin,
            "bartlett_sphericity": self.bartlett,
            "parallel_analysis": self.parallel,
            "retention": self.retention,
            "efa": self.efa,
        }
        return {
            "status": "exploratory",
            "items": list(self.items),
            "n_persons": self.n_persons,
            "n_factors": self.n_factors,
            "n_factors_from": self.n_factors_from,
            "sample": "one_half" if self.is_half else "everyone",
            **{name: None if result is None else result.to_dict() for name, result in results.items()},
        }


def explore(
    instrument: Instrument, scored: pd.DataFrame, summary: DataSummary, plan: ValidationPlan, attempts: Attempts
) -> Structure:
    """Explore how the items of all scales go together.

    Parameters
    ----------
    instrument : Instrument
        What was answered; items outside every scale are left out where there are scales.
    scored : DataFrame, persons x items
        Answers after reversing, missing codes as NaN.
    summary : DataSummary
        Which items can be correlated.
    plan : ValidationPlan
        The decisions.
    attempts : Attempts
        Keeps what cannot be computed.
    """
    in_scales = {item for scale in instrument.definition.scales for item in scale.items}
    items = tuple(item for item in summary.analysed if item in in_scales or not in_scales)
    answers = scored[list(items)]
    n = n_behind(answers, plan.missing)
    kmo = attempts.attempt(
        "kaiser_meyer_olkin", lambda: pm.kaiser_meyer_olkin(answers, missing=plan.missing), n_behind=n
    )
    bartlett = attempts.attempt(
        "bartlett_sphericity", lambda: pm.bartlett_sphericity(answers, missing=plan.missing), n_behind=n
    )
    parallel = attempts.attempt(
        "parallel_analysis",
        lambda: pm.parallel_analysis(
            answers, n_datasets=plan.n_datasets, missing=plan.missing, rng=plan.seed, between=attempts.check
        ),
        n_behind=n,
    )
    retention = attempts.attempt(
        "retention",
        # Without comparison data, which take longer than all the rest of a validation.
        lambda: pm.retention(
            answers,
            n_datasets=plan.n_datasets,
            missing=plan.missing,
            comparison=False,
            rng=plan.seed,
            between=attempts.check,
        ),
        n_behind=min(n, n_behind(answers, "listwise")),
    )
    n_factors, origin = _number_of_factors(instrument, plan, parallel)
    efa = attempts.attempt(
        "efa",
        lambda: pm.efa(
            answers,
            n_factors=n_factors,
            method=plan.method,
            rotation=plan.rotation if n_factors > 1 else "none",
            missing=plan.missing,
            rng=plan.seed,
        ),
        n_behind=n,
    )
    return Structure(
        items=items,
        n_persons=n,
        n_factors=n_factors,
        n_factors_from=origin,
        is_half=plan.split,
        kaiser_meyer_olkin=kmo,
        bartlett=bartlett,
        parallel=parallel,
        retention=retention,
        efa=efa,
    )


def _number_of_factors(
    instrument: Instrument, plan: ValidationPlan, parallel: ParallelAnalysisResult | None
) -> tuple[int, str]:
    """Return how many factors to extract, and who said so."""
    if plan.n_factors is not None:
        return plan.n_factors, "plan"
    if instrument.definition.scales:
        return len(instrument.definition.scales), "scales"
    return max(parallel.n_factors if parallel else 1, 1), "parallel_analysis"
