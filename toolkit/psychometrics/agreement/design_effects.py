"""What clusters of persons do to the precision of means: intraclass correlations, design effects, effective numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._clusters import few_clusters
from toolkit.psychometrics._inputs import groups_beside, table, too_few
from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics._options import confidence
from toolkit.psychometrics._result import Result, provenance, undefined
from toolkit.psychometrics.agreement.within_group import one_way

COLUMNS = (
    "n",
    "n_clusters",
    "n0",
    "weighted_size",
    "icc1",
    "icc1_low",
    "icc1_high",
    "icc2",
    "design_effect",
    "effective_n",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DesignEffectsResult(Result):
    """Design effects of several variables.

    Attributes
    ----------
    table : DataFrame, shape (n_columns, 10)
        Index column; columns n (persons with a value), n_clusters (of these persons), n0 (the cluster size that ICC(1)
        uses), weighted_size (mean size of the cluster of a person), icc1, icc1_low, icc1_high, icc2, design_effect,
        effective_n.
    level : float
        Level of the limits.
    n_clusters : int
        Clusters of all persons.
    n_persons, n_items, n_dropped : int
        Persons with a value in any column, columns, and persons without a value.
    method : str
        The formulas in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options and versions.
    """

    table: pd.DataFrame
    level: float
    n_clusters: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the table, one row a column."""
        return self.table.copy()


