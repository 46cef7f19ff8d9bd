"""The tables of disclosure.md, row by row; what they show is then audited."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from toolkit.disclosure.audit import derivable_groups
from toolkit.disclosure.cells import hierarchy, shown_cells, shown_over_time

PAGE = (Path(__file__).parent / "disclosure.md").read_text(encoding="utf-8")


def rows() -> list[dict[str, str]]:
    """The cells of every row of every table."""
    found = []
    for body in re.findall(r"^## [^\n]+\n\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE):
        header, _, *lines = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in body.splitlines()]
        found += [dict(zip(header, cells, strict=True)) for cells in lines]
    return found


ROWS = rows()


def test_every_row_is_read() -> None:
    assert len(ROWS) == PAGE.count("\n| ") - 2 * 4 == 27
    assert len({row["case"] for row in ROWS}) == len(ROWS)


def people(cell: str) -> dict[tuple[str, str], int]:
    """Read ``A 20 3; B 12``: people by service and unit."""
    return {
        (service, f"{service}{number}"): int(n)
        for service, *units in (part.split() for part in cell.split(";"))
        for number, n in enumerate(units, start=1)
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["case"])
def test_the_row_hides_what_was_worked_out_by_hand(row: dict[str, str]) -> None:
    sizes = people(row["people"])
    tree, _ = hierarchy(pd.DataFrame(list(sizes), columns=["service", "unit"]))
    floor = int(row["floor"])
    now = list(sizes.values())
    if "people before" in row:
        shown = shown_over_time(tree, [list(people(row["people before"]).values()), now], floor=floor)[1]
    else:
        shown = shown_cells(tree, now, floor=floor)
    names = [path[-1] if path else "all" for path in tree.paths]
    hidden = {name for name, is_shown in zip(names, shown, strict=True) if not is_shown}
    assert hidden == set(filter(None, row["hidden"].split(", ")))
    published = [
        [unit for unit in sizes if unit[: len(path)] == path]
        for path, is_shown in zip(tree.paths, shown, strict=True)
        if is_shown
    ]
    assert derivable_groups(sizes, published, floor=floor) == ()
