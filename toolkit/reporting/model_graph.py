"""What a standardised solution says about a model's parts: who measures what, how strongly, and what cannot be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from toolkit.reporting.words import number

WEAK = 0.3
"""A standardised loading smaller than this is drawn thin."""
SMALLEST_ERROR = 1e-10
"""A standard error below this is rounding: the value is fixed."""
LOADING, CORRELATION, RESIDUAL, RESIDUAL_COVARIANCE, DISTURBANCE = (
    "loading", "correlation", "residual", "residual_covariance", "disturbance")  # fmt: skip
_JUST_ABOVE_ONE = 1.0 + 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One standardised estimate between two parts, or of one part with itself.

    Attributes
    ----------
    kind : str
        ``"loading"``, ``"correlation"``, ``"residual"`` (a variance), ``"residual_covariance"`` or ``"disturbance"``
        (a covariance of what a higher factor leaves over).
    source, target : str
        The parts; a loading goes from the factor to what it is measured by.
    estimate, low, high : float
        The estimate and its interval; NaN where there is none.
    """

    kind: str
    source: str
    target: str
    estimate: float
    low: float
    high: float

    @property
    def impossible(self) -> bool:
        """Whether no population can have this value."""
        if self.kind == RESIDUAL:
            return self.estimate < 0
        return abs(self.estimate) > _JUST_ABOVE_ONE

    @property
    def weak(self) -> bool:
        """Whether the estimate is small or unknown."""
        return not abs(self.estimate) >= WEAK


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelGraph:
    """The parts of a model and their links.

    Attributes
    ----------
    factors, items : tuple of str
        In the order of the model.
    loadings, correlations, residuals, residual_covariances, disturbances : tuple of Link
        The links by kind. A value that is fixed to zero is no link.
    left_out : int
        Rows between parts that no diagram of a measurement model draws, such as regressions.
    """

    factors: tuple[str, ...]
    items: tuple[str, ...]
    loadings: tuple[Link, ...]
    correlations: tuple[Link, ...]
    residuals: tuple[Link, ...]
    residual_covariances: tuple[Link, ...]
    disturbances: tuple[Link, ...]
    left_out: int

    @property
    def links(self) -> tuple[Link, ...]:
        """All links."""
        return (
            *self.loadings,
            *self.correlations,
            *self.residuals,
            *self.residual_covariances,
            *self.disturbances,
        )

    @property
    def impossible(self) -> tuple[Link, ...]:
        """The links whose value cannot be."""
        return tuple(link for link in self.links if link.impossible)

    def indicators(self, factor: str) -> list[str]:
        """Return what a factor is measured by."""
        return [link.target for link in self.loadings if link.source == factor]


def of_group(frame: pd.DataFrame, group: str | None) -> pd.DataFrame:
    """Return the rows of one group; of the first where none is named, and all where the table has no groups."""
    if "group" not in frame.columns or frame.empty:
        return frame
    wanted = frame["group"].iloc[0] if group is None else group
    return frame[frame["group"] == wanted]


