"""From what a model says to its parameters: the defaults of confirmatory factor analysis, made explicit.

A model is a list of :class:`Parameter`, one row for each thing that is estimated or fixed, in each group. Nothing is
left implicit: what the syntax does not say, the defaults of lavaan's ``cfa()`` say, and they stand in the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics.cfa.syntax import ModelSyntax, Modifier, Statement

Parameterization = Literal["delta", "theta"]
"""With ordered items: ``delta`` fixes the variance of the variable behind each item at 1, ``theta`` its residual
variance."""
Equal = Literal["loadings", "intercepts", "thresholds", "residuals", "factor_variances", "factor_covariances", "means"]
"""What can be held equal over groups."""
Key: TypeAlias = tuple[str, str, str, int]
"""Left side, operator, right side and group of a parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of one group.

    Attributes
    ----------
    lhs, op, rhs : str
        As the syntax names it; the right side of ``~1`` is empty.
    group : int
        The group's place, from 0.
    free : bool
        Whether it is estimated.
    value : float or None
        The value it is fixed to; for a free one the start that was asked for, or None.
    label : str
        Parameters with one label are equal; empty without one.
    """

    lhs: str
    op: str
    rhs: str
    group: int
    free: bool
    value: float | None = None
    label: str = ""

    @property
    def key(self) -> Key:
        """What identifies it."""
        return (self.lhs, self.op, self.rhs, self.group)

    @property
    def name(self) -> str:
        """How it is written, such as ``visual=~x1``."""
        return f"{self.lhs}{self.op}{self.rhs}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """All parameters of all groups, and what they are about.

    Attributes
    ----------
    parameters : tuple of Parameter
        Loadings, factor (co)variances, residual (co)variances, intercepts, means, thresholds and scale factors.
    items, factors : tuple of str
        Observed variables and factors, in order.
    ordered : frozenset of str
        Items that are ordered answers.
    n_groups : int
        Groups.
    parameterization : {"delta", "theta"}
        How ordered items get their scale.
    mean_structure : bool
        Whether means are part of the model.
    """

    parameters: tuple[Parameter, ...]
    items: tuple[str, ...]
    factors: tuple[str, ...]
    ordered: frozenset[str]
    n_groups: int
    parameterization: Parameterization
    mean_structure: bool

    def changed(self, changes: Mapping[Key, Parameter]) -> Model:
        """Return the model with some parameters replaced."""
        return replace(self, parameters=tuple(changes.get(row.key, row) for row in self.parameters))

    @property
    def categorical(self) -> bool:
        """Whether any item is ordered."""
        return bool(self.ordered)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDefaults:
    """What fills in the parts that a model leaves open.

    Attributes
    ----------
    n_groups : int
        Groups.
    ordered : frozenset of str
        Ordered items.
    n_thresholds : mapping of str to int
        Thresholds of each ordered item.
    std_lv : bool
        Give factors their scale by variance 1 instead of by their first loading.
    mean_structure : bool
        Model means too.
    parameterization : {"delta", "theta"}
        Scale of ordered items.
    equal : frozenset of str
        What is equal over groups; see :data:`Equal`.
    """

    n_groups: int = 1
    ordered: frozenset[str] = frozenset()
    n_thresholds: Mapping[str, int]
    std_lv: bool = False
    mean_structure: bool = False
    parameterization: Parameterization = "delta"
    equal: frozenset[str] = frozenset()


def specify(syntax: ModelSyntax, defaults: ModelDefaults) -> Model:
    """Return all parameters of a model as written, with the defaults of lavaan's ``cfa()``.

    The first loading of a factor is fixed at 1 (with ``std_lv`` the factor's variance is); residual variances and the
    covariances of factors that no other factor measures are free. With means, intercepts are free and factor means 0;
    with equal intercepts the factor means of later groups are free. Ordered items have free thresholds and intercept 0.

    Raises
    ------
    StatisticsError
        STA_MODEL_SYNTAX (a statement that no part of the model can hold, or too few modifiers for the groups),
        STA_NOT_IDENTIFIED (a factor with one item whose residual variance nothing fixes).
    """
    return _Specification(syntax, defaults).model()


class _Specification:
    """Collects the parameters of a model, group by group."""

    def __init__(self, syntax: ModelSyntax, defaults: ModelDefaults) -> None:
        self.syntax = syntax
        self.defaults = defaults
        self.said = {_canonical(statement): statement for statement in syntax.statements}
        self.loadings = [statement for statement in syntax.statements if statement.op == "=~"]
        self.measured = {statement.rhs for statement in self.loadings} & set(syntax.factors)
        self.rows: dict[Key, Parameter] = {}
        self._check()

    def model(self) -> Model:
        """Return the model."""
        for group in range(self.defaults.n_groups):
            self._loadings(group)
            self._variances(group)
            self._covariances(group)
            self._means(group)
            self._thresholds(group)
        for group in range(self.defaults.n_groups):
            self._said_besides(group)
        return Model(
            parameters=with_fixed_labels(self._held_equal(self.rows.values())),
            items=self.syntax.items,
            factors=self.syntax.factors,
            ordered=self.defaults.ordered,
            n_groups=self.defaults.n_groups,
            parameterization=self.defaults.parameterization,
            mean_structure=self.defaults.mean_structure,
        )

    def _check(self) -> None:
        known = {*self.syntax.items, *self.syntax.factors}
        for statement in self.syntax.statements:
            sides = {statement.lhs} | ({statement.rhs} if statement.op in {"=~", "~~", "~*~"} else set())
            if sides - known:
                raise _refused(statement, f"{', '.join(sorted(sides - known))} is measured by no factor.")
            mixed = statement.op == "~~" and len(sides & set(self.syntax.factors)) not in {0, len(sides)}
            if mixed:
                raise _refused(statement, "An item and a factor cannot covary; the factor measures the item.")
            if statement.op in {"|", "~*~"} and statement.lhs not in self.defaults.ordered:
                raise _refused(statement, "Only ordered items have thresholds and scale factors.")
            if statement.op == "|" and not self._has_threshold(statement):
                raise _refused(statement, f"{statement.lhs} does not have this threshold in these data.")
            if len(statement.modifiers) not in {0, 1, self.defaults.n_groups}:
                raise _refused(statement, f"There are {self.defaults.n_groups} groups; give one modifier for each.")
        for factor in self.syntax.factors:
            indicators = [statement for statement in self.loadings if statement.lhs == factor]
            self._check_single(factor, indicators)

    def _has_threshold(self, statement: Statement) -> bool:
        number = statement.rhs.removeprefix("t")
        return number.isdigit() and 1 <= int(number) <= self.defaults.n_thresholds[statement.lhs]

    def _check_single(self, factor: str, indicators: Sequence[Statement]) -> None:
        if len(indicators) > 1 or not indicators or indicators[0].rhs in self.defaults.ordered:
            return
        item = indicators[0].rhs
        residual = self.said.get((item, "~~", item))
        if residual is None or not any(m.fixed is not None or m.label for m in residual.modifiers):
            raise StatisticsError(
                Problem(
                    code=Code.STA_NOT_IDENTIFIED,
                    what=f"The factor {factor} has one item, so the data cannot tell its variance from the residual's.",
                    item=item,
                    line=indicators[0].line or None,
                    fix=f"Give the factor more items, or say what the residual variance is: {item} ~~ 0*{item}.",
                )
            )

    def _add(self, lhs: str, op: str, rhs: str, group: int, *, free: bool, value: float | None = None) -> None:
        """Add one parameter: as the defaults have it, unless the model says otherwise."""
        statement = self.said.get((lhs, op, rhs)) or self.said.get((rhs, op, lhs))
        modifier = _of_group(statement, group)
        if modifier.fixed is not None:
            free, value = False, modifier.fixed
        elif modifier.free or modifier.start is not None:
            free, value = True, modifier.start
        row = Parameter(lhs=lhs, op=op, rhs=rhs, group=group, free=free, value=value, label=modifier.label)
        self.rows[row.key] = row

    def _loadings(self, group: int) -> None:
        begun: set[str] = set()
        for statement in self.loadings:
            first = statement.lhs not in begun
            begun.add(statement.lhs)
            fixed = first and not self.defaults.std_lv
            self._add(statement.lhs, "=~", statement.rhs, group, free=not fixed, value=1.0 if fixed else None)

    def _variances(self, group: int) -> None:
        theta = self.defaults.parameterization == "theta"
        for item in self.syntax.items:
            if item in self.defaults.ordered:
                free = theta and group > 0 and self._free_scales()
                self._add(item, "~~", item, group, free=free, value=1.0 if theta else 0.0)
            else:
                self._add(item, "~~", item, group, free=True)
        for factor in self.syntax.factors:
            fixed = self.defaults.std_lv and not (group > 0 and "loadings" in self.defaults.equal)
            self._add(factor, "~~", factor, group, free=not fixed, value=1.0 if fixed else None)

    def _covariances(self, group: int) -> None:
        exogenous = [factor for factor in self.syntax.factors if factor not in self.measured]
        for place, first in enumerate(exogenous):
            for second in exogenous[place + 1 :]:
                self._add(first, "~~", second, group, free=True)

    def _means(self, group: int) -> None:
        if not self.defaults.mean_structure:
            return
        for item in self.syntax.items:
            ordered = item in self.defaults.ordered
            self._add(item, "~1", "", group, free=not ordered, value=0.0 if ordered else None)
        shifted = {"intercepts", "thresholds"} & self.defaults.equal and "loadings" in self.defaults.equal
        for factor in self.syntax.factors:
            free = bool(group > 0 and shifted and "means" not in self.defaults.equal and factor not in self.measured)
            self._add(factor, "~1", "", group, free=free, value=0.0)

    def _thresholds(self, group: int) -> None:
        for item in (item for item in self.syntax.items if item in self.defaults.ordered):
            for number in range(1, self.defaults.n_thresholds[item] + 1):
                self._add(item, "|", f"t{number}", group, free=True)
            if self.defaults.parameterization == "delta":
                free = group > 0 and self._free_scales()
                self._add(item, "~*~", item, group, free=free, value=1.0)

    def _free_scales(self) -> bool:
        return "thresholds" in self.defaults.equal

    def _said_besides(self, group: int) -> None:
        """Add what only the model names, such as residual covariances."""
        for (lhs, op, rhs), statement in self.said.items():
            if (lhs, op, rhs, group) in self.rows or (rhs, op, lhs, group) in self.rows:
                continue
            if op == "~1":
                raise _refused(statement, "This model has no means.")
            if op == "~*~":
                raise _refused(statement, "Scale factors belong to parameterization='delta'.")
            self._add(lhs, op, rhs, group, free=True)

    def _held_equal(self, rows: Iterable[Parameter]) -> Iterable[Parameter]:
        """Label what is equal over groups; a label of the model itself stays."""
        ordered_rows = sorted(rows, key=lambda row: row.group)
        first: dict[tuple[str, str, str], str] = {}
        for row in ordered_rows:
            kind = self._kind(row)
            held = kind is not None and kind in self.defaults.equal and (row.free or row.label)
            if not held or self.defaults.n_groups == 1:
                yield row
                continue
            name = (row.lhs, row.op, row.rhs)
            label = first.setdefault(name, row.label or f".{row.name}")
            yield replace(row, label=label)

    def _kind(self, row: Parameter) -> str | None:
        """Return the option that holds a parameter equal over groups."""
        of_factor = row.lhs in self.syntax.factors
        if row.op == "=~":
            return "loadings"
        if row.op == "|":
            return "thresholds"
        if row.op == "~1":
            return "means" if of_factor else "intercepts"
        if row.op == "~~" and not of_factor:
            return "residuals"
        if row.op == "~~":
            return "factor_variances" if row.lhs == row.rhs else "factor_covariances"
        return None


def with_fixed_labels(rows: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """Fix every parameter whose label is fixed elsewhere, to the value there.

    Raises
    ------
    StatisticsError
        STA_MODEL_SYNTAX (a label with two fixed values).
    """
    rows = tuple(rows)
    values: dict[str, float] = {}
    for row in rows:
        if not row.label or row.free:
            continue
        value = row.value or 0.0
        if values.setdefault(row.label, value) != value:
            raise StatisticsError(
                Problem(
                    code=Code.STA_MODEL_SYNTAX,
                    what=f"Parameters with the label {row.label!r} are equal, but are fixed to different values.",
                    got=f"{values[row.label]:g} and, for {row.name}, {value:g}",
                    fix="Give them different labels, or one value. The first loading of a factor is fixed to 1 unless "
                    "std_lv=True or NA* frees it.",
                )
            )
    return tuple(
        replace(row, free=False, value=values[row.label]) if row.free and row.label in values else row for row in rows
    )


def _canonical(statement: Statement) -> tuple[str, str, str]:
    return (statement.lhs, statement.op, statement.rhs)


def _of_group(statement: Statement | None, group: int) -> Modifier:
    if statement is None or not statement.modifiers:
        return Modifier()
    return statement.modifiers[group if len(statement.modifiers) > 1 else 0]


def _refused(statement: Statement, what: str) -> StatisticsError:
    return StatisticsError(
        Problem(
            code=Code.STA_MODEL_SYNTAX,
            what=what,
            line=statement.line or None,
            got=f"{statement.lhs} {statement.op} {statement.rhs}".rstrip(),
            fix="Correct the model.",
        )
    )
