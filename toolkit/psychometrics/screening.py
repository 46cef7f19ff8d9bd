"""Screening of persons: signs of careless answers, each with its cut-off."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import beside, known_items, table, too_few
from toolkit.psychometrics._numerics import Array, Rng, generator
from toolkit.psychometrics._options import within
from toolkit.psychometrics._result import Result, provenance, undefined

FEWEST_SCALES = 3
"""Scales from which an even-odd correlation is computed; it is steady only with many more."""
MAD_TO_SD = 1.482602218505602
"""Median absolute deviation to standard deviation, for a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CarelessRespondingResult(Result):
    """Signs of careless answers.

    Attributes
    ----------
    table : DataFrame, shape (n_persons, n_indices + 2)
        The index of the data; one column an index (long_string, variability, person_total, mahalanobis, even_odd,
        seconds_per_item: the last two if their data were given), then n_flags and flagged. NaN where an index cannot be
        computed for a person.
    flags : DataFrame, shape (n_persons, n_indices)
        Whether each index is beyond its cut-off; NaN is not.
    cutoffs : DataFrame, shape (n_indices, 4)
        Columns rule (in words), cutoff, n_computed and n_flagged.
    flagged : Index
        The persons with ``minimum_flags`` flags or more.
    minimum_flags : int
        Flags that a person needs.
    n_persons, n_items, n_dropped : int
        Persons, items, and persons left out (always 0).
    method : str
        The indices in words.
    warnings : tuple of Problem
        Indices that could not be computed.
    provenance : mapping
        Options, seed and versions.
    """

    table: pd.DataFrame
    flags: pd.DataFrame
    cutoffs: pd.DataFrame
    flagged: pd.Index
    minimum_flags: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the table of persons."""
        return self.table.copy()


def careless_responding(
    df: pd.DataFrame,
    *,
    reverse: Sequence[str] = (),
    codes: Sequence[float] | None = None,
    scales: Mapping[str, Sequence[str]] | None = None,
    seconds: pd.Series | npt.ArrayLike | None = None,
    robust: bool = False,
    long_string_cutoff: float | None = None,
    variability_cutoff: float | None = None,
    person_total_cutoff: float = 0.0,
    mahalanobis_alpha: float = 0.001,
    even_odd_cutoff: float = 0.30,
    seconds_cutoff: float = 2.0,
    minimum_flags: int = 2,
    rng: Rng = None,
) -> CarelessRespondingResult:
    """Return signs that persons answered without reading, and who shows several of them.

    No index proves anything about one person: a careful person can be unusual, and each cut-off flags some. Report the
    results with and without the flagged persons instead of dropping them unseen.

    Parameters
    ----------
    df : DataFrame of numeric codes, shape (n_persons, n_items)
        One row a person, one column an item in the order asked, as answered (not reversed), NaN for a missing answer.
        All items offer the same codes.
    reverse : sequence of str, default ()
        Items that point the other way; they are reversed for person-total and even-odd.
    codes : sequence of numbers, optional
        The codes that the items offer; None takes the lowest and highest found.
    scales : mapping of str to sequence of str, optional
        The items of each scale, for even-odd consistency; three scales of two items or more.
    seconds : Series or array of numbers, shape (n_persons,), optional
        Time for all answers, in seconds; NaN where it is not known. A Series must have the index of ``df``.
    robust : bool, default False
        Take the Mahalanobis distance from the minimum covariance determinant, which careless persons cannot hide in.
    long_string_cutoff : float, optional
        Longest run of one code that is flagged, or longer; None means half of the items.
    variability_cutoff : float, optional
        Standard deviation of a person's answers that is flagged, or lower; None means the median less three robust
        standard deviations, 0 at least.
    person_total_cutoff : float, default 0
        A lower correlation with the other persons' item means is flagged.
    mahalanobis_alpha : float, default .001
        A distance is flagged that fewer than this share of normal answers would exceed.
    even_odd_cutoff : float, default .30
        A lower even-odd consistency is flagged.
    seconds_cutoff : float, default 2
        Less time for an item is flagged.
    minimum_flags : int, default 2
        Flags that make a person flagged.
    rng : int, Generator or None
        Seed or generator of the robust covariance; None draws a seed, which is kept in ``provenance``.

    Returns
    -------
    CarelessRespondingResult
        ``table`` by person, ``flags``, ``cutoffs`` and ``flagged``.

    Raises
    ------
    StatisticsError
        STA_OPTION_RANGE, STA_SHAPE_MISMATCH (times do not belong to the rows; an item of a scale or of ``reverse``
        that the data lack), STA_NOT_A_FRAME, STA_NOT_NUMERIC, STA_NOT_FINITE, STA_DUPLICATE_ITEM, STA_TOO_FEW_ITEMS,
        STA_TOO_FEW_PERSONS.

    Warns
    -----
    STA_UNDEFINED
        In ``warnings``: too few scales for even-odd, or a covariance matrix without an inverse.

    Notes
    -----
    *Long string*: the longest run of one code among the answered items. *Variability*: the standard deviation of a
    person's answers (divisor n - 1). *Person-total*: the correlation of a person's answers with the means of the other
    persons. *Mahalanobis*: the squared distance on the items that the person answered, against a chi-square with as
    many degrees of freedom. *Even-odd*: the correlation, over scales, of the means of a scale's odd and even items,
    stepped up by Spearman-Brown and -1 at least; with few scales it flags many careful persons. *Seconds per item*: the
    time over the number of answered items. Defaults: half the items and person-total 0 after Curran, even-odd .30 after
    Johnson, two seconds after Huang; the others are conventions.

    Validated by hand-made answers and by planted straight-liners and random responders
    (``tests/unit/psychometrics/test_screening.py``).

    References
    ----------
    Curran, P. G. (2016). Methods for the detection of carelessly invalid responses in survey data. Journal of
    Experimental Social Psychology, 66, 4-19. https://doi.org/10.1016/j.jesp.2015.07.006

    Johnson, J. A. (2005). Ascertaining the validity of individual protocols from Web-based personality inventories.
    Journal of Research in Personality, 39, 103-129. https://doi.org/10.1016/j.jrp.2004.09.009

    Huang, J. L., Curran, P. G., Keeney, J., Poposki, E. M., & DeShon, R. P. (2012). Detecting and deterring
    insufficient effort responding to surveys. Journal of Business and Psychology, 27, 99-114.
    https://doi.org/10.1007/s10869-011-9231-8

    Dunn, A. M., Heggestad, E. D., Shanock, L. R., & Theilgard, N. (2018). Intra-individual response variability as an
    indicator of insufficient effort responding. Journal of Business and Psychology, 33, 105-121.
    https://doi.org/10.1007/s10869-016-9479-0

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([.7] * 12, thresholds=[-1, -.3, .3, 1], n_persons=200, rng=1)
    >>> answers.iloc[3] = 3
    >>> 3 in careless_responding(answers).flagged
    True
    """
    within(mahalanobis_alpha, name="mahalanobis_alpha", low=0.0, high=1.0, open_ends=True)
    within(even_odd_cutoff, name="even_odd_cutoff", low=-1.0, high=1.0)
    within(person_total_cutoff, name="person_total_cutoff", low=-1.0, high=1.0)
    within(seconds_cutoff, name="seconds_cutoff", low=0.0)
    within(minimum_flags, name="minimum_flags", low=1, whole=True)
    answers = table(df)
    X, n, p = answers.codes, answers.n_persons, answers.n_items
    if p < 2:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "items", p, 2))
    if n < 3:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, "persons", n, 3))
    keyed = _keyed(X, answers.items, reverse, codes)
    random, seed = generator(rng)
    warnings: list[Problem] = []
    runs, spread = longest_runs(X), variability(X)
    longest = float(np.ceil(p / 2)) if long_string_cutoff is None else float(long_string_cutoff)
    narrow = _low_variability(spread) if variability_cutoff is None else float(variability_cutoff)
    distance, n_answered = mahalanobis(X, robust=robust, random=random), (~np.isnan(X)).sum(axis=1)
    if np.isnan(distance).all():
        warnings.append(
            undefined("the Mahalanobis distances", "The covariance matrix of complete persons is singular.")
        )
    tail = stats.chi2.sf(distance, np.maximum(n_answered, 1))
    typical = person_total(keyed)
    found: dict[str, tuple[Array, npt.NDArray[np.bool_], str, float]] = {
        "long_string": (runs, runs >= longest, "run of one code, at least", longest),
        "variability": (spread, spread <= narrow, "standard deviation of the answers, at most", narrow),
        "person_total": (typical, typical < person_total_cutoff, "correlation, below", float(person_total_cutoff)),
        "mahalanobis": (distance, tail < mahalanobis_alpha, "chi-square tail, below", float(mahalanobis_alpha)),
    }
    if scales is not None:
        consistency = even_odd(keyed, _positions(answers.items, scales))
        if np.isnan(consistency).all():
            warnings.append(undefined("even-odd consistency", f"It needs {FEWEST_SCALES} scales of two items or more."))
        rule = "stepped-up correlation, below"
        found["even_odd"] = (consistency, consistency < even_odd_cutoff, rule, float(even_odd_cutoff))
    if seconds is not None:
        known = table(beside(df, seconds, option="seconds=").to_frame("seconds")).codes[:, 0]
        time = known / np.where(n_answered > 0, n_answered, np.nan)
        found["seconds_per_item"] = (time, time < seconds_cutoff, "seconds, below", float(seconds_cutoff))
    flags = pd.DataFrame({name: beyond for name, (_, beyond, _, _) in found.items()}, index=df.index)
    persons = pd.DataFrame({name: values for name, (values, _, _, _) in found.items()}, index=df.index)
    n_flags = flags.sum(axis=1)
    chosen = n_flags >= minimum_flags
    rules = {
        name: {
            "rule": rule,
            "cutoff": cutoff,
            "n_computed": int(np.isfinite(values).sum()),
            "n_flagged": int(beyond.sum()),
        }
        for name, (values, beyond, rule, cutoff) in found.items()
    }
    options = {
        "reverse": list(reverse),
        "robust": robust,
        "minimum_flags": int(minimum_flags),
        **{f"{name}_cutoff": row["cutoff"] for name, row in rules.items()},
    }
    kind = "minimum covariance determinant" if robust else "classic"
    return CarelessRespondingResult(
        table=persons.assign(n_flags=n_flags, flagged=chosen),
        flags=flags,
        cutoffs=pd.DataFrame.from_dict(rules, orient="index"),
        flagged=df.index[chosen.to_numpy()],
        minimum_flags=int(minimum_flags),
        n_persons=n,
        n_items=p,
        n_dropped=0,
        method=f"{', '.join(found)}; Mahalanobis distance {kind}; flagged with {minimum_flags} signs or more",
        warnings=tuple(warnings),
        provenance=provenance("careless_responding", options, seed=seed if robust else None),
    )


def longest_runs(X: Array) -> Array:
    """Return each person's longest run of one code among the answered items."""
    current = np.zeros(X.shape[0])
    longest, last = current.copy(), np.full(X.shape[0], np.nan)
    for column in X.T:
        answered = ~np.isnan(column)
        current = np.where(answered, np.where(column == last, current + 1.0, 1.0), current)
        last = np.where(answered, column, last)
        longest = np.maximum(longest, current)
    return longest


