"""Incomplete answers: patterns of answered items, and the saturated model by the EM algorithm."""

from __future__ import annotations

import numpy as np

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics.cfa.discrepancy import pattern_value
from toolkit.psychometrics.cfa.moments import (
    Frame,
    GroupSample,
    Pattern,
    refuse_constant,
    refuse_singular,
    refuse_weak_group,
)

_MOST_STEPS = 5000
_CLOSE = 1e-11
_SINGULAR = 1e-10


def incomplete_samples(frame: Frame) -> tuple[GroupSample, ...]:
    """Return each group's patterns, with the means and covariances of the saturated model.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_PERSONS (also where nobody answered both of two items), STA_CONSTANT_ITEM and
        STA_SINGULAR_CORRELATION, each for the group it holds in.
    """
    samples = []
    for number, values in enumerate(frame.answers):
        n, p = values.shape
        refuse_weak_group(frame, number, n, p + 1)
        refuse_constant(frame, number)
        _refuse_uncovered(frame, number)
        found = patterns(values)
        mean, S = saturated_moments(found, values)
        refuse_singular(frame, number, S)
        clusters = None if frame.clusters is None else frame.clusters[number]
        samples.append(GroupSample(n=n, values=values, clusters=clusters, mean=mean, S=S, patterns=found))
    return tuple(samples)


def _refuse_uncovered(frame: Frame, number: int) -> None:
    """Refuse two items that nobody answered both: nothing in the data tells how they covary."""
    answered = (~np.isnan(frame.answers[number])).astype(np.int64)
    first, second = np.nonzero(np.triu(answered.T @ answered == 0, 1))
    if first.size == 0:
        return
    where = f" in the group {frame.groups[number]}" if len(frame.groups) > 1 else ""
    pairs = [f"{frame.items[i]} and {frame.items[j]}" for i, j in zip(first, second, strict=True)]
    raise StatisticsError(
        Problem(
            code=Code.STA_TOO_FEW_PERSONS,
            what=f"Nobody{where} answered both of two items, so that the data do not tell how they covary.",
            got="; ".join(pairs[:8]),
            fix="Leave one of the items out, or ask some persons both.",
        )
    )


def patterns(values: Array) -> tuple[Pattern, ...]:
    """Return the patterns of answered items with their means and covariances (divisor n)."""
    answered = ~np.isnan(values)
    kinds, which = np.unique(answered, axis=0, return_inverse=True)
    which = which.ravel()
    found = []
    for number, kind in enumerate(kinds):
        seen = np.flatnonzero(kind)
        mine = values[which == number][:, seen]
        mean = mine.mean(axis=0)
        centred = mine - mean
        found.append(Pattern(seen=seen, n=mine.shape[0], mean=mean, S=centred.T @ centred / mine.shape[0]))
    return tuple(found)


def saturated_moments(found: tuple[Pattern, ...], values: Array) -> tuple[Array, Array]:
    """Return the maximum likelihood means and covariances of incomplete normal answers, by EM.

    References
    ----------
    Little, R. J. A., & Rubin, D. B. (2002). Statistical analysis with missing data (2nd ed.), section 11.2. Wiley.
    https://doi.org/10.1002/9781119013563
    """
    n = values.shape[0]
    centre, unit = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    scaled = tuple(
        Pattern(
            seen=each.seen,
            n=each.n,
            mean=(each.mean - centre[each.seen]) / unit[each.seen],
            S=each.S / np.outer(unit[each.seen], unit[each.seen]),
        )
        for each in found
    )
    mean, S = np.zeros(unit.size), np.eye(unit.size)
    for _ in range(_MOST_STEPS):
        new_mean, new_S = _step(scaled, mean, S, n)
        moved = max(float(np.abs(new_mean - mean).max()), float(np.abs(new_S - S).max()))
        mean, S = new_mean, new_S
        if moved < _CLOSE or np.linalg.eigvalsh(S)[0] < _SINGULAR:
            break
    return centre + unit * mean, S * np.outer(unit, unit)


def _step(found: tuple[Pattern, ...], mean: Array, S: Array, n: int) -> tuple[Array, Array]:
    p = mean.size
    first, second = np.zeros(p), np.zeros((p, p))
    for pattern in found:
        seen = pattern.seen
        hidden = np.setdiff1d(np.arange(p), seen)
        whole = np.empty(p)
        whole[seen] = pattern.mean
        products = np.empty((p, p))
        beta = np.linalg.solve(S[np.ix_(seen, seen)], S[np.ix_(seen, hidden)]).T
        whole[hidden] = mean[hidden] + beta @ (pattern.mean - mean[seen])
        products[np.ix_(seen, seen)] = pattern.S
        products[np.ix_(hidden, seen)] = beta @ pattern.S
        products[np.ix_(seen, hidden)] = products[np.ix_(hidden, seen)].T
        left = S[np.ix_(hidden, hidden)] - beta @ S[np.ix_(seen, hidden)]
        products[np.ix_(hidden, hidden)] = beta @ pattern.S @ beta.T + left
        first += pattern.n * whole
        second += pattern.n * (products + np.outer(whole, whole))
    new_mean = first / n
    return new_mean, second / n - np.outer(new_mean, new_mean)


def saturated_value(sample: GroupSample) -> float:
    """Return minus twice the log likelihood of the saturated model."""
    return pattern_value(sample.patterns, sample.mean, sample.S)
