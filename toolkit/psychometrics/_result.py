"""What every result of a statistic can do, and the interval it carries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

import toolkit
from toolkit.errors import Code, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An interval for an estimate.

    Attributes
    ----------
    low, high : float
        The limits; NaN where they cannot be computed.
    level : float
        The confidence level, between 0 and 1.
    method : str
        How the limits were computed.
    """

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number together with its interval.

    Attributes
    ----------
    estimate : float
        The number.
    low, high : float
        The limits; NaN where they cannot be computed.
    level : float
        The confidence level, between 0 and 1.
    method : str
        How the limits were computed.
    """

    estimate: float
    low: float
    high: float
    level: float
    method: str


class Result:
    """Mixin of all results: arrays are copied and locked, tables are copied, and everything can be written out.

    A field whose name starts with an underscore is for methods of the result alone and is never written out.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        """Own the data: later changes by the caller do not reach the result."""
        for name, value in self._items():
            if isinstance(value, np.ndarray):
                locked = value.copy()
                locked.setflags(write=False)
                object.__setattr__(self, name, locked)
            elif isinstance(value, pd.DataFrame | pd.Series):
                object.__setattr__(self, name, value.copy(deep=True))

    def _items(self) -> list[tuple[str, Any]]:
        owner: Any = self
        return [(field.name, getattr(owner, field.name)) for field in fields(owner) if not field.name.startswith("_")]

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as a tidy table in full precision: one row, one column a number."""
        row: dict[str, object] = {}
        for name, value in self._items():
            if isinstance(value, Interval | Estimate):
                row |= {f"{name}_{part}": getattr(value, part) for part in value.__slots__}
            elif isinstance(value, int | float | str | np.number):
                row[name] = value
        return pd.DataFrame([row])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values: tables by row and column name, NaN as None."""
        return {name: _plain(value) for name, value in self._items()}

    def _repr_html_(self) -> str:
        owner: Any = self
        notes = "".join(f"<li>{_escaped(str(problem))}</li>" for problem in owner.warnings)
        heading = f"<p><strong>{type(self).__name__}</strong>: {_escaped(owner.method)}</p>"
        return heading + self.to_frame().to_html() + (f"<ul>{notes}</ul>" if notes else "")


def undefined(what: str, why: str) -> Problem:
    """Return the warning that a quantity is NaN because it does not exist for these data."""
    return Problem(code=Code.STA_UNDEFINED, what=f"{why} Left as NaN: {what}.", fix="Report it as missing.")


def provenance(statistic: str, options: Mapping[str, object], *, seed: int | None = None) -> Mapping[str, Any]:
    """Return what is needed to compute a result again: options, seed and versions."""
    return MappingProxyType(
        {
            "statistic": statistic,
            "options": dict(options),
            "seed": seed,
            "versions": {"toolkit": toolkit.__version__} | _versions(),
        }
    )


@cache
def _versions() -> dict[str, str]:
    return {package: version(package) for package in ("numpy", "scipy", "pandas", "factor_analyzer")}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(value: Any) -> Any:
    """Turn one value into what JSON can hold."""
    if value is None or (isinstance(value, str | bool | int) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, pd.DataFrame):
        return {_key(row): _plain(cells) for row, cells in value.to_dict(orient="index").items()}
    if isinstance(value, pd.Series | Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return [_plain(entry) for entry in value]


def _key(row: object) -> str:
    """Return a row's name as one text, also where it has several parts."""
    return " ".join(str(part) for part in row) if isinstance(row, tuple) else str(row)
