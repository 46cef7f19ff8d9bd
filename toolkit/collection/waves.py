"""Waves: opening them, inviting to them, and freezing them so that nobody can be traced."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from toolkit.collection.answers import content_hash
from toolkit.collection.placements import end, place, refused_placement, services_on
from toolkit.collection.ports import (
    ALWAYS,
    Invitation,
    Placement,
    Response,
    Service,
    Store,
    Transaction,
    Unit,
    Wave,
    WaveUnit,
)
from toolkit.collection.privacy import keyed_hash, new_key, new_token
from toolkit.errors import Code, CollectionError, Problem
from toolkit.instruments.instrument import Instrument

if TYPE_CHECKING:
    import pandas as pd

LONGEST_NAME = 200


class ServiceUnits(NamedTuple):
    """A service and some of its units on a day."""

    service: Service
    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Participation:
    """How many people of a unit a wave reached; internal, like everything that was not suppressed.

    Attributes
    ----------
    unit_id : str
        The unit.
    n_invited : int or None
        Links that were made, and people who were invited without one; None when neither is known.
    n_submitted : int or None
        Submissions, blank ones too; None while the wave collects.
    """

    unit_id: str
    n_invited: int | None
    n_submitted: int | None


class Waves:
    """The organiser's side of collection.

    Parameters
    ----------
    store : Store
        Where waves are kept.
    instruments : callable
        Returns the instrument for a name such as ``eomhs@1.0.0``.
    secret : bytes
        Key of the hashes of tokens.
    """

    def __init__(self, store: Store, instruments: Callable[[str], Instrument], secret: bytes) -> None:
        self._store = store
        self._instruments = instruments
        self._secret = secret

    # --- services and units

    def add_service(
        self, name: str, unit_names: Sequence[str], *, on: date | None = None
    ) -> tuple[Service, tuple[Unit, ...]]:
        """Add a service with its units; a service that is there already only gets the units that it lacks.

        A new unit belongs to the service from the beginning of the record until it is moved or closed.

        Parameters
        ----------
        name : str
            Name of the service.
        unit_names : sequence of str
            Names of its units.
        on : date, optional
            Units that the service has on this day are found by their names; today unless given.

        Raises
        ------
        CollectionError
            ``COL_UNIT_NAMES`` without a unit, and with a name that is blank, too long or given twice.
        """
        if not unit_names or len(set(unit_names)) < len(unit_names) or not all(map(is_name, (name, *unit_names))):
            raise CollectionError(
                Problem(
                    code=Code.COL_UNIT_NAMES,
                    what="The units of a service cannot be told apart by these names.",
                    got=", ".join(repr(name[:LONGEST_NAME]) for name in unit_names) or "none",
                    allowed=f"one unit or more, each with its own name, of {LONGEST_NAME} characters or fewer",
                    fix="Give every unit a name of its own.",
                )
            )
        with self._store.writing() as transaction:
            service = next((known for known in transaction.services() if known.name == name), None)
            if service is None:
                service = Service(id=new_key(), name=name)
                transaction.add_service(service)
            placed = services_on(transaction.placements(), on or date.today())
            units = {unit.name: unit for unit in transaction.units() if placed.get(unit.id) == service.id}
            for unit_name in unit_names:
                if unit_name not in units:
                    units[unit_name] = Unit(id=new_key(), name=unit_name)
                    transaction.add_unit(units[unit_name])
                    place(transaction, Placement(unit_id=units[unit_name].id, service_id=service.id, since=ALWAYS))
        return service, tuple(units[unit_name] for unit_name in unit_names)

    def services(self, on: date | None = None) -> tuple[ServiceUnits, ...]:
        """Return every service with the units that it has on a day, today unless given; both by name."""
        with self._store.reading() as transaction:
            return _grouped(transaction, on or date.today(), [unit.id for unit in transaction.units()], whole=True)

    def move_unit(self, unit_id: str, service_id: str, on: date) -> None:
        """Let a unit belong to another service from a day on; a closed unit is opened again.

        Raises
        ------
        CollectionError
            ``COL_UNKNOWN_UNIT``, ``COL_UNKNOWN_SERVICE``, or ``COL_PLACEMENT`` when the unit has a place from that day
            on that cannot be ended then.
        """
        with self._store.writing() as transaction:
            _require_unit(transaction, unit_id)
            services = {service.id: service for service in transaction.services()}
            if service_id not in services:
                raise CollectionError(
                    Problem(
                        code=Code.COL_UNKNOWN_SERVICE,
                        what="There is no such service.",
                        got=service_id,
                        allowed=", ".join(sorted(service.name for service in services.values())) or "none yet",
                        fix="Name one of the services.",
                    )
                )
            if services_on(transaction.placements(), on).get(unit_id) is not None:
                end(transaction, unit_id, on)
            place(transaction, Placement(unit_id=unit_id, service_id=service_id, since=on))

    def close_unit(self, unit_id: str, on: date) -> None:
        """Let a unit belong to no service from a day on; its waves and answers stay.

        Raises
        ------
        CollectionError
            ``COL_UNKNOWN_UNIT`` or ``COL_PLACEMENT``.
        """
        with self._store.writing() as transaction:
            _require_unit(transaction, unit_id)
            end(transaction, unit_id, on)

    # --- waves

    def add_wave(
        self,
        units: Sequence[Unit],
        name: str,
        instrument_name: str,
        *,
        asked_on: date | None = None,
        is_demo: bool = False,
        wave_id: str | None = None,
    ) -> Wave:
        """Add an open wave, pinned to one instrument version, in units of one service or of many.

        Parameters
        ----------
        units : sequence of Unit
            Who takes part; more can be added later.
        name : str
            Name of the wave.
        instrument_name : str
            Such as ``eomhs@1.0.0``.
        asked_on : date, optional
            The first day; today unless given.
        is_demo : bool
            Whether the answers are synthetic.
        wave_id : str, optional
            A random one unless given.

        Raises
        ------
        CollectionError
            ``COL_WAVE_NAME``; ``COL_UNKNOWN_UNIT`` or ``COL_PLACEMENT`` for a unit that has no service on the day.
        """
        wave = self.new_wave(name, instrument_name, asked_on=asked_on, is_demo=is_demo, wave_id=wave_id)
        with self._store.writing() as transaction:
            transaction.add_wave(wave)
            _add_units(transaction, wave, [unit.id for unit in units])
        return wave

    def new_wave(
        self,
        name: str,
        instrument_name: str,
        *,
        asked_on: date | None = None,
        is_demo: bool = False,
        wave_id: str | None = None,
    ) -> Wave:
        """Return an open wave of an instrument that is not in the store yet; see :meth:`add_wave`."""
        if not is_name(name):
            raise CollectionError(
                Problem(
                    code=Code.COL_WAVE_NAME,
                    what="A wave cannot have this name.",
                    got=repr(name[:LONGEST_NAME]),
                    allowed=f"1 to {LONGEST_NAME} characters",
                    fix="Give the wave another name.",
                )
            )
        instrument = self._instruments(instrument_name)
        return Wave(
            id=wave_id or new_key(),
            name=name,
            instrument_id=instrument.id,
            instrument_version=instrument.version,
            definition_hash=instrument.definition_hash,
            status="open",
            asked_on=asked_on or date.today(),
            is_demo=is_demo,
        )

    def add_units(self, wave_id: str, units: Sequence[Unit]) -> None:
        """Let more units take part in a wave; those that do already stay as they are.

        Raises
        ------
        CollectionError
            ``COL_UNKNOWN_WAVE``, ``COL_WAVE_NOT_OPEN``, ``COL_UNKNOWN_UNIT`` or ``COL_PLACEMENT``.
        """
        with self._store.writing() as transaction:
            wave = require_wave(transaction, wave_id)
            if wave.status == "frozen":
                raise _not_open(wave)
            _add_units(transaction, wave, [unit.id for unit in units])

    def wave(self, wave_id: str) -> Wave:
        """Return a wave.

        Raises
        ------
        CollectionError
            ``COL_UNKNOWN_WAVE``.
        """
        with self._store.reading() as transaction:
            return require_wave(transaction, wave_id)

    def all(self) -> tuple[tuple[Wave, tuple[ServiceUnits, ...]], ...]:
        """Return every wave, in the order in which they were asked, with its services and their units on that day."""
        with self._store.reading() as transaction:
            return tuple((wave, units_of(transaction, wave)) for wave in sorted(transaction.waves(), key=by_time))

    def units(self, wave_id: str) -> tuple[ServiceUnits, ...]:
        """Return the services of a wave with those of their units that take part, as of the wave's day."""
        with self._store.reading() as transaction:
            return units_of(transaction, require_wave(transaction, wave_id))

    def find_unit(self, wave_id: str, name: str, *, service: str | None = None) -> Unit:
        """Return the unit of a wave that has this name.

        Raises
        ------
        CollectionError
            ``COL_UNKNOWN_WAVE``, ``COL_UNKNOWN_UNIT``, or ``COL_UNIT_NAMES`` when several services of the wave have
            a unit of this name and none of them is named.
        """
        known = [(one.service, unit) for one in self.units(wave_id) for unit in one.units]
        found = [unit for owner, unit in known if unit.name == name and service in (None, owner.name)]
        if not found:
            raise _unknown_unit(name, [unit for _, unit in known])
        if len(found) > 1:
            raise CollectionError(
                Problem(
                    code=Code.COL_UNIT_NAMES,
                    what="Several services of the wave have a unit of this name.",
                    got=name,
                    allowed=", ".join(owner.name for owner, unit in known if unit.name == name),
                    fix="Name the service too.",
                )
            )
        return found[0]

    def invite(self, wave_id: str, unit_id: str, n: int) -> tuple[str, ...]:
        """Add invitations and return their tokens, which are shown once: only keyed hashes are stored."""
        tokens = tuple(new_token() for _ in range(n))
        with self._store.writing() as transaction:
            wave = require_wave(transaction, wave_id)
            if wave.status == "frozen":
                raise _not_open(wave)
            known = {one.unit_id for one in transaction.wave_units(wave_id)}
            if unit_id not in known:
                raise _unknown_unit(unit_id, [unit for unit in transaction.units() if unit.id in known])
            transaction.add_invitations(
                [
                    Invitation(
                        id=new_key(),
                        wave_id=wave_id,
                        unit_id=unit_id,
                        token_hash=keyed_hash(self._secret, "token", token),
                        status="open",
                    )
                    for token in tokens
                ]
            )
        return tokens

    def n_invited(self, wave_id: str) -> int:
        """Return how many people are known to have been invited to a wave."""
        return sum(one.n_invited or 0 for one in self.participation(wave_id))

    def participation(self, wave_id: str) -> tuple[Participation, ...]:
        """Return how many people of each unit were invited and, once the wave is frozen, have submitted.

        Raises
        ------
        CollectionError
            ``COL_UNKNOWN_WAVE``.
        """
        with self._store.reading() as transaction:
            wave = require_wave(transaction, wave_id)
            invited = transaction.n_invitations(wave_id)
            submitted = transaction.n_responses(wave_id) if wave.status == "frozen" else None
            found = []
            for one in sorted(transaction.wave_units(wave_id), key=lambda one: one.unit_id):
                counts = [n for n in (invited.get(one.unit_id), one.n_invited_elsewhere) if n is not None]
                found.append(
                    Participation(
                        unit_id=one.unit_id,
                        n_invited=sum(counts) if counts else None,
                        n_submitted=None if submitted is None else submitted.get(one.unit_id, 0),
                    )
                )
            return tuple(found)

    def freeze(self, wave_id: str) -> Wave:
        """End a wave for good.

        Unsubmitted drafts and receipts are deleted, and every response and invitation gets a new random key and a new
        place, so that nothing in the store joins them. What was deleted is then wiped from the store's files. A wave
        that is frozen already is refused, but the wiping is done again, since it may have failed the first time.

        Raises
        ------
        CollectionError
            ``COL_UNKNOWN_WAVE`` or, for a wave that is frozen already, ``COL_WAVE_NOT_OPEN``.
        StorageError
            ``STO_TRACES_LEFT`` when the wave is frozen but its files could not be wiped.
        """
        with self._store.writing() as transaction:
            wave = require_wave(transaction, wave_id)
            content = None if wave.status == "frozen" else _unlink(transaction, wave)
        self._store.forget_deleted()
        if content is None:
            raise _not_open(wave)
        return replace(wave, status="frozen", content_hash=content)

    def frozen_responses(self, wave_id: str) -> tuple[Wave, Sequence[Response], tuple[ServiceUnits, ...]]:
        """Return the responses of a frozen wave and who took part; a wave that still collects gives none.

        Raises
        ------
        CollectionError
            ``COL_UNKNOWN_WAVE`` or ``COL_WAVE_NOT_FROZEN``.
        """
        with self._store.reading() as transaction:
            wave = require_frozen(transaction, wave_id)
            return wave, transaction.responses(wave_id), units_of(transaction, wave)

    def answers_frame(self, wave_ids: Sequence[str]) -> pd.DataFrame:
        """Return the answers of frozen waves for analysis; see :func:`toolkit.collection.analysis.answers_frame`.

        Nothing of it may be shown but through :mod:`toolkit.disclosure`.
        """
        from toolkit.collection.analysis import answers_frame

        with self._store.reading() as transaction:
            return answers_frame(transaction, wave_ids, self._instruments)


