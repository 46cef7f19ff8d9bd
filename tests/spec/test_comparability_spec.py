"""The tables of comparability.md, row by row and in both directions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.comparability import VERSIONS, stated
from toolkit.instruments import Instrument, Statement, comparability

PAGE = (Path(__file__).parent / "comparability.md").read_text(encoding="utf-8")


def tables() -> list[list[dict[str, str]]]:
    found = []
    for body in re.findall(r"^((?:\|.*\n)+)", PAGE, flags=re.MULTILINE):
        header, _, *lines = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in body.splitlines()]
        found.append([dict(zip(header, cells, strict=True)) for cells in lines])
    return found


WITHOUT, STATED, WITH = tables()
STATEMENTS = [
    stated(
        **dict(zip(("from", "language"), row["from"].split(), strict=True)),
        **dict(zip(("to", "to_language"), row["to"].split(), strict=True)),
        scale=row["scale"],
        comparability=row["stated"],
        kind=row["kind"],
        date=row["date"],
        evidence=f"{row['number']}.md",
    )
    for row in STATED
]


def end(cell: str) -> tuple[Instrument, str]:
    version, language = cell.split()
    return VERSIONS[version], language


def both_ways(row: dict[str, str], **options: object) -> Statement:
    """Ask in both directions, and give the answer, which must be the same."""
    (one, first), (other, second) = end(row["one"]), end(row["the other"])
    there = comparability(one, other, row["scale"], first, to_language=second, **options)
    back = comparability(other, one, row["scale"], second, to_language=first, **options)
    assert there == back
    return there


def test_every_row_is_read() -> None:
    assert (len(WITHOUT), len(STATEMENTS), len(WITH)) == (12, 10, 11)
    assert PAGE.count("\n| ") - 2 * 3 == len(WITHOUT) + len(STATED) + len(WITH)


@pytest.mark.parametrize("demo", [False, True])
@pytest.mark.parametrize("row", WITHOUT, ids=lambda row: f"{row['one']}, {row['the other']}, {row['scale']}")
def test_without_statements_the_rule_is_as_the_row_says(row: dict[str, str], demo: bool) -> None:
    told = both_ways(row, statements=(), demo=demo)
    assert (told.comparability, told.reason) == (row["expected"], row["because"])
    assert (told.kind, told.evidence, told.date, told.linking) == (None, None, None, None)


@pytest.mark.parametrize("row", WITH, ids=lambda row: f"{row['one']}, {row['the other']}, {row['scale']}")
def test_with_statements_the_rule_is_as_the_row_says(row: dict[str, str]) -> None:
    told = both_ways(row, statements=STATEMENTS)
    assert (told.comparability, told.reason) == (row["expected"], row["because"])
    assert told.evidence == (f"{row['of number']}.md" if row["of number"] else None)
    assert (told.linking is not None) == (told.comparability == "linked")
    there = both_ways(row, statements=STATEMENTS, demo=True)
    assert there.comparability == row["in a demonstration"]
    assert there.evidence == (f"{row['of number there']}.md" if row["of number there"] else None)
