"""Krippendorff's alpha: agreement of any number of raters, with missing ratings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._bootstrap import lost_replicates, percentile_interval
from toolkit.psychometrics._inputs import table, too_few
from toolkit.psychometrics._numerics import Array, Rng, generator
from toolkit.psychometrics._options import confidence, one_of, within
from toolkit.psychometrics._result import Interval, Result, provenance, undefined

Metric = Literal["nominal", "ordinal", "interval", "ratio"]
"""What the distance of two ratings is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KrippendorffResult(Result):
    """Krippendorff's alpha.

    Attributes
    ----------
    estimate : float
        Alpha, 1 or less.
    interval : Interval
        Bootstrap limits.
    observed_disagreement, expected_disagreement : float
        Their ratio is 1 - alpha.
    n_ratings : int
        Ratings that can be paired with another of the same unit.
    n_persons, n_items, n_dropped : int
        Units with two ratings or more, raters, and units left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    estimate: float
    interval: Interval
    observed_disagreement: float
    expected_disagreement: float
    n_ratings: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]


def krippendorff_alpha(
    df: pd.DataFrame, *, metric: Metric = "ordinal", n_bootstrap: int = 1000, level: float = 0.95, rng: Rng = None
) -> KrippendorffResult:
    """Return Krippendorff's alpha of ratings by any number of raters, any of which may be missing.

    Raters are exchangeable: alpha does not forgive one who is always a step higher. With hardly any variation between
    units alpha is near 0 even if raters nearly always agree.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_units, n_raters)
        One row a unit, one column a rater, NaN for a missing rating. Units with fewer than two ratings are left out.
    metric : {"nominal", "ordinal", "interval", "ratio"}, default "ordinal"
        The distance of two ratings; "ratio" needs ratings of 0 or more.
    n_bootstrap : int, default 1000
        Samples for the interval, 100 or more.
    level : float, default 0.95
        Confidence level.
    rng : int, Generator or None
        Seed or generator; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    KrippendorffResult
        ``estimate`` with ``interval``.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_CODE_NOT_ALLOWED (negative ratings under "ratio"),
        STA_TOO_FEW_PERSONS (fewer than two units with two ratings), STA_NOT_A_FRAME, STA_NOT_NUMERIC, STA_NOT_FINITE,
        STA_DUPLICATE_ITEM, STA_TOO_FEW_ITEMS.

    Warns
    -----
    STA_UNDEFINED
        In ``warnings``: ratings that do not vary, in the data or in some bootstrap samples.

    Notes
    -----
    ``alpha = 1 - D_o / D_e`` from the coincidence matrix, in which a unit with m ratings counts each of its ordered
    pairs 1 / (m - 1) times. The bootstrap draws units with replacement and takes percentiles; it is not Krippendorff's
    own, which draws pairs of values.

    Validated against the published example with 4 observers and 12 units: .743, .815, .849, .797
    (``tests/unit/psychometrics/agreement/test_krippendorff.py``).

    References
    ----------
    Hayes, A. F., & Krippendorff, K. (2007). Answering the call for a standard reliability measure for coding data.
    Communication Methods and Measures, 1, 77-89. https://doi.org/10.1080/19312450709336664

    Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. University of Pennsylvania.

    Examples
    --------
    >>> import pandas as pd
    >>> ratings = pd.DataFrame({"one": [1, 2, 3, 3, 2, 1], "two": [1, 2, 3, 2, 2, None]})
    >>> round(krippendorff_alpha(ratings, rng=1).estimate, 4)
    0.7943
    """
    confidence(level)
    one_of(metric, Metric, name="metric")
    within(n_bootstrap, name="n_bootstrap", low=100, whole=True)
    ratings = table(df)
    if ratings.n_items < 2:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "raters", ratings.n_items, 2))
    answered = ~np.isnan(ratings.codes)
    pairable = answered.sum(axis=1) >= 2
    values = ratings.codes[pairable]
    if values.shape[0] < 2:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "units with two ratings or more", values.shape[0], 2))
    categories = np.unique(values[~np.isnan(values)])
    if metric == "ratio" and categories[0] < 0:
        raise StatisticsError(
            Problem(
                code=Code.STA_CODE_NOT_ALLOWED,
                what="A ratio scale has no values below 0.",
                got=f"{categories[0]:g}",
                allowed="0 or more",
                fix="Use metric='interval'.",
            )
        )
    counts = np.stack([(values == code).sum(axis=1) for code in categories], axis=1).astype(np.float64)
    coincidences = unit_coincidences(counts)
    observed, expected = disagreements(coincidences.sum(axis=0), categories, metric)
    random, seed = generator(rng)
    n = values.shape[0]
    draws = random.multinomial(n, np.full(n, 1.0 / n), size=int(n_bootstrap)).astype(np.float64)
    samples = np.tensordot(draws, coincidences, axes=1)
    replicates = np.array([_alpha(*disagreements(one, categories, metric)) for one in samples])
    estimate = _alpha(observed, expected)
    warnings = lost_replicates(replicates, "alpha")
    if np.isnan(estimate):
        warnings.append(undefined("alpha", "No rating differs from any other."))
    options = {"metric": metric, "n_bootstrap": n_bootstrap, "level": level}
    return KrippendorffResult(
        estimate=estimate,
        interval=percentile_interval(replicates, level),
        observed_disagreement=observed,
        expected_disagreement=expected,
        n_ratings=int(counts.sum()),
        n_persons=n,
        n_items=ratings.n_items,
        n_dropped=int((~pairable).sum()),
        method=f"Krippendorff's alpha, {metric}",
        warnings=tuple(warnings),
        provenance=provenance("krippendorff_alpha", options, seed=seed),
    )


def unit_coincidences(counts: Array) -> Array:
    """Return the coincidence matrix of each unit, shape (n_units, c, c), from counts of its ratings by category."""
    pairs = counts[:, :, None] * counts[:, None, :]
    diagonal = np.arange(counts.shape[1])
    pairs[:, diagonal, diagonal] -= counts
    matrices: Array = pairs / (counts.sum(axis=1) - 1.0)[:, None, None]
    return matrices


def disagreements(coincidences: Array, categories: Array, metric: Metric) -> tuple[float, float]:
    """Return the observed and the expected disagreement of a coincidence matrix."""
    marginal = coincidences.sum(axis=1)
    n = float(marginal.sum())
    d = squared_distances(categories, marginal, metric)
    chance = np.outer(marginal, marginal) - np.diag(marginal)
    return float((coincidences * d).sum()) / n, float((chance * d).sum()) / (n * (n - 1.0))


def squared_distances(categories: Array, marginal: Array, metric: Metric) -> Array:
    """Return the squared distances of categories; ordinal ones count the ratings in between."""
    if metric == "nominal":
        return 1.0 - np.eye(categories.size)
    if metric == "ordinal":
        middle = np.cumsum(marginal) - marginal / 2.0
        ordinal: Array = np.subtract.outer(middle, middle) ** 2
        return ordinal
    difference = np.subtract.outer(categories, categories)
    if metric == "interval":
        return np.asarray(difference**2)
    total = np.add.outer(categories, categories)
    ratio: Array = (difference / np.where(total == 0, 1.0, total)) ** 2
    return ratio


def _alpha(observed: float, expected: float) -> float:
    return 1.0 - observed / expected if expected > 0 else float("nan")
