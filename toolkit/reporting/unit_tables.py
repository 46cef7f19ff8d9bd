"""The columns and the table of a validation run that say what it does that persons of a unit resemble each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from toolkit.reporting.table import Table

if TYPE_CHECKING:
    from toolkit.validation.run import ValidationRun
    from toolkit.validation.units import DesignEffect

COLUMN_HEADINGS: Mapping[str, str] = {"icc1": "ICC(1)", "design_effect": "design effect"}
COLUMN_DECIMALS: Mapping[str, int] = {"icc1": 3, "design_effect": 2}


def scale_columns(run: ValidationRun, scale: str, *, has_interval: bool = True) -> dict[str, float]:
    """Return the two columns beside an interval about a scale: of its score; none where the run knows no units."""
    if run.units is None:
        return {}
    return _columns(run.units.scales.get(scale) if has_interval else None)


def item_columns(run: ValidationRun, item: str) -> dict[str, float]:
    """Return the two columns beside an interval about an item; none where the run knows no units."""
    return {} if run.units is None else _columns(run.units.items.get(item))


def beside(frame: pd.DataFrame, *, after: str) -> pd.DataFrame:
    """Return a table with the columns about units right after the column that ends an interval."""
    moved = [column for column in frame.columns if str(column) in COLUMN_HEADINGS or "with_units" in str(column)]
    if not moved:
        return frame
    rest = [column for column in frame.columns if column not in moved]
    place = rest.index(after) + 1
    return frame[[*rest[:place], *moved, *rest[place:]]]


def _columns(effect: DesignEffect | None) -> dict[str, float]:
    nan = float("nan")
    return {
        "icc1": nan if effect is None else effect.icc1,
        "design_effect": nan if effect is None else effect.design_effect,
    }


def unit_tables(run: ValidationRun, names: Mapping[str, str]) -> Iterator[Table]:
    """Make the table of the scales' scores by unit.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    names : mapping of str to str
        Names of the scales by code.
    """
    if run.units is None:
        return
    rows = [{"scale": code, "name": names[code], **effect.to_dict()} for code, effect in run.units.scales.items()]
    yield Table(
        name="units",
        caption="Scores by unit: how much persons of a unit resemble each other",
        frame=pd.DataFrame(rows),
        headings={
            "n_persons": "persons",
            "n_units": "units",
            "weighted_size": "size of a person's unit",
            "icc2": "ICC(2)",
            "effective_n": "effective persons",
            **COLUMN_HEADINGS,
        },
        decimals={
            **COLUMN_DECIMALS,
            "low": 3,
            "high": 3,
            "icc2": 2,
            "weighted_size": 1,
            "effective_n": 0,
        },
        hidden=("n0", "level"),
        n_labels=2,
        note=f"{run.units.method}. ICC(2) is the reliability of a unit's mean.",
    )
