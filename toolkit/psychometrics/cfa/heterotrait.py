"""The heterotrait-monotrait ratio of correlations: whether two factors' items tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from toolkit.psychometrics._numerics import Array, Counts

Mean = Literal["arithmetic", "geometric"]


def heterotrait_monotrait(R: Array, items: Sequence[Counts], *, mean: Mean) -> Array:
    """Return the mean correlation between two factors' items over the root of the means within each, shape (m, m).

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations of the items; their signs are left out.
    items : sequence of ndarray of int
        The items of each factor.
    mean : {"arithmetic", "geometric"}
        Arithmetic means give HTMT, which holds if the items of a factor are equally good; geometric ones HTMT2, which
        needs them only to measure one thing.

    Returns
    -------
    ndarray, shape (m, m)
        1 on the diagonal; NaN for a factor with fewer than two items and for factors that share items.

    References
    ----------
    Henseler, J., Ringle, C. M., & Sarstedt, M. (2015). A new criterion for assessing discriminant validity in
    variance-based structural equation modeling. Journal of the Academy of Marketing Science, 43, 115-135.
    https://doi.org/10.1007/s11747-014-0403-8

    Roemer, E., Schuberth, F., & Henseler, J. (2021). HTMT2: An improved criterion for assessing discriminant validity
    in structural equation modeling. Industrial Management & Data Systems, 121, 2637-2650.
    https://doi.org/10.1108/IMDS-02-2021-0082

    Examples
    --------
    >>> R = np.array([[1, .5, .2, .2], [.5, 1, .2, .2], [.2, .2, 1, .8], [.2, .2, .8, 1]])
    >>> round(float(heterotrait_monotrait(R, [np.array([0, 1]), np.array([2, 3])], mean="geometric")[0, 1]), 4)
    0.3162
    """
    size = np.abs(R)
    within = np.full(len(items), np.nan)
    for number, mine in enumerate(items):
        if mine.size > 1:
            block = size[np.ix_(mine, mine)]
            within[number] = _mean(block[np.tril_indices(mine.size, -1)], mean)
    out = np.full((len(items), len(items)), np.nan)
    for one, mine in enumerate(items):
        for two, theirs in enumerate(items[:one]):
            if not np.intersect1d(mine, theirs).size and mine.size and theirs.size:
                between = _mean(size[np.ix_(mine, theirs)].ravel(), mean)
                out[one, two] = out[two, one] = between / np.sqrt(within[one] * within[two])
    out[np.arange(len(items)), np.arange(len(items))] = np.where(np.isfinite(within), 1.0, np.nan)
    return out


def _mean(values: Array, mean: Mean) -> float:
    if mean == "arithmetic":
        return float(values.mean())
    return float(np.exp(np.log(values).mean())) if values.all() else 0.0
