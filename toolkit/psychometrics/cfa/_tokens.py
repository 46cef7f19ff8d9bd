"""Model text cut into tokens, and errors that show the line and a caret below the place."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from typing import Literal, NamedTuple

from toolkit.errors import Code, Problem, StatisticsError

Kind = Literal["name", "number", "string", "sign", "end", "bad"]
"""``end`` is the end of a statement or of the text; ``bad`` is a character that means nothing here."""

_TOKEN = re.compile(
    r"""
    (?P<space>[^\S\r\n]+|[#!][^\r\n]*)
    |(?P<newline>\r\n?|\n)
    |(?P<string>"[^"\r\n]*"|'[^'\r\n]*')
    |(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<name>[^\W\d][\w.]*|\.[\w.]*)
    |(?P<sign>=~|~\*~|~~|:=|==|<~|[~|+*(),:<>=?%/^;-])
    |(?P<bad>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME_GOES_ON = re.compile(r"[\w.]*")
_NO_STATEMENT_ENDS_AFTER = {"=~", "~~", "~*~", "~", "|", "+", "*", ",", "("}
_NO_STATEMENT_STARTS_WITH = {"+", "*"}
_WIDEST_EXCERPT = 90


class Token(NamedTuple):
    """A piece of a model's text and where it starts; the text of an ``end`` is a newline, ``;`` or nothing."""

    kind: Kind
    text: str
    at: int


class Source:
    """A model's text, its tokens, and the errors in it.

    Parameters
    ----------
    text : str
        What was written.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in re.finditer(r"\r\n?|\n", text))]

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1

    def error(
        self, what: str, *, at: int, fix: str, allowed: str | None = None, code: Code = Code.STA_MODEL_SYNTAX
    ) -> StatisticsError:
        """Return the error that something is wrong at an offset."""
        line, column = self.place(at)
        got = self._excerpt(line, column)
        return StatisticsError(Problem(code=code, what=what, line=line, got=got, allowed=allowed, fix=fix))

    def _excerpt(self, line: int, column: int) -> str:
        """Return the line and below it a caret; of a long line the part around the column."""
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self.text)
        first = start if column <= _WIDEST_EXCERPT - 10 else start + column - _WIDEST_EXCERPT // 2
        last = min(end, first + _WIDEST_EXCERPT)
        before, after = self.text[first : start + column - 1], self.text[start + column - 1 : last].rstrip()
        before, after = ("... " if first > start else "") + _shown(before), _shown(after)
        more = " ..." if self.text[last:end].strip() else ""
        return f"\n    {before}{after}{more}\n    {' ' * sum(map(_width, before))}^"

    def tokens(self) -> list[Token]:
        """Cut the text into tokens; the last one is an end.

        A newline ends a statement, but not in brackets, not after an operator, ``+``, ``*`` or a comma, and not where
        the next line starts with ``+`` or ``*``.
        """
        found: list[Token] = []
        at, depth = 0, 0
        while at < len(self.text):
            token, after = self._next(at)
            at = after
            if token is None:
                continue
            before = found[-1] if found else Token("end", "", 0)
            if token.text == "\n" and (depth > 0 or before.kind == "end" or before.text in _NO_STATEMENT_ENDS_AFTER):
                continue
            if token.text in _NO_STATEMENT_STARTS_WITH and before.text == "\n":
                found.pop()
            depth = max(0, depth + (token.text == "(") - (token.text == ")"))
            found.append(token)
        found.append(Token("end", "", len(self.text.rstrip())))
        return found

    def _next(self, at: int) -> tuple[Token | None, int]:
        """Return the token at an offset, None for space and comments, and where it ends."""
        match = _TOKEN.match(self.text, at)
        if match is None or match.lastgroup == "space":
            return None, match.end() if match else len(self.text)
        end, kind = match.end(), match.lastgroup
        if kind == "newline":
            return Token("end", "\n", at), end
        if match[0] == ";":
            return Token("end", ";", at), end
        if kind == "name":
            end = self._end_of_name(end)
        return Token(_KINDS[str(kind)], self.text[at:end], at), end

    def _end_of_name(self, end: int) -> int:
        """Return where a name ends; accents and vowel signs that are characters of their own belong to it."""
        while end < len(self.text) and unicodedata.category(self.text[end])[0] == "M":
            rest = _NAME_GOES_ON.match(self.text, end + 1)
            end = rest.end() if rest else end + 1
        return end


_KINDS: dict[str, Kind] = {"name": "name", "number": "number", "string": "string", "sign": "sign", "bad": "bad"}


def is_name(text: str) -> bool:
    """Tell whether a text is one name."""
    tokens = Source(text).tokens()
    return len(tokens) == 2 and tokens[0].kind == "name" and tokens[0].text == text


def _shown(text: str) -> str:
    """Return a text with a space for each tab and a question mark for what no terminal can show."""
    return "".join(" " if char.isspace() else char if char.isprintable() else "?" for char in text)


def _width(char: str) -> int:
    """Return the cells that a character takes in a terminal."""
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
