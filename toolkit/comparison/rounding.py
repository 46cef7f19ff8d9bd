"""Numbers as they may leave: rounded so far that a few people's own scores cannot be worked out from them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.comparison.results import Comparison

FEWEST_FOR_A_DECIMAL = 30
"""People a score must rest on to be told with one decimal; a score of fewer is a whole number."""
DECIMALS_OF_P = 4

_LEVELS = ("mean", "sd", "se", "low", "high", "shrunken", "shrunken_low", "shrunken_high")
_CHANGES = ("difference", "se", "low", "high", "df")


def rounded(comparison: Comparison) -> Comparison:
    """Round what a page, a file or a hover may show.

    A mean and a standard deviation of five people in full precision can tell which five scores there were: a scale
    score takes few values, and so do its sums and sums of squares. Intervals hold the standard deviation too.

    Parameters
    ----------
    comparison : Comparison
        In full precision.

    Returns
    -------
    Comparison
        The same with means, intervals and differences of fewer than 30 people as whole score points, others with one
        decimal, and probabilities with four. What is absent stays absent.

    Examples
    --------
    >>> from toolkit.comparison.rounding import steps_of
    >>> steps_of(pd.Series([5, 30, pd.NA], dtype="Int64")).tolist()
    [0, 1, 0]
    """
    levels, changes = comparison.levels.copy(), comparison.changes.copy()
    _round(levels, _LEVELS, steps_of(levels["n"]))
    _round(changes, _CHANGES, np.minimum(steps_of(changes["n_from"]), steps_of(changes["n_to"])))
    for name in ("p", "p_adjusted"):
        changes[name] = changes[name].round(DECIMALS_OF_P)
    return replace(comparison, levels=levels, changes=changes)


def steps_of(n: pd.Series[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the decimals that a score of so many people is told with."""
    return (n.fillna(0).to_numpy(dtype=np.int64) >= FEWEST_FOR_A_DECIMAL).astype(np.int64)


def _round(table: pd.DataFrame, columns: Sequence[str], decimals: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    for name in columns:
        values = table[name].to_numpy(dtype=np.float64)
        # Adding zero makes a zero of a negative zero.
        table[name] = np.where(decimals == 1, values.round(1), values.round(0)) + 0.0
