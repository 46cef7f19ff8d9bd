"""Score tests: what a model would gain from one parameter more, or from one equality less."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from toolkit.psychometrics._numerics import Array, inverse
from toolkit.psychometrics.cfa._matrices import (
    Compiled,
    compiled,
    implied,
    row_values,
)
from toolkit.psychometrics.cfa.discrepancy import FullInformation, LeastSquares, NormalDiscrepancy
from toolkit.psychometrics.cfa.estimate import units
from toolkit.psychometrics.cfa.fitting import FittedModel
from toolkit.psychometrics.cfa.model import Model, Parameter

_SMALLEST_INFORMATION = 6e-6
_AT_ONCE = 400
"""Candidates whose slopes are held in memory together."""


def modification_indices(fit: FittedModel, groups: Sequence[str]) -> pd.DataFrame:
    """Return the score test of every fixed or absent parameter, largest first."""
    model = fit.compiled.model
    candidates = list(_candidates(model))
    index, change = score_tests(fit, candidates)
    table = pd.DataFrame(
        {
            "lhs": [row.lhs for row in candidates],
            "op": [row.op for row in candidates],
            "rhs": [row.rhs for row in candidates],
            "group": [groups[row.group] for row in candidates],
            "mi": index,
            "epc": change,
            "sepc": _standardized_changes(fit, candidates, change),
        }
    )
    return table.dropna(subset=["mi"]).sort_values("mi", ascending=False, kind="stable").reset_index(drop=True)


def score_tests(fit: FittedModel, candidates: Sequence[Parameter]) -> tuple[Array, Array]:
    """Return the score test (chi-square, 1 df) of each candidate and the change that is expected of it.

    NaN where the data hold no information about it beside the model's own parameters. A candidate that stands in the
    model with a label is taken out of its equality.
    """
    if len(candidates) > _AT_ONCE:
        parts = [
            score_tests(fit, candidates[first : first + _AT_ONCE]) for first in range(0, len(candidates), _AT_ONCE)
        ]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    use = compiled(fit.compiled.model, candidates)
    q = fit.x.size
    values = row_values(fit.compiled, fit.x)
    standing = {row.key: float(value) for row, value in zip(fit.compiled.model.parameters, values, strict=True)}
    start = [standing.get(row.key, standing.get((row.rhs, row.op, row.lhs, row.group), 0.0)) for row in candidates]
    x = np.concatenate([fit.x, np.array(start, dtype=np.float64)])
    problem = _problem(fit, use)
    # Slopes of the log likelihood of one person are minus half those of the discrepancy.
    score = -0.5 * np.asarray(problem.gradient(x))[q:]
    information = problem.information_as_answered(x) if isinstance(problem, FullInformation) else problem.information(x)
    mixed = information[:q, q:]
    left = np.diag(information)[q:] - np.einsum("ij,ij->j", mixed, inverse(information[:q, :q]) @ mixed)
    square = units(use, x)[q:] ** 2
    known = left * square > _SMALLEST_INFORMATION * np.maximum(1.0, np.diag(information)[q:] * square)
    n = float(fit.n)
    index = np.divide(n * score**2, left, out=np.full(score.size, np.nan), where=known)
    change = np.divide(score, left, out=np.full(score.size, np.nan), where=known)
    return index, change


def _problem(fit: FittedModel, use: Compiled) -> NormalDiscrepancy | LeastSquares | FullInformation:
    if isinstance(fit.problem, LeastSquares):
        return LeastSquares(use, fit.samples, fit.weights)
    if isinstance(fit.problem, FullInformation):
        return FullInformation(use, fit.samples)
    return NormalDiscrepancy(use, fit.samples)


def _candidates(model: Model) -> Iterator[Parameter]:
    """Return loadings, residual covariances and factor covariances that the model fixes or does not have."""
    free = {row.key for row in model.parameters if row.free}
    measured = {row.rhs for row in model.parameters if row.op == "=~"} & set(model.factors)
    for group in range(model.n_groups):
        for lhs, op, rhs in _pairs(model, measured):
            keys = ((lhs, op, rhs, group), (rhs, op, lhs, group))
            if any(key in free for key in keys):
                continue
            yield Parameter(lhs=lhs, op=op, rhs=rhs, group=group, free=True)


def _pairs(model: Model, measured: set[str]) -> Iterator[tuple[str, str, str]]:
    for factor in model.factors:
        for item in model.items:
            yield factor, "=~", item
    for place, first in enumerate(model.items):
        if first not in model.ordered:
            yield first, "~~", first
        for second in model.items[place + 1 :]:
            yield first, "~~", second
    exogenous = [factor for factor in model.factors if factor not in measured]
    for place, first in enumerate(exogenous):
        for second in exogenous[place:]:
            yield first, "~~", second


def _standardized_changes(fit: FittedModel, candidates: Sequence[Parameter], change: Array) -> Array:
    """Return the changes with all variables standardised, residual covariances as residual correlations."""
    out = np.full(change.size, np.nan)
    model = fit.compiled.model
    for number, group in enumerate(fit.compiled.groups):
        at = implied(group, fit.x)
        of_item, of_factor = np.sqrt(np.diag(at.Sigma)), np.sqrt(np.diag(at.V))
        with np.errstate(invalid="ignore"):
            theta, psi = np.sqrt(np.diag(at.matrices["Theta"])), np.sqrt(np.diag(at.matrices["Psi"]))
        for place, row in enumerate(candidates):
            if row.group != number:
                continue
            first = model.items.index(row.lhs) if row.lhs in model.items else model.factors.index(row.lhs)
            second = model.items.index(row.rhs) if row.rhs in model.items else model.factors.index(row.rhs)
            if row.op == "=~":
                out[place] = change[place] * of_factor[first] / of_item[second]
            elif row.lhs in model.items:
                out[place] = change[place] / (theta[first] * theta[second] if first != second else of_item[first] ** 2)
            else:
                out[place] = change[place] / (psi[first] * psi[second] if first != second else of_factor[first] ** 2)
    return out
