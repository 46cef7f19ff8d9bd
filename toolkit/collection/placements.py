"""Which service a unit belongs to on a day: dated placements that never overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from toolkit.collection.ports import ALWAYS, Placement, Transaction
from toolkit.errors import Code, CollectionError, Problem


def services_on(placements: Iterable[Placement], day: date) -> dict[str, str]:
    """Return the service id of every unit that has one on a day.

    Examples
    --------
    >>> ward = Placement(unit_id="ward", service_id="north", since=date(2025, 1, 1), until=date(2026, 1, 1))
    >>> services_on([ward], date(2025, 12, 31))
    {'ward': 'north'}
    >>> services_on([ward], date(2026, 1, 1))
    {}
    """
    return {placement.unit_id: placement.service_id for placement in placements if placement.holds(day)}


def overlaps(one: Placement, other: Placement) -> bool:
    """Return whether two placements of a unit hold on a common day.

    Examples
    --------
    >>> first = Placement(unit_id="ward", service_id="north", since=date(2025, 1, 1), until=date(2026, 1, 1))
    >>> overlaps(first, Placement(unit_id="ward", service_id="south", since=date(2026, 1, 1)))
    False
    >>> overlaps(first, Placement(unit_id="ward", service_id="south", since=date(2025, 12, 31)))
    True
    """
    if one.unit_id != other.unit_id:
        return False
    return one.since < (other.until or date.max) and other.since < (one.until or date.max)


def place(transaction: Transaction, placement: Placement) -> None:
    """Add a placement, unless it is empty or overlaps another one of the unit.

    Raises
    ------
    CollectionError
        ``COL_PLACEMENT``.
    """
    if placement.until is not None and placement.until <= placement.since:
        raise refused_placement("A unit cannot leave a service before it belongs to it.", got=str(placement.until))
    taken = [known for known in transaction.placements() if overlaps(known, placement)]
    if taken:
        raise refused_placement(
            "The unit belongs to a service on these days already.",
            got=" and ".join(span(known) for known in (*taken, placement)),
        )
    transaction.add_placement(placement)


def end(transaction: Transaction, unit_id: str, on: date) -> Placement:
    """End the placement that a unit has on a day; it holds until the day before.

    Raises
    ------
    CollectionError
        ``COL_PLACEMENT`` when the unit has none that began before the day, or one that begins later.
    """
    mine = [placement for placement in transaction.placements() if placement.unit_id == unit_id]
    current = next((placement for placement in mine if placement.holds(on) and placement.since < on), None)
    if current is None or any(placement.since > on for placement in mine):
        raise refused_placement(
            "The unit cannot leave its service on this day.",
            got=f"{on}; it belongs to a service {_listed(mine)}",
            allowed="a day after the last placement began, while it holds",
        )
    transaction.end_placement(current, on)
    return current


def refused_placement(what: str, *, got: str | None = None, allowed: str | None = None) -> CollectionError:
    """Return the error for a unit that cannot be where it is wanted on a day."""
    return CollectionError(
        Problem(code=Code.COL_PLACEMENT, what=what, got=got, allowed=allowed, fix="Choose another day, or close first.")
    )


def span(placement: Placement) -> str:
    """Return the days of a placement, for messages."""
    since = "from the beginning" if placement.since == ALWAYS else f"from {placement.since}"
    return since if placement.until is None else f"{since} until {placement.until}"


def _listed(placements: Sequence[Placement]) -> str:
    ordered = sorted(placements, key=lambda placement: placement.since)
    return ", ".join(map(span, ordered)) or "on no day"
