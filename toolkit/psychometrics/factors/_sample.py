"""From answers, counts or a correlation matrix to what a factor analysis works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._counts import ResponseCounts, symmetric
from toolkit.psychometrics._inputs import complete, moments
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import Correlation, Missing, Smooth, conflict
from toolkit.psychometrics.correlation import CorrelationInput, correlation_input


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Correlations and where they come from.

    Attributes
    ----------
    found : CorrelationInput
        The correlations, positive definite, with their items and persons.
    R : ndarray, shape (p, p)
        The correlations again, writable and in rows.
    correlation : {"pearson", "spearman", "polychoric"} or None
        The kind of correlation; None for a matrix that was given.
    missing : {"listwise", "pairwise"}
        The missing rule.
    codes : ndarray, shape (n_persons, p), or None
        The answers; None where only counts or correlations were given.
    counts : ResponseCounts or None
        Counted answers, where these were given.
    mean, sd : ndarray, shape (p,), or None
        Of the answers; None where only correlations were given.
    """

    found: CorrelationInput
    R: Array
    correlation: Correlation | None
    missing: Missing
    codes: Array | None
    counts: ResponseCounts | None
    mean: Array | None
    sd: Array | None

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items."""
        return self.found.items

    @property
    def complete(self) -> bool:
        """Whether there are answers and none is missing."""
        return self.codes is not None and not np.isnan(self.codes).any()

    def answers(self, purpose: str) -> Array:
        """Return the answers, or refuse where there are none."""
        if self.codes is None:
            raise StatisticsError(
                Problem(
                    code=Code.STA_NEEDS_ANSWERS,
                    what=f"{purpose} cannot be computed without the persons' answers.",
                    got="counts of pairs" if self.counts is not None else "correlations",
                    allowed="a DataFrame of persons x items",
                    fix="Give the answers themselves.",
                )
            )
        return self.codes

    def scores(self, purpose: str) -> Array:
        """Return complete answers as standard scores with mean 0 and variance 1, shape (n, p)."""
        codes = self.answers(purpose)
        if not self.complete:
            raise conflict(
                "missing='pairwise' with missing answers",
                why=f"{purpose.lower()} needs persons who answered every item.",
                fix="Give missing='listwise'.",
            )
        centred = codes - codes.mean(axis=0)
        standard: Array = centred / centred.std(axis=0)
        return standard


def sample_of(
    df: pd.DataFrame | ResponseCounts,
    *,
    n_persons: int | None,
    correlation: Correlation,
    missing: Missing,
    smooth: Smooth,
) -> Sample:
    """Check answers, counts or correlations and return what a factor analysis works on.

    Parameters
    ----------
    df : DataFrame or ResponseCounts
        Answers of persons x items, counted answers, or, with ``n_persons``, correlations of items x items.
    n_persons : int or None
        Says that ``df`` is a correlation matrix, and from how many persons.
    correlation, missing, smooth : str
        See :func:`~toolkit.psychometrics.correlation.correlation_input`.

    Raises
    ------
    StatisticsError
        The codes of :func:`~toolkit.psychometrics.correlation.correlation_input`.
    """
    found = correlation_input(
        df, correlation=correlation, missing=missing, smooth=smooth, n_persons=n_persons, regular=True
    )
    codes, counts, mean, sd = None, None, None, None
    if isinstance(df, ResponseCounts):
        counts = df
        spread = moments(df, missing=missing)
        mean, sd = spread.mean, np.sqrt(np.diag(spread.covariance))
    elif n_persons is None:
        codes = np.array(complete(df, missing=missing).codes, order="C")
        mean, sd = np.nanmean(codes, axis=0), np.nanstd(codes, axis=0, ddof=1)
    return Sample(
        found=found,
        R=np.array(found.R, dtype=np.float64, order="C"),
        correlation=correlation if n_persons is None else None,
        missing=missing,
        codes=codes,
        counts=counts,
        mean=mean,
        sd=sd,
    )


def correlation_variances(sample: Sample) -> Array:
    """Return the sampling variances of the correlations, shape (p, p); infinite on the diagonal.

    Those of Pearson correlations come from the fourth moments of complete answers, those of polychoric correlations
    from the tables of pairs.

    Raises
    ------
    StatisticsError
        STA_NEEDS_ANSWERS, STA_OPTION_CONFLICT.
    """
    if sample.correlation == "polychoric":
        from toolkit.psychometrics.ordinal_correlation import polychoric

        source = sample.counts if sample.counts is not None else _frame(sample)
        errors = polychoric(source, missing=sample.missing, acov="diagonal").standard_errors
        variances = np.empty((0, 0)) if errors is None else errors.to_numpy(copy=True) ** 2
    elif sample.correlation == "spearman":
        raise conflict(
            "method='dwls' and correlation='spearman'",
            why="the sampling variances of rank correlations are not known.",
            fix="Use Pearson or polychoric correlations, or method='minres'.",
        )
    else:
        variances = _pearson_variances(sample.R, sample.scores("The weight of a correlation"))
    np.fill_diagonal(variances, np.inf)
    if not (variances > 0).all():
        raise conflict(
            "method='dwls' and a perfect correlation",
            why="a correlation of 1 or -1 has no sampling variance.",
            fix="Join or leave out one of the two items, or use method='minres'.",
        )
    return variances


def correlation_covariance(sample: Sample) -> Array:
    """Return the sampling covariance matrix of polychoric correlations, pairs in the order of ``tril_indices``."""
    from toolkit.psychometrics.ordinal_correlation import polychoric

    acov = polychoric(_frame(sample), missing=sample.missing, acov="full").acov
    p = len(sample.items)
    n_pairs = p * (p - 1) // 2
    whole = np.asarray(acov, dtype=np.float64)[-n_pairs:, -n_pairs:]
    place = symmetric(np.arange(n_pairs), np.zeros(p, dtype=np.int64))[np.tril_indices(p, k=-1)]
    covariance: Array = whole[np.ix_(place, place)]
    return covariance


def _frame(sample: Sample) -> pd.DataFrame:
    return pd.DataFrame(sample.answers("A covariance of polychoric correlations"), columns=list(sample.items))


def _pearson_variances(R: Array, scores: Array) -> Array:
    n = scores.shape[0]
    squares = scores**2
    both = squares.T @ squares / n
    cubes = (squares * scores).T @ scores / n
    fourth = np.diag(both)
    spread = 0.25 * R**2 * (fourth[:, None] + fourth[None, :] + 2.0 * both)
    variances: Array = (both - R * (cubes + cubes.T) + spread) / n
    return variances
