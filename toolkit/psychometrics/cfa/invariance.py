"""Measurement invariance: whether groups, or occasions, answer the same questions in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from toolkit.errors import Problem
from toolkit.psychometrics._options import confidence, conflict, one_of, within
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa.cfa import (
    CfaMissing,
    CfaResult,
    ordered_items,
    refuse_conflicts,
    samples_of,
)
from toolkit.psychometrics.cfa.fitting import Estimator
from toolkit.psychometrics.cfa.invariance_ladder import Ladder, all_warnings, step_row
from toolkit.psychometrics.cfa.invariance_levels import (
    CONTINUOUS_LEVELS,
    MEANS_LEVEL,
    ORDINAL_LEVELS,
    contexts_of_groups,
    contexts_of_occasions,
    repeated,
)
from toolkit.psychometrics.cfa.invariance_rules import RULES, WELL_FITTING, InvarianceRule, fits_well
from toolkit.psychometrics.cfa.latent_means import constrained_means, free_means
from toolkit.psychometrics.cfa.moments import frame_of, refuse_uneven_codes, thresholds_in
from toolkit.psychometrics.cfa.nested import NestedTestResult
from toolkit.psychometrics.cfa.partial_invariance import PartialInvarianceResult, partial_invariance
from toolkit.psychometrics.cfa.syntax import ModelSyntax, parse_model

Verdict = Literal["supported", "not_supported", "undetermined"]
"""Whether means may be compared: the level that it asks for holds, does not hold, or cannot be judged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InvarianceResult(Result):
    """An invariance analysis.

    Attributes
    ----------
    levels : mapping of str to CfaResult
        Each level's model, least restricted first.
    tests : DataFrame, one row a step
        Columns level, against, chisq_diff, df_diff, p, d_cfi, d_rmsea, d_srmr, holds. ``holds`` is None where the rule
        has no numbers to go by.
    latent_means : DataFrame
        Factor means of later groups or occasions, the reference having 0. Columns factor, context, intercepts ("equal",
        or "free": the mean of what the items show by themselves), est, se, z, p, ci_lower, ci_upper, d (over the
        reference's standard deviation), and lowest and highest over the items where intercepts are free.
    verdict : {"supported", "not_supported", "undetermined"}
        Whether means may be compared.
    reason : str
        Why, in one sentence.
    rule, rule_source : str
        The rule in words, and where it is from.
    dropped : tuple of str
        Levels that are left out because they restrict nothing, such as thresholds of items with two answers.
    contexts : tuple of str
        Groups, or occasions; the first is the reference.
    n_of_contexts : tuple of int
        Persons in each.
    longitudinal : bool
        Whether contexts are occasions of the same persons.
    n_persons, n_items, n_dropped : int
        Persons used, items of one context, and persons left out.
    method : str
        The variant in words.
    warnings : tuple of Problem
        What must be known about the numbers, those of all levels among it.
    provenance : mapping
        Model, options and versions.
    """

    levels: Mapping[str, CfaResult] = field(repr=False)
    tests: pd.DataFrame
    latent_means: pd.DataFrame
    verdict: Verdict
    reason: str
    rule: str
    rule_source: str
    dropped: tuple[str, ...]
    contexts: tuple[str, ...]
    n_of_contexts: tuple[int, ...]
    longitudinal: bool
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]
    _ladder: Ladder = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a level: fit, and the step that leads to it."""
        names = ("chisq", "df", "cfi", "rmsea", "srmr")
        rows = [
            {"level": name, **{key: result.fit[f"{key}{_kind(result.fit, key)}"] for key in names}}
            for name, result in self.levels.items()
        ]
        return pd.DataFrame(rows).merge(self.tests.drop(columns="against"), on="level", how="left")

    def partial(self, *, alpha: float = 0.05, most_freed: float = 0.5) -> PartialInvarianceResult:
        """Free what does not hold, one parameter at a time, and show what that does to the mean differences.

        Parameters
        ----------
        alpha : float, default 0.05
            A parameter is freed only if its score test has p below alpha over the number of parameters that could be.
        most_freed : float, default 0.5
            Largest share of a factor's items that may be freed in one group; at least two items always stay.

        Returns
        -------
        PartialInvarianceResult

        Notes
        -----
        Forward search. From the level below, a level's equalities are laid on; while the step does not hold by the
        rule, the equality with the largest score test is given up and the model fitted again. An item's loading that
        was freed takes its intercept with it; of an ordered item all thresholds go together. The search sees the same
        persons as the test, so that what it finds is a suggestion.

        References
        ----------
        Byrne, B. M., Shavelson, R. J., & Muthen, B. (1989). Testing for the equivalence of factor covariance and mean
        structures: The issue of partial measurement invariance. Psychological Bulletin, 105, 456-466.
        https://doi.org/10.1037/0033-2909.105.3.456

        Yoon, M., & Millsap, R. E. (2007). Detecting violations of factorial invariance using data-based specification
        searches: A Monte Carlo study. Structural Equation Modeling, 14, 435-463.
        https://doi.org/10.1080/10705510701301677
        """
        within(alpha, name="alpha", low=0.0, high=1.0, open_ends=True)
        within(most_freed, name="most_freed", low=0.0, high=1.0)
        return partial_invariance(self._ladder, self.levels, self.latent_means, alpha=alpha, most_freed=most_freed)


@on_one_thread
def invariance(
    df: pd.DataFrame,
    model: str | ModelSyntax,
    *,
    group: str | Sequence[object] | pd.Series | None = None,
    longitudinal: Sequence[str] | None = None,
    ordered: bool | Sequence[str] = False,
    estimator: Estimator | None = None,
    cluster: str | Sequence[object] | pd.Series | None = None,
    missing: CfaMissing = "listwise",
    std_lv: bool = False,
    rule: InvarianceRule = "chen",
    alpha: float = 0.05,
    level: float = 0.95,
) -> InvarianceResult:
    """Test whether a model measures the same in groups, or at occasions, and whether their means may be compared.

    Answers that differ in mean show a difference in the factor only if the same factor value leads to the same answers
    everywhere: with equal loadings and intercepts (ordered items: thresholds, loadings and intercepts).

    Parameters
    ----------
    df : DataFrame, shape (n_persons, n_columns)
        One row a person; see :func:`~toolkit.psychometrics.cfa.cfa.cfa`.
    model : str or ModelSyntax
        The model of one group or one occasion, in lavaan's syntax.
    group : str, sequence or Series, optional
        A column, or one value a person. Either this or ``longitudinal`` is needed.
    longitudinal : sequence of str, optional
        What the columns' names end with at each occasion: with ``["_w1", "_w2"]`` an item x of the model stands in the
        columns x_w1 and x_w2. Residuals of one item covary over occasions.
    ordered : bool or sequence of str, default False
        Items that are ordered answers: all, none, or those named.
    estimator : {"ML", "MLR", "ULSMV", "DWLS", "WLSMV"}, optional
        None takes ML, with ordered items WLSMV.
    cluster : str, sequence or Series, optional
        Units whose members are alike; only with ML and MLR.
    missing : {"listwise", "fiml", "pairwise"}, default "listwise"
        The missing rule.
    std_lv : bool, default False
        Give factors of the reference variance 1; always so with ordered items.
    rule : {"chen", "cheung_rensvold", "chi_square"}, default "chen"
        What decides whether a level holds; all numbers are shown whatever the rule.
    alpha : float, default 0.05
        For the rule "chi_square".
    level : float, default 0.95
        Confidence level of parameters and mean differences.

    Returns
    -------
    InvarianceResult
        ``levels``, ``tests``, ``latent_means``, and a ``verdict`` with its ``reason``.

    Raises
    ------
    StatisticsError
        The codes of :func:`~toolkit.psychometrics.cfa.cfa.cfa`, and STA_OPTION_CONFLICT (neither groups nor occasions,
        or both; fewer than two).

    Warns
    -----
    STA_NOT_CONVERGED, STA_INADMISSIBLE
        In ``warnings``; the verdict is then "undetermined".

    Notes
    -----
    Levels are configural, metric (equal loadings), scalar (intercepts too) and strict (residual variances too); with
    ordered items configural, thresholds, loadings and intercepts in the identification of Wu and Estabrook (2016),
    theta parameterisation. Items with two answers cannot test thresholds by themselves, and that level is
    left out when it restricts nothing; their residual variances stay 1, as in item response models. Steps are tested as
    :meth:`.CfaResult.compare` does. Chen's limits were found for continuous items; with ordered ones they are a
    convention.

    Where factors are measured by factors, the scalar (intercepts) level has their intercepts at 0 in every group, and
    only the factors above them differ in mean.

    The verdict asks for a configural model that fits and for every step up to scalar (intercepts) to hold.

    Validated against lavaan 0.7-2 with semTools 0.5.6 ``measEq.syntax`` on bfi, and 0.6.14 on HolzingerSwineford1939
    and datCat (``tests/parity/test_invariance.py``).

    References
    ----------
    Meredith, W. (1993). Measurement invariance, factor analysis and factorial invariance. Psychometrika, 58, 525-543.
    https://doi.org/10.1007/BF02294825

    Wu, H., & Estabrook, R. (2016). Identification of confirmatory factor analysis models of different levels of
    invariance for ordered categorical outcomes. Psychometrika, 81, 1014-1045.
    https://doi.org/10.1007/s11336-016-9506-0

    Chen, F. F. (2007). Sensitivity of goodness of fit indexes to lack of measurement invariance. Structural Equation
    Modeling, 14, 464-504. https://doi.org/10.1080/10705510701301834

    Examples
    --------
    >>> import pandas as pd
    >>> import toolkit.psychometrics as pm
    >>> answers = pm.simulate_ordinal([.8, .7, .7, .6], thresholds=[-1, 0, 1], n_persons=800, rng=1)
    >>> answers["site"] = ["north", "south"] * 400
    >>> result = invariance(answers, "f =~ item1 + item2 + item3 + item4", group="site")
    >>> list(result.levels), result.verdict
    (['configural', 'metric', 'scalar', 'strict'], 'supported')
    """
    one_of(rule, InvarianceRule, name="rule")
    within(alpha, name="alpha", low=0.0, high=1.0, open_ends=True)
    confidence(level)
    one_of(missing, CfaMissing, name="missing")
    if (group is None) == (longitudinal is None):
        raise conflict(
            "group=, longitudinal=",
            why="Invariance is over groups or over occasions.",
            fix="Give one of the two.",
        )
    syntax = model if isinstance(model, ModelSyntax) else parse_model(model)
    chosen = ordered_items(syntax, ordered)
    estimator = estimator or ("WLSMV" if chosen else "ML")
    one_of(estimator, Estimator, name="estimator")
    refuse_conflicts(estimator, chosen, missing, cluster is not None)
    if longitudinal is None:
        frame = frame_of(df, syntax.items, group=group, cluster=cluster, keep_missing=missing != "listwise")
        contexts = contexts_of_groups(syntax, frame.groups, chosen, thresholds_in(frame, chosen), std_lv=std_lv)
    else:
        suffixes = (longitudinal,) if isinstance(longitudinal, str) else tuple(str(suffix) for suffix in longitudinal)
        wide = repeated(syntax, suffixes)
        frame = frame_of(df, wide.items, group=None, cluster=cluster, keep_missing=missing != "listwise")
        chosen_wide = frozenset(item + suffix for item in chosen for suffix in suffixes)
        refuse_uneven_codes(frame, sorted(chosen), suffixes)
        contexts = contexts_of_occasions(
            syntax, suffixes, chosen_wide, thresholds_in(frame, chosen_wide), std_lv=std_lv
        )
        chosen = chosen_wide
    if len(contexts.labels) < 2:
        raise conflict(
            f"group= with {len(contexts.labels)} group",
            why="Invariance needs two groups or more among the persons used.",
            fix="Look at the group column.",
        )
    options = {
        "model": syntax.text,
        "estimator": estimator,
        "ordered": sorted(chosen),
        "missing": missing,
        "std_lv": contexts.std_lv,
        "longitudinal": None if longitudinal is None else list(contexts.labels),
        "rule": rule,
        "alpha": alpha,
        "level": level,
    }
    ladder = Ladder(
        contexts=contexts,
        frame=frame,
        samples=samples_of(frame, chosen, missing),
        estimator=estimator,
        levels=ORDINAL_LEVELS if chosen else CONTINUOUS_LEVELS,
        means_level=MEANS_LEVEL[bool(chosen)],
        rule=rule,
        alpha=alpha,
        options=options,
    )
    return _climbed(ladder)


def _climbed(ladder: Ladder) -> InvarianceResult:
    """Fit all levels, test the steps, and judge."""
    levels: dict[str, CfaResult] = {}
    steps: list[dict[str, object]] = []
    tests: list[NestedTestResult] = []
    dropped: list[str] = []
    for name in ladder.levels:
        result = ladder.fitted(name)
        below = next(reversed(levels), None)
        if below is not None and result.fit["df"] == levels[below].fit["df"]:
            dropped.append(name)
            continue
        levels[name] = result
        if below is not None:
            test = result.compare(levels[below])
            tests.append(test)
            steps.append(step_row(name, below, test, ladder.holds(name, test)))
    table = pd.DataFrame(steps)
    contexts, level = ladder.contexts, float(ladder.options["level"])
    below_means = [name for name in levels if "intercepts" not in ladder.levels[name]][-1]
    means = pd.concat(
        [
            constrained_means(levels[ladder.means_level]._fitted, contexts, level),
            free_means(levels[below_means]._fitted, contexts, level),
        ],
        ignore_index=True,
    )
    verdict, reason = _judged(ladder, levels, table)
    first = next(iter(levels.values()))
    n_of = first.n_of_groups if not contexts.longitudinal else (first.n_persons,) * len(contexts.labels)
    items = first.n_items // (len(contexts.labels) if contexts.longitudinal else 1)
    return InvarianceResult(
        levels=MappingProxyType(levels),
        tests=table,
        latent_means=means,
        verdict=verdict,
        reason=reason,
        rule=RULES[ladder.rule].text,
        rule_source=RULES[ladder.rule].source,
        dropped=tuple(dropped),
        contexts=contexts.labels,
        n_of_contexts=n_of,
        longitudinal=contexts.longitudinal,
        n_persons=first.n_persons,
        n_items=items,
        n_dropped=first.n_dropped,
        method=f"measurement invariance over {'occasions' if contexts.longitudinal else 'groups'}, {first.method}; "
        f"steps: {tests[-1].method if tests else 'none'}",
        warnings=all_warnings(levels),
        provenance=provenance("invariance", ladder.options),
        _ladder=ladder,
    )


def _judged(ladder: Ladder, levels: Mapping[str, CfaResult], steps: pd.DataFrame) -> tuple[Verdict, str]:
    """Return whether means may be compared, and why in one sentence."""
    needed = list(levels)[: list(levels).index(ladder.means_level) + 1]
    rule = f"rule: {RULES[ladder.rule].text}"
    for name in needed:
        if not levels[name].converged or not levels[name].admissible:
            why = "did not converge" if not levels[name].converged else "has an inadmissible solution"
            return "undetermined", f"Whether means may be compared cannot be said, because the {name} model {why}."
    if not fits_well(dict(levels["configural"].fit)):
        return (
            "not_supported",
            "Means should not be compared, because the model does not fit even without any equality "
            f"(asked for: {WELL_FITTING.text}).",
        )
    for name in needed[1:]:
        row = steps[steps["level"] == name].iloc[0]
        if row["holds"] is None:
            return (
                "undetermined",
                f"Whether means may be compared cannot be said, because the step to {name} has no test.",
            )
        if not row["holds"]:
            return "not_supported", f"Means should not be compared, because the {name} level does not hold ({rule})."
    return "supported", f"Means may be compared, because all levels up to {ladder.means_level} hold ({rule})."


def _kind(fit: Mapping[str, float], name: str) -> str:
    """Return which variant of a measure to show: the scaled one where it exists."""
    return ".scaled" if np.isfinite(fit.get(f"{name}.scaled", np.nan)) else ""