def variability(X: Array) -> Array:
    """Return the standard deviation of each person's answers; NaN with fewer than two."""
    answered = ~np.isnan(X)
    n = answered.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(answered, X, 0.0).sum(axis=1) / n
        squares = (np.where(answered, X - mean[:, None], 0.0) ** 2).sum(axis=1)
        return np.where(n > 1, np.sqrt(squares / (n - 1)), np.nan)


def person_total(X: Array) -> Array:
    """Return each person's correlation with the item means of the other persons; NaN where either does not vary."""
    answered = ~np.isnan(X)
    filled = np.where(answered, X, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        others = (filled.sum(axis=0) - filled) / (answered.sum(axis=0) - answered)
    return row_correlations(X, others)


def even_odd(X: Array, scales: Sequence[npt.NDArray[np.int64]]) -> Array:
    """Return the stepped-up correlation of odd and even halves over scales; NaN with fewer than three."""
    halves = [(X[:, items[::2]], X[:, items[1::2]]) for items in scales if items.size >= 2]
    if len(halves) < FEWEST_SCALES:
        return np.full(X.shape[0], np.nan)
    odd, even = (np.column_stack([_row_means(pair[side]) for pair in halves]) for side in (0, 1))
    r = row_correlations(odd, even)
    r[(~np.isnan(odd + even)).sum(axis=1) < FEWEST_SCALES] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        stepped: Array = np.maximum(2.0 * r / (1.0 + r), -1.0)
    return stepped


def row_correlations(A: Array, B: Array) -> Array:
    """Return the correlation of each row of A with that of B over the columns that both have; NaN without variation."""
    known = ~(np.isnan(A) | np.isnan(B))
    n = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = [np.where(known, M - (np.where(known, M, 0.0).sum(axis=1) / n)[:, None], 0.0) for M in (A, B)]
        a, b = ((M**2).sum(axis=1) for M in centred)
        r = (centred[0] * centred[1]).sum(axis=1) / np.sqrt(a * b)
    tiny = 1e-20 * max(1.0, float(np.abs(A[known]).max(initial=0.0)) ** 2)
    correlations: Array = np.where((n > 2) & (a > tiny) & (b > tiny), np.clip(r, -1.0, 1.0), np.nan)
    return correlations


def mahalanobis(X: Array, *, robust: bool, random: np.random.Generator) -> Array:
    """Return each person's squared distance on the items answered; all NaN if the covariance matrix is singular.

    Centre and covariance come from the complete persons; a person with missing answers is compared on the others.
    """
    answered = ~np.isnan(X)
    whole = X[answered.all(axis=1)]
    distance = np.full(X.shape[0], np.nan)
    n, p = whole.shape
    if n <= (2 * p if robust else p):
        return distance
    spread = whole.std(axis=0)
    if (spread == 0).any() or np.linalg.eigvalsh(np.corrcoef(whole, rowvar=False))[0] < 1e-10:
        return distance
    centre, S = whole.mean(axis=0), np.cov(whole, rowvar=False)
    if robust:
        centre, S = _minimum_covariance_determinant(whole, random)
        if np.linalg.eigvalsh(S / np.outer(spread, spread))[0] < 1e-10:
            return distance
    patterns, member = np.unique(answered, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(member.ravel() == number)
        if pattern.any():
            deviation = X[np.ix_(rows, pattern)] - centre[pattern]
            inverse = np.linalg.inv(S[np.ix_(pattern, pattern)])
            distance[rows] = np.einsum("ij,jk,ik->i", deviation, inverse, deviation)
    return distance


def _minimum_covariance_determinant(X: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """Return scikit-learn's robust centre and covariance; what it says about ties of few codes stays inside."""
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        from sklearn.covariance import MinCovDet

        found = MinCovDet(random_state=int(random.integers(2**31))).fit(X)
    return np.asarray(found.location_), np.asarray(found.covariance_)


def _low_variability(spread: Array) -> float:
    known = spread[np.isfinite(spread)]
    if known.size == 0:
        return 0.0
    middle = float(np.median(known))
    return max(middle - 3.0 * MAD_TO_SD * float(np.median(np.abs(known - middle))), 0.0)


def _row_means(M: Array) -> Array:
    known = ~np.isnan(M)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, M, 0.0).sum(axis=1) / known.sum(axis=1))


def _keyed(X: Array, items: tuple[str, ...], reverse: Sequence[str], codes: Sequence[float] | None) -> Array:
    """Return the answers with the items of ``reverse`` turned round."""
    turned = np.isin(np.array(items), known_items(items, reverse, "reverse"))
    if np.isnan(X).all():
        return X
    ends = np.nanmin(X) + np.nanmax(X) if codes is None else float(min(codes)) + float(max(codes))
    return np.where(turned, ends - X, X)


def _positions(items: tuple[str, ...], scales: Mapping[str, Sequence[str]]) -> list[npt.NDArray[np.int64]]:
    place = {item: position for position, item in enumerate(items)}
    return [
        np.array([place[item] for item in known_items(items, own, f"scale {name}")]) for name, own in scales.items()
    ]
