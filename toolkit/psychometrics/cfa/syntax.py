"""lavaan's model syntax: from text to statements, or to an error that shows the line and a caret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
        Its name; parameters with one name are equal. Empty without a name.
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
        Such as ``visual``, ``=~``, ``x1``. The right side of ``~1`` is empty, that of ``|`` is ``t1``, ``t2``, ...
    modifiers : tuple of Modifier
        Empty, one for all groups, or one a group.
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
        both.
    factors : tuple of str
        What stands on the left of ``=~``, in order of first appearance.
    items : tuple of str
        Observed variables: what the factors are measured by and what is no factor itself, in order of first appearance.
    """

    text: str
    statements: tuple[Statement, ...]
    factors: tuple[str, ...]
    items: tuple[str, ...]
