"""lavaan's model syntax: from text to statements, or to an error that shows the line and a caret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, cast

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics.cfa._terms import RESERVED, Said, TermReader, Value
from toolkit.psychometrics.cfa._tokens import Source, is_name

Operator = Literal["=~", "~~", "~1", "|", "~*~"]
"""``=~`` is measured by, ``~~`` (co)varies with, ``~1`` has intercept or mean, ``|`` has threshold, ``~*~`` has scale
factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modifier:
    """What a model says of one parameter in one group.

    Attributes
    ----------
    fixed : float or None
        The value it is fixed to.
    free : bool
        ``NA*``: it is free where the defaults would fix it.
    start : float or None
        Where the search starts.
    label : str
        Its name; parameters with one name are equal. Empty without a name. ``equal("f=~x1")`` has become the label of
        the other parameter, which is ``f=~x1`` if it had none.
    """

    fixed: float | None = None
    free: bool = False
    start: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One parameter that a model names.

    Attributes
    ----------
    lhs, op, rhs : str
        Such as ``visual``, ``=~``, ``x1``. The right side of ``~1`` is empty, that of ``|`` is ``t1``, ``t2``, ...,
        and that of ``~*~`` is the left side again.
    modifiers : tuple of Modifier
        Empty, one for all groups, or one a group. One label for all groups makes the parameter equal over the groups,
        as in lavaan; ``c(a, b)*`` gives each group its own.
    line, column : int
        Where it stands, both from 1.
    """

    lhs: str
    op: Operator
    rhs: str
    modifiers: tuple[Modifier, ...] = ()
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSyntax:
    """A model as written.

    Attributes
    ----------
    text : str
        The source.
    statements : tuple of Statement
        In the order written; ``a =~ x + y`` makes two. A parameter named twice is one statement with the modifiers of
        both, at the place of the first; ``y ~~ x`` is the parameter of ``x ~~ y``.
    factors : tuple of str
        What stands on the left of ``=~``, in order of first appearance.
    items : tuple of str
        Observed variables: what the factors are measured by and what is no factor itself, in order of first appearance.
    """

    text: str
    statements: tuple[Statement, ...]
    factors: tuple[str, ...]
    items: tuple[str, ...]


def parse_model(text: str) -> ModelSyntax:
    """Read a measurement model that is written in lavaan's model syntax.

    It reads what a confirmatory factor model needs: ``=~`` factors, ``~~`` variances and covariances, ``~1`` intercepts
    and means, ``|`` thresholds, ``~*~`` scale factors, each with modifiers before ``*``: a number, ``NA``, a label,
    ``start()``, ``label()``, ``equal()``, or ``c()`` with one value a group. ``docs/model-syntax.md`` shows all of
    it with every error. Use no structural model with it: regressions and constraints are refused.

    Parameters
    ----------
    text : str
        The model. ``#`` and ``!`` start a comment; a statement ends with its line or with ``;``.

    Returns
    -------
    ModelSyntax
        Statements, factors and items.

    Raises
    ------
    StatisticsError
        ``STA_MODEL_SYNTAX`` where the text is no such model; the problem has the line, and the message shows it with a
        caret below the place. ``STA_CIRCULAR_EQUALITY`` where ``equal()`` leads back to where it started.

    Notes
    -----
    A modifier that stands alone holds in every group, so a label alone makes a parameter equal over groups. Terms that
    name one parameter again add their modifiers; modifiers that contradict each other are refused. The time is
    proportional to the text. A model of more than 100,000 parameters or 500,000 modifiers, and a ``c()`` of more than
    1,000 groups, are refused.

    Validated against lavaan 0.6.14, which reads the same parameters (``tests/parity/test_model_syntax.py``).

    References
    ----------
    Rosseel, Y. (2012). lavaan: An R package for structural equation modeling. Journal of Statistical Software, 48(2),
    1-36. https://doi.org/10.18637/jss.v048.i02

    Examples
    --------
    >>> model = parse_model("mood =~ calm + a*rested + a*cheerful; calm ~~ 0.2*rested")
    >>> model.factors, model.items
    (('mood',), ('calm', 'rested', 'cheerful'))
    >>> [(statement.lhs, statement.op, statement.rhs) for statement in model.statements][-1]
    ('calm', '~~', 'rested')
    >>> model.statements[-1].modifiers[0].fixed
    0.2
    """
    if not isinstance(text, str) or not text.strip():
        raise StatisticsError(
            Problem(
                code=Code.STA_MODEL_SYNTAX,
                what="A model is a text in lavaan's model syntax.",
                got="an empty text" if isinstance(text, str) else type(text).__name__,
                fix='Give a text such as "mood =~ calm + rested + cheerful".',
            )
        )
    source = Source(text)
    parameters, bare_labels = _parameters(source)
    factors, items = _variables(source, parameters)
    _refuse_mixed_up_names(source, parameters, bare_labels)
    _settle_equalities(source, parameters)
    statements = []
    for parameter in parameters.values():
        line, column = source.place(parameter.at)
        op = cast("Operator", parameter.op)
        said = parameter.modifiers(source)
        statements.append(
            Statement(lhs=parameter.lhs, op=op, rhs=parameter.rhs, modifiers=said, line=line, column=column)
        )
    return ModelSyntax(text=text, statements=tuple(statements), factors=factors, items=items)


def model_text(statements: Iterable[Statement]) -> str:
    """Write statements in lavaan's model syntax.

    Parameters
    ----------
    statements : iterable of Statement
        Such as those of a :class:`ModelSyntax`.

    Returns
    -------
    str
        One line for statements that follow each other with the same left side and operator, broken after ``+`` where
        it is long. A parameter with several modifiers is written as several terms, which lavaan reads too.
        ``parse_model`` gives the same statements again, but for line and column.

    Examples
    --------
    >>> model = parse_model("mood =~ start(0.5)*a*calm + c(1, NA)*rested; calm ~ 0.5*1")
    >>> print(model_text(model.statements))
    mood =~ start(0.5)*calm + a*calm + c(1, NA)*rested
    calm ~ 0.5*1
    """
    told = list(statements)
    variables = {name for statement in told for name in (statement.lhs, statement.rhs)}
    lines = []
    for (lhs, op), group in groupby(told, key=lambda statement: (statement.lhs, statement.op)):
        line = f"{lhs} {'~' if op == '~1' else op} "
        terms = [term for statement in group for term in _terms(statement, variables)]
        for number, term in enumerate(terms):
            if number and len(line) + len(term) > _LINE_LENGTH:
                lines.append(f"{line} +")
                line = "    " + term
            else:
                line += f" + {term}" if number else term
        lines.append(line)
    return "\n".join(lines)


def _terms(statement: Statement, variables: set[str]) -> Iterator[str]:
    """Write one parameter, as one term for each kind of modifier."""
    variable = "1" if statement.op == "~1" else statement.rhs
    said = statement.modifiers
    values = ["NA" if one.free else "" if one.fixed is None else repr(one.fixed).removesuffix(".0") for one in said]
    starts = ["NA" if one.start is None else repr(one.start).removesuffix(".0") for one in said]
    labels = _labels_as_written([one.label for one in said], variables)
    written = False
    if any(values):
        yield f"{_one_or_many(values)}*{variable}"
        written = True
    if any(start != "NA" for start in starts):
        yield f"start({_one_or_many(starts)})*{variable}"
        written = True
    if any(labels):
        yield f"{_one_or_many(labels)}*{variable}"
        written = True
    if not written:
        yield variable


def _one_or_many(values: list[str]) -> str:
    """Write one value, or one a group; in a group without one stand empty quotes."""
    return values[0] if len(values) == 1 else f"c({', '.join(value or _EMPTY_QUOTES for value in values)})"


def _labels_as_written(labels: list[str], variables: set[str]) -> list[str]:
    """Write labels, in quotes where one of them would be read as something else without."""
    if all(label not in variables and label not in RESERVED and is_name(label) for label in labels):
        return labels
    return [label and (f"'{label}'" if '"' in label else f'"{label}"') for label in labels]


# What is said of one parameter


@dataclass(slots=True)
class _Parameter:
    """A parameter and all that its terms say; what holds in every group is kept apart until the end."""

    lhs: str
    op: str
    rhs: str
    at: int
    lhs_at: int
    everywhere: Modifier = field(default_factory=Modifier)
    by_group: tuple[Modifier, ...] = ()
    by_group_at: int = 0
    equal_to: str = ""
    equal_at: int = 0

    def add(self, said: Said, source: Source) -> None:
        """Add what stands before one ``*``."""
        if said.values[0].kind == "equal":
            self._add_equal(said, source)
            return
        modifiers = tuple(_modifier(value) for value in said.values)
        if len(modifiers) == 1:
            self.everywhere = _both(self.everywhere, modifiers[0], source, said.at)
        elif not self.by_group:
            self.by_group, self.by_group_at = modifiers, said.at
        elif len(self.by_group) != len(modifiers):
            raise _contradiction(source, said.at, f"{len(self.by_group)} groups", f"{len(modifiers)} groups")
        else:
            pairs = zip(self.by_group, modifiers, strict=True)
            self.by_group = tuple(_both(one, two, source, said.at) for one, two in pairs)

    def _add_equal(self, said: Said, source: Source) -> None:
        target = said.values[0].text
        if len(said.values) > 1:
            raise source.error(
                "equal() names one parameter, for all groups.",
                at=said.at,
                fix="Use labels, as in c(a, b)*x1 + c(a, b)*x2.",
            )
        if self.equal_to and self.equal_to != target:
            raise _contradiction(source, said.at, f"equal to {self.equal_to}", f"equal to {target}")
        self.equal_to, self.equal_at = target, said.at

    def label(self, labels: tuple[str, ...], source: Source) -> None:
        """Give the parameter the label of another one, or its labels in each group."""
        said = tuple(Modifier(label=label) for label in labels)
        if len(said) == 1:
            self.everywhere = _both(self.everywhere, said[0], source, self.equal_at)
            return
        if self.by_group and len(self.by_group) != len(said):
            raise _contradiction(source, self.equal_at, f"{len(self.by_group)} groups", f"{len(said)} groups")
        groups = self.by_group or tuple(Modifier() for _ in said)
        self.by_group = tuple(_both(one, two, source, self.equal_at) for one, two in zip(groups, said, strict=True))

    def modifiers(self, source: Source) -> tuple[Modifier, ...]:
        """Return what is said of the parameter, for all groups or in each."""
        said: tuple[Modifier, ...] = (self.everywhere,)
        if self.by_group:
            said = tuple(_both(self.everywhere, one, source, self.by_group_at) for one in self.by_group)
        return said if any(one != Modifier() for one in said) else ()


def _modifier(value: Value) -> Modifier:
    if value.kind == "fixed":
        return Modifier(fixed=value.number)
    if value.kind == "start":
        return Modifier(start=value.number)
    if value.kind == "label":
        return Modifier(label=value.text)
    return Modifier(free=value.kind == "free")


def _both(one: Modifier, two: Modifier, source: Source, at: int) -> Modifier:
    """Return what two modifiers of one parameter say together."""
    both = Modifier(
        fixed=one.fixed if two.fixed is None else two.fixed,
        free=one.free or two.free,
        start=one.start if two.start is None else two.start,
        label=two.label or one.label,
    )
    if one.fixed is not None and one.fixed != both.fixed:
        raise _contradiction(source, at, f"fixed to {one.fixed:g}", f"fixed to {both.fixed:g}")
    if one.start is not None and one.start != both.start:
        raise _contradiction(source, at, f"start({one.start:g})", f"start({both.start:g})")
    if one.label and one.label != both.label:
        raise _contradiction(source, at, f"the label {one.label}", f"the label {both.label}")
    if both.fixed is not None and both.free:
        raise _contradiction(source, at, f"fixed to {both.fixed:g}", "NA, which frees it")
    if both.fixed is not None and both.start is not None:
        raise _contradiction(source, at, f"fixed to {both.fixed:g}", "a start, which only free parameters have")
    return both


def _contradiction(source: Source, at: int, one: str, two: str) -> StatisticsError:
    what = f"Modifiers of one parameter contradict each other: {one}, and {two}."
    return source.error(what, at=at, fix="Keep one of them.")


_Key = tuple[str, str, str]


def _key(lhs: str, op: str, rhs: str) -> _Key:
    """Return what names a parameter; a covariance is the same from both sides."""
    return (rhs, op, lhs) if op == "~~" and rhs < lhs else (lhs, op, rhs)


def _parameters(source: Source) -> tuple[dict[_Key, _Parameter], dict[str, int]]:
    """Return the parameters in the order written, and the labels without quotes with their offsets."""
    found: dict[_Key, _Parameter] = {}
    bare: dict[str, int] = {}
    for term in TermReader(source).terms():
        key = _key(term.lhs, term.op, term.rhs)
        parameter = found.setdefault(key, _Parameter(*term[:3], at=term.at, lhs_at=term.lhs_at))
        for said in term.said:
            parameter.add(said, source)
            for value in said.values:
                if value.bare:
                    bare.setdefault(value.text, said.at)
    return found, bare


# Names


def _variables(source: Source, parameters: dict[_Key, _Parameter]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return factors and items, once every name is one that the operators allow."""
    measured = [parameter for parameter in parameters.values() if parameter.op == "=~"]
    if not measured:
        raise source.error(
            "The model has no factor: there is no =~ in it.",
            at=next((parameter.at for parameter in parameters.values()), 0),
            fix="Write what each factor is measured by, as in f =~ x1 + x2 + x3.",
        )
    factors = dict.fromkeys(parameter.lhs for parameter in measured)
    items = dict.fromkeys(parameter.rhs for parameter in measured if parameter.rhs not in factors)
    _refuse_circles(source, measured, factors)
    for parameter in parameters.values():
        if parameter.op != "=~":
            _refuse_unknown(source, parameter, factors, items)
            _CHECKS[parameter.op](source, parameter, factors)
    return tuple(factors), tuple(items)


