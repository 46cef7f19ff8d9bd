"""What can be derived from published cells."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from toolkit.disclosure import audit as module
from toolkit.disclosure.audit import Publication, audit, derivable_groups
from toolkit.errors import Code, ComparisonError


def publication(sizes: dict[str, int], *cells: str, quantity: str = "HB") -> Publication:
    return Publication(quantity=quantity, sizes=sizes, cells=tuple(map(frozenset, cells)), floor=5)


def test_a_published_cell_below_the_floor_is_found() -> None:
    assert derivable_groups({"a": 4}, ["a"], floor=5) == (frozenset("a"),)
    assert derivable_groups({"a": 5}, ["a"], floor=5) == ()


def test_a_sum_and_a_difference_of_three_cells_is_found() -> None:
    # ab + bc - abc = b
    sizes = {"a": 9, "b": 4, "c": 9}
    assert derivable_groups(sizes, ["ab", "bc", "abc"], floor=5) == (frozenset("b"),)
    assert derivable_groups(sizes, ["ab", "bc"], floor=5) == ()


def test_only_the_smallest_groups_are_named() -> None:
    sizes = {"a": 2, "b": 2, "c": 9}
    assert set(derivable_groups(sizes, ["a", "abc", "c"], floor=5)) == {frozenset("a"), frozenset("b")}


def test_an_empty_atom_protects_nobody() -> None:
    assert derivable_groups({"a": 4, "b": 0, "c": 9}, ["abc", "c"], floor=5) == (frozenset("a"),)


def test_fractions_are_exact() -> None:
    # Half of (ab + bc + ca) less bc is a, whatever the other coefficients are.
    assert set(derivable_groups({"a": 3, "b": 9, "c": 9}, ["ab", "bc", "ac"], floor=5)) == {frozenset("a")}


def test_two_releases_of_one_wave_are_pooled_and_two_waves_are_not() -> None:
    sizes = {"a": 3, "b": 9}
    first, second = publication(sizes, "ab"), publication(sizes, "b")
    assert audit([first]) == audit([second]) == ()
    (found,) = audit([first, second])
    assert (found.quantity, found.atoms, found.n) == ("HB", frozenset("a"), 3)
    assert audit([first, publication(sizes, "b", quantity="CI")]) == ()


def test_publications_that_count_other_people_are_refused() -> None:
    first = publication({"a": 3, "b": 9}, "ab")
    assert audit([first, publication({"a": 3, "b": 9}, "ab")]) == ()
    with pytest.raises(ComparisonError) as refusal:
        audit([first, publication({"a": 4, "b": 9}, "ab")])
    assert refusal.value.codes == (Code.CMP_AUDIT_SIZES,)


def test_an_undecided_search_is_no_clearance(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"a": 3, "b": 4, "c": 9}
    assert derivable_groups(sizes, ["ab", "bc"], floor=5) == ()
    monkeypatch.setattr(module, "milp", lambda *_, **__: SimpleNamespace(status=1, success=False, x=None))
    with pytest.raises(ComparisonError) as refusal:
        derivable_groups(sizes, ["ab", "bc"], floor=5)
    assert refusal.value.codes == (Code.CMP_AUDIT_UNDECIDED,)