def by_time(wave: Wave) -> tuple[date, str, str]:
    """Return what orders waves: their first day, then their name."""
    return (wave.asked_on, wave.name, wave.id)


def units_of(transaction: Transaction, wave: Wave) -> tuple[ServiceUnits, ...]:
    """Return the services of a wave with those of their units that take part, as of the wave's day; both by name."""
    return _grouped(transaction, wave.asked_on, [one.unit_id for one in transaction.wave_units(wave.id)])


def _grouped(
    transaction: Transaction, day: date, unit_ids: Sequence[str], *, whole: bool = False
) -> tuple[ServiceUnits, ...]:
    """Return services with their units on a day; ``whole`` lists services without one of them too."""
    wanted = set(unit_ids)
    placed = services_on(transaction.placements(), day)
    units: dict[str, list[Unit]] = {}
    for unit in transaction.units():
        if unit.id in wanted and unit.id in placed:
            units.setdefault(placed[unit.id], []).append(unit)
    return tuple(
        ServiceUnits(service, tuple(sorted(units.get(service.id, ()), key=lambda unit: (unit.name, unit.id))))
        for service in sorted(transaction.services(), key=lambda service: (service.name, service.id))
        if whole or service.id in units
    )


def _add_units(transaction: Transaction, wave: Wave, unit_ids: Sequence[str]) -> None:
    placed = services_on(transaction.placements(), wave.asked_on)
    known = {one.unit_id for one in transaction.wave_units(wave.id)}
    for unit_id in unit_ids:
        unit = _require_unit(transaction, unit_id)
        if unit_id not in placed:
            raise refused_placement(
                "A unit that belongs to no service on the day of a wave cannot take part in it.",
                got=f"{unit.name} on {wave.asked_on}",
            )
    new = [unit_id for unit_id in dict.fromkeys(unit_ids) if unit_id not in known]
    transaction.add_wave_units([WaveUnit(wave_id=wave.id, unit_id=unit_id) for unit_id in new])


