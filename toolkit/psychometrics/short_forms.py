"""Short forms: fewer items of a scale, chosen with some persons and checked with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics._factor_model import one_factor
from toolkit.psychometrics._inputs import known_items, too_few
from toolkit.psychometrics._numerics import Array, Rng, generator
from toolkit.psychometrics._options import conflict, one_of, within
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa.cfa import CfaResult, cfa
from toolkit.psychometrics.cfa.moments import frame_of
from toolkit.psychometrics.cfa.syntax import ModelSyntax, parse_model
from toolkit.psychometrics.reliability.composite import composite_omega

ShortFormCriterion = Literal["omega", "alpha"]
"""``omega`` total of the short form by a one-factor model; ``alpha`` of Cronbach."""
MOST_SUBSETS = 2000
"""So many sets of items at most are all examined."""
_FIT = ("chisq", "df", "pvalue", "cfi", "tli", "rmsea", "srmr")
_MEASURES = ("criterion", "omega", "omega_full", "r_full", "r_corrected", "r_rest")
Subset = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShortFormResult(Result):
    """Chosen items of each scale, and how good they are with those who chose them and with the others.

    Attributes
    ----------
    items : mapping of str to tuple of str
        The chosen items of each scale, in the order of the full one.
    scales : DataFrame, shape (2 * n_scales, 14)
        Rows by scale and persons: "selecting", whose numbers are too good, and "checking". Columns scale, persons,
        ``n``; ``n_full`` and ``n_short`` items; ``criterion``; ``omega`` of the short form with ``omega_low`` and
        ``omega_high``; ``omega_full`` of the full scale, and ``omega_expected`` of a short form of average items
        (Spearman-Brown); ``r_full``, the correlation of the short with the full scale, ``r_corrected``, the same
        without the errors of the items that they share, and ``r_rest``, that with the sum of the items left out.
    shrinkage : DataFrame, shape (n_scales, 6)
        What the numbers lose: "selecting" less "checking", for criterion, omega, omega_full, r_full, r_corrected and
        r_rest.
    searches : DataFrame, shape (n_scales, 4)
        For each scale the ``search`` ("exhaustive" or "exchange"), the number of ``allowed`` sets, how many were
        ``examined``, and the criterion of the ``runner_up`` among these (NaN without one).
    fits : DataFrame, shape (2, 8)
        Fit of the short form's model by persons: n and lavaan's names.
    model : str
        The model of the short form: each scale a factor.
    confirmed : CfaResult or None
        It, fitted to the checking persons; None where they do not determine it, which ``warnings`` says.
    n_selecting, n_checking : int
        Persons of each part.
    n_persons, n_items, n_dropped : int
        Persons used, items of the full scales, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers.
    provenance : mapping
        Options, seed and versions.
    """

    items: Mapping[str, tuple[str, ...]]
    scales: pd.DataFrame
    shrinkage: pd.DataFrame
    searches: pd.DataFrame
    fits: pd.DataFrame
    model: str
    confirmed: CfaResult | None
    n_selecting: int
    n_checking: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the scales."""
        return self.scales.copy()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is chosen for one scale: k of the items, with those kept, and one of every facet; all by their places."""

    name: str
    items: tuple[str, ...]
    k: int
    kept: frozenset[int]
    facets: tuple[frozenset[int], ...]

    def allows(self, subset: Subset) -> bool:
        """Say whether a set has the items that are kept and one of each facet."""
        chosen = frozenset(subset)
        return self.kept <= chosen and all(chosen & facet for facet in self.facets)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The best set, the criterion of the next best, and how the search went."""

    subset: Subset
    runner_up: float
    search: str
    allowed: int
    examined: int


