"""Standardised solutions of made-up models, in the columns of a confirmatory fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

COLUMNS = ["lhs", "op", "rhs", "group", "est", "se", "z", "p", "ci_lower", "ci_upper"]


def row(lhs: str, op: str, rhs: str, est: float, *, se: float = 0.04, group: str = "") -> dict[str, object]:
    """One row; a standard error of NaN says that the value is fixed."""
    fixed = math.isnan(se)
    return {
        "lhs": lhs,
        "op": op,
        "rhs": rhs,
        "group": group,
        "est": est,
        "se": se,
        "z": math.nan if fixed else est / se,
        "p": math.nan if fixed else math.erfc(abs(est / se) / math.sqrt(2)),
        "ci_lower": math.nan if fixed else est - 1.96 * se,
        "ci_upper": math.nan if fixed else est + 1.96 * se,
    }


def solution(
    measured: Mapping[str, Mapping[str, float]],
    correlations: Mapping[tuple[str, str], float] | None = None,
    residuals: Mapping[str, float] | None = None,
    covariances: Mapping[tuple[str, str], float] | None = None,
    *,
    group: str = "",
) -> pd.DataFrame:
    """A standardised solution from its loadings; what is not given follows from them."""
    rows = [
        row(factor, "=~", item, value, group=group)
        for factor, items in measured.items()
        for item, value in items.items()
    ]
    explained: dict[str, float] = {}
    for items in measured.values():
        for item, value in items.items():
            explained[item] = explained.get(item, 0.0) + value**2
    for part, share in explained.items():
        rows.append(row(part, "~~", part, (residuals or {}).get(part, 1 - share), group=group))
    rows += [row(factor, "~~", factor, 1.0, se=math.nan, group=group) for factor in measured if factor not in explained]
    rows += [
        row(one, "~~", other, value, se=math.nan if value == 0 else 0.05, group=group)
        for values in (correlations or {}, covariances or {})
        for (one, other), value in values.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def blocks(sizes: Sequence[int], *, seed: int = 1, prefix: str = "", item: str = "{factor}{number}") -> pd.DataFrame:
    """Correlated factors with so many items each; all loadings are fair."""
    rng = np.random.default_rng(seed)
    factors = [f"{prefix}{chr(65 + number)}" for number in range(len(sizes))]
    measured = {
        factor: {
            item.format(factor=factor, number=number): float(rng.uniform(0.35, 0.88)) for number in range(1, size + 1)
        }
        for factor, size in zip(factors, sizes, strict=True)
    }
    correlations = {
        (one, other): float(rng.uniform(-0.2, 0.75))
        for place, one in enumerate(factors)
        for other in factors[place + 1 :]
    }
    return solution(measured, correlations)


def heywood() -> pd.DataFrame:
    """Three factors with a loading above 1, a negative residual variance and a correlation above 1."""
    return solution(
        {
            "visual": {"x1": 0.62, "x2": 1.08, "x3": 0.58},
            "textual": {"x4": 0.85, "x5": 0.86, "x6": -0.42},
            "speed": {"x7": 0.21, "x8": 0.72, "x9": 0.66},
        },
        {("visual", "textual"): 0.46, ("visual", "speed"): 1.04, ("textual", "speed"): 0.28},
        covariances={("x7", "x8"): 0.31, ("x2", "x6"): -0.12, ("x1", "x3"): 0.18},
    )


def bifactor() -> pd.DataFrame:
    """A general factor over fourteen items, three group factors and two items of the general factor alone."""
    rng = np.random.default_rng(3)
    groups = {
        "Mastery": ["m1", "m2", "m3", "m4"],
        "Meaning": ["p1", "p2", "p3", "p4"],
        "Fear": ["f1", "f2", "f3", "f4"],
    }
    items = [*(item for members in groups.values() for item in members), "g1", "g2"]
    measured = {"General work health": {name: float(rng.uniform(0.4, 0.8)) for name in items}}
    for factor, members in groups.items():
        measured[factor] = {name: float(rng.uniform(0.2, 0.55)) for name in members}
    pairs = [(one, other) for place, one in enumerate(measured) for other in list(measured)[place + 1 :]]
    return solution(measured, dict.fromkeys(pairs, 0.0))


def higher_order() -> pd.DataFrame:
    """Three factors under a higher one."""
    return solution(
        {
            "visual": {"x1": 0.77, "x2": 0.42, "x3": 0.58},
            "textual": {"x4": 0.85, "x5": 0.86, "x6": 0.84},
            "speed": {"x7": 0.57, "x8": 0.72, "x9": 0.67},
            "ability": {"visual": 0.87, "textual": 0.53, "speed": 0.54},
        },
        covariances={("textual", "speed"): 0.12},
    )


def crossed() -> pd.DataFrame:
    """Two factors with cross-loadings and a method factor over items of both."""
    return solution(
        {
            "A": {"a1": 0.7, "a2": 0.6, "a3": 0.65, "b1": 0.25},
            "B": {"b1": 0.5, "b2": 0.7, "b3": 0.6, "b4": 0.66, "a3": -0.31},
            "Negative wording": {"a2": 0.35, "b3": 0.4},
        },
        {("A", "B"): 0.4, ("A", "Negative wording"): 0.0, ("B", "Negative wording"): 0.22},
    )
