"""Differences of factor means between groups or occasions, with and without equal intercepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics.cfa._matrices import Values, complex_slopes, implied, row_values
from toolkit.psychometrics.cfa._tables import wald_columns
from toolkit.psychometrics.cfa.fitting import FittedModel
from toolkit.psychometrics.cfa.invariance_levels import Contexts, measured_factors

COLUMNS = ("factor", "context", "intercepts", "est", "se", "z", "p", "ci_lower", "ci_upper", "d", "lowest", "highest")


def constrained_means(fit: FittedModel, contexts: Contexts, level: float, *, name: str = "equal") -> pd.DataFrame:
    """Return the factor means of later contexts, the reference's being 0.

    ``d`` is the mean over the standard deviation that the factor has in the reference. Factors that other factors
    measure have no mean of their own and are left out.
    """
    model = fit.compiled.model
    factors = frozenset(model.factors) - measured_factors(model)
    wanted = [
        (number, place)
        for number, row in enumerate(model.parameters)
        if row.op == "~1" and row.lhs in factors and (place := contexts.place(row)) and place[0] > 0
    ]
    if not wanted:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = np.array([number for number, _ in wanted])
    spread = _reference_spread(fit, contexts, [place[1] for _, place in wanted])

    def means(x: Values) -> Values:
        values: Values = row_values(fit.compiled, x)[rows]
        return values

    table = _table(fit, means, [(place[1], contexts.labels[place[0]]) for _, place in wanted], name, level)
    return table.assign(d=table["est"] / spread, lowest=np.nan, highest=np.nan)[list(COLUMNS)]


def free_means(fit: FittedModel, contexts: Contexts, level: float) -> pd.DataFrame:
    """Return the differences that the items of a factor show by themselves, where intercepts are not held equal.

    An item's difference is that of its intercepts over its loading. ``est`` is the mean over the factor's items,
    ``lowest`` and ``highest`` are the smallest and largest of them: how far the difference depends on which item one
    trusts. Items of several factors are left out.
    """
    groups: list[tuple[str, str]] = []
    sets: list[tuple[Counts, Counts, Counts]] = []
    model = contexts.model
    where = {contexts.place(row): number for number, row in enumerate(model.parameters)}
    loadings = [row for row in model.parameters if row.op == "=~" and row.rhs in model.items]
    counts = pd.Series([(row.rhs, row.group) for row in loadings]).value_counts()
    found: dict[tuple[str, int], list[tuple[int, int, int]]] = {}
    for row in loadings:
        place = contexts.place(row)
        if place is None or place[0] == 0 or counts[(row.rhs, row.group)] > 1:
            continue
        context, factor, _, item = place
        intercepts = where.get((context, item, "~1", "")), where.get((0, item, "~1", ""))
        if intercepts[0] is not None and intercepts[1] is not None:
            loading = where[(context, factor, "=~", item)]
            found.setdefault((factor, context), []).append((intercepts[0], intercepts[1], loading))
    for (factor, context), items in found.items():
        groups.append((factor, contexts.labels[context]))
        places = np.array(items, dtype=np.int64)
        sets.append((places[:, 0], places[:, 1], places[:, 2]))

    def differences(x: Values) -> list[Values]:
        values = row_values(fit.compiled, x)
        return [np.asarray((values[own] - values[reference]) / values[loading]) for own, reference, loading in sets]

    def means(x: Values) -> Values:
        return np.array([each.mean() for each in differences(x)])

    if not sets:
        return pd.DataFrame(columns=list(COLUMNS))
    spread = _reference_spread(fit, contexts, [name for name, _ in groups])
    each = differences(fit.x)
    table = _table(fit, means, groups, "free", level)
    return table.assign(
        d=table["est"] / spread,
        lowest=[float(np.real(values).min()) for values in each],
        highest=[float(np.real(values).max()) for values in each],
    )[list(COLUMNS)]


def _reference_spread(fit: FittedModel, contexts: Contexts, factors: Sequence[str]) -> Array:
    """Return the factors' standard deviations in the reference."""
    suffix = contexts.labels[0] if contexts.longitudinal else ""
    variances = np.real(np.diag(implied(fit.compiled.groups[0], fit.x).V))
    names = contexts.model.factors
    return np.asarray(np.sqrt([variances[names.index(factor + suffix)] for factor in factors]))


def _table(
    fit: FittedModel,
    function: Callable[[Values], Values],
    names: Sequence[tuple[str, str]],
    intercepts: str,
    level: float,
) -> pd.DataFrame:
    slopes = complex_slopes(function, fit.x)
    estimate: Array = np.real(np.asarray(function(fit.x))).astype(np.float64)
    error = np.sqrt(np.maximum(((slopes @ fit.covariance) * slopes).sum(axis=1), 0.0))
    return pd.DataFrame(
        {
            "factor": [factor for factor, _ in names],
            "context": [label for _, label in names],
            "intercepts": intercepts,
            **wald_columns(estimate, error, level),
        }
    )
