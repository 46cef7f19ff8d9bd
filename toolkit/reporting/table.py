"""A table in full precision, from which a page and a CSV file are made."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from toolkit.reporting.words import ABSENT, as_rounded, number

_STARTS_FORMULA = re.compile(r"^[=+\-@\t\r]")
DECIMALS_OF_P = 3
"""A small probability is written as below the smallest that has so many decimals, never as nothing."""
_NUMBER = re.compile(r"^[+-]?\d+(\.\d+)?$")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A table in full precision, and how a page shows it.

    Attributes
    ----------
    name : str
        Name of the CSV file, without ending.
    caption : str
        What the table holds.
    frame : DataFrame
        The cells; the first ``n_labels`` columns name the row.
    headings : mapping of str to str
        Words for the columns on the page; a column without one is shown by its name.
    decimals : mapping of str to int or None
        Decimals on the page; whole numbers have none. None is for numbers that were rounded to one decimal or none.
    row_decimals : tuple of int
        Decimals of each row instead of those of the columns, where each row is another kind of number; columns of
        whole numbers have none.
    hidden : tuple of str
        Columns that only the CSV file has.
    n_labels : int
        Columns that name the row.
    note : str
        What must be known about the numbers.
    language : str
        Language in which the page writes numbers.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    headings: Mapping[str, str] = field(default_factory=dict)
    decimals: Mapping[str, int | None] = field(default_factory=dict)
    row_decimals: tuple[int, ...] = ()
    hidden: tuple[str, ...] = ()
    n_labels: int = 1
    note: str = ""
    language: str = "en"

    @property
    def columns(self) -> list[tuple[str, str, bool]]:
        """Columns of the page: name, heading, and whether it holds numbers."""
        return [
            (column, self.headings.get(column, column.replace("_", " ")), self._is_numeric(column))
            for column in map(str, self.frame.columns)
            if column not in self.hidden
        ]

    @property
    def rows(self) -> list[list[str]]:
        """Cells of the page, as text."""
        columns = [self.frame[column].tolist() for column, _, _ in self.columns]
        of_columns = [self.decimals.get(column, 0) for column, _, _ in self.columns]
        cells = list(zip(*columns, strict=True))
        whole = [pd.api.types.is_integer_dtype(self.frame[column]) for column, _, _ in self.columns]
        decimals: list[list[int | None]] = [
            [0 if is_whole else places for is_whole in whole] for places in self.row_decimals
        ]
        decimals = decimals or [of_columns] * len(cells)
        return [
            [shown(value, places, self.language) for value, places in zip(row, of_row, strict=True)]
            for row, of_row in zip(cells, decimals, strict=True)
        ]

    def to_csv(self) -> str:
        """Write the table in full precision; text that a spreadsheet would run as a formula gets an apostrophe."""
        safe = self.frame.map(_safe)
        safe.columns = pd.Index([_safe(str(column)) for column in safe.columns])
        buffer = io.StringIO()
        safe.to_csv(buffer, index=False, lineterminator="\n")
        return buffer.getvalue()

    def _is_numeric(self, column: str) -> bool:
        return pd.api.types.is_numeric_dtype(self.frame[column]) and not pd.api.types.is_bool_dtype(self.frame[column])


def shown(value: Any, decimals: int | None = 0, language: str = "en") -> str:
    """Write one cell for a page: rounded, a dash for what is absent, yes and no for truth values."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if decimals is None:
            return as_rounded(float(value), language)
        if decimals >= 6 and value != 0 and round(value, decimals) == 0:
            return f"{value:.1e}".replace("-", "\N{MINUS SIGN}")
        smallest = 10.0**-decimals
        if decimals == DECIMALS_OF_P and 0 < value < smallest / 2:
            return f"<\N{NO-BREAK SPACE}{number(smallest, language, decimals)}"
        return number(value, language, decimals)
    return str(value)


def _safe(value: Any) -> Any:
    if isinstance(value, str) and _STARTS_FORMULA.match(value) and not _NUMBER.match(value):
        return f"'{value}"
    return value
