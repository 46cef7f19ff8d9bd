"""What a confirmatory model is fitted to: each group's sample statistics, from checked answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._inputs import beside, complete, named_where, refuse, table, too_few
from toolkit.psychometrics._numerics import Array, Counts
from toolkit.psychometrics.cfa.mixed_moments import mixed_moments
from toolkit.psychometrics.cfa.patterns import Patterns
from toolkit.psychometrics.ordinal_correlation import polychoric


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrdinalStatistics:
    """Thresholds and correlations in lavaan's order, with their asymptotic covariances.

    Attributes
    ----------
    statistics : ndarray, shape (n_statistics,)
    gamma : ndarray, shape (n_statistics, n_statistics)
        Asymptotic covariances times n.
    warnings : tuple of Problem
        What was met on the way.
    """

    statistics: Array
    gamma: Array
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupSample:
    """One group's sample.

    Attributes
    ----------
    n : int
        Persons.
    values : ndarray, shape (n, p)
        Their answers; NaN only where ``patterns`` are given.
    clusters : ndarray of int, shape (n,), or None
        Each person's cluster.
    mean : ndarray, shape (p,)
    S : ndarray, shape (p, p)
        Means and covariances (divisor n); with ``patterns`` their maximum likelihood estimates.
    patterns : Patterns or None
        Patterns of answered items, for full information; None otherwise.
    observed : ndarray or None
        With patterns, the observed information of one person about means and covariances.
    ordinal : OrdinalStatistics or None
        For least squares on ordered items.
    """

    n: int
    values: Array
    clusters: Counts | None
    mean: Array
    S: Array
    patterns: Patterns | None = None
    observed: Array | None = None
    ordinal: OrdinalStatistics | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """Checked answers of all groups.

    Attributes
    ----------
    items : tuple of str
    groups : tuple of str
        Labels, in order of first appearance; one empty label without groups.
    answers : tuple of ndarray, shape (n_g, p)
        Answers; NaN is possible only if missing answers are kept.
    clusters : tuple of ndarray or None
        Cluster numbers.
    n_clusters : int
        Clusters in all; 0 without.
    rows : tuple of ndarray
        Each group's row numbers in the frame that was given.
    n_dropped : int
        Persons left out.
    """

    items: tuple[str, ...]
    groups: tuple[str, ...]
    answers: tuple[Array, ...]
    clusters: tuple[Counts, ...] | None
    n_clusters: int
    rows: tuple[Counts, ...]
    n_dropped: int


def column_of(df: pd.DataFrame, given: str | Sequence[object] | pd.Series | None, *, option: str) -> pd.Series | None:
    """Return one value a person, named as a column or given beside the answers; None where nothing was given.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_VARIABLE, STA_SHAPE_MISMATCH.
    """
    if given is None:
        return None
    if isinstance(given, str):
        if given not in df.columns:
            raise unknown_variable([given], list(df.columns), option=option)
        return df[given]
    return beside(df, pd.Series(given) if not isinstance(given, pd.Series) else given, option=option)


def unknown_variable(
    names: Sequence[str], columns: Sequence[object], *, option: str, where: str = "The data have no column"
) -> StatisticsError:
    """Return the error that the data, or the model, lack a variable, with the names that look alike."""
    import difflib

    known = [str(column) for column in columns]
    alike = {name: difflib.get_close_matches(name, known, n=3) for name in names}
    return StatisticsError(
        [
            Problem(
                code=Code.STA_UNKNOWN_VARIABLE,
                what=f"{where} of this name, which {option} asks for.",
                item=name,
                allowed=", ".join(alike[name] or known[:30]),
                fix="Correct the name, or add it to the "
                f"{'data as a column' if where.startswith('The data') else 'model as an item'}.",
            )
            for name in names
        ]
    )


def frame_of(
    df: pd.DataFrame,
    items: tuple[str, ...],
    *,
    group: str | Sequence[object] | pd.Series | None,
    cluster: str | Sequence[object] | pd.Series | None,
    keep_missing: bool,
) -> Frame:
    """Check the answers to a model's items, and split them into groups.

    Raises
    ------
    StatisticsError
        STA_UNKNOWN_VARIABLE, STA_TOO_FEW_PERSONS (also in one group), STA_CONSTANT_ITEM (also in one group), and the
        codes of the check of answers.
    """
    if not isinstance(df, pd.DataFrame):
        table(df)
    absent = [item for item in items if item not in df.columns]
    if absent:
        raise unknown_variable(absent, list(df.columns), option="the model")
    groups, clusters = column_of(df, group, option="group="), column_of(df, cluster, option="cluster=")
    known = np.ones(len(df), dtype=bool)
    for column in (groups, clusters):
        if column is not None:
            known &= column.notna().to_numpy()
    whole = table(df[list(items)])
    answered = ~np.isnan(whole.codes)
    complete(df[list(items)][known], missing="pairwise" if keep_missing else "listwise", minimum_items=1)
    keep = known & (answered.any(axis=1) if keep_missing else answered.all(axis=1))
    labels = np.zeros(len(df), dtype=np.int64)
    names: tuple[str, ...] = ("",)
    if groups is not None:
        codes, values = pd.factorize(groups[keep])
        labels[keep] = codes
        names = tuple(group_label(value) for value in values)
    numbers, n_clusters = None, 0
    if clusters is not None:
        codes, found = pd.factorize(clusters[keep])
        numbers = np.full(len(df), -1)
        numbers[keep] = codes
        n_clusters = len(found)
    rows = tuple(np.flatnonzero(keep & (labels == number)) for number in range(len(names)))
    return Frame(
        items=items,
        groups=names,
        answers=tuple(np.ascontiguousarray(whole.codes[mine]) for mine in rows),
        clusters=None if numbers is None else tuple(numbers[mine] for mine in rows),
        n_clusters=n_clusters,
        rows=rows,
        n_dropped=int((~keep).sum()),
    )


def group_label(value: object) -> str:
    """Return a group's label as text; a whole number has no decimals."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def normal_samples(frame: Frame) -> tuple[GroupSample, ...]:
    """Return means and covariances of complete answers, for each group.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_PERSONS, STA_CONSTANT_ITEM, STA_SINGULAR_CORRELATION, each for the group it holds in.
    """
    samples = []
    for number, values in enumerate(frame.answers):
        n, p = values.shape
        refuse_weak_group(frame, number, n, p + 1)
        mean = values.mean(axis=0)
        centred = values - mean
        S = centred.T @ centred / n
        refuse_constant(frame, number)
        refuse_singular(frame, number, S)
        samples.append(GroupSample(n=n, values=values, clusters=_of(frame, number), mean=mean, S=S))
    return tuple(samples)


