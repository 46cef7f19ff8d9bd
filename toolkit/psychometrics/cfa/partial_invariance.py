"""Partial invariance: which equalities do not hold, and what giving them up does to the mean differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.errors import Problem
from toolkit.psychometrics._result import Result, provenance
from toolkit.psychometrics._threads import on_one_thread
from toolkit.psychometrics.cfa.cfa import CfaResult
from toolkit.psychometrics.cfa.invariance_ladder import Ladder, all_warnings, step_row
from toolkit.psychometrics.cfa.invariance_levels import Freed, kind_of
from toolkit.psychometrics.cfa.invariance_rules import fits_well
from toolkit.psychometrics.cfa.latent_means import constrained_means
from toolkit.psychometrics.cfa.model import Parameter
from toolkit.psychometrics.cfa.modification import score_tests


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartialInvarianceResult(Result):
    """What a search for partial invariance found.

    Attributes
    ----------
    freed : DataFrame, one row a parameter
        Columns level, context, lhs, op, rhs, mi (score test with 1 df), epc (expected change) and p_adjusted
        (Bonferroni), in the order freed. Empty if nothing had to be.
    tests : DataFrame, one row a step
        As :attr:`.InvarianceResult.tests`, of the models with the freed parameters.
    levels : mapping of str to CfaResult
        Each level's model with the freed parameters.
    latent_means : DataFrame
        Factor means of later contexts under full ("equal") and partial ("partial") equality of the level that comparing
        means asks for: columns as :attr:`.InvarianceResult.latent_means`.
    reached : bool
        Whether the level that comparing means asks for holds with the freed parameters.
    reason : str
        Why, in one sentence.
    n_freed : int
        Parameters freed.
    n_persons, n_items, n_dropped : int
        Persons used, items, and persons left out.
    method : str
        The search in words.
    warnings : tuple of Problem
        Those of the models.
    provenance : mapping
        Options and versions.
    """

    freed: pd.DataFrame
    tests: pd.DataFrame
    levels: Mapping[str, CfaResult] = field(repr=False)
    latent_means: pd.DataFrame
    reached: bool
    reason: str
    n_freed: int
    n_persons: int
    n_items: int
    n_dropped: int
    method: str
    warnings: tuple[Problem, ...]
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the freed parameters."""
        return self.freed.copy()


_COLUMNS = ("level", "context", "lhs", "op", "rhs", "mi", "epc", "p_adjusted")


@on_one_thread
def partial_invariance(
    ladder: Ladder, levels: Mapping[str, CfaResult], full_means: pd.DataFrame, *, alpha: float, most_freed: float
) -> PartialInvarianceResult:
    """Search level by level; see :meth:`.InvarianceResult.partial`."""
    names = list(levels)[: list(levels).index(ladder.means_level) + 1]
    freed: Freed = frozenset()
    found: list[dict[str, object]] = []
    kept: dict[str, CfaResult] = {names[0]: levels[names[0]]}
    steps: list[dict[str, object]] = []
    stuck = ""
    for below, name in pairwise(names):
        freed = _carried(ladder, freed, name)
        result = ladder.fitted(name, freed) if freed else levels[name]
        test = result.compare(kept[below])
        while not ladder.holds(name, test):
            chosen = _worst(ladder, result, name, freed, alpha, most_freed)
            if chosen is None:
                stuck = name
                break
            found.append({"level": name, **chosen[1]})
            freed = _carried(ladder, freed | {chosen[0]}, name)
            result = ladder.fitted(name, freed)
            if result.fit["df"] <= kept[below].fit["df"]:
                stuck = name
                break
            test = result.compare(kept[below])
        kept[name] = result
        steps.append(step_row(name, below, test, ladder.holds(name, test)))
        if stuck:
            break
    level = float(ladder.options["level"])
    reached = not stuck
    means = [full_means[full_means["intercepts"] == "equal"]]
    if reached and found:
        means.append(constrained_means(kept[names[-1]]._fitted, ladder.contexts, level, name="partial"))
    last = kept[next(reversed(kept))]
    return PartialInvarianceResult(
        freed=pd.DataFrame(found, columns=list(_COLUMNS)),
        tests=pd.DataFrame(steps),
        levels=kept,
        latent_means=pd.concat(means, ignore_index=True),
        reached=reached,
        reason=_doubt(kept) or _reason(names, stuck, len(found)),
        n_freed=len(found),
        n_persons=last.n_persons,
        n_items=last.n_items,
        n_dropped=last.n_dropped,
        method=f"partial invariance by forward search with score tests, Bonferroni at {alpha:g}, at most "
        f"{most_freed:.0%} of a factor's items in one context",
        warnings=all_warnings(kept),
        provenance=provenance(
            "partial_invariance", {**ladder.options, "alpha_search": alpha, "most_freed": most_freed}
        ),
    )


