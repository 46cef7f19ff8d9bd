"""From answers, or a correlation matrix with its number of persons, to what a factor analysis works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import moments, refuse_singular, table
from toolkit.psychometrics._numerics import Array
from toolkit.psychometrics._options import Correlation, Data, Missing, conflict, one_of, within


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Correlations and where they come from.

    Attributes
    ----------
    R : ndarray, shape (p, p)
        Correlations, positive definite.
    items : tuple of str
        Names of the items.
    n : int
        Persons that tests and intervals count.
    n_persons, n_dropped : int
        Persons used and left out.
    correlation : {"pearson", "spearman", "polychoric"}
        The kind of correlation.
    missing : {"listwise", "pairwise"}
        The missing rule.
    codes : ndarray, shape (n_persons, p), or None
        The answers; None where only correlations were given.
    mean, sd : ndarray, shape (p,), or None
        Of the answers.
    """

    R: Array
    items: tuple[str, ...]
    n: int
    n_persons: int
    n_dropped: int
    correlation: Correlation
    missing: Missing
    codes: Array | None
    mean: Array | None
    sd: Array | None

    @property
    def complete(self) -> bool:
        """Whether there are answers and none is missing."""
        return self.codes is not None and not np.isnan(self.codes).any()

    def answers(self, purpose: str) -> Array:
        """Return the answers, or refuse where there are none."""
        if self.codes is None:
            raise StatisticsError(
                Problem(
                    code=Code.STA_ANSWERS_NEEDED,
                    what=f"{purpose} cannot be computed from correlations alone.",
                    got="data='correlations'",
                    allowed="data='answers'",
                    fix="Give the persons' answers.",
                )
            )
        return self.codes


def sample_of(
    df: pd.DataFrame, *, data: Data, n_persons: int | None, correlation: Correlation, missing: Missing
) -> Sample:
    """Check answers or correlations and return what a factor analysis works on.

    Parameters
    ----------
    df : DataFrame
        Answers of persons x items, or correlations of items x items.
    data : {"answers", "correlations"}
        What the frame holds.
    n_persons : int or None
        Persons behind the correlations; None with answers.
    correlation : {"pearson", "spearman", "polychoric"}
        The kind of correlation.
    missing : {"listwise", "pairwise"}
        The missing rule.

    Raises
    ------
    StatisticsError
        STA_NOT_CORRELATIONS, STA_OPTION_CONFLICT, STA_OPTION_RANGE, and the codes of
        :func:`~toolkit.psychometrics._inputs.moments`.
    """
    one_of(data, Data, name="data")
    one_of(correlation, Correlation, name="correlation")
    one_of(missing, Missing, name="missing")
    if data == "correlations":
        return _given(df, n_persons, correlation, missing)
    if n_persons is not None:
        raise conflict(
            "n_persons= and data='answers'",
            why="answers are counted, not told.",
            fix="Leave n_persons= out, or give data='correlations'.",
        )
    found = moments(df, missing=missing, regular=True)
    codes = np.array(found.responses.codes, order="C")
    R = np.array(found.correlation, order="C")
    if correlation == "spearman":
        R = rank_correlation(codes)
        refuse_singular(R, found.responses.n_persons)
    return Sample(
        R=R,
        items=found.items,
        n=found.n,
        n_persons=found.responses.n_persons,
        n_dropped=found.responses.n_dropped,
        correlation=correlation,
        missing=missing,
        codes=codes,
        mean=found.mean,
        sd=np.sqrt(np.diag(found.covariance)),
    )


def rank_correlation(codes: Array) -> Array:
    """Return Spearman's correlations; each pair ranks the persons who answered both items."""
    R = np.array(pd.DataFrame(codes).corr(method="spearman").to_numpy(), order="C")
    np.fill_diagonal(R, 1.0)
    return R


def _given(df: pd.DataFrame, n_persons: int | None, correlation: Correlation, missing: Missing) -> Sample:
    if n_persons is None:
        raise conflict(
            "data='correlations' without n_persons=",
            why="a correlation matrix does not say how many persons are behind it.",
            fix="Give n_persons=.",
        )
    within(n_persons, name="n_persons", low=3, whole=True)
    given = table(df)
    R = np.array(given.codes, order="C")
    _refuse_other_than_correlations(R, [str(name) for name in df.index], given.items)
    refuse_singular(R, n_persons)
    return Sample(
        R=R,
        items=given.items,
        n=int(n_persons),
        n_persons=int(n_persons),
        n_dropped=0,
        correlation=correlation,
        missing=missing,
        codes=None,
        mean=None,
        sd=None,
    )


def _refuse_other_than_correlations(R: Array, rows: list[str], columns: tuple[str, ...]) -> None:
    if R.shape[0] != R.shape[1]:
        got = f"shape {R.shape}"
    elif np.isnan(R).any():
        got = "missing values"
    elif rows not in (list(columns), [str(number) for number in range(len(rows))]):
        got = "rows named otherwise than the columns"
    elif np.abs(R - R.T).max() > 1e-8:
        got = f"entries that differ by {np.abs(R - R.T).max():.3g} from their mirror images"
    elif np.abs(np.diag(R) - 1.0).max() > 1e-8:
        got = "a diagonal other than ones"
    elif np.abs(R).max() > 1.0 + 1e-8:
        got = f"an entry of {np.abs(R).max():.3g}"
    else:
        return
    raise StatisticsError(
        Problem(
            code=Code.STA_NOT_CORRELATIONS,
            what="The frame is not a correlation matrix of the items.",
            got=got,
            allowed="symmetric, ones on the diagonal, rows named like the columns",
            fix="Correct the matrix, or give the persons' answers with data='answers'.",
        )
    )