def ordinal_samples(frame: Frame, ordered: frozenset[str], *, pairwise: bool) -> tuple[GroupSample, ...]:
    """Return thresholds, correlations and their asymptotic covariances, for each group.

    Items that are not ordered keep their units; see :func:`.mixed_moments.mixed_moments`.

    Raises
    ------
    StatisticsError
        STA_TOO_FEW_PERSONS, STA_CONSTANT_ITEM, STA_EMPTY_IN_GROUP, STA_UNDEFINED (a statistic without a precision,
        which least squares could not weight), and the codes of
        :func:`~toolkit.psychometrics.ordinal_correlation.polychoric`.
    """
    _refuse_empty(frame, ordered)
    samples = []
    for number, values in enumerate(frame.answers):
        refuse_weak_group(frame, number, values.shape[0], 20 if len(frame.groups) > 1 else 3)
        use = _all_ordered if len(ordered) == len(frame.items) else _some_ordered
        n, R, statistics = use(frame.items, ordered, values, pairwise=pairwise)
        unknown = ~(np.diag(statistics.gamma) > 0.0)
        if unknown.any():
            raise StatisticsError(
                Problem(
                    code=Code.STA_UNDEFINED,
                    what=f"Some sample statistics{_in(frame, number)} have no standard error, so that least squares "
                    "cannot weight them; mostly two items agree perfectly.",
                    got="; ".join(problem.what for problem in statistics.warnings)[:300] or None,
                    fix="Leave one of the items out.",
                )
            )
        samples.append(
            GroupSample(
                n=n, values=values, clusters=_of(frame, number), mean=np.zeros(R.shape[0]), S=R, ordinal=statistics
            )
        )
    return tuple(samples)


def _all_ordered(
    items: tuple[str, ...], ordered: frozenset[str], values: Array, *, pairwise: bool
) -> tuple[int, Array, OrdinalStatistics]:
    """Return persons, correlations and statistics of ordered items; ``ordered`` is all of them."""
    data = pd.DataFrame(values, columns=[item for item in items if item in ordered])
    found = polychoric(data, missing="pairwise" if pairwise else "listwise", acov="full")
    R = found.matrix.to_numpy()
    first, second = np.triu_indices(R.shape[0], 1)
    covariance = found.acov.to_numpy() if found.acov is not None else np.zeros((0, 0))
    statistics = OrdinalStatistics(
        statistics=np.concatenate([*found.thresholds.values(), R[first, second]]),
        gamma=covariance * found.n_persons,
        warnings=found.warnings,
    )
    return found.n_persons, R, statistics


