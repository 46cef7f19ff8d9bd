"""How parity tests compare: in the same order, counted, with the worst deviation kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

CLOSED = 1e-6  # seen: 4e-11; the reference is rounded to 11 digits
ITERATIVE = 1e-4  # seen: 2.4e-5 in loadings, where R stops rotating at a gradient of 1e-5
Compare = Callable[..., int]


def comparison(record_property: Callable[[str, object], None]) -> Compare:
    """Return a function that compares numbers, records how many, and returns that number."""

    def compare_family(family: str, got: Any, expected: Any, *, tolerance: float, absolute: bool = False) -> int:
        ours, theirs = np.asarray(got, dtype=float).ravel(), np.asarray(expected, dtype=float).ravel()
        assert ours.shape == theirs.shape
        assert np.isfinite(theirs).all()
        deviation = np.abs(ours - theirs) / (1.0 if absolute else np.maximum(np.abs(theirs), 1e-300))
        worst = float(deviation.max())
        record_property("parity", {"family": family, "n": ours.size, "worst": worst, "tolerance": tolerance})
        assert worst <= tolerance, f"{family}: worst deviation {worst:.2e}"
        return int(ours.size)

    return compare_family


def in_order(values: dict[str, float], items: list[str]) -> list[float]:
    assert list(values) == items
    return [values[item] for item in items]


def aligned(loadings: np.ndarray, phi: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return factors in the order and with the signs of the target."""
    congruence = loadings.T @ target / np.sqrt(np.outer((loadings**2).sum(0), (target**2).sum(0)))
    ours, theirs = linear_sum_assignment(-np.abs(congruence))
    order = ours[np.argsort(theirs)]
    sign = np.sign(congruence[order, np.arange(order.size)])
    return loadings[:, order] * sign, phi[np.ix_(order, order)] * np.outer(sign, sign)