def design_effects(df: pd.DataFrame, *, cluster: pd.Series | npt.ArrayLike, level: float = 0.95) -> DesignEffectsResult:
    """Return ICC(1), ICC(2), the design effect and the effective number of persons of each column.

    An interval that takes persons as independent is too short where persons of one cluster, such as the staff of a
    unit, resemble each other: for a mean by the square root of the design effect. For other statistics the design
    effect differs, and is often smaller: :func:`~toolkit.psychometrics.cronbach_alpha` and
    :func:`~toolkit.psychometrics.composite_omega` take ``cluster`` themselves.

    Parameters
    ----------
    df : DataFrame of numbers, shape (n_persons, n_columns)
        One row a person, one column a score or an item, NaN where there is none. Each column uses the persons who
        have a value in it.
    cluster : Series or array, shape (n_persons,)
        The cluster of each person, in the order of the rows; a Series must have the index of ``df``.
    level : float, default 0.95
        Confidence level of ICC(1)'s limits.

    Returns
    -------
    DesignEffectsResult
        ``table`` by column.

    Raises
    ------
    StatisticsError
        STA_OPTION_RANGE, STA_SHAPE_MISMATCH (clusters do not belong to the rows, or a person has none),
        STA_TOO_FEW_PERSONS (fewer than two clusters, or none with two members), STA_NOT_A_FRAME, STA_NOT_NUMERIC,
        STA_NOT_FINITE, STA_DUPLICATE_ITEM, STA_TOO_FEW_ITEMS.

    Warns
    -----
    STA_FEW_CLUSTERS, STA_UNDEFINED
        In ``warnings``: fewer than 10 clusters; a column in which there is nothing to compare.

    Notes
    -----
    From the one-way analysis of variance with mean squares MSB and MSW of N persons in G clusters of sizes n: ``ICC(1)
    = (MSB - MSW) / (MSB + (n0 - 1) MSW)`` with ``n0 = (N - sum n^2 / N) / (G - 1)``; negative estimates are kept. The
    limits are Wald's, exact under normality for any sizes, and those of the F ratio for equal sizes. ``ICC(2) = (MSB -
    MSW) / MSB`` is the reliability of the mean of a cluster, which is ICC(1) stepped up by Spearman and Brown to n0
    members.

    ``design effect = 1 + (b - 1) ICC(1)``, Kish's, with ``b = sum n^2 / N``, and ``effective n = N / design effect``.
    With equal sizes b is their size and equals n0. With unequal sizes b makes the design effect that of the mean of all
    persons, exactly so in the one-way model; n0, which is smaller than b, would make it too small. A negative ICC(1)
    counts as 0 here, so that clusters never seem to add persons.

    Validated against multilevel 2.7 ``ICC1`` (equal sizes; it uses the plain mean size) and ``ICC2``, psych 2.2.9
    ``ICC`` and R's ``aov`` (``tests/parity/test_clusters.py``), and by the variance of means of drawn clusters
    (``tests/unit/psychometrics/agreement/test_design_effects.py``).

    References
    ----------
    Kish, L. (1965). Survey sampling. Wiley.

    Eldridge, S. M., Ashby, D., & Kerry, S. (2006). Sample size for cluster randomized trials: Effect of coefficient of
    variation of cluster size and analysis method. International Journal of Epidemiology, 35, 1292-1300.
    https://doi.org/10.1093/ije/dyl129

    Bliese, P. D. (2000). Within-group agreement, non-independence, and reliability. In K. J. Klein & S. W. J.
    Kozlowski (Eds.), Multilevel theory, research, and methods in organizations (pp. 349-381). Jossey-Bass.

    Harville, D. A., & Fenech, A. P. (1985). Confidence intervals for a variance ratio, or for heritability, in an
    unbalanced mixed linear model. Biometrics, 41, 137-152. https://doi.org/10.2307/2530650

    Examples
    --------
    >>> import pandas as pd
    >>> scores = pd.DataFrame({"score": [1, 2, 3, 3, 4, 5, 6, 7, 8]})
    >>> row = design_effects(scores, cluster=list("aaabbbccc")).table.loc["score"]
    >>> row[["icc1", "icc2", "design_effect", "effective_n"]].astype(float).round(4).tolist()
    [0.8571, 0.9474, 2.7143, 3.3158]
    """
    confidence(level)
    checked = table(df)
    labels = groups_beside(df, cluster, option="cluster=", of="cluster")
    member, names = pd.factorize(labels.to_numpy(dtype=object))
    answered = ~np.isnan(checked.codes)
    used = answered.any(axis=1)
    sizes = np.bincount(member[used], minlength=len(names))
    n_clusters = int((sizes > 0).sum())
    if n_clusters < 2 or sizes.max() < 2:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "clusters with members to compare", n_clusters, 2))
    rows, warnings = {}, few_clusters(n_clusters)
    for item, values, has in zip(checked.items, checked.codes.T, answered.T, strict=True):
        rows[item] = _row(values[has], np.unique(member[has], return_inverse=True)[1], level)
        if np.isnan(rows[item]["icc1"]):
            warnings.append(
                undefined(f"the design effect of {item}", "Its values cannot be compared between clusters.")
            )
    found = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS)).rename_axis("column")
    return DesignEffectsResult(
        table=found.astype({"n": np.int64, "n_clusters": np.int64}),
        level=level,
        n_clusters=n_clusters,
        n_persons=int(used.sum()),
        n_items=len(checked.items),
        n_dropped=int((~used).sum()),
        method="ICC(1), ICC(2) by one-way analysis of variance, Wald's limits; design effect of a mean 1 + (b - 1) "
        "ICC(1), b the mean size of a person's cluster, a negative ICC(1) as 0; by column",
        warnings=tuple(warnings),
        provenance=provenance("design_effects", {"level": level}),
    )


def _row(values: Array, member: Counts, level: float) -> dict[str, float]:
    """Return the numbers of one column; NaN where there is nothing to compare."""
    sizes = np.bincount(member).astype(np.float64) if values.size else np.zeros(0)
    row = {"n": float(values.size), "n_clusters": float(sizes.size)} | dict.fromkeys(COLUMNS[2:], float("nan"))
    if sizes.size < 2 or sizes.max() < 2:
        return row
    oneway = one_way(values, member)
    weighted = float(sizes @ sizes) / values.size
    icc1 = oneway.icc1
    low, high = oneway.icc1_limits(level)
    effect = 1.0 + (weighted - 1.0) * max(icc1, 0.0) if not np.isnan(icc1) else float("nan")
    return row | {
        "n0": oneway.size,
        "weighted_size": weighted,
        "icc1": icc1,
        "icc1_low": low,
        "icc1_high": high,
        "icc2": oneway.icc2,
        "design_effect": effect,
        "effective_n": values.size / effect,
    }