def _refuse_unknown(source: Source, parameter: _Parameter, factors: dict[str, None], items: dict[str, None]) -> None:
    """Refuse variables that no factor is measured by."""
    places = [(parameter.lhs, parameter.lhs_at)]
    if parameter.op in {"~~", "~*~"}:
        places.append((parameter.rhs, parameter.at))
    for name, at in places:
        if name not in factors and name not in items:
            raise source.error(
                f"'{name}' is no factor, and no factor is measured by it.",
                at=at,
                fix=f"Correct the name, leave it out, or give it a factor: {name}_f =~ {name}; {name} ~~ 0*{name}.",
            )


def _check_covariance(source: Source, parameter: _Parameter, factors: dict[str, None]) -> None:
    if (parameter.lhs in factors) != (parameter.rhs in factors):
        item, factor = sorted((parameter.lhs, parameter.rhs), key=lambda name: name in factors)
        raise source.error(
            f"'{item}' is an item and '{factor}' a factor; ~~ stands between two items or two factors.",
            at=parameter.at,
            fix=f"Give the item a factor: {item}_f =~ {item}; {item} ~~ 0*{item}; {item}_f ~~ {factor}.",
        )


def _check_threshold(source: Source, parameter: _Parameter, factors: dict[str, None]) -> None:
    if parameter.lhs in factors:
        what = f"'{parameter.lhs}' is a factor; only items have thresholds."
        raise source.error(what, at=parameter.lhs_at, fix="Write an item on the left of |.")
    if not re.fullmatch("t[1-9][0-9]{0,2}", parameter.rhs):
        what = f"'{parameter.rhs}' names no threshold."
        raise source.error(what, at=parameter.at, allowed="t1, t2, t3, ...", fix="Write for example x1 | t1 + t2.")


