"""The SQL adapter of the collection ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import date
from functools import cache
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, Table, bindparam, delete, func, insert, select, update

from toolkit.collection.answers import read, written
from toolkit.collection.ports import (
    Answer,
    AnswerRow,
    Draft,
    Invitation,
    InvitationStatus,
    Placement,
    RespondentSession,
    Response,
    Service,
    Unit,
    Wave,
    WaveStatus,
    WaveUnit,
)
from toolkit.errors import StorageError
from toolkit.storage import tables as t
from toolkit.storage.engine import forget_deleted, reading_engine, writing_engine
from toolkit.storage.refusals import refusals, traces_left, unavailable

TURN_SECONDS = 30.0
ROWS_AT_ONCE = 5_000
Record = TypeVar("Record")


def _columns(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _selection(table: Table, columns: tuple[str, ...], names: tuple[str, ...]) -> Select[Any]:
    """Return the statement that finds records by the named columns; built once, because every answer needs four."""
    found = select(*(table.c[name] for name in columns))
    return found.where(*(table.c[name] == bindparam(name) for name in names))


class SqlTransaction:
    """One open transaction on a connection; see :class:`toolkit.collection.ports.Transaction`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _one(self, kind: type[Record], table: Table, **where: str) -> Record | None:
        row = self._connection.execute(_selection(table, _columns(kind), tuple(where)), where).one_or_none()
        return None if row is None else kind(**row._mapping)

    def _all(self, kind: type[Record], table: Table, **where: str) -> list[Record]:
        rows = self._connection.execute(_selection(table, _columns(kind), tuple(where)), where)
        return [kind(**row._mapping) for row in rows]

    def _add(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        if rows:
            self._connection.execute(insert(table), list(rows))

    def _count_by_unit(self, table: Table, wave_id: str) -> dict[str, int]:
        query = select(table.c.unit_id, func.count()).where(table.c.wave_id == wave_id).group_by(table.c.unit_id)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    # --- services, units, waves

    def add_service(self, service: Service) -> None:
        self._add(t.services, [asdict(service)])

    def add_unit(self, unit: Unit) -> None:
        self._add(t.units, [asdict(unit)])

    def add_wave(self, wave: Wave) -> None:
        self._add(t.waves, [asdict(wave)])

    def services(self) -> Sequence[Service]:
        return self._all(Service, t.services)

    def units(self) -> Sequence[Unit]:
        return self._all(Unit, t.units)

    def unit(self, unit_id: str) -> Unit | None:
        return self._one(Unit, t.units, id=unit_id)

    def waves(self) -> Sequence[Wave]:
        return self._all(Wave, t.waves)

    def wave(self, wave_id: str) -> Wave | None:
        return self._one(Wave, t.waves, id=wave_id)

    def set_wave_status(self, wave_id: str, status: WaveStatus, *, content_hash: str | None = None) -> None:
        values = {"status": status, "content_hash": content_hash}
        self._connection.execute(update(t.waves).where(t.waves.c.id == wave_id).values(values))

    def add_placement(self, placement: Placement) -> None:
        self._add(t.placements, [asdict(placement)])

    def end_placement(self, placement: Placement, until: date) -> None:
        table = t.placements
        found = (table.c.unit_id == placement.unit_id) & (table.c.since == placement.since)
        self._connection.execute(update(table).where(found).values(until=until))

    def placements(self) -> Sequence[Placement]:
        return self._all(Placement, t.placements)

    def add_wave_units(self, wave_units: Sequence[WaveUnit]) -> None:
        self._add(t.wave_units, [asdict(wave_unit) for wave_unit in wave_units])

    def wave_units(self, wave_id: str) -> Sequence[WaveUnit]:
        return self._all(WaveUnit, t.wave_units, wave_id=wave_id)

    # --- invitations

    def add_invitations(self, invitations: Sequence[Invitation]) -> None:
        self._add(t.invitations, [asdict(invitation) for invitation in invitations])

    def invitations(self, wave_id: str) -> Sequence[Invitation]:
        return self._all(Invitation, t.invitations, wave_id=wave_id)

    def n_invitations(self, wave_id: str) -> Mapping[str, int]:
        return self._count_by_unit(t.invitations, wave_id)

    def invitation(self, invitation_id: str) -> Invitation | None:
        return self._one(Invitation, t.invitations, id=invitation_id)

    def invitation_by_token(self, token_hash: str) -> Invitation | None:
        return self._one(Invitation, t.invitations, token_hash=token_hash)

    def set_invitation_status(self, invitation_id: str, status: InvitationStatus) -> None:
        self._connection.execute(update(t.invitations).where(t.invitations.c.id == invitation_id).values(status=status))

    def replace_invitations(self, wave_id: str, invitations: Sequence[Invitation]) -> None:
        self._connection.execute(delete(t.invitations).where(t.invitations.c.wave_id == wave_id))
        self.add_invitations(invitations)

    # --- respondents' browser sessions

    def add_session(self, session: RespondentSession) -> None:
        self._add(t.respondent_sessions, [asdict(session)])

    def session(self, cookie_hash: str) -> RespondentSession | None:
        return self._one(RespondentSession, t.respondent_sessions, cookie_hash=cookie_hash)

    def touch_session(self, cookie_hash: str, now: float) -> None:
        table = t.respondent_sessions
        self._connection.execute(update(table).where(table.c.cookie_hash == cookie_hash).values(last_seen=now))

    def end_session(self, cookie_hash: str) -> None:
        table = t.respondent_sessions
        self._connection.execute(delete(table).where(table.c.cookie_hash == cookie_hash))

    def end_sessions_of(self, invitation_id: str) -> None:
        table = t.respondent_sessions
        self._connection.execute(delete(table).where(table.c.invitation_id == invitation_id))

    def end_sessions_before(self, moment: float) -> None:
        table = t.respondent_sessions
        self._connection.execute(delete(table).where(table.c.last_seen < moment))

    # --- drafts

    def add_draft(self, draft: Draft) -> None:
        self._add(t.drafts, [asdict(draft)])

    def draft_of(self, invitation_id: str) -> Draft | None:
        return self._one(Draft, t.drafts, invitation_id=invitation_id)

    def set_draft_language(self, draft_id: str, language: str) -> None:
        self._connection.execute(update(t.drafts).where(t.drafts.c.id == draft_id).values(language=language))

    def set_draft_step(self, draft_id: str, step: str) -> None:
        self._connection.execute(update(t.drafts).where(t.drafts.c.id == draft_id).values(step=step))

    def delete_draft(self, draft_id: str) -> None:
        self._connection.execute(delete(t.draft_answers).where(t.draft_answers.c.draft_id == draft_id))
        self._connection.execute(delete(t.drafts).where(t.drafts.c.id == draft_id))

    def delete_drafts(self, wave_id: str) -> None:
        of_wave = select(t.drafts.c.id).join(t.invitations).where(t.invitations.c.wave_id == wave_id)
        for draft_id in self._connection.scalars(of_wave).all():
            self.delete_draft(draft_id)

    def answers(self, draft_id: str) -> Mapping[str, Answer]:
        table = t.draft_answers
        query = select(table.c.question, table.c.answer, table.c.revision).where(table.c.draft_id == draft_id)
        return {row.question: Answer(row.answer, row.revision) for row in self._connection.execute(query)}

    def answer(self, draft_id: str, question: str) -> Answer | None:
        table = t.draft_answers
        query = select(table.c.answer, table.c.revision).filter_by(draft_id=draft_id, question=question)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Answer(row.answer, row.revision)

    def write_answer(self, draft_id: str, question: str, answer: Answer) -> None:
        table = t.draft_answers
        values = {"answer": answer.value, "revision": answer.revision}
        if answer.revision > 1:
            self._connection.execute(
                update(table).where(table.c.draft_id == draft_id, table.c.question == question).values(values)
            )
        else:
            self._add(table, [{"draft_id": draft_id, "question": question, **values}])

    # --- submitted responses

    def add_responses(self, responses: Sequence[Response]) -> None:
        plain = [name for name in _columns(Response) if name not in ("answers", "display_order")]
        self._add(
            t.responses,
            [
                {name: getattr(response, name) for name in plain}
                | {"display_order": " ".join(response.display_order), "answers": written(response.answers)}
                for response in responses
            ],
        )

    def responses(self, wave_id: str) -> Sequence[Response]:
        rows = self._connection.execute(select(t.responses).where(t.responses.c.wave_id == wave_id))
        return [
            Response(
                **dict(row._mapping) | {"display_order": tuple(row.display_order.split()), "answers": read(row.answers)}
            )
            for row in rows
        ]

    def n_responses(self, wave_id: str) -> Mapping[str, int]:
        return self._count_by_unit(t.responses, wave_id)

    def answer_rows(self, wave_id: str) -> Iterator[AnswerRow]:
        table = t.responses
        query = select(table.c.unit_id, table.c.instrument_version, table.c.language, table.c.answers)
        query = query.where(table.c.wave_id == wave_id).order_by(table.c.key)
        found = self._connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
        for some in found.partitions():
            yield from map(AnswerRow._make, some)

    def response_keys(self, wave_id: str) -> Sequence[str]:
        return self._connection.scalars(select(t.responses.c.key).where(t.responses.c.wave_id == wave_id)).all()

    def replace_response_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        statement = update(t.responses).where(t.responses.c.key == bindparam("old"))
        statement = statement.values(key=bindparam("new"), receipt_hash=None)
        for start in range(0, len(keys), ROWS_AT_ONCE):
            some = keys[start : start + ROWS_AT_ONCE]
            self._connection.execute(statement, [{"old": old, "new": new} for old, new in some])

    def response_by_receipt(self, receipt_hash: str) -> tuple[str, str] | None:
        query = select(t.responses.c.key, t.responses.c.wave_id).where(t.responses.c.receipt_hash == receipt_hash)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else (row.key, row.wave_id)

    def delete_response(self, key: str) -> None:
        self._connection.execute(delete(t.responses).where(t.responses.c.key == key))


class SqlStore:
    """A :class:`toolkit.collection.ports.Store` on a migrated database.

    Parameters
    ----------
    engine : Engine
        From :func:`toolkit.storage.engine.open_engine`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading_engine = reading_engine(engine)
        self._writing_engine = writing_engine(engine)
        self._turn = Lock()

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        """Open a transaction that only reads."""
        with refusals(), self._reading_engine.begin() as connection:
            yield SqlTransaction(connection)

    @contextmanager
    def writing(self) -> Iterator[SqlTransaction]:
        """Open a transaction that may write."""
        with refusals(), self._turn_to_write(), self._writing_engine.begin() as connection:
            yield SqlTransaction(connection)

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        # Databases let writers try again and again, or wait with a connection in hand; here they stand in line.
        if not self._turn.acquire(timeout=TURN_SECONDS):
            raise unavailable("too many are writing")
        try:
            yield
        finally:
            self._turn.release()

    def forget_deleted(self) -> None:
        """Leave no deleted row in the database's files.

        Raises
        ------
        StorageError
            ``STO_TRACES_LEFT`` while somebody else reads or writes, so that it cannot be done.
        """
        try:
            with self._turn_to_write():
                forget_deleted(self._engine)
        except StorageError as error:
            raise traces_left(error.problems[0].got) from error
