"""The models of an invariance analysis: what is held equal over groups or occasions, level by level.

A *context* is a group, or an occasion of measurement. The first is the reference: its factors have mean 0 and give the
scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics.cfa.model import Model, ModelDefaults, Parameter, specify
from toolkit.psychometrics.cfa.syntax import ModelSyntax, Statement

Freed = frozenset[tuple[int, str, str, str]]
"""Parameters left out of the equality: context, and left side, operator and right side as the model writes them."""

CONTINUOUS_LEVELS: Mapping[str, frozenset[str]] = {
    "configural": frozenset(),
    "metric": frozenset({"loadings"}),
    "scalar": frozenset({"loadings", "intercepts"}),
    "strict": frozenset({"loadings", "intercepts", "residuals"}),
}
ORDINAL_LEVELS: Mapping[str, frozenset[str]] = {
    "configural": frozenset(),
    "thresholds": frozenset({"thresholds"}),
    "loadings": frozenset({"thresholds", "loadings"}),
    "intercepts": frozenset({"thresholds", "loadings", "intercepts"}),
}
_OF_ITEM = frozenset({"thresholds", "intercepts", "residuals"})
MEANS_LEVEL = {False: "scalar", True: "intercepts"}
"""The level that comparing means asks for, without and with ordered items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """A model of several groups or occasions, without any equality.

    Attributes
    ----------
    model : Model
        The configural model.
    labels : tuple of str
        Groups or occasions; the first is the reference.
    longitudinal : bool
        Whether they are occasions of the same persons.
    std_lv : bool
        Whether factors of the reference have variance 1.
    """

    model: Model
    labels: tuple[str, ...]
    longitudinal: bool
    std_lv: bool

    def place(self, row: Parameter) -> tuple[int, str, str, str] | None:
        """Return a parameter's context and its name there; None if it belongs to two occasions."""
        if not self.longitudinal:
            return row.group, row.lhs, row.op, row.rhs
        lhs, rhs = self._without_suffix(row.lhs), self._without_suffix(row.rhs)
        if row.op in {"~1", "|", "~*~"}:
            return (lhs[0], lhs[1], row.op, row.rhs)
        return (lhs[0], lhs[1], row.op, rhs[1]) if lhs[0] == rhs[0] else None

    def _without_suffix(self, name: str) -> tuple[int, str]:
        for number, label in enumerate(self.labels):
            if name.endswith(label):
                return number, name.removesuffix(label)
        return -1, name


def contexts_of_groups(
    syntax: ModelSyntax,
    labels: tuple[str, ...],
    ordered: frozenset[str],
    n_thresholds: Mapping[str, int],
    *,
    std_lv: bool,
) -> Contexts:
    """Return the configural model of several groups."""
    return Contexts(
        model=specify(syntax, _defaults(len(labels), ordered, n_thresholds, std_lv)),
        labels=labels,
        longitudinal=False,
        std_lv=std_lv or bool(ordered),
    )


def contexts_of_occasions(
    syntax: ModelSyntax,
    suffixes: tuple[str, ...],
    ordered: frozenset[str],
    n_thresholds: Mapping[str, int],
    *,
    std_lv: bool,
) -> Contexts:
    """Return the configural model of several occasions; residuals of one item covary over occasions."""
    return Contexts(
        model=specify(repeated(syntax, suffixes), _defaults(1, ordered, n_thresholds, std_lv)),
        labels=suffixes,
        longitudinal=True,
        std_lv=std_lv or bool(ordered),
    )


def _defaults(n_groups: int, ordered: frozenset[str], n_thresholds: Mapping[str, int], std_lv: bool) -> ModelDefaults:
    return ModelDefaults(
        n_groups=n_groups,
        ordered=ordered,
        n_thresholds=n_thresholds,
        std_lv=std_lv or bool(ordered),
        mean_structure=True,
        parameterization="theta",
    )


def repeated(syntax: ModelSyntax, suffixes: Sequence[str]) -> ModelSyntax:
    """Return a model of one occasion written out for several: every name gets the occasion's suffix.

    Raises
    ------
    StatisticsError
        STA_OPTION_CONFLICT (fewer than two occasions, or suffixes of which one ends with another).
    """
    clash = [a for a in suffixes for b in suffixes if a != b and a.endswith(b)]
    if len(suffixes) < 2 or clash or len(set(suffixes)) < len(suffixes) or not all(suffixes):
        raise StatisticsError(
            Problem(
                code=Code.STA_OPTION_CONFLICT,
                what="Occasions are told apart by what their columns' names end with.",
                got=", ".join(repr(suffix) for suffix in suffixes),
                allowed="two or more different endings, none of them the end of another",
                fix="Give longitudinal= endings such as ['_w1', '_w2'].",
            )
        )
    statements = []
    for suffix in suffixes:
        for statement in syntax.statements:
            both = statement.op in {"=~", "~~", "~*~"}
            rhs = statement.rhs + suffix if both else statement.rhs
            statements.append(replace(statement, lhs=statement.lhs + suffix, rhs=rhs))
    for item in syntax.items:
        for place, first in enumerate(suffixes):
            statements += [Statement(lhs=item + first, op="~~", rhs=item + second) for second in suffixes[place + 1 :]]
    return ModelSyntax(
        text=syntax.text,
        statements=tuple(statements),
        factors=tuple(factor + suffix for suffix in suffixes for factor in syntax.factors),
        items=tuple(item + suffix for suffix in suffixes for item in syntax.items),
    )