def _some_ordered(
    items: tuple[str, ...], ordered: frozenset[str], values: Array, *, pairwise: bool
) -> tuple[int, Array, OrdinalStatistics]:
    """Return persons, covariances and statistics where some items are measurements."""
    found = mixed_moments(
        values,
        np.array([item in ordered for item in items]),
        items=items,
        missing="pairwise" if pairwise else "listwise",
    )
    gamma = found.gamma if found.gamma is not None else np.zeros((0, 0))
    statistics = OrdinalStatistics(statistics=found.statistics, gamma=gamma, warnings=found.warnings)
    return found.n_persons, found.covariance, statistics


def thresholds_in(frame: Frame, ordered: frozenset[str]) -> Mapping[str, int]:
    """Return how many thresholds each ordered item has: one less than the codes that anybody gave."""
    values = np.concatenate(frame.answers)
    found = {}
    for place, item in enumerate(frame.items):
        if item in ordered:
            column = values[:, place]
            found[item] = int(np.unique(column[~np.isnan(column)]).size) - 1
    return found


def _of(frame: Frame, number: int) -> Counts | None:
    return None if frame.clusters is None else frame.clusters[number]


def _in(frame: Frame, number: int) -> str:
    return f" in the group {frame.groups[number]}" if len(frame.groups) > 1 else ""


def refuse_weak_group(frame: Frame, number: int, n: int, minimum: int) -> None:
    """Refuse a group of too few persons."""
    if n < minimum:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, f"persons{_in(frame, number)}", n, minimum))


def refuse_constant(frame: Frame, number: int) -> None:
    """Refuse an item that everybody in a group answered alike; an item that nobody there answered counts, too."""
    values = np.where(np.isnan(frame.answers[number]), np.inf, frame.answers[number])
    lowest = values.min(axis=0)
    highest = np.where(np.isinf(values), -np.inf, values).max(axis=0)
    refuse(
        Code.STA_CONSTANT_ITEM,
        named_where(frame.items, highest <= lowest),
        what=f"Every person{_in(frame, number)} gave the same answer, so the item cannot covary with anything.",
        fix="Leave the item out, or the group.",
    )


def refuse_singular(frame: Frame, number: int, S: Array) -> None:
    """Refuse items that repeat one another, or add up to another."""
    sd = np.sqrt(np.diag(S))
    smallest = float(np.linalg.eigvalsh(S / np.outer(sd, sd))[0])
    if smallest > 1e-10:
        return
    raise StatisticsError(
        Problem(
            code=Code.STA_SINGULAR_CORRELATION,
            what=f"The items' correlation matrix{_in(frame, number)} is not positive definite.",
            got=f"smallest eigenvalue {smallest:.3g}",
            allowed="more than 1e-10",
            fix="Leave out items that repeat one another or add up to another.",
        )
    )


def _refuse_empty(frame: Frame, ordered: frozenset[str]) -> None:
    """Refuse a code that one group gave and another did not: thresholds could not be compared."""
    problems = []
    for place, item in enumerate(frame.items):
        if item not in ordered:
            continue
        given = [set(np.unique(values[:, place][~np.isnan(values[:, place])]).tolist()) for values in frame.answers]
        every = set().union(*given)
        for label, codes in zip(frame.groups, given, strict=True):
            lacking = sorted(every - codes)
            if lacking:
                problems.append(
                    Problem(
                        code=Code.STA_EMPTY_IN_GROUP,
                        what=f"Nobody in {label} gave a code that others gave, so that thresholds cannot be compared.",
                        item=item,
                        got=", ".join(f"{code:g}" for code in lacking),
                        fix="Join the code with its neighbour everywhere, or leave the item or the group out.",
                    )
                )
    if problems:
        raise StatisticsError(problems)


def refuse_uneven_codes(frame: Frame, ordered: Sequence[str], suffixes: Sequence[str]) -> None:
    """Refuse an ordered item with a code that was given at one occasion and not at another.

    Raises
    ------
    StatisticsError
        STA_EMPTY_IN_GROUP.
    """
    for item in ordered:
        columns = [frame.answers[0][:, frame.items.index(item + suffix)][:, None] for suffix in suffixes]
        part = Frame(
            items=(item,),
            groups=tuple(suffixes),
            answers=tuple(columns),
            clusters=None,
            n_clusters=0,
            rows=frame.rows,
            n_dropped=0,
        )
        _refuse_empty(part, frozenset({item}))
