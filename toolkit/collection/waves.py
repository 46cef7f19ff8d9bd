"""Waves: opening them, inviting to them, and freezing them so that nobody can be traced."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from toolkit.collection.ports import Invitation, Response, Service, Store, Transaction, Unit, Wave
from toolkit.collection.privacy import keyed_hash, new_key, new_token
from toolkit.errors import Code, CollectionError, Problem
from toolkit.instruments.instrument import Instrument


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

    def add_service(self, name: str, unit_names: Sequence[str]) -> tuple[Service, tuple[Unit, ...]]:
        """Add a service with its units; a service that is there already only gets the units that it lacks.

        Raises
        ------
        CollectionError
            ``COL_UNIT_NAMES`` without a unit, and with a name that is blank or given twice.
        """
        if not unit_names or len(set(unit_names)) < len(unit_names) or not all(name.strip() for name in unit_names):
            raise CollectionError(
                Problem(
                    code=Code.COL_UNIT_NAMES,
                    what="The units of a service cannot be told apart by these names.",
                    got=", ".join(repr(name) for name in unit_names) or "none",
                    allowed="one unit or more, each with its own name",
                    fix="Give every unit a name of its own.",
                )
            )
        with self._store.writing() as transaction:
            service = next((known for known in transaction.services() if known.name == name), None)
            if service is None:
                service = Service(id=new_key(), name=name)
                transaction.add_service(service)
            units = {unit.name: unit for unit in transaction.units(service.id)}
            for unit_name in unit_names:
                if unit_name not in units:
                    units[unit_name] = Unit(id=new_key(), service_id=service.id, name=unit_name)
                    transaction.add_unit(units[unit_name])
        return service, tuple(units[unit_name] for unit_name in unit_names)

    def add_wave(self, service: Service, name: str, instrument_name: str, *, wave_id: str | None = None) -> Wave:
        """Add an open wave, pinned to one instrument version."""
        instrument = self._instruments(instrument_name)
        wave = Wave(
            id=wave_id or new_key(),
            service_id=service.id,
            name=name,
            instrument_id=instrument.id,
            instrument_version=instrument.version,
            definition_hash=instrument.definition_hash,
            status="open",
        )
        with self._store.writing() as transaction:
            transaction.add_wave(wave)
        return wave

    def all(self) -> tuple[tuple[Wave, Service, tuple[Unit, ...]], ...]:
        """Return every wave with its service and units."""
        with self._store.reading() as transaction:
            services = {service.id: service for service in transaction.services()}
            return tuple(
                (wave, services[wave.service_id], tuple(transaction.units(wave.service_id)))
                for wave in sorted(transaction.waves(), key=lambda wave: wave.name)
            )

    def find_unit(self, wave_id: str, name: str) -> Unit:
        """Return the unit of a wave's service that has this name.

        Raises
        ------
        CollectionError
            ``COL_UNKNOWN_WAVE`` or ``COL_UNKNOWN_UNIT``.
        """
        with self._store.reading() as transaction:
            units = transaction.units(require_wave(transaction, wave_id).service_id)
        for unit in units:
            if unit.name == name:
                return unit
        raise _unknown_unit(name, units)

    def invite(self, wave_id: str, unit_id: str, n: int) -> tuple[str, ...]:
        """Add invitations and return their tokens, which are shown once: only keyed hashes are stored."""
        tokens = tuple(new_token() for _ in range(n))
        with self._store.writing() as transaction:
            wave = require_wave(transaction, wave_id)
            if wave.status == "frozen":
                raise _not_open(wave)
            units = transaction.units(wave.service_id)
            if unit_id not in {unit.id for unit in units}:
                raise _unknown_unit(unit_id, units)
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
        """Return how many people were invited to a wave."""
        with self._store.reading() as transaction:
            return len(transaction.invitations(wave_id))

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
            if wave.status != "frozen":
                _unlink(transaction, wave_id)
        self._store.forget_deleted()
        if wave.status == "frozen":
            raise _not_open(wave)
        return replace(wave, status="frozen")

    def frozen_responses(self, wave_id: str) -> tuple[Wave, Sequence[Response], Sequence[Unit]]:
        """Return the responses of a frozen wave; a wave that still collects gives none.

        Raises
        ------
        CollectionError
            ``COL_UNKNOWN_WAVE`` or ``COL_WAVE_NOT_FROZEN``.
        """
        with self._store.reading() as transaction:
            wave = require_wave(transaction, wave_id)
            if wave.status != "frozen":
                raise CollectionError(
                    Problem(
                        code=Code.COL_WAVE_NOT_FROZEN,
                        what=f"The wave {wave.name!r} still collects; a result of it would show each new answer.",
                        fix=f"End it first: eot store freeze {wave.id}",
                    )
                )
            return wave, transaction.responses(wave_id), transaction.units(wave.service_id)


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


def _unlink(transaction: Transaction, wave_id: str) -> None:
    """Freeze a wave: forget who was answering, and give everything that stays a new key in random order."""
    shuffle = random.SystemRandom()
    transaction.delete_drafts(wave_id)
    invitations = list(transaction.invitations(wave_id))
    for invitation in invitations:
        transaction.end_sessions_of(invitation.id)
    shuffle.shuffle(invitations)
    transaction.replace_invitations(wave_id, [replace(one, id=new_key()) for one in invitations])
    responses = list(transaction.responses(wave_id))
    shuffle.shuffle(responses)
    transaction.replace_responses(wave_id, [replace(one, key=new_key(), receipt_hash=None) for one in responses])
    transaction.set_wave_status(wave_id, "frozen")


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
            what="The service of this wave has no such unit.",
            got=got,
            allowed=", ".join(sorted(unit.name for unit in units)),
            fix="Name a unit of the service.",
        )
    )
