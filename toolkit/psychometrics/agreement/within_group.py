"""Agreement within groups: whether the answers of its members may stand for a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, stats

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import complete, groups_beside, item_columns, refuse_strange_codes, too_few
from toolkit.psychometrics._numerics import Array, Rng, generator
from toolkit.psychometrics._options import confidence, one_of, within
from toolkit.psychometrics._result import Estimate, Result, provenance, undefined

Null = Literal["uniform", "slight_skew", "moderate_skew", "heavy_skew"]
"""How members answer who do not agree at all: every code alike, or more often the high ones."""
SKEWED_NULLS: Mapping[str, tuple[float, ...]] = {
    "slight_skew": (0.05, 0.15, 0.20, 0.35, 0.25),
    "moderate_skew": (0.00, 0.10, 0.15, 0.40, 0.35),
    "heavy_skew": (0.00, 0.00, 0.10, 0.40, 0.50),
}
"""Shares of the five codes; their variances are 1.34, .90 and .44."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WithinGroupResult(Result):
    """Agreement within groups.

    Attributes
    ----------
    table : DataFrame, shape (n_groups, 7)
        Index group; columns n, mean (of the scale's mean), r_wg_j, r_wg_j_star, ad_mean, ad_median, and
        r_wg_j_critical: what that share ``level`` of groups of this size stays below if members answer by the null.
    icc1 : Estimate
        Reliability of one member as a measure of the group.
    icc2 : float
        Reliability of the mean of the members.
    median_r_wg_j : float
        Median over the groups that have one.
    null_variance : float
        Variance of an answer under the null.
    ad_cutoff : float
        Average deviation below which a group agrees: a sixth of the number of codes.
    mean_group_size : float
        The group size that ICC(1) uses: the mean, less what unequal sizes take off.
    n_groups : int
        Groups.
    level : float
        Level of the interval and of the critical values.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The formula in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    table: pd.DataFrame
    icc1: Estimate
    icc2: float
    median_r_wg_j: float
    null_variance: float
    ad_cutoff: float
    mean_group_size: float
    n_groups: int
    level: float
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the table of groups."""
        return self.table.copy()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OneWay:
    """One-way analysis of variance: sizes and means of groups, mean squares, the group size that counts, persons."""

    sizes: Array
    means: Array
    between: float
    within: float
    size: float
    n_persons: int

    @property
    def n_groups(self) -> int:
        """Groups."""
        return int(self.sizes.size)

    @property
    def icc1(self) -> float:
        """Reliability of one member, by the analysis of variance estimator."""
        total = self.between + (self.size - 1.0) * self.within
        return (self.between - self.within) / total if total > 0 else float("nan")

    @property
    def icc2(self) -> float:
        """Reliability of the mean of a group."""
        return (self.between - self.within) / self.between if self.between > 0 else float("nan")

    def icc1_limits(self, level: float) -> tuple[float, float]:
        """Return limits of ICC(1), exact under normality for any sizes: Wald's limits of the ratio of the variances.

        For the true ratio r of the variances between and within, the sum of squares of the means with weights
        n / (1 + n r), over G - 1 and the mean square within, has an F distribution; it falls as r rises.
        """
        n, means = self.sizes, self.means
        df1, df2 = self.n_groups - 1, self.n_persons - self.n_groups
        if self.within <= 0 or self.between <= 0:
            return float("nan"), float("nan")

        def ratio(r: float) -> float:
            w = n / (1.0 + n * r)
            return float(w @ (means - w @ means / w.sum()) ** 2) / df1 / self.within

        smallest = -1.0 / float(n.max())
        limits = []
        for tail in (0.5 + level / 2.0, 0.5 - level / 2.0):
            target = float(stats.f.ppf(tail, df1, df2))
            low, high = smallest * (1.0 - 1e-9), 1.0
            while ratio(high) > target:
                high *= 4.0
            r = (
                optimize.brentq(lambda r, target=target: ratio(r) - target, low, high)
                if ratio(low) > target
                else smallest
            )
            limits.append(r / (1.0 + r))
        return limits[0], limits[1]


