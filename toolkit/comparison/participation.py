"""How many of the invited submitted their answers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from toolkit.comparison.levels import counted
from toolkit.comparison.people import Columns, check_context, group_table, one_order, rows_of, spread, wave_column
from toolkit.comparison.results import RATES, ResponseRates
from toolkit.disclosure.cells import hierarchy, shown_over_time
from toolkit.disclosure.thresholds import Policy
from toolkit.errors import Code, ComparisonError, Problem


def response_rates(
    counts: pd.DataFrame,
    *,
    by: str = "unit",
    within: str | None = "service",
    over: str = "wave",
    policy: Policy | None = None,
) -> ResponseRates:
    """Return the response rate of every unit, service and everybody in each wave.

    Parameters
    ----------
    counts : DataFrame
        One row a unit and wave: the columns that ``by``, ``within`` and ``over`` name, ``invited`` and ``submitted``.
        Rows of the same unit and wave are added up.
    by, within, over, policy
        As :func:`toolkit.comparison.compare` takes them.

    Returns
    -------
    ResponseRates

    Raises
    ------
    ComparisonError
        ``CMP_COLUMN``, ``CMP_EMPTY_CELL``, ``CMP_WAVE_ORDER``, ``CMP_NO_RESPONSES``, or ``CMP_COUNTS`` where a count is
        not a whole number of people or more submitted than were invited.

    Notes
    -----
    The floor of means counts those who submitted, as if each rate were a mean; a hidden count hides the rate, from
    which it would follow. How many were invited is known to whoever invited them and is always shown.

    Examples
    --------
    >>> counts = pd.DataFrame({"unit": ["ward", "team"], "invited": [30, 9], "submitted": [24, 6]})
    >>> counts["wave"] = pd.Categorical(["2024", "2024"], ordered=True)
    >>> response_rates(counts, within=None).rates[["kind", "group", "invited", "submitted", "rate"]]
       kind group  invited  submitted      rate
    0   all             39         30  0.769231
    1  unit  team        9          6  0.666667
    2  unit  ward       30         24  0.800000
    """
    floors = Policy() if policy is None else policy
    columns = Columns(unit=by, service=within, wave=over)
    check_context(counts, [*columns.groups, over, "invited", "submitted"], over, what="the counts")
    if counts.empty:
        raise ComparisonError(
            Problem(
                code=Code.CMP_NO_RESPONSES, what="There are no counts.", fix="Give the counts of at least one unit."
            )
        )
    _check_counts(counts)
    tree, place = hierarchy(counts[columns.groups].astype("str"))
    categories = one_order([counts[over]])
    used, wave = np.unique(counts[over].cat.codes.to_numpy(dtype=np.int64), return_inverse=True)
    shape = (len(used), len(tree.smallest))
    people = {}
    for name in ("invited", "submitted"):
        people[name] = np.zeros(shape, dtype=np.int64)
        np.add.at(people[name], (wave, place), counts[name].to_numpy(dtype=np.int64))
    totals = {name: np.array([tree.totals(row) for row in table], dtype=float) for name, table in people.items()}
    floor, lowest = floors.floor("mean"), floors.lowest("mean")
    shown = shown_over_time(tree, people["submitted"], floor=floor, raised_from=lowest)
    submitted = np.where(shown, totals["submitted"], np.nan)
    groups = group_table(tree)
    rows = np.sort(rows_of(tree, people["invited"] > 0), axis=1)
    head = pd.DataFrame({"wave": wave_column(np.arange(len(used)), [categories[code] for code in used])})
    numbers = [np.take_along_axis(values, rows, axis=1) for values in (totals["invited"], submitted, shown)]
    with np.errstate(invalid="ignore"):
        rate = numbers[1] / numbers[0]
    table = spread(head, rows.shape[1], groups, rows.ravel()).assign(
        invited=counted(numbers[0]), submitted=counted(numbers[1]), rate=rate.ravel(), shown=numbers[2].ravel()
    )
    return ResponseRates(rates=table[list(RATES)], policy=floors)


def _check_counts(counts: pd.DataFrame) -> None:
    """Refuse counts that are not people."""
    problems = []
    for name in ("invited", "submitted"):
        dtype = counts[name].dtype
        if not pd.api.types.is_integer_dtype(dtype) or (counts[name] < 0).any():
            problems.append(
                Problem(
                    code=Code.CMP_COUNTS,
                    what=f"The column '{name}' does not count people.",
                    got=str(dtype) if not pd.api.types.is_integer_dtype(dtype) else "a count below 0",
                    allowed="whole numbers, 0 or more",
                    fix="Correct the counts.",
                    column=name,
                )
            )
    if not problems and (counts["submitted"] > counts["invited"]).any():
        problems.append(
            Problem(
                code=Code.CMP_COUNTS,
                what="More people submitted than were invited.",
                fix="Correct the counts.",
                column="submitted",
            )
        )
    if problems:
        raise ComparisonError(problems)