@on_one_thread
def short_form(
    df: pd.DataFrame,
    scales: Mapping[str, Sequence[str]] | str | ModelSyntax,
    *,
    n_items: int | Mapping[str, int],
    criterion: ShortFormCriterion = "omega",
    keep: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
    share: float = 0.5,
    ordered: bool = False,
    rng: Rng = None,
    between: Callable[[], None] | None = None,
) -> ShortFormResult:
    """Choose the items of a short form with some persons, and check it with the others.

    The best of many sets is best by luck too: with those who chose it, its reliability is too high. So is its
    correlation with the full scale, whose errors it shares. Reliability is not content: say with ``keep`` and
    ``groups`` what must be asked. The items were answered within the full scale; a short form that is asked alone needs
    persons of its own.

    Parameters
    ----------
    df : DataFrame, shape (n_persons, n_columns)
        One row a person; a column of numeric codes for every item, NaN for a missing answer. Persons with a missing
        answer are left out. The items of a scale point the same way.
    scales : mapping of str to sequence of str, str or ModelSyntax
        Items of each scale; or a model in lavaan's syntax whose factors are the scales, every item in one.
    n_items : int or mapping of str to int
        Items of the short form of each scale, 3 or more and fewer than the scale has.
    criterion : {"omega", "alpha"}, default "omega"
        What is made as large as can be, of the sum of the chosen items.
    keep : sequence of str
        Items that the short form must have.
    groups : mapping of str to sequence of str, optional
        Facets of content: of each, the short form has at least one item. A facet's items belong to one scale.
    share : float, default 0.5
        Share of the persons that choose, between 0 and 1.
    ordered : bool, default False
        Whether the check takes items as ordered answers: categorical omega, and a model by WLSMV. The choice takes
        codes as measurements.
    rng : int, Generator or None
        Seed or generator of the split; None draws a seed, which is kept in ``provenance``.
    between : callable, optional
        Called before each step of a search; what it raises ends it.

    Returns
    -------
    ShortFormResult
        ``items``, and ``scales`` with both sets of persons.

    Raises
    ------
    StatisticsError
        STA_OPTION_RANGE, STA_UNKNOWN_OPTION, STA_OPTION_CONFLICT (an item in two scales; constraints that the number of
        items cannot meet; a facet over two scales), STA_SHAPE_MISMATCH (``keep``, ``groups`` or ``n_items`` names what
        is not there), STA_TOO_FEW_ITEMS, STA_UNKNOWN_VARIABLE, STA_TOO_FEW_PERSONS, STA_NOT_CONVERGED (no set of items
        has a criterion), and the codes of :func:`~toolkit.psychometrics.reliability.composite.composite_omega` and
        :func:`~toolkit.psychometrics.cfa.cfa.cfa`.

    Notes
    -----
    Where a scale has 2,000 sets that meet the constraints or fewer, all are examined. Otherwise the search begins with
    what must be there and the largest loadings of the full scale, and makes the best exchange of one item for another
    until none is better; there is no chance in it, and it may end beside the best.

    Omega is that of a one-factor model by maximum likelihood, over the observed variance. The correlation of a short
    form S with its full scale F, without the errors of the items they share (Levy, 1967), is ``(cov(S, F) - var(S)
    (1 - omega_S)) / (sd(S) sd(F))``: that of the full scale with the short form asked again. ``omega_expected`` is
    ``k w / (1 + (k - 1) w)`` with k the ratio of the numbers of items and w the omega of the full scale. A model with
    as many parameters as moments fits perfectly, and says nothing.

    Validated by the list of all sets, by the correlation of a short form with a second administration of the full scale
    in simulated data, and by the loss of reliability with the other persons
    (``tests/unit/psychometrics/test_short_forms.py``).

    References
    ----------
    Levy, P. (1967). The correction for spurious correlation in the evaluation of short-form tests. Journal of Clinical
    Psychology, 23, 84-86. https://doi.org/10.1002/1097-4679(196701)23:1<84::AID-JCLP2270230123>3.0.CO;2-2

    Girard, T. A., & Christensen, B. K. (2008). Clarifying problems and offering solutions for correlated error when
    assessing the validity of selected-subtest short forms. Psychological Assessment, 20, 76-80.
    https://doi.org/10.1037/1040-3590.20.1.76

    Smith, G. T., McCarthy, D. M., & Anderson, K. G. (2000). On the sins of short-form development. Psychological
    Assessment, 12, 102-111. https://doi.org/10.1037/1040-3590.12.1.102

    Examples
    --------
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([.8, .8, .5, .5, .4, .8], thresholds=[-1, 0, 1], n_persons=800, rng=1)
    >>> found = short_form(answers, {"all": list(answers)}, n_items=3, rng=1)
    >>> found.items["all"]
    ('item1', 'item2', 'item6')
    """
    one_of(criterion, ShortFormCriterion, name="criterion")
    within(share, name="share", low=0.0, high=1.0, open_ends=True)
    tasks = _tasks(_scales(scales), n_items, keep, groups or {})
    everything = tuple(item for task in tasks for item in task.items)
    frame = frame_of(df, everything, group=None, cluster=None, keep_missing=False)
    used = df[list(everything)].iloc[frame.rows[0]]
    random, seed = generator(rng)
    order = random.permutation(len(used))
    n_selecting = round(share * len(used))
    parts = {"selecting": used.iloc[np.sort(order[:n_selecting])], "checking": used.iloc[np.sort(order[n_selecting:])]}
    for name, part in parts.items():
        if len(part) <= len(everything):
            raise StatisticsError(too_few(Code.STA_TOO_FEW_PERSONS, f"{name} persons", len(part), len(everything) + 1))
    pause = between or (lambda: None)
    found = {task.name: _search(task, parts["selecting"], criterion, pause) for task in tasks}
    chosen = {task.name: tuple(task.items[j] for j in found[task.name].subset) for task in tasks}
    table = _table(tasks, chosen, parts, criterion, ordered)
    text = "\n".join(
        f"{name} =~ {' + '.join(items)}" for name, items in zip(_factors(tasks), chosen.values(), strict=True)
    )
    fitted, lost = _fitted(text, parts, ordered)
    numbers = table[list(_MEASURES)].to_numpy(dtype=np.float64).reshape(len(tasks), 2, len(_MEASURES))
    shrinkage = pd.DataFrame(
        numbers[:, 0] - numbers[:, 1],
        index=pd.Index([task.name for task in tasks], name="scale"),
        columns=list(_MEASURES),
    )
    confirmed = fitted["checking"]
    return ShortFormResult(
        items=MappingProxyType(chosen),
        scales=table,
        shrinkage=shrinkage,
        searches=pd.DataFrame(
            {
                name: {
                    "search": one.search,
                    "allowed": one.allowed,
                    "examined": one.examined,
                    "runner_up": one.runner_up,
                }
                for name, one in found.items()
            }
        ).T.rename_axis("scale"),
        fits=pd.DataFrame(
            {
                name: {"n": len(parts[name])} | {m: fit.fit[m] if fit else float("nan") for m in _FIT}
                for name, fit in fitted.items()
            }
        ).T.rename_axis("persons"),
        model=text,
        confirmed=confirmed,
        n_selecting=len(parts["selecting"]),
        n_checking=len(parts["checking"]),
        n_persons=len(used),
        n_items=len(everything),
        n_dropped=len(df) - len(used),
        method=f"short form of {len(tasks)} {'scale' if len(tasks) == 1 else 'scales'}, largest {criterion} in "
        f"{len(parts['selecting'])} persons, checked in {len(parts['checking'])} others"
        + (", checked as ordered answers" if ordered else ""),
        warnings=(*lost, *(confirmed.warnings if confirmed else ())),
        provenance=provenance(
            "short_form",
            {
                "n_items": {task.name: task.k for task in tasks},
                "criterion": criterion,
                "keep": list(keep),
                "groups": {name: list(items) for name, items in (groups or {}).items()},
                "share": share,
                "ordered": ordered,
            },
            seed=seed,
        ),
    )


