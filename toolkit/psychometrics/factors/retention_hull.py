"""The hull method: the number of factors after which fit stops growing with the number of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem
from toolkit.psychometrics._counts import ResponseCounts
from toolkit.psychometrics._numerics import Array, Rng, generator
from toolkit.psychometrics._options import Correlation, Missing, one_of, within
from toolkit.psychometrics._result import Result, provenance, undefined
from toolkit.psychometrics.factors.extraction import LARGEST_COMMUNALITY, extract
from toolkit.psychometrics.factors.fit import factor_fit
from toolkit.psychometrics.factors.retention import most_factors, parallel_analysis, retention_input
from toolkit.psychometrics.factors.suitability import squared_correlations

HullExtraction = Literal["ml", "minres"]
"""Maximum likelihood or minimum residuals."""
INDICES = ("CAF", "CFI", "RMSEA")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HullResult(Result):
    """Fit of solutions with 0, 1, 2, ... factors, and where it bends.

    Attributes
    ----------
    n_factors, n_factors_cfi, n_factors_rmsea : int
        Factors by the CAF, the CFI and the RMSEA, 0 to n_factors_max.
    table : DataFrame, shape (n_factors_max + 1, 8)
        One row a number of factors from 0: ``df``, the indices ``CAF``, ``CFI`` and ``1 - RMSEA``, for each index the
        bend ``st_CAF``, ``st_CFI``, ``st_RMSEA`` (NaN off the hull and at its ends), and ``n_heywood``, items without
        variance of their own.
    n_factors_max : int
        Most factors that were fitted.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    n_factors: int
    n_factors_cfi: int
    n_factors_rmsea: int
    table: pd.DataFrame
    n_factors_max: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a number of factors: degrees of freedom, indices and bends."""
        return self.table.copy()


def hull(
    df: pd.DataFrame | ResponseCounts,
    *,
    extraction: HullExtraction = "ml",
    n_factors_max: int | None = None,
    n_datasets: int = 1000,
    correlation: Correlation = "pearson",
    n_persons: int | None = None,
    missing: Missing = "listwise",
    rng: Rng = None,
    between: Callable[[], None] | None = None,
) -> HullResult:
    """Return the number of factors at the sharpest bend of fit against parameters, by three fit indices.

    It looks for major factors: the number after which more parameters buy little fit. It compares solutions with their
    neighbours and so cannot tell one factor from none unless nothing fits better than none; and by the CFI and the
    RMSEA it can miss the first solution that fits perfectly, because that ends the hull.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items), or ResponseCounts
        One row a person, one column an item, NaN for a missing answer; or counted answers; or, with ``n_persons``, a
        matrix of Pearson correlations. Five items or more, and more persons than items.
    extraction : {"ml", "minres"}, default "ml"
        How solutions are extracted.
    n_factors_max : int, optional
        Most factors to fit, 2 or more; None takes one more than a parallel analysis with smc eigenvalues keeps, and at
        least 2. Solutions without degrees of freedom are never fitted.
    n_datasets : int, default 1000
        Data sets of that parallel analysis.
    correlation : {"pearson", "spearman", "polychoric"}, default "pearson"
        Which correlations.
    n_persons : int, optional
        Says that ``df`` is a correlation matrix, and from how many persons.
    missing : {"listwise", "pairwise"}, default "listwise"
        The missing rule.
    rng : int, Generator or None
        Seed or generator of the parallel analysis.
    between : callable, optional
        Called before each block of its data sets; what it raises ends the analysis.

    Returns
    -------
    HullResult
        ``n_factors`` (CAF), ``n_factors_cfi``, ``n_factors_rmsea``, and the table behind them.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_ITEMS, STA_TOO_FEW_PERSONS, STA_SINGULAR_CORRELATION, STA_UNKNOWN_OPTION, STA_OPTION_RANGE,
        STA_OPTION_CONFLICT, and the codes of :func:`.retention.parallel_analysis`.

    Warns
    -----
    STA_UNDEFINED, STA_NOT_CONVERGED, STA_HEYWOOD
        In ``warnings``; the last for solutions that were chosen.

    Notes
    -----
    CAF is 1 less the Kaiser-Meyer-Olkin measure of the residual correlations; CFI and RMSEA come from the ML
    discrepancy times n - 1, and 1 - RMSEA is used. Solutions that fit no better than one with fewer factors are left
    out, then those on or below the line between their neighbours. The bend of a solution i on the hull is
    ``st_i = [(f_i - f_(i-1)) / (q_i - q_(i-1))] / [(f_(i+1) - f_i) / (q_(i+1) - q_i)]`` with q parameters; the largest
    is chosen. Where only two solutions are on the hull, nothing bends, and the second is chosen, which fits best.

    Validated against EFAtools 1.0.0.9000 ``efa_hull(estimator = "ML")`` on bfi, equal numbers by all three indices
    (``tests/parity/test_bfi.py``).

    References
    ----------
    Lorenzo-Seva, U., Timmerman, M. E., & Kiers, H. A. L. (2011). The Hull method for selecting the number of common
    factors. Multivariate Behavioral Research, 46, 340-364. https://doi.org/10.1080/00273171.2011.564527

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> truth = [[.8, 0], [.7, 0], [.7, 0], [.6, 0], [0, .8], [0, .7], [0, .7], [0, .6]]
    >>> answers = pm.simulate_ordinal(truth, thresholds=[-1, 0, 1], n_persons=800, rng=1)
    >>> hull(answers, n_datasets=100, rng=1).n_factors
    2
    """
    one_of(extraction, HullExtraction, name="extraction")
    found = retention_input(
        df, correlation=correlation, missing=missing, n_persons=n_persons, minimum_items=5, regular=True
    )
    p = found.n_items
    random, seed = generator(rng)
    if n_factors_max is None:
        within(n_datasets, name="n_datasets", low=1, whole=True)
        parallel = parallel_analysis(
            df,
            n_datasets=n_datasets,
            eigenvalues="smc",
            correlation=correlation,
            n_persons=n_persons,
            missing=missing,
            rng=random,
            between=between,
        )
        upper = max(parallel.n_factors, 1) + 1
    else:
        within(n_factors_max, name="n_factors_max", low=2, whole=True)
        upper = int(n_factors_max)
    upper = min(upper, most_factors(p))
    table, converged = _solutions(found.R, found.n, upper, extraction)
    chosen: dict[str, int] = {}
    for index in INDICES:
        fit = table["1 - RMSEA" if index == "RMSEA" else index].to_numpy()
        chosen[index], table[f"st_{index}"] = sharpest_bend(table["df"].to_numpy(), fit)
    return HullResult(
        n_factors=chosen["CAF"],
        n_factors_cfi=chosen["CFI"],
        n_factors_rmsea=chosen["RMSEA"],
        table=table[["df", "CAF", "CFI", "1 - RMSEA", "st_CAF", "st_CFI", "st_RMSEA", "n_heywood"]],
        n_factors_max=upper,
        n_persons=found.n_persons,
        n_items=p,
        n_dropped=found.n_dropped,
        method=f"hull method, {extraction} extraction, CAF, CFI and RMSEA, 0 to {upper} factors, {found.method}",
        warnings=(*found.warnings, *_flags(table, chosen, converged)),
        provenance=provenance(
            "hull",
            {
                "extraction": extraction,
                "n_factors_max": n_factors_max,
                "n_datasets": int(n_datasets),
                "correlation": correlation,
                "n_persons": n_persons,
                "missing": missing,
            },
            seed=seed,
        ),
    )


def _solutions(R: Array, n: int, upper: int, extraction: HullExtraction) -> tuple[pd.DataFrame, bool]:
    """Return degrees of freedom, indices and Heywood cases of 0 to upper factors, and whether all converged."""
    rows, converged = [], True
    for m in range(upper + 1):
        common, n_heywood = np.zeros_like(R), 0
        if m:
            found = extract(R, m, extraction)
            common = found.loadings @ found.loadings.T
            n_heywood = int((np.diag(common) >= LARGEST_COMMUNALITY - 1e-6).sum())
            converged = converged and found.converged
        fit = factor_fit(R, common, n=n, n_factors=m, convention="EFAtools")
        rows.append(
            {
                "df": fit.df,
                "CAF": common_part_accounted_for(R - common),
                "CFI": fit.cfi,
                "1 - RMSEA": 1.0 - fit.rmsea.estimate,
                "n_heywood": n_heywood,
            }
        )
    return pd.DataFrame(rows, index=pd.RangeIndex(upper + 1, name="factors")), converged


def common_part_accounted_for(residual: Array) -> float:
    """Return 1 less the Kaiser-Meyer-Olkin measure of residual correlations; NaN where that does not exist."""
    S = residual.copy()
    np.fill_diagonal(S, 1.0)
    if np.linalg.eigvalsh(S)[0] <= 0.0:
        return float("nan")
    r2, q2 = squared_correlations(S)
    total = float(r2.sum() + q2.sum())
    return 1.0 - float(r2.sum()) / total if total > 0.0 else 1.0


def sharpest_bend(df: Array, fit: Array) -> tuple[int, Array]:
    """Return which solution bends the upper hull of fit against parameters most, and the bends.

    Parameters
    ----------
    df, fit : ndarray, shape (n_solutions,)
        Falling degrees of freedom, and fit; NaN for a solution that counts as none, which the first must not be.

    Returns
    -------
    tuple
        The place of the solution, which is the last on the hull where there are only one or two; and the bends, NaN off
        the hull and at its ends.
    """
    kept: list[int] = []
    for place in np.flatnonzero(np.isfinite(fit)).tolist():
        if not kept or fit[place] > fit[kept[-1]]:
            while len(kept) > 1 and _gain(df, fit, kept[-2], kept[-1]) <= _gain(df, fit, kept[-1], place):
                kept.pop()
            kept.append(place)
    bends = np.full(df.size, np.nan)
    for before, middle, after in zip(kept, kept[1:], kept[2:], strict=False):
        bends[middle] = _gain(df, fit, before, middle) / _gain(df, fit, middle, after)
    return (int(np.nanargmax(bends)) if len(kept) > 2 else kept[-1]), bends


def _gain(df: Array, fit: Array, first: int, second: int) -> float:
    """Return the fit that each further parameter buys between two solutions."""
    return float((fit[second] - fit[first]) / (df[first] - df[second]))


def _flags(table: pd.DataFrame, chosen: Mapping[str, int], converged: bool) -> list[Problem]:
    flags = [
        undefined(f"the bends by {index}", "Only two solutions are on the hull; the one that fits better was taken.")
        for index, number in chosen.items()
        if number > 0 and table[f"st_{index}"].isna().all()
    ]
    if not converged:
        flags.append(
            Problem(
                code=Code.STA_NOT_CONVERGED,
                what="The extraction of a solution stopped before its minimum.",
                fix="Give n_factors_max= a smaller number, or another extraction.",
            )
        )
    n_heywood = table["n_heywood"].to_numpy()
    flags += [
        Problem(
            code=Code.STA_HEYWOOD,
            what="A chosen solution leaves items without variance of their own (Heywood cases).",
            got=f"{number} factors, {n_heywood[number]} items",
            fix="Read this number with care; look for near-duplicate items.",
        )
        for number in sorted(set(chosen.values()) - {0})
        if n_heywood[number] > 0
    ]
    return flags
