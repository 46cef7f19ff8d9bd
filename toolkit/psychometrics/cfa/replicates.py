"""Fitting a model to many simulated data sets, for nothing but SRMR, RMSEA and CFI.

Symbols: R correlations of the population (p, p), sd standard deviations and mu means of the items, n persons of a data
set, x free parameters. Each maker returns, for a population R, a function that draws one data set and returns its fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from toolkit.errors import StatisticsError
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.cfa._matrices import Compiled, compiled
from toolkit.psychometrics.cfa.chi_square import least_squares_baseline, least_squares_parts, scaled_and_shifted
from toolkit.psychometrics.cfa.discrepancy import Discrepancy, LeastSquares, NormalDiscrepancy
from toolkit.psychometrics.cfa.estimate import (
    Solution,
    line_search,
    metric_at,
    minimum,
    starting_values,
    units,
    updated,
)
from toolkit.psychometrics.cfa.fit_indices import comparative_fit_index, standardized_root_mean_square_residual
from toolkit.psychometrics.cfa.fitting import Estimator, fit_model
from toolkit.psychometrics.cfa.model import Model
from toolkit.psychometrics.cfa.moments import Frame, GroupSample, ordinal_samples

Refit: TypeAlias = Callable[[np.random.Generator], tuple[float, float, float]]
"""Draws a data set and returns SRMR, RMSEA and CFI of the model in it; NaN where there is no solution."""
Cuts: TypeAlias = Sequence[tuple[Array, Array]]
"""Each item's codes and the thresholds between them."""
NO_FIT = (float("nan"),) * 3
_MOST_STEPS = 60
_DECREMENT = 1e-12
"""The discrepancy is then known to half of it."""


def normal_refit(
    use: Compiled, x: Array | None, n: int, mu: Array, sd: Array, cuts: Cuts | None
) -> Callable[[Array], Refit]:
    """Return the maker for ML: Wishart matrices, or, with ``cuts``, the moments of cut answers."""

    def of_population(R: Array) -> Refit:
        root = np.asarray(np.linalg.cholesky(R * np.outer(sd, sd)), dtype=np.float64)
        population = GroupSample(n=n, values=_NOBODY, clusters=None, mean=mu, S=root @ root.T)
        problem = NormalDiscrepancy(use, (population,))
        begin = starting_values(use, (population,)) if x is None else x
        start = minimum(problem, begin, units(use, begin)).x
        H = metric_at(problem, start)

        def refit(random: np.random.Generator) -> tuple[float, float, float]:
            if cuts is None:
                S = wishart(root, n, random)
                mean = mu + root @ random.standard_normal(mu.size) / np.sqrt(n)
            else:
                values = cut_answers(R, n, cuts, random)
                mean, S = values.mean(axis=0), np.cov(values.T, bias=True)
                if (np.diag(S) <= 0.0).any():
                    return NO_FIT
            return _normal_fit(use, start, H, GroupSample(n=n, values=_NOBODY, clusters=None, mean=mean, S=S))

        return refit

    return of_population


def robust_refit(use: Compiled, n: int, mu: Array, sd: Array, cuts: Cuts | None) -> Callable[[Array], Refit]:
    """Return the maker for MLR: normal answers, or cut ones, and robust RMSEA and CFI."""

    def of_population(R: Array) -> Refit:
        root = np.asarray(np.linalg.cholesky(R * np.outer(sd, sd)), dtype=np.float64)

        def refit(random: np.random.Generator) -> tuple[float, float, float]:
            if cuts is None:
                values = mu + random.standard_normal((n, mu.size)) @ root.T
            else:
                values = cut_answers(R, n, cuts, random)
            mean, S = values.mean(axis=0), np.cov(values.T, bias=True)
            if (np.diag(S) <= 0.0).any() or np.linalg.eigvalsh(S)[0] <= 0.0:
                return NO_FIT
            sample = GroupSample(n=n, values=values, clusters=None, mean=mean, S=S)
            try:
                found = fit_model(use.model, (sample,), "MLR")
            except StatisticsError:
                return NO_FIT
            if not found.solution.converged:
                return NO_FIT
            fit = found.fit()
            return fit["srmr"], fit["rmsea.robust"], fit["cfi.robust"]

        return refit

    return of_population


def ordinal_refit(use: Compiled, estimator: Estimator, x: Array, n: int, cuts: Cuts) -> Callable[[Array], Refit]:
    """Return the maker for ordered items: answers cut at thresholds, scaled RMSEA and CFI (DWLS: naive ones).

    A code that nobody of a data set gives has no threshold there.
    """

    def of_population(R: Array) -> Refit:
        def refit(random: np.random.Generator) -> tuple[float, float, float]:
            values = cut_answers(R, n, cuts, random)
            frame = Frame(
                items=use.model.items,
                groups=("",),
                answers=(values,),
                clusters=None,
                n_clusters=0,
                rows=(np.arange(n),),
                n_dropped=0,
            )
            try:
                samples = ordinal_samples(frame, use.model.ordered, pairwise=False)
            except StatisticsError:
                return NO_FIT
            n_cuts = [np.unique(column).size - 1 for column in values.T]
            whole = all(number == cut.size for number, (_, cut) in zip(n_cuts, cuts, strict=True))
            now = use if whole else compiled(_with_thresholds(use.model, n_cuts))
            return _ordinal_fit(now, estimator, x if whole else None, samples[0])

        return refit

    return of_population