def within_group_agreement(
    df: pd.DataFrame,
    *,
    groups: pd.Series | npt.ArrayLike,
    codes: Sequence[float],
    null: Null | Sequence[float] = "uniform",
    n_simulated: int = 2000,
    level: float = 0.95,
    rng: Rng = None,
) -> WithinGroupResult:
    """Return r_wg(j), r*_wg(j), average deviations, ICC(1) and ICC(2) of a scale answered by members of groups.

    r_wg(j) asks whether members of one group agree more than by chance; ICC(1) and ICC(2) whether groups differ.
    r_wg(j) grows with the number of items and depends on the null: compare it with its critical value and with a skewed
    null, not with .70.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item of the scale, NaN for a missing answer; persons who did not answer every
        item are left out.
    groups : Series or array, shape (n_persons,)
        The group of each person, in the order of the rows; a Series must have the index of ``df``.
    codes : sequence of numbers
        The codes that the items offer, equally spaced, lowest first.
    null : {"uniform", "slight_skew", "moderate_skew", "heavy_skew"} or sequence of numbers, default "uniform"
        Answers without agreement. The skewed ones are for five codes; for others give the share of each code.
    n_simulated : int, default 2000
        Groups simulated for each group size, 100 or more.
    level : float, default 0.95
        Level of ICC(1)'s interval and of the critical values.
    rng : int, Generator or None
        Seed or generator of the simulation; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    WithinGroupResult
        ``table`` by group, ``icc1``, ``icc2``.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_OPTION, STA_OPTION_RANGE, STA_SHAPE_MISMATCH (groups do not belong to the rows, or shares do not
        belong to the codes), STA_CODE_NOT_ALLOWED, STA_TOO_FEW_PERSONS (fewer than two groups, or none with two
        members), STA_NOT_A_FRAME, STA_NOT_NUMERIC, STA_NOT_FINITE, STA_DUPLICATE_ITEM, STA_TOO_FEW_ITEMS,
        STA_ALL_MISSING_ITEM.

    Warns
    -----
    STA_UNDEFINED
        In ``warnings``: groups of one, which have no agreement; groups that agree less than by chance, whose r_wg(j) is
        set to 0; means that do not vary.

    Notes
    -----
    With q the mean item variance (divisor n - 1) over the null variance and J items: ``r_wg(j) = J (1 - q) / (J (1 - q)
    + q)``, set to 0 where q is above 1; ``r*_wg(j) = 1 - q``, which may be negative. ICC(1) is the analysis of variance
    estimator with group size ``(N - sum n^2 / N) / (G - 1)``; its limits are Wald's, exact under normality for any
    sizes, and those of the F ratio for equal sizes. ICC(2) is ``(MSB - MSW) / MSB``. Groups of one count in ICC(1) and
    ICC(2). Critical values come from simulated groups whose items correlate as they do on average in the data. The
    average deviation cut-off is Burke and Dunlap's, the number of codes over 6.

    Validated by the four rows 445, 454, 544, 444 (.954545), by a population with known ICC and by the rate at which
    groups without agreement pass the critical value (``tests/unit/psychometrics/agreement/test_within_group.py``).

    References
    ----------
    James, L. R., Demaree, R. G., & Wolf, G. (1984). Estimating within-group interrater reliability with and without
    response bias. Journal of Applied Psychology, 69, 85-98. https://doi.org/10.1037/0021-9010.69.1.85

    Lindell, M. K., Brandt, C. J., & Whitney, D. J. (1999). A revised index of interrater agreement for multi-item
    ratings of a single target. Applied Psychological Measurement, 23, 127-135. https://doi.org/10.1177/01466219922031257

    Harville, D. A., & Fenech, A. P. (1985). Confidence intervals for a variance ratio, or for heritability, in an
    unbalanced mixed linear model. Biometrics, 41, 137-152. https://doi.org/10.2307/2530650

    LeBreton, J. M., & Senter, J. L. (2008). Answers to 20 questions about interrater reliability and interrater
    agreement. Organizational Research Methods, 11, 815-852. https://doi.org/10.1177/1094428106296642

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame([[4, 4, 5], [4, 5, 4], [5, 4, 4], [4, 4, 4], [1, 2, 1], [2, 2, 2]])
    >>> result = within_group_agreement(answers, groups=list("aaaabb"), codes=[1, 2, 3, 4, 5], rng=1)
    >>> result.table["r_wg_j"].round(6).tolist()
    [0.954545, 0.9375]
    """
    confidence(level)
    within(n_simulated, name="n_simulated", low=100, whole=True)
    steps, shares = _null(codes, null)
    item_columns(df)
    labels = groups_beside(df, groups, option="groups=", of="group")
    answers = complete(df, minimum_items=1, varying=False)
    used = labels[df.notna().all(axis=1).to_numpy()]
    X, J = answers.codes, answers.n_items
    for item, column in zip(answers.items, X.T, strict=True):
        refuse_strange_codes(item, column, steps.tolist())
    names, member = np.unique(used.to_numpy(), return_inverse=True)
    sizes = np.bincount(member)
    if names.size < 2 or sizes.max() < 2:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "groups with members to compare", int(names.size), 2))
    null_variance = float(shares @ (steps - shares @ steps) ** 2)
    random, seed = generator(rng)
    means = X.mean(axis=1)
    oneway = one_way(means, member)
    rows = [_group(X[member == g], null_variance) for g in range(names.size)]
    table = pd.DataFrame(rows, index=pd.Index(names, name="group"))
    critical = {n: _critical(int(n), X, steps, shares, int(n_simulated), level, random) for n in np.unique(sizes)}
    table["r_wg_j_critical"] = [critical[n] for n in sizes]
    low, high = oneway.icc1_limits(level)
    options = {
        "codes": [float(code) for code in steps],
        "null": null if isinstance(null, str) else [float(share) for share in shares],
        "n_simulated": n_simulated,
        "level": level,
    }
    named = null if isinstance(null, str) else "given"
    return WithinGroupResult(
        table=table,
        icc1=Estimate(
            estimate=oneway.icc1, low=low, high=high, level=level, method="analysis of variance, exact limits of Wald"
        ),
        icc2=oneway.icc2,
        median_r_wg_j=float(table["r_wg_j"].median()),
        null_variance=null_variance,
        ad_cutoff=steps.size * float(steps[1] - steps[0]) / 6.0,
        mean_group_size=oneway.size,
        n_groups=int(names.size),
        level=level,
        n_persons=answers.n_persons,
        n_items=J,
        n_dropped=answers.n_dropped,
        method=f"r_wg(j) with {named} null; ICC(1), ICC(2) by one-way analysis of variance of person means; listwise",
        warnings=tuple(_told(table, oneway)),
        provenance=provenance("within_group_agreement", options, seed=seed),
    )


