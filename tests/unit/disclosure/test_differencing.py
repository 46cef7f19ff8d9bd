"""Joiners and leavers of the same answers count as a cell."""

from __future__ import annotations

import pytest

from toolkit.disclosure.differencing import both_may_be_shown


@pytest.mark.parametrize(
    ("joiners", "leavers", "allowed"),
    [
        (0, 0, True),
        (4, 0, False),
        (5, 0, True),
        (0, 4, False),
        (0, 5, True),
        (5, 4, False),
        (5, 5, True),
        (1, 1, False),
    ],
)
def test_each_side_is_nobody_or_reaches_the_floor(joiners: int, leavers: int, allowed: bool) -> None:
    first = [f"stays{n}" for n in range(20)] + [f"leaves{n}" for n in range(leavers)]
    second = [f"stays{n}" for n in range(20)] + [f"joins{n}" for n in range(joiners)]
    assert both_may_be_shown(first, second, floor=5) is allowed


def test_atoms_count_for_their_people() -> None:
    sizes = {"ward": 12, "clinic": 4, "team": 1}
    assert both_may_be_shown(["ward"], ["ward", "clinic", "team"], floor=5, sizes=sizes)
    assert not both_may_be_shown(["ward"], ["ward", "clinic"], floor=5, sizes=sizes)