def _require_unit(transaction: Transaction, unit_id: str) -> Unit:
    unit = transaction.unit(unit_id)
    if unit is None:
        raise _unknown_unit(unit_id, transaction.units())
    return unit


def is_name(name: str) -> bool:
    """Return whether a service, unit or wave can have this name."""
    return bool(name.strip()) and len(name) <= LONGEST_NAME and "\0" not in name


def require_wave(transaction: Transaction, wave_id: str) -> Wave:
    """Return a wave, or refuse with the ids that there are."""
    wave = transaction.wave(wave_id)
    if wave is None:
        raise CollectionError(
            Problem(
                code=Code.COL_UNKNOWN_WAVE,
                what="There is no such wave.",
                got=wave_id,
                allowed=", ".join(sorted(known.id for known in transaction.waves())) or "none yet",
                fix="Name one of the waves: eot store waves",
            )
        )
    return wave


def require_frozen(transaction: Transaction, wave_id: str) -> Wave:
    """Return a wave that does not change any more, or refuse one that does."""
    wave = require_wave(transaction, wave_id)
    if wave.status != "frozen":
        raise CollectionError(
            Problem(
                code=Code.COL_WAVE_NOT_FROZEN,
                what=f"The wave {wave.name!r} still collects; a result of it would show each new answer.",
                fix=f"End it first: eot store freeze {wave.id}",
            )
        )
    return wave


