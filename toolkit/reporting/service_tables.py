"""Tables about services: the numbers behind each chart, under the same floors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from toolkit.reporting.table import Table

if TYPE_CHECKING:
    from toolkit.comparison import Comparison
    from toolkit.comparison.results import Distributions, ResponseRates
    from toolkit.reporting.service_labels import Labels

SCORES = ("mean", "low", "high", "sd", "shrunken", "shrunken_low", "shrunken_high", "difference")
"""Columns that were rounded before they came here."""


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, each by its column names."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict(orient="records")]


def of_group(table: pd.DataFrame, kind: str, group: str) -> pd.DataFrame:
    """Return the rows of one group."""
    return table[(table["kind"] == kind) & (table["group"] == group)]


def levels_table(comparison: Comparison, *, kind: str, group: str, labels: Labels) -> Table:
    """List the scores of one group: a row for each scale and wave."""
    rows = of_group(comparison.levels, kind, group)
    columns = ["n", "mean", "low", "high", "sd"]
    columns += ["shrunken", "shrunken_low", "shrunken_high"] if kind == "unit" else []
    frame = pd.DataFrame(
        {
            "scale": rows["scale"].map(labels.scales).astype("object"),
            "wave": rows["wave"].astype("object").map(labels.waves),
            "version": rows["version"],
            **{column: rows[column] for column in columns},
        }
    ).reset_index(drop=True)
    return _table(
        f"scores-{kind}-{group or 'all'}",
        frame,
        labels,
        caption=labels.words["level_caption"].format(group=labels.group(kind, group)),
        note=labels.words["level_note"].format(level=labels.level(comparison.level)),
        n_labels=3,
    )


def units_table(comparison: Comparison, *, scale: str, wave: str, parent: str | None, labels: Labels) -> Table:
    """List the units of one service, or of all, on one scale in one wave: as answered and steadied."""
    rows = units_of(comparison, scale=scale, wave=wave, parent=parent, labels=labels)
    columns = ["n", "mean", "low", "high", "shrunken", "shrunken_low", "shrunken_high"]
    frame = pd.DataFrame({"group": rows["name"], **{column: rows[column] for column in columns}})
    return _table(
        f"units-{scale}-{wave}",
        frame.reset_index(drop=True),
        labels,
        caption=labels.words["unit_caption"].format(scale=labels.scales[scale], wave=labels.waves[wave]),
        note=labels.words["unit_note"].format(level=labels.level(comparison.level)),
    )


def units_of(comparison: Comparison, *, scale: str, wave: str, parent: str | None, labels: Labels) -> pd.DataFrame:
    """Return the levels of units on one scale in one wave, with their names and in the order of these."""
    table = comparison.levels
    rows = table[(table["kind"] == "unit") & (table["scale"] == scale) & (table["wave"] == wave)]
    if parent is not None:
        rows = rows[rows["parent"] == parent]
    named = rows.assign(name=rows["group"].map(lambda group: labels.group("unit", group)))
    return named.sort_values("name", kind="stable")


def changes_table(
    comparison: Comparison, *, kind: str, group: str, wave_from: str, wave_to: str, labels: Labels
) -> Table:
    """List the changes of one group between two waves: a row for each scale."""
    rows = changes_of(comparison, kind=kind, group=group, wave_from=wave_from, wave_to=wave_to)
    found = records(rows)
    frame = pd.DataFrame(
        {
            "scale": [labels.scales[row["scale"]] for row in found],
            **{column: rows[column].to_numpy() for column in ("difference", "low", "high", "p_adjusted")},
            "reason": ["" if row["allowed"] else labels.why(comparison, row) for row in found],
        }
    )
    return _table(
        f"changes-{kind}-{group or 'all'}",
        frame,
        labels,
        caption=labels.words["change_caption"].format(group=labels.group(kind, group)),
        note=labels.words["change_note"].format(level=labels.level(comparison.level)),
    )


def changes_of(comparison: Comparison, *, kind: str, group: str, wave_from: str, wave_to: str) -> pd.DataFrame:
    """Return the changes of one group between two waves."""
    rows = of_group(comparison.changes, kind, group)
    return rows[(rows["wave_from"] == wave_from) & (rows["wave_to"] == wave_to)]


def rates_table(rates: ResponseRates, *, wave: str, parent: str | None, labels: Labels) -> Table:
    """List the response rates of one wave: all, the services, and the units of one service where one is named."""
    table = rates.rates
    rows = table[table["wave"] == wave]
    if parent is not None:
        rows = rows[((rows["kind"] == "service") & (rows["group"] == parent)) | (rows["parent"] == parent)]
    frame = pd.DataFrame(
        {
            "group": [labels.group(kind, group) for kind, group in zip(rows["kind"], rows["group"], strict=True)],
            "invited": rows["invited"].to_numpy(),
            "submitted": rows["submitted"].to_numpy(),
            "rate": rows["rate"].to_numpy() * 100,
            "place": rows["kind"].map({"all": 0, "service": 1, "unit": 2}).to_numpy(),
        }
    ).sort_values(["place", "group"], ignore_index=True)
    return _table(
        f"response-rate-{wave}",
        frame.drop(columns="place"),
        labels,
        caption=labels.words["rate_caption"].format(wave=labels.waves[wave]),
        note=labels.words["rate_note"],
    )


def shares_table(
    distributions: Distributions, *, scale: str, items: Sequence[str], kind: str, group: str, wave: str, labels: Labels
) -> Table:
    """List how one group answered the items of a scale in one wave: a row for each item, a column for each code."""
    rows = shares_of(distributions, items=items, kind=kind, group=group, wave=wave)
    shares = rows.pivot_table(index="item", columns="code", values="share", dropna=False, observed=False) * 100
    shares = shares.reindex(list(items))
    n = rows.drop_duplicates("item").set_index("item")["n"].reindex(list(items))
    frame = pd.DataFrame({"item": [labels.items[item] for item in items], "n": n.to_numpy()})
    for code in shares.columns:
        frame[str(int(code))] = shares[code].to_numpy()
    return _table(
        f"answers-{scale}-{wave}-{group or 'all'}",
        frame,
        labels,
        caption=labels.words["shares_caption"].format(
            scale=labels.scales[scale], group=labels.group(kind, group), wave=labels.waves[wave]
        ),
        note=labels.words["shares_note"].format(floor=distributions.policy.floor_distribution),
        headings={str(int(code)): f"{int(code)}, %" for code in shares.columns},
    )


def shares_of(distributions: Distributions, *, items: Sequence[str], kind: str, group: str, wave: str) -> pd.DataFrame:
    """Return how items were answered by one group in one wave."""
    rows = of_group(distributions.shares, kind, group)
    return rows[(rows["wave"] == wave) & rows["item"].isin(items)]


def _table(
    name: str,
    frame: pd.DataFrame,
    labels: Labels,
    *,
    caption: str,
    note: str,
    n_labels: int = 1,
    headings: dict[str, str] | None = None,
) -> Table:
    words = labels.words
    decimals = dict.fromkeys(
        ("mean", "low", "high", "sd", "shrunken", "shrunken_low", "shrunken_high", "difference"), 1
    )
    return Table(
        name=name,
        caption=caption,
        frame=frame,
        headings={column: words[column] for column in map(str, frame.columns) if column in words}
        | {"rate": f"{words['rate']}, %"}
        | (headings or {}),
        decimals=decimals | {"p_adjusted": 3},
        n_labels=n_labels,
        note=note,
        language=labels.language,
    )
