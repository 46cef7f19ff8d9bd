"""What a reader could derive from everything that is published: exact linear algebra that knows no suppression rule."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from toolkit.errors import Code, ComparisonError, Problem

Row = dict[int, Fraction]
"""A row of a sparse matrix: column and value, without zeros."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The cells of one quantity that are, or would be, published together.

    Attributes
    ----------
    quantity : hashable
        What the cells hold the totals of, such as a scale in a wave. Cells of one quantity can be added and subtracted;
        cells of two cannot, for they hold other answers or other people.
    sizes : mapping of atom to int
        People in each atom: the smallest groups that any hierarchy of the quantity tells apart, such as unit x position
        where one table goes by unit and one by position.
    cells : tuple of frozenset of atoms
        The published cells.
    floor : int
        People that a figure must rest on.
    """

    quantity: Hashable
    sizes: Mapping[Hashable, int]
    cells: tuple[frozenset[Hashable], ...]
    floor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """A group below the floor whose figures follow exactly from published ones.

    Attributes
    ----------
    quantity : hashable
        What is derived.
    atoms : frozenset of atoms
        The group; atoms without people are left out.
    n : int
        Its people.
    """

    quantity: Hashable
    atoms: frozenset[Hashable]
    n: int


def audit(publications: Iterable[Publication]) -> tuple[Derivation, ...]:
    """Return every smallest group below its floor that can be derived from all publications together.

    Publications of the same quantity are pooled: another hierarchy of the same wave, a filter, or a later release.
    The highest of their floors counts.

    Parameters
    ----------
    publications : iterable of Publication
        Everything that was published, and what shall be.

    Returns
    -------
    tuple of Derivation
        Empty where nothing can be derived.

    Raises
    ------
    ComparisonError
        ``CMP_AUDIT_SIZES`` where two publications of one quantity disagree on the people in an atom: they are not of
        the same answers, and a difference between them is one of people (see :mod:`toolkit.disclosure.differencing`).

    Examples
    --------
    >>> sizes = {"a": 3, "b": 20, "c": 9}
    >>> whole, parts = frozenset("abc"), (frozenset("b"), frozenset("c"))
    >>> first = Publication(quantity="HB", sizes=sizes, cells=(whole,), floor=5)
    >>> second = Publication(quantity="HB", sizes=sizes, cells=parts, floor=5)
    >>> audit([first]), [found.n for found in audit([first, second])]
    ((), [3])
    """
    sizes: dict[Hashable, dict[Hashable, int]] = {}
    cells: dict[Hashable, list[frozenset[Hashable]]] = {}
    floors: dict[Hashable, int] = {}
    for publication in publications:
        known = sizes.setdefault(publication.quantity, {})
        for atom, n in publication.sizes.items():
            if known.setdefault(atom, n) != n:
                raise ComparisonError(
                    Problem(
                        code=Code.CMP_AUDIT_SIZES,
                        what=f"Two publications of '{publication.quantity}' disagree on how many people an atom has.",
                        fix="Give answers of other people, or counted at another time, a quantity of their own.",
                    )
                )
        cells.setdefault(publication.quantity, []).extend(publication.cells)
        floors[publication.quantity] = max(floors.get(publication.quantity, 0), publication.floor)
    return tuple(
        Derivation(quantity=quantity, atoms=group, n=sum(sizes[quantity][atom] for atom in group))
        for quantity, published in cells.items()
        for group in derivable_groups(sizes[quantity], published, floor=floors[quantity])
    )


def derivable_groups(
    sizes: Mapping[Hashable, int], cells: Iterable[Collection[Hashable]], *, floor: int
) -> tuple[frozenset[Hashable], ...]:
    """Return the smallest groups of atoms, below the floor, whose total is a combination of published totals.

    Parameters
    ----------
    sizes : mapping of atom to int
        People in each atom.
    cells : iterable of collections of atoms
        The published cells.
    floor : int
        People that a figure must rest on.

    Returns
    -------
    tuple of frozenset of atoms
        Groups of 1 to ``floor - 1`` people, none of which contains another; a larger derivable group below the floor
        holds one of them. Published cells below the floor are among them.

    Notes
    -----
    The published totals are a matrix of 0 and 1 times the unknown totals of the atoms. A group can be derived exactly
    if, and only if, its indicator lies in the row space of that matrix. The reduced rows are computed in rational
    numbers. Atoms that are in exactly the same cells cannot be told apart and are one unknown; atoms without people add
    nothing and are left out, since a reader may know that they are empty. A group below the floor holds no unknown that
    reaches it, so the search runs over the small unknowns only. It is an integer program, and what it finds is
    checked in whole numbers.

    A reader who knows more than what is published, such as an own answer, can derive more; the floors leave room
    for that. An approximate derivation, where a hidden total is bounded closely by others, is not looked for.

    References
    ----------
    Fischetti, M., & Salazar, J. J. (2001). Solving the cell suppression problem on tabular data with linear
    constraints. *Management Science, 47*(7), 1008-1027. https://doi.org/10.1287/mnsc.47.7.1008.9805

    Examples
    --------
    >>> derivable_groups({"a": 4, "b": 4, "c": 9}, [{"a", "b", "c"}, {"a", "c"}], floor=5)
    (frozenset({'b'}),)
    """
    published = list(dict.fromkeys(frozenset(atom for atom in cell if sizes[atom] > 0) for cell in cells))
    pattern: dict[Hashable, list[int]] = {}
    for number, cell in enumerate(published):
        for atom in cell:
            pattern.setdefault(atom, []).append(number)
    classes: dict[tuple[int, ...], list[Hashable]] = {}
    for atom, numbers in pattern.items():
        classes.setdefault(tuple(numbers), []).append(atom)
    unknowns = list(classes.values())
    people = [sum(sizes[atom] for atom in atoms) for atoms in unknowns]
    if all(n >= floor for n in people):
        return ()
    rows: list[Row] = [{} for _ in published]
    for column, members in enumerate(classes):
        for number in members:
            rows[number][column] = Fraction(1)
    conditions = _null_space(sorted(rows, key=len), len(unknowns))
    small = [column for column, n in enumerate(people) if n < floor]
    found = _smallest_solutions(
        [[row.get(column, 0) for column in small] for row in conditions], [people[c] for c in small], floor
    )
    return tuple(frozenset(atom for place in group for atom in unknowns[small[place]]) for group in found)


def _null_space(rows: Iterable[Row], n_columns: int) -> list[dict[int, int]]:
    """Return whole-numbered vectors that are orthogonal to all rows, and span all such vectors."""
    reduced: dict[int, Row] = {}
    for original in rows:
        row = dict(original)
        for pivot in [column for column in row if column in reduced]:
            _subtract(row, reduced[pivot], row[pivot])
        if not row:
            continue
        pivot = min(row)
        scale = row[pivot]
        row = {column: value / scale for column, value in row.items()}
        for other in reduced.values():
            if pivot in other:
                _subtract(other, row, other[pivot])
        reduced[pivot] = row
    vectors: dict[int, dict[int, Fraction]] = {
        column: {column: Fraction(1)} for column in range(n_columns) if column not in reduced
    }
    for pivot, row in reduced.items():
        for column, value in row.items():
            if column != pivot:
                vectors[column][pivot] = -value
    whole = []
    for vector in vectors.values():
        factor = math.lcm(*(value.denominator for value in vector.values()))
        whole.append({column: int(value * factor) for column, value in vector.items()})
    return whole


def _subtract(row: Row, other: Row, times: Fraction) -> None:
    """Subtract a multiple of another row in place."""
    for column, value in other.items():
        left = row.get(column, Fraction(0)) - times * value
        if left:
            row[column] = left
        else:
            row.pop(column, None)


def _smallest_solutions(conditions: list[list[int]], people: list[int], floor: int) -> list[tuple[int, ...]]:
    """Return the sets of places whose indicator meets all conditions and that hold fewer people than the floor."""
    binding = np.array([row for row in conditions if any(row)], dtype=np.int64).reshape(-1, len(people))
    weights = np.array(people, dtype=np.float64)
    constraints = [LinearConstraint(weights[None, :], 1, floor - 1)]
    if len(binding):
        constraints.append(LinearConstraint(binding.astype(np.float64), 0, 0))
    found: list[tuple[int, ...]] = []
    while True:
        answer = milp(
            weights, integrality=np.ones(len(people), dtype=np.int64), bounds=Bounds(0, 1), constraints=constraints
        )
        if answer.status == 2:  # nothing is left
            return found
        chosen = np.zeros(0, dtype=np.int64) if answer.x is None else np.rint(answer.x).astype(np.int64)
        if not answer.success or (binding @ chosen).any():
            raise ComparisonError(
                Problem(
                    code=Code.CMP_AUDIT_UNDECIDED,
                    what="It could not be decided whether hidden figures can be derived.",
                    fix="Publish fewer tables of the same answers, or audit them in parts.",
                )
            )
        group = np.flatnonzero(chosen)
        found.append(tuple(int(place) for place in group))
        # Neither this group nor one that holds it is looked for again.
        constraints.append(LinearConstraint(chosen.astype(np.float64)[None, :], 0, len(group) - 1))
