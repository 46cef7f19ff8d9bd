"""A respondent answers: from the link to the receipt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from toolkit.collection.flow import allowed_answers, display_order, steps
from toolkit.collection.ports import (
    Answer,
    Draft,
    Invitation,
    RespondentSession,
    Response,
    Store,
    Transaction,
    Unit,
    Wave,
)
from toolkit.collection.privacy import keyed_hash, new_key, new_receipt, new_token, receipt_as_typed
from toolkit.collection.reconciliation import Conflict, Saved, reconcile
from toolkit.collection.waves import require_unchanged
from toolkit.errors import Code, CollectionError, Problem
from toolkit.instruments.instrument import Instrument

TOUCH_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a respondent's browser is allowed to see and do."""

    wave: Wave
    unit: Unit
    instrument: Instrument
    draft: Draft | None
    answers: Mapping[str, Answer]


class Admission(NamedTuple):
    """A browser that may answer now, and what it may answer."""

    session: RespondentSession
    invitation: Invitation
    wave: Wave


class Responding:
    """The respondent's side of collection.

    Parameters
    ----------
    store : Store
        Where drafts and responses are kept.
    instruments : callable
        Returns the instrument for a name such as ``eomhs@1.0.0``.
    secret : bytes
        Key of the hashes of tokens, cookies and receipts.
    idle_seconds : float
        After this long without an answer a browser needs the link again.
    clock : callable
        Seconds since 1970; replaced in tests.
    """

    def __init__(
        self,
        store: Store,
        instruments: Callable[[str], Instrument],
        secret: bytes,
        *,
        idle_seconds: float = 600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._instruments = instruments
        self._secret = secret
        self._idle_seconds = idle_seconds
        self._clock = clock

    def _hash(self, purpose: str, value: str) -> str:
        return keyed_hash(self._secret, purpose, value)

    def _instrument(self, wave: Wave) -> Instrument:
        return require_unchanged(self._instruments(wave.instrument), wave)

    # --- links and browser sessions

    def open_link(self, token: str, *, previous_cookie: str | None = None) -> str:
        """Return a new session cookie for a link; the link itself is not used up.

        Raises
        ------
        CollectionError
            ``COL_LINK_UNKNOWN``, ``COL_LINK_USED`` or ``COL_WAVE_NOT_OPEN``.
        """
        now = self._clock()
        cookie = new_token()
        with self._store.writing() as transaction:
            invitation = transaction.invitation_by_token(self._hash("token", token))
            _refuse_unusable(transaction, invitation)
            if previous_cookie is not None:
                before = transaction.session(self._hash("cookie", previous_cookie))
                # The same link opened twice is the same person; another link is somebody else at this computer.
                if before is not None and before.invitation_id != _present(invitation).id:
                    transaction.end_session(before.cookie_hash)
            transaction.end_sessions_before(now - self._idle_seconds)
            transaction.add_session(
                RespondentSession(
                    cookie_hash=self._hash("cookie", cookie),
                    invitation_id=_present(invitation).id,
                    last_seen=now,
                )
            )
        return cookie

    def visit(self, cookie: str) -> Visit:
        """Return what a browser with this cookie may see.

        Raises
        ------
        CollectionError
            ``COL_SESSION_ENDED``, ``COL_LINK_USED``, ``COL_WAVE_NOT_OPEN`` or ``COL_QUESTIONNAIRE_CHANGED``.
        """
        with self._store.reading() as transaction:
            _, invitation, wave = self._admit(transaction, cookie)
            draft = transaction.draft_of(invitation.id)
            unit = transaction.unit(invitation.unit_id)
            if unit is None:
                raise _unknown_link()
            return Visit(
                wave=wave,
                unit=unit,
                instrument=self._instrument(wave),
                draft=draft,
                answers=transaction.answers(draft.id) if draft else {},
            )

    def finish_later(self, cookie: str) -> None:
        """End a browser's session; the answers stay, and the link opens them again."""
        with self._store.writing() as transaction:
            transaction.end_session(self._hash("cookie", cookie))

    def _admit(self, transaction: Transaction, cookie: str) -> Admission:
        session = transaction.session(self._hash("cookie", cookie))
        if session is None or session.last_seen < self._clock() - self._idle_seconds:
            raise CollectionError(
                Problem(
                    code=Code.COL_SESSION_ENDED,
                    what="This page was left alone for a while, or its link was opened elsewhere, so it has ended.",
                    fix="Open your link again; what was saved is still there.",
                )
            )
        invitation = transaction.invitation(session.invitation_id)
        wave = _refuse_unusable(transaction, invitation)
        return Admission(session, _present(invitation), wave)

    def _admit_to_draft(self, transaction: Transaction, cookie: str, draft_id: str) -> tuple[Admission, Draft]:
        admission = self._admit(transaction, cookie)
        draft = transaction.draft_of(admission.invitation.id)
        if draft is None or draft.id != draft_id:
            raise CollectionError(
                Problem(
                    code=Code.COL_SESSION_ENDED,
                    what="Another link was opened in this browser, so this page has ended.",
                    fix="Open your own link again; what was saved is still there.",
                )
            )
        return admission, draft

    # --- answering

    def begin(self, cookie: str, *, language: str, consent_version: str) -> Draft:
        """Start a draft after consent, or return the one that is there.

        A language that the questionnaire does not have is replaced by the one it was written in.
        """
        with self._store.writing() as transaction:
            _, invitation, wave = self._admit(transaction, cookie)
            draft = transaction.draft_of(invitation.id)
            if draft is None:
                instrument = self._instrument(wave)
                draft = Draft(
                    id=new_key(),
                    invitation_id=invitation.id,
                    language=language if language in instrument.languages else instrument.languages[0],
                    consent_version=consent_version,
                    step=steps(instrument)[0],
                )
                transaction.add_draft(draft)
        return draft

    def save(
        self, cookie: str, draft_id: str, question: str, shown: str | None, *, base: Answer | None
    ) -> Saved | Conflict:
        """Write one answer if the store still holds what this tab last saw there.

        Parameters
        ----------
        cookie, draft_id : str
            Who is answering; both must belong together.
        question : str
            Item or covariate code.
        shown : str or None
            The answer in the browser as it is stored (a code such as ``"4"``); None clears it.
        base : Answer or None
            What this tab last saw acknowledged for the question.

        Returns
        -------
        Saved or Conflict
            ``Saved`` only after the store has committed.
        """
        with self._store.writing() as transaction:
            admission, _ = self._admit_to_draft(transaction, cookie, draft_id)
            allowed = allowed_answers(self._instrument(admission.wave), question)
            if allowed is None:
                raise CollectionError(
                    Problem(
                        code=Code.COL_UNKNOWN_QUESTION,
                        what="The questionnaire has no such question.",
                        item=question,
                        fix="Reload the page.",
                    )
                )
            if shown is not None and shown not in allowed:
                raise CollectionError(
                    Problem(
                        code=Code.COL_UNKNOWN_ANSWER,
                        what="The question cannot be answered with this.",
                        item=question,
                        allowed=", ".join(allowed),
                        fix="Choose one of the answers shown.",
                    )
                )
            decision = reconcile(shown, base, transaction.answer(draft_id, question))
            if isinstance(decision, Answer):
                transaction.write_answer(draft_id, question, decision)
                decision = Saved(decision)
            self._touch(transaction, admission.session)
        return decision

    def go_to(self, cookie: str, draft_id: str, step: str) -> None:
        """Remember the page a respondent is on."""
        with self._store.writing() as transaction:
            admission, _ = self._admit_to_draft(transaction, cookie, draft_id)
            if step in steps(self._instrument(admission.wave)):
                transaction.set_draft_step(draft_id, step)
            self._touch(transaction, admission.session)

    def choose_language(self, cookie: str, draft_id: str, language: str) -> None:
        """Go on in another language of the instrument; answers stay as they are."""
        with self._store.writing() as transaction:
            admission, _ = self._admit_to_draft(transaction, cookie, draft_id)
            if language in self._instrument(admission.wave).languages:
                transaction.set_draft_language(draft_id, language)

    def _touch(self, transaction: Transaction, session: RespondentSession) -> None:
        now = self._clock()
        if now - session.last_seen > TOUCH_SECONDS:
            transaction.touch_session(session.cookie_hash, now)

    # --- submitting and withdrawing

    def submit(self, cookie: str, draft_id: str) -> str:
        """Turn a draft into a response that nothing joins to the invitation, and return the receipt code.

        The receipt code is shown once; only its keyed hash is stored.
        """
        receipt = new_receipt()
        with self._store.writing() as transaction:
            (_, invitation, wave), draft = self._admit_to_draft(transaction, cookie, draft_id)
            answers = transaction.answers(draft.id)
            transaction.add_responses(
                [
                    Response(
                        key=new_key(),
                        wave_id=wave.id,
                        unit_id=invitation.unit_id,
                        instrument_id=wave.instrument_id,
                        instrument_version=wave.instrument_version,
                        definition_hash=wave.definition_hash,
                        language=draft.language,
                        display_order=display_order(self._instrument(wave)),
                        consent_version=draft.consent_version,
                        n_changes=sum(answer.revision - 1 for answer in answers.values()),
                        receipt_hash=self._hash("receipt", receipt),
                        answers={name: answer.value for name, answer in answers.items() if answer.value is not None},
                    )
                ]
            )
            transaction.delete_draft(draft.id)
            transaction.set_invitation_status(invitation.id, "used")
            transaction.end_sessions_of(invitation.id)
        return receipt

    def withdraw(self, typed_receipt: str) -> None:
        """Delete the response that belongs to a receipt code.

        Raises
        ------
        CollectionError
            ``COL_RECEIPT_UNKNOWN``: never issued, withdrawn already, or the wave is frozen and the code forgotten.
        """
        with self._store.writing() as transaction:
            found = transaction.response_by_receipt(self._hash("receipt", receipt_as_typed(typed_receipt)))
            if found is None:
                raise CollectionError(
                    Problem(
                        code=Code.COL_RECEIPT_UNKNOWN,
                        what="No answers can be found with this receipt code.",
                        fix="Check the code. After collection has ended nobody can tell which answers are yours.",
                    )
                )
            transaction.delete_response(found[0])


def _present(invitation: Invitation | None) -> Invitation:
    if invitation is None or invitation.status == "revoked":
        raise _unknown_link()
    return invitation


def _unknown_link() -> CollectionError:
    return CollectionError(
        Problem(
            code=Code.COL_LINK_UNKNOWN,
            what="This link is not known here.",
            fix="Copy the whole link from the invitation, or ask who sent it.",
        )
    )


def _refuse_unusable(transaction: Transaction, invitation: Invitation | None) -> Wave:
    """Return the wave of an invitation that can be answered now."""
    known = _present(invitation)
    if known.status == "used":
        raise CollectionError(
            Problem(
                code=Code.COL_LINK_USED,
                what="The answers of this link have been submitted.",
                fix="Nothing more is needed. If you did not submit, ask who sent the link.",
            )
        )
    wave = transaction.wave(known.wave_id)
    if wave is None or wave.status != "open":
        raise CollectionError(
            Problem(
                code=Code.COL_WAVE_NOT_OPEN,
                what="This survey does not take answers now.",
                fix="Ask who sent the link when it is open.",
            )
        )
    return wave
