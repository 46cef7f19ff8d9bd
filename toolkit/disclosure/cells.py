"""Which cells of a hierarchy may be shown, so that no hidden one can be got by subtraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hierarchy:
    """A tree of cells: the whole, its parts, the parts of those, down to the smallest.

    Attributes
    ----------
    paths : tuple of tuple of str
        The way to each cell from the whole, which is the empty path and stands first; parents stand before their
        parts, and parts are sorted by name.
    parents : ndarray of int, shape (n_cells,)
        Position of each cell's parent; -1 for the whole.
    depths : ndarray of int, shape (n_cells,)
        0 for the whole.
    members : ndarray of int, shape (n_levels, n_smallest)
        For each depth, the cell to which each smallest cell belongs; the last row is the smallest cells themselves.
    """

    paths: tuple[tuple[str, ...], ...]
    parents: Integers
    depths: Integers
    members: Integers

    @property
    def smallest(self) -> Integers:
        """Positions of the smallest cells."""
        last: Integers = self.members[-1]
        return last

    def totals(self, sizes: ArrayLike) -> Integers:
        """Return the people in every cell from those in the smallest cells."""
        people: Integers = np.zeros(len(self.paths), dtype=np.int64)
        for member in self.members:
            np.add.at(people, member, np.asarray(sizes, dtype=np.int64))
        return people


def hierarchy(groups: pd.DataFrame) -> tuple[Hierarchy, Integers]:
    """Return the tree of the groups that occur, and the smallest cell of every row.

    Parameters
    ----------
    groups : DataFrame of str
        One row a person, one column a level, the widest first, such as service and unit; no missing values. The same
        unit name in two services is two units.

    Returns
    -------
    hierarchy : Hierarchy
        All cells that occur.
    places : ndarray of int, shape (n_rows,)
        Which of ``hierarchy.smallest`` each row belongs to.

    Examples
    --------
    >>> people = pd.DataFrame({"service": ["N", "N", "S"], "unit": ["a", "b", "a"]})
    >>> tree, places = hierarchy(people)
    >>> tree.paths
    ((), ('N',), ('S',), ('N', 'a'), ('N', 'b'), ('S', 'a'))
    >>> places.tolist()
    [0, 1, 2]
    """
    places = np.zeros(len(groups), dtype=np.int64)
    distinct: list[tuple[str, ...]] = [()]
    for column in groups.columns:
        codes, names = pd.factorize(groups[column], sort=True)
        joint, kept = np.unique(places * len(names) + codes, return_inverse=True)
        distinct = [(*distinct[key // len(names)], str(names[key % len(names)])) for key in joint.tolist()]
        places = kept.astype(np.int64)
    n_levels = groups.shape[1] + 1
    paths = tuple(dict.fromkeys(path[:depth] for depth in range(n_levels) for path in distinct))
    position = {path: place for place, path in enumerate(paths)}
    members = [[position[path[:depth]] for path in distinct] for depth in range(n_levels)]
    tree = Hierarchy(
        paths=paths,
        parents=np.array([position[path[:-1]] if path else -1 for path in paths], dtype=np.int64),
        depths=np.array([len(path) for path in paths], dtype=np.int64),
        members=np.array(members, dtype=np.int64).reshape(n_levels, len(distinct)),
    )
    return tree, places


def shown_cells(tree: Hierarchy, sizes: ArrayLike, *, floor: int, raised_from: int | None = None) -> Booleans:
    """Say for every cell of a hierarchy whether its figures may be shown.

    Parameters
    ----------
    tree : Hierarchy
        The cells.
    sizes : array_like of int, shape (n_smallest,)
        People behind the figure in each smallest cell; 0 where there is nobody.
    floor : int
        People that a figure must rest on.
    raised_from : int, optional
        The floor before it was raised; the same as ``floor`` where it is left out.

    Returns
    -------
    ndarray of bool, shape (n_cells,)
        False for cells that are hidden. Count, mean and SD of a cell are shown or hidden together.

    Notes
    -----
    *Primary* suppression hides every cell with fewer people than the floor.

    *Complementary* suppression looks at every shown cell that has parts. Its **remainder** is its people less those
    of the widest shown cells inside it: what a reader gets by subtraction, whatever levels are hidden between. A
    remainder must be empty or hold the floor of people or more; it then holds two smallest cells with people or
    more, for a cell is hidden only if it is below the floor or joins others. Where it does not, the smallest shown
    cell directly inside joins it, if that one adds people (a cell whose parts are all shown adds none); where no cell
    can, the whole is hidden, and its remainder joins that of the cell around it. Cells that lie deepest are mended
    first; of cells of one size the first in order is hidden. This is repeated until every remainder keeps the rule.

    Where the same hierarchy is shown again and again, :func:`shown_over_time` keeps to the cells that it hid before.

    A cell that one floor hides to protect another may be safe at a higher one, where other cells are hidden anyway.
    A release at each floor would then tell more than either. So a raised floor hides what every floor from
    ``raised_from`` on hides, and a higher floor never shows more.

    That is enough. The shown cells are nested, so their remainders do not overlap and the total of every shown
    cell is a sum of remainders; a group of smallest cells can therefore be derived exactly if, and only if, it is a
    union of remainders, and none is below the floor. :func:`toolkit.disclosure.audit.derivable_groups` checks it
    by linear algebra, without knowing this rule.

    References
    ----------
    Hundepool, A., et al. (2012). *Statistical Disclosure Control*. Wiley. https://doi.org/10.1002/9781118348239

    Examples
    --------
    >>> people = pd.DataFrame({"unit": ["a"] * 3 + ["b"] * 6 + ["c"] * 9})
    >>> tree, places = hierarchy(people)
    >>> dict(zip(tree.paths, shown_cells(tree, [3, 6, 9], floor=5).tolist()))
    {(): True, ('a',): False, ('b',): False, ('c',): True}
    """
    result: Booleans = shown_over_time(tree, np.asarray(sizes)[None, :], floor=floor, raised_from=raised_from)[0]
    return result


def shown_over_time(tree: Hierarchy, sizes: ArrayLike, *, floor: int, raised_from: int | None = None) -> Booleans:
    """Say for every wave and cell of a hierarchy whether its figures may be shown.

    Parameters
    ----------
    tree, floor, raised_from
        As :func:`shown_cells` takes them.
    sizes : array_like of int, shape (n_waves, n_smallest)
        People behind the figure in each wave, the earliest first.

    Returns
    -------
    ndarray of bool, shape (n_waves, n_cells)

    Notes
    -----
    Each wave keeps the rule of :func:`shown_cells` by itself, for waves hold different answers. Where a cell has to
    be hidden to protect another, one that was hidden in the wave before is taken first, and only then the smallest. So
    a unit beside a small one does not come and go, and a later wave never changes what an earlier one shows.

    Examples
    --------
    >>> tree, _ = hierarchy(pd.DataFrame({"unit": ["a", "b", "c"]}))
    >>> shown_over_time(tree, [[3, 8, 9], [3, 9, 8]], floor=5)[:, 1:].tolist()
    [[False, False, True], [False, False, True]]
    """
    totals = np.array([tree.totals(wave) for wave in np.asarray(sizes)])
    shown = np.ones(totals.shape, dtype=bool)
    for step in range(floor if raised_from is None else raised_from, floor + 1):
        hidden_before = np.zeros(len(tree.paths), dtype=bool)
        for wave in range(len(shown)):
            shown[wave] &= totals[wave] >= step
            _hide_remainders(tree, totals[wave], shown[wave], step, hidden_before)
            hidden_before = ~shown[wave]
    return shown


def _hide_remainders(tree: Hierarchy, totals: Integers, shown: Booleans, floor: int, first: Booleans) -> None:
    """Hide further cells in place until every remainder keeps the rule; cells of ``first`` before others."""
    around = _nearest_shown(tree, shown)
    has_parts = np.ones(len(totals), dtype=bool)
    has_parts[tree.smallest] = False
    # The people that would join the cell around a cell, were that cell hidden.
    people = totals.copy()
    inside = shown & (around >= 0)
    np.subtract.at(people, around[inside], totals[inside])
    while True:
        wrong = shown & has_parts & (people > 0) & (people < floor)
        if not wrong.any():
            return
        whole = int(np.argmax(np.where(wrong, tree.depths, -1)))
        parts = np.flatnonzero(shown & (around == whole) & (people > 0))
        parts = parts[first[parts]] if first[parts].any() else parts
        chosen = int(parts[np.argmin(totals[parts])]) if parts.size else whole
        shown[chosen] = False
        outer = around[chosen]
        around[around == chosen] = outer
        if outer >= 0:
            people[outer] += people[chosen]


def _nearest_shown(tree: Hierarchy, shown: Booleans) -> Integers:
    """Return the position of the nearest shown cell around each cell; -1 where there is none."""
    around = np.full(len(shown), -1, dtype=np.int64)
    for depth in range(1, int(tree.depths.max()) + 1):
        here = np.flatnonzero(tree.depths == depth)
        above = tree.parents[here]
        around[here] = np.where(shown[above], above, around[above])
    return around