def _check_scale(source: Source, parameter: _Parameter, factors: dict[str, None]) -> None:
    if parameter.lhs in factors or parameter.lhs != parameter.rhs:
        what = "A scale factor belongs to one item, which stands on both sides."
        raise source.error(what, at=parameter.at, fix="Write for example x1 ~*~ 1*x1.")


def _check_mean(source: Source, parameter: _Parameter, factors: dict[str, None]) -> None:
    """Accept every mean of a variable that the model has."""


_CHECKS: dict[str, Callable[[Source, _Parameter, dict[str, None]], None]] = {
    "~~": _check_covariance,
    "~1": _check_mean,
    "|": _check_threshold,
    "~*~": _check_scale,
}


def _refuse_circles(source: Source, measured: list[_Parameter], factors: dict[str, None]) -> None:
    """Refuse factors that are measured by themselves, at once or round a circle."""
    below: dict[str, list[_Parameter]] = {factor: [] for factor in factors}
    for parameter in measured:
        if parameter.lhs == parameter.rhs:
            what = f"The factor '{parameter.lhs}' is measured by itself."
            raise source.error(what, at=parameter.at, fix="Write another variable, or another name for the factor.")
        if parameter.rhs in factors:
            below[parameter.lhs].append(parameter)
    state: dict[str, str] = {}
    for factor in factors:
        path = [(factor, iter(below[factor]))] if factor not in state else []
        while path:
            name, rest = path[-1]
            state[name] = "open"
            step = next(rest, None)
            if step is None:
                state[name] = "done"
                path.pop()
            elif state.get(step.rhs) == "open":
                names = [open_name for open_name, _ in path]
                round_trip = [*names[names.index(step.rhs) :], step.rhs]
                raise source.error(
                    f"Factors measure each other in a circle: {_chain(round_trip)}.",
                    at=step.at,
                    fix="Remove one of these =~, so that the lowest factors are measured by items.",
                )
            elif step.rhs not in state:
                path.append((step.rhs, iter(below[step.rhs])))


