"""The reliability of sums of items under a confirmatory model, and how well its factors are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem
from toolkit.psychometrics._numerics import Array, Counts, Flags
from toolkit.psychometrics._options import confidence
from toolkit.psychometrics._result import Result, provenance, undefined
from toolkit.psychometrics.cfa._joint_spread import JointSpread
from toolkit.psychometrics.cfa._matrices import Implied, implied
from toolkit.psychometrics.cfa._sum_scores import SumScores, SumVariance, ratio
from toolkit.psychometrics.cfa.fitting import FittedModel
from toolkit.psychometrics.cfa.heterotrait import heterotrait_monotrait
from toolkit.psychometrics.cfa.model import Model
from toolkit.psychometrics.cfa.moments import Frame
from toolkit.psychometrics.reliability.composite import DENOMINATOR_TOLERANCE, logit_interval

NAN = float("nan")
_NONE = 1e-10
_FACTORS = (
    "group",
    "factor",
    "role",
    "n_items",
    "cross_loading",
    "correlated_residuals",
    "omega",
    "omega_model",
    "omega_total",
    "composite_reliability",
    "average_variance_extracted",
    "mean_squared_standardized_loading",
)
_INTERVALS = ("group", "factor", "coefficient", "est", "se", "ci_lower", "ci_upper")
_GENERAL = ("group", "factor", "n_items", "omega_total", "omega_hierarchical", "ecv")
_SUBSCALES = ("group", "factor", "n_items", "omega_subscale", "omega_hierarchical_subscale")
_HIGHER = ("group", "factor", "n_items", "n_factors", "omega_level_1", "omega_level_2", "partial_omega_level_1", "ecv")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CfaReliabilityResult(Result):
    """Reliability of the sums of items under a confirmatory model.

    Every coefficient is about the unweighted sum of the items that load on a factor. For ordered items it is about the
    sum of their codes (Green and Yang), with steps as large as those between codes.

    Attributes
    ----------
    factors : DataFrame, one row a group and factor
        group, factor; role ("factor", "general", "group" or "higher order"); n_items; whether its items also load on
        another factor (cross_loading) or have related residuals (correlated_residuals); then

        - omega: share of the sum's observed variance that this factor explains. Of a general factor this is omega
          hierarchical, of a group factor omega hierarchical subscale, of a higher-order factor omega at level 1;
        - omega_model: the same with the total variance that the model implies;
        - omega_total: share of the observed variance that all factors explain;
        - composite_reliability: omega_model of the sum of standardised items, ordered ones as the variables behind
          them;
        - average_variance_extracted: sum of the items' variances that the factor explains, over the sum of their
          observed variances, in the units of the items (ordered items: of the variables behind them, variance 1);
        - mean_squared_standardized_loading: the mean over items of the share that the factor explains.
    intervals : DataFrame, three rows a group and factor
        group, factor, coefficient (omega, omega_model, omega_total), est, se, ci_lower, ci_upper.
    total : DataFrame, one row a group
        The sum of all items: group, n_items, omega (all factors' share of the observed variance), omega_model, se,
        ci_lower, ci_upper (of omega).
    general : DataFrame
        For bifactor models, one row a group and general factor: group, factor, n_items, omega_total,
        omega_hierarchical, ecv (explained common variance: its share of the common variance of standardised items).
    subscales : DataFrame
        For bifactor models, one row a group and group factor: group, factor, n_items, omega_subscale (all factors'
        share of the sum of its items), omega_hierarchical_subscale (its own share).
    higher_order : DataFrame
        One row a group and higher-order factor: group, factor, n_items, n_factors (that it measures itself by),
        omega_level_1 (its share of the observed variance of the sum of items), omega_level_2 (its share of the variance
        of the sum of its factors), partial_omega_level_1 (its share of the sum of items without what the factors below
        explain beside it), ecv.
    htmt, htmt2 : DataFrame, shape (n_factors, n_factors)
        Heterotrait-monotrait ratio with arithmetic and with geometric means of absolute correlations; factors that have
        items of their own. With groups rows are (group, factor).
    n_groups, n_factors : int
        Groups and factors.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    factors: pd.DataFrame
    intervals: pd.DataFrame
    total: pd.DataFrame
    general: pd.DataFrame
    subscales: pd.DataFrame
    higher_order: pd.DataFrame
    htmt: pd.DataFrame
    htmt2: pd.DataFrame
    n_groups: int
    n_factors: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the factors' coefficients."""
        return self.factors.copy()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Structure:
    """Which items and factors each factor of a group has, from the model as written.

    Attributes
    ----------
    items : tuple of ndarray of int
        Items that load on a factor, itself or through other factors.
    own : tuple of ndarray of int
        Those that load on it themselves.
    below : tuple of ndarray of int
        Factors that load on it.
    related : ndarray of bool, shape (p, p)
        Items with a residual covariance.
    """

    items: tuple[Counts, ...]
    own: tuple[Counts, ...]
    below: tuple[Counts, ...]
    related: Flags


def model_reliability(
    fit: FittedModel, frame: Frame, found: Sequence[Problem], *, level: float = 0.95
) -> CfaReliabilityResult:
    """Return the reliability of the sums that a fitted model is about; see :class:`CfaReliabilityResult`.

    Parameters
    ----------
    fit : FittedModel
    frame : Frame
        The answers that it was fitted to.
    found : sequence of Problem
        Warnings of the fit; those about convergence and impossible values are handed on.
    level : float, default 0.95
        Confidence level.

    Raises
    ------
    StatisticsError
        STA_OPTION_RANGE.
    """
    confidence(level)
    return _Reliability(fit, frame, level).result(
        [problem for problem in found if problem.code in {Code.STA_NOT_CONVERGED, Code.STA_INADMISSIBLE}]
    )


def structure_of(model: Model, number: int) -> Structure:
    """Return which items and factors each factor has in one group; a loading fixed at 0 is none."""
    items = {item: place for place, item in enumerate(model.items)}
    factors = {factor: place for place, factor in enumerate(model.factors)}
    m, p = len(factors), len(items)
    own, below = np.zeros((p, m), dtype=bool), np.zeros((m, m), dtype=bool)
    related = np.zeros((p, p), dtype=bool)
    for row in model.parameters:
        if row.group != number or not (row.free or row.value):
            continue
        if row.op == "=~" and row.rhs in items:
            own[items[row.rhs], factors[row.lhs]] = True
        elif row.op == "=~":
            below[factors[row.rhs], factors[row.lhs]] = True
        elif row.op == "~~" and row.lhs in items and row.lhs != row.rhs:
            related[items[row.lhs], items[row.rhs]] = related[items[row.rhs], items[row.lhs]] = True
    reach = own.copy()
    for _ in range(m):
        reach |= (reach.astype(int) @ below.astype(int)) > 0
    return Structure(
        items=tuple(np.flatnonzero(reach[:, f]) for f in range(m)),
        own=tuple(np.flatnonzero(own[:, f]) for f in range(m)),
        below=tuple(np.flatnonzero(below[:, f]) for f in range(m)),
        related=related,
    )


def roles(structure: Structure, V: Array) -> tuple[str, ...]:
    """Return whether each factor is "general", a "group" factor, "higher order" or just a "factor".

    A general factor has all items of some other factor and more, and is related to none of those.
    """
    m = len(structure.items)
    found = ["higher order" if structure.below[f].size else "factor" for f in range(m)]
    sets = [set(mine.tolist()) for mine in structure.items]
    for f in range(m):
        inner = [g for g in range(m) if found[f] != "higher order" and sets[g] and sets[g] < sets[f]]
        if inner and all(abs(V[f, g]) < _NONE for g in inner):
            found[f] = "general"
            for g in inner:
                found[g] = "group" if found[g] == "factor" else found[g]
    return tuple(found)


class _Reliability:
    """Collects the tables of all groups."""

    def __init__(self, fit: FittedModel, frame: Frame, level: float) -> None:
        self.fit, self.frame, self.level = fit, frame, level
        self.model = fit.compiled.model
        self.spread = JointSpread(fit)
        self.rows: dict[str, list[tuple[object, ...]]] = {
            name: [] for name in ("factors", "intervals", "total", "general", "subscales", "higher_order")
        }
        self.ratios: dict[str, list[pd.DataFrame]] = {"arithmetic": [], "geometric": []}
        self.warnings: list[Problem] = []

    def result(self, found: Sequence[Problem]) -> CfaReliabilityResult:
        self.warnings += found
        for number in range(self.model.n_groups):
            self._group(number)
        tables = {
            name: pd.DataFrame(self.rows[name], columns=list(columns))
            for name, columns in (
                ("factors", _FACTORS),
                ("intervals", _INTERVALS),
                ("total", ("group", "n_items", "omega", "omega_model", "se", "ci_lower", "ci_upper")),
                ("general", _GENERAL),
                ("subscales", _SUBSCALES),
                ("higher_order", _HIGHER),
            )
        }
        return CfaReliabilityResult(
            **tables,
            htmt=self._stacked("arithmetic"),
            htmt2=self._stacked("geometric"),
            n_groups=self.model.n_groups,
            n_factors=len(self.model.factors),
            n_persons=self.fit.n,
            n_items=len(self.model.items),
            n_dropped=self.frame.n_dropped,
            method=self._method(),
            warnings=tuple(self.warnings),
            provenance=provenance("cfa reliability", {"estimator": self.fit.estimator, "level": self.level}),
        )

    def _group(self, number: int) -> None:
        group, sample = self.fit.compiled.groups[number], self.fit.samples[number]
        at = implied(group, self.fit.x)
        structure = structure_of(self.model, number)
        kinds = roles(structure, at.V)
        sums = SumScores(group, self.fit.x, sample.S, self._steps())
        everything = np.arange(len(self.model.items))
        self._total(number, sums, everything)
        for f, items in enumerate(structure.items):
            self._factor(number, f, sums, at, structure, kinds[f])
            self._warn_negative(number, f, at, items)
        self._heterotrait(number, sample.S, structure)

    def _steps(self) -> list[Array]:
        """Return the steps between the codes that anybody gave to each ordered item."""
        values = np.concatenate(self.frame.answers)
        return [
            np.diff(np.unique(values[~np.isnan(values[:, j]), j])) if item in self.model.ordered else np.zeros(0)
            for j, item in enumerate(self.model.items)
        ]

    def _total(self, number: int, sums: SumScores, items: Counts) -> None:
        common = sums.common(items)
        share = ratio(common, sums.observed_total(items))
        with_model = ratio(common, sums.model_total(items))
        limits = self._limits(share, number)
        self.rows["total"].append((self._label(number), items.size, share.value, with_model.value, *limits))
        if not np.isfinite(limits).all():
            self.warnings.append(self._undefined("the omega of all items or its interval", number))

    def _factor(self, number: int, f: int, sums: SumScores, at: Implied, structure: Structure, role: str) -> None:
        items, name, label = structure.items[f], self.model.factors[f], self._label(number)
        crossed = np.zeros(items.size, dtype=bool)
        for g, own in enumerate(structure.own):
            crossed |= np.isin(items, own) & (g != f) & (g not in self._under(structure, f))
        has = (label, name, role, items.size, bool(crossed.any()), bool(structure.related[np.ix_(items, items)].any()))
        if items.size < 2:
            self.rows["factors"].append((*has, *[NAN] * 6))
            self.rows["intervals"] += [(label, name, which, *[NAN] * 4) for which in _COEFFICIENTS]
            self.warnings.append(self._undefined(f"the reliability of {name}", number, "It has fewer than two items."))
            return
        part, common = sums.of_factor(items, f), sums.common(items)
        seen, modelled = sums.observed_total(items), sums.model_total(items)
        shares = (ratio(part, seen), ratio(part, modelled), ratio(common, seen))
        limits = [self._limits(share, number) for share in shares]
        for which, share, found in zip(_COEFFICIENTS, shares, limits, strict=True):
            self.rows["intervals"].append((label, name, which, share.value, *found))
        if not np.isfinite(np.array(limits)).all():
            self.warnings.append(self._undefined(f"an omega of {name} or its interval", number))
        variances = self._variances(sums, items, f)
        self.rows["factors"].append((*has, *(share.value for share in shares), *variances))
        self._warn_different(name, number, shares[0].value, shares[1].value)
        left = modelled.value - common.value
        self._hierarchy(number, f, role, at, structure, shares, part.value / (part.value + left))

    @staticmethod
    def _under(structure: Structure, f: int) -> set[int]:
        """Return the factors that load on a factor, and those that load on them."""
        found: set[int] = set()
        waiting = structure.below[f].tolist()
        while waiting:
            g = waiting.pop()
            if g not in found:
                found.add(g)
                waiting += structure.below[g].tolist()
        return found

    @staticmethod
    def _variances(sums: SumScores, items: Counts, f: int) -> tuple[float, float, float]:
        """Return composite reliability, average variance extracted and the mean squared standardised loading."""
        scale = sums.scale
        lam, v = scale.L[items, f], float(scale.V[f])
        square = np.ix_(items, items)
        total = np.diag(scale.R)[items]
        unit = np.sqrt(total)
        observed = np.where(sums.steps.ordered, 1.0, np.diag(sums.observed))[items]
        composite = v * float((lam / unit).sum()) ** 2 / float((scale.R[square] / np.outer(unit, unit)).sum())
        return composite, v * float(lam @ lam) / float(observed.sum()), v * float((lam**2 / total).mean())

    def _hierarchy(
        self,
        number: int,
        f: int,
        role: str,
        at: Implied,
        structure: Structure,
        shares: tuple[SumVariance, ...],
        partial: float,
    ) -> None:
        items, label = structure.items[f], self._label(number)
        key = (label, self.model.factors[f], items.size)
        if role == "general":
            self.rows["general"].append((*key, shares[2].value, shares[0].value, _explained_common(at, items, f)))
        elif role == "group":
            self.rows["subscales"].append((*key, shares[2].value, shares[0].value))
        elif role == "higher order":
            below = structure.below[f]
            carried = float(at.J[below, f].sum() ** 2 * at.V[f, f])
            of_factors = carried / float(at.V[np.ix_(below, below)].sum())
            row = (*key, below.size, shares[0].value, of_factors, partial, _explained_common(at, items, f))
            self.rows["higher_order"].append(row)

    def _limits(self, share: SumVariance, number: int) -> tuple[float, float, float]:
        error = self.spread.standard_error(share.by_parameter, share.by_moment, number)
        limits = logit_interval(share.value, error, self.level)
        return error, limits.low, limits.high

    def _heterotrait(self, number: int, observed: Array, structure: Structure) -> None:
        unit = np.sqrt(np.diag(observed))
        R = observed / np.outer(unit, unit)
        measured = [f for f, own in enumerate(structure.own) if own.size]
        items = [structure.own[f] for f in measured]
        names = [self.model.factors[f] for f in measured]
        lacking: list[str] = []
        for mean, tables in self.ratios.items():
            found = heterotrait_monotrait(R, items, mean="arithmetic" if mean == "arithmetic" else "geometric")
            tables.append(pd.DataFrame(found, index=names, columns=names))
            rows, columns = np.nonzero(np.tril(~np.isfinite(found)))
            lacking = [names[i] if i == j else f"{names[j]} and {names[i]}" for i, j in zip(rows, columns, strict=True)]
        if lacking:
            why = "Factors share items, or have fewer than two."
            self.warnings.append(self._undefined(f"HTMT of {', '.join(lacking)}", number, why))

    def _stacked(self, mean: str) -> pd.DataFrame:
        tables = self.ratios[mean]
        if len(tables) == 1:
            return tables[0]
        return pd.concat(tables, keys=list(self.frame.groups), names=["group", "factor"])

    def _label(self, number: int) -> str:
        return self.frame.groups[number]

    def _in(self, number: int) -> str:
        return f" in the group {self._label(number)}" if self.model.n_groups > 1 else ""

    def _undefined(self, what: str, number: int, why: str = "It is at or beyond its limit.") -> Problem:
        return undefined(f"{what}{self._in(number)}", why)

    def _warn_negative(self, number: int, f: int, at: Implied, items: Counts) -> None:
        loadings = at.L[items, f]
        against = loadings * np.sign(loadings.sum()) < 0.0
        self.warnings += [
            Problem(
                code=Code.STA_NEGATIVE_ITEM,
                what=f"The item loads against the other items of {self.model.factors[f]}{self._in(number)}, and lowers "
                "the reliability of their sum.",
                item=self.model.items[j],
                fix="Check whether the item must be reversed.",
            )
            for j in items[against]
        ]

    def _warn_different(self, name: str, number: int, observed: float, modelled: float) -> None:
        if abs(observed - modelled) > DENOMINATOR_TOLERANCE:
            self.warnings.append(
                Problem(
                    code=Code.STA_DENOMINATORS_DIFFER,
                    what=f"Omega of {name}{self._in(number)} differs with the observed and with the model-implied "
                    "total variance: the model fits these items badly.",
                    fix="Report both and look at the residuals of the items.",
                    got=f"{observed:.4f} and {modelled:.4f}",
                    allowed=f"a difference of {DENOMINATOR_TOLERANCE} or less",
                )
            )

    def _method(self) -> str:
        what = "Green-Yang omega of the sum of codes" if self.model.ordered else "omega of the sum of items"
        if self.fit.parts is not None:
            errors = "asymptotic covariance of thresholds and correlations"
        elif self.fit.n_clusters:
            errors = "sums over clusters"
        else:
            errors = "sums over persons" if self.fit.estimator == "MLR" else "normal theory"
        return (
            f"{what}, {self.fit.estimator} confirmatory model, observed total variance; true variance from loadings "
            f"and factor covariances, residual covariances as error; delta method, logit, {errors}; HTMT and HTMT2 of "
            "absolute correlations"
        )


_COEFFICIENTS = ("omega", "omega_model", "omega_total")


def _explained_common(at: Implied, items: Counts, f: int) -> float:
    """Return a factor's share of the common variance of standardised items."""
    total = np.diag(at.Sigma)[items]
    common = np.diag(at.L @ at.matrices["Psi"] @ at.L.T)[items]
    return float((at.L[items, f] ** 2 * at.V[f, f] / total).sum() / (common / total).sum())
