"""Confirming the structure: the model that is stated beforehand, fitted, compared, and tested over groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from toolkit import psychometrics as pm
from toolkit.errors import Code, DefinitionError, Problem
from toolkit.validation.attempts import Attempts, NotComputed
from toolkit.validation.data import n_behind
from toolkit.validation.measurement_groups import GroupChoice, choose_groups

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.psychometrics.cfa.cfa import CfaMissing, CfaResult
    from toolkit.psychometrics.cfa.dynamic_cutoffs import DynamicCutoffsResult
    from toolkit.psychometrics.cfa.invariance import InvarianceResult
    from toolkit.psychometrics.cfa.nested import NestedTestResult
    from toolkit.psychometrics.cfa.partial_invariance import PartialInvarianceResult
    from toolkit.psychometrics.cfa.reliability import CfaReliabilityResult
    from toolkit.validation.data import DataSummary
    from toolkit.validation.plan import CfaEstimator, Missing, ValidationPlan

Sample = Literal["same_persons", "other_half"]
"""Whom the model is fitted to: those who were explored too, or the half that was not."""
MOST_ORDERED_POINTS = 5
"""Points up to which answers are taken as ordered unless the plan names an estimator."""
ORDERED = ("WLSMV", "ULSMV", "DWLS")
INDICES_KEPT = 20
"""Modification indices that a run keeps."""
OWN = "own"
"""Stands for a model text of the plan where structures are named."""
_FLAGS = (Code.STA_NOT_CONVERGED, Code.STA_INADMISSIBLE)
N_REPLICATIONS = 500
"""Data sets behind each simulated cut-off."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alternative:
    """Another structure for the same items and persons.

    Attributes
    ----------
    structure : str
        Its name.
    model : str
        Its text in lavaan's syntax.
    result : CfaResult
        The fitted model.
    test : NestedTestResult or None
        The test of the model with fewer parameters against the other; None where neither contains the other, and
        where the run says why.
    nested : bool
        Whether one of the two is a restriction of the other.
    """

    structure: str
    model: str
    result: CfaResult
    test: NestedTestResult | None
    nested: bool

    def to_dict(self) -> dict[str, Any]:
        """Return fit and test as JSON-ready values."""
        test = None if self.test is None else self.test.to_dict()
        return {"model": self.model, **_fitted(self.result), "nested": self.nested, "test": test}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Confirmation:
    """A confirmatory model of all items, and what follows from it.

    Attributes
    ----------
    structure : str
        ``correlated``, ``one_factor``, ``higher_order``, ``bifactor``, or ``own`` for a text of the plan.
    model : str
        The model in lavaan's syntax.
    items : tuple of str
        Its items.
    sample : {"same_persons", "other_half"}
        Whom it is fitted to.
    n_persons : int
        Persons of that sample.
    estimator, missing : str
        The estimator and its missing rule.
    estimator_from : str
        ``plan`` or ``answers``: who chose it.
    result : CfaResult or None
        The fitted model; None where the run says why there is none.
    reliability : CfaReliabilityResult or None
        Reliability under the model.
    modification : DataFrame or None
        Its largest modification indices.
    n_modification : int
        How many there are in all.
    alternatives : tuple of Alternative
        Other structures.
    dynamic_cutoffs : DynamicCutoffsResult or None
        Simulated cut-offs; None too where they were not asked for.
    groups : GroupChoice or None
        The groups that measurement is compared over; None where that was not asked for.
    invariance : InvarianceResult or None
        The comparison.
    partial : PartialInvarianceResult or None
        The search for what differs, where a level that means ask for does not hold.
    """

    structure: str
    model: str
    items: tuple[str, ...]
    sample: Sample
    n_persons: int
    estimator: CfaEstimator
    missing: CfaMissing
    estimator_from: str
    result: CfaResult | None
    reliability: CfaReliabilityResult | None
    modification: pd.DataFrame | None
    n_modification: int
    alternatives: tuple[Alternative, ...]
    dynamic_cutoffs: DynamicCutoffsResult | None
    groups: GroupChoice | None
    invariance: InvarianceResult | None
    partial: PartialInvarianceResult | None

    @property
    def n_items(self) -> int:
        """Number of items of the model."""
        return len(self.items)

    @property
    def usable(self) -> bool:
        """Whether there is a solution that may be read: converged and admissible."""
        return self.result is not None and self.result.converged and self.result.admissible

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        result, cutoffs = self.result, self.dynamic_cutoffs
        return {
            "status": "confirmatory",
            "sample": self.sample,
            "structure": self.structure,
            "model": self.model,
            "items": list(self.items),
            "n_persons": self.n_persons,
            "estimator": self.estimator,
            "estimator_from": self.estimator_from,
            "missing": self.missing,
            "result": None if result is None else {**_fitted(result), **_estimates(result)},
            "reliability": None if self.reliability is None else _reliability(self.reliability),
            "modification_indices": None if self.modification is None else _records(self.modification),
            "n_modification_indices": self.n_modification,
            "alternatives": {other.structure: other.to_dict() for other in self.alternatives},
            "dynamic_cutoffs": None
            if cutoffs is None
            else {
                "cutoffs": _records(cutoffs.cutoffs),
                "omitted": _records(cutoffs.omitted),
                "n_replications": cutoffs.n_replications,
                "n_failed": cutoffs.n_failed,
                "method": cutoffs.method,
            },
            "groups": None if self.groups is None else self.groups.to_dict(),
            "invariance": None if self.invariance is None else _invariance(self.invariance),
            "partial_invariance": None if self.partial is None else _partial(self.partial),
        }


