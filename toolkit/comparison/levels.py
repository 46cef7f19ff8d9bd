"""Where each group stands in each wave: counts, means, SDs and their hidden cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from toolkit.comparison.gate import aggregation
from toolkit.comparison.people import People, group_table, spread, wave_column
from toolkit.comparison.results import LEVELS, VARIANCE
from toolkit.comparison.shrinkage import LEAST_UNITS, Array, shrunken_means, variance_components
from toolkit.disclosure.cells import shown_over_time
from toolkit.disclosure.thresholds import Policy
from toolkit.instruments.scoring import score

_ROUNDING = 1e-10
"""Far below the distance of two scores, in points of any shown range."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """One scale: what is published of each group in each wave. All arrays are of shape (n_waves, n_cells).

    Attributes
    ----------
    n, mean, squares : ndarray of float
        People with a score, their mean, and the sum of squared deviations from it; NaN where hidden.
    shown : ndarray of bool
        Whether a cell may be shown.
    waves : list of int
        The waves whose version has the scale.
    """

    n: Array
    mean: Array
    squares: Array
    shown: NDArray[np.bool_]
    waves: list[int]

    @property
    def variance(self) -> Array:
        """Variance of the scores."""
        result: Array = self.squares / (self.n - 1)
        return result


def published_moments(people: People, policy: Policy) -> dict[str, Moments]:
    """Score everybody, add up by group and wave, and hide what may not be shown.

    Everything that a comparison says is computed from what this returns. A hidden number is absent here already, so
    whatever is computed later cannot hold it.
    """
    scores = {version: score(people.versions[version], frame).scores for version, frame in people.frames.items()}
    found = {}
    for scale in dict.fromkeys(code for table in scores.values() for code in table.columns):
        values = np.full(len(people.wave), np.nan)
        waves: list[int] = []
        rates_leader = False
        for version, table in scores.items():
            if scale in table.columns:
                values[people.part(version)] = table[scale].to_numpy()
                waves += people.waves_of(version)
                rates_leader |= people.versions[version].scales[scale].rates_leader
        floor = policy.floor("mean", rates_leader=rates_leader)
        lowest = policy.lowest("mean", rates_leader=rates_leader)
        found[scale] = _moments(people, values, sorted(waves), floor=floor, lowest=lowest)
    return found


def level_table(people: People, moments: dict[str, Moments], *, level: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the levels of all groups, and the variance between the units of each scale and wave."""
    groups = group_table(people.tree)
    n_groups = people.rows.shape[1]
    rows = [(scale, wave) for scale, found in moments.items() for wave in found.waves]
    numbers = {name: np.full((len(rows), n_groups), np.nan) for name in LEVELS[6:15]}
    cells = np.sort(people.rows, axis=1)[[wave for _, wave in rows]]
    shown = np.zeros(cells.shape, dtype=bool)
    variances = []
    for row, (scale, wave) in enumerate(rows):
        found, here = moments[scale], cells[row]
        shown[row] = found.shown[wave, here]
        numbers["n"][row], numbers["mean"][row] = found.n[wave, here], found.mean[wave, here]
        numbers["sd"][row] = np.sqrt(found.variance[wave, here])
        shrunken = np.full((3, len(groups)), np.nan)
        variances.append(_shrink(people, found, wave, level, shrunken))
        for name, values in zip(LEVELS[12:15], shrunken, strict=True):
            numbers[name][row] = values[here]
    numbers["se"] = numbers["sd"] / np.sqrt(numbers["n"])
    reach = t.ppf((1 + level) / 2, numbers["n"] - 1) * numbers["se"]
    numbers["low"], numbers["high"] = numbers["mean"] - reach, numbers["mean"] + reach
    waves = [wave for _, wave in rows]
    head = pd.DataFrame(
        {"scale": [scale for scale, _ in rows], "version": [people.version_of[wave] for wave in waves]}, dtype="str"
    ).assign(wave=wave_column(waves, people.waves))
    columns = {name: values.ravel() for name, values in numbers.items()} | {"n": counted(numbers["n"])}
    levels = spread(head, n_groups, groups, cells.ravel()).assign(**columns, shown=shown.ravel())
    variance = head.assign(**{name: [row[name] for row in variances] for name in VARIANCE[3:]})
    variance["n"] = counted(variance["n"].to_numpy())
    return levels[list(LEVELS)], variance[list(VARIANCE)]


def counted(values: Array) -> pd.Series:
    """Return whole numbers that may be absent."""
    return pd.Series(values.ravel()).astype("Int64")


def _moments(people: People, values: Array, waves: list[int], *, floor: int, lowest: int) -> Moments:
    """Add up one scale by unit, then by everything above, and hide."""
    tree = people.tree
    scored = ~np.isnan(values)
    cells, present = people.cell[scored], values[scored]
    shape = (len(people.waves), len(tree.smallest))
    n = np.bincount(cells, minlength=people.n_cells).astype(float)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(cells, weights=present, minlength=people.n_cells) / n
    squares = np.bincount(cells, weights=_apart(present, mean[cells]) ** 2, minlength=people.n_cells)
    n, mean, squares = n.reshape(shape), np.nan_to_num(mean).reshape(shape), squares.reshape(shape)
    totals, means, spreads = (np.zeros((shape[0], len(tree.paths))) for _ in range(3))
    for member in tree.members:
        _add(totals, member, n)
        _add(means, member, n * mean)
    with np.errstate(invalid="ignore"):
        means /= totals
    for member in tree.members:
        _add(spreads, member, squares + n * _apart(mean, np.nan_to_num(means[:, member])) ** 2)
    shown = shown_over_time(tree, n, floor=floor, raised_from=lowest)
    for table in (totals, means, spreads):
        table[~shown] = np.nan
    return Moments(n=totals, mean=means, squares=spreads, shown=shown, waves=waves)


def _apart(values: Array, mean: Array) -> Array:
    """Return deviations, with those that only rounding makes set to 0: equal answers have no variance."""
    deviation: Array = values - mean
    deviation[np.abs(deviation) < _ROUNDING] = 0.0
    return deviation


def _add(table: Array, member: NDArray[np.int64], values: Array) -> None:
    np.add.at(table.T, member, values.T)


def _shrink(people: People, found: Moments, wave: int, level: float, out: Array) -> dict[str, float | str]:
    """Estimate the variance between the shown units, write their shrunken means, and return the variance's row."""
    units = people.tree.smallest[found.shown[wave, people.tree.smallest]]
    n, means = found.n[wave, units], found.mean[wave, units]
    components = variance_components(n, means, found.squares[wave, units], level=level)
    if components is not None and len(units) >= LEAST_UNITS:
        out[:, units] = shrunken_means(components, n, means, level=level)
    numbers: dict[str, float | str] = dict.fromkeys(VARIANCE[3:-1], np.nan)
    if components is not None:
        numbers = {name: getattr(components, name) for name in numbers}
    return numbers | {"n_units": len(units), "aggregation": aggregation(components, len(units))}