def _chain(names: list[str]) -> str:
    """Write a chain of names, of a long one its start and its end."""
    shown = names if len(names) <= 8 else [*names[:4], "...", *names[-3:]]
    return " - ".join(shown)


def _refuse_mixed_up_names(source: Source, parameters: dict[_Key, _Parameter], bare: dict[str, int]) -> None:
    """Refuse a name that is two things, such as a label that is a variable too: a forgotten ``+`` looks so."""
    variables = {
        name for parameter in parameters.values() if parameter.op == "=~" for name in (parameter.lhs, parameter.rhs)
    }
    for parameter in parameters.values():
        if parameter.op == "|" and parameter.rhs in variables:
            what = f"'{parameter.rhs}' is a threshold here and a variable elsewhere in the model."
            raise source.error(what, at=parameter.at, fix="Rename the variable.")
    for name, at in bare.items():
        if name in variables:
            what = f"'{name}' is a label here and a variable elsewhere in the model."
            fix = f'Write + instead of * if the variable is meant, or "{name}" in quotes if the label is.'
            raise source.error(what, at=at, fix=fix)


# Equality


def _settle_equalities(source: Source, parameters: dict[_Key, _Parameter]) -> None:
    """Turn each ``equal()`` into the label of the parameter it leads to."""
    labels = {
        one.label
        for parameter in parameters.values()
        for one in (parameter.everywhere, *parameter.by_group)
        if one.label
    }
    targets: dict[str, _Parameter] = {}
    settled: set[int] = set()
    for first in parameters.values():
        path: list[_Parameter] = []
        on_path: set[int] = set()
        parameter = first
        while parameter.equal_to and id(parameter) not in settled:
            if id(parameter) in on_path:
                raise _circular(source, path, parameter)
            path.append(parameter)
            on_path.add(id(parameter))
            if parameter.equal_to not in targets:
                targets[parameter.equal_to] = _target(source, parameter, parameters)
            parameter = targets[parameter.equal_to]
        if path:
            shared = _labels(source, parameter, path[-1], labels)
            for equal in path:
                equal.label(shared, source)
                settled.add(id(equal))