def fit_kind(fit: Mapping[str, float]) -> str:
    """Return the ending of the fit indices to judge by: robust where they exist, else scaled, else none."""
    from toolkit.psychometrics.cfa.fit_indices import index_kind

    return index_kind(fit)


def judged_fit(fit: Mapping[str, float]) -> dict[str, float]:
    """Return CFI, TLI, RMSEA with its limits, and SRMR, in the variant to judge by."""
    kind = fit_kind(fit)
    names = {name: f"{name}{kind}" for name in ("cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper")}
    return {name: float(fit.get(key, np.nan)) for name, key in (names | {"srmr": "srmr"}).items()}


def statistic(fit: Mapping[str, float]) -> tuple[float, int, float]:
    """Return the chi-square to read, scaled where it is, with its degrees of freedom and p."""
    kind = ".scaled" if np.isfinite(fit.get("chisq.scaled", np.nan)) else ""
    return float(fit[f"chisq{kind}"]), int(fit["df"]), float(fit[f"pvalue{kind}"])


def check_model(instrument: Instrument, plan: ValidationPlan) -> None:
    """Refuse a model text that cannot be read or names items that the instrument does not have.

    Raises
    ------
    StatisticsError
        ``STA_MODEL_SYNTAX`` or ``STA_UNKNOWN_VARIABLE``.
    """
    if not (plan.confirm and plan.own_model and plan.model):
        return
    from toolkit.psychometrics.cfa.moments import unknown_variable

    strange = [item for item in pm.parse_model(plan.model).items if item not in instrument.items]
    if strange:
        raise unknown_variable(strange, instrument.item_codes, option="the model")


def halves(scored: pd.DataFrame, plan: ValidationPlan) -> tuple[pd.Index[str], pd.Index[str]]:
    """Return who explores and who confirms: everyone and everyone, or two halves drawn with the plan's seed.

    Persons without any answer are in neither half.
    """
    if not plan.split:
        return scored.index, scored.index
    answered = scored.index[scored.notna().any(axis=1)]
    order = np.random.default_rng(plan.seed).permutation(len(answered))
    middle = (len(answered) + 1) // 2
    return answered[np.sort(order[:middle])], answered[np.sort(order[middle:])]