def require_unchanged(instrument: Instrument, wave: Wave) -> Instrument:
    """Return the instrument of a wave, or refuse one that is not the one the wave was made with."""
    if instrument.definition_hash != wave.definition_hash:
        raise CollectionError(
            Problem(
                code=Code.COL_QUESTIONNAIRE_CHANGED,
                what=f"The questionnaire {wave.instrument} is not the one that the wave {wave.name!r} was made with.",
                fix="Put its definition back as it was, and give the changed one a new version and a new wave.",
            )
        )
    return instrument


def _unlink(transaction: Transaction, wave: Wave) -> str:
    """Freeze a wave: forget who was answering, and give everything that stays a new key in random order.

    The hash of what the wave holds is returned. Answers stay in the store meanwhile, so that a wave of any size fits.
    """
    shuffle = random.SystemRandom()
    transaction.delete_drafts(wave.id)
    invitations = list(transaction.invitations(wave.id))
    for invitation in invitations:
        transaction.end_sessions_of(invitation.id)
    shuffle.shuffle(invitations)
    transaction.replace_invitations(wave.id, [replace(one, id=new_key()) for one in invitations])
    keys = list(transaction.response_keys(wave.id))
    shuffle.shuffle(keys)
    transaction.replace_response_keys([(key, new_key()) for key in keys])
    found = content_hash(wave.instrument_id, wave.definition_hash, transaction.answer_rows(wave.id))
    transaction.set_wave_status(wave.id, "frozen", content_hash=found)
    return found


def _not_open(wave: Wave) -> CollectionError:
    return CollectionError(
        Problem(
            code=Code.COL_WAVE_NOT_OPEN,
            what=f"The wave {wave.name!r} is frozen and does not change any more.",
            fix="Add a new wave.",
        )
    )


def _unknown_unit(got: str, units: Sequence[Unit]) -> CollectionError:
    return CollectionError(
        Problem(
            code=Code.COL_UNKNOWN_UNIT,
            what="There is no such unit here.",
            got=got,
            allowed=", ".join(sorted(unit.name for unit in units)) or "none yet",
            fix="Name one of the units, or let the unit take part first.",
        )
    )
