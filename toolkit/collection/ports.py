"""What collection needs from a store, as protocols; :mod:`toolkit.storage` has the adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

WaveStatus = Literal["draft", "open", "frozen"]
InvitationStatus = Literal["open", "used", "revoked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A health or welfare organisation that has units."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A team or ward of a service."""

    id: str
    service_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """One round of asking: one service, one instrument version."""

    id: str
    service_id: str
    name: str
    instrument_id: str
    instrument_version: str
    definition_hash: str
    status: WaveStatus

    @property
    def instrument(self) -> str:
        """The instrument as ``id@version``."""
        return f"{self.instrument_id}@{self.instrument_version}"


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


class Transaction(Protocol):
    """One transaction: everything in it happens, or nothing does."""

    def add_service(self, service: Service) -> None: ...
    def add_unit(self, unit: Unit) -> None: ...
    def add_wave(self, wave: Wave) -> None: ...
    def services(self) -> Sequence[Service]: ...
    def units(self, service_id: str) -> Sequence[Unit]: ...
    def waves(self) -> Sequence[Wave]: ...
    def wave(self, wave_id: str) -> Wave | None: ...
    def set_wave_status(self, wave_id: str, status: WaveStatus) -> None: ...

    def add_invitations(self, invitations: Sequence[Invitation]) -> None: ...
    def invitations(self, wave_id: str) -> Sequence[Invitation]: ...
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

    def add_response(self, response: Response) -> None: ...
    def responses(self, wave_id: str) -> Sequence[Response]: ...
    def n_responses(self, wave_id: str) -> int: ...
    def replace_responses(self, wave_id: str, responses: Sequence[Response]) -> None: ...
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
