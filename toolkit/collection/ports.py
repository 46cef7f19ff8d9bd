"""What collection needs from a store, as protocols; :mod:`toolkit.storage` has the adapters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, Protocol

WaveStatus = Literal["draft", "open", "frozen"]
InvitationStatus = Literal["open", "used", "revoked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A health or welfare organisation that has units."""

    id: str
    name: str


ALWAYS = date(1, 1, 1)
"""The first day of a unit that nobody gave a first day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A team or ward; which service it belongs to on a day is told by its placements."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A unit belongs to a service from one day until another; on a day it has one service at most."""

    unit_id: str
    service_id: str
    since: date
    """The first day."""
    until: date | None = None
    """The day on which it does not hold any more; None while it holds."""

    def holds(self, day: date) -> bool:
        """Return whether the unit belongs to the service on a day."""
        return self.since <= day and (self.until is None or day < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """One round of asking: one instrument version, in units of one service or of many."""

    id: str
    name: str
    instrument_id: str
    instrument_version: str
    definition_hash: str
    status: WaveStatus
    asked_on: date
    """The first day; orders waves, and says which service a unit belonged to."""
    is_demo: bool = False
    """Whether the answers are synthetic; marked wherever they are shown."""
    content_hash: str | None = None
    """SHA-256 of what a frozen wave holds, without its random keys; None until it is frozen."""

    @property
    def instrument(self) -> str:
        """The instrument as ``id@version``."""
        return f"{self.instrument_id}@{self.instrument_version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveUnit:
    """A unit that takes part in a wave."""

    wave_id: str
    unit_id: str
    n_invited_elsewhere: int | None = None
    """How many people were invited without a link of this store; None when nobody was, or when it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One person's right to answer one wave once; the person's name is not in the store."""

    id: str
    wave_id: str
    unit_id: str
    token_hash: str
    status: InvitationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RespondentSession:
    """A browser that came through an invitation link."""

    cookie_hash: str
    invitation_id: str
    last_seen: float
    """Seconds since 1970; deleted with the session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Answers in progress; belongs to an invitation until it is submitted."""

    id: str
    invitation_id: str
    language: str
    consent_version: str
    step: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store holds for one question: the answer (None after "Clear answer") and how often it was written."""

    value: str | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Submitted answers under a random key that nothing else knows."""

    key: str
    wave_id: str
    unit_id: str
    instrument_id: str
    instrument_version: str
    definition_hash: str
    language: str
    display_order: tuple[str, ...]
    consent_version: str
    n_changes: int
    receipt_hash: str | None
    answers: Mapping[str, str]


class AnswerRow(NamedTuple):
    """What an analysis needs of one response, and nothing that tells responses apart."""

    unit_id: str
    version: str
    language: str
    answers: str
    """As :func:`toolkit.collection.answers.written` writes them."""


class Transaction(Protocol):
    """One transaction: everything in it happens, or nothing does."""

    def add_service(self, service: Service) -> None: ...
    def add_unit(self, unit: Unit) -> None: ...
    def add_wave(self, wave: Wave) -> None: ...
    def services(self) -> Sequence[Service]: ...
    def units(self) -> Sequence[Unit]: ...
    def unit(self, unit_id: str) -> Unit | None: ...
    def waves(self) -> Sequence[Wave]: ...
    def wave(self, wave_id: str) -> Wave | None: ...
    def set_wave_status(self, wave_id: str, status: WaveStatus, *, content_hash: str | None = None) -> None: ...

    def add_placement(self, placement: Placement) -> None: ...
    def end_placement(self, placement: Placement, until: date) -> None: ...
    def placements(self) -> Sequence[Placement]: ...
    def add_wave_units(self, wave_units: Sequence[WaveUnit]) -> None: ...
    def wave_units(self, wave_id: str) -> Sequence[WaveUnit]: ...

    def add_invitations(self, invitations: Sequence[Invitation]) -> None: ...
    def invitations(self, wave_id: str) -> Sequence[Invitation]: ...
    def n_invitations(self, wave_id: str) -> Mapping[str, int]:
        """Return how many invitations each unit has that has any."""
        ...

    def invitation(self, invitation_id: str) -> Invitation | None: ...
    def invitation_by_token(self, token_hash: str) -> Invitation | None: ...
    def set_invitation_status(self, invitation_id: str, status: InvitationStatus) -> None: ...
    def replace_invitations(self, wave_id: str, invitations: Sequence[Invitation]) -> None: ...

    def add_session(self, session: RespondentSession) -> None: ...
    def session(self, cookie_hash: str) -> RespondentSession | None: ...
    def touch_session(self, cookie_hash: str, now: float) -> None: ...
    def end_session(self, cookie_hash: str) -> None: ...
    def end_sessions_of(self, invitation_id: str) -> None: ...
    def end_sessions_before(self, moment: float) -> None: ...

    def add_draft(self, draft: Draft) -> None: ...
    def draft_of(self, invitation_id: str) -> Draft | None: ...
    def set_draft_language(self, draft_id: str, language: str) -> None: ...
    def set_draft_step(self, draft_id: str, step: str) -> None: ...
    def delete_draft(self, draft_id: str) -> None: ...
    def delete_drafts(self, wave_id: str) -> None: ...
    def answers(self, draft_id: str) -> Mapping[str, Answer]: ...
    def answer(self, draft_id: str, question: str) -> Answer | None: ...
    def write_answer(self, draft_id: str, question: str, answer: Answer) -> None: ...

    def add_responses(self, responses: Sequence[Response]) -> None: ...
    def responses(self, wave_id: str) -> Sequence[Response]: ...
    def n_responses(self, wave_id: str) -> Mapping[str, int]:
        """Return how many responses each unit has that has any."""
        ...

    def answer_rows(self, wave_id: str) -> Iterator[AnswerRow]:
        """Return what the responses of a wave hold, in the order of their random keys."""
        ...

    def response_keys(self, wave_id: str) -> Sequence[str]: ...
    def replace_response_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        """Give responses new keys, pairs of old and new one, in this order, and forget their receipts."""
        ...

    def response_by_receipt(self, receipt_hash: str) -> tuple[str, str] | None:
        """Return the key and wave id of a response, or None."""
        ...

    def delete_response(self, key: str) -> None: ...


class Store(Protocol):
    """Where everything collected is kept."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that only reads."""
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that may write; no other writer comes between its reads and its writes."""
        ...

    def forget_deleted(self) -> None:
        """Leave no trace of deleted rows in the store's files."""
        ...