def _fitted(
    text: str, parts: Mapping[str, pd.DataFrame], ordered: bool
) -> tuple[dict[str, CfaResult | None], list[Problem]]:
    """Return the short form's model fitted to each part, None where the part does not determine it, and why."""
    found: dict[str, CfaResult | None] = {}
    lost: list[Problem] = []
    for name, part in parts.items():
        try:
            found[name] = cfa(part, text, ordered=ordered)
        except StatisticsError as error:
            if not set(error.codes) <= {Code.STA_NOT_CONVERGED, Code.STA_NOT_IDENTIFIED}:
                raise
            found[name] = None
            lost += [replace(problem, what=f"{name} persons: {problem.what}") for problem in error.problems]
    return found, lost


def _scales(given: Mapping[str, Sequence[str]] | str | ModelSyntax) -> dict[str, tuple[str, ...]]:
    """Return the items of each scale."""
    if isinstance(given, Mapping):
        found = {str(name): tuple(str(item) for item in items) for name, items in given.items()}
    else:
        syntax = parse_model(given) if isinstance(given, str) else given
        found = dict.fromkeys(syntax.factors, ())
        for statement in syntax.statements:
            if statement.op == "=~":
                found[statement.lhs] += (statement.rhs,)
    every = [item for items in found.values() for item in items]
    if len(set(every)) < len(every) or set(every) & set(found if not isinstance(given, Mapping) else ()):
        raise conflict(
            "an item in two scales, or a scale of scales",
            why="A short form is made of scales that share no item.",
            fix="Give every item to one scale.",
        )
    if not found:
        raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, "scales", 0, 1))
    return found


