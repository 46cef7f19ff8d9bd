"""The tables of reconciliation.md, cell by cell: as a rule, and through a real database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collecting import Survey
from toolkit.collection.ports import Answer
from toolkit.collection.reconciliation import Conflict, Saved, reconcile

PAGE = (Path(__file__).parent / "reconciliation.md").read_text(encoding="utf-8")
NOTHING_YET = Answer(None, 0)


def answer(cell: str) -> Answer | None:
    """Read ``4 (1)``, ``cleared (2)``, ``not seen``, ``never`` or ``nothing yet``."""
    if cell in ("not seen", "never stored"):
        return None
    if cell == "nothing yet":
        return NOTHING_YET
    found = re.fullmatch(r"(?:stored )?(\w+) \((\d+)\)", cell)
    assert found, cell
    return Answer(None if found[1] == "cleared" else found[1], int(found[2]))


def cells() -> Iterator[tuple[str, str, str, str]]:
    """Give what is shown, the base, what is stored, and what is expected."""
    for shown, body in re.findall(r"^## The browser shows (\w+)\n\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE):
        header, _, *lines = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in body.splitlines()]
        for base, *row in lines:
            for stored, expected in zip(header[1:], row, strict=True):
                yield shown, base, stored, expected


CELLS = list(cells())


def test_every_cell_is_read() -> None:
    assert len(CELLS) == len(set(CELLS)) == 60
    assert {expected.split()[0] for *_, expected in CELLS} == {"saved", "write", "ask"}


def expected_result(expected: str, shown: str | None, stored: Answer | None) -> Answer | Saved | Conflict:
    if expected == "saved":
        return Saved(stored or NOTHING_YET)
    if expected == "ask":
        assert stored is not None
        return Conflict(stored, shown)
    return Answer(shown, int(expected.removeprefix("write (").removesuffix(")")))


@pytest.mark.parametrize(("shown", "base", "stored", "expected"), CELLS)
def test_the_rule_does_what_the_cell_says(shown: str, base: str, stored: str, expected: str) -> None:
    value = None if shown == "nothing" else shown
    result = reconcile(value, answer(base), answer(stored))
    assert result == expected_result(expected, value, answer(stored))


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    survey = Survey(tmp_path_factory.mktemp("reconciliation"))
    yield survey
    survey.close()


@pytest.mark.parametrize(("shown", "base", "stored", "expected"), CELLS)
def test_the_database_holds_what_the_cell_says(
    survey: Survey, shown: str, base: str, stored: str, expected: str
) -> None:
    browser = survey.browser()
    before = answer(stored)
    if before is not None:
        with survey.store.writing() as transaction:
            for revision in range(1, before.revision + 1):
                transaction.write_answer(browser.draft, "HB1", Answer(before.value, revision))
    value = None if shown == "nothing" else shown
    result = survey.responding.save(browser.cookie, browser.draft, "HB1", value, base=answer(base))
    wanted = expected_result(expected, value, before)
    after = survey.stored(browser).get("HB1")
    if isinstance(wanted, Answer):
        assert result == Saved(wanted)
        assert after == wanted
    else:
        assert result == wanted
        assert after == before