def at_level(contexts: Contexts, equal: frozenset[str], freed: Freed = frozenset()) -> Model:
    """Return the model with the equalities of one level.

    Continuous items: equal loadings free the later contexts' factor variances where variance 1 gave the scale; equal
    intercepts free their factor means. Ordered items follow Wu and Estabrook (2016) in the theta parameterisation:
    equal thresholds free the later contexts' intercepts and, with two thresholds or more, residual variances; equal
    intercepts fix the former at 0 again and free the factor means. Factors that other factors measure have their
    intercepts at 0 in every context, so that only the factors above them differ in mean.

    References
    ----------
    Wu, H., & Estabrook, R. (2016). Identification of confirmatory factor analysis models of different levels of
    invariance for ordered categorical outcomes. Psychometrika, 81, 1014-1045.
    https://doi.org/10.1007/s11336-016-9506-0
    """
    counts = thresholds_of(contexts.model)
    loose = {(context, lhs) for context, lhs, op, _ in freed if op == "|"}
    rows = tuple(_at_level(contexts, row, equal, freed, counts, loose) for row in contexts.model.parameters)
    return replace(contexts.model, parameters=rows)


def thresholds_of(model: Model) -> dict[str, int]:
    """Return how many thresholds each ordered item has."""
    counts: dict[str, int] = {}
    for row in model.parameters:
        if row.op == "|" and row.group == 0:
            counts[row.lhs] = counts.get(row.lhs, 0) + 1
    return counts


def measured_factors(model: Model) -> frozenset[str]:
    """Return the factors that other factors are measured by."""
    return frozenset(row.rhs for row in model.parameters if row.op == "=~" and row.rhs in model.factors)


def kind_of(model: Model, row: Parameter) -> str:
    """Return what a parameter is: one of the words of a level, or "other"."""
    of_factor = row.lhs in model.factors
    if row.op == "=~":
        return "loadings"
    if row.op == "|":
        return "thresholds"
    if row.op == "~1":
        return "means" if of_factor else "intercepts"
    if row.op == "~~" and row.lhs == row.rhs:
        return "variances" if of_factor else "residuals"
    return "other"


def _at_level(
    contexts: Contexts,
    row: Parameter,
    equal: frozenset[str],
    freed: Freed,
    counts: Mapping[str, int],
    loose: set[tuple[int, str]],
) -> Parameter:
    place = contexts.place(row)
    if place is None:
        return row
    kind = kind_of(contexts.model, row)
    if place in freed or _goes_along(contexts, row, place, kind, loose):
        return replace(row, free=True, value=None) if kind == "intercepts" and place in freed else row
    if kind in equal:
        return replace(row, label=row.label or "." + "".join(place[1:])) if row.free else row
    return _loosened(contexts, row, kind, equal, counts) if place[0] > 0 else row


def _goes_along(
    contexts: Contexts, row: Parameter, place: tuple[int, str, str, str], kind: str, loose: set[tuple[int, str]]
) -> bool:
    """Return whether a parameter belongs to an ordered item whose thresholds were freed in its context."""
    context, lhs, _, rhs = place
    if kind == "loadings":
        return (context, rhs) in loose
    return row.lhs in contexts.model.ordered and (context, lhs) in loose and kind in _OF_ITEM


def _loosened(
    contexts: Contexts, row: Parameter, kind: str, equal: frozenset[str], counts: Mapping[str, int]
) -> Parameter:
    """Return a later context's parameter with what the equalities no longer need to fix set free."""
    if row.lhs in contexts.model.ordered and "thresholds" in equal:
        if kind == "intercepts":
            return replace(row, free=True, value=None)
        if kind == "residuals" and counts[row.lhs] > 1:
            return replace(row, free=True, value=1.0)
    if kind == "variances" and contexts.std_lv and "loadings" in equal:
        return replace(row, free=True, value=1.0)
    if kind == "means" and "intercepts" in equal and row.lhs not in measured_factors(contexts.model):
        return replace(row, free=True, value=0.0)
    return row