def _tasks(
    scales: dict[str, tuple[str, ...]],
    n_items: int | Mapping[str, int],
    keep: Sequence[str],
    groups: Mapping[str, Sequence[str]],
) -> list[_Task]:
    every = [item for items in scales.values() for item in items]
    kept = set(known_items(every, keep, "keep"))
    facets = {name: set(known_items(every, items, f"groups: {name}")) for name, items in groups.items()}
    if isinstance(n_items, Mapping):
        known_items(list(scales), [str(name) for name in n_items], "n_items")
        known_items([str(name) for name in n_items], list(scales), "scales without n_items")
    tasks, placed = [], set()
    for name, items in scales.items():
        k = n_items[name] if isinstance(n_items, Mapping) else n_items
        if len(items) < 4:
            raise StatisticsError(too_few(Code.STA_TOO_FEW_ITEMS, f"items of the scale {name}", len(items), 4))
        within(k, name=f"n_items ({name})", low=3, high=len(items) - 1, whole=True)
        mine = {facet: members for facet, members in facets.items() if members and members <= set(items)}
        placed |= set(mine)
        task = _Task(
            name=name,
            items=items,
            k=int(k),
            kept=frozenset(j for j, item in enumerate(items) if item in kept),
            facets=tuple(frozenset(j for j, item in enumerate(items) if item in members) for members in mine.values()),
        )
        if _first_allowed(task, list(range(len(items)))) is None:
            raise conflict(
                f"n_items={k} of the scale {name}",
                why="So few items cannot hold those that are kept and one of every facet.",
                fix="Allow more items, or ask for fewer.",
            )
        tasks.append(task)
    lost = sorted(set(facets) - placed)
    if lost:
        raise conflict(
            f"groups: {', '.join(lost)}",
            why="A facet is empty or has items of several scales.",
            fix="Give each facet items of one scale.",
        )
    return tasks


def _factors(tasks: Sequence[_Task]) -> list[str]:
    """Return a factor's name for each scale that is none of an item."""
    every = {item for task in tasks for item in task.items}
    stem = "scale"
    while any(item.startswith(stem) for item in every):
        stem += "_"
    return [f"{stem}{number + 1}" for number in range(len(tasks))]


def _criterion(S: Array, subset: Subset, kind: ShortFormCriterion) -> float:
    """Return the criterion of the sum of some items with covariances S; minus infinity where there is none."""
    part = S[np.ix_(subset, subset)]
    total = float(part.sum())
    if total <= 0.0:
        return float("-inf")
    if kind == "alpha":
        return len(subset) / (len(subset) - 1.0) * (1.0 - float(np.trace(part)) / total)
    sd = np.sqrt(np.diag(part))
    model = one_factor(part / np.outer(sd, sd))
    return float(model.loadings @ sd) ** 2 / total if model.converged else float("-inf")


def _search(task: _Task, df: pd.DataFrame, kind: ShortFormCriterion, pause: Callable[[], None]) -> _Found:
    """Return the best set of items: of all, if these are few, else by exchange."""
    S = np.cov(df[list(task.items)].to_numpy(dtype=np.float64).T)
    values: dict[Subset, float] = {}

    def value(subset: Subset) -> float:
        if subset not in values:
            values[subset] = _criterion(S, subset, kind)
        return values[subset]

    free = len(task.items) - len(task.kept)
    few = comb(free, task.k - len(task.kept)) <= 20 * MOST_SUBSETS
    allowed = list(_allowed(task)) if few else []
    if few and len(allowed) <= MOST_SUBSETS:
        for number, subset in enumerate(allowed):
            if number % 100 == 0:
                pause()
            value(subset)
        best = max(allowed, key=value)
        search = "exhaustive"
    else:
        best = _by_exchange(task, S, value, pause)
        search = "exchange"
    if not np.isfinite(value(best)):
        raise StatisticsError(
            Problem(
                code=Code.STA_NOT_CONVERGED,
                what="No set of items has a criterion: the one-factor model was not fitted in any.",
                item=task.name,
                fix="Use criterion='alpha', or look for items that repeat each other.",
            )
        )
    others = sorted(values.values(), reverse=True)
    return _Found(
        subset=best,
        runner_up=others[1] if len(others) > 1 else float("nan"),
        search=search,
        allowed=len(allowed) if few else comb(free, task.k - len(task.kept)),
        examined=len(values),
    )