def _doubt(levels: Mapping[str, CfaResult]) -> str:
    """Return why no freed parameter helps: a level without a usable solution, or a model that fits nowhere."""
    for name, result in levels.items():
        if not (result.converged and result.admissible):
            why = "has an inadmissible solution" if result.converged else "did not converge"
            return f"Whether means may be compared cannot be said, because the {name} model {why}."
    if not fits_well(dict(next(iter(levels.values())).fit)):
        return "Means should not be compared, whatever is freed, because the model does not fit without any equality."
    return ""


def _reason(names: list[str], stuck: str, n_freed: int) -> str:
    if stuck and n_freed == 0:
        return (
            f"Means should not be compared, because the {stuck} level does not hold, and the search found no parameter "
            "that it may free."
        )
    if stuck:
        return (
            f"Means should not be compared, because the {stuck} level does not hold even with {n_freed} "
            f"parameter{'' if n_freed == 1 else 's'} freed, and the search found no more that it may free."
        )
    if n_freed == 0:
        return f"Nothing had to be freed up to the {names[-1]} level."
    return (
        f"With {n_freed} parameter{'' if n_freed == 1 else 's'} freed all levels up to {names[-1]} hold; the mean "
        "differences rest on the items that stay equal, and the search needs new persons to be confirmed."
    )


def _carried(ladder: Ladder, freed: Freed, name: str) -> Freed:
    """Add what goes with freed parameters: an item's intercept with its loading."""
    if "intercepts" not in ladder.levels[name]:
        return freed
    return freed | {(context, rhs, "~1", "") for context, _, op, rhs in freed if op == "=~" and rhs}


def _worst(
    ladder: Ladder, result: CfaResult, name: str, freed: Freed, alpha: float, most_freed: float
) -> tuple[tuple[int, str, str, str], dict[str, object]] | None:
    """Return the equality with the largest significant score test that may be freed, or None."""
    kinds = ladder.levels[name]
    before = list(ladder.levels)[list(ladder.levels).index(name) - 1]
    new = kinds - ladder.levels[before]
    fit = result._fitted
    candidates: list[Parameter] = []
    for row in fit.compiled.model.parameters:
        place = ladder.contexts.place(row)
        if place is None or place[0] == 0 or place in freed or kind_of(fit.compiled.model, row) not in new:
            continue
        fixed_intercept = row.op == "~1" and row.lhs in fit.compiled.model.ordered and not row.free
        if (row.label or fixed_intercept) and not _too_many(ladder, place, freed, most_freed):
            candidates.append(Parameter(lhs=row.lhs, op=row.op, rhs=row.rhs, group=row.group, free=True))
    if not candidates:
        return None
    index, change = score_tests(fit, candidates)
    if not np.isfinite(index).any():
        return None
    best = int(np.nanargmax(index))
    p = min(float(stats.chi2.sf(index[best], 1)) * len(candidates), 1.0)
    place = ladder.contexts.place(candidates[best])
    if p >= alpha or place is None:
        return None
    context, lhs, op, rhs = place
    told = {"context": ladder.contexts.labels[context], "lhs": lhs, "op": op, "rhs": rhs}
    return place, {**told, "mi": float(index[best]), "epc": float(change[best]), "p_adjusted": p}


def _too_many(ladder: Ladder, place: tuple[int, str, str, str], freed: Freed, most_freed: float) -> bool:
    """Return whether freeing an item in a context would leave a factor too few equal items there."""
    context, lhs, op, rhs = place
    item = rhs if op == "=~" else lhs
    model = ladder.contexts.model
    loose = {(each[0], each[3] if each[2] == "=~" else each[1]) for each in freed}
    for factor in model.factors:
        items = set()
        for row in model.parameters:
            where = ladder.contexts.place(row)
            if row.op == "=~" and row.lhs == factor and where is not None and where[0] == context:
                items.add(where[3])
        if item in items:
            after = sum((context, each) in loose or each == item for each in items)
            if after > most_freed * len(items) or len(items) - after < 2:
                return True
    return False
