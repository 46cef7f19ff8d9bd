"""The grammar of a measurement model: from tokens to terms, one for each parameter that a model names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple, NoReturn

from toolkit.errors import StatisticsError
from toolkit.psychometrics.cfa._tokens import Source, Token

RESERVED = {"NA", "NaN", "Inf", "TRUE", "FALSE", "NULL"}
"""Words that R reads as values, so that neither a variable nor a bare label can have them as a name."""
MOST_TERMS = 100_000
MOST_GROUPS = 1_000
MOST_VALUES = 500_000
"""Limits of a model; no real one comes near them, and a text that is no model cannot take long."""

_OPERATORS = {"=~", "~~", "~", "|", "~*~"}
_CALLS = {"c", "start", "label", "equal"}
_OPERATORS_TEXT = "=~, ~~, ~ 1, |, ~*~"
_WRITE_MEASUREMENT = "Only measurement models are fitted here. Leave it out"
_REFUSED = {
    ":=": ("Defined parameters (:=) are not supported.", "Compute the quantity from the estimates of the result."),
    "==": ("Constraints (==) are not supported.", "Give the equal parameters the same label, as in f =~ a*x1 + a*x2."),
    "<": ("Constraints (<) are not supported.", "Fix the parameter to a value, as in 0.5*x, or leave it free."),
    ">": ("Constraints (>) are not supported.", "Fix the parameter to a value, as in 0.5*x, or leave it free."),
    "<~": ("Formative factors (<~) are not supported.", "Write a factor that its items reflect: f =~ x1 + x2 + x3."),
    "%": ("The sign % has no meaning in a model.", "Remove it."),
    "?": ("The short form of starting values (?) is not supported.", "Write start(0.5)*x."),
    ":": (
        "Blocks (level:, group:) and products of variables (x1:x2) are not supported.",
        "Write one model for all groups, with c(1, NA)*x where they differ, and give group= to the function; for "
        "levels give two_level_cfa one model within and one between.",
    ),
    "/": ("Numbers are written out; nothing is computed in a model.", "Write the result, such as 0.5."),
    "^": ("Numbers are written out; nothing is computed in a model.", "Write the result, such as 0.25."),
    "=": ("The sign = is no operator.", "Write =~ for 'is measured by' and ~~ for 'varies with'."),
}
_NOT_HERE = {
    "efa": (
        "Exploratory blocks, efa(), are not supported in a model.",
        "Use pm.efa, or name the items of each factor.",
    ),
    "rv": ("Random slopes, rv(), are not supported.", "Remove it."),
    "lower": ("Bounds, lower(), are not supported.", "Fix the parameter to a value, or leave it free."),
    "upper": ("Bounds, upper(), are not supported.", "Fix the parameter to a value, or leave it free."),
    "prior": ("Prior distributions, prior(), are not supported.", "Remove it."),
}


class Value(NamedTuple):
    """What one modifier says in one group; ``nothing`` is the empty quotes, or ``NA`` among starting values."""

    kind: Literal["fixed", "free", "start", "label", "equal", "nothing"]
    number: float = 0.0
    text: str = ""
    bare: bool = False


class Said(NamedTuple):
    """What stands before one ``*``: one value for all groups, or one a group."""

    values: tuple[Value, ...]
    at: int


class Term(NamedTuple):
    """One parameter, as named once."""

    lhs: str
    op: str
    rhs: str
    said: tuple[Said, ...]
    at: int
    lhs_at: int


class TermReader:
    """Reads the terms of a model, one token after the other and never back.

    Parameters
    ----------
    source : Source
        The model's text.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = source.tokens()
        self._place = 0
        self._n_terms = 0
        self._n_values = 0

    def terms(self) -> Iterator[Term]:
        """Yield every term of every left side, in the order written."""
        while self._place < len(self._tokens) - 1:
            if self._token.kind == "end":
                self._take()
            else:
                yield from self._statement()

    @property
    def _token(self) -> Token:
        return self._tokens[self._place]

    def _next_is(self, sign: str) -> bool:
        following = self._tokens[min(self._place + 1, len(self._tokens) - 1)]
        return following.kind == "sign" and following.text == sign

    def _is(self, sign: str) -> bool:
        return self._token.kind == "sign" and self._token.text == sign

    def _take(self) -> Token:
        token = self._token
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def _error(self, what: str, fix: str, *, at: int | None = None, allowed: str | None = None) -> StatisticsError:
        return self._source.error(what, at=self._token.at if at is None else at, fix=fix, allowed=allowed)

    def _unexpected(self, what: str, fix: str, *, allowed: str | None = None) -> NoReturn:
        """Refuse the token: for what it is where that tells more, else for what the place needs."""
        token = self._token
        if token.kind == "bad":
            raise self._error(*_bad_character(token.text))
        if token.kind == "sign" and token.text in _REFUSED:
            raise self._error(*_REFUSED[token.text])
        if token.text in {"(", ")"}:
            what = f"The bracket {token.text} has no meaning here."
            raise self._error(what, "Brackets stand only after c, start, label and equal; look for one too many.")
        if token.kind == "end" and self._place:
            before = self._tokens[self._place - 1]
            raise self._error(what, fix, at=before.at + len(before.text), allowed=allowed)
        raise self._error(what, fix, allowed=allowed)

    def _statement(self) -> Iterator[Term]:
        left = self._left()
        operator = self._operator()
        right: list[tuple[tuple[Said, ...], str, int]] = []
        while True:
            at = self._token.at
            right.append((*self._term(operator), at))
            if not self._is("+"):
                break
            self._take()
        self._end(operator)
        for variable, lhs_at in left.items():
            for said, name, at in right:
                self._count_up(said, at)
                yield Term(variable, operator, name, said, at, lhs_at)

    def _count_up(self, said: tuple[Said, ...], at: int) -> None:
        """Refuse a model that is larger than any real one."""
        self._n_terms += 1
        self._n_values += sum(len(one.values) for one in said)
        if self._n_terms > MOST_TERMS or self._n_values > MOST_VALUES:
            what = f"The model names more than {MOST_TERMS:,} parameters or {MOST_VALUES:,} modifiers."
            raise self._error(what, "Look for a text that is no model, or write a smaller one.", at=at)

    def _left(self) -> dict[str, int]:
        """Return the variables on the left side, each with its offset."""
        left: dict[str, int] = {}
        while True:
            if self._token.kind == "name" and self._next_is("("):
                name = self._token.text
                if name in _NOT_HERE:
                    raise self._error(*_NOT_HERE[name])
            at = self._token.at
            left.setdefault(self._variable("A statement starts with the name of a variable or factor."), at)
            if not self._is("+"):
                return left
            self._take()

    def _variable(self, what: str) -> str:
        """Take the name of a variable."""
        if self._token.kind != "name":
            self._unexpected(what, "Write a name, such as x1. Names start with a letter or a dot.")
        if self._token.text in RESERVED:
            what = f"{self._token.text} is a word of R and cannot name a variable."
            raise self._error(what, "Rename the variable, or write * and a variable behind it.")
        return self._take().text

    def _operator(self) -> str:
        if self._token.kind == "sign" and self._token.text in _OPERATORS:
            operator = self._take().text
            return "~1" if operator == "~" else operator
        what, fix = "Here an operator must stand.", "Write one that is allowed between the left and the right side."
        if self._token.kind == "end":
            what = "A statement needs an operator."
        return self._unexpected(what, fix, allowed=_OPERATORS_TEXT)

    def _term(self, operator: str) -> tuple[tuple[Said, ...], str]:
        """Read modifiers and a variable; of an intercept the name is empty."""
        said: list[Said] = []
        while True:
            token = self._token
            if operator == "~1" and token.kind == "number" and not self._next_is("*"):
                said += self._intercept()
                return tuple(said), ""
            if token.kind == "name" and not self._next_is("*") and not self._next_is("("):
                if operator == "~1":
                    self._regression()
                return tuple(said), self._variable("")
            if token.kind not in {"name", "number", "string"} and not self._is("-"):
                self._nothing_here(operator, after_modifier=bool(said))
            said.append(Said(self._modifier(), token.at))
            if not self._is("*"):
                what = "After a number, a label or a bracket must come * and what it belongs to."
                self._unexpected(what, "Write for example 0.5*x1; the variable stands last.")
            self._take()

    def _intercept(self) -> list[Said]:
        """Take the 1 of an intercept; 0 stands for an intercept of zero."""
        number = float(self._token.text)
        if number not in {0.0, 1.0}:
            what = "An intercept is written as ~ 1, with its value before it."
            raise self._error(what, f"Write {self._token.text}*1.")
        token = self._take()
        return [] if number else [Said((Value("fixed", 0.0),), token.at)]

    def _regression(self) -> NoReturn:
        what = "Regressions (~) are not supported; only intercepts, as in x1 ~ 1."
        raise self._error(what, f"{_WRITE_MEASUREMENT}, or write =~ if the left side is a factor.")

    def _nothing_here(self, operator: str, *, after_modifier: bool) -> NoReturn:
        """Refuse what is no term."""
        shown = "~" if operator == "~1" else operator
        before = self._tokens[self._place - 1]
        if after_modifier:
            self._unexpected("Behind * a variable must stand.", "Write what the modifier belongs to, as in 0.5*x1.")
        if before.text == "+":
            self._unexpected("Behind + a term is missing.", "Remove the + or write a variable behind it.")
        self._unexpected(
            f"On the right side of {shown} nothing stands.",
            f"Write what stands right of {shown}, as in {_EXAMPLES[operator]}.",
        )

    def _modifier(self) -> tuple[Value, ...]:
        if self._token.kind == "name" and self._next_is("("):
            return self._call()
        return (self._value(),)

    def _value(self) -> Value:
        """Take a number, ``NA`` or a label."""
        if self._token.kind == "number" or self._is("-"):
            return Value("fixed", self._number())
        if self._token.kind == "string":
            text = self._take().text[1:-1]
            return Value("label", text=text) if text.strip() else Value("nothing")
        if self._token.kind != "name":
            what, fix = "Here a number, NA or a label must stand.", "Write one of them, as in c(1, NA)*x1."
            if self._is(")"):
                raise self._error(what, fix)
            self._unexpected(what, fix)
        if self._token.text == "NA":
            self._take()
            return Value("free")
        return Value("label", text=self._variable(""), bare=True)

    def _number(self) -> float:
        at = self._token.at
        sign = -1.0 if self._is("-") else 1.0
        if sign < 0:
            self._take()
        if self._token.kind != "number":
            self._unexpected("Behind - a number must stand.", "Write for example -0.5*x1.")
        token = self._take()
        number, behind = float(token.text), self._token
        if behind.kind == "name" and behind.at == token.at + len(token.text):
            what = "A name cannot start with a digit."
            raise self._error(what, "Rename the variable, or write * between number and name.", at=at)
        if not math.isfinite(number):
            raise self._error("The number is too large.", "Write one below 1e308.", at=at)
        return sign * number

    def _call(self) -> tuple[Value, ...]:
        """Read ``c(...)``, ``start(...)``, ``label(...)`` or ``equal(...)``."""
        name = self._token.text
        if name in _NOT_HERE:
            raise self._error(*_NOT_HERE[name])
        if name not in _CALLS:
            what = f"There is no function {name}() in a model; nothing is computed there."
            raise self._error(
                what, "Write the value itself.", allowed=", ".join(f"{call}()" for call in sorted(_CALLS))
            )
        at = self._take().at
        self._take()
        if name != "c" and self._token.text == "c" and self._next_is("("):
            self._take()
            self._take()
            values = self._values(at)
            self._close(at)
        elif name == "c":
            return self._values(at)
        else:
            values = (self._value(),)
            self._close(at)
        return tuple(self._meant(name, value, at) for value in values)

    def _values(self, at: int) -> tuple[Value, ...]:
        """Take values up to the closing bracket."""
        values = [self._value()]
        while self._is(","):
            self._take()
            values.append(self._value())
            if len(values) > MOST_GROUPS:
                raise self._error(f"c() has more than {MOST_GROUPS:,} values.", "Give one a group.", at=at)
        self._close(at)
        return tuple(values)

    def _close(self, at: int) -> None:
        if not self._is(")"):
            if self._token.kind == "bad" or self._token.text in _REFUSED:
                self._unexpected("Here a bracket must close.", "Write ).")
            what = "The bracket that opens here does not close behind its values."
            raise self._error(what, "Write ) behind the last value, and a comma between two.", at=at)
        self._take()

    def _meant(self, name: str, value: Value, at: int) -> Value:
        """Return a value as the function around it means it."""
        if name == "start" and value.kind in {"fixed", "free", "nothing"}:
            return Value("start", value.number) if value.kind == "fixed" else Value("nothing")
        if name == "label" and value.kind in {"label", "nothing"}:
            return value
        if name == "equal" and value.kind == "label" and not value.bare:
            return Value("equal", text=value.text)
        needs = {"start": "numbers", "label": "names", "equal": 'a parameter in quotes, as in equal("f=~x1")'}
        raise self._error(f"{name}() takes {needs[name]}.", "Correct what stands in the brackets.", at=at)

    def _end(self, operator: str) -> None:
        """Refuse what follows a statement on its line."""
        if self._token.kind == "end":
            return
        if self._token.kind == "sign" and self._token.text in _OPERATORS:
            what = "A second operator stands in one statement."
            fix = "Start a new line or write ; before its left side. A line that ends in + or an operator goes on."
            raise self._error(what, fix)
        if operator == "~1" and self._is("-"):
            self._regression()
        what = "Between two terms + is missing, or a new line between two statements."
        self._unexpected(what, "Write + between the terms, as in x1 + x2, and modifiers as in 0.5*x1.")


_EXAMPLES = {"=~": "f =~ x1 + x2", "~~": "x1 ~~ x2", "~1": "x1 ~ 1", "|": "x1 | t1 + t2", "~*~": "x1 ~*~ x1"}


def _bad_character(char: str) -> tuple[str, str]:
    """Tell what a character is taken for and what to write."""
    if char in "“”„‟«»‘’‚‛`´":
        return "This quotation mark is not a straight one.", "Write \" or '."
    if char in "−–—‐‑":
        return "This dash is no minus sign of the keyboard.", "Write -."
    if char in "∼˜～":
        return "This tilde is not the one of the keyboard.", "Write ~."
    if char in "\"'":
        return "This quotation mark does not close on its line.", "Close it."
    return (
        "This character has no meaning in a model.",
        "Remove it, or rename the variable: letters, digits, _ and dots.",
    )