def one_way(values: Array, member: npt.NDArray[np.int64]) -> OneWay:
    """Return the one-way analysis of variance of values by group."""
    sizes = np.bincount(member).astype(np.float64)
    n, g = values.size, sizes.size
    means = np.bincount(member, weights=values) / sizes
    between = float(sizes @ (means - values.mean()) ** 2) / (g - 1)
    within_groups = float(((values - means[member]) ** 2).sum()) / (n - g)
    return OneWay(
        sizes=sizes,
        means=means,
        between=between,
        within=within_groups,
        size=(n - float(sizes @ sizes) / n) / (g - 1),
        n_persons=n,
    )


def agreement_of_variances(mean_variance: Array, null_variance: float, J: int) -> Array:
    """Return r_wg(j) from mean item variances; 0 where they are above the null variance."""
    q = np.minimum(mean_variance / null_variance, 1.0)
    r_wg_j: Array = J * (1.0 - q) / (J * (1.0 - q) + q)
    return r_wg_j


def _group(X: Array, null_variance: float) -> dict[str, float | int]:
    """Return the row of one group."""
    n, J = X.shape
    alone = n < 2
    mean_variance = np.array(np.nan) if alone else np.var(X, axis=0, ddof=1).mean()
    deviations = [np.abs(X - centre).mean() for centre in (X.mean(axis=0), np.median(X, axis=0))]
    return {
        "n": n,
        "mean": float(X.mean()),
        "r_wg_j": float(agreement_of_variances(mean_variance, null_variance, J)),
        "r_wg_j_star": float(1.0 - mean_variance / null_variance),
        "ad_mean": float("nan") if alone else float(deviations[0]),
        "ad_median": float("nan") if alone else float(deviations[1]),
    }


