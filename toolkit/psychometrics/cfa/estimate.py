"""Making a discrepancy small: starting values, the search, and what tells whether the solution can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._numerics import Array, Counts, Flags
from toolkit.psychometrics.cfa._matrices import Compiled, implied, position_table
from toolkit.psychometrics.cfa.discrepancy import Discrepancy, FullInformation, NormalDiscrepancy
from toolkit.psychometrics.cfa.moments import GroupSample

_MOST_STEPS = 500
_DECREMENT = 1e-17
_LOOSE_DECREMENT = 1e-10
_ROUNDING = 1e-13
"""Steps that promise less than this share of the discrepancy cannot be judged by it."""
_MOST_UNJUDGED = 4
_STARTS = 8
_SINGULAR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """Where a search ended.

    Attributes
    ----------
    x : ndarray, shape (q,)
        The free parameters.
    value : float
        The discrepancy.
    converged : bool
        Whether its slopes are zero to rounding.
    n_iterations : int
        Steps of the search that ended here.
    n_starts : int
        Searches that were made; more than one only where the first failed.
    """

    x: Array
    value: float
    converged: bool
    n_iterations: int
    n_starts: int


def fitted(problem: Discrepancy, samples: Sequence[GroupSample], *, keep_failed: bool = False) -> Solution:
    """Return the minimum of a discrepancy; where the first search fails, of several from other starts.

    With ``keep_failed`` a search that did not converge is returned wherever it ended.

    Raises
    ------
    StatisticsError
        STA_NOT_IDENTIFIED, with the parameters that the data cannot tell apart; STA_NOT_CONVERGED, if the search ran
        to where they cannot; STA_INADMISSIBLE, if the model's covariances are impossible wherever it began.
    """
    start = starting_values(problem.compiled, samples)
    if not np.isfinite(problem.value(start)):
        start = starting_values(problem.compiled, samples, as_asked=False)
    unit = units(problem.compiled, start)
    if isinstance(problem, FullInformation):
        start = minimum(NormalDiscrepancy(problem.compiled, samples), start, unit).x
    best = minimum(problem, start, unit)
    tried = 1
    if not best.converged and not keep_failed and np.isfinite(best.value) and _idle_parameters(problem, start, unit):
        # Where the information is singular already at the start, other starts do not help.
        refuse_unidentified(problem, best, start, unit)
    if not best.converged:
        random = np.random.default_rng(20_240_501)
        found = [(best, start)]
        for tried in range(2, _STARTS + 1):
            spread = 0.05 if tried % 2 else 0.2
            moved = found[0][1] * random.uniform(0.5, 1.5, start.size) + unit * random.normal(0.0, spread, start.size)
            found.append((minimum(problem, moved, unit), moved))
        best, start = min(found, key=lambda one: (not one[0].converged, one[0].value))
    if not np.isfinite(best.value):
        raise StatisticsError(_impossible())
    if keep_failed and _idle_parameters(problem, best.x, unit) and not _idle_parameters(problem, start, unit):
        best = replace(best, converged=False)
    if best.converged or not keep_failed:
        refuse_unidentified(problem, best, start, unit)
    return Solution(
        x=best.x, value=best.value, converged=best.converged, n_iterations=best.n_iterations, n_starts=tried
    )


def units(compiled: Compiled, x: Array) -> Array:
    """Return each parameter's natural unit, made of the standard deviations that the model implies at x.

    A factor's is that with which it would explain all of the item that it explains best. In these units searches and
    limits do not depend on how items are scaled.
    """
    unit = np.full(compiled.q, np.inf)
    states = [implied(group, x) for group in compiled.groups]
    item = _or_one(np.sqrt(np.max([np.abs(np.diag(at.Sigma)) for at in states], axis=0)))
    for group, at in zip(compiled.groups, states, strict=True):
        factor = 1.0 / _or_one(np.abs(at.L / item[:, None]).max(axis=0))
        of = {
            "Lambda": np.outer(item, 1.0 / factor),
            "B": np.outer(factor, 1.0 / factor),
            "Psi": np.outer(factor, factor),
            "Theta": np.outer(item, item),
            "nu": item[:, None],
            "alpha": factor[:, None],
            "tau": item[group.item_of][:, None],
            "delta": 1.0 / item[:, None],
        }
        for name, sizes in of.items():
            free = group.free[name]
            np.minimum.at(unit, free.place, sizes[free.row, free.column])
    return np.where(np.isfinite(unit), unit, 1.0)


def _or_one(sizes: Array) -> Array:
    return np.where(sizes > 0.0, sizes, 1.0)


def minimum(problem: Discrepancy, start: Array, unit: Array) -> Solution:
    """Search from one start: scoring steps in the metric of the information, improved by the slopes seen on the way.

    The metric is the inverse of twice the expected information; BFGS updates carry what it lacks where the model does
    not hold or answers are missing. Steps are halved until the discrepancy falls; the last ones are too short for that
    and are taken as they are. All is done in the parameters' natural units.
    """
    x = start.copy()
    value = problem.value(x)
    if not np.isfinite(value):
        return Solution(x=x, value=value, converged=False, n_iterations=0, n_starts=1)
    moved: Array | None
    gradient = unit * problem.gradient(x)
    H = metric(problem.information(x), unit)
    fresh, unjudged, decrement = 0, 0, float("inf")
    for step in range(_MOST_STEPS):
        direction = -H @ gradient
        decrement = float(-gradient @ direction)
        size = max(1.0, abs(value))
        if abs(decrement) <= _DECREMENT * size or unjudged == _MOST_UNJUDGED:
            return Solution(x=x, value=value, converged=True, n_iterations=step, n_starts=1)
        if abs(decrement) <= _ROUNDING * size:
            moved = x + unit * direction
            moved_value = problem.value(moved)
            unjudged += 1
        else:
            moved, moved_value = line_search(problem, x, value, unit * direction, decrement)
        if moved is None or not np.isfinite(moved_value):
            if fresh == 0:
                break
            H, fresh = metric(problem.information(x), unit), 0
            continue
        moved_gradient = unit * problem.gradient(moved)
        s, y = (moved - x) / unit, moved_gradient - gradient
        x, value, gradient = moved, moved_value, moved_gradient
        fresh += 1
        if step < 4:
            H, fresh = metric(problem.information(x), unit), 0
        H = updated(H, s, y)
    converged = abs(decrement) <= _LOOSE_DECREMENT * max(1.0, abs(value))
    return Solution(x=x, value=value, converged=converged, n_iterations=step + 1, n_starts=1)


def line_search(
    problem: Discrepancy, x: Array, value: float, direction: Array, decrement: float
) -> tuple[Array | None, float]:
    """Return a point in that direction with a lower discrepancy, and its value there; None where there is none."""
    length = 1.0
    noise = 4.0 * np.finfo(float).eps * max(1.0, abs(value))
    for _halving in range(40):
        moved = x + length * direction
        found = problem.value(moved)
        if np.isfinite(found) and found <= value - 1e-4 * length * decrement + noise:
            return moved, found
        length *= 0.5
    return None, value


def updated(H: Array, s: Array, y: Array) -> Array:
    """Return the inverse metric after a BFGS update, if the curvature allows one."""
    curvature = float(s @ y)
    if curvature <= 1e-12 * float(np.linalg.norm(s) * np.linalg.norm(y)):
        return H
    Hy = H @ y
    scale = (1.0 + float(y @ Hy) / curvature) / curvature
    updated: Array = H + scale * np.outer(s, s) - (np.outer(s, Hy) + np.outer(Hy, s)) / curvature
    return updated


def metric_at(problem: Discrepancy, x: Array) -> Array:
    """Return the inverse of twice the information at x, in the parameters' own units."""
    unit = units(problem.compiled, x)
    return metric(problem.information(x), unit) * np.outer(unit, unit)


