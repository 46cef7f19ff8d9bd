"""What is shown of a hierarchy, whatever its sizes; the audit knows nothing of the rule that it checks."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolkit.disclosure.audit import Publication, audit, derivable_groups
from toolkit.disclosure.cells import Hierarchy, hierarchy, shown_cells, shown_over_time
from toolkit.disclosure.differencing import both_may_be_shown

UNHURRIED = settings(deadline=None)
SIZES = st.integers(0, 14)
SERVICES = st.lists(st.lists(SIZES, min_size=1, max_size=4), min_size=1, max_size=4)
FLOORS = st.integers(5, 10)


def tree_of(services: list[list[int]]) -> tuple[Hierarchy, list[int]]:
    """Services of units, such as [[3, 9], [12]]."""
    names = [(f"S{s}", f"S{s}U{u}") for s, units in enumerate(services) for u in range(len(units))]
    tree, _ = hierarchy(pd.DataFrame(names, columns=["service", "unit"]))
    return tree, [n for units in services for n in units]


def deeper_tree(regions: list[list[list[int]]]) -> tuple[Hierarchy, list[int]]:
    names = [
        (f"R{r}", f"S{s}", f"U{u}")
        for r, services in enumerate(regions)
        for s, units in enumerate(services)
        for u in range(len(units))
    ]
    tree, _ = hierarchy(pd.DataFrame(names, columns=["region", "service", "unit"]))
    return tree, [n for services in regions for units in services for n in units]


def published(tree: Hierarchy, shown: np.ndarray) -> list[frozenset[tuple[str, ...]]]:
    """The shown cells as sets of smallest cells."""
    smallest = [tree.paths[place] for place in tree.smallest]
    return [
        frozenset(leaf for leaf in smallest if leaf[: len(path)] == path)
        for path, is_shown in zip(tree.paths, shown, strict=True)
        if is_shown
    ]


def atoms(tree: Hierarchy, sizes: list[int]) -> dict[tuple[str, ...], int]:
    return {tree.paths[place]: n for place, n in zip(tree.smallest, sizes, strict=True)}


def by_brute_force(sizes: dict[str, int], cells: list[frozenset[str]], floor: int) -> set[frozenset[str]]:
    """All smallest groups of people below the floor whose indicator does not raise the rank."""
    peopled = [atom for atom, n in sizes.items() if n > 0]
    matrix = np.array([[atom in cell for atom in peopled] for cell in cells], dtype=float)
    rank = np.linalg.matrix_rank(matrix) if matrix.size else 0
    found: list[frozenset[str]] = []
    for size in range(1, len(peopled) + 1):
        for group in map(frozenset, combinations(peopled, size)):
            indicator = [[float(atom in group) for atom in peopled]]
            if (
                sum(sizes[atom] for atom in group) < floor
                and matrix.size
                and np.linalg.matrix_rank(np.vstack([matrix, indicator])) == rank
                and not any(smaller < group for smaller in found)
            ):
                found.append(group)
    return set(found)


@UNHURRIED
@given(st.lists(SIZES, min_size=1, max_size=6), st.data(), FLOORS)
def test_the_audit_finds_what_brute_force_finds(sizes: list[int], data: st.DataObject, floor: int) -> None:
    named = dict(zip("abcdef", sizes, strict=False))
    subsets = st.frozensets(st.sampled_from(sorted(named)), min_size=1)
    cells = data.draw(st.lists(subsets, max_size=6))
    assert set(derivable_groups(named, cells, floor=floor)) == by_brute_force(named, cells, floor)


@UNHURRIED
@given(SERVICES, FLOORS)
@example([[3, 9], [12]], 5)
@example([[3], [40, 12]], 5)
@example([[20, 20], [2, 2]], 5)
@example([[0, 0], [0]], 5)
@example([[5, 0], [5, 5]], 5)
def test_nothing_below_the_floor_can_be_derived(services: list[list[int]], floor: int) -> None:
    tree, sizes = tree_of(services)
    shown = shown_cells(tree, sizes, floor=floor)
    assert (tree.totals(sizes)[shown] >= floor).all()
    assert derivable_groups(atoms(tree, sizes), published(tree, shown), floor=floor) == ()


@UNHURRIED
@given(st.lists(SERVICES, min_size=1, max_size=3), FLOORS)
def test_nothing_can_be_derived_from_four_levels(regions: list[list[list[int]]], floor: int) -> None:
    tree, sizes = deeper_tree(regions)
    shown = shown_cells(tree, sizes, floor=floor)
    assert (tree.totals(sizes)[shown] >= floor).all()
    assert derivable_groups(atoms(tree, sizes), published(tree, shown), floor=floor) == ()


@UNHURRIED
@given(SERVICES, FLOORS)
def test_a_remainder_hides_two_cells_or_more(services: list[list[int]], floor: int) -> None:
    tree, sizes = tree_of(services)
    shown = shown_cells(tree, sizes, floor=floor)
    people = atoms(tree, sizes)
    for path, is_shown in zip(tree.paths, shown, strict=True):
        if is_shown and path not in people:
            inside = [
                frozenset(leaf for leaf in people if leaf[: len(other)] == other)
                for other, other_shown in zip(tree.paths, shown, strict=True)
                if other_shown and len(other) > len(path) and other[: len(path)] == path
            ]
            within = {leaf for leaf in people if leaf[: len(path)] == path and people[leaf] > 0}
            left = within.difference(*inside)
            assert not left or (len(left) >= 2 and sum(people[leaf] for leaf in left) >= floor)


@UNHURRIED
@given(SERVICES, FLOORS, st.integers(0, 5))
@example([[2], [5, 2], [5]], 5, 1)
def test_a_raised_floor_never_shows_more_and_two_releases_tell_nothing_of_a_few(
    services: list[list[int]], floor: int, more: int
) -> None:
    tree, sizes = tree_of(services)
    before = shown_cells(tree, sizes, floor=floor)
    after = shown_cells(tree, sizes, floor=floor + more, raised_from=floor)
    assert not (after & ~before).any()
    assert (tree.totals(sizes)[after] >= floor + more).all()
    cells = published(tree, after)
    assert derivable_groups(atoms(tree, sizes), cells, floor=floor + more) == ()
    assert derivable_groups(atoms(tree, sizes), published(tree, before) + cells, floor=floor) == ()


@UNHURRIED
@given(SERVICES, FLOORS, st.integers(0, 4), st.data())
def test_every_wave_is_safe_and_later_waves_change_no_earlier_one(
    services: list[list[int]], floor: int, more: int, data: st.DataObject
) -> None:
    tree, sizes = tree_of(services)
    other_sizes = st.lists(SIZES, min_size=len(sizes), max_size=len(sizes))
    waves = [sizes, *data.draw(st.lists(other_sizes, min_size=1, max_size=3))]
    shown = shown_over_time(tree, waves, floor=floor)
    for people, cells in zip(waves, shown, strict=True):
        assert derivable_groups(atoms(tree, people), published(tree, cells), floor=floor) == ()
    assert (shown_over_time(tree, waves[:-1], floor=floor) == shown[:-1]).all()
    assert (shown_cells(tree, sizes, floor=floor) == shown[0]).all()
    # The raised floor shows no more in any wave, though other cells protect each other.
    assert not (shown_over_time(tree, waves, floor=floor + more, raised_from=floor) & ~shown).any()


@UNHURRIED
@given(SERVICES, FLOORS)
def test_where_everybody_is_many_everything_is_shown(services: list[list[int]], floor: int) -> None:
    tree, sizes = tree_of(services)
    crowd = [n + floor for n in sizes]
    assert shown_cells(tree, crowd, floor=floor).all()


@UNHURRIED
@given(SERVICES, FLOORS, st.data())
def test_an_empty_unit_is_hidden_like_a_small_one_and_changes_nothing_else(
    services: list[list[int]], floor: int, data: st.DataObject
) -> None:
    tree, sizes = tree_of(services)
    place = data.draw(st.integers(0, len(services) - 1))
    wider = [[*units, 0] if number == place else units for number, units in enumerate(services)]
    other, other_sizes = tree_of(wider)
    shown = dict(zip(tree.paths, shown_cells(tree, sizes, floor=floor).tolist(), strict=True))
    again = dict(zip(other.paths, shown_cells(other, other_sizes, floor=floor).tolist(), strict=True))
    assert {path: again[path] for path in shown} == shown
    assert [again[path] for path in again.keys() - shown.keys()] == [False]


@UNHURRIED
@given(st.lists(SIZES, min_size=4, max_size=4), st.lists(SIZES, min_size=4, max_size=4), FLOORS)
def test_two_hierarchies_of_one_wave_are_judged_together(first: list[int], second: list[int], floor: int) -> None:
    # Units a and b, each of people in the positions x and y: the units are safe alone, and so are the positions.
    sizes = {"ax": first[0], "ay": first[1], "bx": second[0], "by": second[1]}
    by_unit = [frozenset({"ax", "ay"}), frozenset({"bx", "by"})]
    by_position = [frozenset({"ax", "bx"}), frozenset({"ay", "by"})]
    pooled = audit(
        Publication(quantity="HB", sizes=sizes, cells=tuple(cells), floor=floor) for cells in (by_unit, by_position)
    )
    assert {found.atoms for found in pooled} == by_brute_force(sizes, by_unit + by_position, floor)
    apart = audit(
        Publication(quantity=name, sizes=sizes, cells=tuple(cells), floor=floor)
        for name, cells in {"HB": by_unit, "CI": by_position}.items()
    )
    wanted = by_brute_force(sizes, by_unit, floor) | by_brute_force(sizes, by_position, floor)
    assert {found.atoms for found in apart} == wanted


@UNHURRIED
@given(st.frozensets(st.integers(0, 30)), st.frozensets(st.integers(0, 30)), FLOORS)
def test_two_populations_that_may_both_be_shown_tell_nothing_of_a_few(
    first: frozenset[int], second: frozenset[int], floor: int
) -> None:
    allowed = both_may_be_shown(first, second, floor=floor)
    assert allowed == both_may_be_shown(second, first, floor=floor)
    if allowed and len(first) >= floor and len(second) >= floor:
        everybody = dict.fromkeys(range(31), 1)
        assert derivable_groups(everybody, [first, second], floor=floor) == ()
