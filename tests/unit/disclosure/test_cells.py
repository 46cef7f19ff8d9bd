"""Trees of cells, and how long hiding takes on a wide one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from toolkit.disclosure.audit import derivable_groups
from toolkit.disclosure.cells import hierarchy, shown_cells


def test_one_unit_name_in_two_services_is_two_units() -> None:
    people = pd.DataFrame({"service": ["S", "N", "N", "S"], "unit": ["ward", "ward", "clinic", "ward"]})
    tree, places = hierarchy(people)
    assert tree.paths == ((), ("N",), ("S",), ("N", "clinic"), ("N", "ward"), ("S", "ward"))
    assert [tree.paths[tree.smallest[place]] for place in places] == [
        *[("S", "ward"), ("N", "ward"), ("N", "clinic"), ("S", "ward")]
    ]
    assert tree.totals(np.bincount(places)).tolist() == [4, 2, 2, 1, 1, 2]


def test_a_tree_may_have_one_level_or_none() -> None:
    tree, places = hierarchy(pd.DataFrame({"unit": ["b", "a"]}))
    assert tree.paths == ((), ("a",), ("b",))
    assert places.tolist() == [1, 0]
    whole, _ = hierarchy(pd.DataFrame(index=range(7)))
    assert whole.paths == ((),)
    assert shown_cells(whole, [7], floor=5).tolist() == [True]
    assert shown_cells(whole, [4], floor=5).tolist() == [False]


def test_a_wide_tree_of_many_small_units_keeps_the_rule() -> None:
    rng = np.random.default_rng(20)
    names = [(f"S{s:03}", f"U{u:02}") for s in range(150) for u in range(rng.integers(1, 12))]
    tree, _ = hierarchy(pd.DataFrame(names, columns=["service", "unit"]))
    sizes = rng.poisson(7, len(names))
    shown = shown_cells(tree, sizes, floor=5)
    assert 0.5 < shown[tree.smallest].mean() < 1
    people = dict(zip(names, sizes.tolist(), strict=True))
    published = [
        [name for name in names if name[: len(path)] == path]
        for path, is_shown in zip(tree.paths, shown, strict=True)
        if is_shown
    ]
    assert derivable_groups(people, published, floor=5) == ()
    # The primary rule alone would give groups away, and the audit finds them.
    primary = [path for path, n in zip(tree.paths, tree.totals(sizes), strict=True) if n >= 5]
    careless = [[name for name in names if name[: len(path)] == path] for path in primary]
    assert derivable_groups(people, careless, floor=5)