def metric(information: Array, unit: Array) -> Array:
    """Return the inverse of twice the information in natural units, with directions that it hardly knows held back."""
    information = information * np.outer(unit, unit)
    scale = np.sqrt(np.maximum(np.diag(information), 1e-12))
    of_one = information / np.outer(scale, scale)
    try:
        if np.diag(np.linalg.cholesky(of_one)).min() > 0.01:
            return np.asarray(np.linalg.inv(of_one) / np.outer(scale, scale) / 2.0)
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(of_one)
    values = np.maximum(values, 1e-6)
    inverse: Array = (vectors / values) @ vectors.T / np.outer(scale, scale) / 2.0
    return inverse


def refuse_unidentified(problem: Discrepancy, found: Solution, start: Array, unit: Array) -> None:
    """Refuse a solution where the information is singular, and name the parameters that can change without any effect.

    If the search failed and the information was regular where it began, the model is not to blame.
    """
    names = _idle_parameters(problem, found.x, unit)
    if not names:
        return
    told = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    if not found.converged and not _idle_parameters(problem, start, unit):
        raise StatisticsError(
            Problem(
                code=Code.STA_NOT_CONVERGED,
                what=f"From {_STARTS} starts the search ran to where the data no longer tell the values of these "
                "parameters; mostly a loading falls to 0 while its factor's variance grows without end.",
                got=told,
                fix="Use std_lv=True, a simpler model, or more persons.",
            )
        )
    raise StatisticsError(
        Problem(
            code=Code.STA_NOT_IDENTIFIED,
            what="The data cannot tell the values of these parameters; other values fit equally well.",
            got=told,
            fix="Fix one of them, hold some equal, or give the factors more items.",
        )
    )


def _idle_parameters(problem: Discrepancy, x: Array, unit: Array) -> list[str]:
    """Return the names of parameters that can change together without any effect; none if there are none."""
    information = problem.information(x)
    if not np.isfinite(information).all():
        return []
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    # Nothing is known of it by its own unit, nor by that of the data.
    idle = np.ones(unit.size, dtype=bool)
    for known in (scale**2, (scale * unit) ** 2):
        idle &= known <= 1e-14 * known.max()
    if values[0] > _SINGULAR and not idle.any():
        return []
    weight = np.abs(vectors[:, 0]) if not idle.any() else idle.astype(np.float64)
    return [problem.compiled.names[place] for place in np.argsort(-weight) if weight[place] > 0.1 * weight.max()]