def _critical(
    n: int, X: Array, steps: Array, shares: Array, n_simulated: int, level: float, random: np.random.Generator
) -> float:
    """Return the quantile of r_wg(j) of simulated groups of size n whose members answer by the null.

    A member's answers share a normal component so that the items correlate, before they are cut into codes, as they do
    on average in the data.
    """
    if n < 2:
        return float("nan")
    J = X.shape[1]
    shared = _mean_correlation(X)
    y = np.sqrt(shared) * random.standard_normal((n_simulated, n, 1))
    y = y + np.sqrt(1.0 - shared) * random.standard_normal((n_simulated, n, J))
    cuts = stats.norm.ppf(np.cumsum(shares)[:-1])
    drawn = steps[np.searchsorted(cuts, y)]
    mean_variance = drawn.var(axis=1, ddof=1).mean(axis=1)
    null_variance = float(shares @ (steps - shares @ steps) ** 2)
    return float(np.quantile(agreement_of_variances(mean_variance, null_variance, J), level))


def _mean_correlation(X: Array) -> float:
    """Return the mean correlation of the items that vary, between 0 and .95; 0 if there are no two of them."""
    varying = X[:, X.std(axis=0) > 0]
    k = varying.shape[1]
    if k < 2:
        return 0.0
    R = np.corrcoef(varying, rowvar=False)
    return float(np.clip((R.sum() - k) / (k * (k - 1)), 0.0, 0.95))


def _null(codes: Sequence[float], null: Null | Sequence[float]) -> tuple[Array, Array]:
    """Return the codes and the share of each under the null."""
    steps = np.array([float(code) for code in codes])
    spacing = np.diff(steps)
    if steps.size < 2 or not (spacing > 0).all() or not np.allclose(spacing, spacing[0]):
        raise StatisticsError(
            Problem(
                code=Code.STA_OPTION_RANGE,
                what="The option codes= is not a rising, equally spaced list.",
                got=", ".join(f"{step:g}" for step in steps),
                allowed="two codes or more, lowest first, in equal steps",
                fix="Give codes= as the items offer them.",
            )
        )
    if isinstance(null, str):
        one_of(null, Null, name="null")
        shares = np.full(steps.size, 1.0 / steps.size) if null == "uniform" else np.array(SKEWED_NULLS[null])
    else:
        shares = np.array([float(share) for share in null])
    proper = shares.size == steps.size and (shares >= 0).all() and np.isclose(shares.sum(), 1.0)
    if not proper or np.count_nonzero(shares) < 2:
        raise StatisticsError(
            Problem(
                code=Code.STA_SHAPE_MISMATCH,
                what="The null is no distribution over the codes.",
                got=", ".join(f"{share:g}" for share in shares),
                allowed=f"{steps.size} shares of 0 or more that add up to 1, two of them above 0",
                fix="Give null= as the share of each code; the named skewed nulls are for five codes.",
            )
        )
    return steps, shares


def _told(table: pd.DataFrame, oneway: OneWay) -> list[Problem]:
    warnings = []
    alone = int((table["n"] < 2).sum())
    if alone:
        warnings.append(undefined(f"the agreement of {alone} groups", "A group of one cannot agree."))
    below = table.index[table["r_wg_j_star"] < 0]
    if len(below):
        warnings.append(
            Problem(
                code=Code.STA_UNDEFINED,
                what=f"{len(below)} groups vary more than the null; their r_wg(j) is set to 0.",
                fix="Read r*_wg(j) for them, and another null.",
                got=", ".join(str(name) for name in below),
            )
        )
    if oneway.within <= 0 or oneway.between <= 0:
        warnings.append(undefined("ICC(1), ICC(2) or the interval", "Means do not vary within or between groups."))
    return warnings