def model_graph(standardized: pd.DataFrame, *, group: str | None = None) -> ModelGraph:
    """Read the parts of a model and their links from a standardised solution.

    Parameters
    ----------
    standardized : DataFrame
        Columns lhs, op, rhs, est and, where there are any, group, se, ci_lower, ci_upper.
    group : str, optional
        The group to read; the first where there are several.
    """
    rows: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()}
        for row in of_group(standardized, group).to_dict(orient="records")
    ]
    measured = [(str(row["lhs"]), str(row["rhs"])) for row in rows if row["op"] == "=~"]
    factors = tuple(dict.fromkeys(lhs for lhs, _ in measured))
    items = tuple(dict.fromkeys(rhs for _, rhs in measured if rhs not in factors))
    inner = {rhs for _, rhs in measured if rhs in factors}
    links: dict[str, list[Link]] = {
        kind: [] for kind in (LOADING, CORRELATION, RESIDUAL, RESIDUAL_COVARIANCE, DISTURBANCE)
    }
    left_out = 0
    for row in rows:
        kind = _kind(row, set(factors), set(items), inner)
        if kind is None:
            left_out += row["op"] in {"~", "~~"} and row["lhs"] != row["rhs"] and not _fixed_to_zero(row)
        elif not _fixed_to_zero(row) or kind in {LOADING, RESIDUAL}:
            estimated = _float(row.get("se")) > SMALLEST_ERROR
            links[kind].append(
                Link(
                    kind=kind,
                    source=str(row["lhs"]),
                    target=str(row["rhs"]),
                    estimate=_float(row["est"]),
                    low=_float(row.get("ci_lower")) if estimated else math.nan,
                    high=_float(row.get("ci_upper")) if estimated else math.nan,
                )
            )
    return ModelGraph(
        factors=factors,
        items=items,
        loadings=tuple(links[LOADING]),
        correlations=tuple(links[CORRELATION]),
        residuals=tuple(links[RESIDUAL]),
        residual_covariances=tuple(links[RESIDUAL_COVARIANCE]),
        disturbances=tuple(links[DISTURBANCE]),
        left_out=left_out,
    )


def _kind(row: Mapping[str, Any], factors: set[str], items: set[str], inner: set[str]) -> str | None:
    lhs, rhs = row["lhs"], row["rhs"]
    if row["op"] == "=~":
        return LOADING
    if row["op"] != "~~":
        return None
    if lhs == rhs:
        return RESIDUAL if lhs in items else None
    if lhs in factors and rhs in factors:
        return DISTURBANCE if lhs in inner or rhs in inner else CORRELATION
    return RESIDUAL_COVARIANCE if lhs in items and rhs in items else None


def _fixed_to_zero(row: Mapping[str, Any]) -> bool:
    return row["est"] == 0 and not _float(row.get("se")) > SMALLEST_ERROR


def _float(value: Any) -> float:
    return math.nan if value is None or value is pd.NA else float(value)


def coefficient(value: float, language: str) -> str:
    """Write a standardised estimate as the field does: two decimals, no zero before the decimal sign.

    Examples
    --------
    >>> coefficient(-0.453, "en"), coefficient(0.5, "nb"), coefficient(1.031, "en")
    ('−.45', ',50', '1.03')
    """
    text = number(value, language, 2)
    sign, size = ("\N{MINUS SIGN}", text[1:]) if text.startswith("\N{MINUS SIGN}") else ("", text)
    return sign + (size[1:] if size.startswith("0") and len(size) > 1 else size)


def named(names: Mapping[str, str] | None, part: str) -> str:
    """Return the name of a part for readers, or its own."""
    return (names or {}).get(part) or part


def flag_sentences(
    links: Iterable[Link],
    *,
    words: Mapping[str, str],
    language: str,
    names: Mapping[str, str] | None = None,
    admissible: bool = True,
    converged: bool = True,
) -> list[str]:
    """Say in words why a solution cannot be read; nothing where it can.

    Parameters
    ----------
    links : iterable of Link
        Links that may hold impossible values.
    words : mapping of str to str
        Words of the language.
    language : str
        Language of numbers.
    names : mapping of str to str, optional
        Names of factors and items for readers.
    admissible, converged : bool
        What the fit says about itself.
    """
    said = [] if converged else [words["cfa_not_converged"]]
    impossible = [link for link in links if link.impossible]
    if impossible or not admissible:
        said.append(words["cfa_inadmissible"])
    said += [
        words[f"cfa_impossible_{link.kind}"].format(
            source=named(names, link.source),
            target=named(names, link.target),
            estimate=coefficient(link.estimate, language),
        )
        for link in impossible
    ]
    if not admissible and not impossible:
        said.append(words["cfa_inadmissible_matrix"])
    return said