def confirm(
    instrument: Instrument,
    frame: pd.DataFrame,
    scored: pd.DataFrame,
    summary: DataSummary,
    plan: ValidationPlan,
    attempts: Attempts,
) -> Confirmation | None:
    """Fit the confirmatory model; None where the instrument's scales state none, and the run says why.

    Parameters
    ----------
    instrument : Instrument
        What was answered.
    frame : DataFrame, persons x columns
        Answers of the persons to confirm on as given, with the column of groups where there is one.
    scored : DataFrame, persons x items
        The same persons' answers after reversing, missing codes as NaN.
    summary : DataSummary
        Which items can be correlated.
    plan : ValidationPlan
        The decisions.
    attempts : Attempts
        Keeps what cannot be computed.
    """
    found = _model(instrument, summary, plan, attempts)
    if found is None:
        return None
    structure, model = found
    items = pm.parse_model(model).items
    answers = scored[list(items)]
    answers = answers[answers.notna().any(axis=1)]
    points = max(len(instrument.points(item)) for item in items)
    estimator: CfaEstimator = plan.cfa_estimator or ("WLSMV" if points <= MOST_ORDERED_POINTS else "MLR")
    missing = _missing(answers, estimator, plan)
    n = n_behind(answers, "listwise" if missing == "listwise" else "pairwise")
    fitting = _Fitting(answers=answers, estimator=estimator, missing=missing, n=n, level=plan.level, attempts=attempts)
    result = fitting.fit("cfa", model) if fitting.enough() else None
    if result is not None and result.converged:
        reliability = fitting.attempt("cfa_reliability", lambda: result.reliability(level=plan.level))
        modification = fitting.attempt("modification_indices", result.modification_indices)
    else:
        reliability = modification = None
    alternatives = [] if result is None else _alternatives(instrument, structure, result, items, fitting)
    cutoffs = None
    if plan.dynamic_cutoffs and result is not None:
        cutoffs = fitting.attempt(
            "dynamic_fit_cutoffs",
            lambda: pm.dynamic_fit_cutoffs(
                result, n_replications=N_REPLICATIONS, rng=plan.seed, between=attempts.check
            ),
        )
    groups = None if plan.invariance_by is None else choose_groups(frame, answers, plan, attempts)
    invariance = partial = None
    if result is not None and groups is not None and groups.used:
        invariance = fitting.invariance(model, groups)
        if invariance is not None and invariance.verdict == "not_supported" and _fits(invariance):
            partial = fitting.attempt("partial_invariance", invariance.partial)
    return Confirmation(
        structure=structure,
        model=model,
        items=items,
        sample="other_half" if plan.split else "same_persons",
        n_persons=len(answers),
        estimator=estimator,
        missing=missing,
        estimator_from="answers" if plan.cfa_estimator is None else "plan",
        result=result,
        reliability=reliability,
        modification=None if modification is None else modification.head(INDICES_KEPT),
        n_modification=0 if modification is None else len(modification),
        alternatives=tuple(alternatives),
        dynamic_cutoffs=cutoffs,
        groups=groups,
        invariance=invariance,
        partial=partial,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitting:
    """Fits models to the same persons, and keeps what goes wrong."""

    answers: pd.DataFrame
    estimator: CfaEstimator
    missing: CfaMissing
    n: int
    level: float
    attempts: Attempts

    def enough(self) -> bool:
        """Tell whether there are more persons than items; say so where there are not, and do not search for long."""
        n_items = self.answers.shape[1]
        if n_items < self.n or self.n < self.attempts.smallest_group:
            return True
        problem = Problem(
            code=Code.STA_TOO_FEW_PERSONS,
            what="A confirmatory model needs more persons than it has items.",
            got=f"{self.n} persons, {n_items} items",
            allowed=f"{n_items + 1} persons or more",
            fix="Collect more answers; a confirmatory model asks for some hundred persons.",
        )
        self.attempts.not_computed.append(NotComputed(statistic="cfa", scale=None, problems=(problem,)))
        return False

    def fit(self, name: str, model: str) -> CfaResult | None:
        """Fit a model."""
        found: CfaResult | None = self.attempt(
            name,
            lambda: pm.cfa(
                self.answers,
                model,
                estimator=self.estimator,
                ordered=self.estimator in ORDERED,
                missing=self.missing,
                level=self.level,
            ),
            fits=True,
        )
        return found

    def invariance(self, model: str, groups: GroupChoice) -> InvarianceResult | None:
        """Compare the measurement over groups."""
        chosen = self.answers.loc[groups.of_person.index]
        rule: Missing = "listwise" if self.missing == "listwise" else "pairwise"
        found: InvarianceResult | None = self.attempt(
            "invariance",
            lambda: pm.invariance(
                chosen,
                model,
                group=groups.of_person,
                ordered=self.estimator in ORDERED,
                estimator=self.estimator,
                missing=self.missing,
                level=self.level,
            ),
            n=min(n_behind(chosen[groups.of_person == group], rule) for group in groups.n_of_groups),
        )
        return found

    def attempt(self, name: str, compute: Callable[[], Any], *, fits: bool = False, n: int | None = None) -> Any:
        """Compute something of these persons; only a fit's flags are told again if they were told already."""

        def once() -> Any:
            found = compute()
            warnings = getattr(found, "warnings", None)
            if not warnings:
                return found
            told = {problem for _, _, problem in self.attempts.warnings}
            kept = (problem for problem in warnings if problem not in told or (fits and problem.code in _FLAGS))
            return replace(found, warnings=tuple(kept))

        return self.attempts.attempt(name, once, n_behind=self.n if n is None else n)


def _fits(found: InvarianceResult) -> bool:
    """Tell whether the model fits in the groups at all, so that it makes sense to search for what differs."""
    from toolkit.psychometrics.cfa.invariance_rules import fits_well

    return fits_well(dict(next(iter(found.levels.values())).fit))


def _missing(answers: pd.DataFrame, estimator: str, plan: ValidationPlan) -> CfaMissing:
    """Return the missing rule that the estimator has for that of the plan; without missing answers all are the same."""
    if plan.missing == "listwise" or not answers.isna().to_numpy().any():
        return "listwise"
    return "pairwise" if estimator in ORDERED else "fiml"


def _model(
    instrument: Instrument, summary: DataSummary, plan: ValidationPlan, attempts: Attempts
) -> tuple[str, str] | None:
    """Return the name of the structure and the model's text."""
    if plan.own_model and plan.model:
        return OWN, plan.model
    scales = [scale for scale in instrument.definition.scales if len(set(scale.items) & set(summary.analysed)) > 1]
    structure = plan.model or ("correlated" if len(scales) > 1 else "one_factor")
    model = _stated(instrument, structure, summary.analysed)
    if isinstance(model, str):
        return structure, model
    attempts.not_computed.append(NotComputed(statistic="cfa", scale=None, problems=model))
    return None


def _stated(instrument: Instrument, structure: str, items: tuple[str, ...]) -> str | tuple[Problem, ...]:
    """Return the model that the scales state, or why they state none."""
    chosen: Any = structure
    try:
        return instrument.to_model(structure=chosen, items=items)
    except DefinitionError as error:
        return error.problems


_NESTED = {
    ("one_factor", "correlated"),
    ("one_factor", "higher_order"),
    ("one_factor", "bifactor"),
    ("one_factor", OWN),
    ("higher_order", "correlated"),
}
"""Structures of which the first is a restriction of the second."""


def _alternatives(
    instrument: Instrument, structure: str, result: CfaResult, items: tuple[str, ...], fitting: _Fitting
) -> list[Alternative]:
    """Fit one factor, and correlated factors where the model is another, to the same persons."""
    found = []
    for other in ("one_factor", "correlated"):
        if other == structure:
            continue
        model = _one_factor(items) if structure == OWN else _stated(instrument, other, items)
        # A model of other items cannot be compared, nor one that says the same.
        if not isinstance(model, str) or set(pm.parse_model(model).items) != set(items):
            continue
        if structure == OWN and other == "correlated":
            continue
        fitted = fitting.fit(f"cfa_{other}", model)
        if fitted is None or (fitted.fit["df"] == result.fit["df"] and structure != "bifactor"):
            continue
        nested = (other, structure) in _NESTED or (structure, other) in _NESTED
        test = None
        if nested and fitted.converged and result.converged:
            test = _tested(result, fitted, f"comparison_{other}", fitting)
        found.append(Alternative(structure=other, model=model, result=fitted, test=test, nested=nested))
    return found


def _tested(result: CfaResult, other: CfaResult, name: str, fitting: _Fitting) -> NestedTestResult | None:
    found: NestedTestResult | None = fitting.attempt(name, lambda: result.compare(other))
    return found


def _one_factor(items: tuple[str, ...]) -> str:
    name = "general"
    while name in items:
        name += "_f"
    return f"{name} =~ {' + '.join(items)}\n"


def _fitted(result: CfaResult) -> dict[str, Any]:
    """Return fit, counts and flags of a model."""
    return {
        "fit": {name: _number(value) for name, value in result.fit.items()},
        "judged_by": fit_kind(result.fit).removeprefix(".") or "naive",
        "converged": result.converged,
        "admissible": result.admissible,
        "improper": list(result.improper),
        "n_parameters": result.n_parameters,
        "n_persons": result.n_persons,
        "n_items": result.n_items,
        "n_dropped": result.n_dropped,
        "method": result.method,
    }


def _estimates(result: CfaResult) -> dict[str, Any]:
    return {
        "parameters": _records(result.parameters),
        "standardized": _records(result.standardized),
        "residuals": _matrix(result.residuals),
    }


def _reliability(found: CfaReliabilityResult) -> dict[str, Any]:
    tables = ("factors", "intervals", "total", "general", "subscales", "higher_order")
    return {
        **{name: _records(getattr(found, name)) for name in tables},
        "htmt": _matrix(found.htmt),
        "htmt2": _matrix(found.htmt2),
        "method": found.method,
    }


def _invariance(found: InvarianceResult) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "reason": found.reason,
        "rule": found.rule,
        "rule_source": found.rule_source,
        "contexts": list(found.contexts),
        "n_of_contexts": list(found.n_of_contexts),
        "dropped": list(found.dropped),
        "levels": {name: _fitted(level) for name, level in found.levels.items()},
        "tests": _records(found.tests),
        "latent_means": _records(found.latent_means),
        "n_persons": found.n_persons,
        "n_items": found.n_items,
        "n_dropped": found.n_dropped,
        "method": found.method,
    }


def _partial(found: PartialInvarianceResult) -> dict[str, Any]:
    return {
        "reached": found.reached,
        "reason": found.reason,
        "n_freed": found.n_freed,
        "freed": _records(found.freed),
        "levels": {name: _fitted(level) for name, level in found.levels.items()},
        "tests": _records(found.tests),
        "latent_means": _records(found.latent_means),
        "n_persons": found.n_persons,
        "method": found.method,
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): _number(value) for name, value in row.items()} for row in table.to_dict(orient="records")]


def _matrix(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    rows = table.to_dict(orient="index")
    return {str(row): {str(name): _number(value) for name, value in cells.items()} for row, cells in rows.items()}


def _number(value: Any) -> Any:
    """Return a cell as JSON can hold it."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
