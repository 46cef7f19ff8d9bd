"""What a validation run is told to do before it sees a number."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from toolkit.errors import Code, Problem, StatisticsError

Method = Literal["minres", "ml"]
"""How factors are extracted: minimum residuals or maximum likelihood."""
Rotation = Literal["oblimin", "geomin", "promax", "varimax", "quartimax", "none"]
"""How factors are rotated; ``oblimin``, ``geomin`` and ``promax`` let them correlate."""
Missing = Literal["pairwise", "listwise"]
"""Who counts in a correlation: everyone who answered both items, or who answered all items of the analysis."""
ModelStructure = Literal["correlated", "one_factor", "higher_order", "bifactor"]
"""How the scales of an instrument go together in a confirmatory model."""
CfaEstimator = Literal["WLSMV", "ULSMV", "DWLS", "MLR", "ML"]
"""Estimators of the confirmatory model; the first three take answers as ordered, the others as measurements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationPlan:
    """The decisions of a validation run. The same plan, data and versions give the same results.

    Attributes
    ----------
    n_factors : int or None
        Factors of the exploratory analysis; None takes the number of scales. What parallel analysis says stands
        beside it and never replaces it.
    method : {"minres", "ml"}
        Extraction.
    rotation : {"oblimin", "geomin", "promax", "varimax", "quartimax", "none"}
        Rotation; not used with one factor.
    missing : {"pairwise", "listwise"}
        The missing rule of reliability, suitability, parallel analysis and factor analysis. ``pairwise`` is the
        default because "not relevant" is an answer of whole professions, whom ``listwise`` would drop. Tests and
        intervals then count the smallest number of persons behind any pair.
    n_datasets : int
        Random data sets of the parallel analysis.
    seed : int
        Seed of everything random.
    level : float
        Confidence level of all intervals.
    wave : str or None
        The wave to use of answers that name their ``wave``; None takes the latest.
    all_waves : bool
        Whether all waves are taken together; refused where a respondent is in several.
    confirm : bool
        Whether a confirmatory model is fitted.
    model : str or None
        Its structure ("correlated", "one_factor", "higher_order", "bifactor"), made from the instrument's scales, or a
        model of one's own in lavaan's syntax. None takes correlated factors, one a scale.
    cfa_estimator : {"WLSMV", "ULSMV", "DWLS", "MLR", "ML"} or None
        Its estimator. None takes WLSMV where every item of the model offers at most five points, MLR otherwise: with
        two to four categories answers are better taken as ordered, with five to seven both ways do well (Rhemtulla,
        Brosseau-Liard & Savalei, 2012, https://doi.org/10.1037/a0029315). Under ``pairwise``, WLSMV takes each
        correlation from those who answered both items, and MLR uses every answer by full information maximum
        likelihood.
    invariance_by : str or None
        The column whose groups the measurement is compared over, such as ``language``.
    dynamic_cutoffs : bool
        Whether cut-offs of the fit indices are simulated for this model and these persons, which takes long.
    split : bool
        Whether one half of the persons, drawn with the seed, explores, and the other half confirms. Without it both
        are done on the same persons, and the run says so.
    """

    n_factors: int | None = None
    method: Method = "minres"
    rotation: Rotation = "oblimin"
    missing: Missing = "pairwise"
    n_datasets: int = 1000
    seed: int = 20_240_501
    level: float = 0.95
    wave: str | None = None
    all_waves: bool = False
    confirm: bool = True
    model: str | None = None
    cfa_estimator: CfaEstimator | None = None
    invariance_by: str | None = None
    dynamic_cutoffs: bool = False
    split: bool = False

    def __post_init__(self) -> None:
        """Refuse values that no run can follow, all at once."""
        problems = [
            Problem(
                code=Code.STA_UNKNOWN_OPTION,
                what=f"The plan does not know this {name}.",
                got=str(value),
                allowed=", ".join(get_args(alias)),
                fix="Choose one of the allowed values.",
            )
            for name, value, alias in (
                ("method", self.method, Method),
                ("rotation", self.rotation, Rotation),
                ("missing", self.missing, Missing),
                *([] if self.cfa_estimator is None else [("cfa_estimator", self.cfa_estimator, CfaEstimator)]),
                *([] if self.model is None or self.own_model else [("model", self.model, ModelStructure)]),
            )
            if value not in get_args(alias)
        ]
        problems += [
            Problem(
                code=Code.STA_OPTION_RANGE,
                what=f"The plan's {name} is outside its range.",
                got=str(value),
                allowed=f"{low} to {high}",
                fix="Choose a value inside the range.",
            )
            for name, value, low, high in (
                ("n_factors", 1 if self.n_factors is None else self.n_factors, 1, 100),
                ("n_datasets", self.n_datasets, 20, 100_000),
                ("seed", self.seed, 0, 2**32 - 1),
                ("level", self.level, 0.5, 0.999),
            )
            if not low <= value <= high
        ]
        if self.all_waves and self.wave is not None:
            problems.append(
                Problem(
                    code=Code.STA_OPTION_CONFLICT,
                    what="The plan names one wave and asks for all of them.",
                    got=f"wave {self.wave}, all_waves",
                    fix="Leave out one of the two.",
                )
            )
        if problems:
            raise StatisticsError(problems)

    @property
    def own_model(self) -> bool:
        """Whether the model is a text in lavaan's syntax rather than a structure's name."""
        return self.model is not None and any(mark in self.model for mark in "=~\n")

    def to_dict(self) -> dict[str, Any]:
        """Return the decisions as JSON-ready values."""
        return asdict(self)