def _target(source: Source, equal: _Parameter, parameters: dict[_Key, _Parameter]) -> _Parameter:
    """Return the parameter that an ``equal()`` names."""
    match = re.fullmatch(r"(.+?)(=~|~\*~|~~|~1|\|)(.*)", "".join(equal.equal_to.split()))
    found = parameters.get(_key(match[1], match[2], match[3])) if match else None
    if found is None:
        raise source.error(
            f'The model does not name the parameter "{equal.equal_to}".',
            at=equal.equal_at,
            fix='Write it as left side, operator and right side, as in equal("f=~x1"), and name it in the model too.',
        )
    return found


def _labels(source: Source, target: _Parameter, equal: _Parameter, known: set[str]) -> tuple[str, ...]:
    """Return the label of a parameter, or its labels in each group; one without gets its own text as label."""
    if target.everywhere.label:
        return (target.everywhere.label,)
    if target.by_group:
        labels = tuple(one.label for one in target.by_group)
        if not all(labels):
            what = f"The parameter {equal.equal_to} differs between groups and has no label in each."
            raise source.error(
                what, at=equal.equal_at, fix="Give both parameters labels, as in c(a, b)*x1 + c(a, b)*x2."
            )
        return labels
    made = f"{target.lhs}{target.op}{target.rhs}"
    while made in known:
        made += "."
    known.add(made)
    target.everywhere = _both(target.everywhere, Modifier(label=made), source, target.at)
    return (made,)


def _circular(source: Source, path: list[_Parameter], parameter: _Parameter) -> StatisticsError:
    names = [f"{step.lhs}{step.op}{step.rhs}" for step in (*path[path.index(parameter) :], parameter)]
    return source.error(
        f"equal() leads back to where it started: {_chain(names)}.",
        at=path[-1].equal_at,
        fix="Let one of these parameters stand without equal(), or give all of them one label.",
        code=Code.STA_CIRCULAR_EQUALITY,
    )


_EMPTY_QUOTES = '""'
_LINE_LENGTH = 100
