"""What changed from one wave to another in each group: differences with intervals, tests, and refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from toolkit.comparison.findings import CHANGES
from toolkit.comparison.gate import Verdict
from toolkit.comparison.levels import Moments, counted
from toolkit.comparison.people import People, group_table, spread, wave_column
from toolkit.comparison.results import Adjustment
from toolkit.comparison.shrinkage import Array


def change_table(
    people: People,
    moments: Mapping[str, Moments],
    verdicts: Sequence[Verdict],
    *,
    level: float,
    adjust: Adjustment,
) -> pd.DataFrame:
    """Return one row for each verdict and group."""
    groups = group_table(people.tree)
    shape = (len(verdicts), people.rows.shape[1])
    cells = np.array([np.sort(people.rows[verdict.wave_to]) for verdict in verdicts], dtype=np.int64).reshape(shape)
    numbers = {name: np.full(shape, np.nan) for name in CHANGES[7:15]}
    reasons = np.full(shape, "", dtype=object)
    for row, verdict in enumerate(verdicts):
        if verdict.reason:
            reasons[row] = verdict.reason
            continue
        found = _difference(people, moments[verdict.scale], verdict, level)
        for name, values in found.items():
            numbers[name][row] = values
        hidden = np.isnan(found["difference"])
        reasons[row] = np.where(hidden, "not_shown", np.where(np.isnan(found["p"]), "no_variance", ""))
    pairs = [(verdict.wave_from, verdict.wave_to) for verdict in verdicts]
    families = _families(pairs, people.tree.depths[cells])
    adjusted = _adjusted(numbers["p"].ravel(), families, adjust)
    head = pd.DataFrame(
        {"scale": [verdict.scale for verdict in verdicts], "span": [verdict.span for verdict in verdicts]}, dtype="str"
    ).assign(
        wave_from=wave_column([first for first, _ in pairs], people.waves),
        wave_to=wave_column([last for _, last in pairs], people.waves),
    )
    columns: dict[str, Any] = {name: values.ravel() for name, values in numbers.items()}
    columns |= {name: counted(numbers[name]) for name in ("n_from", "n_to")}
    table = spread(head, shape[1], groups, cells.ravel()).assign(
        **columns,
        p_adjusted=adjusted,
        allowed=~np.isnan(numbers["difference"].ravel()),
        reason=pd.Series(reasons.ravel(), dtype="str"),
    )
    return table[list(CHANGES)]


def _difference(people: People, found: Moments, verdict: Verdict, level: float) -> dict[str, Array]:
    """Return later minus earlier for every group of the later wave, by Welch's method; NaN where one is hidden."""
    order = np.argsort(people.rows[verdict.wave_to])
    ends = [(wave, people.rows[wave, order]) for wave in (verdict.wave_from, verdict.wave_to)]
    n_from, n_to = (found.n[end] for end in ends)
    means, variances = [found.mean[end] for end in ends], [found.variance[end] for end in ends]
    linking_variance: Array | float = 0.0
    if verdict.linking is not None:
        # The scores of the version that the line starts from are put on the other's scale; published levels stay raw.
        line = verdict.linking
        end = 0 if people.version_of[verdict.wave_from] == verdict.linked_version else 1
        linking_variance = line.intercept_se**2 + (means[end] * line.slope_se) ** 2
        means[end] = line.intercept + line.slope * means[end]
        variances[end] = line.slope**2 * variances[end]
    parts = [variances[0] / n_from, variances[1] / n_to]
    difference = means[1] - means[0]
    variance = parts[0] + parts[1] + linking_variance
    se = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = variance**2 / (parts[0] ** 2 / (n_from - 1) + parts[1] ** 2 / (n_to - 1))
        statistic = difference / se
    df = np.where(parts[0] + parts[1] > 0, df, np.nan)
    reach = t.ppf((1 + level) / 2, df) * se
    both = np.isnan(difference)
    return {
        "n_from": np.where(both, np.nan, n_from),
        "n_to": np.where(both, np.nan, n_to),
        "difference": difference,
        "se": se,
        "low": difference - reach,
        "high": difference + reach,
        "df": df,
        "p": 2 * t.sf(np.abs(statistic), df),
    }


def _families(pairs: Sequence[tuple[int, int]], depths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of each test's family: one pair of waves and one kind of group, over all scales."""
    rows = np.array([sorted(set(pairs)).index(pair) for pair in pairs], dtype=np.int64)
    result: NDArray[np.int64] = (rows[:, None] * (depths.max(initial=0) + 1) + depths).ravel()
    return result


def _adjusted(p: Array, families: NDArray[np.int64], adjust: Adjustment) -> Array:
    """Return p adjusted within each family; absent tests do not count."""
    adjusted = np.full(len(p), np.nan)
    for family in np.unique(families):
        places = np.flatnonzero((families == family) & ~np.isnan(p))
        order = places[np.argsort(p[places], kind="stable")]
        rank = np.arange(1, len(order) + 1)
        if adjust == "holm":
            steps = np.maximum.accumulate(p[order] * (len(order) + 1 - rank))
        else:
            steps = np.minimum.accumulate((p[order] * len(order) / rank)[::-1])[::-1]
        adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