def _impossible() -> Problem:
    return Problem(
        code=Code.STA_INADMISSIBLE,
        what="The covariances that the model implies are impossible wherever the search begins.",
        fix="Look at what the model fixes: a negative variance, a covariance too large for its variances, or several "
        "items of one factor without residuals.",
    )


def starting_values(compiled: Compiled, samples: Sequence[GroupSample], *, as_asked: bool = True) -> Array:
    """Return starting values: loadings from the first principal component of each factor's items.

    A factor with a loading fixed at 1 gets the variance that belongs to it. A start that the model gives is kept if
    it is ``as_asked``.
    """
    x = np.zeros(compiled.q)
    known = np.zeros(compiled.q, dtype=bool)
    model = compiled.model
    largest = np.max([np.diag(sample.S) for sample in samples], axis=0)
    guesses = [_guess(compiled, number, sample, largest) for number, sample in enumerate(samples)]
    for row, place, (name, r, c) in zip(model.parameters, compiled.place, position_table(model), strict=True):
        if place < 0 or known[place]:
            continue
        own = as_asked and row.value is not None and name not in {"delta", "tau", "nu"}
        x[place] = row.value if own else guesses[row.group][name][r, c]
        known[place] = True
    return _inside(compiled, x)


def _guess(compiled: Compiled, number: int, sample: GroupSample, largest: Array) -> dict[str, Array]:
    """Return guessed matrices of one group; ``largest`` are the items' largest variances in any."""
    group, model = compiled.groups[number], compiled.model
    sd = np.sqrt(np.diag(sample.S))
    R = sample.S / np.outer(sd, sd)
    Lambda, Psi = group.fixed["Lambda"].copy(), group.fixed["Psi"].copy()
    given = Lambda.copy()
    pattern = given != 0.0
    pattern[group.free["Lambda"].row, group.free["Lambda"].column] = True
    for factor in range(len(model.factors)):
        mine = np.flatnonzero(pattern[:, factor])
        if mine.size == 0:
            continue
        values, vectors = linalg.eigh(R[np.ix_(mine, mine)])
        # Shrunk towards the loadings of a factor, which does not explain the items' own variance.
        strength = np.sqrt(max((values[-1] - 1.0) / max(mine.size - 1.0, 1.0), 0.09) * mine.size)
        component = vectors[:, -1] * np.sign(vectors[:, -1].sum() or 1.0) * strength
        component = np.clip(component, -0.9, 0.9)
        component[np.abs(component) < 0.1] = 0.1
        raw = component * sd[mine]
        marked = [(place, given[item, factor]) for place, item in enumerate(mine) if given[item, factor] != 0.0]
        unit = raw[marked[0][0]] / marked[0][1] if marked else 1.0
        Lambda[mine, factor] = np.where(given[mine, factor] != 0.0, given[mine, factor], raw / unit)
        Psi[factor, factor] = unit**2
    B = np.where(group.fixed["B"] != 0.0, group.fixed["B"], 0.0)
    B[group.free["B"].row, group.free["B"].column] = 0.7
    theta = group.fixed["Theta"].copy()
    places = np.diag_indices_from(theta)
    theta[places] = np.maximum(0.5 * np.diag(sample.S), 1e-3 * largest)
    tau = np.zeros_like(group.fixed["tau"])
    if sample.ordinal is not None and tau.size:
        tau[:, 0] = _observed_thresholds(group.item_of, group.ordered, sample.ordinal.statistics)
    return {
        "Lambda": Lambda,
        "Psi": Psi,
        "B": B,
        "Theta": theta,
        "nu": sample.mean[:, None].copy(),
        "alpha": np.zeros((len(model.factors), 1)),
        "tau": tau,
        "delta": np.ones_like(group.fixed["delta"]),
    }


def _observed_thresholds(item_of: Counts, ordered: Flags, statistics: Array) -> Array:
    """Return the thresholds among the statistics, which interleave them with means of continuous items."""
    order = np.argsort(np.concatenate([item_of, np.flatnonzero(~ordered)]), kind="stable")
    return np.asarray(statistics[: order.size][np.argsort(order)][: item_of.size])


def _inside(compiled: Compiled, x: Array) -> Array:
    """Shrink factor covariances and loadings until the implied covariances are positive definite."""
    for _ in range(20):
        if min(_smallest_eigenvalue(implied(group, x).Sigma) for group in compiled.groups) > 1e-8:
            return x
        for group in compiled.groups:
            loading = group.free["Lambda"].place
            x[loading] *= 0.8
            free = group.free["Psi"]
            x[free.place[free.row != free.column]] *= 0.5
    return x


def _smallest_eigenvalue(Sigma: Array) -> float:
    """Return the smallest eigenvalue of the correlations."""
    variances = np.diag(Sigma)
    if (variances <= 0.0).any():
        return -1.0
    return float(np.linalg.eigvalsh(Sigma / np.sqrt(np.outer(variances, variances)))[0])