def wishart(root: Array, n: int, random: np.random.Generator) -> Array:
    """Draw the covariance matrix (divisor n) of n normal persons with covariances ``root root'``, shape (p, p)."""
    p = root.shape[0]
    A = np.tril(random.standard_normal((p, p)), -1)
    A[np.diag_indices(p)] = np.sqrt(random.chisquare(n - 1 - np.arange(p)))
    A = root @ A
    S: Array = A @ A.T / n
    return S


def cut_answers(R: Array, n: int, cuts: Cuts, random: np.random.Generator) -> Array:
    """Draw normal variables with correlations R and cut them at thresholds, shape (n, p)."""
    y = random.standard_normal((n, R.shape[0])) @ np.linalg.cholesky(R).T
    return np.column_stack(
        [codes[np.searchsorted(cut, column)] for column, (codes, cut) in zip(y.T, cuts, strict=True)]
    )


_NOBODY = np.zeros((0, 0))


def _found(problem: Discrepancy, start: Array, H: Array, sample: GroupSample) -> Solution:
    """Search from where the population has its minimum, in its metric H; where that fails, from the data set's own."""
    x, value, gradient = start, problem.value(start), problem.gradient(start)
    for step in range(_MOST_STEPS if np.isfinite(value) else 0):
        direction = -H @ gradient
        decrement = float(-gradient @ direction)
        if decrement <= _DECREMENT:
            return Solution(x=x, value=value, converged=True, n_iterations=step, n_starts=1)
        moved, moved_value = line_search(problem, x, value, direction, decrement)
        if moved is None:
            break
        moved_gradient = problem.gradient(moved)
        H = updated(H, moved - x, moved_gradient - gradient)
        x, value, gradient = moved, moved_value, moved_gradient
    again = starting_values(problem.compiled, (sample,))
    return minimum(problem, again, units(problem.compiled, again))


def _normal_fit(use: Compiled, start: Array, H: Array, sample: GroupSample) -> tuple[float, float, float]:
    p = sample.mean.size
    sign, log_determinant = np.linalg.slogdet(sample.S)
    if sign <= 0.0:
        return NO_FIT
    solution = _found(NormalDiscrepancy(use, (sample,)), start, H, sample)
    if not solution.converged:
        return NO_FIT
    T = sample.n * solution.value
    df = p * (p + 1) // 2 + (p if use.model.mean_structure else 0) - use.q
    T_b = sample.n * float(np.log(np.diag(sample.S)).sum() - log_determinant)
    return (
        standardized_root_mean_square_residual(use, (sample,), solution.x),
        _rmsea(T, df, sample.n),
        comparative_fit_index(T, df, T_b, p * (p - 1) // 2),
    )


def _ordinal_fit(
    use: Compiled, estimator: Estimator, start: Array | None, sample: GroupSample
) -> tuple[float, float, float]:
    if sample.ordinal is None:
        return NO_FIT
    gamma = sample.ordinal.gamma
    if not np.isfinite(gamma).all() or (np.diag(gamma) <= 0.0).any():
        return NO_FIT
    samples = (sample,)
    weights = (np.ones(gamma.shape[0]) if estimator == "ULSMV" else 1.0 / np.diag(gamma),)
    problem = LeastSquares(use, samples, weights)
    begin = starting_values(use, samples) if start is None else start
    solution = _found(problem, begin, metric_at(problem, begin), sample)
    if not solution.converged:
        return NO_FIT
    n = sample.n - 1
    T, df, p = sample.n * solution.value, gamma.shape[0] - use.q, sample.mean.size
    baseline = least_squares_baseline(samples, weights, gamma.shape[0] - p * (p - 1) // 2)
    T_b = baseline.value
    if estimator != "DWLS":
        parts = least_squares_parts(use, samples, weights, solution.x)
        T = scaled_and_shifted(T, df, parts.trace, parts.trace_of_square).scaled
        T_b = baseline.scaled
    return (
        standardized_root_mean_square_residual(use, samples, solution.x),
        _rmsea(T, df, n),
        comparative_fit_index(T, df, T_b, baseline.df),
    )


def _rmsea(T: float, df: int, n: int) -> float:
    return float(np.sqrt(max(T - df, 0.0) / (n * df)))


def _with_thresholds(model: Model, n_cuts: Sequence[int]) -> Model:
    """Return the model with fewer thresholds, where some codes were not given."""
    most = dict(zip(model.items, n_cuts, strict=True))
    kept = tuple(row for row in model.parameters if row.op != "|" or int(row.rhs[1:]) <= most[row.lhs])
    return replace(model, parameters=kept)