def _allowed(task: _Task) -> Iterator[Subset]:
    """Return all sets that meet the constraints."""
    others = [j for j in range(len(task.items)) if j not in task.kept]
    for added in combinations(others, task.k - len(task.kept)):
        subset = tuple(sorted((*task.kept, *added)))
        if task.allows(subset):
            yield subset


def _first_allowed(task: _Task, preferred: Sequence[int]) -> Subset | None:
    """Return a set that meets the constraints and has items early in the preference; None where there is none.

    Facets may overlap, so that all ways to serve them are tried, the preferred first.
    """

    def served(chosen: frozenset[int]) -> frozenset[int] | None:
        if len(chosen) > task.k:
            return None
        open_facets = [facet for facet in task.facets if not facet & chosen]
        if not open_facets:
            return chosen
        for j in preferred:
            if j in open_facets[0]:
                found = served(chosen | {j})
                if found is not None:
                    return found
        return None

    base = served(task.kept)
    if base is None:
        return None
    rest = [j for j in preferred if j not in base]
    return tuple(sorted((*base, *rest[: task.k - len(base)])))


def _by_exchange(task: _Task, S: Array, value: Callable[[Subset], float], pause: Callable[[], None]) -> Subset:
    """Return a set that no exchange of one item for another improves."""
    sd = np.sqrt(np.diag(S))
    loadings = one_factor(S / np.outer(sd, sd)).loadings
    start = _first_allowed(task, [int(j) for j in np.argsort(-loadings, kind="stable")])
    now = start if start is not None else tuple(range(task.k))
    while True:
        pause()
        near = [
            other
            for out in now
            if out not in task.kept
            for into in range(len(task.items))
            if into not in now
            for other in [tuple(sorted((*(j for j in now if j != out), into)))]
            if task.allows(other)
        ]
        best = max(near, key=value, default=now)
        if value(best) <= value(now) + 1e-12:
            return now
        now = best


def _table(
    tasks: Sequence[_Task],
    chosen: Mapping[str, tuple[str, ...]],
    parts: Mapping[str, pd.DataFrame],
    criterion: ShortFormCriterion,
    ordered: bool,
) -> pd.DataFrame:
    rows = []
    for task in tasks:
        for persons, part in parts.items():
            short, full = part[list(chosen[task.name])], part[list(task.items)]
            omega = composite_omega(short, ordinal=ordered)
            omega_full = composite_omega(full, ordinal=ordered).estimate
            k = short.shape[1] / full.shape[1]
            S = np.cov(short.to_numpy(dtype=np.float64).T)
            rows.append(
                {
                    "scale": task.name,
                    "persons": persons,
                    "n": len(part),
                    "n_full": full.shape[1],
                    "n_short": short.shape[1],
                    "criterion": _criterion(S, tuple(range(short.shape[1])), criterion),
                    "omega": omega.estimate,
                    "omega_low": omega.interval.low,
                    "omega_high": omega.interval.high,
                    "omega_full": omega_full,
                    "omega_expected": k * omega_full / (1.0 + (k - 1.0) * omega_full),
                    **_correlations(short.sum(axis=1), full.sum(axis=1), omega.estimate),
                }
            )
    return pd.DataFrame(rows)


def _correlations(short: pd.Series, full: pd.Series, omega: float) -> dict[str, float]:
    """Return the correlation of a short form with its full scale, as it is, corrected, and with the rest."""
    covariance = np.cov(np.vstack([short, full]))
    size = float(np.sqrt(covariance[0, 0] * covariance[1, 1]))
    rest = full - short
    spread = float(rest.std())
    return {
        "r_full": float(covariance[0, 1]) / size,
        "r_corrected": (float(covariance[0, 1]) - float(covariance[0, 0]) * (1.0 - omega)) / size,
        "r_rest": float(np.corrcoef(short, rest)[0, 1]) if spread > 0.0 else float("nan"),
    }
